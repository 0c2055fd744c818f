//! Names: from one to its inode, and through a directory.

use super::{
    Error, Filesystem, InodeAttributes, InodeKind, Resolved, Result, STATUS_NAME, StatusNode,
};
use crate::dataset::Inode;
use crate::overlay::{ChangedEntry, ChangedNames};

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry<'a> {
    /// The inode number.
    pub inode: Inode,
    /// Its kind.
    pub kind: InodeKind,
    /// The name.
    pub name: &'a [u8],
    /// Where to go on after this entry.
    pub next_cursor: u64,
}

/// The cursor of the first entry behind `.` and `..`.
const FIRST: u64 = 2;

/// The cursors of names that were made begin here: far behind those of the dataset.
const ADDED: u64 = 1 << 62;

impl Filesystem {
    /// The inode of a name in a directory; also of `.` and `..`, by which a server that exports the
    /// mount finds its way back to an inode that the kernel has forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NameTooLong`], and [`Error::NotDirectory`] where the parent is
    /// none.
    pub fn lookup(&self, parent: Inode, name: &[u8]) -> Result<Inode> {
        self.overlay.look(|tree| self.lookup_in(tree, parent, name))
    }

    /// Looks a name up for somebody who remembers the inode until [`forget`](Self::forget) says
    /// that he does no more: until then it can be used, also when its last name is gone.
    ///
    /// # Errors
    ///
    /// As for [`lookup`](Self::lookup).
    pub fn look_up(&self, parent: Inode, name: &[u8]) -> Result<InodeAttributes> {
        loop {
            let resets = self.overlay.resets();
            let inode = self.remember(parent, name)?;
            match self.attributes(inode) {
                Ok(attributes) => return Ok(attributes),
                Err(error) => {
                    self.forget(inode, 1);
                    // Where a reset came in between, the name stands for something else.
                    if self.overlay.resets() == resets {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Finds a name, and counts that its inode is remembered before the name can go.
    fn remember(&self, parent: Inode, name: &[u8]) -> Result<Inode> {
        if !self.overlay.names_changed() {
            let inode = self.lookup_in(&ChangedNames::default(), parent, name)?;
            self.lookups.remember(inode);
            if !self.overlay.names_changed() {
                return Ok(inode);
            }
            self.forget(inode, 1);
        }
        self.overlay.with_names(|tree| {
            let inode = self.lookup_in(tree, parent, name)?;
            self.lookups.remember(inode);
            Ok(inode)
        })
    }

    fn lookup_in(&self, tree: &ChangedNames, parent: Inode, name: &[u8]) -> Result<Inode> {
        let resolved = self.resolve(parent)?;
        match name {
            b"." if self.has_name(tree, parent, resolved) => return Ok(parent),
            b".." if self.has_name(tree, parent, resolved) => {
                return Ok(self.parent(tree, parent, resolved));
            }
            b"." | b".." => return Err(Error::NotFound),
            _ if name.len() > 255 => return Err(Error::NameTooLong),
            _ => {}
        }
        let found = match resolved {
            Resolved::File(_)
            | Resolved::Special(_)
            | Resolved::Status(
                StatusNode::Document(_) | StatusNode::Control | StatusNode::Manifest,
            ) => {
                return Err(Error::NotDirectory);
            }
            Resolved::Status(node) => node.lookup(&self.dataset, name).map(StatusNode::inode),
            Resolved::Directory if parent == Inode::ROOT && name == STATUS_NAME.as_bytes() => {
                Some(StatusNode::Root.inode())
            }
            Resolved::Directory if self.is_removed(parent) => None,
            Resolved::Directory => tree.lookup(&self.dataset, parent, name).map(|(inode, _)| inode),
        };
        found.ok_or(Error::NotFound)
    }

    /// Hands the entries of a directory to `add`, from a cursor on, until it returns `false`
    /// because it has no room for that entry, or there are no more.
    ///
    /// What is made while it is listed is not shown. Cursors are positions: 0 is the beginning, and
    /// each entry says where to go on behind it. They stay good while names come and go: the
    /// dataset's names have their places for ever, and those that were made since are listed behind
    /// them in the order in which they were made. No more than one name is held in memory, however
    /// large the directory.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] and [`Error::NotDirectory`].
    pub fn read_directory(
        &self,
        directory: Inode,
        cursor: u64,
        add: &mut dyn FnMut(DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        self.read_directory_to(directory, cursor, self.last_position(), add)
    }

    /// The same up to the name that was made at a position.
    pub(super) fn read_directory_to(
        &self,
        directory: Inode,
        cursor: u64,
        last: u64,
        add: &mut dyn FnMut(DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        let resolved = self.resolve(directory)?;
        match resolved {
            Resolved::Directory
            | Resolved::Status(
                StatusNode::Root | StatusNode::Nodes | StatusNode::Files(_) | StatusNode::Sums,
            ) => {}
            _ => return Err(Error::NotDirectory),
        }
        let kind = InodeKind::Directory;
        let itself = DirectoryEntry { inode: directory, kind, name: b".", next_cursor: 1 };
        if cursor == 0 && !add(itself) {
            return Ok(());
        }
        let inode = self.overlay.look(|tree| self.parent(tree, directory, resolved));
        let parent = DirectoryEntry { inode, kind, name: b"..", next_cursor: FIRST };
        if cursor <= 1 && !add(parent) {
            return Ok(());
        }
        if self.is_removed(directory) {
            return Ok(());
        }
        if cursor < ADDED && !self.read_fixed(directory, resolved, cursor.max(FIRST), add) {
            return Ok(());
        }
        self.read_added(directory, cursor.max(ADDED), last, add);
        Ok(())
    }

    /// The names that arithmetic gives, less those that were removed; false where `add` is full.
    fn read_fixed(
        &self,
        directory: Inode,
        resolved: Resolved,
        cursor: u64,
        add: &mut dyn FnMut(DirectoryEntry<'_>) -> bool,
    ) -> bool {
        let changed = self.overlay.names_changed()
            && self.overlay.with_names(|tree| tree.directory(directory).is_some());
        let mut name = String::new();
        for cursor in cursor.. {
            name.clear();
            let entry = self.entry(directory, resolved, cursor - FIRST, &mut name);
            let Some((mut inode, mut kind)) = entry else { break };
            if changed {
                let entry = self
                    .overlay
                    .with_names(|tree| tree.directory(directory)?.entry(name.as_bytes()));
                match entry {
                    Some(ChangedEntry::Removed) => continue,
                    Some(ChangedEntry::At(now, its_kind)) => (inode, kind) = (now, its_kind),
                    None => {}
                }
            }
            let name = name.as_bytes();
            if !add(DirectoryEntry { inode, kind, name, next_cursor: cursor + 1 }) {
                return false;
            }
        }
        true
    }

    fn read_added(
        &self,
        directory: Inode,
        cursor: u64,
        last: u64,
        add: &mut dyn FnMut(DirectoryEntry<'_>) -> bool,
    ) {
        let mut position = cursor - ADDED;
        // One at a time, so that the lock is not held while the entry is copied out.
        while let Some((at, name, inode, kind)) = self.overlay.with_names(|tree| {
            let (at, name, inode, kind) = tree.directory(directory)?.next_added(position)?;
            (at <= last).then(|| (at, name.clone(), inode, kind))
        }) {
            let next_cursor = ADDED + at;
            if !add(DirectoryEntry { inode, kind, name: &name, next_cursor }) {
                return;
            }
            position = at;
        }
    }

    fn entry(
        &self,
        directory: Inode,
        resolved: Resolved,
        mut index: u64,
        name: &mut String,
    ) -> Option<(Inode, InodeKind)> {
        if let Resolved::Status(node) = resolved {
            let entry = node.entry(&self.dataset, index, name)?;
            let kind = if entry.is_directory() { InodeKind::Directory } else { InodeKind::File };
            return Some((entry.inode(), kind));
        }
        if directory == Inode::ROOT && self.options.list_status {
            if index == 0 {
                name.push_str(STATUS_NAME);
                return Some((StatusNode::Root.inode(), InodeKind::Directory));
            }
            index -= 1;
        }
        let (inode, node) = self.dataset.namespace().entry_at(directory, index, name)?;
        Some((inode, node.into()))
    }

    fn parent(&self, tree: &ChangedNames, inode: Inode, resolved: Resolved) -> Inode {
        match resolved {
            Resolved::Status(node) => {
                node.parent(&self.dataset).map_or(Inode::ROOT, StatusNode::inode)
            }
            Resolved::Directory | Resolved::File(_) | Resolved::Special(_) => {
                tree.parent(&self.dataset, inode).unwrap_or(Inode::ROOT)
            }
        }
    }

    /// Whether an inode was removed and is still open somewhere.
    fn is_removed(&self, inode: Inode) -> bool {
        self.overlay.get(inode).is_some_and(|record| record.links() == 0)
    }

    /// Whether an inode can still be found by a name.
    fn has_name(&self, tree: &ChangedNames, inode: Inode, resolved: Resolved) -> bool {
        if matches!(resolved, Resolved::Status(_)) {
            return true;
        }
        if let Some(record) = self.overlay.get(inode) {
            return record.links() > 0;
        }
        // Of the dataset, and never changed: it is where it always was, unless something on the way
        // there is gone.
        tree.is_in_place(&self.dataset, inode)
    }
}
