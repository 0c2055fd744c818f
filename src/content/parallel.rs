//! The same bytes on all cores.
//!
//! Content has no state to carry from one place to the next, so the work is cut anywhere and the
//! result does not depend on the number of threads.

use rayon::prelude::*;

/// What one thread takes at a time: long against the cost of handing work to a thread.
const PART_BYTES: usize = 128 * 1024;

/// See [`Content::fill_parallel`](super::Content::fill_parallel). `fill` fills a part.
pub(super) fn fill(offset: u64, out: &mut [u8], fill: impl Fn(u64, &mut [u8]) + Sync) {
    if not_worth_sharing(out.len()) {
        return fill(offset, out);
    }
    out.par_chunks_mut(PART_BYTES).enumerate().for_each(|(part, out)| {
        fill(offset_of(offset, part), out);
    });
}

/// See [`Content::first_difference_parallel`](super::Content::first_difference_parallel).
/// `first_difference` compares a part.
pub(super) fn first_difference(
    offset: u64,
    data: &[u8],
    first_difference: impl Fn(u64, &[u8]) -> Option<usize> + Sync,
) -> Option<usize> {
    if not_worth_sharing(data.len()) {
        return first_difference(offset, data);
    }
    data.par_chunks(PART_BYTES).enumerate().find_map_first(|(part, data)| {
        first_difference(offset_of(offset, part), data).map(|at| part * PART_BYTES + at)
    })
}

fn offset_of(offset: u64, part: usize) -> u64 {
    offset.wrapping_add((part * PART_BYTES) as u64)
}

fn not_worth_sharing(length: usize) -> bool {
    length < 2 * PART_BYTES || rayon::current_num_threads() == 1
}
