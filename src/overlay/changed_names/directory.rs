//! The names of one directory that differ from the dataset's.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::{InodeKind, Name, shrink};
use crate::dataset::Inode;

/// A name that differs from what the dataset says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedEntry {
    /// The dataset's name was removed.
    Removed,
    /// The name stands for this inode.
    At(Inode, InodeKind),
}

/// The names of one directory that differ from the dataset's.
#[derive(Debug, Default)]
pub struct ChangedDirectory {
    pub(super) entries: HashMap<Name, (ChangedEntry, Position)>,
    /// The names that the dataset does not have, in the order in which they were made: a listing
    /// that goes on while names come and go neither skips nor repeats one.
    pub(super) added: BTreeMap<u64, Name>,
    /// The directory that it is in and its name there, where it was made.
    pub(super) place: Option<(Inode, Name)>,
    /// How many of the dataset's names were removed.
    pub(super) removed: u64,
    /// Directories in it, beyond those that the dataset has there.
    pub(super) subdirectories: i64,
    /// What its names take from the budget.
    pub(super) extents: u64,
}

/// What a name takes from the budget.
pub(super) fn name_extents(name: &[u8]) -> u64 {
    1 + name.len() as u64 / 128
}

/// Where a name is listed: at the dataset's position, or behind all of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    Dataset,
    Added(u64),
}

impl ChangedDirectory {
    /// How many names differ.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The names that differ, in no order.
    pub fn entries(&self) -> impl Iterator<Item = (&Name, ChangedEntry)> {
        self.entries.iter().map(|(name, (entry, _))| (name, *entry))
    }

    /// What was changed about a name.
    #[must_use]
    pub fn entry(&self, name: &[u8]) -> Option<ChangedEntry> {
        self.entries.get(name).map(|(entry, _)| *entry)
    }

    /// The first name that was added behind a position, with its own.
    #[must_use]
    pub fn next_added(&self, after: u64) -> Option<(u64, &Name, Inode, InodeKind)> {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        self.added.range(behind).find_map(|(position, name)| match self.entries.get(name)?.0 {
            ChangedEntry::At(inode, kind) => Some((*position, name, inode, kind)),
            ChangedEntry::Removed => None,
        })
    }

    /// Directories in it, beyond those that the dataset has there.
    #[must_use]
    pub fn extra_subdirectories(&self) -> i64 {
        self.subdirectories
    }

    pub(super) fn insert(
        &mut self,
        name: Name,
        to: Option<(Inode, InodeKind)>,
        position: Position,
    ) {
        let entry = to.map_or(ChangedEntry::Removed, |(inode, kind)| ChangedEntry::At(inode, kind));
        let extents = name_extents(&name);
        if self.entries.insert(name, (entry, position)).is_none() {
            self.extents += extents;
        }
    }

    pub(super) fn forget(&mut self, name: &[u8]) {
        let Some((_, position)) = self.entries.remove(name) else { return };
        self.extents -= name_extents(name);
        shrink(&mut self.entries);
        if let Position::Added(position) = position {
            self.added.remove(&position);
        }
    }
}
