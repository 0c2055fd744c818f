//! Which files are whose.

use crate::dataset::{Coordinates, Dataset};

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

    /// How many files there are.
    #[must_use]
    pub fn file_count(&self) -> u64 {
        match self.node {
            None => self.dataset.file_count(),
            Some(_) => self.dataset.file_count() / u64::from(self.dataset.dimensions().nodes),
        }
    }

    /// The size of all of them together.
    #[must_use]
    pub fn total_bytes(&self) -> u128 {
        let size_bytes = self.dataset.size_bytes(Coordinates::default());
        u128::from(self.file_count()) * u128::from(size_bytes)
    }

    /// The file of a number: files first, then processes, nodes and iterations, as paths sort.
    #[must_use]
    pub fn file(&self, index: u64) -> Coordinates {
        let mut dimensions = self.dataset.dimensions();
        let Some(node) = self.node else { return dimensions.file(index) };
        dimensions.nodes = 1;
        Coordinates { node, ..dimensions.file(index) }
    }

    /// The path of a file, relative to the dataset's root.
    #[must_use]
    pub fn path(&self, file: Coordinates) -> String {
        let mut path = String::new();
        if let Some(inode) = self.dataset.namespace().inode(file) {
            self.dataset.namespace().path(inode, &mut path);
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dataset::DatasetConfig;

    #[test]
    fn the_shares_are_the_dataset_cut_into_pieces() {
        let typed = DatasetConfig {
            iterations: Some(2.into()),
            nodes: Some(3.into()),
            processes: Some(4.into()),
            files: Some(5.into()),
            ..DatasetConfig::default()
        };
        let dataset = typed.validate().unwrap();
        let files = |share: Share<'_>| -> Vec<Coordinates> {
            (0..share.file_count()).map(|index| share.file(index)).collect()
        };
        let all: BTreeSet<_> = files(Share::new(&dataset, None)).into_iter().collect();
        assert_eq!(all.len(), 120);
        assert!(all.iter().all(|file| dataset.contains(*file)));
        let mut parts = BTreeSet::new();
        for node in 0..3 {
            let part = files(Share::new(&dataset, Some(node)));
            assert_eq!(part.len(), 40);
            assert!(part.iter().all(|file| file.node == node));
            parts.extend(part);
        }
        assert_eq!(parts, all);
    }
}
