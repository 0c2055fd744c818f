//! Kept bytes on disk: a sparse file that gives back what is freed.
//!
//! Pieces lie in whole blocks of the file, so that a piece that nobody needs any more can be
//! punched out of it, and its place is used again. Smaller pieces stay in memory: a block each
//! would make them larger, not smaller. The file has no name: it goes with the process, however
//! that ends.
//!
//! This is the one place in the overlay that does input and output, and never under a lock: a piece
//! is written before its extent exists, and read from a copy of the extent. A piece can lose its
//! last extent under any lock; that only notes its place, which [`Store::punch_freed`] punches out
//! of the file later.
//!
//! A write that fails gives back its place, and the caller gets the errno. Each way in which the
//! file fails is remembered once, for the log.

mod space;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::returns::Returns;
use crate::disk::{Disk, Faults, OpenFile, Sound};
use crate::sync::Mutex;

use space::StoreSpace;

/// The unit in which a file gives space back.
const BLOCK_BYTES: u64 = 4096;

/// Pieces from this size on go to the store.
pub(super) const STORED_BYTES_MIN: usize = 4096;

/// The most that is punched in one call: others want the file too.
const PUNCH_BYTES_MAX: u64 = 1 << 30;

/// A file of kept bytes.
#[derive(Debug)]
pub struct Store {
    backing: Box<dyn Backing>,
    limit_bytes: u64,
    space: Mutex<StoreSpace>,
    failures: Mutex<StoreFailures>,
    returns: Arc<Returns>,
}

/// Why bytes could not be stored; nothing was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The limit is reached, or the disk is full.
    #[error("the store is full")]
    Full,
    /// The file cannot be written to.
    #[error("{0}")]
    Failed(StoreFailure),
}

/// What cannot be done with the store's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot {} the store of kept bytes: {}", .action.words(), self.error())]
pub struct StoreFailure {
    action: Action,
    errno: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Write,
    Read,
    Punch,
}

impl Action {
    fn words(self) -> &'static str {
        match self {
            Self::Write => "write to",
            Self::Read => "read from",
            Self::Punch => "punch holes into",
        }
    }
}

impl StoreFailure {
    fn new(action: Action, error: &io::Error) -> Self {
        // A file that is shorter than what was written to it, or takes nothing: both without errno.
        Self { action, errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }

    /// The errno that the system gave.
    #[must_use]
    pub fn errno(self) -> i32 {
        self.errno
    }

    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }

    fn is_full(self) -> bool {
        matches!(self.errno, libc::ENOSPC | libc::EDQUOT | libc::EFBIG)
    }
}

/// The ways in which the file has failed.
#[derive(Debug, Default)]
struct StoreFailures {
    known: Vec<StoreFailure>,
    /// How many of them were told.
    told: usize,
}

impl Store {
    /// Makes a file without a name in a directory, for at most `limit_bytes`.
    ///
    /// # Errors
    ///
    /// Where no file can be made there.
    pub fn create(directory: &Path, limit_bytes: u64) -> io::Result<Self> {
        Self::create_on(Disk::<Sound>::default(), directory, limit_bytes)
    }

    /// The same, on a disk that may fail.
    ///
    /// # Errors
    ///
    /// Where no file can be made there.
    pub fn create_on<F: Faults>(
        disk: Disk<F>,
        directory: &Path,
        limit_bytes: u64,
    ) -> io::Result<Self> {
        let file = disk.create_unnamed(&disk.open_root(directory)?)?;
        Ok(Self {
            backing: Box::new(OnDisk { disk, file }),
            limit_bytes,
            space: Mutex::default(),
            failures: Mutex::default(),
            returns: Arc::default(),
        })
    }

