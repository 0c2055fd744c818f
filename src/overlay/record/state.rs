//! What a record holds, behind its lock.

use super::RecordOwner;
use crate::overlay::attributes::{InodeKind, JudgedBy, PackedAttributes, Timestamp};
use crate::overlay::rare::Rare;
use crate::overlay::written::Written;
use crate::overlay::xattrs::drop_capability;

#[derive(Debug)]
pub(in crate::overlay) struct RecordState {
    pub(in crate::overlay) attributes: PackedAttributes,
    /// `None` until somebody writes or resizes.
    pub(super) written: Option<Written>,
    /// Counts the changes of `written`.
    pub(super) version: u64,
    pub(super) judged_by: JudgedBy,
    /// The kind of an inode that was made; `None` for one of the dataset's.
    pub(super) made: Option<InodeKind>,
    /// How many names it has. For directories only whether it has one.
    pub(super) links: u32,
    /// Whether it ever had more than one.
    pub(super) had_several_names: bool,
    /// Whether a change of `written` was noted and nobody has looked at it since.
    pub(super) is_dirty: bool,
    /// What few files need.
    pub(in crate::overlay) rare: Option<Box<Rare>>,
}

impl Default for RecordState {
    /// That of an inode of the dataset, which has its name.
    fn default() -> Self {
        Self {
            attributes: PackedAttributes::default(),
            written: None,
            version: 0,
            judged_by: JudgedBy::Number,
            made: None,
            links: 1,
            had_several_names: false,
            is_dirty: false,
            rare: None,
        }
    }
}

impl RecordState {
    /// How many extents the budget counts: the first one comes with the record.
    pub(super) fn extents(&self) -> u64 {
        self.written.as_ref().map_or(1, |written| written.extents.len().max(1) as u64)
    }

    /// What belongs to every change of the content, whatever made it.
    pub(super) fn content_changed(&mut self, now: Timestamp, owner: &RecordOwner) {
        self.version += 1;
        if !self.is_dirty {
            self.is_dirty = true;
            owner.books.dirty.note_inode(owner.inode);
        }
        self.attributes.change(|attributes| {
            attributes.modified = Some(now);
            attributes.changed = Some(now);
        });
        drop_capability(self, &owner.books.budget);
    }
}
