//! Which bytes of the same file a sum covers.

use std::ops::Range;

use super::plan::Span;
use super::sum::Sum;

/// A sum over bytes of the same file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// Which one.
    pub sum: Sum,
    /// The bytes, as ranges that are counted from the beginning of the unit, modulo 2^64.
    pub(super) covers: Vec<Cover>,
}

/// Bytes that a sum covers: a range, and how often it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) stride: u64,
    pub(super) repeats: u64,
}

impl Cover {
    /// One range.
    pub(super) fn once(range: Range<u64>) -> Vec<Self> {
        vec![Self { start: range.start, length: range.end - range.start, stride: 0, repeats: 1 }]
    }
}

impl Checksum {
    /// How many bytes it covers.
    #[must_use]
    pub fn covered_bytes(&self) -> u64 {
        self.covers.iter().map(|cover| cover.length * cover.repeats).sum()
    }

    /// How many of the bytes that it covers stand before an offset of the file, where it stands in
    /// `span` itself.
    #[must_use]
    pub fn covered_before(&self, span: &Span<'_>, offset: u64) -> u64 {
        let before = |cover: &Cover| {
            let passed = offset.saturating_sub(span.unit.wrapping_add(cover.start));
            let stride = cover.stride.max(cover.length);
            let (whole, rest) = (passed / stride, passed % stride);
            if whole >= cover.repeats {
                cover.length * cover.repeats
            } else {
                whole * cover.length + rest.min(cover.length)
            }
        };
        self.covers.iter().map(before).sum()
    }

    /// The ranges of the file that hold some of the bytes that it covers, counted from the first
    /// of them, where it stands in `span`.
    pub fn covers_of(
        &self,
        span: &Span<'_>,
        part: Range<u64>,
    ) -> impl Iterator<Item = Range<u64>> + use<'_> {
        let unit = span.unit;
        let mut before = 0;
        self.covers.iter().flat_map(move |cover| {
            let first = before;
            before += cover.length * cover.repeats;
            // As far as the part is in this cover, counted from its first byte.
            let start = part.start.clamp(first, before) - first;
            let end = part.end.clamp(first, before) - first;
            let (from, until) = (start / cover.length, end.div_ceil(cover.length));
            (from..until).map(move |index| {
                let at = unit.wrapping_add(cover.start) + index * cover.stride;
                let inside = index * cover.length;
                let begin = start.saturating_sub(inside);
                at + begin..at + (end - inside).min(cover.length)
            })
        })
    }

    /// The ranges of the file that it covers, in order, where it stands in `span`.
    pub fn covers(&self, span: &Span<'_>) -> impl Iterator<Item = Range<u64>> + use<'_> {
        self.covers_of(span, 0..u64::MAX)
    }
}
