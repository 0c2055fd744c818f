//! The same bytes on all cores.
//!
//! Content has no state to carry from one place to the next, so the work is cut anywhere and the
//! result does not depend on the number of threads.

use rayon::prelude::*;

/// What one thread takes at a time: long against the cost of handing work to a thread.
const PART_BYTES: usize = 128 * 1024;

/// See [`Content::fill_parallel`](super::Content::fill_parallel). `fill` fills a part.
pub(super) fn fill(offset: u64, out: &mut [u8], fill: impl Fn(u64, &mut [u8]) + Sync) {
    if out.len() < 2 * PART_BYTES || rayon::current_num_threads() == 1 {
        return fill(offset, out);
    }
    out.par_chunks_mut(PART_BYTES).enumerate().for_each(|(part, out)| {
        fill(offset.wrapping_add((part * PART_BYTES) as u64), out);
    });
}
