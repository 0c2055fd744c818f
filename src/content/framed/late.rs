//! A sum that stands behind all that it covers, and that nothing before it tells: it is made on the
//! way, by those who read what it covers.
//!
//! They come in any order, and some parts may never be read. So what is kept of a file are parts
//! with their sums; neighbours are joined, and who needs the whole makes what is missing.

use std::ops::Range;

use smallvec::SmallVec;

use super::sums::SumId;
use super::{Framed, to_index};
use crate::content::Coordinates;
use crate::framing::{Checksum, PartialSum, Span};
use crate::sync::Mutex;

/// What is known of such sums, for the files that were read last.
#[derive(Debug)]
pub(super) struct LateSums(Mutex<Vec<FileParts>>);

#[derive(Debug)]
struct FileParts {
    file: Coordinates,
    parts: SummedParts,
}

/// Parts of the bytes that a sum covers, in order and without neighbours, each with its sum.
pub(super) type SummedParts = SmallVec<[(Range<u64>, PartialSum); PARTS_MAX + 1]>;

/// As many as the pieces that are read and made ahead of a stream at a time, and some more.
const PARTS_MAX: usize = 8;

/// As many as there are streams that are read ahead, and some more.
const FILES_MAX: usize = 16;

/// Shorter requests are not those of somebody who reads it all.
const REQUEST_BYTES_MIN: usize = 64 << 10;

impl LateSums {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::with_capacity(FILES_MAX)))
    }

    /// What is known of a file.
    pub(super) fn parts(&self, file: Coordinates) -> SummedParts {
        let files = self.0.lock();
        let found = files.iter().find(|known| known.file == file);
        found.map_or_else(SummedParts::new, |known| known.parts.clone())
    }

    fn is_known(&self, file: Coordinates, part: &Range<u64>) -> bool {
        let overlaps = |(known, _): &(Range<u64>, PartialSum)| {
            known.start < part.end && part.start < known.end
        };
        self.parts(file).iter().any(overlaps)
    }

    /// Adds a part, and says whether it was the last of so many bytes: then the file is forgotten,
    /// and this is the sum.
    fn add(
        &self,
        file: Coordinates,
        (part, sum): (Range<u64>, PartialSum),
        all: u64,
    ) -> Option<PartialSum> {
        let mut files = self.0.lock();
        let at = files.iter().position(|known| known.file == file);
        let mut known =
            at.map_or_else(|| FileParts { file, parts: SummedParts::new() }, |at| files.remove(at));
        known.add(part, sum);
        if let [(part, sum)] = &known.parts[..]
            && *part == (0..all)
        {
            return Some(*sum);
        }
        // The one that was not read for longest is the first.
        if files.len() == FILES_MAX {
            files.remove(0);
        }
        files.push(known);
        None
    }
}

impl FileParts {
    fn add(&mut self, part: Range<u64>, sum: PartialSum) {
        let at = self.parts.partition_point(|(known, _)| known.end <= part.start);
        if self.parts.get(at).is_some_and(|(known, _)| known.start < part.end) {
            // Another reader was faster.
            return;
        }
        self.parts.insert(at, (part, sum));
        for first in [at, at.wrapping_sub(1)] {
            if let Some([(one, one_sum), (other, other_sum)]) =
                self.parts.get(first..).and_then(|parts| parts.first_chunk::<2>())
                && one.end == other.start
            {
                let joined = (one.start..other.end, one_sum.followed_by(*other_sum));
                self.parts.remove(first);
                self.parts[first] = joined;
            }
        }
        // Whoever reads here and there has no use for it.
        self.parts.truncate(PARTS_MAX);
    }
}

impl Framed {
    /// The sum that is made on the way, if there is one.
    pub(super) fn late(&self) -> Option<(Span<'_>, &Checksum)> {
        let at = self.late_at?;
        self.plan().sums(at..at + 1).next()
    }

    /// Whether a sum is that one.
    pub(super) fn is_late(&self, span: &Span<'_>) -> bool {
        self.late_at == Some(span.part)
    }

    /// Adds what a long request has of what that sum covers; the bytes are right.
    pub(super) fn note_passing(&self, file: Coordinates, offset: u64, bytes: &[u8]) {
        if bytes.len() < REQUEST_BYTES_MIN {
            return;
        }
        let Some((span, checksum)) = self.late() else { return };
        let end = offset + bytes.len() as u64;
        let part = checksum.covered_before(&span, offset)..checksum.covered_before(&span, end);
        let id = SumId::new(file, &span, checksum);
        if part.is_empty() || self.late.is_known(file, &part) || self.known.get(&id).is_some() {
            return;
        }
        let mut summing = checksum.sum.begin();
        for cover in checksum.covers_of(&span, part.clone()) {
            summing.add(&bytes[to_index(cover.start - offset)..to_index(cover.end - offset)]);
        }
        let all = checksum.covered_bytes();
        if let Some(sum) = self.late.add(file, (part, summing.partial()), all) {
            self.known.remember(id, sum.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::Sum;

    fn part(bytes: &[u8], range: Range<usize>) -> (Range<u64>, PartialSum) {
        let mut summing = Sum::Adler32.begin();
        summing.add(&bytes[range.clone()]);
        (range.start as u64..range.end as u64, summing.partial())
    }

    #[test]
    fn parts_in_any_order_make_the_whole() {
        let bytes: Vec<u8> = (0..1000_u32).map(|at| (at * 7 % 251) as u8).collect();
        let file = Coordinates::default();
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            let late = LateSums::new();
            let mut whole = None;
            for number in order {
                let part = part(&bytes, 250 * number..250 * (number + 1));
                assert!(whole.is_none() && !late.is_known(file, &part.0));
                whole = late.add(file, part.clone(), 1000);
                // What is there is not added twice.
                if whole.is_none() {
                    assert!(late.is_known(file, &part.0));
                    assert_eq!(late.add(file, part, 1000), None);
                }
            }
            assert_eq!(whole.map(PartialSum::bytes), Some(Sum::Adler32.of(&bytes)), "{order:?}");
            assert!(late.parts(file).is_empty(), "a sum that is made is kept elsewhere");
        }
    }

    #[test]
    fn files_and_parts_are_bounded() {
        let bytes = [1; 3000];
        let late = LateSums::new();
        for number in 0..100 {
            let file = Coordinates { file: number, ..Coordinates::default() };
            for at in 0..100 {
                late.add(file, part(&bytes, 30 * at..30 * at + 20), 3000);
            }
        }
        let files = late.0.lock();
        assert_eq!(files.len(), FILES_MAX);
        assert!(files.iter().all(|known| known.parts.len() == PARTS_MAX && !known.parts.spilled()));
    }
}
