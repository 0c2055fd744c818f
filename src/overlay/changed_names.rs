//! Names that differ from the dataset's: only the differences are kept.
//!
//! A directory of the dataset that nobody has changed is not here. The first change to it makes a
//! [`ChangedDirectory`], which holds an entry for each name that was removed, added or replaced;
//! all other names stay arithmetic. A directory that was made has all its names here.
//!
//! One lock for all names: an operation like rename looks at several directories at once, and none
//! of them is held longer than it takes to move an entry.

mod directory;
mod locked;
mod places;

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::attributes::{InodeKind, JudgedBy};
use super::dirty::{DirtyNames, MovedDirectory};
use super::shrink::shrink;
use crate::dataset::{Coordinates, Dataset, DatasetEntry, Inode};

pub use directory::{ChangedDirectory, ChangedEntry};
pub(super) use locked::LockedNames;
pub use places::DEPTH_MAX;

use directory::name_extents;

/// A name; any bytes but `/` and NUL.
pub type Name = Arc<[u8]>;

/// A name in a directory, and what it is to stand for.
pub type NameChange<'a> = (Inode, &'a [u8], Option<(Inode, InodeKind)>);

/// What a directory takes from the budget beside its names: itself, the tables that its first names
/// are in, and where it is.
const DIRECTORY_EXTENTS: u64 = 3;

/// All names that differ from the dataset's.
#[derive(Debug, Default)]
pub struct ChangedNames {
    directories: HashMap<Inode, ChangedDirectory>,
    /// What all of them take from the budget.
    extents: u64,
    last_position: u64,
    files_more: i64,
    /// What was changed since it was noted.
    dirty: DirtyNames,
}

impl ChangedNames {
    /// What a name in a directory stands for.
    #[must_use]
    pub fn lookup(
        &self,
        dataset: &Dataset,
        parent: Inode,
        name: &[u8],
    ) -> Option<(Inode, InodeKind)> {
        let own = dataset_lookup(dataset, parent, name);
        self.now(parent, name, own)
    }

    /// The same for who knows what the dataset says of the name.
    fn now(
        &self,
        parent: Inode,
        name: &[u8],
        own: Option<(Inode, InodeKind)>,
    ) -> Option<(Inode, InodeKind)> {
        let Some(directory) = self.directories.get(&parent) else { return own };
        let Some((inode, _)) = own else { return directory.added_entry(name) };
        match directory.own_entry(inode) {
            Some(ChangedEntry::At(inode, kind)) => Some((inode, kind)),
            Some(ChangedEntry::Removed) => None,
            None => own,
        }
    }

    /// What differs in a directory.
    #[must_use]
    pub fn directory(&self, inode: Inode) -> Option<&ChangedDirectory> {
        self.directories.get(&inode)
    }

    /// The directories in which anything differs, in no order.
    pub fn directories(&self) -> impl Iterator<Item = (Inode, &ChangedDirectory)> {
        self.directories.iter().map(|(inode, directory)| (*inode, directory))
    }

    /// The directory that a directory is in.
    #[must_use]
    pub fn parent(&self, dataset: &Dataset, directory: Inode) -> Option<Inode> {
        match self.directories.get(&directory).and_then(|directory| directory.place.as_ref()) {
            Some((parent, _)) => Some(*parent),
            None => dataset.namespace().parent(directory),
        }
    }

    /// The directory that a directory was made in or moved to, and its name there; `None` for one
    /// of the dataset.
    fn place(&self, directory: Inode) -> Option<&(Inode, Name)> {
        self.directories.get(&directory)?.place.as_ref()
    }

    /// The directory of the dataset whose name a directory has: itself, where it is one, because
    /// those do not move.
    ///
    /// No dataset is deeper than its layout, so neither is the way back to one of its directories:
    /// how deep a directory lies costs nothing.
    #[must_use]
    pub fn stands_for(&self, dataset: &Dataset, directory: Inode) -> Option<Inode> {
        let namespace = dataset.namespace();
        let depth_max = dataset.layout().depth();
        let mut names: SmallVec<[&Name; 8]> = SmallVec::new();
        let mut at = directory;
        while let Some((parent, name)) = self.place(at) {
            if names.len() == depth_max {
                return None;
            }
            names.push(name);
            at = *parent;
        }
        let inode =
            names.into_iter().rev().try_fold(at, |parent, name| namespace.lookup(parent, name))?;
        (namespace.entry(inode)? == DatasetEntry::Directory).then_some(inode)
    }

