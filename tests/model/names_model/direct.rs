//! The filesystem's operations, called without a mount. What the kernel does in front of every
//! filesystem is done here: it walks paths, and looks whether names are there and of what kind.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use seedfs::dataset::{DatasetConfig, Inode};
use seedfs::fs::{
    self, Allocate, Error, Filesystem, NewEntry, OpenFor, Options, RenameMode, Seek, SetAttributes,
    TimeChange,
};
use seedfs::overlay::{Timestamp, Usage};

use super::operation::{
    Errno, Kind, LINK_TARGET, Operation, Outcome, Range, Rename, SET_BEFORE, SLOTS, SetXattr, Stat,
    Target, World,
};

pub(crate) struct Direct {
    filesystem: Filesystem,
    root: Inode,
    slots: [Option<Inode>; SLOTS],
    /// What the kernel remembers, and how often it was handed each.
    known: RefCell<HashMap<Inode, u64>>,
    /// What it has forgotten and not said yet.
    forgotten: RefCell<Vec<(Inode, u64)>>,
    /// What is held when nothing was made.
    empty: Usage,
}

/// What the kernel is answered.
fn errno(error: Error) -> Errno {
    match error {
        Error::NotFound => libc::ENOENT,
        Error::NotDirectory => libc::ENOTDIR,
        Error::IsDirectory => libc::EISDIR,
        Error::Exists => libc::EEXIST,
        Error::NotEmpty => libc::ENOTEMPTY,
        Error::NotPermitted => libc::EPERM,
        Error::NoAttribute => libc::ENODATA,
        Error::Invalid => libc::EINVAL,
        Error::PastEnd => libc::ENXIO,
        Error::NotSupported => libc::EOPNOTSUPP,
        error => panic!("the model has no case that gives {error:?}"),
    }
}

fn kind_of(kind: fs::InodeKind) -> Kind {
    match kind {
        fs::InodeKind::Directory => Kind::Directory,
        fs::InodeKind::File => Kind::File,
        fs::InodeKind::Symlink => Kind::Symlink,
        fs::InodeKind::Fifo => Kind::Fifo,
        fs::InodeKind::Socket => Kind::Socket,
        fs::InodeKind::CharacterDevice(_) | fs::InodeKind::BlockDevice(_) => Kind::Device,
    }
}

impl Direct {
    pub(crate) fn new() -> Self {
        let dataset = DatasetConfig { size: Some("1M".into()), ..DatasetConfig::default() };
        let filesystem = Filesystem::new(dataset.validate().unwrap(), Options::default());
        let new =
            NewEntry { kind: fs::InodeKind::Directory, mode: 0o755, uid: 0, gid: 0, target: None };
        let root = filesystem.make(Inode::ROOT, b"work", &new).unwrap().inode;
        let (known, forgotten) = (RefCell::default(), RefCell::default());
        let empty = filesystem.usage();
        Self { filesystem, root, slots: [None; SLOTS], known, forgotten, empty }
    }

    fn kind(&self, inode: Inode) -> Kind {
        kind_of(self.filesystem.attributes(inode).unwrap().kind)
    }

    fn lookup(&self, parent: Inode, name: &str) -> Result<Inode, Errno> {
        match self.kind(parent) {
            Kind::Directory => {
                let found = self.filesystem.look_up(parent, name.as_bytes()).map_err(errno)?;
                self.remember(found.inode);
                Ok(found.inode)
            }
            // Followed, to nowhere.
            Kind::Symlink => Err(libc::ENOENT),
            _ => Err(libc::ENOTDIR),
        }
    }

