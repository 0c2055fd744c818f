//! Where the bytes of a file were made.
//!
//! In a plain dataset each byte is made where it stands. With `--change` a block of a later
//! generation may be one that an earlier generation made; with `--dedup` it may be one of the
//! *shared blocks*, which stand in the upper half of the address space of their scope's first file.
//! Both are arithmetic: no table exists, and any byte costs the same.
//!
//! # Change
//!
//! A block of the file (node, process, file) draws one number, by which it changes in a fixed
//! rhythm: the share that was asked for of all blocks in each generation, and none twice.
//!
//! ```text
//! P       = round(2^32 × percent / 100)
//! u       = draw(offset / change block) >> 32      of stream(Change, file in generation 0)
//! n       = (G × P + u) >> 32                      how often it has changed up to generation G
//! origin  = 0 if n = 0, else ceil((n × 2^32 - u) / P)
//! last    = ((n + 1) × 2^32 - u - 1) / P           the last generation in which it stays as it is
//! ```
//!
//! # Shared blocks
//!
//! N is the number of whole blocks of D bytes in the scope in generation 0, at least 1 and at most
//! 2^64. Of them S places more
//! than were asked for are shared, and they show S different blocks, so that the share asked for is
//! what a deduplicator takes away.
//!
//! ```text
//! Q       = round(2^32 × percent / 100)
//! S       = min(N × min(Q, 2^32 - Q) / 2^38, 2^51 / D)    at least 1
//! Q'      = min(Q + S × 2^32 / N, 2^32)
//! phase   = draw(0) >> 32                          of stream(SharedPhase, file in generation 0)
//! shared  = whether (b × Q' + phase) mod 2^32 + Q' >= 2^32       for block b = offset / D
//! k       = below(draw(g × 2^48 + b), S_g)         of stream(SharedBlock, file in generation 0)
//! origin  = offset 2^51 + k × D + offset mod D of the scope's first file, in generation g
//! ```
//!
//! g is the generation in which the place changed last; `S_0` is S, and `S_g` of a later one is the
//! share of S that changes, at least 1. Only blocks that lie wholly within the file's size are
//! shared: those of the generation that is looked at, not of the one that made the block. So a
//! block in which a file ends is the file's own, and may be a shared one as soon as the file has
//! grown past it, although its rhythm says that it stays.

use std::ops::Range;

use super::change::FileChange;
use super::{ChangeRule, Dedup, Scope};
use crate::dataset::choice::{Choice, Purpose, RandomStream, below};
use crate::dataset::{Coordinates, Dataset, Dimensions, Generations};

/// Where the shared blocks begin in the content of their scope's first file: files of a dataset
/// that has any are no longer than this.
pub const SHARED_START: u64 = 1 << 51;

/// Where the content of a file ends.
pub(super) const CONTENT_END: u64 = 1 << 52;

/// How many places show the same shared block, about.
const PLACES_SHIFT: u32 = 6;

/// The most blocks that are counted: more would only make the same number of shared ones.
const BLOCKS_MAX: u128 = 1 << 64;

/// Where bytes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file in whose content they stand.
    pub file: Coordinates,
    /// The byte of that content.
    pub offset: u64,
    /// How many bytes from there on are known to go on in the same place; at least 1.
    pub length: u64,
}

/// How many blocks are shared in one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataset) struct Sharing {
    /// How many different ones in generation 0.
    first: u64,
    /// How many new ones in each later generation.
    later: u64,
    /// The share of the places, of 2^32.
    places: u64,
}

impl Sharing {
    /// `blocks` is the number of whole blocks in the scope.
    pub(super) fn new(dedup: Dedup, change: Option<ChangeRule>, blocks: u128) -> Self {
        let share = dedup.share.of_2_32();
        let blocks = blocks.clamp(1, BLOCKS_MAX);
        let rarer = u128::from(share.min((1 << 32) - share));
        let most = SHARED_START / dedup.block_bytes;
        let first = u64::try_from((blocks * rarer) >> (32 + PLACES_SHIFT)).unwrap_or(most);
        let first = first.clamp(1, most);
        let extra = (u128::from(first) << 32) / blocks;
        let places = (share + u64::try_from(extra).unwrap_or(1 << 32)).min(1 << 32);
        let changed = change.map_or(1 << 32, |change| change.share.of_2_32());
        let later = (u128::from(first) * u128::from(changed)) >> 32;
        Self { first, later: u64::try_from(later).unwrap_or(first).max(1), places }
    }

    fn count(&self, generation: u16) -> u64 {
        if generation == 0 { self.first } else { self.later }
    }
}

/// How the blocks of one file change, asked by offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    pub(super) blocks: FileChange,
    /// The size of a block, as a power of two.
    shift: u32,
}

