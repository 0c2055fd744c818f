//! Content in the framing of a file format.
//!
//! The bytes are made as ever, then payload is made of them, element by element, and framing laid
//! over them. What is left are the sums over other bytes of the file. Those bytes are where they
//! are needed already, mostly: a record that is read whole has its sum made from what was read. Any
//! others are generated for it once more; so that a reader with a small buffer does not pay for a
//! long record each time, the latest sums are remembered. A sum over much of a file takes seconds:
//! who must not wait so long has it [made](Framed::make_sums) first, and can stop that.

mod late;
mod sums;

use std::ops::Range;

use super::compare::{Filled, Right};
use super::key::Key;
use super::{Coordinates, compare, keystream};
use crate::framing::{Element, Framing, PartKind, Plan, Span, SumBytes};
use late::LateSums;
use sums::{LONG_SUM_BYTES, SumMemory};

/// The content of files of a format.
#[derive(Debug)]
pub(super) struct Framed {
    framing: Framing,
    has_zeros: bool,
    is_common: bool,
    /// Whether making the sums of a request may take long.
    has_long_sums: bool,
    known: SumMemory,
    /// Where the sum begins that is made on the way.
    late_at: Option<u64>,
    late: LateSums,
}

/// What is made at a time, so that it is still in the first-level cache when payload is made of it.
pub(super) const BATCH_BYTES: usize = 16 << 10;

/// Plain payload of this length is made where it belongs, and compared without being stored.
const LONG_BYTES: u64 = 4 << 10;

impl Framed {
    pub(super) fn new(framing: Framing) -> Self {
        let has_zeros = framing.plan().has_zeros();
        let is_common = !framing.plan().has_payload();
        let has_long_sums = framing.plan().summed_bytes_max() >= LONG_SUM_BYTES;
        let late_at = framing.plan().late_sum();
        let (known, late) = (SumMemory::new(), LateSums::new());
        Self { framing, has_zeros, is_common, has_long_sums, known, late_at, late }
    }

    fn plan(&self) -> &Plan {
        self.framing.plan()
    }

    /// How many bytes from an offset on are inside the file; what is past its end is content.
    fn inside(&self, offset: u64, length: usize) -> usize {
        length.min(to_index(self.framing.size_bytes().saturating_sub(offset)))
    }

    pub(super) fn fill(&self, key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
        let (out, past) = out.split_at_mut(self.inside(offset, out.len()));
        if !past.is_empty() {
            keystream::fill(key, file, offset.wrapping_add(out.len() as u64), past);
        }
        let range = offset..offset.wrapping_add(out.len() as u64);
        let mut has_sums = false;
        let mut done = 0;
        while done < out.len() {
            let at = offset + done as u64;
            let length = step(self.plan(), at..range.end);
            let out = &mut out[done..done + length];
            keystream::fill(key, file, at, out);
            has_sums |= self.lay(key, file, at, out);
            done += length;
        }
        self.note_passing(file, offset, out);
        if !has_sums {
            return;
        }
        for (span, checksum) in self.plan().sums(range) {
            let at = to_index(span.range.start - offset);
            let sum = self.sum(key, file, (&span, checksum), (offset, out));
            lay_sum(&span, sum, &mut out[at..]);
        }
    }

    /// Makes payload and framing of content. Whether there are sums, which are left out.
    fn lay(&self, key: &Key, file: Coordinates, offset: u64, bytes: &mut [u8]) -> bool {
        let mut has_sums = false;
        let (mut offset, mut left) = (offset, bytes);
        while !left.is_empty() {
            let length = to_index(self.plan().alike(offset, left.len() as u64));
            let (out, rest) = left.split_at_mut(length);
            if !self.plan().make_short_parts(offset, out) {
                has_sums |= self.lay_parts(key, file, offset, out);
            }
            (offset, left) = (offset + length as u64, rest);
        }
        has_sums
    }

    /// The same, part by part.
    fn lay_parts(&self, key: &Key, file: Coordinates, offset: u64, bytes: &mut [u8]) -> bool {
        let mut has_sums = false;
        let mut left = bytes;
        for span in self.plan().spans(offset..offset + left.len() as u64) {
            let (out, rest) = left.split_at_mut(to_index(span.length()));
            match span.kind {
                PartKind::Payload(Element::Plain) => {}
                PartKind::Payload(element) => make(key, file, *element, &span, out),
                PartKind::Framing(bytes) => {
                    let start = to_index(span.range.start - span.part);
                    out.copy_from_slice(&bytes[start..start + out.len()]);
                }
                PartKind::Count(count) => count.write(&span, out),
                PartKind::Checksum(_) => has_sums = true,
            }
            left = rest;
        }
        has_sums
    }

    /// See [`Content::first_difference`](super::Content::first_difference).
    pub(super) fn first_difference(
        &self,
        key: &Key,
        file: Coordinates,
        offset: u64,
        data: &[u8],
    ) -> Option<usize> {
        let (data, past) = data.split_at(self.inside(offset, data.len()));
        self.difference_inside(key, file, offset, data).or_else(|| {
            let offset = offset.wrapping_add(data.len() as u64);
            let more =
                (!past.is_empty()).then(|| compare::first_difference(key, file, offset, past));
            more.flatten().map(|more| data.len() + more)
        })
    }

