//! How large many files are together, where their sizes are drawn.
//!
//! ```text
//!   files              of a mounted dataset                  of a process
//!   up to 10^5         summed before the mount answers       summed when its node's document is
//!                                                            opened, where the node has up to 2^20
//!   up to 2^32         summed in the background, by node;    files; their number times the mean
//!                      until then an estimate                where it has more
//!   more               an estimate for ever
//! ```
//!
//! `write` and `verify` wait for the sum of up to 2^30 files before they begin, and work with an
//! estimate of more. An estimate is the number of files times the mean, and is marked as one
//! wherever it is shown. No verdict depends on it.

use crate::dataset::{Dataset, DatasetPart, Total};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, together};

/// The most files whose sizes are summed before the mount answers: a millisecond.
const SUMMED_AT_ONCE_MAX: u64 = 100_000;
/// The most files whose sizes are summed in the background: some minutes of one core.
const SUMMED_LATER_MAX: u64 = 1 << 32;
/// The most files whose sizes are summed before work on all of them begins: some ten seconds of one
/// core, against hours of work.
const SUMMED_BEFORE_WORK_MAX: u64 = 1 << 30;
/// The most files of a node whose sizes are summed each time its document is opened: some 10 ms.
const SUMMED_ON_OPEN_MAX: u64 = 1 << 20;
/// How many files are summed at a time: less than a millisecond.
const STEP_FILES: u64 = 1 << 16;

/// The sizes of the files of a dataset or of a part of it, as far as they are summed.
#[derive(Debug)]
pub struct SizeTotals {
    part: DatasetPart,
    /// What is shown until all is summed.
    estimate: Total,
    files: u64,
    /// Whether they are to be summed at all.
    is_wanted: bool,
    next: AtomicU64,
    is_done: AtomicBool,
    summed: Mutex<NodeTotals>,
}

/// At most 65536 numbers.
#[derive(Debug)]
struct NodeTotals {
    nodes: Vec<u128>,
    files: u64,
}

impl SizeTotals {
    /// The sizes of a dataset; those of a small one are summed right away.
    #[must_use]
    pub fn new(dataset: &Dataset) -> Self {
        let totals = Self::up_to(SUMMED_LATER_MAX, dataset, DatasetPart::ALL);
        if totals.files <= SUMMED_AT_ONCE_MAX {
            while totals.step(dataset) {}
        }
        totals
    }

    /// The size of a part, summed on so many threads where it has to be, or estimated where that
    /// would take too long.
    #[must_use]
    pub fn of_part(dataset: &Dataset, part: DatasetPart, threads: usize) -> Total {
        let totals = Self::up_to(SUMMED_BEFORE_WORK_MAX, dataset, part);
        if totals.is_wanted {
            let steps = usize::try_from(totals.files.div_ceil(STEP_FILES)).unwrap_or(usize::MAX);
            together(steps.min(threads), || while totals.step(dataset) {});
        }
        totals.total(dataset)
    }

    fn up_to(files_max: u64, dataset: &Dataset, part: DatasetPart) -> Self {
        let (estimate, files) = (dataset.total_bytes(part), dataset.file_count_of(part));
        Self {
            part,
            estimate,
            files,
            is_wanted: estimate.estimated && files <= files_max,
            next: AtomicU64::new(0),
            is_done: AtomicBool::new(false),
            summed: Mutex::new(NodeTotals { nodes: Vec::new(), files: 0 }),
        }
    }

    /// Sums the sizes of some more files, less than a millisecond's work; false where there is no
    /// more to do. Any number of threads may call it.
    pub fn step(&self, dataset: &Dataset) -> bool {
        // Looked at first, so that the number cannot wrap around however often this is asked.
        if !self.is_wanted || self.next.load(Ordering::Relaxed) >= self.files {
            return false;
        }
        let start = self.next.fetch_add(STEP_FILES, Ordering::Relaxed);
        if start >= self.files {
            return false;
        }
        let end = self.files.min(start + STEP_FILES);
        // As they are counted, those of a node follow one another.
        let mut runs: Vec<(u16, u128)> = Vec::new();
        dataset.each_size(self.part, start..end, |file, size| match runs.last_mut() {
            Some((node, sum)) if *node == file.node => *sum += u128::from(size),
            _ => runs.push((file.node, u128::from(size))),
        });
        let mut summed = self.summed.lock();
        if summed.nodes.is_empty() {
            summed.nodes = vec![0; dataset.dimensions().nodes as usize];
        }
        for (node, sum) in runs {
            if let Some(of_node) = summed.nodes.get_mut(usize::from(node)) {
                *of_node += sum;
            }
        }
        summed.files += end - start;
        if summed.files == self.files {
            self.is_done.store(true, Ordering::Release);
        }
        true
    }

    /// The size of all files together.
    #[must_use]
    pub fn total(&self, dataset: &Dataset) -> Total {
        let files = dataset.file_count_of(self.part);
        debug_assert_eq!(files, self.files, "it is asked about its own dataset");
        if !self.is_done.load(Ordering::Acquire) {
            return self.estimate;
        }
        Total { bytes: self.summed.lock().nodes.iter().sum(), estimated: false }
    }

