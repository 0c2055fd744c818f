//! What a file needs so that many requests to it are done at a time.

use std::io;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, fallocate, fcntl};

use super::super::whole::is_unsupported;
use super::{Disk, Faults, OpenFile, SystemCall};

impl<F: Faults> Disk<F> {
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

    /// Lets requests to a file that was opened wait for the storage. [`Disk::open`] opens files
    /// that do not, because of pipes; on some filesystems a ring does nothing with those.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn let_wait(&self, file: &OpenFile) -> io::Result<()> {
        self.call(SystemCall::Open, || {
            let flags = OFlag::from_bits_retain(fcntl(file, FcntlArg::F_GETFL)?);
            fcntl(file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK)).map(|_| ())
        })
    }
}
