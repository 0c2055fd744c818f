//! Putting a report where all nodes see it.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::Root;
use super::reports::{DIRECTORY, name_of};
use crate::dataset::{Dataset, Inode};
use crate::disk::{Disk, Durability, Faults, Links, OpenDirectory, Sound};
use crate::report::{REPORT_BYTES_MAX, RunCommand, RunReport};

/// What becomes of the report of an earlier run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlierReport {
    /// The next one replaces it.
    Replace,
    /// It stays until this run has done something: before that it has nothing to say that is truer.
    KeepUntilWork,
}

/// The file of a run's report, in the directory `.seedfs` of another one.
#[derive(Debug)]
pub struct Publisher<F = Sound> {
    disk: Disk<F>,
    directory: OpenDirectory,
    name: OsString,
    keeps_earlier: bool,
}

impl<F: Faults> Publisher<F> {
    /// Opens the directory, and makes it where it is not there.
    ///
    /// # Errors
    ///
    /// Those of the system; and where the name is one of the dataset's, whose files go there.
    pub fn open(
        root: &Root<F>,
        dataset: &Dataset,
        (command, node): (RunCommand, u32),
        earlier: EarlierReport,
    ) -> io::Result<Self> {
        if dataset.namespace().lookup(Inode::ROOT, DIRECTORY.as_bytes()).is_some() {
            let error = "the dataset has a file or a directory of this name";
            return Err(io::Error::new(ErrorKind::AlreadyExists, error));
        }
        let disk = root.disk.clone();
        let directory = disk.open_shared_directory(&root.directory, OsStr::new(DIRECTORY))?;
        let name = OsString::from(name_of(node, command));
        let keeps_earlier = earlier == EarlierReport::KeepUntilWork
            && disk.stat_at(&directory, Path::new(&name), Links::Refuse).is_ok();
        Ok(Self { disk, directory, name, keeps_earlier })
    }

    /// Replaces the report in one step.
    ///
    /// # Errors
    ///
    /// Those of the system. The file is the one before then.
    pub fn publish(&self, report: &RunReport) -> io::Result<()> {
        if self.keeps_earlier && has_done_nothing(report) {
            return Ok(());
        }
        let json = within_bounds(report.clone())?;
        self.disk.replace(&self.directory, &self.name, &json, (0o666, Durability::Later))
    }

    /// Where the report is, below the directory that was given.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{DIRECTORY}/{}", self.name.display())
    }
}

/// Whether a run has neither made a file nor written a byte.
pub(super) fn has_done_nothing(report: &RunReport) -> bool {
    report.files.done == 0 && report.bytes.done == 0
}

/// A report as JSON, without what makes it longer than those who read it take.
fn within_bounds(mut report: RunReport) -> io::Result<Vec<u8>> {
    loop {
        let mut json = serde_json::to_vec(&report)?;
        json.push(b'\n');
        if json.len() <= REPORT_BYTES_MAX {
            return Ok(json);
        }
        if report.map.take().is_some() {
            continue;
        }
        let ranges = &mut report.wrong.ranges;
        ranges.truncate(ranges.len() / 2);
        report.threads.truncate(report.threads.len() / 2);
        if ranges.is_empty() && report.threads.is_empty() {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "it is too long to be read"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::dataset::DatasetConfig;
    use crate::report::{REPORT_RANGES_MAX, example_report};
    use crate::storage::read_reports;

    fn dataset(layout: &str) -> Dataset {
        DatasetConfig { layout: Some(layout.into()), ..DatasetConfig::default() }
            .validate()
            .unwrap()
    }

    fn open(place: &Path, layout: &str) -> io::Result<Publisher> {
        let root = Root::open(Disk::real(), place)?;
        let of = (RunCommand::Verify, 0);
        Publisher::open(&root, &dataset(layout), of, EarlierReport::Replace)
    }

    const LAYOUT: &str = "node_{node}/process_{process}/file_{file}";

    #[test]
    fn a_report_is_read_as_it_was_published() {
        let place = tempfile::tempdir().unwrap();
        let mode = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(place.path(), mode).unwrap();
        let report = example_report(RunCommand::Verify, 0);
        open(place.path(), LAYOUT).unwrap().publish(&report).unwrap();
        let cluster = read_reports(&Root::open(Disk::real(), place.path()).unwrap()).unwrap();
        let found = &cluster.run(RunCommand::Verify).unwrap().nodes[0].report;
        let value = |report| serde_json::to_value(report).unwrap();
        assert_eq!(value(found), value(&report));
        // Whoever may write there may report there.
        let directory = fs::metadata(place.path().join(DIRECTORY)).unwrap();
        assert_eq!(directory.permissions().mode() & 0o7777, 0o1777);
        assert_eq!(fs::read_dir(place.path().join(DIRECTORY)).unwrap().count(), 1);
    }

    #[test]
    fn a_report_that_is_too_long_says_less() {
        let place = tempfile::tempdir().unwrap();
        let mut report = example_report(RunCommand::Verify, 0);
        let mut range = report.wrong.ranges[0].clone();
        range.path = "x".repeat(4000);
        report.wrong.ranges = vec![range; REPORT_RANGES_MAX];
        report.wrong.total = REPORT_RANGES_MAX as u64;
        open(place.path(), LAYOUT).unwrap().publish(&report).unwrap();
        let cluster = read_reports(&Root::open(Disk::real(), place.path()).unwrap()).unwrap();
        let run = cluster.run(RunCommand::Verify).unwrap();
        assert_eq!((run.wrong.total, run.map.is_none()), (REPORT_RANGES_MAX as u64, true));
        assert!(!run.wrong.ranges.is_empty());
    }

    #[test]
    fn a_planted_link_and_a_name_of_the_dataset_are_refused() {
        let (place, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(open(place.path(), ".seedfs/{node}_{process}_{file}").is_err());
        symlink(victim.path(), place.path().join(DIRECTORY)).unwrap();
        assert!(open(place.path(), LAYOUT).is_err());
        assert_eq!(fs::read_dir(victim.path()).unwrap().count(), 0);
        fs::remove_file(place.path().join(DIRECTORY)).unwrap();
        // The link in the place of the report goes; what it leads to stays.
        let precious = victim.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        let publisher = open(place.path(), LAYOUT).unwrap();
        let name = place.path().join(publisher.shown());
        symlink(&precious, &name).unwrap();
        publisher.publish(&example_report(RunCommand::Verify, 0)).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert!(fs::symlink_metadata(&name).unwrap().is_file());
    }
}
