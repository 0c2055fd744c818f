//! Which files are whose.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::dataset::{Coordinates, Dataset, DatasetPart};
use crate::sync::Mutex;
use crate::sync::together;

/// How many files a thread sums up at a time: some 100 µs.
const SUMMED_FILES: u64 = 1 << 14;

/// The most files whose sizes are summed before the work begins: some ten seconds of one core,
/// against hours of work.
pub const SUMMED_FILES_MAX: u64 = 1 << 30;

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

    /// The size of all of them together: summed on so many threads where it has to be, unless
    /// there are more than [`SUMMED_FILES_MAX`], where it is their number times the mean.
    #[must_use]
    pub fn total_bytes(&self, threads: usize) -> u128 {
        self.total_of(threads, SUMMED_FILES_MAX)
    }

    fn total_of(&self, threads: usize, files_max: u64) -> u128 {
        let estimate = self.dataset.total_bytes(self.part());
        let files = self.file_count();
        if !estimate.estimated || files > files_max {
            return estimate.bytes;
        }
        let next = AtomicU64::new(0);
        let sum = Mutex::new(0);
        let work = || {
            let mut own = 0;
            loop {
                let start = next.fetch_add(SUMMED_FILES, Ordering::Relaxed);
                if start >= files {
                    break;
                }
                let end = files.min(start + SUMMED_FILES);
                own += self.dataset.sum_bytes(self.part(), start..end);
            }
            *sum.lock() += own;
        };
        let parts = usize::try_from(files.div_ceil(SUMMED_FILES)).unwrap_or(usize::MAX);
        together(parts.min(threads), work);
        sum.into_inner()
    }

    /// The file of a number: files first, then processes, nodes and iterations, as paths sort.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dataset::DatasetConfig;

    #[test]
    fn totals_are_summed_on_any_number_of_threads() {
        let typed = DatasetConfig {
            nodes: Some(3.into()),
            files: Some(70_000.into()),
            size: Some("lognormal:median=64K,sigma=2,max=1G".into()),
            ..DatasetConfig::default()
        };
        let dataset = typed.validate().unwrap();
        for node in [None, Some(1)] {
            let share = Share::new(&dataset, node);
            let files = (0..share.file_count()).map(|index| share.file(index));
            let sum: u128 = files.map(|file| u128::from(dataset.size_bytes(file))).sum();
            for threads in [1, 2, 7] {
                assert_eq!(share.total_bytes(threads), sum);
            }
            let estimate = share.total_of(2, share.file_count() - 1);
            assert!(estimate != sum && estimate.abs_diff(sum) < sum / 5, "{estimate} for {sum}");
        }
    }

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
