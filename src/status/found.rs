//! What stands under the names of the dataset, and what is held against it.

use std::sync::Arc;

use super::MountStatus;
use super::judgement_cache::{RecordVersion, Subject};
use crate::content::{StopCheck, Stopped};
use crate::dataset::{Coordinates, DatasetEntry, FileContent, Inode};
use crate::overlay::{ChangedEntry, InodeKind, Record, Written};
use crate::verdict::{ByteTally, Judge, WrongRange};

/// The verdict on a file with more extents than this may take long.
const QUICK_EXTENTS_MAX: usize = 64;

/// What stands under a name of the dataset.
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// A directory, a link, a device: no file.
    NoFile,
    /// A file that somebody wrote to.
    Written(Inode, Arc<Record>),
    /// A file that nobody wrote to: it shows what its inode number stands for.
    As(Inode),
}

/// What stands under names of the dataset in a directory that stands for one of it.
pub(super) struct ChangedEntries {
    /// For the recount.
    #[cfg(debug_assertions)]
    pub(super) stands_for: Inode,
    pub(super) is_own: bool,
    /// Each name by the inode that the dataset has there. Of a directory that was made again all
    /// that are there; of the dataset's own those that differ.
    pub(super) entries: Vec<(Inode, ChangedEntry)>,
}

impl Found {
    /// Whether the verdict on it may take long.
    pub(super) fn is_long(&self) -> bool {
        matches!(self, Self::Written(_, record) if record.extent_count() > QUICK_EXTENTS_MAX)
    }
}

impl MountStatus<'_> {
    /// What stands under the name of a file of the dataset.
    pub(super) fn found(&self, file: Coordinates) -> Found {
        let Some(own) = self.dataset.namespace().inode(file) else { return Found::Missing };
        let found = self.overlay.look(|tree| tree.found(self.dataset, own));
        found.map_or(Found::Missing, |(inode, kind)| self.found_at(inode, kind))
    }

    pub(super) fn found_at(&self, inode: Inode, kind: InodeKind) -> Found {
        if kind != InodeKind::File {
            return Found::NoFile;
        }
        match self.overlay.get(inode).filter(|record| record.is_written()) {
            Some(record) => Found::Written(inode, record),
            None => Found::As(inode),
        }
    }

    /// What a file has that was found, also where nobody wrote to it; `None` where none is there.
    pub(super) fn written(&self, found: &Found) -> Option<Written> {
        match found {
            Found::Written(_, record) => Some(record.written().unwrap_or_default()),
            Found::As(inode) => Some(Written::of(self.own(*inode))),
            Found::Missing | Found::NoFile => None,
        }
    }

    /// The content that the dataset has for an inode; `None` for one that was made.
    pub(super) fn own(&self, inode: Inode) -> Option<FileContent> {
        match self.dataset.namespace().entry(inode)? {
            DatasetEntry::File(file) => Some(self.dataset.file_content(file)),
            DatasetEntry::Directory => None,
        }
    }

    /// What becomes of the bytes of a file. A judgement that takes long is remembered.
    pub(super) fn tally(
        &self,
        file: Coordinates,
        found: &Found,
        stop: StopCheck<'_>,
    ) -> Result<ByteTally, Stopped> {
        let judge = |stop: StopCheck<'_>| self.judge(file, found, stop, &mut |_| {}).ok();
        let remembered = |subject, version: RecordVersion<'_>| {
            self.judgements.tally((subject, file), version, stop, judge)
        };
        let tally = match found {
            // Where it changes now, it is remembered under a number that it does not have.
            Found::Written(inode, record) => {
                remembered(Subject::Record(*inode), Some((record, record.version())))
            }
            Found::As(inode) => match self.own(*inode) {
                Some(own) if own.file != file => remembered(Subject::Content(own.file), None),
                _ => judge(stop),
            },
            Found::Missing | Found::NoFile => judge(stop),
        };
        tally.ok_or(Stopped)
    }

    /// Holds what was found against what belongs there.
    pub(super) fn judge(
        &self,
        file: Coordinates,
        found: &Found,
        stop: StopCheck<'_>,
        range: &mut dyn FnMut(WrongRange),
    ) -> Result<ByteTally, Stopped> {
        let expectation = self.dataset.file_content(file);
        let expected = expectation.size_bytes;
        match found {
            Found::As(inode) if self.own(*inode) == Some(expectation) => {
                Ok(ByteTally::untouched(expected))
            }
            Found::Missing => Ok(ByteTally { expected, missing: expected, ..ByteTally::default() }),
            Found::NoFile => Ok(ByteTally { expected, wrong: expected, ..ByteTally::default() }),
            Found::As(_) | Found::Written(..) => {
                let written = self.written(found).unwrap_or_default();
                let judge = Judge { content: self.content, expectation };
                judge.judge(&written, stop, range).ok_or(Stopped)
            }
        }
    }

    /// The entries of all directories that stand for one of the dataset: of one moment, and no
    /// more is done while names cannot change than to copy them.
    pub(super) fn entries(&self) -> Vec<ChangedEntries> {
        self.overlay.with_names(|tree| {
            let mut all = Vec::new();
            for (directory, names) in tree.directories() {
                let Some(stands_for) = tree.stands_for(self.dataset, directory) else { continue };
                let is_own = stands_for == directory;
                let entries = if is_own {
                    names.own_entries().collect()
                } else {
                    let namespace = self.dataset.namespace();
                    let entries = names.added_entries().filter_map(|(name, inode, kind)| {
                        let own = namespace.lookup(stands_for, name)?;
                        Some((own, ChangedEntry::At(inode, kind)))
                    });
                    entries.collect()
                };
                all.push(ChangedEntries {
                    #[cfg(debug_assertions)]
                    stands_for,
                    is_own,
                    entries,
                });
            }
            all
        })
    }
}
