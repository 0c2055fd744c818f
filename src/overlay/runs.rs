//! How wrong bytes become wrong ranges.
//!
//! In random data every 256th byte agrees by chance. Counted to the letter, a foreign block of 4
//! KiB would be a dozen ranges with single "right" bytes between them. So a range runs from its
//! first wrong byte to its last, and up to [`GAP_BYTES_MAX`] equal bytes in a row inside it belong
//! to it. Sixteen in a row that agree by chance do not happen (2^-128).
//!
//! Flipped bits are the exception: where all differing bits of such a group are few, each wrong
//! byte stands by itself, because two flips ten bytes apart are two flips.

use std::ops::Range;

/// The longest run of equal bytes that is counted with the wrong bytes around it.
pub const GAP_BYTES_MAX: usize = 15;

/// The most differing bits that are still called flipped.
pub const FLIPPED_BITS_MAX: u32 = 8;

/// The groups that exact runs of differing bytes, in order, make up.
pub fn differing_groups(runs: &[Range<usize>]) -> impl Iterator<Item = &[Range<usize>]> {
    runs.chunk_by(|run, next| next.start - run.end <= GAP_BYTES_MAX)
}

/// The range from the first byte of a group to its last.
#[must_use]
pub fn group_range(group: &[Range<usize>]) -> Range<usize> {
    match group {
        [first, .., last] => first.start..last.end,
        [only] => only.clone(),
        [] => 0..0,
    }
}

/// In how many bits two pieces of the same length differ, counted no further than one past the few
/// that matter.
#[must_use]
pub fn differing_bits(expected: &[u8], actual: &[u8]) -> u32 {
    let mut bits = 0;
    for (expected, actual) in expected.iter().zip(actual) {
        bits += (expected ^ actual).count_ones();
        if bits > FLIPPED_BITS_MAX {
            break;
        }
    }
    bits
}
