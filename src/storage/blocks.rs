//! Blocks that are read and written one after another, where each is looked at before the next:
//! by repairs, and on devices.

use std::io::{self, ErrorKind};

use super::Transfer;
use super::block_file::{NewFile, say};
use crate::disk::{ALIGNMENT, AlignedBuffer, Disk, Faults, OpenFile};

/// What is read or written in one call through the page cache.
pub(super) const CACHED_BYTES: usize = 256 << 10;
/// The same past it.
const DIRECT_BYTES: usize = 4 << 20;

/// A buffer of one block, aligned for direct requests.
pub(super) fn block_buffer(transfer: Transfer) -> AlignedBuffer {
    AlignedBuffer::new(match transfer {
        Transfer::Cached => CACHED_BYTES,
        Transfer::Direct => DIRECT_BYTES,
    })
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

/// Writes a block of a new file. Its whole units of alignment go past the page cache where that was
/// asked for; only the tail of a file has a rest.
pub(super) fn write_block<F: Faults>(
    disk: &Disk<F>,
    new: &NewFile,
    offset: u64,
    block: &[u8],
) -> io::Result<()> {
    let mut done = 0;
    if let Some(direct) = &new.direct {
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
    disk.write_all_at(&new.file, &block[done..], offset + done as u64)
}
