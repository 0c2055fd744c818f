//! A file that is on its way to its name.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::dataset::Coordinates;
use crate::disk::{OpenDirectory, OpenFile};
use crate::storage::block_file::NewFile;
use crate::sync::Mutex;

/// A file on its way.
pub(in crate::storage) struct PendingFile {
    pub(super) coordinates: Coordinates,
    pub(super) parent: Arc<OpenDirectory>,
    pub(super) name: OsString,
    pub(super) stage: Stage,
    /// Bytes that were written since it was last synced.
    pub(super) unsynced: AtomicU64,
    /// It cannot be written, or is not what it should be.
    pub(super) failed: AtomicBool,
    /// Why it cannot be written.
    pub(super) error: Mutex<Option<io::Error>>,
    /// How often it was tried again.
    pub(super) tries: u32,
}

impl PendingFile {
    /// Notes one failure a file, however many blocks fail and threads work on it.
    pub(super) fn note_failure(&self, written: io::Result<()>) {
        if let Err(error) = written {
            self.error.lock().get_or_insert(error);
            self.failed.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn new(
        coordinates: Coordinates,
        parent: Arc<OpenDirectory>,
        name: OsString,
        stage: Stage,
    ) -> Self {
        let (failed, error) = (AtomicBool::new(false), Mutex::new(None));
        let unsynced = AtomicU64::new(0);
        Self { coordinates, parent, name, stage, unsynced, failed, error, tries: 0 }
    }
}

/// What is done with it.
pub(super) enum Stage {
    /// One of the right size is there already, and is read.
    Checking(Arc<OpenFile>),
    Writing(NewFile),
}
