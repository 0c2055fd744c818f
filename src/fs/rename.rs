//! Renaming: one operation that looks at two directories and up to two inodes at once.

use super::name_changes::touch;
use super::{Error, Filesystem, InodeKind, Result, now};
use crate::dataset::Inode;
use crate::overlay::ChangedNames;

/// What a rename does where the new name is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RenameMode {
    /// It replaces what was there.
    #[default]
    Replace,
    /// It fails.
    NoReplace,
    /// The two change places; the new name must be taken.
    Exchange,
}

impl Filesystem {
    /// Renames.
    ///
    /// # Errors
    ///
    /// [`Error::FixedDirectory`] for a directory of the dataset, [`Error::Invalid`] for a directory
    /// into itself, [`Error::TooDeep`] into one that is deeper than
    /// [`DEPTH_MAX`](crate::overlay::DEPTH_MAX), [`Error::Exists`], [`Error::NotEmpty`],
    /// [`Error::NotDirectory`], [`Error::IsDirectory`], [`Error::NotFound`],
    /// [`Error::ReadOnly`] under `.status`, [`Error::NoSpace`].
    pub fn rename(
        &self,
        parent: Inode,
        name: &[u8],
        new_parent: Inode,
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<()> {
        self.check_directory(parent, name)?;
        self.check_directory(new_parent, new_name)?;
        let time = now();
        let growth = |tree: &ChangedNames| {
            let from = tree.lookup(&self.dataset, parent, name);
            let to = tree.lookup(&self.dataset, new_parent, new_name);
            let back = to.filter(|_| mode == RenameMode::Exchange);
            let changes = [(parent, name, back), (new_parent, new_name, from)];
            tree.growth(&self.dataset, &changes)
        };
        // Dropped when the names can be used again: that may give much back.
        let _gone = self.overlay.change_names(growth, |tree| {
            let parent_record = self.changeable_directory(tree, parent)?;
            let new_parent_record = self.changeable_directory(tree, new_parent)?;
            let from = tree.lookup(&self.dataset, parent, name).ok_or(Error::NotFound)?;
            let to = tree.lookup(&self.dataset, new_parent, new_name);
            self.check_rename(tree, (parent, from), (new_parent, to), mode)?;
            if to.is_some_and(|(inode, _)| inode == from.0) {
                return Ok(None);
            }
            // Before anything moves: each may need a record, and there may be no room for one.
            let record = self.overlay.get_or_insert(from.0)?;
            let replaced = match to {
                Some((inode, kind)) => Some((inode, kind, self.overlay.get_or_insert(inode)?)),
                None => None,
            };
            let back = to.filter(|_| mode == RenameMode::Exchange);
            tree.set(&self.dataset, parent, name, back);
            tree.set(&self.dataset, new_parent, new_name, Some(from));
            let (old, new) = ((parent, name), (new_parent, new_name));
            self.moved(tree, (old, new), from, &record, time);
            if let Some((inode, kind, record)) = &replaced {
                if mode == RenameMode::Exchange {
                    self.moved(tree, (new, old), (*inode, *kind), record, time);
                } else {
                    self.drop_name(tree, new, (*inode, *kind), record, time);
                }
            }
            touch(&parent_record, time);
            touch(&new_parent_record, time);
            Ok::<_, Error>(replaced)
        })?;
        Ok(())
    }

    fn check_rename(
        &self,
        tree: &ChangedNames,
        (parent, from): (Inode, (Inode, InodeKind)),
        (new_parent, to): (Inode, Option<(Inode, InodeKind)>),
        mode: RenameMode,
    ) -> Result<()> {
        let is_fixed = |(inode, kind): (Inode, InodeKind)| {
            kind == InodeKind::Directory && self.dataset.namespace().entry(inode).is_some()
        };
        let (inode, kind) = from;
        let is_directory = kind == InodeKind::Directory;
        if is_fixed(from) {
            return Err(Error::FixedDirectory);
        }
        if is_directory && parent != new_parent {
            self.check_not_within(tree, new_parent, inode)?;
        }
        match (mode, to) {
            (RenameMode::NoReplace, Some(_)) => Err(Error::Exists),
            (RenameMode::Exchange, None) => Err(Error::NotFound),
            (RenameMode::Exchange, Some(to)) if is_fixed(to) => Err(Error::FixedDirectory),
            (RenameMode::Exchange, Some((to, InodeKind::Directory))) if parent != new_parent => {
                self.check_not_within(tree, parent, to)
            }
            (RenameMode::Replace, Some((to, InodeKind::Directory))) => {
                if !is_directory {
                    Err(Error::IsDirectory)
                } else if to != inode && !tree.is_empty_directory(&self.dataset, to) {
                    Err(Error::NotEmpty)
                } else {
                    Ok(())
                }
            }
            (RenameMode::Replace, Some(_)) if is_directory => Err(Error::NotDirectory),
            _ => Ok(()),
        }
    }

    /// No directory is moved to itself or below itself; what is so deep that this would take long
    /// to see is refused. In the directory in which it is already, there is nothing to see.
    fn check_not_within(&self, tree: &ChangedNames, directory: Inode, other: Inode) -> Result<()> {
        match tree.is_within(&self.dataset, directory, other) {
            Some(false) => Ok(()),
            Some(true) => Err(Error::Invalid),
            None => Err(Error::TooDeep),
        }
    }
}
