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
//! made(G) = 0                                if n(G) = 0
//!           ceil((n(G) × 2^32 - u) / P)      otherwise: the generation in which n came to n(G)
//! last(G) = floor(((n(G) + 1) × 2^32 - u - 1) / P)    the last one in which it stays as it is
//! ```
//!
//! `u` is the phase of a clock that strikes once every `1/P` generations. So a generation changes
//! the share of the blocks, chosen anew by the seed, and a block that has just changed does not
//! change again before about as many generations have passed as it takes to change all.

use std::ops::Range;

use crate::dataset::choice::{Choice, Purpose, RandomStream};
use crate::dataset::{Coordinates, Percent};

/// How many blocks are looked at for the last change of a file, some 100 µs. Where none of so many
/// has changed in a generation, a file with more is said to have changed in it.
///
/// That errs on the side on which a backup reads a file once more than it must, and it hardly ever
/// errs: at the least share, 0.01 %, 1 in 700 of the files that have more blocks than this comes
/// here, and those have changed further on.
pub const LAST_CHANGE_BLOCKS_MAX: u64 = 1 << 16;

/// How much changes from one generation to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeRule {
    /// The share of the blocks; less than all.
    pub share: Percent,
    /// The size of a block: a power of two.
    pub block_bytes: u64,
}

impl ChangeRule {
    /// When the blocks of a file change.
    #[must_use]
    pub(in crate::dataset) fn of_file(&self, choice: Choice, file: Coordinates) -> FileChange {
        let first = Coordinates { generation: 0, ..file };
        FileChange {
            share: self.share.of_2_32(),
            shift: self.block_bytes.trailing_zeros(),
            stream: choice.stream(Purpose::Change, first),
        }
    }
}

/// When the blocks of one file change.
#[derive(Clone, Copy, Debug)]
pub(in crate::dataset) struct FileChange {
    /// Of 2^32.
    share: u64,
    /// The size of a block, as a power of two.
    shift: u32,
    stream: RandomStream,
}

impl FileChange {
    /// The generation, up to `generation`, that made the block at `offset`: in which it last
    /// changed.
    #[inline]
    #[must_use]
    pub(super) fn made(&self, generation: u16, offset: u64) -> u16 {
        let clock = self.clock(generation, offset >> self.shift);
        if clock < 1 << 32 {
            return 0;
        }
        // ceil((n × 2^32 - u) / P), because n × 2^32 = G × P + u - (the clock's lower half). The
        // share is not 0, or the clock would have stayed below.
        let ago = (clock & 0xffff_ffff).checked_div(self.share).unwrap_or_default();
        before(generation, ago)
    }

    /// Whether the block at `offset` is the same in two generations: it has changed as often.
    #[inline]
    #[must_use]
    pub(super) fn is_same(&self, generations: [u16; 2], offset: u64) -> bool {
        let phase = self.stream.draw(offset >> self.shift) >> 32;
        let [one, other] = generations.map(|it| (u64::from(it) * self.share + phase) >> 32);
        one == other
    }

    /// Whether no block ever changes.
    #[must_use]
    pub(super) fn is_still(&self) -> bool {
        self.share == 0
    }

    /// Where the block at `offset` ends.
    #[inline]
    pub(super) fn block_end(&self, offset: u64) -> u64 {
        ((offset >> self.shift) + 1) << self.shift
    }

    /// The last generation in which all blocks of a range are as they are in this one.
    pub(super) fn last(&self, generation: u16, range: Range<u64>) -> u16 {
        let mut last = u16::MAX;
        let mut at = range.start;
        while at < range.end && last > generation {
            // What is left until the clock strikes again.
            let left = 0xffff_ffff - (self.clock(generation, at >> self.shift) & 0xffff_ffff);
            let stays = left.checked_div(self.share).and_then(|stays| u16::try_from(stays).ok());
            last = last.min(generation.saturating_add(stays.unwrap_or(u16::MAX)));
            at = self.block_end(at);
        }
        last
    }

