//! Files that are whole or not there.

use std::collections::hash_map::RandomState;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, ErrorKind};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat, renameat2};
use nix::sys::stat::Mode;
use nix::unistd::linkat;

use super::{
    Access, Disk, Durability, Faults, FileType, Links, OpenDirectory, OpenFile, SystemCall, Taken,
};

/// How often a name that is taken is drawn again. That it is once takes an attacker who guesses.
const DRAWS_MAX: u32 = 16;

impl<F: Faults> Disk<F> {
    /// Makes a file, to read and to write, with a name that nobody can know beforehand: `prefix`,
    /// 16 hexadecimal digits and `suffix`.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn create_temporary(
        &self,
        at: &OpenDirectory,
        (prefix, suffix): (&str, &str),
        mode: u32,
    ) -> io::Result<(OpenFile, OsString)> {
        let mut draws = 0;
        loop {
            let name = OsString::from(format!("{prefix}{:016x}{suffix}", random()));
            let error = match self.create(at, &name, mode) {
                Ok(file) => return Ok((file, name)),
                Err(error) => error,
            };
            draws += 1;
            match error.kind() {
                ErrorKind::AlreadyExists if draws < DRAWS_MAX => {}
                ErrorKind::Interrupted => {
                    // It may have been made all the same; nobody else can have this name.
                    let _ = self.unlink(at, &name);
                }
                ErrorKind::AlreadyExists => return Err(error),
                _ => {
                    let _ = self.unlink(at, &name);
                    return Err(error);
                }
            }
        }
    }

    /// Makes a file that has no name, or none from now on. It is gone when it is closed, also where
    /// the process is killed.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn create_unnamed(&self, at: &OpenDirectory) -> io::Result<OpenFile> {
        let flags = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_EXCL | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        match self.call(SystemCall::Create, || openat(at, ".", flags, mode)) {
            Ok(descriptor) => return Ok(OpenFile(descriptor.into())),
            // A filesystem that has only files with names.
            Err(error) if is_unsupported(&error) => {}
            Err(error) => return Err(error),
        }
        let (file, name) = self.create_temporary(at, (".seedfs-", ".tmp"), 0o600)?;
        self.unlink(at, &name)?;
        Ok(file)
    }

    /// Gives a file that [`Disk::create_temporary`] made its name, in one step: whoever looks sees
    /// the file before or this one, whole. Everything is asked first that says what was not stored.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` where the name is taken and that is refused; else those of the system. The
    /// temporary name may be there still.
    pub fn publish(
        &self,
        file: &OpenFile,
        at: &OpenDirectory,
        (temporary, name): (&OsStr, &OsStr),
        (taken, durability): (Taken, Durability),
    ) -> io::Result<()> {
        if durability == Durability::Synced {
            self.sync(file)?;
        }
        self.flush(file)?;
        self.rename(file, at, (temporary, name), taken)?;
        match durability {
            Durability::Later => Ok(()),
            // The name is part of what is to last.
            Durability::Synced => self.sync_directory(at),
        }
    }

    fn rename(
        &self,
        file: &OpenFile,
        at: &OpenDirectory,
        (temporary, name): (&OsStr, &OsStr),
        taken: Taken,
    ) -> io::Result<()> {
        let renamed = match taken {
            Taken::Replace => self.call(SystemCall::Rename, || renameat(at, temporary, at, name)),
            Taken::Refuse => self.rename_new(at, temporary, name),
        };
        match renamed {
            // What was interrupted and made again may have been done the first time.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                    && self.is_named(file, at, name) =>
            {
                // Where the name was given by a link, the temporary one may be there still.
                let _ = self.unlink(at, temporary);
                Ok(())
            }
            renamed => renamed,
        }
    }

    /// Renames to a name that nobody must have.
    fn rename_new(&self, at: &OpenDirectory, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let flags = RenameFlags::RENAME_NOREPLACE;
        match self.call(SystemCall::Rename, || renameat2(at, from, at, to, flags)) {
            Err(error) if is_unsupported(&error) => {}
            renamed => return renamed,
        }
        // A filesystem that cannot promise it, as NFS, refuses a second name just as well.
        match self.call(SystemCall::Link, || linkat(at, from, at, to, AtFlags::empty())) {
            Err(error) if is_unsupported(&error) || error.kind() == ErrorKind::PermissionDenied => {
            }
            Ok(()) => return self.unlink(at, from),
            linked => return linked,
        }
        // One that has neither: look, and hope for the moment in between.
        match self.stat_at(at, Path::new(to), Links::Refuse) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.call(SystemCall::Rename, || renameat(at, from, at, to))
            }
            Err(error) => Err(error),
        }
    }

    fn is_named(&self, file: &OpenFile, at: &OpenDirectory, name: &OsStr) -> bool {
        let named = self.stat_at(at, Path::new(name), Links::Refuse);
        matches!((self.stat(file), named), (Ok(own), Ok(named)) if own.is_same(&named))
    }

    /// Replaces what a name stands for by a file of these bytes, in one step. What cannot be done
    /// leaves everything as it was.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn replace(
        &self,
        at: &OpenDirectory,
        name: &OsStr,
        bytes: &[u8],
        (mode, durability): (u32, Durability),
    ) -> io::Result<()> {
        let (file, temporary) = self.create_temporary(at, (&prefix(name), ".tmp"), mode)?;
        self.write_all_at(&file, bytes, 0)
            .and_then(|()| {
                self.publish(&file, at, (&temporary, name), (Taken::Replace, durability))
            })
            .inspect_err(|_| {
                let _ = self.unlink(at, &temporary);
            })
    }

    /// Reads a regular file whole.
    ///
    /// # Errors
    ///
    /// Those of the system; `InvalidInput` where it is no file, and `FileTooLarge` where it has
    /// more than `max_bytes`.
    pub fn read_whole(
        &self,
        at: &OpenDirectory,
        path: &Path,
        links: Links,
        max_bytes: usize,
    ) -> io::Result<Vec<u8>> {
        let file = self.open(at, path, Access::Read, links)?;
        self.read_open(&file, max_bytes)
    }

    /// Reads an open regular file whole.
    ///
    /// # Errors
    ///
    /// As [`Disk::read_whole`].
    pub fn read_open(&self, file: &OpenFile, max_bytes: usize) -> io::Result<Vec<u8>> {
        let stat = self.stat(file)?;
        if stat.kind != FileType::File {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let too_large = || {
            let error = format!("it has more than {max_bytes} bytes");
            io::Error::new(ErrorKind::FileTooLarge, error)
        };
        let length = usize::try_from(stat.length).map_err(|_| too_large())?;
        if length > max_bytes {
            return Err(too_large());
        }
        // What is added meanwhile is not waited for, but not left out either.
        let mut bytes = vec![0; length + 1];
        let read = self.read_full_at(file, &mut bytes, 0)?;
        if read > length {
            let error = "it grew while it was read";
            return Err(io::Error::new(ErrorKind::ResourceBusy, error));
        }
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Reads until the buffer is full or the file ends.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn read_full_at(
        &self,
        file: &OpenFile,
        bytes: &mut [u8],
        offset: u64,
    ) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self.read_at(file, &mut bytes[done..], offset + done as u64)? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    /// Reads so many bytes as the buffer has.
    ///
    /// # Errors
    ///
    /// Those of the system, and `UnexpectedEof`.
    pub fn read_exact_at(&self, file: &OpenFile, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if self.read_full_at(file, bytes, offset)? < bytes.len() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[inline]
    pub fn write_all_at(&self, file: &OpenFile, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match self.write_at(file, &bytes[done..], offset + done as u64)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => done += count,
            }
        }
        Ok(())
    }
}

/// How the name begins of a file on its way: as its own, where that leaves room.
fn prefix(name: &OsStr) -> String {
    match name.to_str() {
        Some(name) if name.len() <= 200 => format!("{name}."),
        _ => ".seedfs-new-".to_owned(),
    }
}

/// 64 bits that nobody can guess: the standard library draws keys against flooded tables.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Whether a filesystem says that it has no such thing.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::EISDIR))
}