    /// The file of the dataset that a name in a directory is the name of.
    #[must_use]
    pub fn file_named(
        &self,
        dataset: &Dataset,
        parent: Inode,
        name: &[u8],
    ) -> Option<(Inode, Coordinates)> {
        let inode = dataset.namespace().lookup(self.stands_for(dataset, parent)?, name)?;
        match dataset.namespace().entry(inode)? {
            DatasetEntry::File(file) => Some((inode, file)),
            DatasetEntry::Directory => None,
        }
    }

    /// What stands under the path of an inode of the dataset.
    #[must_use]
    pub fn found(&self, dataset: &Dataset, inode: Inode) -> Option<(Inode, InodeKind)> {
        let namespace = dataset.namespace();
        let mut path: SmallVec<[Inode; 8]> = SmallVec::new();
        let mut own = inode;
        while own != Inode::ROOT {
            path.push(own);
            own = namespace.parent(own)?;
        }
        let mut name = String::new();
        let mut at = (Inode::ROOT, InodeKind::Directory);
        for next in path.into_iter().rev() {
            let is_as_ever = at.0 == own && !self.directories.contains_key(&own);
            own = next;
            at = if is_as_ever {
                (next, namespace.entry(next)?.into())
            } else {
                name.clear();
                namespace.name(next, &mut name);
                self.lookup(dataset, at.0, name.as_bytes())?
            };
        }
        Some(at)
    }

    /// What decides what a file is held against that stands under a name.
    #[must_use]
    pub fn judged_at(
        &self,
        dataset: &Dataset,
        directory: Inode,
        name: &[u8],
        file: Inode,
    ) -> JudgedBy {
        if dataset.namespace().entry(directory).is_none() {
            let name = self.directories.get(&directory).and_then(|it| it.shared_name(name));
            return name.map_or(JudgedBy::Nothing, |name| JudgedBy::Name((directory, name).into()));
        }
        match dataset_lookup(dataset, directory, name) {
            Some((own, InodeKind::File)) if own == file => JudgedBy::Number,
            Some((own, InodeKind::File)) => JudgedBy::File(own),
            _ => JudgedBy::Nothing,
        }
    }

    /// The position of the name that was made last: a listing that begins now ends there.
    #[must_use]
    pub fn last_position(&self) -> u64 {
        self.last_position
    }

    /// Whether an inode of the dataset is found where the dataset has it.
    #[must_use]
    pub fn is_in_place(&self, dataset: &Dataset, inode: Inode) -> bool {
        let namespace = dataset.namespace();
        let mut name = String::new();
        let mut at = inode;
        while at != Inode::ROOT {
            let Some(parent) = namespace.parent(at) else { return false };
            name.clear();
            namespace.name(at, &mut name);
            if self.lookup(dataset, parent, name.as_bytes()).is_none_or(|(found, _)| found != at) {
                return false;
            }
            at = parent;
        }
        true
    }

    /// How many names there are more than the dataset has, directories not counted.
    #[must_use]
    pub fn files_more(&self) -> i64 {
        self.files_more
    }

    /// Whether a directory has no names.
    #[must_use]
    pub fn is_empty_directory(&self, dataset: &Dataset, directory: Inode) -> bool {
        let dataset_names = dataset.namespace().entry_count(directory).unwrap_or(0);
        match self.directories.get(&directory) {
            None => dataset_names == 0,
            Some(changed) => changed.removed == dataset_names && !changed.has_added(),
        }
    }

    /// What all names take from the budget.
    pub(super) fn extents(&self) -> u64 {
        self.extents
    }

