//! Which files are whose.

use crate::dataset::{Coordinates, Dataset, DatasetPart, SizeTotals};

/// The files that one run is about: all of the dataset's, or those of one node.
///
/// They are counted from 0, so that a file is a number until it is worked on.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    dataset: &'a Dataset,
    node: Option<u16>,
}

impl<'a> Share<'a> {
    /// The files of a node, which the dataset must have, or of all.
    #[must_use]
    pub fn new(dataset: &'a Dataset, node: Option<u16>) -> Self {
        Self { dataset, node }
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// Whose files these are; `None` for all.
    #[must_use]
    pub fn node(&self) -> Option<u16> {
        self.node
    }

    /// Which files these are.
    fn part(&self) -> DatasetPart {
        DatasetPart { node: self.node, process: None }
    }

    /// How many files there are.
    #[must_use]
    pub fn file_count(&self) -> u64 {
        self.dataset.file_count_of(self.part())
    }

    /// The size of all of them together: summed on so many threads where it has to be, or
    /// estimated where that would take too long.
    #[must_use]
    pub fn total_bytes(&self, threads: usize) -> u128 {
        SizeTotals::of_part(self.dataset, self.part(), threads).bytes
    }

    /// The file of a number: files first, then processes, nodes and generations.
    #[must_use]
    pub fn file(&self, index: u64) -> Coordinates {
        self.dataset.file(self.part(), index)
    }

    /// The path of a file, relative to the dataset's root.
    #[must_use]
    pub fn path(&self, file: Coordinates) -> String {
        self.dataset.namespace().path_of(file).unwrap_or_default()
    }
}
