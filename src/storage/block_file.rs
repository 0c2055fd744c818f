//! Reading and writing real files in blocks, through the page cache or past it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

/// What is read or written in one call through the page cache: it fits the second-level cache,
/// where it is made or compared, and a call costs little against it.
pub(super) const CACHED_BLOCK_BYTES: usize = 256 << 10;
/// The same past the page cache, where each call is a request to the storage.
pub(super) const DIRECT_BLOCK_BYTES: usize = 4 << 20;
/// What direct requests must be aligned to: the largest sector or page that storage asks for.
pub(super) const ALIGNMENT: usize = 4096;

/// How bytes go to storage and come from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// Through the page cache.
    #[default]
    Cached,
    /// Past it, `O_DIRECT`.
    Direct,
}

impl Transfer {
    pub(super) fn block_bytes(self) -> usize {
        match self {
            Self::Cached => CACHED_BLOCK_BYTES,
            Self::Direct => DIRECT_BLOCK_BYTES,
        }
    }
}

/// A buffer of one block, aligned for direct requests.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    pub(super) fn new(transfer: Transfer) -> Self {
        let length = transfer.block_bytes();
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        Self { bytes, start, length }
    }

    pub(super) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}

/// Opens a file to read; it never waits for the other end of a pipe.
pub(super) fn open_to_read(path: &Path, transfer: Transfer) -> io::Result<File> {
    let mut flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    if transfer == Transfer::Direct {
        flags |= libc::O_DIRECT;
    }
    OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|error| say(transfer, error))
}

/// Reads until the block is full or the file ends.
pub(super) fn read_block(file: &File, offset: u64, block: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < block.len() {
        match file.read_at(&mut block[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // After a short direct read, which is not aligned, the end of the file.
            Err(error) if done % ALIGNMENT != 0 && error.kind() == ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A file that is being written.
#[derive(Debug)]
pub(super) struct NewFile {
    file: File,
    /// The same file past the page cache.
    direct: Option<File>,
}

impl NewFile {
    /// Makes a file, or takes over what a killed run has left of it.
    pub(super) fn create(path: &Path, transfer: Transfer) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => {
                let error = "another run is writing this file";
                return Err(io::Error::new(ErrorKind::ResourceBusy, error));
            }
            // Not every filesystem has locks.
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => {}
        }
        file.set_len(0)?;
        let direct = match transfer {
            Transfer::Cached => None,
            Transfer::Direct => Some(
                OpenOptions::new()
                    .write(true)
                    .custom_flags(libc::O_DIRECT)
                    .open(path)
                    .map_err(|error| say(transfer, error))?,
            ),
        };
        Ok(Self { file, direct })
    }

    /// Writes a block. Its whole units of alignment go past the page cache where that was asked
    /// for; only the tail of a file has a rest.
    pub(super) fn write(&self, offset: u64, block: &[u8]) -> io::Result<()> {
        let Some(direct) = &self.direct else { return self.file.write_all_at(block, offset) };
        let (aligned, tail) = block.split_at(block.len() - block.len() % ALIGNMENT);
        if !aligned.is_empty() {
            direct.write_all_at(aligned, offset).map_err(|error| say(Transfer::Direct, error))?;
        }
        if tail.is_empty() {
            return Ok(());
        }
        self.file.write_all_at(tail, offset + aligned.len() as u64)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Asks the kernel to forget what it has cached of a file. What is not yet on the storage it cannot
/// forget, so that goes there first.
pub(super) fn drop_cache(file: &File) -> io::Result<()> {
    file.sync_all()?;
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    Ok(())
}

/// What `EINVAL` means where direct requests are asked for.
fn say(transfer: Transfer, error: io::Error) -> io::Error {
    if transfer == Transfer::Direct && error.kind() == ErrorKind::InvalidInput {
        let reason = "this filesystem does not take direct I/O (O_DIRECT): leave out --direct-io";
        return io::Error::new(ErrorKind::Unsupported, reason);
    }
    error
}