    /// The most that it may hold.
    #[must_use]
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// What it holds, in whole blocks.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.space.lock().used_bytes()
    }

    /// What it can still take: what its limit leaves, and no more than the disk has.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        let left = self.limit_bytes.saturating_sub(self.used_bytes());
        // Where the disk does not say, a write will.
        left.min(self.backing.free_bytes().unwrap_or(u64::MAX))
    }

    /// Who is told that there is something to punch, or a failure to take.
    pub(super) fn returns(&self) -> &Arc<Returns> {
        &self.returns
    }

    /// Writes a piece.
    pub(super) fn put(self: &Arc<Self>, bytes: &[u8]) -> Result<Stored, StoreError> {
        match self.try_put(bytes) {
            // What is free and not yet punched takes room that a larger piece needs.
            Err(StoreError::Failed(failure)) if failure.is_full() => {
                self.punch_freed();
                self.try_put(bytes)
            }
            put => put,
        }
        .map_err(|error| match error {
            StoreError::Failed(failure) if failure.is_full() => StoreError::Full,
            StoreError::Failed(failure) => StoreError::Failed(self.note(failure)),
            StoreError::Full => StoreError::Full,
        })
    }

    fn try_put(self: &Arc<Self>, bytes: &[u8]) -> Result<Stored, StoreError> {
        let length = bytes.len() as u64;
        let room = length.next_multiple_of(BLOCK_BYTES);
        let offset = self.space.lock().take(room, self.limit_bytes).ok_or(StoreError::Full)?;
        // From here on the slot gives its room back, whatever happens.
        let slot = StoredBlocks { store: Arc::clone(self), offset, room };
        match self.backing.write(bytes, offset) {
            Ok(()) => Ok(Stored { slot: Arc::new(slot), start: 0, length }),
            Err(error) => Err(StoreError::Failed(StoreFailure::new(Action::Write, &error))),
        }
    }

    /// Punches out of the file what nobody needs any more. Must be called under no lock.
    pub(super) fn punch_freed(&self) {
        loop {
            let freed = self.space.lock().take_freed(PUNCH_BYTES_MAX);
            let Some((offset, length)) = freed else { return };
            // Where it cannot be punched, it is used again all the same.
            if let Err(error) = self.backing.punch(offset, length) {
                self.note(StoreFailure::new(Action::Punch, &error));
            }
            self.space.lock().add_hole(offset, length);
        }
    }

    /// The ways of failing that were not told before. Each is told once.
    pub(super) fn take_failures(&self) -> Vec<StoreFailure> {
        let failures = &mut *self.failures.lock();
        let told = std::mem::replace(&mut failures.told, failures.known.len());
        failures.known[told..].to_vec()
    }

    fn note(&self, failure: StoreFailure) -> StoreFailure {
        let failures = &mut *self.failures.lock();
        // There are three actions and some ten errnos.
        if !failures.known.contains(&failure) {
            failures.known.push(failure);
            self.returns.note();
        }
        failure
    }
}

/// The file, on whichever disk.
trait Backing: Debug + Send + Sync {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    fn punch(&self, offset: u64, length: u64) -> io::Result<()>;
    fn free_bytes(&self) -> io::Result<u64>;
}

#[derive(Debug)]
struct OnDisk<F> {
    disk: Disk<F>,
    file: OpenFile,
}

impl<F: Faults> Backing for OnDisk<F> {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.write_all_at(&self.file, bytes, offset)
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.read_exact_at(&self.file, bytes, offset)
    }

    fn punch(&self, offset: u64, length: u64) -> io::Result<()> {
        self.disk.punch(&self.file, offset, length)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes(&self.file)
    }
}

/// Blocks of the store that hold one piece.
#[derive(Debug)]
struct StoredBlocks {
    store: Arc<Store>,
    offset: u64,
    room: u64,
}

impl Drop for StoredBlocks {
    fn drop(&mut self) {
        self.store.space.lock().free(self.offset, self.room);
        self.store.returns.note();
    }
}

/// A run of bytes in the store. Its blocks are given back with the last run of the piece.
#[derive(Clone, Debug)]
pub struct Stored {
    slot: Arc<StoredBlocks>,
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
    pub(super) fn read(&self, out: &mut [u8]) -> Result<(), StoreFailure> {
        let store = &self.slot.store;
        let read = store.backing.read(out, self.slot.offset + self.start);
        read.map_err(|error| store.note(StoreFailure::new(Action::Read, &error)))
    }

    /// The bytes.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read.
    pub fn load(&self) -> Result<Vec<u8>, StoreFailure> {
        // A piece is at most 64 KiB.
        let mut bytes = vec![0; usize::try_from(self.length).unwrap_or_default()];
        self.read(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