    /// The most that names take more from the budget after they are made to stand for something
    /// else, with the directories that they make.
    #[must_use]
    pub fn growth(&self, dataset: &Dataset, changes: &[NameChange<'_>]) -> u64 {
        let mut growth = 0;
        let mut freed = 0;
        for (at, (parent, name, to)) in changes.iter().enumerate() {
            let directory = self.directories.get(parent);
            let own = dataset_lookup(dataset, *parent, name);
            let extents = name_extents(name, own.is_some());
            let is_needed = *to != own;
            if self.now(*parent, name, own) != own {
                freed += extents;
            }
            if is_needed {
                growth += extents;
            }
            let is_first = changes[..at].iter().all(|(before, ..)| before != parent);
            if is_needed && is_first && directory.is_none() {
                growth += DIRECTORY_EXTENTS;
            }
            if let Some((inode, InodeKind::Directory)) = to
                && dataset.namespace().entry(*inode).is_none()
                && !self.directories.contains_key(inode)
            {
                growth += DIRECTORY_EXTENTS;
            }
        }
        growth.saturating_sub(freed)
    }

    /// Lets a name stand for an inode, or with `None` for nothing, whatever it stood for before.
    pub fn set(
        &mut self,
        dataset: &Dataset,
        parent: Inode,
        name: &[u8],
        to: Option<(Inode, InodeKind)>,
    ) {
        let own = dataset_lookup(dataset, parent, name);
        let old = self.now(parent, name, own);
        let before = self.extents_of(parent);
        let directory = self.directories.entry(parent).or_default();
        let count = |entry: Option<(Inode, InodeKind)>| {
            i64::from(matches!(entry, Some((_, InodeKind::Directory))))
        };
        directory.subdirectories += count(to) - count(old);
        let files = |entry: Option<(Inode, InodeKind)>| {
            i64::from(entry.is_some_and(|(_, kind)| kind != InodeKind::Directory))
        };
        self.files_more += files(to) - files(old);
        if let Some((inode, InodeKind::Directory)) = own
            && to == own
            && old != own
        {
            // It was emptied before it was removed: now its files are back.
            let files = dataset.namespace().files_below(inode, None, None);
            self.files_more += i64::try_from(files).unwrap_or(0);
        }
        match (own, to) {
            (Some((own_inode, _)), _) => {
                directory.removed -= u64::from(old.is_none());
                directory.removed += u64::from(to.is_none());
                let entry =
                    to.map_or(ChangedEntry::Removed, |(to, kind)| ChangedEntry::At(to, kind));
                // As the dataset has it: nothing to remember.
                directory.set_own(own_inode, (to != own).then_some(entry));
            }
            (None, Some(to)) => {
                self.last_position += 1;
                directory.add(name, to, self.last_position);
            }
            (None, None) => directory.remove_added(name),
        }
        if directory.entry_count() == 0 && directory.place.is_none() {
            // All as the dataset has it again.
            self.directories.remove(&parent);
            shrink(&mut self.directories);
        }
        self.extents = (self.extents + self.extents_of(parent)).saturating_sub(before);
        match own {
            Some((directory, InodeKind::Directory)) if old == own && to != own => {
                self.dirty.removed.push(directory);
            }
            // All that was below it is there again.
            Some((_, InodeKind::Directory)) => self.dirty.everything |= old != own && to == own,
            Some((file, _)) => self.dirty.files.push(file),
            None => self.dirty.files.extend(self.file_named(dataset, parent, name).map(|it| it.0)),
        }
    }

    fn extents_of(&self, directory: Inode) -> u64 {
        self.directories.get(&directory).map_or(0, |it| DIRECTORY_EXTENTS + it.extents())
    }

    /// Says where a directory is that was made or moved.
    pub fn set_place(&mut self, dataset: &Dataset, directory: Inode, parent: Inode, name: &[u8]) {
        let before = self.extents_of(directory);
        let is_empty = self.directories.get(&directory).is_none_or(|it| it.entry_count() == 0);
        let stands_for =
            |tree: &Self| (!is_empty).then(|| tree.stands_for(dataset, directory)).flatten();
        let stood_for = stands_for(self);
        self.directories.entry(directory).or_default().place = Some((parent, name.into()));
        self.extents = (self.extents + self.extents_of(directory)).saturating_sub(before);
        if stood_for.is_some() || stands_for(self).is_some() {
            self.dirty.moved.push(MovedDirectory { directory, stood_for });
        }
    }

    /// Forgets a directory that is gone; it was empty.
    pub fn forget_directory(&mut self, inode: Inode) {
        self.extents = self.extents.saturating_sub(self.extents_of(inode));
        self.directories.remove(&inode);
        shrink(&mut self.directories);
    }
}

/// What the dataset says of a name.
#[must_use]
pub fn dataset_lookup(dataset: &Dataset, parent: Inode, name: &[u8]) -> Option<(Inode, InodeKind)> {
    let inode = dataset.namespace().lookup(parent, name)?;
    Some((inode, dataset.namespace().entry(inode)?.into()))
}

/// The name of an inode of the dataset in its directory.
#[must_use]
pub fn own_name(dataset: &Dataset, own: Inode) -> Name {
    let mut name = String::new();
    dataset.namespace().name(own, &mut name);
    name.into_bytes().into()
}

#[cfg(test)]
mod tests;