    /// The generation, up to `generation`, in which any block of a file of this size last changed;
    /// see [`LAST_CHANGE_BLOCKS_MAX`].
    ///
    /// It stops at the first block that changed in `generation` itself, so it looks at some
    /// `1 / share` of them.
    #[must_use]
    pub(in crate::dataset) fn last_change(&self, generation: u16, size_bytes: u64) -> u16 {
        let blocks = size_bytes.div_ceil(1 << self.shift);
        if self.is_still() || generation == 0 || blocks == 0 {
            return 0;
        }
        // How long ago, in 2^32nds of a stroke of the clock: the least over all blocks.
        let mut ago = None;
        for block in 0..blocks.min(LAST_CHANGE_BLOCKS_MAX) {
            let clock = self.clock(generation, block);
            if clock < 1 << 32 {
                continue;
            }
            let since = clock & 0xffff_ffff;
            if since < self.share {
                return generation;
            }
            ago = Some(ago.map_or(since, |least: u64| least.min(since)));
        }
        if blocks > LAST_CHANGE_BLOCKS_MAX {
            return generation;
        }
        ago.map_or(0, |ago| before(generation, ago / self.share))
    }

    /// `G × P + u`: its upper half counts the changes, and its lower half what has passed since the
    /// last one.
    #[inline]
    fn clock(&self, generation: u16, block: u64) -> u64 {
        u64::from(generation) * self.share + (self.stream.draw(block) >> 32)
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

    const FILE: Coordinates = Coordinates { generation: 0, node: 1, process: 2, file: 3 };

    fn of_file(basis_points: u32, file: Coordinates) -> FileChange {
        let rule = ChangeRule { share: Percent::of_basis_points(basis_points), block_bytes: 4096 };
        rule.of_file(Choice::new("42"), file)
    }

    /// How often a block has changed, as the formula says.
    fn count(basis_points: u32, block: u64, generation: u16) -> u128 {
        let share = (u128::from(basis_points) * (1 << 32) + 5000) / 10000;
        let phase = Choice::new("42").stream(Purpose::Change, FILE).draw(block) >> 32;
        (u128::from(generation) * share + u128::from(phase)) >> 32
    }

    #[test]
    fn all_or_nothing_changes_at_the_ends() {
        let (none, all) = (of_file(0, FILE), of_file(10_000, FILE));
        for generation in [0, 1, 2, u16::MAX] {
            for offset in [0, 4096, 1 << 51] {
                assert_eq!(none.made(generation, offset), 0);
                assert_eq!(all.made(generation, offset), generation);
            }
            assert_eq!(none.last_change(generation, 1 << 52), 0);
            assert_eq!(all.last_change(generation, 1 << 52), generation);
        }
    }

    #[test]
    fn each_generation_changes_its_share_of_other_blocks() {
        let of_file = of_file(500, FILE);
        let mut changed_before = 0;
        for generation in 1..=20 {
            let changed = |g| move |block: &u64| of_file.made(g, block * 4096) == g;
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
        let most = LAST_CHANGE_BLOCKS_MAX * 4096;
        for number in 0..200 {
            let change = of_file(1, Coordinates { file: number, ..FILE });
            assert_eq!(change.last_change(7, most + 1), 7);
            let blocks = 0..LAST_CHANGE_BLOCKS_MAX;
            let exact = blocks.map(|block| change.made(7, block * 4096)).max();
            assert_eq!(Some(change.last_change(7, most)), exact);
        }
    }

    proptest! {
        /// Against counting up from the first generation.
        #[test]
        fn a_block_is_of_the_generation_in_which_it_was_counted_last(
            basis_points in 0..=10_000_u32,
            block in 0..1_u64 << 40,
            within in 0..4096_u64,
            generation in 0..=300_u16,
        ) {
            let change = of_file(basis_points, FILE);
            let times = |generation| count(basis_points, block, generation);
            let offset = block * 4096 + within;
            let made = (0..=generation).find(|g| times(*g) == times(generation)).unwrap();
            prop_assert_eq!(change.made(generation, offset), made);
            for other in [made, made.saturating_sub(1), generation + 1, generation + 40] {
                let is_same = times(other) == times(generation);
                prop_assert_eq!(change.is_same([generation, other], offset), is_same);
            }
            let last = change.last(generation, offset..offset + 1);
            prop_assert_eq!(times(last), times(generation));
            prop_assert!(last == u16::MAX || times(last + 1) != times(generation));
        }

        #[test]
        fn a_file_last_changed_when_one_of_its_blocks_did(
            basis_points in 0..=10_000_u32,
            size in 0..200_000_u64,
            generation in 0..=300_u16,
            number in any::<u32>(),
        ) {
            let change = of_file(basis_points, Coordinates { file: number, ..FILE });
            let blocks = 0..size.div_ceil(4096);
            let last = blocks.map(|block| change.made(generation, block * 4096)).max();
            prop_assert_eq!(change.last_change(generation, size), last.unwrap_or(0));
        }
    }
}
