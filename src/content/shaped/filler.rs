//! Content that compresses: each stretch of 512 bytes keeps its first blocks, and the rest of it is
//! filler.
//!
//! ```text
//! R        = 256 - round(256 × percent / 100) - 3    blocks that are kept of 4 KiB; at least 8
//! kept(j)  = floor((j + 1) × R / 8) - floor(j × R / 8)     of them in its stretch j, from 0 to 7
//!
//!   stretch j       0               16 × kept(j)                    512
//!                   | blocks of content | U U U U U U U U U U U U U U |
//! ```
//!
//! So what is left stands at its own place and still says where that is, and as there is a block in
//! each stretch, no two sectors of 512 bytes are the same. Three blocks are what the compressors
//! themselves add to 4 KiB, on the average of those that `dev/measure-shapes` asks.

use crate::dataset::Percent;

/// What stands where content was taken away: not zero, so that lost pages are told from it.
pub(super) const FILLER: u8 = b'U';

/// A stretch.
pub(super) const STRETCH_BYTES: usize = 512;
const STRETCHES: usize = 8;

const BLOCKS: u32 = 256;
/// What compressors add to 4 KiB, in blocks.
const OVERHEAD_BLOCKS: u32 = 3;

/// How much of each stretch of 4 KiB is kept, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filler([u16; STRETCHES]);

impl Filler {
    /// `None` where everything is.
    pub(super) fn new(compress: Percent) -> Option<Self> {
        if compress == Percent::ZERO {
            return None;
        }
        let taken = (BLOCKS * compress.basis_points() + 5000) / 10_000;
        let blocks = BLOCKS.saturating_sub(taken + OVERHEAD_BLOCKS).max(8);
        let mut kept = [0; STRETCHES];
        for (j, kept) in (0..).zip(&mut kept) {
            let blocks = (j + 1) * blocks / 8 - j * blocks / 8;
            // At most 32 blocks.
            *kept = u16::try_from(16 * blocks).unwrap_or_default();
        }
        Some(Self(kept))
    }

    /// What is kept of the stretch in which the byte at `offset` stands.
    #[inline]
    fn of_stretch(&self, offset: u64) -> usize {
        usize::from(self.0[(offset / STRETCH_BYTES as u64 % 8) as usize])
    }

    /// Lays the filler over content that was made at `offset`.
    #[inline]
    pub(super) fn lay(&self, offset: u64, content: &mut [u8]) {
        let before = in_stretch(offset);
        let first = (STRETCH_BYTES - before).min(content.len());
        let (head, body) = content.split_at_mut(first);
        let kept = self.of_stretch(offset).saturating_sub(before).min(first);
        head[kept..].fill(FILLER);
        let mut offset = offset.wrapping_add(first as u64);
        let (stretches, tail) = body.as_chunks_mut::<STRETCH_BYTES>();
        for stretch in stretches {
            let kept = self.of_stretch(offset);
            stretch[kept.min(STRETCH_BYTES)..].fill(FILLER);
            offset = offset.wrapping_add(STRETCH_BYTES as u64);
        }
        let kept = self.of_stretch(offset).min(tail.len());
        tail[kept..].fill(FILLER);
    }

    /// How many of `length` bytes that were made at `offset` are content.
    pub(super) fn content_bytes(&self, offset: u64, length: u64) -> u64 {
        let (mut at, end) = (offset, offset.saturating_add(length));
        let mut count = 0;
        while at < end {
            let start = at - at % STRETCH_BYTES as u64;
            let stop = end.min(start + STRETCH_BYTES as u64);
            let kept = start + self.of_stretch(at) as u64;
            count += kept.min(stop).saturating_sub(at);
            at = stop;
        }
        count
    }
}

fn in_stretch(offset: u64) -> usize {
    const { assert!(STRETCH_BYTES == 512) };
    (offset % 512) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sector_keeps_a_block_and_each_page_the_same_share() {
        for points in 1..=9500_u32 {
            let text = format!("{}.{:02}", points / 100, points % 100);
            let Filler(kept) = Filler::new(Percent::parse(&text).unwrap()).unwrap();
            assert!(kept.iter().all(|kept| (16..=512).contains(kept) && kept % 16 == 0), "{text}");
            let sum: u32 = kept.iter().map(|kept| u32::from(*kept)).sum();
            let right = 4096 * (10_000 - points) / 10_000;
            assert!(right.abs_diff(sum) <= 16 * 4, "{text}: {sum}");
        }
        assert!(Filler::new(Percent::ZERO).is_none());
    }
}
