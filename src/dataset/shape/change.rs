//! Which blocks a generation changes.
//!
//! A file is cut into blocks of `--change-block` bytes, and each generation changes `--change`
//! percent of them. When a block changes is arithmetic, so any generation is had without those
//! before it:
//!
//! ```text
//! P       = floor((2^32 × hundredths of a percent + 5000) / 10000)      the share
//! u       = draw(block) >> 32    of the stream of purpose 4 and the file, with generation 0
//! n(G)    = (G × P + u) >> 32                how often the block has changed up to generation G
//! last(G) = 0                                if n(G) = 0
//!           ceil((n(G) × 2^32 - u) / P)      otherwise: the generation in which n came to n(G)
//! ```
//!
//! `u` is the phase of a clock that strikes once every `1/P` generations. So a generation changes
//! the share of the blocks, chosen anew by the seed, and a block that has just changed does not
//! change again before about as many generations have passed as it takes to change all.

use super::ChangeRule;
use crate::dataset::Coordinates;
use crate::dataset::choice::{Choice, Purpose, RandomStream};

/// How many blocks [`ChangeRule::last_change`] looks at, some 100 µs. Where none of so many has
/// changed in a generation, a file with more is said to have changed in it.
///
/// That errs on the side on which a backup reads a file once more than it must, and it hardly ever
/// errs: at the least share, 0.01 %, 1 in 700 of the files that have more blocks than this comes
/// here, and those have changed further on.
pub const LAST_CHANGE_BLOCKS_MAX: u64 = 1 << 16;

impl ChangeRule {
    /// The generation, up to `generation`, in which a block of a file last changed: that whose
    /// content it has. The file's own generation does not count.
    #[must_use]
    pub fn generation_of_block(
        &self,
        choice: &Choice,
        file: Coordinates,
        block_index: u64,
        generation: u16,
    ) -> u16 {
        self.of_file(choice, file).generation_of_block(block_index, generation)
    }

    /// The blocks of one file, for those who ask about many.
    #[must_use]
    pub fn of_file(&self, choice: &Choice, file: Coordinates) -> FileChange {
        let first = Coordinates { generation: 0, ..file };
        FileChange { share: self.share.of_2_32(), stream: choice.stream(Purpose::Change, first) }
    }

    /// The generation, up to `generation`, in which any block of a file of this size last changed;
    /// see [`LAST_CHANGE_BLOCKS_MAX`].
    ///
    /// It stops at the first block that changed in `generation` itself, so it looks at some
    /// `1 / share` of them.
    #[must_use]
    pub fn last_change(
        &self,
        choice: &Choice,
        file: Coordinates,
        size_bytes: u64,
        generation: u16,
    ) -> u16 {
        let blocks = size_bytes.div_ceil(self.block_bytes);
        let share = self.share.of_2_32();
        if share == 0 || generation == 0 || blocks == 0 {
            return 0;
        }
        let of_file = self.of_file(choice, file);
        // How long ago, in 2^32nds of a stroke of the clock: the least over all blocks.
        let mut ago = None;
        for block in 0..blocks.min(LAST_CHANGE_BLOCKS_MAX) {
            let clock = of_file.clock(block, generation);
            if clock < 1 << 32 {
                continue;
            }
            let since = clock & 0xffff_ffff;
            if since < share {
                return generation;
            }
            ago = Some(ago.map_or(since, |least: u64| least.min(since)));
        }
        if blocks > LAST_CHANGE_BLOCKS_MAX {
            return generation;
        }
        ago.map_or(0, |ago| before(generation, ago / share))
    }
}

/// When the blocks of one file change.
#[derive(Clone, Copy, Debug)]
pub struct FileChange {
    share: u64,
    stream: RandomStream,
}

impl FileChange {
    /// See [`ChangeRule::generation_of_block`].
    #[inline]
    #[must_use]
    pub fn generation_of_block(&self, block_index: u64, generation: u16) -> u16 {
        let clock = self.clock(block_index, generation);
        if clock < 1 << 32 {
            return 0;
        }
        // ceil((n × 2^32 - u) / P), because n × 2^32 = G × P + u - (the clock's lower half). The
        // share is not 0, or the clock would have stayed below.
        let ago = (clock & 0xffff_ffff).checked_div(self.share).unwrap_or_default();
        before(generation, ago)
    }

    /// Whether a block is the same in two generations.
    #[inline]
    #[must_use]
    pub fn is_same_block(&self, block_index: u64, generations: [u16; 2]) -> bool {
        let phase = self.stream.draw(block_index) >> 32;
        let [one, other] = generations.map(|it| (u64::from(it) * self.share + phase) >> 32);
        one == other
    }

