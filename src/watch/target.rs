//! What can be watched, and what is there to see.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::history::{History, NodeReading};
use super::mount::{WantedMap, read_mount};
use super::{plain, unix_s};
use crate::disk::Disk;
use crate::fuse::{MountPlace, Mounted, mount_place};
use crate::report::{Cluster, RunCommand, RunReport};
use crate::storage::{Root, read_reports};

/// A mount, or a directory with reports.
#[derive(Clone, Debug)]
pub struct Target {
    name: String,
    place: WatchedPlace,
    map: WantedMap,
}

#[derive(Clone, Debug)]
enum WatchedPlace {
    Mount(PathBuf),
    Reports(PathBuf),
}

/// Why something cannot be watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is nothing of seedfs there.
    #[error(
        "'{0}' is neither a mounted seedfs nor a directory with reports; expected the mount point \
         of a seedfs, or a directory that 'seedfs write', 'verify' or 'mount --publish' reports to"
    )]
    Neither(String),
    /// There is one, and the path does not lead to it.
    #[error("'{0}' {1}")]
    OutOfReach(String, String),
    /// The system does not let us see.
    #[error("cannot read '{0}': {1}")]
    System(String, String),
}

/// What was seen of a target.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    /// When, in seconds since 1970.
    pub at: f64,
    /// Why nothing could be seen this time, for people; then the rest is what was seen last.
    pub absent: Option<String>,
    /// All that is reported there; of a mount, its own report as that of the only node.
    pub cluster: Cluster,
    pub(super) histories: BTreeMap<RunCommand, History>,
}

impl Watched {
    /// How fast the current run of a command was over the last minutes; none where it was seen
    /// only once.
    #[must_use]
    pub fn history(&self, command: RunCommand) -> Option<&History> {
        self.histories.get(&command)
    }

    /// What is seen now, after what was seen before.
    pub(crate) fn seen(at: f64, cluster: Cluster, before: Option<&Self>) -> Self {
        let mut histories = BTreeMap::new();
        for run in &cluster.runs {
            let history = before.and_then(|before| before.history(run.command));
            let mut history = history.cloned().unwrap_or_default();
            history.push(at, run.nodes.iter().map(|node| NodeReading::of(&node.report)));
            histories.insert(run.command, history);
        }
        Self { at, absent: None, cluster, histories }
    }

    /// That nothing is seen now.
    fn absent(at: f64, why: String, before: Option<&Self>) -> Self {
        Self { at, absent: Some(why), ..before.cloned().unwrap_or_default() }
    }
}

impl Target {
    /// Finds out what a path leads to; `map` is what the view needs of a mount's map.
    ///
    /// # Errors
    ///
    /// Says what there is instead.
    pub fn open(path: &Path, map: WantedMap) -> Result<Self, TargetError> {
        let name = plain(&path.display().to_string()).into_owned();
        let system = |error: io::Error| TargetError::System(name.clone(), error.to_string());
        let out_of_reach = |why: String| Err(TargetError::OutOfReach(name.clone(), why));
        match mount_place(path).map_err(system)? {
            MountPlace::Root(mounted) | MountPlace::Inside(mounted) => {
                Ok(Self { name, place: WatchedPlace::Mount(mounted.path().to_owned()), map })
            }
            MountPlace::Over(_, fs_type) => out_of_reach(format!(
                "is a seedfs that is hidden: another filesystem ({fs_type}) is mounted over it"
            )),
            MountPlace::OutOfSight => {
                out_of_reach("is in a mount that was taken out of sight".into())
            }
            MountPlace::Elsewhere if !path.is_dir() => Err(TargetError::Neither(name)),
            MountPlace::Elsewhere => {
                let cluster = read_directory(path).map_err(system)?;
                if cluster.is_empty() {
                    return Err(TargetError::Neither(name));
                }
                Ok(Self { name, place: WatchedPlace::Reports(path.to_owned()), map })
            }
        }
    }

    /// The path as it was given, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a mount, and where.
    #[must_use]
    pub fn mount(&self) -> Option<&Path> {
        match &self.place {
            WatchedPlace::Mount(root) => Some(root),
            WatchedPlace::Reports(_) => None,
        }
    }