    fn resolve(&self, path: &str) -> Result<Inode, Errno> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(self.root, |parent, name| self.lookup(parent, name))
    }

    /// The directory that a name is in, and what the name stands for.
    fn entry<'a>(&self, path: &'a str) -> Result<(Inode, &'a [u8], Option<Inode>), Errno> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.resolve(parent)?;
        match self.lookup(parent, name) {
            Ok(inode) => Ok((parent, name.as_bytes(), Some(inode))),
            Err(libc::ENOENT) if self.kind(parent) == Kind::Directory => {
                Ok((parent, name.as_bytes(), None))
            }
            Err(errno) => Err(errno),
        }
    }

    /// What the kernel says before it asks the filesystem; that one must refuse it too.
    fn refused<T>(errno: Errno, filesystem: fs::Result<T>) -> Outcome {
        assert!(filesystem.is_err(), "the kernel would say {errno}");
        Err(errno)
    }

    fn remember(&self, inode: Inode) {
        *self.known.borrow_mut().entry(inode).or_default() += 1;
    }

    /// The kernel drops an inode from its caches, unless somebody has it open; it says so later.
    fn evict(&self, inode: Inode) {
        if !self.slots.contains(&Some(inode))
            && let Some(times) = self.known.borrow_mut().remove(&inode)
        {
            self.forgotten.borrow_mut().push((inode, times));
        }
    }

    /// The kernel says what it has forgotten.
    fn deliver(&self) {
        for (inode, times) in self.forgotten.borrow_mut().drain(..) {
            self.filesystem.forget(inode, times);
        }
    }

    /// The kernel drops an inode at once when it has no name and nobody has it open.
    fn forget(&self, inode: Option<Inode>) {
        if let Some(inode) = inode
            && self.filesystem.attributes(inode).is_ok_and(|it| it.links == 0)
        {
            self.evict(inode);
        }
    }

    fn remove_below(&self, path: &str) {
        for name in self.names(path).unwrap() {
            let below = format!("{path}/{name}");
            if self.stat(&below).unwrap().kind == Kind::Directory {
                self.remove_below(&below);
            }
            let is_directory = self.stat(&below).unwrap().kind == Kind::Directory;
            self.remove(&below, is_directory).unwrap();
        }
    }

    /// When everything is removed and forgotten, nothing is held.
    pub(crate) fn finish(&mut self) {
        self.slots = [None; SLOTS];
        self.remove_below("");
        let known: Vec<Inode> = self.known.borrow().keys().copied().collect();
        for inode in known {
            self.evict(inode);
        }
        self.deliver();
        assert_eq!(self.filesystem.usage(), self.empty, "everything was removed and forgotten");
    }

    fn open(&self, target: &Target) -> Result<Inode, Errno> {
        match target {
            Target::Slot(slot) => self.slots[*slot].ok_or(libc::EBADF),
            Target::Path(path) => {
                let inode = self.resolve(path)?;
                if !matches!(self.kind(inode), Kind::File | Kind::Directory) {
                    return Err(libc::ENXIO);
                }
                self.filesystem.open(inode, OpenFor::Writing).map(|_| inode).map_err(errno)
            }
        }
    }

    fn make(&self, path: &str, kind: Kind, mode: u32) -> Outcome {
        let (parent, name, there) = self.entry(path)?;
        let kind = match kind {
            Kind::File => fs::InodeKind::File,
            Kind::Directory => fs::InodeKind::Directory,
            Kind::Symlink => fs::InodeKind::Symlink,
            Kind::Fifo => fs::InodeKind::Fifo,
            Kind::Socket => fs::InodeKind::Socket,
            Kind::Device => fs::InodeKind::CharacterDevice(super::DEVICE as u32),
        };
        // `mkdir` takes the permissions and the sticky bit alone.
        let mode = match kind {
            fs::InodeKind::Symlink => 0o777,
            fs::InodeKind::Directory => mode & 0o1777,
            _ => mode,
        };
        let target = (kind == fs::InodeKind::Symlink).then_some(LINK_TARGET.as_bytes());
        let new = NewEntry { kind, mode: mode as u16, uid: 0, gid: 0, target };
        let made = self.filesystem.make(parent, name, &new);
        if there.is_some() {
            return Self::refused(libc::EEXIST, made);
        }
        made.map(|made| self.remember(made.inode)).map_err(errno)?;
        Ok(Vec::new())
    }

    fn remove(&self, path: &str, directory: bool) -> Outcome {
        let (parent, name, there) = self.entry(path)?;
        let removed = if directory {
            self.filesystem.remove_directory(parent, name)
        } else {
            self.filesystem.unlink(parent, name)
        };
        removed.map_err(errno)?;
        self.forget(there);
        Ok(Vec::new())
    }

    fn rename(&self, from: &str, to: &str, how: Rename) -> Outcome {
        let mode = match how {
            Rename::Replace => RenameMode::Replace,
            Rename::NoReplace => RenameMode::NoReplace,
            Rename::Exchange => RenameMode::Exchange,
        };
        // Both directories are looked for before either name.
        let (parent, name, there) = self.entry(from)?;
        let (new_parent, new_name, target) = self.entry(to)?;
        let run = || self.filesystem.rename(parent, name, new_parent, new_name, mode);
        let is_above = |above: &str, path: &str| path.starts_with(&format!("{above}/"));
        if there.is_none() {
            return Self::refused(libc::ENOENT, run());
        }
        match (mode, target) {
            (RenameMode::NoReplace, Some(_)) => return Self::refused(libc::EEXIST, run()),
            (RenameMode::Exchange, None) => return Self::refused(libc::ENOENT, run()),
            _ if is_above(from, to) => return Self::refused(libc::EINVAL, run()),
            (RenameMode::Exchange, _) if is_above(to, from) => {
                return Self::refused(libc::EINVAL, run());
            }
            _ if is_above(to, from) => return Self::refused(libc::ENOTEMPTY, run()),
            _ => {}
        }
        run().map_err(errno)?;
        self.forget(target);
        Ok(Vec::new())
    }

    fn link(&self, from: &str, to: &str) -> Outcome {
        let inode = self.resolve(from)?;
        let (parent, name, there) = self.entry(to)?;
        let linked = self.filesystem.link(inode, parent, name);
        if there.is_some() {
            return Self::refused(libc::EEXIST, linked);
        }
        linked.map(|linked| self.remember(linked.inode)).map_err(errno)?;
        Ok(Vec::new())
    }

    fn set(&self, inode: Inode, set: &SetAttributes) -> Outcome {
        self.filesystem.set_attributes(inode, set).map(|_| Vec::new()).map_err(errno)
    }

    fn set_xattr(&self, path: &str, name: &str, value: Option<&[u8]>, how: SetXattr) -> Outcome {
        let inode = self.resolve(path)?;
        let regular = matches!(self.kind(inode), Kind::File | Kind::Directory);
        if name.starts_with("user.") && !regular {
            return Err(libc::EPERM);
        }
        let how = match how {
            SetXattr::Any => fs::SetXattr::Any,
            SetXattr::Create => fs::SetXattr::Create,
            SetXattr::Replace => fs::SetXattr::Replace,
        };
        let set = self.filesystem.set_xattr(inode, name.as_bytes(), value, how);
        set.map(|()| Vec::new()).map_err(errno)
    }

    fn range(&self, inode: Inode, how: Range, offset: u64, length: u64) -> Outcome {
        let how = match how {
            Range::Allocate => Allocate::Space { keep_size: false },
            Range::KeepSize => Allocate::Space { keep_size: true },
            Range::Punch => Allocate::Hole,
            Range::Zero => Allocate::Zeros { keep_size: false },
            Range::ZeroKeepSize => Allocate::Zeros { keep_size: true },
        };
        self.filesystem.allocate(inode, offset..offset + length, how).map_err(errno)?;
        let modified = Some(TimeChange::To(Timestamp::default()));
        self.set(inode, &SetAttributes { modified, ..SetAttributes::default() })
    }

    fn stat_inode(&self, inode: Inode) -> Result<Stat, Errno> {
        let attributes = self.filesystem.attributes(inode).map_err(errno)?;
        let kind = kind_of(attributes.kind);
        let time = |time: Timestamp| {
            (time.seconds < SET_BEFORE).then_some((time.seconds, time.nanoseconds.into()))
        };
        Ok(Stat {
            kind,
            mode: attributes.mode.into(),
            uid: attributes.uid,
            gid: attributes.gid,
            links: attributes.links.into(),
            size: attributes.size.size_bytes,
            device: match attributes.kind {
                fs::InodeKind::CharacterDevice(number) | fs::InodeKind::BlockDevice(number) => {
                    number.into()
                }
                _ => 0,
            },
            times: [time(attributes.accessed), time(attributes.modified)],
        })
    }
}

