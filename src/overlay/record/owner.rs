//! Whose record it is, and who is told what becomes of it.

use std::sync::Arc;

use crate::dataset::Inode;
use crate::overlay::budget::Budget;
use crate::overlay::dirty::Dirty;

/// Whose record it is, and who is told what becomes of it.
#[derive(Debug)]
pub(in crate::overlay) struct RecordOwner {
    pub(in crate::overlay) inode: Inode,
    pub(in crate::overlay) books: Arc<Books>,
}

/// What all records share: one pointer in each.
#[derive(Debug)]
pub(in crate::overlay) struct Books {
    pub(in crate::overlay) budget: Budget,
    pub(in crate::overlay) dirty: Dirty,
}