    /// Looks, and adds what it sees to what was seen before. It waits for as long as the mount or
    /// the directory takes to answer: views leave that to a [`Watcher`](super::Watcher).
    #[must_use]
    pub fn read(&self, before: Option<&Watched>) -> Watched {
        let now = unix_s();
        let seen = match &self.place {
            WatchedPlace::Mount(root) => {
                let before = before.and_then(|before| before.cluster.run(RunCommand::Mount));
                let before = before.and_then(|run| run.nodes.first()).map(|node| &node.report);
                read_mounted(root, self.map, before).map(|report| Cluster::merge(vec![report], now))
            }
            WatchedPlace::Reports(path) => match read_directory(path) {
                Ok(cluster) if cluster.is_empty() => Err("there are no reports any more".into()),
                Ok(cluster) => Ok(cluster),
                Err(error) => Err(error.to_string()),
            },
        };
        match seen {
            Ok(cluster) => Watched::seen(now, cluster, before),
            Err(why) => Watched::absent(now, why, before),
        }
    }
}

/// All that is reported in a directory.
fn read_directory(path: &Path) -> io::Result<Cluster> {
    Root::open(Disk::real(), path).and_then(|root| read_reports(&root))
}

/// The report of what is mounted there now, or why there is none.
fn read_mounted(
    root: &Path,
    map: WantedMap,
    before: Option<&RunReport>,
) -> Result<RunReport, String> {
    match mount_place(root) {
        Ok(MountPlace::Root(mounted)) => {
            read_mount(root, map, before).map_err(|error| explained(&mounted, &error))
        }
        Ok(_) => Err("it is not mounted any more".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// What it means that a file of a mount cannot be used.
#[must_use]
pub fn explained(mounted: &Mounted, error: &io::Error) -> String {
    let path = mounted.path().display();
    match (error.kind(), mounted.only_user()) {
        (ErrorKind::NotConnected | ErrorKind::ConnectionAborted, _) => {
            format!("its daemon is gone: clean up with 'seedfs umount {path}'")
        }
        (ErrorKind::PermissionDenied, Some(user)) => format!(
            "user {user} mounted it without --allow-other, and only that user can look into it"
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::report::RunIdentity;

    fn report(bytes: u128, at: f64) -> RunReport {
        let run =
            RunIdentity { node_count: 1, host: "a".into(), started: 1.0, ..RunIdentity::default() };
        let mut report = RunReport::begin(RunCommand::Write, run, "/scratch".into());
        report.bytes.total = 1 << 40;
        report.files.total = 10;
        (report.bytes.done, report.updated) = (bytes, at);
        report
    }

    fn publish(target: &Path, report: &RunReport) {
        let directory = target.join(".seedfs");
        fs::create_dir_all(&directory).unwrap();
        let json = serde_json::to_vec(report).unwrap();
        fs::write(directory.join("node0.write.json"), json).unwrap();
    }

    #[test]
    fn what_is_neither_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        let file = empty.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [empty.path(), &file, Path::new("/proc"), Path::new("/no/such\u{1b}[2J")] {
            let error = Target::open(path, WantedMap::Beginning).unwrap_err();
            assert!(matches!(error, TargetError::Neither(_)), "{error:?}");
            assert!(error.to_string().contains("is neither a mounted seedfs nor"), "{error}");
            assert!(!error.to_string().contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn a_directory_is_seen_again_and_again() {
        let directory = tempfile::tempdir().unwrap();
        publish(directory.path(), &report(1000, 10.0));
        let target = Target::open(directory.path(), WantedMap::Beginning).unwrap();
        assert_eq!(target.mount(), None);
        let first = target.read(None);
        assert_eq!(first.absent, None);
        assert_eq!(first.cluster.runs[0].bytes.done, 1000);
        publish(directory.path(), &report(5000, 12.0));
        let second = target.read(Some(&first));
        let history = second.history(RunCommand::Write).unwrap();
        let rates: Vec<f64> = history.samples().map(|sample| sample.per_s.written_bytes).collect();
        assert_eq!(rates, [2000.0]);
        // What is gone is said, and what was seen last is shown on.
        fs::remove_dir_all(directory.path().join(".seedfs")).unwrap();
        let third = target.read(Some(&second));
        assert_eq!(third.absent.as_deref(), Some("there are no reports any more"));
        assert_eq!(third.cluster.runs[0].bytes.done, 5000);
        publish(directory.path(), &report(6000, 13.0));
        let fourth = target.read(Some(&third));
        assert_eq!(fourth.absent, None);
        assert_eq!(fourth.history(RunCommand::Write).unwrap().samples().len(), 2);
    }

    #[test]
    fn what_cannot_be_believed_is_named_and_is_something_to_watch() {
        let directory = tempfile::tempdir().unwrap();
        publish(directory.path(), &report(u128::MAX, 10.0));
        let target = Target::open(directory.path(), WantedMap::Beginning).unwrap();
        let watched = target.read(None);
        assert_eq!(watched.cluster.unreadable_total, 1);
        assert!(watched.cluster.unreadable[0].starts_with(".seedfs/node0.write.json: "));
    }
}
