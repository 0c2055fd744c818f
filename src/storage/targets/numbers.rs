//! The files of one target, counted from 0.

use super::spread::{Spread, TargetSet};
use crate::dataset::{Coordinates, Dataset, DatasetPart};

/// The numbers whose remainders are some of those of a divisor.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Numbers {
    divisor: u32,
    /// In order.
    remainders: Vec<u32>,
}

impl Numbers {
    /// How many there are below a number.
    fn count_below(&self, end: u64) -> u64 {
        let rest = end % u64::from(self.divisor);
        let in_rest = self.remainders.partition_point(|of| u64::from(*of) < rest);
        end / u64::from(self.divisor) * self.remainders.len() as u64 + in_rest as u64
    }

    /// Each of them by its position, from 0.
    fn nth(&self, position: u64) -> u64 {
        let each = self.remainders.len() as u64;
        let round = position.checked_div(each).unwrap_or_default();
        let at = usize::try_from(position.checked_rem(each).unwrap_or_default());
        let rest = at.ok().and_then(|at| self.remainders.get(at)).copied().unwrap_or_default();
        round * u64::from(self.divisor) + u64::from(rest)
    }
}

/// Those files of a share that are on some target.
#[derive(Clone, Debug)]
pub struct Selection {
    numbers: Numbers,
    blocks: Vec<Block>,
    count: u64,
    whole: u64,
}

/// Files of a share whose numbers follow one another.
#[derive(Clone, Copy, Debug)]
struct Block {
    /// The first file's number in the dataset, and in the share.
    number: u64,
    index: u64,
    /// How many of the selection are in blocks before, and how many numbers of it before the first.
    before: u64,
    skipped: u64,
}

impl Selection {
    /// The files of a node, or of all, whose places are wanted.
    #[must_use]
    pub fn new(
        (dataset, node): (&Dataset, Option<u16>),
        spread: &Spread,
        failed: TargetSet,
        is_wanted: impl Fn(u64, TargetSet) -> bool,
    ) -> Self {
        let remainders = (0..spread.slots())
            .filter(|slot| is_wanted((*slot).into(), spread.places((*slot).into(), failed)))
            .collect();
        let numbers = Numbers { divisor: spread.slots(), remainders };
        let whole = dataset.file_count_of(DatasetPart { node, process: None });
        let mut selection = Self { numbers, blocks: Vec::new(), count: 0, whole };
        let mut index = 0;
        while index < whole {
            let part = DatasetPart { node, process: None };
            let first = dataset.file(part, index);
            let length = if node.is_none() {
                whole
            } else {
                let processes = u64::from(dataset.dimensions().processes);
                dataset.generations().files_at(first.generation) * processes
            };
            selection.add(
                dataset.number_of(DatasetPart::ALL, first).unwrap_or_default(),
                index,
                length,
            );
            index += length.max(1);
        }
        selection
    }

    fn add(&mut self, number: u64, index: u64, length: u64) {
        let skipped = self.numbers.count_below(number);
        self.blocks.push(Block { number, index, before: self.count, skipped });
        self.count += self.numbers.count_below(number + length) - skipped;
    }

    /// How many files there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What falls to these files of something that all of the share have.
    #[must_use]
    pub fn in_proportion(&self, all: u128) -> u128 {
        let (count, whole) = (u128::from(self.count), u128::from(self.whole.max(1)));
        // Divided first where the product would be too much.
        all.checked_mul(count).map_or_else(|| all / whole * count, |product| product / whole)
    }

    /// The number in the share of the file at a position.
    #[must_use]
    pub fn index(&self, position: u64) -> u64 {
        let at = self.blocks.partition_point(|block| block.before <= position);
        let Some(block) = at.checked_sub(1).and_then(|at| self.blocks.get(at)) else { return 0 };
        let number = self.numbers.nth(position - block.before + block.skipped);
        block.index + number.saturating_sub(block.number)
    }
}

/// The targets that a file belongs on.
pub(super) fn places_of(
    dataset: &Dataset,
    file: Coordinates,
    (spread, failed): (&Spread, TargetSet),
) -> TargetSet {
    let number = dataset.number_of(DatasetPart::ALL, file);
    number.map(|number| spread.places(number, failed)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::DatasetConfig;

    #[test]
    fn positions_are_those_of_a_list() {
        let numbers = Numbers { divisor: 7, remainders: vec![1, 2, 6] };
        let list: Vec<u64> = (0..100).filter(|n| [1, 2, 6].contains(&(n % 7))).collect();
        for (position, number) in (0..).zip(&list) {
            assert_eq!(numbers.nth(position), *number);
        }
        for end in 0..100 {
            let below = list.iter().filter(|number| **number < end).count();
            assert_eq!(numbers.count_below(end), below as u64);
        }
    }

    /// Every file of every share is on the targets of its number, whichever share it is seen in.
    #[test]
    fn a_selection_is_the_files_that_belong_there() {
        let config = DatasetConfig {
            nodes: Some(3.into()),
            processes: Some(2.into()),
            files: Some(5.into()),
            iterations: Some(3.into()),
            new_files: Some("40".into()),
            layout: Some("i{iteration}/n{node}/p{process}/f{file}".into()),
            ..DatasetConfig::default()
        };
        let dataset = config.validate().unwrap();
        let spread = Spread::by_free_space(&[5, 1, 3, 9], 2).unwrap();
        let failed = TargetSet::of([3]);
        for node in [None, Some(0), Some(2)] {
            let part = DatasetPart { node, process: None };
            for target in 0..4 {
                let selection =
                    Selection::new((&dataset, node), &spread, failed, |_, on| on.has(target));
                let expected: Vec<u64> = (0..dataset.file_count_of(part))
                    .filter(|index| {
                        let file = dataset.file(part, *index);
                        places_of(&dataset, file, (&spread, failed)).has(target)
                    })
                    .collect();
                let found: Vec<u64> =
                    (0..selection.count()).map(|at| selection.index(at)).collect();
                assert_eq!(found, expected, "node {node:?}, target {target}");
            }
        }
    }
}
