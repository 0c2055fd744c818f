//! How the dataset changes from one generation to the next.
//!
//! ```text
//! size(G)  = size(0) + floor(size(0) × G × grow / 10000)         hundredths of a percent
//! files(G) = files(0) + floor(files(0) × G × new_files / 10000)  of each process
//! ```
//!
//! Which blocks change is said in [`change`](super::change).

use super::{ChangeRule, Choice, Coordinates, Percent};

/// The most that a generation may add, of files and of a file's size: ten times what there was.
pub(super) const MAX_GROWTH: Percent = Percent::of_basis_points(100_000);

/// Which generations a dataset shows, and how each differs from the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generations {
    /// The first one that is shown.
    pub(super) first: u16,
    /// How many are shown.
    pub(super) count: u32,
    /// The files of each process in generation 0.
    pub(super) files: u64,
    /// What each generation changes; `None` for everything.
    pub(super) change: Option<ChangeRule>,
    /// What each adds to the size of every file, of its size in generation 0.
    pub(super) grow: Percent,
    /// What each adds to the files of a process, of their number in generation 0.
    pub(super) new_files: Percent,
    /// How many files of a process the generations that are shown have before each of them, and
    /// all together; empty where they all have the same number.
    before: Vec<u64>,
}

impl Generations {
    /// The generations from `first` on.
    pub(super) fn new(
        (first, count): (u16, u32),
        files: u64,
        change: Option<ChangeRule>,
        (grow, new_files): (Percent, Percent),
    ) -> Self {
        let mut generations =
            Self { first, count, files, change, grow, new_files, before: Vec::new() };
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

    /// Whether all generations have as many files, of the same sizes.
    #[must_use]
    pub(super) fn is_still(&self) -> bool {
        self.grow == Percent::ZERO && self.new_files == Percent::ZERO
    }

    /// How many files a process has in a generation; at most `u64::MAX`, which validation refuses.
    #[must_use]
    pub fn files_at(&self, generation: u16) -> u64 {
        grown(self.files, self.new_files, generation)
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
        let before = match self.before.get(usize::from(position)) {
            Some(sum) => *sum,
            None => u64::from(position) * self.files_at(self.first),
        };
        (self.first.saturating_add(position), before * each)
    }

    /// The size in a generation of a file that had this size in generation 0.
    #[inline]
    #[must_use]
    pub fn size_at(&self, size_bytes: u64, generation: u16) -> u64 {
        grown(size_bytes, self.grow, generation)
    }

    /// The first generation in which a file has this size or more; `None` if there is none.
    #[must_use]
    pub(super) fn first_of_size(&self, first_size_bytes: u64, size_bytes: u64) -> Option<u16> {
        let more = size_bytes.saturating_sub(first_size_bytes);
        if more == 0 {
            return Some(0);
        }
        let first = self.grow.first_reaching(first_size_bytes, more.into())?;
        u16::try_from(first).ok()
    }

    /// The last generation up to `generation` in which a process got files; 0 if it never did.
    #[must_use]
    pub(super) fn last_new_files(&self, generation: u16) -> u16 {
        last_growth(self.files, self.new_files, generation)
    }

    /// The last generation up to its own in which a file changed in any way: a block of it or its
    /// size did, or it was new. `size_bytes` is its size in generation 0.
    #[must_use]
    pub(super) fn last_change(&self, choice: Choice, file: Coordinates, size_bytes: u64) -> u16 {
        let generation = file.generation;
        let Some(change) = self.change else { return generation };
        let grew = last_growth(size_bytes, self.grow, generation);
        if grew == generation {
            return grew;
        }
        let size_now = self.size_at(size_bytes, generation);
        let changed = change.last_change(&choice, file, size_now, generation);
        changed.max(grew).max(self.birth(file)).min(generation)
    }

    /// The generation in which a file was new.
    fn birth(&self, file: Coordinates) -> u16 {
        let Some(behind) = u64::from(file.file).checked_sub(self.files) else { return 0 };
        let first = self.new_files.first_reaching(self.files, u128::from(behind) + 1);
        first.and_then(|first| u16::try_from(first).ok()).unwrap_or(u16::MAX)
    }
}

#[inline]
fn grown(number: u64, by: Percent, generation: u16) -> u64 {
    if by == Percent::ZERO || generation == 0 {
        return number;
    }
    u64::try_from(u128::from(number) + by.of(number, generation)).unwrap_or(u64::MAX)
}

/// The last generation up to `generation` in which a number grew; 0 if it never did.
fn last_growth(number: u64, by: Percent, generation: u16) -> u16 {
    let amount = by.of(number, generation);
    if amount == 0 {
        return 0;
    }
    let first = by.first_reaching(number, amount);
    first.and_then(|first| u16::try_from(first).ok()).unwrap_or(generation)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_generations() -> impl Strategy<Value = Generations> {
        let percent = || {
            let some = prop::sample::select(vec![0, 1, 33, 500, 2500, 9999, 10_000]);
            some.prop_map(Percent::of_basis_points)
        };
        let change = prop::option::of((percent(), 9..=20_u32));
        (0..20_u16, 1..=8_u32, 1..=30_u64, change, percent(), percent()).prop_map(
            |(first, count, files, change, grow, new_files)| {
                let change = change.map(|(share, log)| ChangeRule { share, block_bytes: 1 << log });
                Generations::new((first, count), files, change, (grow, new_files))
            },
        )
    }

    proptest! {
        /// Against going through the generations one by one.
        #[test]
        fn the_last_change_is_found_by_looking_at_each(
            generations in any_generations(),
            size in 1..100_000_u64,
            number in 0..100_u32,
        ) {
            let choice = Choice::new("42");
            for generation in 0..=generations.last() {
                let file = Coordinates { generation, file: number, ..Coordinates::default() };
                if u64::from(number) >= generations.files_at(generation) {
                    continue;
                }
                let mut last = 0;
                for g in 1..=generation {
                    let is_new = u64::from(number) >= generations.files_at(g - 1);
                    let size_now = generations.size_at(size, g);
                    let grew = size_now != generations.size_at(size, g - 1);
                    let end = generations.size_at(size, generation);
                    let changed = generations.change.is_none_or(|change| {
                        (0..end.div_ceil(change.block_bytes))
                            .any(|block| change.generation_of_block(&choice, file, block, g) == g)
                    });
                    if is_new || grew || changed {
                        last = g;
                    }
                }
                prop_assert_eq!(generations.last_change(choice, file, size), last);
            }
        }

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
            }
        }
    }
}
