//! A directory of a mounted filesystem, through system calls.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::operation::{
    Errno, Kind, LINK_TARGET, Operation, Outcome, Range, Rename, SET_BEFORE, SLOTS, SetXattr, Stat,
    Target, World,
};

pub(crate) struct Directory {
    root: PathBuf,
    slots: [Option<File>; SLOTS],
}

fn errno(error: io::Error) -> Errno {
    error.raw_os_error().unwrap_or_else(|| panic!("not the system's error: {error}"))
}

/// The outcome of a system call that says -1.
fn check(result: libc::c_int) -> Outcome {
    if result < 0 { Err(errno(io::Error::last_os_error())) } else { Ok(Vec::new()) }
}

fn stat_of(metadata: &fs::Metadata) -> Stat {
    let kind = match metadata.mode() & libc::S_IFMT {
        libc::S_IFREG => Kind::File,
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink,
        libc::S_IFIFO => Kind::Fifo,
        libc::S_IFSOCK => Kind::Socket,
        _ => Kind::Device,
    };
    let time = |seconds, nanoseconds| (seconds < SET_BEFORE).then_some((seconds, nanoseconds));
    Stat {
        kind,
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        links: metadata.nlink(),
        size: if kind == Kind::Directory { 0 } else { metadata.len() },
        device: metadata.rdev(),
        times: [
            time(metadata.atime(), metadata.atime_nsec()),
            time(metadata.mtime(), metadata.mtime_nsec()),
        ],
    }
}

impl Directory {
    /// A fresh directory below `parent`.
    pub(crate) fn new(parent: &Path) -> Self {
        let root = tempfile::Builder::new().tempdir_in(parent).unwrap().keep();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        Self { root, slots: Default::default() }
    }

    /// Its own name.
    pub(crate) fn name(&self) -> &str {
        self.root.file_name().unwrap().to_str().unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn c_path(&self, path: &str) -> CString {
        CString::new(self.path(path).as_os_str().as_bytes()).unwrap()
    }

    fn open(&self, path: &str) -> Result<File, Errno> {
        let kind = self.stat(path)?.kind;
        if !matches!(kind, Kind::File | Kind::Directory) {
            // The kernel's own: opening these is not the filesystem's.
            return Err(libc::ENXIO);
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NOFOLLOW);
        options.open(self.path(path)).map_err(errno)
    }

    fn with_file<T>(
        &self,
        target: &Target,
        run: impl FnOnce(&File) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match target {
            Target::Path(path) => run(&self.open(path)?),
            Target::Slot(slot) => run(self.slots[*slot].as_ref().ok_or(libc::EBADF)?),
        }
    }

    fn make(&self, path: &str, kind: Kind, mode: u32) -> Outcome {
        let c_path = self.c_path(path);
        let format = match kind {
            Kind::File => {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true).mode(mode);
                return options.open(self.path(path)).map(|_| Vec::new()).map_err(errno);
            }
            // SAFETY: the path is a C string that outlives the call.
            Kind::Directory => return check(unsafe { libc::mkdir(c_path.as_ptr(), mode) }),
            Kind::Symlink => {
                let made = std::os::unix::fs::symlink(LINK_TARGET, self.path(path));
                return made.map(|()| Vec::new()).map_err(errno);
            }
            Kind::Fifo => libc::S_IFIFO,
            Kind::Socket => libc::S_IFSOCK,
            Kind::Device => libc::S_IFCHR,
        };
        let device = if kind == Kind::Device { super::DEVICE } else { 0 };
        // SAFETY: as above.
        check(unsafe { libc::mknod(c_path.as_ptr(), format | mode, device) })
    }

    fn rename(&self, from: &str, to: &str, how: Rename) -> Outcome {
        let (from, to) = (self.c_path(from), self.c_path(to));
        let flags = match how {
            Rename::Replace => 0,
            Rename::NoReplace => libc::RENAME_NOREPLACE,
            Rename::Exchange => libc::RENAME_EXCHANGE,
        };
        let here = libc::AT_FDCWD;
        // SAFETY: both paths are C strings that outlive the call.
        check(unsafe { libc::renameat2(here, from.as_ptr(), here, to.as_ptr(), flags) })
    }

