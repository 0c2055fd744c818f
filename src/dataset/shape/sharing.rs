//! Which places show a shared block.
//!
//! With `--dedup` the same block stands in many places. The *shared blocks* themselves stand in the
//! upper half of the address space of their scope's first file.
//!
//! N is the number of whole blocks of D bytes in the scope in generation 0, at least 1 and at most
//! 2^64. Of them S places more than were asked for are shared, and they show S different blocks, so
//! that the share asked for is what a deduplicator takes away.
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

use super::change::ChangeRule;
use super::origin::Origin;
use crate::dataset::choice::{Purpose, RandomStream, below};
use crate::dataset::sizes::FileSizes;
use crate::dataset::{Coordinates, Dimensions, Percent};

/// Where the shared blocks begin in the content of their scope's first file: files of a dataset
/// that has any are no longer than this.
pub const SHARED_START: u64 = 1 << 51;

/// How many places show the same shared block, about.
const PLACES_SHIFT: u32 = 6;

/// The most blocks that are counted: more would only make the same number of shared ones.
const BLOCKS_MAX: u128 = 1 << 64;

/// Blocks that are there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dedup {
    /// The share of all blocks that a deduplicator takes away.
    pub share: Percent,
    /// The size of a block: a power of two.
    pub block_bytes: u64,
    /// Where the same block may stand again.
    pub scope: Scope,
}

/// Within what blocks are shared: files of one extension only, where there are several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All files of a generation.
    #[default]
    Dataset,
    /// The files of a node.
    Node,
    /// Each file for itself.
    File,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dataset, Self::Node, Self::File];

    /// The name that users see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Node => "node",
            Self::File => "file",
        }
    }
}

/// How many blocks are shared in one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sharing {
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

    /// How many blocks are shared, where that is the same for all of these files: in scopes larger
    /// than a file.
    pub(super) fn common(
        dedup: Dedup,
        change: Option<ChangeRule>,
        sizes: &FileSizes,
        files: &Dimensions,
    ) -> Option<Self> {
        let per_node = u128::from(files.processes) * u128::from(files.files);
        let files = match dedup.scope {
            Scope::Dataset => per_node * u128::from(files.nodes),
            Scope::Node => per_node,
            Scope::File => return None,
        };
        Some(Self::new(dedup, change, sizes.blocks(files, dedup.block_bytes)))
    }

    pub(super) fn count(&self, generation: u16) -> u64 {
        if generation == 0 { self.first } else { self.later }
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
    pub(super) fn new(
        (dedup, owner): (Dedup, Coordinates),
        sharing: Sharing,
        sizes: &FileSizes,
        file: Coordinates,
    ) -> Self {
        let first = Coordinates { generation: 0, ..file };
        let first_size_bytes = sizes.first(first);
        let shift = dedup.block_bytes.trailing_zeros();
        let draws = |purpose| sizes.choice().stream(purpose, first);
        Self {
            stream: draws(Purpose::SharedBlock),
            sharing,
            phase: draws(Purpose::SharedPhase).draw(0) >> 32,
            shift,
            whole_end: (sizes.grown(first_size_bytes, file.generation) >> shift) << shift,
            first_size_bytes,
            owner,
        }
    }

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
    pub(super) fn origin(&self, generation: u16, offset: u64) -> Option<Origin> {
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
    pub(super) fn last(&self, sizes: &FileSizes, range: Range<u64>) -> u16 {
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
        let whole = sizes.first_reaching(self.first_size_bytes, (block + 1) << self.shift);
        // It is not yet in this one.
        whole.map_or(u16::MAX, |whole| whole.saturating_sub(1))
    }
}
