//! The ends of a range, and its first bytes.

use std::ops::Range;

use super::judge::Judgement;
use super::{HEAD_BYTES, Head};
use crate::content::{Content, Source};
use crate::dataset::FileContent;

/// Cuts the bytes off both ends of a range that agree by chance.
pub(super) fn trim(
    content: &Content,
    expectation: FileContent,
    range: Range<u64>,
    actual_at: impl Fn(u64, &mut [u8]),
) -> Range<u64> {
    const PROBE_BYTES: usize = 64;
    let file = expectation.file;
    let probe = |start: u64, end: u64| {
        let mut expected = [0; PROBE_BYTES];
        let mut actual = expected;
        let length = to_index(end - start);
        content.fill(file, start, &mut expected[..length]);
        actual_at(start, &mut actual[..length]);
        let differs = move |index: &usize| expected[*index] != actual[*index];
        ((0..length).find(differs), (0..length).rfind(differs))
    };
    let Range { mut start, mut end } = range;
    while start < end {
        let stop = end.min(start + PROBE_BYTES as u64);
        if let (Some(first), _) = probe(start, stop) {
            start += first as u64;
            break;
        }
        start = stop;
    }
    while start < end {
        let begin = start.max(end.saturating_sub(PROBE_BYTES as u64));
        if let (_, Some(last)) = probe(begin, end) {
            end = begin + last as u64 + 1;
            break;
        }
        end = begin;
    }
    start..end
}

/// The first bytes of a range, of which all are given.
pub(super) fn head(bytes: &[u8]) -> Head {
    Head::from_slice(&bytes[..bytes.len().min(HEAD_BYTES)])
}

/// The first bytes of a range of zeros.
pub(super) fn zero_head(range: Range<u64>) -> Head {
    Head::from_elem(0, head_length(&range))
}

pub(super) fn head_length(range: &Range<u64>) -> usize {
    HEAD_BYTES.min(to_index(range.end.saturating_sub(range.start)))
}

/// Lengths of pieces in memory.
pub(super) fn to_index(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// The first bytes of a range that holds the content of some place.
pub(super) fn content_head(content: &Content, range: Range<u64>, source: Source) -> Head {
    let mut bytes = zero_head(range);
    content.fill(source.file, source.offset, &mut bytes);
    bytes
}

/// So much of either end of a long range is looked at, at the most: where the framing of two files
/// agrees it goes on, up to a sum.
const END_BYTES: u64 = 4096;

impl Judgement<'_> {
    /// Has sums made that take long, before the bytes from a place on are made or compared. False
    /// where it is to stop.
    pub(super) fn have_sums(&mut self, from: Source, length: u64) -> bool {
        let range = from.offset..from.offset.saturating_add(length);
        self.stopped |= self.judge.content.make_sums(from.file, range, self.stop).is_err();
        !self.stopped
    }

    /// The same, where only the ends of that are looked at.
    pub(super) fn ends_have_sums(&mut self, from: Source, length: u64) -> bool {
        let end = length.min(END_BYTES);
        self.have_sums(from, end) && self.have_sums(from.advance(length - end), end)
    }
}
