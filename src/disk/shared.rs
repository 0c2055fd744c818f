//! Directories that several users' processes write to.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use nix::sys::stat::{Mode, fchmod, fstat};

use super::{Disk, Faults, Links, OpenDirectory, SystemCall};

impl<F: Faults> Disk<F> {
    /// Opens a directory below another one, and makes it where it is not there: then whoever may
    /// write to that one may write to it, too, and with a sticky bit there removes nothing of
    /// others.
    ///
    /// # Errors
    ///
    /// `NotADirectory` where the name is a link or a file; else those of the system.
    pub fn open_shared_directory(
        &self,
        at: &OpenDirectory,
        name: &OsStr,
    ) -> io::Result<OpenDirectory> {
        let path = Path::new(name);
        match self.open_directory(at, path, Links::Refuse) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
        let is_new = self.make_directory(at, name)?;
        let directory = self.open_directory(at, path, Links::Refuse)?;
        if is_new {
            let mode = self.call(SystemCall::Stat, || fstat(at))?.st_mode;
            let mode = Mode::from_bits_truncate(mode & 0o7777);
            // Where a filesystem has no modes, those that it shows are all there is.
            let readable = self.readable(&directory)?;
            let _ = self.call(SystemCall::MakeDirectory, || fchmod(&readable, mode));
        }
        Ok(directory)
    }
}
