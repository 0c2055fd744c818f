//! Which parts of the store's file are free.

use std::collections::{BTreeMap, BTreeSet};

/// The parts of the file that nobody uses, in whole blocks.
///
/// A part that was just freed still takes its blocks on the disk, until it is punched out of the
/// file. That is not done where it is freed, so such parts are kept by themselves. They are used
/// again first: their blocks are there, also where the disk has no others.
#[derive(Debug, Default)]
pub(super) struct StoreSpace {
    /// Free, and still on the disk.
    freed: FreeRuns,
    /// Free, and holes.
    holes: FreeRuns,
    /// Where the blocks begin that were never used.
    end: u64,
    /// Blocks in use, in bytes.
    used_bytes: u64,
}

impl StoreSpace {
    /// Takes the smallest free run that is large enough, or blocks that were never used.
    pub(super) fn take(&mut self, room: u64, limit_bytes: u64) -> Option<u64> {
        let used_bytes = self.used_bytes.checked_add(room).filter(|used| *used <= limit_bytes)?;
        let free = self.freed.take(room).or_else(|| self.holes.take(room));
        let offset = if let Some(offset) = free {
            offset
        } else {
            let end = self.end.checked_add(room)?;
            std::mem::replace(&mut self.end, end)
        };
        self.used_bytes = used_bytes;
        Some(offset)
    }

    pub(super) fn free(&mut self, offset: u64, room: u64) {
        self.used_bytes -= room;
        self.freed.add(offset, room);
    }

    /// Takes a run out that is to be punched: nobody else gets it until it is one of the holes.
    pub(super) fn take_freed(&mut self, max_bytes: u64) -> Option<(u64, u64)> {
        let (offset, length) = self.freed.pop_first()?;
        let taken = length.min(max_bytes);
        if taken < length {
            self.freed.add(offset + taken, length - taken);
        }
        Some((offset, taken))
    }

    pub(super) fn add_hole(&mut self, offset: u64, length: u64) {
        self.holes.add(offset, length);
        if let Some(offset) = self.holes.pop_ending_at(self.end) {
            self.end = offset;
        }
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }
}

/// Runs of bytes, none of which touch, found by where they are and by how long they are.
#[derive(Debug, Default)]
struct FreeRuns {
    by_offset: BTreeMap<u64, u64>,
    by_length: BTreeSet<(u64, u64)>,
}

impl FreeRuns {
    /// Adds a run, and joins it with those that it touches.
    fn add(&mut self, mut offset: u64, mut length: u64) {
        if let Some(next) = self.by_offset.get(&(offset + length)).copied() {
            self.remove(offset + length, next);
            length += next;
        }
        if let Some((&before, &before_length)) = self.by_offset.range(..offset).next_back()
            && before + before_length == offset
        {
            self.remove(before, before_length);
            (offset, length) = (before, before_length + length);
        }
        self.by_offset.insert(offset, length);
        self.by_length.insert((length, offset));
    }

    /// Takes a part of the shortest run that has it.
    fn take(&mut self, room: u64) -> Option<u64> {
        let (length, offset) = *self.by_length.range((room, 0)..).next()?;
        self.remove(offset, length);
        if length > room {
            self.add(offset + room, length - room);
        }
        Some(offset)
    }

    fn pop_first(&mut self) -> Option<(u64, u64)> {
        let (offset, length) = self.by_offset.pop_first()?;
        self.by_length.remove(&(length, offset));
        Some((offset, length))
    }

    fn pop_ending_at(&mut self, end: u64) -> Option<u64> {
        let (&offset, &length) = self.by_offset.last_key_value()?;
        if offset + length != end {
            return None;
        }
        self.remove(offset, length);
        Some(offset)
    }

    fn remove(&mut self, offset: u64, length: u64) {
        self.by_offset.remove(&offset);
        self.by_length.remove(&(length, offset));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCKS: usize = 2000;
    const LIMIT: u64 = 40;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Block {
        Used,
        Free,
        Hole,
    }

    proptest! {
        /// A list of blocks is the model.
        #[test]
        fn no_block_has_two_users_and_none_is_lost(
            steps in prop::collection::vec(
                (0..3_u8, 1..9_u64, any::<prop::sample::Index>()),
                1..200
            )
        ) {
            let mut space = StoreSpace::default();
            let mut blocks = [Block::Hole; BLOCKS];
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for (step, room, which) in steps {
                let range = |offset: u64, length: u64| {
                    usize::try_from(offset).unwrap()..usize::try_from(offset + length).unwrap()
                };
                let used: u64 = taken.iter().map(|(_, room)| room).sum();
                match step {
                    0 => {
                        let free = blocks.chunk_by(|a, b| a == b);
                        let freed = free.filter(|run| run[0] == Block::Free);
                        let fits = freed.map(<[Block]>::len).any(|run| run as u64 >= room);
                        let Some(offset) = space.take(room, LIMIT) else {
                            prop_assert!(used + room > LIMIT);
                            continue;
                        };
                        prop_assert!(used + room <= LIMIT);
                        let blocks = &mut blocks[range(offset, room)];
                        prop_assert!(blocks.iter().all(|block| *block != Block::Used));
                        prop_assert!(!fits || blocks.iter().all(|block| *block == Block::Free));
                        blocks.fill(Block::Used);
                        taken.push((offset, room));
                    }
                    1 if !taken.is_empty() => {
                        let (offset, room) = taken.swap_remove(which.index(taken.len()));
                        blocks[range(offset, room)].fill(Block::Free);
                        space.free(offset, room);
                    }
                    2 => {
                        let Some((offset, length)) = space.take_freed(room) else {
                            prop_assert!(!blocks.contains(&Block::Free));
                            continue;
                        };
                        prop_assert!(length <= room);
                        let blocks = &mut blocks[range(offset, length)];
                        prop_assert!(blocks.iter().all(|block| *block == Block::Free));
                        blocks.fill(Block::Hole);
                        space.add_hole(offset, length);
                    }
                    _ => {}
                }
                let used: u64 = taken.iter().map(|(_, room)| room).sum();
                prop_assert_eq!(space.used_bytes(), used);
                let last = blocks.iter().rposition(|block| *block != Block::Hole);
                prop_assert!(space.end >= last.map_or(0, |last| last as u64 + 1));
            }
            for (offset, room) in taken {
                space.free(offset, room);
            }
            while let Some((offset, length)) = space.take_freed(u64::MAX) {
                space.add_hole(offset, length);
            }
            prop_assert_eq!((space.end, space.used_bytes()), (0, 0));
            prop_assert!(space.holes.by_offset.is_empty() && space.holes.by_length.is_empty());
        }
    }
}
