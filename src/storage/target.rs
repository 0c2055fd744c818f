//! The directory that is written to or read, and the way to those below it.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use crate::disk::{
    Access, Disk, Durability, Faults, FileType, Links, OpenDirectory, OpenFile, Sound, Stat, random,
};
use crate::report::TargetIdentity;
use crate::sync::Mutex;

/// A directory that the user has named. It stays the same one whatever happens to its path.
#[derive(Debug)]
pub struct Root<F = Sound> {
    pub(super) disk: Disk<F>,
    pub(super) directory: OpenDirectory,
    path: PathBuf,
}

/// Which directory something was said of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Without links.
    path: String,
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn view(&self) -> TargetIdentity {
        TargetIdentity { path: self.path.clone(), device: self.device, inode: self.inode }
    }
}

impl<F: Faults> Root<F> {
    /// Opens a directory that is there.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn open(disk: Disk<F>, path: &Path) -> io::Result<Self> {
        let directory = disk.open_root(path)?;
        Ok(Self { disk, directory, path: path.to_owned() })
    }

    /// Opens a directory, and makes it, and those above it, where it is not there: their names
    /// are as durable as that.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn make(disk: Disk<F>, path: &Path, durability: Durability) -> io::Result<Self> {
        let mut missing = Vec::new();
        let mut above = path;
        let mut directory = loop {
            let there = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            match (disk.open_root(there), above.parent(), above.file_name()) {
                (Err(error), Some(parent), Some(name)) if error.kind() == ErrorKind::NotFound => {
                    missing.push(name);
                    above = parent;
                }
                (opened, ..) => break opened?,
            }
        };
        for name in missing.into_iter().rev() {
            disk.make_directory(&directory, name)?;
            if durability == Durability::Synced {
                disk.sync_directory(&directory)?;
            }
            directory = disk.open_directory(&directory, Path::new(name), Links::Follow)?;
        }
        Ok(Self { disk, directory, path: path.to_owned() })
    }

    /// The path that the user has typed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which directory it is, as reports name it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn target_view(&self) -> io::Result<TargetIdentity> {
        Ok(self.identity()?.view())
    }

    pub(super) fn identity(&self) -> io::Result<Identity> {
        let Stat { device, inode, .. } = self.disk.stat(&self.directory)?;
        let path = self.path.canonicalize()?.to_string_lossy().into_owned();
        Ok(Identity { path, device, inode })
    }

    /// Refuses where the path names another directory by now.
    pub(super) fn check_is_there(&self) -> io::Result<()> {
        let now = self.disk.open_root(&self.path)?;
        if self.disk.stat(&self.directory)?.is_same(&self.disk.stat(&now)?) {
            return Ok(());
        }
        Err(io::Error::other("another directory has taken the place of this one meanwhile"))
    }
}

/// Whether a link, or a file, is this user's or root's: nobody else has put it there for us.
pub(super) fn is_trusted(stat: &Stat) -> bool {
    stat.owner == 0 || stat.owner == geteuid().as_raw()
}

/// How many directories are kept open: the threads are mostly in one, or in two.
const KEPT_MAX: usize = 16;

/// The directories that files are written to. Each is made where it is not there, and cleared of
/// what killed runs have left when it is entered.
pub(super) struct Parents<'a, F> {
    root: &'a Root<F>,
    durability: Durability,
    temporary: TemporaryNames,
    /// Whether what killed runs have left goes.
    clears: bool,
    kept: Mutex<Vec<(PathBuf, Arc<OpenDirectory>)>>,
}

/// How the files of a node are called that are not whole yet, each in the directory where it will
/// be: with the node, the file's number, this run, and what no other file of the run can have.
pub(super) struct TemporaryNames {
    node: String,
    run: String,
}

impl<'a, F: Faults> Parents<'a, F> {
    /// `node` is whose files these are: a node's, or nobody's in particular.
    pub(super) fn new(root: &'a Root<F>, durability: Durability, node: Option<u16>) -> Self {
        let temporary = TemporaryNames::of_a_new_run(node);
        Self { root, durability, temporary, clears: true, kept: Mutex::default() }
    }

