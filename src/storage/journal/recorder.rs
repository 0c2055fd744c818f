//! What a writer tells the journal, and when it syncs.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Journal;
use crate::disk::{Durability, Faults, Sound};

/// What hears of each step of a writer, which makes files of one generation.
#[derive(Debug)]
pub(in super::super) struct Recorder<'a, F: Faults = Sound> {
    pub(super) journal: Option<&'a Journal<F>>,
    /// After how many bytes of a file it is synced.
    pub(super) sync_every: Option<u64>,
    pub(super) generation: u16,
}

#[expect(
    clippy::expl_impl_clone_on_copy,
    reason = "a derived one would ask that faults can be copied"
)]
impl<F: Faults> Clone for Recorder<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Faults> Copy for Recorder<'_, F> {}

impl<F: Faults> Recorder<'_, F> {
    /// Nobody hears of anything.
    pub(in super::super) const NOBODY: Self =
        Self { journal: None, sync_every: None, generation: 0 };

    /// A file is about to be made, perhaps in place of another.
    pub(in super::super) fn making(
        &self,
        index: u64,
        over: impl FnOnce() -> bool,
    ) -> io::Result<()> {
        self.tell(|journal| journal.making(index, over()))
    }

    /// A write has returned. `unsynced` counts the file's bytes since its last sync.
    pub(in super::super) fn wrote(
        &self,
        index: u64,
        range: Range<u64>,
        unsynced: &AtomicU64,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let length = range.end - range.start;
        self.tell(|journal| journal.wrote(index, range, self.generation))?;
        let Some(every) = self.sync_every else { return Ok(()) };
        if unsynced.fetch_add(length, Ordering::Relaxed) + length < every {
            return Ok(());
        }
        unsynced.store(0, Ordering::Relaxed);
        self.sync(index, sync)
    }

    /// Syncs a file, and notes what that has covered.
    pub(in super::super) fn sync(
        &self,
        index: u64,
        sync: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        // Before the sync: what is written while it goes on may not be covered.
        let covered = self.journal.map(|journal| journal.covered(index));
        sync()?;
        self.tell(|journal| journal.synced(index, &covered.unwrap_or_default()))
    }

    /// A file is whole and has its name.
    pub(in super::super) fn completed(&self, index: u64, durability: Durability) -> io::Result<()> {
        self.tell(|journal| journal.completed(index, self.generation, durability))
    }

    /// The names of files were synced, and those above them.
    pub(super) fn names_synced(&self, files: Range<u64>) -> io::Result<()> {
        self.tell(|journal| journal.names_synced(files))
    }

    fn tell(&self, what: impl FnOnce(&Journal<F>) -> io::Result<()>) -> io::Result<()> {
        let Some(journal) = self.journal else { return Ok(()) };
        what(journal).map_err(|error| {
            io::Error::new(error.kind(), format!("the journal cannot be written: {error}"))
        })
    }
}
