//! Kept bytes on disk: a sparse file that gives back what is freed.
//!
//! Pieces lie in whole blocks of the file, so that a piece that nobody needs any more can be
//! punched out of it, and its place is used again. Smaller pieces stay in memory: a block each
//! would make them larger, not smaller.
//!
//! This is the one place in the overlay that does input and output. It never does it under a lock
//! of the overlay: a piece is written before its extent exists, and read from a copy of the extent.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use nix::fcntl::{FallocateFlags, fallocate};
use tempfile::NamedTempFile;

use crate::sync::Mutex;

/// The unit in which a file gives space back.
const BLOCK_BYTES: u64 = 4096;

/// Pieces from this size on go to the store.
pub(super) const STORED_BYTES_MIN: usize = 4096;

/// A file of kept bytes. It goes with the mount: its name is removed when the store is dropped.
#[derive(Debug)]
pub struct Store {
    file: NamedTempFile,
    limit_bytes: u64,
    space: Mutex<Space>,
}

#[derive(Debug, Default)]
struct Space {
    /// Runs of blocks that are free, by their offsets; none touch.
    free: BTreeMap<u64, u64>,
    /// Where the blocks begin that were never used.
    end: u64,
    /// Blocks in use, in bytes.
    used_bytes: u64,
}

/// Why bytes could not be stored; nothing was.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The limit is reached, or the disk is full.
    #[error("the store is full")]
    Full,
    /// The file cannot be written to.
    #[error("the store cannot be written to: {0}")]
    Io(#[source] io::Error),
}

impl Store {
    /// Makes the file `seedfs-….store` in a directory, for at most `limit_bytes`.
    ///
    /// # Errors
    ///
    /// Where no file can be made there.
    pub fn create(directory: &Path, limit_bytes: u64) -> io::Result<Self> {
        let file =
            tempfile::Builder::new().prefix("seedfs-").suffix(".store").tempfile_in(directory)?;
        Ok(Self { file, limit_bytes, space: Mutex::default() })
    }

    /// The most that it may hold.
    #[must_use]
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// What it holds, in whole blocks.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.space.lock().used_bytes
    }

    /// Writes a piece.
    pub(super) fn put(self: &Arc<Self>, bytes: &[u8]) -> Result<Stored, StoreError> {
        let length = bytes.len() as u64;
        let room = length.next_multiple_of(BLOCK_BYTES);
        let offset = self.space.lock().take(room, self.limit_bytes).ok_or(StoreError::Full)?;
        // From here on the slot gives its room back, whatever happens.
        let slot = Slot { store: Arc::clone(self), offset, room };
        match self.file().write_all_at(bytes, offset) {
            Ok(()) => Ok(Stored { slot: Arc::new(slot), start: 0, length }),
            Err(error) => Err(match error.raw_os_error() {
                Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => StoreError::Full,
                _ => StoreError::Io(error),
            }),
        }
    }

    fn file(&self) -> &File {
        self.file.as_file()
    }
}

impl Space {
    /// Takes the first free run that is large enough, or blocks that were never used.
    fn take(&mut self, room: u64, limit_bytes: u64) -> Option<u64> {
        if self.used_bytes.checked_add(room)? > limit_bytes {
            return None;
        }
        let large_enough =
            |(offset, length): (&u64, &u64)| (*length >= room).then_some((*offset, *length));
        let offset = if let Some((offset, length)) = self.free.iter().find_map(large_enough) {
            self.free.remove(&offset);
            if length > room {
                self.free.insert(offset + room, length - room);
            }
            offset
        } else {
            self.end += room;
            self.end - room
        };
        self.used_bytes += room;
        Some(offset)
    }

    fn give_back(&mut self, mut offset: u64, mut room: u64) {
        self.used_bytes -= room;
        if let Some(next) = self.free.remove(&(offset + room)) {
            room += next;
        }
        if let Some((&before, &length)) = self.free.range(..offset).next_back()
            && before + length == offset
        {
            self.free.remove(&before);
            (offset, room) = (before, length + room);
        }
        if offset + room == self.end {
            self.end = offset;
        } else {
            self.free.insert(offset, room);
        }
    }
}

/// Blocks of the store that hold one piece.
#[derive(Debug)]
struct Slot {
    store: Arc<Store>,
    offset: u64,
    room: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Before anybody else may have the blocks. A filesystem that cannot punch holes keeps the
        // space, and they are used again all the same.
        let (Ok(offset), Ok(room)) = (self.offset.try_into(), self.room.try_into()) else { return };
        let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let _ = fallocate(self.store.file().as_fd(), how, offset, room);
        self.store.space.lock().give_back(self.offset, self.room);
    }
}

/// A run of bytes in the store. Its blocks are given back with the last run of the piece.
#[derive(Clone, Debug)]
pub struct Stored {
    slot: Arc<Slot>,
    start: u64,
    length: u64,
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.slot, &other.slot)
            && (self.start, self.length) == (other.start, other.length)
    }
}

impl Eq for Stored {}

impl Stored {
    pub(super) fn slice(&self, start: u64, end: u64) -> Self {
        Self { slot: Arc::clone(&self.slot), start: self.start + start, length: end - start }
    }

    /// Reads from its beginning on; `out` is no longer than the run.
    pub(super) fn read(&self, out: &mut [u8]) -> io::Result<()> {
        self.slot.store.file().read_exact_at(out, self.slot.offset + self.start)
    }

    /// The bytes.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read.
    pub fn load(&self) -> io::Result<Vec<u8>> {
        // A piece is at most 64 KiB.
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or_default()];
        self.read(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn store(limit_bytes: u64) -> (tempfile::TempDir, Arc<Store>) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(directory.path(), limit_bytes).unwrap();
        (directory, Arc::new(store))
    }

    fn disk_bytes(store: &Store) -> u64 {
        store.file().sync_all().unwrap();
        store.file().metadata().unwrap().blocks() * 512
    }

    #[test]
    fn what_is_freed_is_given_back_and_used_again() {
        let (_directory, store) = store(1 << 20);
        let pieces: Vec<_> =
            (0..10_u8).map(|byte| store.put(&vec![byte; 50_000]).unwrap()).collect();
        assert_eq!(store.used_bytes(), 10 * 53_248);
        assert!(disk_bytes(&store) >= 500_000);
        let middle = pieces[5].slice(1000, 2000);
        assert_eq!(middle.load().unwrap(), vec![5; 1000]);
        drop(pieces);
        assert_eq!(store.used_bytes(), 53_248, "a part keeps the piece");
        assert_eq!(middle.load().unwrap(), vec![5; 1000]);
        let small = store.put(&[7; 5000]).unwrap();
        assert_eq!((small.load().unwrap(), middle.load().unwrap()), (vec![7; 5000], vec![5; 1000]));
        drop((small, middle));
        assert_eq!(store.used_bytes(), 0);
        assert_eq!(store.space.lock().end, 0, "all of it is one free run, cut off");
        assert!(disk_bytes(&store) < 100_000, "{} bytes on disk", disk_bytes(&store));
    }

    #[test]
    fn at_the_limit_nothing_is_lost() {
        let (directory, store) = store(8192);
        let first = store.put(&[1; 4096]).unwrap();
        let second = store.put(&[2; 4096]).unwrap();
        assert!(matches!(store.put(&[3; 4096]), Err(StoreError::Full)));
        assert_eq!(first.load().unwrap(), vec![1; 4096]);
        drop(second);
        store.put(&[3; 4096]).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        drop((first, store));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "gone with the store");
    }
}