    /// The same, and nothing in them is removed.
    pub(super) fn that_leave_all(
        root: &'a Root<F>,
        durability: Durability,
        node: Option<u16>,
    ) -> Self {
        Self { clears: false, ..Self::new(root, durability, node) }
    }

    /// How the name of a file begins while it is not whole; 16 hexadecimal digits follow.
    pub(super) fn temporary_prefix(&self, inode: u64) -> String {
        let TemporaryNames { node, run } = &self.temporary;
        format!("{node}{inode}-{run}")
    }

    /// The directory of a path below the root.
    pub(super) fn enter(&self, path: &Path) -> io::Result<Arc<OpenDirectory>> {
        let find = |kept: &Vec<(PathBuf, Arc<OpenDirectory>)>| {
            kept.iter().find(|(of, _)| of == path).map(|(_, directory)| Arc::clone(directory))
        };
        if let Some(directory) = find(&self.kept.lock()) {
            return Ok(directory);
        }
        let (directory, is_new) = self.walk(path)?;
        if !is_new && self.clears {
            self.clear(&directory);
        }
        let directory = Arc::new(directory);
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push((path.to_owned(), Arc::clone(&directory)));
        Ok(directory)
    }

    /// Looks for it anew the next time: it was removed.
    pub(super) fn forget(&self, path: &Path) {
        self.kept.lock().retain(|(of, _)| of != path);
    }

    /// The directory, and whether it was made.
    fn walk(&self, path: &Path) -> io::Result<(OpenDirectory, bool)> {
        let disk = &self.root.disk;
        let mut directory =
            disk.open_directory(&self.root.directory, Path::new("."), Links::Refuse)?;
        let mut is_new = false;
        for name in path {
            is_new = disk.make_directory(&directory, name)?;
            if self.durability == Durability::Synced {
                // Also where it was there: a run without --fsync may have made it.
                disk.sync_directory(&directory)?;
            }
            let below = disk.open_directory(&directory, Path::new(name), Links::Refuse);
            directory = match below {
                Err(error) if error.kind() == ErrorKind::NotADirectory => {
                    disk.open_through_link(&directory, name, is_trusted).map_err(|error| {
                        io::Error::new(error.kind(), format!("{}: {error}", name.display()))
                    })?
                }
                below => below?,
            };
        }
        Ok((directory, is_new))
    }

    /// Removes what killed runs of this node have left. What cannot be removed stays: it is in
    /// nobody's way, and a verification names it.
    fn clear(&self, directory: &OpenDirectory) {
        let Ok(entries) = self.root.disk.list(directory) else { return };
        for entry in entries.map_while(Result::ok) {
            if !self.temporary.is_of_another_run(&entry.name) {
                continue;
            }
            // Whoever makes a file locks it then: until it is removed, nobody must be able to.
            if let Some(_locked) = self.left(directory, &entry.name) {
                let _ = self.root.disk.unlink(directory, &entry.name);
            }
        }
    }

    /// A temporary file, locked, if it is this user's and no run is writing it.
    fn left(&self, directory: &OpenDirectory, name: &OsStr) -> Option<OpenFile> {
        let disk = &self.root.disk;
        let file = disk.open(directory, Path::new(name), Access::Read, Links::Refuse).ok()?;
        let stat = disk.stat(&file).ok()?;
        let is_ours = stat.kind == FileType::File && stat.owner == geteuid().as_raw();
        // Where there are no locks, two runs of one node at once were warned.
        (is_ours && disk.try_lock(&file).unwrap_or(true)).then_some(file)
    }
}

impl TemporaryNames {
    fn of_a_new_run(node: Option<u16>) -> Self {
        let node = match node {
            Some(node) => format!(".seedfs-tmp-node{node}-"),
            None => ".seedfs-tmp-all-".to_owned(),
        };
        Self { node, run: format!("{:016x}", random()) }
    }