impl World for Direct {
    fn run(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Make(path, kind, mode) => self.make(path, *kind, *mode),
            Operation::RemoveDirectory(path) => self.remove(path, true),
            Operation::Unlink(path) => self.remove(path, false),
            Operation::Rename(from, to, how) => self.rename(from, to, *how),
            Operation::Link(from, to) => self.link(from, to),
            Operation::Chmod(path, mode) => {
                let inode = self.resolve(path)?;
                if self.kind(inode) == Kind::Symlink {
                    return Err(libc::EOPNOTSUPP);
                }
                let mode = Some(*mode as u16);
                self.set(inode, &SetAttributes { mode, ..SetAttributes::default() })
            }
            Operation::Chown(path, uid, gid) => {
                let set = SetAttributes { uid: *uid, gid: *gid, ..SetAttributes::default() };
                self.set(self.resolve(path)?, &set)
            }
            Operation::SetTimes(path, times) => {
                let [accessed, modified] = times.map(|(seconds, nanoseconds)| {
                    let nanoseconds = nanoseconds as u32;
                    Some(TimeChange::To(Timestamp { seconds, nanoseconds }))
                });
                let set = SetAttributes { accessed, modified, ..SetAttributes::default() };
                self.set(self.resolve(path)?, &set)
            }
            Operation::SetXattr(path, name, value, how) => {
                self.set_xattr(path, name, Some(value), *how)
            }
            Operation::RemoveXattr(path, name) => self.set_xattr(path, name, None, SetXattr::Any),
            Operation::Evict(path) => {
                self.evict(self.resolve(path)?);
                Ok(Vec::new())
            }
            Operation::Deliver => {
                self.deliver();
                Ok(Vec::new())
            }
            Operation::Open(slot, path) => {
                let inode = self.open(&Target::Path(path))?;
                let before = self.slots[*slot].replace(inode);
                self.forget(before);
                Ok(Vec::new())
            }
            Operation::Close(slot) => {
                let before = self.slots[*slot].take();
                self.forget(before);
                Ok(Vec::new())
            }
            Operation::Truncate(target, size) => {
                let size_bytes = Some(*size);
                let set = SetAttributes { size_bytes, ..SetAttributes::default() };
                self.set(self.open(target)?, &set)
            }
            Operation::Write(target, offset, bytes) => {
                let inode = self.open(target)?;
                let written = self.filesystem.write(inode, *offset, bytes);
                written.map(|()| Vec::new()).map_err(errno)
            }
            Operation::Read(target, offset, length) => {
                let mut bytes = vec![0xee; *length];
                let inode = self.open(target)?;
                let read = self.filesystem.read(inode, 0, *offset, &mut bytes).map_err(errno)?;
                bytes.truncate(read);
                Ok(bytes)
            }
            Operation::Range(target, how, offset, length) => {
                self.range(self.open(target)?, *how, *offset, *length)
            }
            Operation::Copy { from, from_offset, to, to_offset, length } => {
                let from = (self.open(from)?, *from_offset);
                let to = (self.open(to)?, *to_offset);
                let copied = self.filesystem.copy_range(from, to, *length).map_err(errno)?;
                Ok(copied.to_string().into_bytes())
            }
        }
    }

    fn stat(&self, path: &str) -> Result<Stat, Errno> {
        self.stat_inode(self.resolve(path)?)
    }

    fn stat_open(&self, slot: usize) -> Option<Result<Stat, Errno>> {
        self.slots[slot].map(|inode| self.stat_inode(inode))
    }

    fn names(&self, path: &str) -> Result<BTreeSet<String>, Errno> {
        let mut names = BTreeSet::new();
        self.filesystem
            .read_directory(self.resolve(path)?, 0, &mut |entry| {
                let name = String::from_utf8(entry.name.to_vec()).unwrap();
                assert!(names.insert(name), "listed twice");
                true
            })
            .map_err(errno)?;
        assert!(names.remove(".") && names.remove(".."));
        Ok(names)
    }

    fn link_target(&self, path: &str) -> Outcome {
        self.filesystem.read_link(self.resolve(path)?).map(Vec::from).map_err(errno)
    }

    fn read_all(&self, path: &str) -> Outcome {
        let inode = self.resolve(path)?;
        let mut bytes = vec![0xee; 1 << 16];
        let read = self.filesystem.read(inode, 0, 0, &mut bytes).map_err(errno)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    fn xattrs(&self, path: &str) -> Result<BTreeMap<String, Vec<u8>>, Errno> {
        let inode = self.resolve(path)?;
        let names = self.filesystem.xattr_names(inode).map_err(errno)?;
        names
            .into_iter()
            .map(|name| {
                let value = self.filesystem.xattr(inode, &name).map_err(errno)?;
                Ok((String::from_utf8(name.to_vec()).unwrap(), value))
            })
            .collect()
    }

    fn holes(&self, path: &str) -> Result<Vec<std::ops::Range<u64>>, Errno> {
        let inode = self.resolve(path)?;
        let seek = |offset, how| self.filesystem.seek(inode, offset, how).map_err(errno);
        let size = self.stat_inode(inode)?.size;
        super::holes(size, |offset| seek(offset, Seek::Hole), |offset| seek(offset, Seek::Data))
    }
}
