//! Names: from one to its inode, and through a directory.

use super::{Error, Filesystem, Kind, Place, Result};
use crate::dataset::{Inode, Node};
use crate::status::{STATUS_NAME, StatusNode};

/// One entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry<'a> {
    /// The inode number.
    pub inode: Inode,
    /// Directory or file.
    pub kind: Kind,
    /// The name.
    pub name: &'a str,
    /// Where to go on after this entry.
    pub next_cursor: u64,
}

/// The cursor of the first entry behind `.` and `..`.
const FIRST: u64 = 2;

impl Filesystem {
    /// The inode of a name in a directory.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and [`Error::NotDirectory`] where the parent is a file.
    pub fn lookup(&self, parent: Inode, name: &[u8]) -> Result<Inode> {
        let found = match self.place(parent)? {
            Place::File(_) | Place::Status(StatusNode::Document(_)) => {
                return Err(Error::NotDirectory);
            }
            Place::Status(node) => node.lookup(&self.dataset, name).map(StatusNode::inode),
            Place::Directory if parent == Inode::ROOT && name == STATUS_NAME.as_bytes() => {
                Some(StatusNode::Root.inode())
            }
            Place::Directory => self.dataset.namespace().lookup(parent, name),
        };
        found.ok_or(Error::NotFound)
    }

    /// Hands the entries of a directory to `add`, from a cursor on, until it returns `false`
    /// because it has no room for that entry, or there are no more.
    ///
    /// Cursors are positions: 0 is the beginning, and each entry says where to go on behind it.
    /// They stay good for ever, because the namespace does not change. No more than one name is
    /// held in memory, however large the directory.
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
        let place = self.place(directory)?;
        if matches!(place, Place::File(_) | Place::Status(StatusNode::Document(_))) {
            return Err(Error::NotDirectory);
        }
        let kind = Kind::Directory;
        let itself = DirectoryEntry { inode: directory, kind, name: ".", next_cursor: 1 };
        if cursor == 0 && !add(itself) {
            return Ok(());
        }
        let inode = self.parent(directory, place);
        let parent = DirectoryEntry { inode, kind, name: "..", next_cursor: FIRST };
        if cursor <= 1 && !add(parent) {
            return Ok(());
        }
        let mut name = String::new();
        for cursor in cursor.max(FIRST).. {
            name.clear();
            let entry = self.entry(directory, place, cursor - FIRST, &mut name);
            let Some((inode, kind)) = entry else { break };
            if !add(DirectoryEntry { inode, kind, name: &name, next_cursor: cursor + 1 }) {
                break;
            }
        }
        Ok(())
    }

    fn entry(
        &self,
        directory: Inode,
        place: Place,
        mut index: u64,
        name: &mut String,
    ) -> Option<(Inode, Kind)> {
        if let Place::Status(node) = place {
            let entry = node.entry(&self.dataset, index, name)?;
            let kind = if entry.is_directory() { Kind::Directory } else { Kind::File };
            return Some((entry.inode(), kind));
        }
        if directory == Inode::ROOT && self.options.list_status {
            if index == 0 {
                name.push_str(STATUS_NAME);
                return Some((StatusNode::Root.inode(), Kind::Directory));
            }
            index -= 1;
        }
        let (inode, node) = self.dataset.namespace().entry(directory, index, name)?;
        let kind = match node {
            Node::Directory => Kind::Directory,
            Node::File(_) => Kind::File,
        };
        Some((inode, kind))
    }

    fn parent(&self, directory: Inode, place: Place) -> Inode {
        match place {
            Place::Status(node) => {
                node.parent(&self.dataset).map_or(Inode::ROOT, StatusNode::inode)
            }
            Place::Directory | Place::File(_) => {
                self.dataset.namespace().parent(directory).unwrap_or(Inode::ROOT)
            }
        }
    }
}
