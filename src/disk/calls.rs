//! The system calls.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{
    AT_FDCWD, AtFlags, FallocateFlags, OFlag, PosixFadviseAdvice, fallocate, openat, posix_fadvise,
    readlinkat,
};
use nix::sys::stat::{Mode, fstat, fstatat, mkdirat};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{UnlinkatFlags, Whence, fsync, ftruncate, lseek, unlinkat};

use super::{
    Access, Fault, Faults, FileType, Links, Listing, OpenDirectory, OpenFile, Sound, Stat,
    SystemCall,
};

/// The system's files and directories.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk<F = Sound> {
    pub(super) faults: F,
}

/// What a directory is opened with: enough to go on from, also where it may not be listed.
const DIRECTORY: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Disk {
    /// The disk as it is.
    #[must_use]
    pub fn real() -> Self {
        Self::default()
    }
}

impl<F: Faults> Disk<F> {
    /// The disk with these faults.
    #[must_use]
    pub fn new(faults: F) -> Self {
        Self { faults }
    }

    /// Opens a directory that the user has named; links on the way are the user's.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn open_root(&self, path: &Path) -> io::Result<OpenDirectory> {
        self.call(SystemCall::Open, || openat(AT_FDCWD, path, DIRECTORY, Mode::empty()))
            .map(OpenDirectory)
    }

    /// Opens a directory below another.
    ///
    /// # Errors
    ///
    /// `NotADirectory` where it is a link and those are refused; else those of the system.
    pub fn open_directory(
        &self,
        at: &OpenDirectory,
        path: &Path,
        links: Links,
    ) -> io::Result<OpenDirectory> {
        let flags = DIRECTORY | no_follow(links);
        self.call(SystemCall::Open, || openat(at, path, flags, Mode::empty())).map(OpenDirectory)
    }

    /// Opens the directory that a link in another one leads to, where `is_trusted` says so of the
    /// link itself; nobody can exchange it in between.
    ///
    /// # Errors
    ///
    /// `NotADirectory` where it is no link, `PermissionDenied` where it is not trusted; else those
    /// of the system.
    pub fn open_through_link(
        &self,
        at: &OpenDirectory,
        name: &OsStr,
        is_trusted: impl Fn(&Stat) -> bool,
    ) -> io::Result<OpenDirectory> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let link = self.call(SystemCall::Open, || openat(at, name, flags, Mode::empty()))?;
        let stat = self.stat(&link)?;
        if stat.kind != FileType::Link {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        if !is_trusted(&stat) {
            let error = "it is another user's link, which is not followed";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
        }
        let target = self.call(SystemCall::Open, || readlinkat(&link, ""))?;
        self.call(SystemCall::Open, || openat(at, target.as_os_str(), DIRECTORY, Mode::empty()))
            .map(OpenDirectory)
    }

    /// Makes a directory; says whether it was not there before.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn make_directory(&self, at: &OpenDirectory, name: &OsStr) -> io::Result<bool> {
        let mode = Mode::from_bits_truncate(0o777);
        match self.call(SystemCall::MakeDirectory, || mkdirat(at, name, mode)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file below a directory. It never waits for the other end of a pipe.
    ///
    /// # Errors
    ///
    /// Those of the system: `ELOOP` where it is a link and those are refused.
    pub fn open(
        &self,
        at: &OpenDirectory,
        path: &Path,
        access: Access,
        links: Links,
    ) -> io::Result<OpenFile> {
        let access = match access {
            Access::Read => OFlag::O_RDONLY,
            Access::ReadDirect => OFlag::O_RDONLY | OFlag::O_DIRECT,
            Access::Write => OFlag::O_WRONLY,
            Access::WriteDirect => OFlag::O_WRONLY | OFlag::O_DIRECT,
            Access::ReadWrite => OFlag::O_RDWR,
            Access::ReadWriteAlone => OFlag::O_RDWR | OFlag::O_EXCL,
            Access::ReadWriteAloneDirect => OFlag::O_RDWR | OFlag::O_EXCL | OFlag::O_DIRECT,
        };
        let flags = access | no_follow(links) | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        self.call(SystemCall::Open, || openat(at, path, flags | OFlag::O_CLOEXEC, Mode::empty()))
            .map(|descriptor| OpenFile(descriptor.into()))
    }

    /// Makes a file, to read and to write, under a name that must be free.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, also where the name is a link; else those of the system. A call that was
    /// interrupted is not made again: the file may be there by now.
    pub fn create(&self, at: &OpenDirectory, name: &OsStr, mode: u32) -> io::Result<OpenFile> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let mode = Mode::from_bits_truncate(mode);
        self.once(SystemCall::Create, || openat(at, name, flags | OFlag::O_CLOEXEC, mode))
            .map(|descriptor| OpenFile(descriptor.into()))
            .map_err(io::Error::from)
    }

    /// Reads once: may be short. 0 is the end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[inline]
    pub fn read_at(&self, file: &OpenFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.transfer(SystemCall::Read, bytes.len(), |length| {
            file.0.read_at(&mut bytes[..length], offset)
        })
    }

    /// Writes once: may be short.
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[inline]
    pub fn write_at(&self, file: &OpenFile, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.transfer(SystemCall::Write, bytes.len(), |length| {
            file.0.write_at(&bytes[..length], offset)
        })
    }

    /// Gives a range of a file back to the filesystem; the file keeps its length.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn punch(&self, file: &OpenFile, offset: u64, length: u64) -> io::Result<()> {
        let too_far = |_| io::Error::from(Errno::EFBIG);
        let (offset, length) =
            (offset.try_into().map_err(too_far)?, length.try_into().map_err(too_far)?);
        let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        self.call(SystemCall::Punch, || fallocate(file, how, offset, length))
    }

    /// Sets the length of a file.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn truncate(&self, file: &OpenFile, length: u64) -> io::Result<()> {
        let length = length.try_into().map_err(|_| io::Error::from(Errno::EFBIG))?;
        self.call(SystemCall::Truncate, || ftruncate(file, length))
    }

    /// Has a file on the storage.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn sync(&self, file: &OpenFile) -> io::Result<()> {
        self.call(SystemCall::Sync, || fsync(file))
    }

    /// Has the names in a directory on the storage.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn sync_directory(&self, directory: &OpenDirectory) -> io::Result<()> {
        let readable = self.readable(directory)?;
        self.call(SystemCall::Sync, || fsync(&readable))
    }

    /// What closing the file would say: some filesystems tell only then what they could not store.
    /// The file stays open.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn flush(&self, file: &OpenFile) -> io::Result<()> {
        let close = || {
            let duplicate = file.0.try_clone().map_err(|error| errno(&error))?;
            nix::unistd::close(duplicate)
        };
        self.call(SystemCall::Flush, close)
    }

    /// Removes a name that is not a directory's. One that is not there is removed.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn unlink(&self, at: &OpenDirectory, name: &OsStr) -> io::Result<()> {
        match self.call(SystemCall::Unlink, || unlinkat(at, name, UnlinkatFlags::NoRemoveDir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// The attributes of an open file or directory.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn stat(&self, what: &impl AsFd) -> io::Result<Stat> {
        self.call(SystemCall::Stat, || fstat(what)).map(Stat::from)
    }

    /// How many bytes the filesystem of a file can still take.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn free_bytes(&self, file: &OpenFile) -> io::Result<u64> {
        let space = self.call(SystemCall::Stat, || fstatvfs(file))?;
        Ok(space.blocks_available().saturating_mul(space.fragment_size()))
    }

    /// The length of a file or of a block device, whose attributes do not say it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn length(&self, file: &OpenFile) -> io::Result<u64> {
        let end = self.call(SystemCall::Stat, || lseek(&file.0, 0, Whence::SeekEnd))?;
        Ok(u64::try_from(end).unwrap_or_default())
    }

    /// The attributes of what a path below a directory names.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn stat_at(&self, at: &OpenDirectory, path: &Path, links: Links) -> io::Result<Stat> {
        let flags = match links {
            Links::Refuse => AtFlags::AT_SYMLINK_NOFOLLOW,
            Links::Follow => AtFlags::empty(),
        };
        self.call(SystemCall::Stat, || fstatat(at, path, flags)).map(Stat::from)
    }

    /// The names in a directory, without `.` and `..`.
    ///
    /// # Errors
    ///
    /// Those of the system, now and at each entry.
    pub fn list(&self, directory: &OpenDirectory) -> io::Result<Listing<F>> {
        let names = Dir::from_fd(self.readable(directory)?.into()).map_err(io::Error::from)?;
        Ok(Listing::new(self.clone(), names))
    }

    /// Locks a file for this process alone; says whether that was possible. A filesystem without
    /// locks gives an error.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn try_lock(&self, file: &OpenFile) -> io::Result<bool> {
        let lock = || match file.0.try_lock() {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(error)) => Err(errno(&error)),
        };
        self.call(SystemCall::Lock, lock)
    }

    /// Asks the kernel to forget what it has cached of a file, and is not only in the cache.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn forget_cached(&self, file: &OpenFile) -> io::Result<()> {
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        self.call(SystemCall::ForgetCached, || posix_fadvise(file, 0, 0, advice))
    }

    /// The directory again, to be read and synced.
    pub(super) fn readable(&self, directory: &OpenDirectory) -> io::Result<std::fs::File> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        self.call(SystemCall::Open, || openat(directory, ".", flags, Mode::empty())).map(Into::into)
    }

    /// Makes a call until no signal interrupts it.
    #[inline]
    pub(super) fn call<T>(
        &self,
        call: SystemCall,
        mut make: impl FnMut() -> nix::Result<T>,
    ) -> io::Result<T> {
        loop {
            match self.once(call, &mut make) {
                Err(Errno::EINTR) => {}
                result => return result.map_err(io::Error::from),
            }
        }
    }

    /// Makes a call, or lets it fail.
    #[inline]
    pub(super) fn once<T>(
        &self,
        call: SystemCall,
        make: impl FnOnce() -> nix::Result<T>,
    ) -> nix::Result<T> {
        match self.faults.fault(call) {
            None | Some(Fault::Short) => make(),
            Some(Fault::Before(errno)) => Err(Errno::from_raw(errno)),
            Some(Fault::After(errno)) => make().and(Err(Errno::from_raw(errno))),
        }
    }

    #[inline]
    fn transfer(
        &self,
        call: SystemCall,
        length: usize,
        mut make: impl FnMut(usize) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let result = match self.faults.fault(call) {
                None => make(length),
                // At least one byte: none would be the end of a file.
                Some(Fault::Short) => make(length.div_ceil(2)),
                Some(Fault::Before(errno)) => Err(io::Error::from_raw_os_error(errno)),
                Some(Fault::After(errno)) => {
                    make(length).and(Err(io::Error::from_raw_os_error(errno)))
                }
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

fn no_follow(links: Links) -> OFlag {
    if links == Links::Refuse { OFlag::O_NOFOLLOW } else { OFlag::empty() }
}

/// The errno of an error that a system call gave.
pub(super) fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
