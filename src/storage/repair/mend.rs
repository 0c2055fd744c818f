//! Writing right bytes over wrong ones.

use std::io;
use std::ops::Range;

use super::written_ranges::WrittenRanges;
use crate::content::Content;
use crate::dataset::Coordinates;
use crate::disk::{Disk, Faults, OpenFile};
use crate::storage::blocks::{CACHED_BYTES, read_block};

/// Wrong bytes that lie no further apart than this are written in one call, with the right ones
/// between them.
const GAP_BYTES_MAX: usize = 512;

/// The ranges of a block that are to be written: all that differs from the content of `file` at
/// `offset`.
pub(super) fn wrong_ranges(
    content: &Content,
    (file, offset): (Coordinates, u64),
    block: &[u8],
) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    content.differing_runs(file, offset, block, &mut |run| match ranges.last_mut() {
        Some(last) if run.start - last.end <= GAP_BYTES_MAX => last.end = run.end,
        _ => ranges.push(run),
    });
    ranges
}

/// The same, where the right bytes are at hand.
pub(in crate::storage) fn runs_of_differences(right: &[u8], actual: &[u8]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let differing =
        right.iter().zip(actual).enumerate().filter(|(_, (right, actual))| right != actual);
    for (at, _) in differing {
        match ranges.last_mut() {
            Some(last) if at - last.end <= GAP_BYTES_MAX => last.end = at + 1,
            _ => ranges.push(at..at + 1),
        }
    }
    ranges
}

/// Compares ranges of an open file with what belongs there; the first offset that is wrong.
pub(in crate::storage) fn first_wrong<F: Faults>(
    disk: &Disk<F>,
    file: &OpenFile,
    ranges: &[Range<u64>],
    is_right: impl Fn(u64, &[u8]) -> Option<usize>,
) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; CACHED_BYTES];
    for range in ranges {
        let mut offset = range.start;
        while offset < range.end {
            let length = usize::try_from(range.end - offset).unwrap_or(usize::MAX);
            let block = &mut buffer[..length.min(CACHED_BYTES)];
            let read = read_block(disk, file, offset, block)?;
            if let Some(at) = is_right(offset, &block[..read]) {
                return Ok(Some(offset + at as u64));
            }
            if read < block.len() {
                return Ok(Some(offset + read as u64));
            }
            offset += read as u64;
        }
    }
    Ok(None)
}

/// Wrong ranges of one file on their way, from several threads.
#[derive(Debug, Default)]
pub(super) struct Mended {
    pub(super) written: WrittenRanges,
    /// The first call that failed: nothing more is written to the file then.
    pub(super) failure: Option<io::Error>,
}
