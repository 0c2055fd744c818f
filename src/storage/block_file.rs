//! Reading and writing real files in blocks, through the page cache or past it.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::disk::{Access, Disk, Durability, Faults, Links, OpenDirectory, OpenFile, Taken};

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
    /// What one write takes at most.
    #[must_use]
    pub fn write_bytes(self) -> u64 {
        self.block_bytes() as u64
    }

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
pub(super) fn open_to_read<F: Faults>(
    disk: &Disk<F>,
    at: &OpenDirectory,
    path: &Path,
    (transfer, links): (Transfer, Links),
) -> io::Result<OpenFile> {
    let access = match transfer {
        Transfer::Cached => Access::Read,
        Transfer::Direct => Access::ReadDirect,
    };
    disk.open(at, path, access, links).map_err(|error| say(transfer, error))
}

/// Reads until the block is full or the file ends.
pub(super) fn read_block<F: Faults>(
    disk: &Disk<F>,
    file: &OpenFile,
    offset: u64,
    block: &mut [u8],
) -> io::Result<usize> {
    let mut done = 0;
    while done < block.len() {
        match disk.read_at(file, &mut block[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            // After a short direct read, which is not aligned, the end of the file.
            Err(error) if done % ALIGNMENT != 0 && error.kind() == ErrorKind::InvalidInput => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A file that is being written, under a name that no other run uses.
#[derive(Debug)]
pub(super) struct NewFile {
    file: OpenFile,
    /// The same file past the page cache.
    direct: Option<OpenFile>,
    temporary: OsString,
}

/// How often a file is made again that another run has taken for one that was left.
const TRIES_MAX: u32 = 16;

impl NewFile {
    /// Makes a file whose name begins with `prefix`.
    pub(super) fn create<F: Faults>(
        disk: &Disk<F>,
        at: &OpenDirectory,
        prefix: &str,
        transfer: Transfer,
    ) -> io::Result<Self> {
        let mut tries = 0;
        let (file, temporary) = loop {
            let (file, temporary) = disk.create_temporary(at, (prefix, ""), 0o666)?;
            // The lock tells other runs that somebody is at work here. One that was faster has
            // removed the file, or is about to. Not every filesystem has locks.
            let is_ours = disk.try_lock(&file).unwrap_or(true)
                && disk.stat(&file).map_or(true, |stat| stat.links > 0);
            if is_ours {
                break (file, temporary);
            }
            let _ = disk.unlink(at, &temporary);
            tries += 1;
            if tries == TRIES_MAX {
                let error = "other runs of this node keep removing its temporary file";
                return Err(io::Error::new(ErrorKind::ResourceBusy, error));
            }
        };
        let mut new = Self { file, direct: None, temporary };
        if transfer == Transfer::Direct {
            let path = Path::new(&new.temporary);
            match disk.open(at, path, Access::WriteDirect, Links::Refuse) {
                Ok(direct) => new.direct = Some(direct),
                Err(error) => {
                    new.discard(disk, at);
                    return Err(say(transfer, error));
                }
            }
        }
        Ok(new)
    }

    /// Writes a block. Its whole units of alignment go past the page cache where that was asked
    /// for; only the tail of a file has a rest.
    pub(super) fn write<F: Faults>(
        &self,
        disk: &Disk<F>,
        offset: u64,
        block: &[u8],
    ) -> io::Result<()> {
        let mut done = 0;
        if let Some(direct) = &self.direct {
            let aligned = block.len() - block.len() % ALIGNMENT;
            // A short count may end between two units: then the cache takes the rest.
            while done < aligned && done.is_multiple_of(ALIGNMENT) {
                match disk.write_at(direct, &block[done..aligned], offset + done as u64) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(count) => done += count,
                    Err(error) => return Err(say(Transfer::Direct, error)),
                }
            }
        }
        disk.write_all_at(&self.file, &block[done..], offset + done as u64)
    }

    /// Has what was written on the storage.
    pub(super) fn sync<F: Faults>(&self, disk: &Disk<F>) -> io::Result<()> {
        disk.sync(&self.file)
    }

    /// Gives the file its name.
    pub(super) fn finish<F: Faults>(
        &self,
        disk: &Disk<F>,
        at: &OpenDirectory,
        name: &OsStr,
        how: (Taken, Durability),
    ) -> io::Result<()> {
        if let Some(direct) = &self.direct {
            disk.flush(direct)?;
        }
        disk.publish(&self.file, at, (&self.temporary, name), how)
    }

    /// Removes it. What cannot be removed now, the next run removes.
    pub(super) fn discard<F: Faults>(&self, disk: &Disk<F>, at: &OpenDirectory) {
        let _ = disk.unlink(at, &self.temporary);
    }
}

/// Asks the kernel to forget what it has cached of a file. What is not yet on the storage it cannot
/// forget, so that goes there first.
pub(super) fn drop_cache<F: Faults>(disk: &Disk<F>, file: &OpenFile) -> io::Result<()> {
    disk.sync(file)?;
    disk.forget_cached(file)
}

/// What `EINVAL` means where direct requests are asked for.
fn say(transfer: Transfer, error: io::Error) -> io::Error {
    if transfer == Transfer::Direct && error.kind() == ErrorKind::InvalidInput {
        let reason = "this filesystem does not take direct I/O (O_DIRECT): leave out --direct-io";
        return io::Error::new(ErrorKind::Unsupported, reason);
    }
    error
}
