//! Which generations there are, and how many files each has.
//!
//! ```text
//! numbers(G) = numbers(0) + floor(numbers(0) × G × new_files / 10000)     of each process
//! files(G)   = numbers(G) × the number of extensions, or 1 where files have none
//! ```
//!
//! The share that is added is in hundredths of a percent. How the files themselves grow and change
//! is said by [`FileSizes`](super::sizes::FileSizes) and [`ChangeRule`](super::shape::ChangeRule).

use super::{Coordinates, Percent};

/// The most that a generation may add, of files and of a file's size: ten times what there was.
pub(super) const MAX_GROWTH: Percent = Percent::of_basis_points(100_000);

/// Which generations a dataset shows, and how many files each has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations {
    /// The first one that is shown.
    pub(super) first: u16,
    /// How many are shown.
    pub(super) count: u32,
    /// The numbers of files that each process has in generation 0, each with all extensions.
    pub(super) numbers: u64,
    /// How many files each number has, at least 1.
    pub(super) extensions: u32,
    /// What each adds to the numbers of a process, of those in generation 0.
    pub(super) new_files: Percent,
    /// How many files of a process the generations that are shown have before each of them, and
    /// all together; empty where they all have the same number.
    before: Vec<u64>,
}

impl Generations {
    /// The generations from `first` on.
    /// Each number has a file for each of so many extensions.
    pub(super) fn new(
        (first, count): (u16, u32),
        (numbers, extensions): (u64, u32),
        new_files: Percent,
    ) -> Self {
        let before = Vec::new();
        let mut generations = Self { first, count, numbers, extensions, new_files, before };
        if generations.files_at(generations.last()) > generations.files_at(first) {
            let mut sum = 0;
            generations.before.push(sum);
            for generation in generations.all() {
                sum += generations.files_at(generation);
                generations.before.push(sum);
            }
        }
        generations
    }

    /// Each of them.
    pub(super) fn all(&self) -> impl Iterator<Item = u16> + use<> {
        self.first..=self.last()
    }

    /// The last one that is shown.
    #[must_use]
    pub fn last(&self) -> u16 {
        let last = u32::from(self.first) + self.count - 1;
        // Validation has seen to that.
        u16::try_from(last).unwrap_or(u16::MAX)
    }

    /// The first one that is shown.
    #[must_use]
    pub fn first(&self) -> u16 {
        self.first
    }

    /// Whether the generations that are shown have different numbers of files.
    #[must_use]
    pub fn differ_in_files(&self) -> bool {
        !self.before.is_empty()
    }

    /// How many files a process has in a generation; at most `u64::MAX`, which validation refuses.
    #[must_use]
    pub fn files_at(&self, generation: u16) -> u64 {
        self.numbers_at(generation).saturating_mul(self.extensions.into())
    }

    /// How many numbers of files a process has in a generation.
    pub(super) fn numbers_at(&self, generation: u16) -> u64 {
        self.new_files.grown(self.numbers, generation)
    }

    /// How many numbers of files a process has in all generations that are shown.
    pub(super) fn numbers_in_all(&self) -> u64 {
        self.files_in_all() / u64::from(self.extensions)
    }

    /// How many files a process has in all generations that are shown.
    #[must_use]
    pub(super) fn files_in_all(&self) -> u64 {
        match self.before.last() {
            Some(sum) => *sum,
            None => u64::from(self.count) * self.files_at(self.last()),
        }
    }

    /// The generation that holds the file of a number, when those of a process are counted through
    /// all generations in groups of `each`, and how many come before that generation's.
    pub(super) fn find(&self, index: u64, each: u64) -> (u16, u64) {
        let position = match &self.before[..] {
            [] => index / (each * self.files_at(self.first)).max(1),
            before => before.partition_point(|sum| sum * each <= index).saturating_sub(1) as u64,
        };
        let position = u16::try_from(position).unwrap_or(u16::MAX);
        let generation = self.first.saturating_add(position);
        (generation, self.files_before(generation) * each)
    }

    /// How many files a process has in the generations that are shown before one of them.
    pub(super) fn files_before(&self, generation: u16) -> u64 {
        let position = generation.saturating_sub(self.first);
        match self.before.get(usize::from(position)) {
            Some(sum) => *sum,
            None => u64::from(position) * self.files_at(self.first),
        }
    }

    /// The last generation up to `generation` in which a process got files; 0 if it never did.
    #[must_use]
    pub(super) fn last_new_files(&self, generation: u16) -> u16 {
        self.new_files.last_growth(self.numbers, generation)
    }

    /// The generation in which a file was new.
    pub(super) fn birth(&self, file: Coordinates) -> u16 {
        let number = u64::from(file.file / self.extensions);
        let Some(behind) = number.checked_sub(self.numbers) else { return 0 };
        self.new_files.first_adding(self.numbers, u128::from(behind) + 1).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_generations() -> impl Strategy<Value = Generations> {
        let percents = prop::sample::select(vec![0, 1, 33, 500, 2500, 9999, 10_000]);
        let percent = percents.prop_map(Percent::of_basis_points);
        let shown = (0..20_u16, 1..=8_u32);
        (shown, (1..=30_u64, 1..=3_u32), percent)
            .prop_map(|(shown, files, new_files)| Generations::new(shown, files, new_files))
    }

    proptest! {
        #[test]
        fn files_are_counted_through_all_generations(
            generations in any_generations(),
            each in 1..5_u64,
        ) {
            let mut index = 0;
            for generation in generations.all() {
                let begin = index;
                for _ in 0..generations.files_at(generation) * each {
                    prop_assert_eq!(generations.find(index, each), (generation, begin));
                    index += 1;
                }
            }
            prop_assert_eq!(generations.files_in_all() * each, index);
            for generation in 1..=generations.last() {
                let grew = generations.files_at(generation) != generations.files_at(generation - 1);
                prop_assert_eq!(generations.last_new_files(generation) == generation, grew);
                for file in generations.files_at(generation - 1)..generations.files_at(generation) {
                    let file = u32::try_from(file).unwrap();
                    let new = Coordinates { file, ..Coordinates::default() };
                    prop_assert_eq!(generations.birth(new), generation);
                }
            }
        }
    }
}