    /// Whether a name is one that another run of this node gives. This run's own are not asked
    /// after by their locks: there may be none.
    fn is_of_another_run(&self, name: &OsStr) -> bool {
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&self.node)) else {
            return false;
        };
        let (number, unique) = rest.split_once('-').unwrap_or((rest, "0"));
        let all = |text: &str, is_one: fn(&u8) -> bool| {
            !text.is_empty() && text.bytes().all(|byte| is_one(&byte))
        };
        all(number, u8::is_ascii_digit)
            && all(unique, u8::is_ascii_hexdigit)
            && !unique.starts_with(&self.run)
    }
}

/// The directory that a path of the dataset is in, and its name there.
pub(super) fn split(path: &str) -> (&Path, OsString) {
    let path = Path::new(path);
    (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Fault, SystemCall};
    use crate::storage::block_file::{NewFile, Transfer};

    #[test]
    fn only_temporary_files_of_other_runs_of_this_node_have_their_names() {
        let names = TemporaryNames { node: ".seedfs-tmp-node1-".to_owned(), run: "ab".repeat(8) };
        for name in [
            ".seedfs-tmp-node1-7",
            ".seedfs-tmp-node1-7-00ff",
            ".seedfs-tmp-node1-7-00000000000000ffabababababababab",
        ] {
            assert!(names.is_of_another_run(OsStr::new(name)), "{name}");
        }
        for name in [
            ".seedfs-tmp-node1-",
            ".seedfs-tmp-node1-x",
            ".seedfs-tmp-node1-7-",
            ".seedfs-tmp-node1-7-notes",
            ".seedfs-tmp-node1-7-abababababababab00000000000000ff",
            ".seedfs-tmp-node11-7",
            "file_7",
        ] {
            assert!(!names.is_of_another_run(OsStr::new(name)), "{name}");
        }
    }

    /// A disk without locks, as Lustre has them unless they are asked for.
    #[derive(Clone, Debug)]
    struct WithoutLocks;

    impl Faults for WithoutLocks {
        fn fault(&self, call: SystemCall) -> Option<Fault> {
            (call == SystemCall::Lock).then_some(Fault::Before(libc::ENOSYS))
        }
    }

    #[test]
    fn a_run_does_not_remove_what_it_is_writing() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(Disk::new(WithoutLocks), directory.path()).unwrap();
        let parents = Parents::new(&root, Durability::Later, None);
        let path = Path::new("part");
        let parent = parents.enter(path).unwrap();
        let prefix = parents.temporary_prefix(7);
        let _new = NewFile::create(&root.disk, &parent, &prefix, Transfer::Cached).unwrap();
        let other = Parents::new(&root, Durability::Later, None).temporary_prefix(7);
        std::fs::write(directory.path().join("part").join(format!("{other}00")), "").unwrap();
        let count = || std::fs::read_dir(directory.path().join("part")).unwrap().count();
        assert_eq!(count(), 2);
        // As a thread does that comes second, or back from elsewhere.
        parents.forget(path);
        parents.enter(path).unwrap();
        assert_eq!(count(), 1, "what the other run has left is gone, and nothing else");
    }

    /// Whoever makes a temporary file just now wants to lock it when it is about to be removed.
    #[derive(Clone, Debug)]
    struct MakerLocksAtUnlink(PathBuf);

    impl Faults for MakerLocksAtUnlink {
        fn fault(&self, call: SystemCall) -> Option<Fault> {
            if call == SystemCall::Unlink {
                let maker = std::fs::File::open(&self.0).unwrap();
                assert!(maker.try_lock().is_err(), "it would take the file for its own");
            }
            None
        }
    }

    #[test]
    fn what_is_removed_as_left_cannot_be_locked_any_more() {
        let directory = tempfile::tempdir().unwrap();
        let left = directory.path().join(".seedfs-tmp-all-7-00ff");
        std::fs::write(&left, "").unwrap();
        let disk = Disk::new(MakerLocksAtUnlink(left.clone()));
        let root = Root::open(disk, directory.path()).unwrap();
        Parents::new(&root, Durability::Later, None).enter(Path::new("")).unwrap();
        assert!(!left.exists());
    }
}
