//! What is known of the files of a run: which bytes were written, and what a sync has covered.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::runs::Runs;

/// All bytes of a file, however many it has.
pub(super) const WHOLE: Range<u64> = 0..u64::MAX;

/// How far a file's name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameState {
    /// The run has not given it.
    #[default]
    NotGiven,
    /// The file was renamed to it; a crash may take that back.
    Given,
    /// The directory was synced since then, and those above it.
    Synced,
}

/// What is known of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLedger {
    /// The generation that was last written to each range: the call returned.
    pub(super) written: Runs<u16>,
    /// The generation that a sync has covered.
    pub(super) synced: Runs<u16>,
    pub(super) name: NameState,
    /// There may be another file under the name, or may have been when this one got it.
    pub(super) over: bool,
}

impl FileLedger {
    /// A file begins to be made, under another name for now.
    pub(super) fn make(&mut self, over: bool) {
        *self =
            Self { over: over || self.over || self.name != NameState::NotGiven, ..Self::default() };
    }

    /// A write of a generation has returned.
    pub(super) fn write(&mut self, range: Range<u64>, generation: u16) {
        self.written.set(range, generation);
    }

    /// A sync has returned that began when this was written.
    pub(super) fn sync(&mut self, covered: &Runs<u16>) {
        for (range, generation) in covered.iter() {
            self.synced.update(range, |known| {
                Some(known.map_or(*generation, |known| *known.max(generation)))
            });
        }
    }

    /// The whole file is what a generation has, and stands under its name.
    pub(super) fn complete(&mut self, generation: u16) {
        self.written = Runs::of(WHOLE, generation);
        self.name = self.name.max(NameState::Given);
    }

    /// The name lasts, and with it what it names.
    pub(super) fn sync_name(&mut self) {
        self.name = NameState::Synced;
        self.over = false;
    }

    /// What of the content has to be there after a crash, where the file is there, or has to be.
    pub(super) fn promised(&self) -> Option<&Runs<u16>> {
        // Where another file may still have the name, it is not known which one is looked at.
        (!self.over).then_some(&self.synced)
    }

    /// Whether anything would be lost if another file were made in place of this one.
    fn has_promises(&self) -> bool {
        !self.synced.is_empty() || self.name == NameState::Synced
    }
}

/// What is known of all files, by their numbers in the share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    files: Runs<FileLedger>,
    /// The generation that the run is writing, or has written.
    pub(super) generation: u16,
    /// The run has come to its end.
    pub(super) done: bool,
}

impl Ledger {
    /// The generation that the run is writing, or has written.
    #[must_use]
    pub fn generation(&self) -> u16 {
        self.generation
    }

    /// Whether the run has come to its end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// What is known of a file.
    #[must_use]
    pub fn file(&self, index: u64) -> FileLedger {
        self.files.get(index).cloned().unwrap_or_default()
    }

    /// Files of which the same is known, in their order.
    pub(super) fn files(&self) -> impl Iterator<Item = (Range<u64>, &FileLedger)> {
        self.files.iter()
    }

    /// The same of the files of a range.
    pub(super) fn files_in(
        &self,
        range: Range<u64>,
    ) -> impl Iterator<Item = (Range<u64>, FileLedger)> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let (known, end) = self.files.stretch(at);
            let run = at..end.min(range.end);
            at = run.end;
            Some((run, known.cloned().unwrap_or_default()))
        })
    }

    /// Replaces what is known of some files.
    pub(super) fn set(&mut self, files: Range<u64>, known: &FileLedger) {
        self.files.update(files, |_| (*known != FileLedger::default()).then(|| known.clone()));
    }

    /// Changes what is known of some files.
    pub(super) fn change(&mut self, files: Range<u64>, change: impl Fn(&mut FileLedger)) {
        self.files.update(files, |known| {
            let mut known = known.cloned().unwrap_or_default();
            change(&mut known);
            (known != FileLedger::default()).then_some(known)
        });
    }

    /// Whether a crash could break a promise on this file.
    pub(super) fn has_promises(&self, index: u64) -> bool {
        self.files.get(index).is_some_and(FileLedger::has_promises)
    }

    /// A run goes on where another one has ended: files without a name are made anew.
    pub(super) fn resume(&mut self) {
        self.done = false;
        self.files.update(0..u64::MAX, |known| {
            known.filter(|known| known.name != NameState::NotGiven || known.over).map(|known| {
                match known.name {
                    NameState::NotGiven => FileLedger { over: true, ..FileLedger::default() },
                    _ => known.clone(),
                }
            })
        });
    }
}