impl Rhythm {
    fn new(choice: Choice, change: ChangeRule, file: Coordinates) -> Self {
        let shift = change.block_bytes.trailing_zeros();
        Self { blocks: change.of_file(&choice, file), shift }
    }

    /// The last generation in which all blocks of a range are as they are in this one.
    fn last(&self, generation: u16, range: Range<u64>) -> u16 {
        let mut last = u16::MAX;
        let mut at = range.start;
        while at < range.end && last > generation {
            last = last.min(self.blocks.last_generation_of_block(at >> self.shift, generation));
            at = self.block_end(at);
        }
        last
    }

    /// Whether the block at `offset` is the same in two generations: it has changed as often.
    #[inline]
    pub(super) fn is_same(&self, generations: [u16; 2], offset: u64) -> bool {
        self.blocks.is_same_block(offset >> self.shift, generations)
    }

    /// The generation that made the block at `offset`.
    #[inline]
    pub(super) fn made(&self, generation: u16, offset: u64) -> u16 {
        self.blocks.generation_of_block(offset >> self.shift, generation)
    }

    pub(super) fn block_end(&self, offset: u64) -> u64 {
        ((offset >> self.shift) + 1) << self.shift
    }
}

/// Which places of one file show shared blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct SharedBlocks {
    stream: RandomStream,
    sharing: Sharing,
    phase: u64,
    pub(super) shift: u32,
    /// Up to here the file consists of whole blocks.
    pub(super) whole_end: u64,
    /// Of the file in generation 0.
    first_size_bytes: u64,
    /// The scope's first file.
    pub(super) owner: Coordinates,
}

impl SharedBlocks {
    /// Whether a shared block stands at `offset`, if the file has a whole block there.
    #[inline]
    pub(super) fn is_shared(&self, offset: u64) -> bool {
        self.position(offset >> self.shift) + self.sharing.places >= 1 << 32
    }

    /// Which of the shared blocks of a generation it is.
    #[inline]
    pub(super) fn number(&self, generation: u16, offset: u64) -> u64 {
        let block = offset >> self.shift;
        let draw = self.stream.draw(u64::from(generation) << 48 | block);
        below(draw, self.sharing.count(generation))
    }

    /// How many bytes there are from `offset` to the end of its block.
    #[inline]
    pub(super) fn left(&self, offset: u64) -> u64 {
        (1 << self.shift) - (offset & ((1 << self.shift) - 1))
    }

    /// What the place at `offset` shows; `None` where the file's own block stands there.
    #[inline]
    fn origin(&self, generation: u16, offset: u64) -> Option<Origin> {
        if offset >= self.whole_end || !self.is_shared(offset) {
            return None;
        }
        let number = self.number(generation, offset);
        let within = offset & ((1 << self.shift) - 1);
        Some(Origin {
            file: Coordinates { generation, ..self.owner },
            offset: SHARED_START + (number << self.shift) + within,
            length: self.left(offset),
        })
    }

    /// Where a block stands in the even pattern: it is shared where the next one would be behind
    /// the end of 2^32.
    #[inline]
    fn position(&self, block: u64) -> u64 {
        block.wrapping_mul(self.sharing.places).wrapping_add(self.phase) & 0xffff_ffff
    }

    /// The last generation in which no block of a range, which ends before [`SHARED_START`], has
    /// become a shared one because the file has grown past it.
    fn last(&self, generations: &Generations, range: Range<u64>) -> u16 {
        let start = range.start.max(self.whole_end);
        if start >= range.end {
            return u16::MAX;
        }
        // The first of them that is shared then: those behind it are whole no sooner.
        let first = start >> self.shift;
        let to_shared = ((1 << 32) - self.sharing.places).saturating_sub(self.position(first));
        let block = first + to_shared.div_ceil(self.sharing.places.max(1));
        if block << self.shift >= range.end {
            return u16::MAX;
        }
        let whole = generations.first_of_size(self.first_size_bytes, (block + 1) << self.shift);
        // It is not yet in this one.
        whole.map_or(u16::MAX, |whole| whole.saturating_sub(1))
    }
}

/// The origins of one file's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Origins {
    pub(super) file: Coordinates,
    pub(super) rhythm: Option<Rhythm>,
    pub(super) shared: Option<SharedBlocks>,
}

impl Origins {
    /// Where the byte at `offset` was made, and how far that goes on. Offsets count modulo 2^52.
    #[inline]
    #[must_use]
    pub fn at(&self, offset: u64) -> Origin {
        let offset = offset % CONTENT_END;
        let mut file = self.file;
        let mut end = CONTENT_END;
        if self.shared.is_some() {
            if offset >= SHARED_START {
                return Origin { file, offset, length: CONTENT_END - offset };
            }
            end = SHARED_START;
        }
        if let Some(rhythm) = &self.rhythm {
            file.generation = rhythm.made(file.generation, offset);
            end = rhythm.block_end(offset);
        }
        if let Some(shared) = &self.shared {
            if let Some(origin) = shared.origin(file.generation, offset) {
                return origin;
            }
            if offset < shared.whole_end {
                end = end.min(((offset >> shared.shift) + 1) << shared.shift);
            }
        }
        Origin { file, offset, length: end - offset }
    }