    /// The size of a node's files, and of those of each of its processes.
    #[must_use]
    pub fn node(&self, dataset: &Dataset, node: u16) -> (Total, Vec<Total>) {
        let part = DatasetPart { node: Some(node), process: None };
        let processes = u16::try_from(dataset.dimensions().processes - 1).unwrap_or(u16::MAX);
        let each: Vec<Total> =
            (0..=processes).map(|process| self.process(dataset, node, process)).collect();
        let all = if self.sums_on_open(dataset, part) {
            Total { bytes: each.iter().map(|total| total.bytes).sum(), estimated: false }
        } else if self.is_done.load(Ordering::Acquire) {
            let bytes = self.summed.lock().nodes.get(usize::from(node)).copied();
            Total { bytes: bytes.unwrap_or_default(), estimated: false }
        } else {
            dataset.total_bytes(part)
        };
        (all, each)
    }

    /// The size of the files of one process, as [`node`](Self::node) has it.
    #[must_use]
    pub fn process(&self, dataset: &Dataset, node: u16, process: u16) -> Total {
        let of_node = DatasetPart { node: Some(node), process: None };
        let part = DatasetPart { process: Some(process), ..of_node };
        if !self.sums_on_open(dataset, of_node) {
            return dataset.total_bytes(part);
        }
        let files = dataset.file_count_of(part);
        Total { bytes: dataset.sum_bytes(part, 0..files), estimated: false }
    }

    /// Whether the sizes of a node's files are summed whenever somebody asks.
    fn sums_on_open(&self, dataset: &Dataset, of_node: DatasetPart) -> bool {
        self.estimate.estimated && dataset.file_count_of(of_node) <= SUMMED_ON_OPEN_MAX
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::dataset::DatasetConfig;

    fn dataset(files: u64) -> Dataset {
        let typed = DatasetConfig {
            nodes: Some(3.into()),
            processes: Some(2.into()),
            files: Some(files.into()),
            size: Some("lognormal:median=64K,sigma=2,max=1G".into()),
            ..DatasetConfig::default()
        };
        typed.validate().unwrap()
    }

    #[test]
    fn a_small_dataset_is_summed_at_once() {
        let dataset = dataset(7);
        let totals = SizeTotals::new(&dataset);
        let bytes = dataset.sum_bytes(DatasetPart::ALL, 0..42);
        assert_eq!(totals.total(&dataset), Total { bytes, estimated: false });
        assert!(!totals.step(&dataset));
        let (all, each) = totals.node(&dataset, 1);
        assert_eq!(each.len(), 2);
        assert_eq!(all.bytes, each.iter().map(|total| total.bytes).sum());
        let part = DatasetPart { node: Some(1), process: None };
        assert_eq!(all, Total { bytes: dataset.sum_bytes(part, 0..14), estimated: false });
    }

    #[test]
    fn a_larger_one_is_an_estimate_until_threads_have_summed_it() {
        let dataset = dataset(200_001);
        let totals = SizeTotals::new(&dataset);
        assert!(totals.total(&dataset).estimated);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| while totals.step(&dataset) {});
            }
        });
        let bytes = dataset.sum_bytes(DatasetPart::ALL, 0..dataset.file_count());
        assert_eq!(totals.total(&dataset), Total { bytes, estimated: false });
        let nodes = (0..3).map(|node| totals.node(&dataset, node).0.bytes);
        assert_eq!(nodes.sum::<u128>(), bytes);
    }

    #[test]
    fn a_huge_node_has_the_sum_of_the_background_and_estimates_for_its_processes() {
        let dataset = dataset(600_000);
        let totals = SizeTotals::new(&dataset);
        assert!(totals.node(&dataset, 2).0.estimated);
        while totals.step(&dataset) {}
        let (all, each) = totals.node(&dataset, 2);
        let part = DatasetPart { node: Some(2), process: None };
        assert_eq!(all, Total { bytes: dataset.sum_bytes(part, 0..1_200_000), estimated: false });
        assert!(each.iter().all(|total| total.estimated));
    }

    #[test]
    fn a_part_is_summed_on_any_number_of_threads() {
        let dataset = dataset(70_000);
        for part in [DatasetPart::ALL, DatasetPart { node: Some(1), process: None }] {
            let bytes = dataset.sum_bytes(part, 0..dataset.file_count_of(part));
            for threads in [1, 2, 7] {
                let total = SizeTotals::of_part(&dataset, part, threads);
                assert_eq!(total, Total { bytes, estimated: false });
            }
        }
    }

    #[test]
    fn more_files_than_can_be_summed_stay_an_estimate() {
        let dataset = dataset(1 << 31);
        let totals = SizeTotals::new(&dataset);
        assert!(!totals.step(&dataset));
        assert!(totals.total(&dataset).estimated);
        assert!(SizeTotals::of_part(&dataset, DatasetPart::ALL, 2).estimated);
    }
}