    fn set_times(&self, path: &str, times: [(i64, i64); 2]) -> Outcome {
        let path = self.c_path(path);
        let times = times.map(|(tv_sec, tv_nsec)| libc::timespec { tv_sec, tv_nsec });
        let flags = libc::AT_SYMLINK_NOFOLLOW;
        // SAFETY: the path is a C string and there are two times, and both outlive the call.
        check(unsafe { libc::utimensat(libc::AT_FDCWD, path.as_ptr(), times.as_ptr(), flags) })
    }

    fn set_xattr(&self, path: &str, name: &str, value: &[u8], how: SetXattr) -> Outcome {
        let (path, name) = (self.c_path(path), CString::new(name).unwrap());
        let flags = match how {
            SetXattr::Any => 0,
            SetXattr::Create => libc::XATTR_CREATE,
            SetXattr::Replace => libc::XATTR_REPLACE,
        };
        let data = value.as_ptr().cast();
        // SAFETY: two C strings and a slice with its length, which all outlive the call.
        check(unsafe { libc::lsetxattr(path.as_ptr(), name.as_ptr(), data, value.len(), flags) })
    }

    fn range(file: &File, how: Range, offset: u64, length: u64) -> Outcome {
        let mode = match how {
            Range::Allocate => 0,
            Range::KeepSize => libc::FALLOC_FL_KEEP_SIZE,
            Range::Punch => libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE,
            Range::Zero => libc::FALLOC_FL_ZERO_RANGE,
            Range::ZeroKeepSize => libc::FALLOC_FL_ZERO_RANGE | libc::FALLOC_FL_KEEP_SIZE,
        };
        let (start, count) = (offset.cast_signed(), length.cast_signed());
        // SAFETY: numbers only.
        let outcome = check(unsafe { libc::fallocate(file.as_raw_fd(), mode, start, count) });
        let is_zero = matches!(how, Range::Zero | Range::ZeroKeepSize);
        let outcome = if is_zero && outcome == Err(libc::EOPNOTSUPP) {
            // tmpfs has no zero range: this is what it does.
            let size = file.metadata().map_err(errno)?.len();
            let end = offset + length;
            let end = if matches!(how, Range::ZeroKeepSize) { end.min(size) } else { end };
            let zeros = vec![0; end.saturating_sub(offset) as usize];
            file.write_all_at(&zeros, offset).map(|()| Vec::new()).map_err(errno)
        } else {
            outcome
        };
        // Whether it is a change of the content is answered differently.
        if outcome.is_ok() {
            let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
            file.set_times(times).map_err(errno)?;
        }
        outcome
    }

    fn copy(&self, operation: &Operation) -> Outcome {
        let Operation::Copy { from, from_offset, to, to_offset, length } = operation else {
            unreachable!("only for copies");
        };
        let (mut start, mut end) = (from_offset.cast_signed(), to_offset.cast_signed());
        let length = *length as usize;
        self.with_file(from, |from| {
            self.with_file(to, |to| {
                let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
                // SAFETY: the two offsets outlive the call; the rest are numbers.
                let copied = unsafe {
                    libc::copy_file_range(from, &raw mut start, to, &raw mut end, length, 0)
                };
                if copied < 0 {
                    return Err(errno(io::Error::last_os_error()));
                }
                Ok(copied.to_string().into_bytes())
            })
        })
    }
}

