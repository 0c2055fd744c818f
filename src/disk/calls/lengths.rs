//! Calls about how long files are, and what of that is stored.

use std::io;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::unistd::{Whence, ftruncate, lseek};

use super::{Disk, Faults, OpenFile, SystemCall};
use crate::disk::whole::is_unsupported;

impl<F: Faults> Disk<F> {
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

    /// The length of a file or of a block device, whose attributes do not say it.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn length(&self, file: &OpenFile) -> io::Result<u64> {
        let end = self.call(SystemCall::Stat, || lseek(&file.0, 0, Whence::SeekEnd))?;
        Ok(u64::try_from(end).unwrap_or_default())
    }

    /// Takes room for the first bytes of a file, which is at least so long afterwards, where the
    /// filesystem can do that in a moment; elsewhere nothing is done.
    ///
    /// # Errors
    ///
    /// Those of the system: `ENOSPC` where there is not so much room.
    pub fn allocate(&self, file: &OpenFile, length: u64) -> io::Result<()> {
        let length = length.try_into().map_err(|_| io::Error::from(Errno::EFBIG))?;
        let how = FallocateFlags::empty();
        match self.call(SystemCall::Allocate, || fallocate(file, how, 0, length)) {
            Err(error) if is_unsupported(&error) => Ok(()),
            allocated => allocated,
        }
    }
}