    /// The last generation in which the file has the same bytes in a range as in this one, as far
    /// as it is that long then. The range ends within the content.
    #[must_use]
    pub fn last_generation(&self, generations: &Generations, range: Range<u64>) -> u16 {
        let own = self.file.generation;
        match (&self.rhythm, &self.shared) {
            (None, _) => own,
            (Some(rhythm), None) => rhythm.last(own, range),
            // Shared blocks are of one generation.
            (Some(_), Some(_)) if range.end > SHARED_START => own,
            (Some(rhythm), Some(shared)) => {
                rhythm.last(own, range.clone()).min(shared.last(generations, range))
            }
        }
    }
}

impl Dataset {
    /// Where the bytes of a file were made.
    #[must_use]
    pub fn origins(&self, file: Coordinates) -> Origins {
        let rhythm = self.shape.change.map(|change| Rhythm::new(self.choice, change, file));
        let shared = self.shape.dedup.map(|dedup| self.shared(dedup, file));
        Origins { file, rhythm, shared }
    }

    fn shared(&self, dedup: Dedup, file: Coordinates) -> SharedBlocks {
        let first = Coordinates { generation: 0, ..file };
        let first_size_bytes = self.size_bytes(first);
        let shift = dedup.block_bytes.trailing_zeros();
        SharedBlocks {
            stream: self.choice.stream(Purpose::SharedBlock, first),
            sharing: self.sharing_of(dedup, file),
            phase: self.choice.stream(Purpose::SharedPhase, first).draw(0) >> 32,
            shift,
            whole_end: (self.generations().size_at(first_size_bytes, file.generation) >> shift)
                << shift,
            first_size_bytes,
            owner: owner(dedup.scope, first),
        }
    }

    fn sharing_of(&self, dedup: Dedup, file: Coordinates) -> Sharing {
        self.sharing.unwrap_or_else(|| {
            let first = Coordinates { generation: 0, ..file };
            let blocks = self.size_bytes(first) / dedup.block_bytes;
            Sharing::new(dedup, self.shape.change, blocks.into())
        })
    }

    /// The last generation in which a file has the same bytes in a range as in its own generation;
    /// `None` where each generation has others.
    #[must_use]
    pub fn last_generation(&self, file: Coordinates, offset: u64, length: u64) -> Option<u16> {
        self.shape.change?;
        let range = offset..offset.saturating_add(length);
        Some(self.origins(file).last_generation(self.generations(), range))
    }

    /// Which shared block a byte of content is in, counted from 0; `None` where it is in none.
    #[must_use]
    pub fn shared_block(&self, offset: u64) -> Option<u64> {
        let dedup = self.shape.dedup?;
        Some(offset.checked_sub(SHARED_START)? / dedup.block_bytes)
    }

    /// Whether a file of the dataset is its scope's first one, and has this shared block.
    pub(in crate::dataset) fn has_shared_block(&self, file: Coordinates, number: u64) -> bool {
        self.shape.dedup.is_some_and(|dedup| {
            owner(dedup.scope, file) == file
                && number < self.sharing_of(dedup, file).count(file.generation)
        })
    }
}

/// How many blocks are shared, where that is the same for all files: in scopes larger than a file.
/// `blocks_of` so many files says how many blocks they have; where sizes are drawn, by their mean.
pub(in crate::dataset) fn common_sharing(
    dedup: Dedup,
    change: Option<ChangeRule>,
    dimensions: &Dimensions,
    blocks_of: impl Fn(u128) -> u128,
) -> Option<Sharing> {
    let per_node = u128::from(dimensions.processes) * u128::from(dimensions.files);
    let files = match dedup.scope {
        Scope::Dataset => per_node * u128::from(dimensions.nodes),
        Scope::Node => per_node,
        Scope::File => return None,
    };
    Some(Sharing::new(dedup, change, blocks_of(files)))
}

/// The file that owns the shared blocks of `file`'s scope, in the same generation.
fn owner(scope: Scope, file: Coordinates) -> Coordinates {
    let Coordinates { generation, node, .. } = file;
    match scope {
        Scope::Dataset => Coordinates { generation, ..Coordinates::default() },
        Scope::Node => Coordinates { generation, node, ..Coordinates::default() },
        Scope::File => file,
    }
}

#[cfg(test)]
mod tests;
