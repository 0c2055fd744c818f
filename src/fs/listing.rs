//! Open directories: where the listing of each ends.

use super::{DirectoryEntry, Error, Filesystem, Resolved, Result, StatusNode};
use crate::dataset::Inode;
use crate::overlay::ChangedNames;
use crate::sync::DashMap;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Of each open directory the position of the last name that its listing shows. As many as the
/// kernel has directories open: its limits bound the table.
#[derive(Debug, Default)]
pub(super) struct Listings {
    open: DashMap<u64, u64>,
    last_handle: AtomicU64,
}

impl Filesystem {
    /// Opens a directory to be listed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] and [`Error::NotDirectory`].
    pub fn open_directory(&self, directory: Inode) -> Result<u64> {
        match self.resolve(directory)? {
            Resolved::Directory
            | Resolved::Status(
                StatusNode::Root | StatusNode::Nodes | StatusNode::Files(_) | StatusNode::Sums,
            ) => {}
            _ => return Err(Error::NotDirectory),
        }
        let handle = self.listings.last_handle.fetch_add(1, Ordering::Relaxed) + 1;
        self.listings.open.insert(handle, self.last_position());
        Ok(handle)
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
        let last = {
            let mut open = self.listings.open.get_mut(&handle).ok_or(Error::BadHandle)?;
            if cursor == 0 {
                *open = self.last_position();
            }
            *open
        };
        self.read_directory_to(directory, cursor, last, add)
    }

    /// The position of the name that was made last.
    pub(super) fn last_position(&self) -> u64 {
        self.overlay.with_names(ChangedNames::last_position)
    }
}