    fn difference_inside(
        &self,
        key: &Key,
        file: Coordinates,
        offset: u64,
        data: &[u8],
    ) -> Option<usize> {
        let mut right = [0; BATCH_BYTES];
        let mut has_sums = false;
        let mut done = 0;
        let mut differs = None;
        while done < data.len() && differs.is_none() {
            let at = offset + done as u64;
            let length = step(self.plan(), at..offset + data.len() as u64);
            let data = &data[done..done + length];
            if length > BATCH_BYTES {
                // Plain payload.
                differs = compare::first_difference(key, file, at, data);
            } else {
                let right = &mut right[..length];
                keystream::fill(key, file, at, right);
                if self.lay(key, file, at, right) {
                    has_sums = true;
                    skip_sums(self.plan(), at, data, right);
                }
                differs = (data != right).then(|| compare::equal_prefix(data, right));
            }
            differs = differs.map(|more| done + more);
            done += length;
        }
        if differs.is_none() {
            self.note_passing(file, offset, data);
        }
        if !has_sums {
            return differs;
        }
        // What was seen to be right stands for what is right.
        let data = &data[..differs.unwrap_or(data.len())];
        let range = offset..offset + data.len() as u64;
        for (span, checksum) in self.plan().sums(range) {
            let at = to_index(span.range.start - offset);
            let sum = self.sum(key, file, (&span, checksum), (offset, data));
            let have = &data[at..at + to_index(span.length())];
            let mut right = [0; size_of::<SumBytes>()];
            lay_sum(&span, sum, &mut right);
            let right = &right[..have.len()];
            if have != right {
                return Some(at + compare::equal_prefix(have, right));
            }
        }
        differs
    }

    /// The right bytes of a file, to compare with.
    pub(super) fn right(&self, key: &Key, file: Coordinates) -> impl Right {
        Filled::<_, BATCH_BYTES>::new(move |offset, out: &mut [u8]| {
            self.fill(key, file, offset, out);
        })
    }

    /// Whether all files are the same, because they have no payload.
    pub(super) fn is_common(&self) -> bool {
        self.is_common
    }

    /// Whether enough zeros stand in a row somewhere.
    pub(super) fn has_zeros(&self) -> bool {
        self.has_zeros
    }

    /// How many bytes of a range are not framing, which all files have alike.
    pub(super) fn content_bytes(&self, range: Range<u64>) -> u64 {
        let length = range.end - range.start;
        if length > BATCH_BYTES as u64 {
            return length;
        }
        let is_content =
            |span: &Span<'_>| !matches!(span.kind, PartKind::Framing(_) | PartKind::Count(_));
        self.plan().spans(range).filter(is_content).map(|span| span.length()).sum()
    }
}

/// How much of a range is made at a time: long plain payload at once, the rest in batches.
fn step(plan: &Plan, range: Range<u64>) -> usize {
    let length = range.end - range.start;
    if length <= BATCH_BYTES as u64 {
        return to_index(length);
    }
    match plan.spans(range).next() {
        Some(span)
            if *span.kind == PartKind::Payload(Element::Plain) && span.length() >= LONG_BYTES =>
        {
            to_index(span.length())
        }
        _ => BATCH_BYTES,
    }
}

/// Makes the payload of a span of its content. An element of which there is only a part is made
/// from all of its content.
fn make(key: &Key, file: Coordinates, element: Element, span: &Span<'_>, out: &mut [u8]) {
    let width = element.width();
    let before = to_index((span.range.start - span.part) % width as u64);
    let head = if before == 0 { 0 } else { (width - before).min(out.len()) };
    let (first, rest) = out.split_at_mut(head);
    let whole = rest.len() - rest.len() % width;
    let (middle, last) = rest.split_at_mut(whole);
    element.make(middle);
    let part_of = |offset: u64, skip: usize, out: &mut [u8]| {
        let mut bytes = [0; ELEMENT_BYTES_MAX];
        let bytes = &mut bytes[..width];
        keystream::fill(key, file, offset, bytes);
        element.make(bytes);
        out.copy_from_slice(&bytes[skip..skip + out.len()]);
    };
    if !first.is_empty() {
        part_of(span.range.start - before as u64, before, first);
    }
    if !last.is_empty() {
        part_of(span.range.end - last.len() as u64, 0, last);
    }
}

const ELEMENT_BYTES_MAX: usize = 8;

/// Writes the bytes of a sum that a span has, at the beginning of `out`.
fn lay_sum(span: &Span<'_>, sum: SumBytes, out: &mut [u8]) {
    let start = to_index(span.range.start - span.part);
    let end = to_index(span.range.end - span.part);
    if let (Some(sum), Some(out)) = (sum.get(start..end), out.get_mut(..end - start)) {
        out.copy_from_slice(sum);
    }
}

/// Lets the places of sums agree, which are looked at later.
fn skip_sums(plan: &Plan, offset: u64, data: &[u8], right: &mut [u8]) {
    for (span, _) in plan.sums(offset..offset + data.len() as u64) {
        let place = to_index(span.range.start - offset)..to_index(span.range.end - offset);
        right[place.clone()].copy_from_slice(&data[place]);
    }
}

/// Lengths of what lies in memory.
fn to_index(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
