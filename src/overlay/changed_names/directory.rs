//! The names of one directory that differ from the dataset's.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::{InodeKind, Name, own_name, shrink};
use crate::dataset::{Dataset, Inode};

/// A name of the dataset that does not stand for what the dataset says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangedEntry {
    /// It was removed.
    Removed,
    /// It stands for this inode.
    At(Inode, InodeKind),
}

/// A name that the dataset does not have.
#[derive(Clone, Copy, Debug)]
struct AddedEntry {
    inode: Inode,
    kind: InodeKind,
    /// Where it is listed, behind all names of the dataset.
    position: u64,
}

/// The names of one directory that differ from the dataset's.
#[derive(Debug, Default)]
pub struct ChangedDirectory {
    /// The dataset's own names, each by the number of the inode that the dataset has there: a
    /// restore changes all of them, and the text would be most of what it takes.
    own: BTreeMap<Inode, ChangedEntry>,
    /// The names that the dataset does not have.
    added: HashMap<Name, AddedEntry>,
    /// These in the order in which they were made: a listing that goes on while names come and go
    /// neither skips nor repeats one.
    order: BTreeMap<u64, Name>,
    /// The directory that it is in and its name there, where it was made.
    pub(super) place: Option<(Inode, Name)>,
    /// How many of the dataset's names were removed.
    pub(super) removed: u64,
    /// Directories in it, beyond those that the dataset has there.
    pub(super) subdirectories: i64,
    /// What the names that the dataset does not have take from the budget.
    added_extents: u64,
}

/// What a name takes from the budget: one of the dataset's is kept as a number.
pub(super) fn name_extents(name: &[u8], is_own: bool) -> u64 {
    if is_own { 1 } else { 1 + name.len() as u64 / 128 }
}

impl ChangedDirectory {
    /// How many names differ.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        (self.own.len() + self.added.len()) as u64
    }

    /// The names of the dataset that differ, each by the inode that the dataset has there, in
    /// order.
    pub fn own_entries(&self) -> impl Iterator<Item = (Inode, ChangedEntry)> {
        self.own.iter().map(|(own, entry)| (*own, *entry))
    }

    /// The names that the dataset does not have, in no order.
    pub fn added_entries(&self) -> impl Iterator<Item = (&Name, Inode, InodeKind)> {
        self.added.iter().map(|(name, entry)| (name, entry.inode, entry.kind))
    }

    /// All names that differ.
    pub fn names(&self, dataset: &Dataset) -> impl Iterator<Item = Name> {
        let own = self.own.keys().map(|own| own_name(dataset, *own));
        own.chain(self.added.keys().map(Name::clone))
    }

    /// What was changed about a name of the dataset, of which the inode is given.
    #[must_use]
    pub fn own_entry(&self, own: Inode) -> Option<ChangedEntry> {
        self.own.get(&own).copied()
    }

    /// What stands under a name that the dataset does not have.
    #[must_use]
    pub fn added_entry(&self, name: &[u8]) -> Option<(Inode, InodeKind)> {
        self.added.get(name).map(|entry| (entry.inode, entry.kind))
    }

    /// The name that such an entry is kept under, to be shared.
    pub(super) fn shared_name(&self, name: &[u8]) -> Option<Name> {
        self.added.get_key_value(name).map(|(name, _)| Name::clone(name))
    }

    /// The first name that was added behind a position, with its own.
    #[must_use]
    pub fn next_added(&self, after: u64) -> Option<(u64, &Name, Inode, InodeKind)> {
        let behind = (Bound::Excluded(after), Bound::Unbounded);
        let (position, name) = self.order.range(behind).next()?;
        let (inode, kind) = self.added_entry(name)?;
        Some((*position, name, inode, kind))
    }

    /// Directories in it, beyond those that the dataset has there.
    #[must_use]
    pub fn extra_subdirectories(&self) -> i64 {
        self.subdirectories
    }

    /// Whether it has none but the dataset's names.
    pub(super) fn has_added(&self) -> bool {
        !self.added.is_empty()
    }

    /// What its names take from the budget.
    pub(super) fn extents(&self) -> u64 {
        self.own.len() as u64 + self.added_extents
    }

    /// A name of the dataset stands for something else, or with `None` for what the dataset says.
    pub(super) fn set_own(&mut self, own: Inode, entry: Option<ChangedEntry>) {
        match entry {
            Some(entry) => self.own.insert(own, entry),
            None => self.own.remove(&own),
        };
    }

    /// A name that the dataset does not have stands for this; `position` is its place if it is new.
    pub(super) fn add(&mut self, name: &[u8], (inode, kind): (Inode, InodeKind), position: u64) {
        if let Some(entry) = self.added.get_mut(name) {
            (entry.inode, entry.kind) = (inode, kind);
            return;
        }
        let shared: Name = name.into();
        self.order.insert(position, Name::clone(&shared));
        self.added.insert(shared, AddedEntry { inode, kind, position });
        self.added_extents += name_extents(name, false);
    }

    /// A name that the dataset does not have is gone.
    pub(super) fn remove_added(&mut self, name: &[u8]) {
        let Some(entry) = self.added.remove(name) else { return };
        self.added_extents -= name_extents(name, false);
        shrink(&mut self.added);
        self.order.remove(&entry.position);
    }
}
