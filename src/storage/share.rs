//! Which files are whose.

use std::ops::Range;

use super::targets::Selection;
use crate::dataset::{Coordinates, Dataset, DatasetPart, SizeTotals};

/// The files that one run is about: all of the dataset's, or those of one node.
///
/// They are counted from 0, so that a file is a number until it is worked on.
#[derive(Clone, Copy, Debug)]
pub struct Share<'a> {
    dataset: &'a Dataset,
    node: Option<u16>,
    /// Only these of them.
    only: Option<&'a Selection>,
}

impl<'a> Share<'a> {
    /// The files of a node, which the dataset must have, or of all.
    #[must_use]
    pub fn new(dataset: &'a Dataset, node: Option<u16>) -> Self {
        Self { dataset, node, only: None }
    }

    /// Those of them that are selected, counted from 0 anew.
    #[must_use]
    pub(super) fn only(self, selection: &'a Selection) -> Self {
        Self { only: Some(selection), ..self }
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
        match self.only {
            None => self.dataset.file_count_of(self.part()),
            Some(selection) => selection.count(),
        }
    }

    /// The size of all of them together: summed on so many threads where it has to be, or
    /// estimated where that would take too long. That of a selection is in proportion.
    #[must_use]
    pub fn total_bytes(&self, threads: usize) -> u128 {
        let bytes = SizeTotals::of_part(self.dataset, self.part(), threads).bytes;
        match self.only {
            None => bytes,
            Some(selection) => selection.in_proportion(bytes),
        }
    }

    /// The file of a number: files first, then processes, nodes and generations.
    #[must_use]
    pub fn file(&self, index: u64) -> Coordinates {
        self.dataset.file(self.part(), self.index_in_whole(index))
    }

    /// The number that a file has without the selection.
    pub(super) fn index_in_whole(&self, index: u64) -> u64 {
        self.only.map_or(index, |selection| selection.index(index))
    }

    /// The path of a file, relative to the dataset's root.
    #[must_use]
    pub fn path(&self, file: Coordinates) -> String {
        self.dataset.namespace().path_of(file).unwrap_or_default()
    }

    /// The number of a file of the share, selected or not.
    pub(super) fn number_of(&self, file: Coordinates) -> Option<u64> {
        self.dataset.number_of(self.part(), file)
    }

    /// The size of each file, where all have the same.
    pub(super) fn equal_size_bytes(&self) -> Option<u64> {
        self.dataset.equal_size_bytes()
    }

    /// Calls `each` with the sizes of some files, in their order.
    pub(super) fn each_size(&self, files: Range<u64>, mut each: impl FnMut(u64)) {
        self.dataset.each_size(self.part(), files, |_, size| each(size));
    }
}
