//! Listing directories.

use super::{Error, Filesystem, InodeKind, Resolved, Result, STATUS_NAME, StatusEntry};
use crate::dataset::Inode;
use crate::overlay::{ChangedEntry, ChangedNames};
use crate::sync::DashMap;
use crate::sync::atomic::{AtomicU64, Ordering};

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

/// Of each open directory the position of the last name that its listing shows. As many as the
/// kernel has directories open: its limits bound the table.
#[derive(Debug, Default)]
pub(super) struct Listings {
    open: DashMap<u64, u64>,
    last_handle: AtomicU64,
}

impl Listings {
    fn open(&self, last: u64) -> u64 {
        let handle = self.last_handle.fetch_add(1, Ordering::Relaxed) + 1;
        self.open.insert(handle, last);
        handle
    }

    /// Where the listing of an open directory ends: at the name that is the last one, where it
    /// begins again.
    fn end(&self, handle: u64, cursor: u64, last: impl FnOnce() -> u64) -> Result<u64> {
        let mut open = self.open.get_mut(&handle).ok_or(Error::BadHandle)?;
        if cursor == 0 {
            *open = last();
        }
        Ok(*open)
    }
}

impl Filesystem {
    /// Opens a directory to be listed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] and [`Error::NotDirectory`].
    pub fn open_directory(&self, directory: Inode) -> Result<u64> {
        self.listable(directory)?;
        Ok(self.listings.open(self.last_position()))
    }

    /// Closes what [`open_directory`](Self::open_directory) opened.
    pub fn release_directory(&self, handle: u64) {
        self.listings.open.remove(&handle);
    }

    /// As [`read_directory`](Self::read_directory), of an open directory. Names that come in behind
    /// the last one that there was when it was opened, or read from the beginning again, are not
    /// shown: who renames what is listed would never come to an end.
    ///
    /// # Errors
    ///
    /// [`Error::BadHandle`], and as for [`read_directory`](Self::read_directory).
    pub fn read_open_directory(
        &self,
        directory: Inode,
        handle: u64,
        cursor: u64,
        add: &mut dyn FnMut(DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        let last = self.listings.end(handle, cursor, || self.last_position())?;
        self.read_directory_to(directory, cursor, last, add)
    }

    /// The position of the name that was made last.
    fn last_position(&self) -> u64 {
        self.overlay.with_names(ChangedNames::last_position)
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
    fn read_directory_to(
        &self,
        directory: Inode,
        cursor: u64,
        last: u64,
        add: &mut dyn FnMut(DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        let resolved = self.listable(directory)?;
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
                let entry =
                    self.overlay.with_names(|tree| tree.directory(directory)?.own_entry(inode));
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
        if let Resolved::Status(entry) = resolved {
            let entry = entry.entry(&self.dataset, index, name)?;
            let kind = if entry.is_directory() { InodeKind::Directory } else { InodeKind::File };
            return Some((entry.inode(), kind));
        }
        if directory == Inode::ROOT && self.options.list_status {
            if index == 0 {
                name.push_str(STATUS_NAME);
                return Some((StatusEntry::Root.inode(), InodeKind::Directory));
            }
            index -= 1;
        }
        let (inode, entry) = self.dataset.namespace().entry_at(directory, index, name)?;
        Some((inode, entry.into()))
    }

    /// What an inode is that has entries.
    fn listable(&self, inode: Inode) -> Result<Resolved> {
        match self.resolve(inode)? {
            Resolved::Directory => Ok(Resolved::Directory),
            Resolved::Status(entry) if entry.is_directory() => Ok(Resolved::Status(entry)),
            _ => Err(Error::NotDirectory),
        }
    }
}