impl World for Directory {
    fn run(&mut self, operation: &Operation) -> Outcome {
        let done = |result: io::Result<()>| result.map(|()| Vec::new()).map_err(errno);
        match operation {
            Operation::Make(path, kind, mode) => self.make(path, *kind, *mode),
            Operation::RemoveDirectory(path) => done(fs::remove_dir(self.path(path))),
            Operation::Unlink(path) => done(fs::remove_file(self.path(path))),
            Operation::Rename(from, to, how) => self.rename(from, to, *how),
            Operation::Link(from, to) => done(fs::hard_link(self.path(from), self.path(to))),
            Operation::Chmod(path, mode) => {
                if self.stat(path)?.kind == Kind::Symlink {
                    // It would go on elsewhere.
                    return Err(libc::EOPNOTSUPP);
                }
                let path = self.c_path(path);
                // SAFETY: the path is a C string that outlives the call.
                check(unsafe { libc::chmod(path.as_ptr(), *mode) })
            }
            Operation::Chown(path, uid, gid) => {
                done(std::os::unix::fs::lchown(self.path(path), *uid, *gid))
            }
            Operation::SetTimes(path, times) => self.set_times(path, *times),
            Operation::SetXattr(path, name, value, how) => self.set_xattr(path, name, value, *how),
            Operation::RemoveXattr(path, name) => done(xattr::remove(self.path(path), name)),
            // What a kernel remembers is its own affair.
            Operation::Evict(path) => self.stat(path).map(|_| Vec::new()),
            Operation::Deliver => Ok(Vec::new()),
            Operation::Open(slot, path) => {
                self.slots[*slot] = Some(self.open(path)?);
                Ok(Vec::new())
            }
            Operation::Close(slot) => {
                self.slots[*slot] = None;
                Ok(Vec::new())
            }
            Operation::Truncate(target, size) => {
                self.with_file(target, |file| done(file.set_len(*size)))
            }
            Operation::Write(target, offset, bytes) => {
                self.with_file(target, |file| done(file.write_all_at(bytes, *offset)))
            }
            Operation::Read(target, offset, length) => self.with_file(target, |file| {
                let mut bytes = vec![0xee; *length];
                let read = file.read_at(&mut bytes, *offset).map_err(errno)?;
                bytes.truncate(read);
                Ok(bytes)
            }),
            Operation::Range(target, how, offset, length) => {
                self.with_file(target, |file| Self::range(file, *how, *offset, *length))
            }
            Operation::Copy { .. } => self.copy(operation),
        }
    }

    fn stat(&self, path: &str) -> Result<Stat, Errno> {
        fs::symlink_metadata(self.path(path)).map(|it| stat_of(&it)).map_err(errno)
    }

    fn stat_open(&self, slot: usize) -> Option<Result<Stat, Errno>> {
        let file = self.slots[slot].as_ref()?;
        Some(file.metadata().map(|it| stat_of(&it)).map_err(errno))
    }

    fn names(&self, path: &str) -> Result<BTreeSet<String>, Errno> {
        let entries = fs::read_dir(self.path(path)).map_err(errno)?;
        entries.map(|entry| Ok(entry.map_err(errno)?.file_name().into_string().unwrap())).collect()
    }

    fn link_target(&self, path: &str) -> Outcome {
        let target = fs::read_link(self.path(path)).map_err(errno)?;
        Ok(target.as_os_str().as_bytes().to_vec())
    }

    fn read_all(&self, path: &str) -> Outcome {
        fs::read(self.path(path)).map_err(errno)
    }

    fn xattrs(&self, path: &str) -> Result<BTreeMap<String, Vec<u8>>, Errno> {
        let path = self.path(path);
        let names = xattr::list(&path).map_err(errno)?;
        let mut xattrs = BTreeMap::new();
        for name in names.map(|name| name.into_string().unwrap()) {
            // Those of security modules are not ours.
            if !name.starts_with("security.") {
                let value = xattr::get(&path, &name).map_err(errno)?.unwrap();
                xattrs.insert(name, value);
            }
        }
        Ok(xattrs)
    }

    fn holes(&self, path: &str) -> Result<Vec<std::ops::Range<u64>>, Errno> {
        let file = self.open(path)?;
        let size = file.metadata().map_err(errno)?.len();
        let seek = |offset: u64, whence| {
            // SAFETY: numbers only.
            let found = unsafe { libc::lseek(file.as_raw_fd(), offset.cast_signed(), whence) };
            u64::try_from(found).map_err(|_| errno(io::Error::last_os_error()))
        };
        super::holes(
            size,
            |offset| seek(offset, libc::SEEK_HOLE),
            |offset| seek(offset, libc::SEEK_DATA),
        )
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // A later case must not find anything; that it fails is seen there.
        let _ = fs::remove_dir_all(&self.root);
    }
}
