//! The size of many files together.
//!
//! Where sizes are equal it is arithmetic. Where they are drawn it is a sum over all files, which
//! at some nanoseconds a file somebody has to decide to pay for; until then it is the number of
//! files times the mean.

use std::ops::Range;

use crate::dataset::{Coordinates, Dataset, Origins, Percent};

/// The size of many files together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How large they are.
    pub bytes: u128,
    /// Whether that is their number times the mean, and not the sum.
    pub estimated: bool,
}

/// Some of the dataset's files. They are counted from 0: the files of a process first, then its
/// node's processes, the nodes and the generations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatasetPart {
    /// Those of one node, which the dataset must have.
    pub node: Option<u16>,
    /// Those of this process of each node, which the dataset must have.
    pub process: Option<u16>,
}

impl DatasetPart {
    /// All of them.
    pub const ALL: Self = Self { node: None, process: None };
}

impl Dataset {
    /// How many files a part has.
    #[must_use]
    pub fn file_count_of(&self, part: DatasetPart) -> u64 {
        self.processes_of(part) * self.generations().files_in_all()
    }

    /// The file with a number below the part's count.
    #[must_use]
    pub fn file(&self, part: DatasetPart, index: u64) -> Coordinates {
        let (generation, before) = self.generations().find(index, self.processes_of(part));
        let mut rest = index - before;
        let mut digit = |count: u64| {
            let digit = rest % count;
            rest /= count;
            digit
        };
        // Each is below its dimension, which its field can hold.
        let file = digit(self.generations().files_at(generation));
        let file = u32::try_from(file).unwrap_or_default();
        let (nodes, processes) = (self.dimensions().nodes, self.dimensions().processes);
        let mut axis = |given: Option<u16>, count: u32| {
            given.unwrap_or_else(|| u16::try_from(digit(count.into())).unwrap_or_default())
        };
        let process = axis(part.process, processes);
        let node = axis(part.node, nodes);
        Coordinates { generation, node, process, file }
    }

    /// The number of a file of a part: what [`file`](Self::file) finds it by.
    #[must_use]
    pub fn number_of(&self, part: DatasetPart, file: Coordinates) -> Option<u64> {
        let is_of = |given: Option<u16>, own: u16| given.is_none_or(|given| given == own);
        let is_here = is_of(part.node, file.node) && is_of(part.process, file.process);
        if !is_here || !self.contains(file) {
            return None;
        }
        let along = |given: Option<u16>, own: u16| if given.is_some() { 0 } else { own.into() };
        let processes =
            if part.process.is_some() { 1 } else { u64::from(self.dimensions().processes) };
        let process = along(part.node, file.node) * processes + along(part.process, file.process);
        let in_generation = process * self.generations().files_at(file.generation);
        let before = self.generations().files_before(file.generation) * self.processes_of(part);
        Some(before + in_generation + u64::from(file.file))
    }

    /// The size of every file, where all have the same.
    #[must_use]
    pub fn equal_size_bytes(&self) -> Option<u64> {
        let mut all = self.all_origins().iter().map(Origins::sizes);
        let first = all.next()?;
        let grows = first.grow() != Percent::ZERO && self.generations().last() > 0;
        // Extensions whose sizes happen to be equal are no case of their own.
        if grows || all.next().is_some() { None } else { first.distribution().equal() }
    }

    /// The size of a part, as far as that is arithmetic.
    #[must_use]
    pub fn total_bytes(&self, part: DatasetPart) -> Total {
        let processes = u128::from(self.processes_of(part));
        let generations = self.generations();
        let all_sizes = || self.all_origins().iter().map(Origins::sizes);
        // In 1024ths of a byte: below 2^61 files of at most 2^52 bytes.
        let in_generation = |generation: u16| {
            let of_number: u128 = all_sizes().map(|sizes| sizes.mean_1024ths(generation)).sum();
            u128::from(generations.numbers_at(generation)) * of_number
        };
        let all_are_alike = !generations.differ_in_files()
            && all_sizes().all(|sizes| sizes.grow() == Percent::ZERO);
        let sum = if all_are_alike {
            in_generation(generations.first()) * u128::from(generations.count)
        } else {
            generations.all().map(in_generation).sum()
        };
        let estimated = all_sizes().any(|sizes| sizes.distribution().equal().is_none());
        Total { bytes: (sum * processes) >> 10, estimated }
    }

    /// The sum of the sizes of some of a part's files, by their numbers.
    #[must_use]
    pub fn sum_bytes(&self, part: DatasetPart, files: Range<u64>) -> u128 {
        let mut sum = 0;
        self.each_size(part, files, |_, size| sum += u128::from(size));
        sum
    }

    /// Calls `each` with each of some files of a part, by their numbers, and its size.
    pub fn each_size(
        &self,
        part: DatasetPart,
        files: Range<u64>,
        mut each: impl FnMut(Coordinates, u64),
    ) {
        let mut index = files.start;
        while index < files.end {
            let first = self.file(part, index);
            let of_process = self.generations().files_at(first.generation);
            let left = (of_process - u64::from(first.file)).min(files.end - index);
            for more in 0..left {
                let file = u32::try_from(u64::from(first.file) + more).unwrap_or(u32::MAX);
                let file = Coordinates { file, ..first };
                each(file, self.size_bytes(file));
            }
            index += left;
        }
    }

