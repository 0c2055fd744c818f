//! What a reset has taken out of the overlay.

use std::sync::Arc;

use super::budget::Usage;
use super::changed_names::{ChangedNames, Name};
use super::record::{Books, Record};
use crate::dataset::{Dataset, Inode};

/// Names and records as they were before a reset. They count against the budget until this is
/// dropped: so nobody can heap up more of them by resets than could be held without.
#[derive(Debug)]
pub struct Cleared {
    books: Arc<Books>,
    number: u64,
    tree: ChangedNames,
    records: Vec<(Inode, Arc<Record>)>,
}

impl Cleared {
    pub(super) fn new(
        books: Arc<Books>,
        number: u64,
        tree: ChangedNames,
        records: Vec<(Inode, Arc<Record>)>,
    ) -> Self {
        Self { books, number, tree, records }
    }

    /// How many resets of everything there were, with this one.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The names that differed from the dataset's, and their directories, in no order.
    pub fn names(&self, dataset: &Dataset) -> impl Iterator<Item = (Inode, Name)> {
        self.tree.directories().flat_map(move |(directory, changed)| {
            changed.names(dataset).map(move |name| (directory, name))
        })
    }

    /// The inodes that had a record, in no order.
    pub fn inodes(&self) -> impl Iterator<Item = Inode> {
        self.records.iter().map(|(inode, _)| *inode)
    }
}

impl Drop for Cleared {
    fn drop(&mut self) {
        self.books.budget.release(Usage { kept_bytes: 0, extents: self.tree.extents() });
    }
}