    /// Whether no block ever changes.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.share == 0
    }

    /// The last generation in which a block is as it is in this one.
    #[must_use]
    pub fn last_generation_of_block(&self, block_index: u64, generation: u16) -> u16 {
        // What is left until the clock strikes again.
        let left = 0xffff_ffff - (self.clock(block_index, generation) & 0xffff_ffff);
        let stays = left.checked_div(self.share).and_then(|stays| u16::try_from(stays).ok());
        generation.saturating_add(stays.unwrap_or(u16::MAX))
    }

    /// `G × P + u`: its upper half counts the changes, and its lower half what has passed since the
    /// last one.
    #[inline]
    fn clock(&self, block_index: u64, generation: u16) -> u64 {
        u64::from(generation) * self.share + (self.stream.draw(block_index) >> 32)
    }
}

/// The generation that was so long before another.
#[inline]
fn before(generation: u16, ago: u64) -> u16 {
    generation.saturating_sub(u16::try_from(ago).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::Percent;

    const FILE: Coordinates = Coordinates { generation: 0, node: 1, process: 2, file: 3 };

    fn change(basis_points: u32) -> ChangeRule {
        ChangeRule { share: Percent::of_basis_points(basis_points), block_bytes: 4096 }
    }

    /// The formula as it is documented, and counted up from the first generation.
    fn model(basis_points: u32, choice: Choice, block: u64, generation: u16) -> (u16, u16) {
        let share = (u128::from(basis_points) * (1 << 32) + 5000) / 10000;
        let phase = u128::from(choice.stream(Purpose::Change, FILE).draw(block) >> 32);
        let count = |generation: u16| (u128::from(generation) * share + phase) >> 32;
        let closed = match count(generation) {
            0 => 0,
            n => ((n << 32) - phase).div_ceil(share),
        };
        let mut counted = 0;
        for g in 1..=generation {
            if count(g) != count(g - 1) {
                counted = g;
            }
        }
        (u16::try_from(closed).unwrap(), counted)
    }

    #[test]
    fn all_or_nothing_changes_at_the_ends() {
        let choice = Choice::new("42");
        for generation in [0, 1, 2, u16::MAX] {
            for block in [0, 1, 1 << 40] {
                assert_eq!(change(0).generation_of_block(&choice, FILE, block, generation), 0);
                let all = change(10_000).generation_of_block(&choice, FILE, block, generation);
                assert_eq!(all, generation);
            }
            assert_eq!(change(0).last_change(&choice, FILE, 1 << 52, generation), 0);
            assert_eq!(change(10_000).last_change(&choice, FILE, 1 << 52, generation), generation);
        }
    }

    #[test]
    fn each_generation_changes_its_share_of_other_blocks() {
        let (choice, change) = (Choice::new("42"), change(500));
        let of_file = change.of_file(&choice, FILE);
        let mut changed_before = 0;
        for generation in 1..=20 {
            let changed = |g| move |block: &u64| of_file.generation_of_block(*block, g) == g;
            let count = (0..100_000).filter(changed(generation)).count();
            assert!((4800..5200).contains(&count), "generation {generation}: {count}");
            let both = (0..100_000).filter(changed(generation)).filter(changed(generation - 1));
            changed_before += if generation > 1 { both.count() } else { 0 };
        }
        // At 5 % each block waits its 20 generations.
        assert_eq!(changed_before, 0);
    }

    #[test]
    fn a_large_file_of_which_little_changes_counts_as_changed() {
        let (choice, change) = (Choice::new("42"), change(1));
        let most = LAST_CHANGE_BLOCKS_MAX * 4096;
        for number in 0..200 {
            let file = Coordinates { file: number, ..FILE };
            assert_eq!(change.last_change(&choice, file, most + 1, 7), 7);
            let exact = (0..LAST_CHANGE_BLOCKS_MAX)
                .map(|block| change.generation_of_block(&choice, file, block, 7))
                .max();
            assert_eq!(Some(change.last_change(&choice, file, most, 7)), exact);
        }
    }

    proptest! {
        #[test]
        fn the_last_change_is_that_of_the_formula_and_of_counting(
            basis_points in 0..=10_000_u32,
            block in any::<u64>(),
            generation in 0..=300_u16,
        ) {
            let choice = Choice::new("42");
            let (closed, counted) = model(basis_points, choice, block, generation);
            prop_assert_eq!(closed, counted);
            let file = Coordinates { generation, ..FILE };
            let found =
                change(basis_points).generation_of_block(&choice, file, block, generation);
            prop_assert_eq!(found, closed);
        }

        #[test]
        fn a_file_last_changed_when_one_of_its_blocks_did(
            basis_points in 0..=10_000_u32,
            size in 0..200_000_u64,
            generation in 0..=300_u16,
            number in any::<u32>(),
        ) {
            let (choice, change) = (Choice::new("42"), change(basis_points));
            let file = Coordinates { file: number, ..FILE };
            let blocks = 0..size.div_ceil(4096);
            let last = blocks
                .map(|block| change.generation_of_block(&choice, file, block, generation))
                .max()
                .unwrap_or(0);
            prop_assert_eq!(change.last_change(&choice, file, size, generation), last);
        }
    }
}