    fn processes_of(&self, part: DatasetPart) -> u64 {
        let along = |given: Option<u16>, count: u32| if given.is_some() { 1 } else { count.into() };
        along(part.node, self.dimensions().nodes) * along(part.process, self.dimensions().processes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::dataset::DatasetConfig;

    fn dataset(text: &str) -> Dataset {
        toml::from_str::<DatasetConfig>(text).unwrap().validate().expect(text)
    }

    const SHAPES: [&str; 8] = [
        "iterations = 2\nnodes = 3\nprocesses = 4\nfiles = 5",
        "iterations = 3\nnodes = 2\nprocesses = 2\nfiles = 3\nnew_files = 50\n\
         grow = 12.5\nsize = 1001",
        "generation = 4\nnodes = 2\nprocesses = 2\nfiles = 3\nnew_files = 50\nsize = '1..1000'",
        "iterations = 3\nprocesses = 3\nfiles = 7\nnew_files = 15\ngrow = 1.5\nsize = '4K..8K'",
        "generation = 2\ngrow = 0.01\nfiles = 9\nsize = 5000",
        "nodes = 3\nfiles = 5\nsize = 'buckets:1=50,7=50'",
        "iterations = 3\nnodes = 2\nfiles = 5\nnew_files = 30\n\
         content = {npz = 'npz:x:u1,9', json = 'jsonl:id:int9,3', idx = 'tfrecord-index:9,99'}",
        "iterations = 2\nnodes = 2\nfiles = 50\ngrow = 30\nsize = '1..1000'\n\
         content = {npz = 'npz:x:u1,9', bin = 'random'}",
    ];

    #[test]
    fn the_parts_are_the_dataset_cut_into_pieces() {
        for shape in SHAPES {
            let dataset = dataset(shape);
            let dimensions = dataset.dimensions();
            let files = |part: DatasetPart| -> Vec<Coordinates> {
                (0..dataset.file_count_of(part)).map(|index| dataset.file(part, index)).collect()
            };
            for (index, file) in files(DatasetPart::ALL).into_iter().enumerate() {
                assert_eq!(dataset.number_of(DatasetPart::ALL, file), Some(index as u64));
                if let Some(size_bytes) = dataset.equal_size_bytes() {
                    assert_eq!(dataset.size_bytes(file), size_bytes, "{shape}");
                }
                for part in [(Some(file.node), None), (Some(file.node), Some(file.process))] {
                    let part = DatasetPart { node: part.0, process: part.1 };
                    let number = dataset.number_of(part, file).unwrap();
                    assert_eq!(dataset.file(part, number), file, "{shape}");
                }
                let elsewhere = DatasetPart { node: Some(file.node + 1), process: None };
                assert_eq!(dataset.number_of(elsewhere, file), None);
            }
            let all: BTreeSet<_> = files(DatasetPart::ALL).into_iter().collect();
            assert_eq!(all.len() as u64, dataset.file_count(), "{shape}");
            assert!(all.iter().all(|file| dataset.contains(*file)), "{shape}");
            let (mut nodes, mut processes) = (BTreeSet::new(), BTreeSet::new());
            for node in 0..u16::try_from(dimensions.nodes).unwrap() {
                nodes.extend(files(DatasetPart { node: Some(node), process: None }));
                for process in 0..u16::try_from(dimensions.processes).unwrap() {
                    let part = DatasetPart { node: Some(node), process: Some(process) };
                    assert!(files(part).iter().all(|file| file.node == node));
                    processes.extend(files(part));
                }
            }
            assert_eq!(nodes, all, "{shape}");
            assert_eq!(processes, all, "{shape}");
        }
    }

    #[test]
    fn totals_are_the_sums_or_near_them() {
        for shape in SHAPES {
            let dataset = dataset(shape);
            for part in [DatasetPart::ALL, DatasetPart { node: Some(0), process: Some(0) }] {
                let count = dataset.file_count_of(part);
                let files = (0..count).map(|index| dataset.file(part, index));
                let sum: u128 = files.map(|file| u128::from(dataset.size_bytes(file))).sum();
                assert_eq!(dataset.sum_bytes(part, 0..count), sum, "{shape}");
                let halves = dataset.sum_bytes(part, 0..count / 2)
                    + dataset.sum_bytes(part, count / 2..count);
                assert_eq!(halves, sum, "{shape}");
                let total = dataset.total_bytes(part);
                assert_eq!(total.estimated, dataset.sizes().equal().is_none(), "{shape}");
                if total.estimated {
                    assert!(total.bytes < 2 * sum && sum < 2 * total.bytes, "{shape}");
                } else {
                    assert_eq!(total.bytes, sum, "{shape}");
                }
            }
        }
    }

    #[test]
    fn the_estimate_of_many_files_is_near_their_sum() {
        for size in [
            "1..100000",
            "lognormal:median=64K,sigma=1.5,max=1G",
            "pareto:min=4K,alpha=1.5,max=1G",
            "buckets:4K=70,64K=25,10M=5",
        ] {
            let shape = format!("generation = 3\ngrow = 10\nfiles = 200000\nsize = '{size}'");
            let dataset = dataset(&shape);
            let sum = dataset.sum_bytes(DatasetPart::ALL, 0..dataset.file_count());
            let estimate = dataset.total_bytes(DatasetPart::ALL).bytes;
            let off = sum.abs_diff(estimate) * 1000 / sum;
            assert!(off < 30, "{size}: {estimate} is off {sum} by {off} in a thousand");
        }
    }
}
