//! Where two places show bytes that were made in the same place.
//!
//! Most of it is said by arithmetic about any length at once: a file of its own, or another offset,
//! never shows what was made elsewhere. What is left is asked block by block: whether a block is
//! the same in two generations, and which of the shared blocks two places show. Both are draws,
//! which nothing but making them tells; one costs some nanoseconds.

use super::origin::{CONTENT_END, FileOrigins};
use super::sharing::{SHARED_START, SharedBlocks};
use crate::dataset::Coordinates;

/// A run of two places: how many bytes, at least one, and whether they were made in the same place
/// all along or nowhere.
type Together = (u64, bool);

impl FileOrigins {
    /// What can be said at once of the bytes from two offsets on: of how many, at least one, and
    /// whether they were made in the same place. Neighbouring runs may say the same.
    #[inline]
    #[must_use]
    pub fn together(&self, offset: u64, other: &Self, other_offset: u64) -> (u64, bool) {
        let (one, two) = (offset % CONTENT_END, other_offset % CONTENT_END);
        let end = if self.shared.is_some() { SHARED_START } else { CONTENT_END };
        let Some(left) = end.checked_sub(one.max(two)).filter(|left| *left > 0) else {
            return self.made_together(one, other, two);
        };
        let place = |file: Coordinates| Coordinates { generation: 0, ..file };
        if one == two && place(self.file) == place(other.file) {
            return self.in_two_generations(other, one, left);
        }
        match (&self.shared, &other.shared) {
            (Some(first), Some(second))
                if first.can_meet(one, second, two)
                    // Each generation has shared blocks of its own.
                    && (self.change.is_some() || self.file.generation == other.file.generation) =>
            {
                self.shared_together([first, second], other, [one, two])
            }
            _ => (left, false),
        }
    }

    /// The same by asking for both.
    fn made_together(&self, offset: u64, other: &Self, other_offset: u64) -> Together {
        let (one, two) = (self.at(offset), other.at(other_offset));
        (one.length.min(two.length), (one.file, one.offset) == (two.file, two.offset))
    }

    /// The same place of one file; `left` bytes are what it has at the most.
    #[inline]
    fn in_two_generations(&self, other: &Self, offset: u64, left: u64) -> Together {
        let generations = [self.file.generation, other.file.generation];
        if generations[0] == generations[1] {
            return (left, true);
        }
        let Some(change) = &self.change else { return (left, false) };
        // In one generation the file may end before the other's last shared block does.
        let ends = [&self.shared, &other.shared].map(|it| it.map_or(0, |it| it.whole_end));
        let (first, last) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        if (first..last).contains(&offset) {
            return self.made_together(offset, other, offset);
        }
        let border = if offset < first { first - offset } else { left };
        if change.is_still() {
            return (border.min(left), true);
        }
        let length = change.block_end(offset) - offset;
        (length.min(border).min(left), change.is_same(generations, offset))
    }

    /// Two places in which the same shared block may stand.
    #[inline]
    fn shared_together(
        &self,
        both: [&SharedBlocks; 2],
        other: &Self,
        offsets: [u64; 2],
    ) -> Together {
        let [one, two] = offsets;
        let generation = self.file.generation;
        if self.change.is_none() {
            return both[0].run_with(both[1], generation, offsets);
        }
        let length = both[0].left(one);
        if !both[0].is_shared(one) || !both[1].is_shared(two) {
            return (length, false);
        }
        let (mut length, mut generations) = (length, [self.file.generation, other.file.generation]);
        if let (Some(first), Some(second)) = (&self.change, &other.change) {
            length = length.min(first.block_end(one) - one).min(second.block_end(two) - two);
            generations = [first.made(generations[0], one), second.made(generations[1], two)];
        }
        let agrees = generations[0] == generations[1]
            && both[0].number(generations[0], one) == both[1].number(generations[1], two);
        (length, agrees)
    }
}

/// How many blocks are looked at before a run is handed on: less than a microsecond.
const RUN_BLOCKS: u64 = 64;

impl SharedBlocks {
    /// The run of blocks from two offsets on in which the same shared block stands, or in none of
    /// which it does. There is a whole block at both.
    fn run_with(&self, other: &Self, generation: u16, [one, two]: [u64; 2]) -> (u64, bool) {
        let left = self.left(one);
        let whole = (self.whole_end - one).min(other.whole_end - two);
        let mut run = None;
        for block in 0..RUN_BLOCKS {
            // The first may begin in the middle.
            let done = if block == 0 { 0 } else { left + ((block - 1) << self.shift) };
            let (one, two) = (one + done, two + done);
            let agrees = done < whole
                && self.is_shared(one)
                && other.is_shared(two)
                && self.number(generation, one) == other.number(generation, two);
            if done >= whole || run.is_some_and(|run| run != agrees) {
                return (done, run.unwrap_or(agrees));
            }
            run = Some(agrees);
        }
        (left + ((RUN_BLOCKS - 1) << self.shift), run.unwrap_or(false))
    }

    /// Whether a shared block that stands at the one offset may stand at the other one as well, or
    /// further on in both.
    #[inline]
    fn can_meet(&self, offset: u64, other: &Self, other_offset: u64) -> bool {
        self.owner == other.owner
            && self.left(offset) == other.left(other_offset)
            && offset < self.whole_end
            && other_offset < other.whole_end
    }
}
