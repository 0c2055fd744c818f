//! The extents of one file against what belongs there.

use std::ops::Range;

use smallvec::SmallVec;

use super::{Class, Tally};
use crate::content::{Content, Source};
use crate::overlay::{
    Expectation, Extent, FLIPPED_BITS_MAX, GAP_BYTES_MAX, Piece, Written, differing_bits,
};

/// A run of wrong bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongRange {
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// How many bytes, from the first wrong one to the last.
    pub length: u64,
    /// What kind of wrong.
    pub class: Class,
    /// The first bytes that belong there, [`HEAD_BYTES`] at the most; none past the expected end.
    pub expected: Head,
    /// The bytes that stand there instead.
    pub actual: Head,
    /// Whose content the first of them is, where it is somebody's.
    pub source: Option<Source>,
}

/// The first bytes of a range.
pub type Head = SmallVec<[u8; HEAD_BYTES]>;

/// How many bytes of a wrong range are shown.
pub const HEAD_BYTES: usize = 16;

/// Judges files against what is expected of them.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The generator of the seed.
    pub content: &'a Content,
    /// What belongs at the path.
    pub expectation: Expectation,
}

impl Judge<'_> {
    /// Hands every wrong range of one write to `found`: what lies around it is not looked at.
    pub fn judge_pieces(&self, written: &Written, found: &mut dyn FnMut(WrongRange)) {
        let mut bench = self.bench(written, found);
        for (offset, extent) in written.extents.iter() {
            bench.extent(offset, extent);
        }
        bench.close_group();
    }

    /// Counts every byte, and hands every wrong range to `found`, in order.
    pub fn judge(&self, written: &Written, found: &mut dyn FnMut(WrongRange)) -> Tally {
        let mut bench = self.bench(written, found);
        let mut done = 0;
        for (offset, extent) in written.extents.iter() {
            bench.hole(done..offset);
            bench.extent(offset, extent);
            done = offset + extent.length;
        }
        bench.hole(done..written.size_bytes.max(self.expectation.size_bytes));
        bench.close_group();
        bench.tally
    }
}

impl Judge<'_> {
    fn bench<'a>(
        &'a self,
        written: &'a Written,
        found: &'a mut dyn FnMut(WrongRange),
    ) -> Bench<'a> {
        let tally = Tally { expected: self.expectation.size_bytes, ..Tally::default() };
        Bench { judge: self, written, tally, group: None, found }
    }
}

/// Zeros from this length on are a range of their own; shorter ones are bytes like any others.
const ZERO_RANGE_BYTES_MIN: usize = 4096;

/// One file on the bench.
struct Bench<'a> {
    judge: &'a Judge<'a>,
    written: &'a Written,
    tally: Tally,
    /// The wrong bytes that are being gathered, where the last extent ended in kept bytes.
    group: Option<Group>,
    found: &'a mut dyn FnMut(WrongRange),
}

/// Exact runs of differing bytes that lie close together.
struct Group {
    range: Range<u64>,
    bits: u32,
    zero: bool,
    /// The runs, as long as they can be flipped bits: no more than there are bits.
    runs: SmallVec<[Range<u64>; 8]>,
}

impl Bench<'_> {
    fn extent(&mut self, offset: u64, extent: &Extent) {
        let end = offset + extent.length;
        let inside = offset..end.min(self.judge.expectation.size_bytes).max(offset);
        let outside = inside.end..end;
        match &extent.piece {
            Piece::Seed { source, written } => {
                self.close_group();
                self.content_inside(inside, *source, *written);
                if !outside.is_empty() {
                    let source = source.advance(outside.start - offset);
                    self.extra(outside, self.content_class(offset, source), Some(source));
                }
            }
            Piece::Zeros if to_index(extent.length) >= ZERO_RANGE_BYTES_MIN => {
                self.close_group();
                self.zeros_inside(inside);
                self.extra(outside, Class::Zeroed, None);
            }
            Piece::Zeros => {
                let zeros = [0; ZERO_RANGE_BYTES_MIN];
                self.bytes(offset, &zeros[..to_index(extent.length)], inside.end);
            }
            Piece::Bytes(bytes) => self.bytes(offset, bytes, inside.end),
        }
    }

    /// Nobody wrote here: missing, or zeros past the end.
    fn hole(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.close_group();
        let inside_end = range.end.min(self.judge.expectation.size_bytes).max(range.start);
        self.tally.missing += inside_end - range.start;
        self.extra(inside_end..range.end, Class::Zeroed, None);
    }

    fn content_class(&self, offset: u64, source: Source) -> Class {
        Class::of_content(self.judge.expectation, offset, source)
    }

    fn content_inside(&mut self, range: Range<u64>, source: Source, written: bool) {
        let length = range.end - range.start;
        if source == self.judge.expectation.source(range.start) {
            *if written { &mut self.tally.matched } else { &mut self.tally.untouched } += length;
            return;
        }
        let content = self.judge.content;
        let wrong = self.trim(range.clone(), |at, actual| {
            let source = source.advance(at - range.start);
            content.fill(source.file, source.offset, actual);
        });
        let source = source.advance(wrong.start - range.start);
        self.wrong(wrong.clone(), length, self.content_class(wrong.start, source), Some(source));
    }

    fn zeros_inside(&mut self, range: Range<u64>) {
        let length = range.end - range.start;
        let wrong = self.trim(range, |_, actual| actual.fill(0));
        self.wrong(wrong, length, Class::Zeroed, None);
    }

    /// Kept bytes: compared to the byte, gathered into groups; past `inside_end` they are extra.
    fn bytes(&mut self, offset: u64, bytes: &[u8], inside_end: u64) {
        let (inside, outside) = bytes.split_at(to_index(inside_end - offset));
        self.tally.matched += inside.len() as u64;
        let file = self.judge.expectation.file;
        let content = self.judge.content;
        content.differing_runs(file, offset, inside, &mut |run| {
            let mut expected = SmallVec::<[u8; 64]>::from_elem(0, run.len().min(64));
            content.fill(file, offset + run.start as u64, &mut expected);
            self.gather(offset, run.clone(), &expected, &inside[run]);
        });
        if !outside.is_empty() {
            self.close_group();
            self.extra(inside_end..offset + bytes.len() as u64, Class::of_extra(outside), None);
        }
    }

    fn gather(&mut self, offset: u64, run: Range<usize>, expected: &[u8], actual: &[u8]) {
        let range = offset + run.start as u64..offset + run.end as u64;
        if self
            .group
            .as_ref()
            .is_some_and(|group| range.start - group.range.end > GAP_BYTES_MAX as u64)
        {
            self.close_group();
        }
        let group = self.group.get_or_insert_with(|| Group {
            range: range.clone(),
            bits: 0,
            zero: true,
            runs: SmallVec::new(),
        });
        group.range.end = range.end;
        group.zero &= actual.iter().all(|byte| *byte == 0);
        if group.bits <= FLIPPED_BITS_MAX {
            group.bits += differing_bits(expected, actual);
            group.runs.push(range);
        }
    }

    fn close_group(&mut self) {
        let Some(group) = self.group.take() else { return };
        if group.bits <= FLIPPED_BITS_MAX {
            for run in group.runs {
                self.kept_wrong(run, Class::Flipped);
            }
        } else {
            self.kept_wrong(group.range, if group.zero { Class::Zeroed } else { Class::Foreign });
        }
    }

    /// Wrong bytes that `bytes` had counted as matched until they were gathered.
    fn kept_wrong(&mut self, range: Range<u64>, class: Class) {
        self.tally.matched -= range.end - range.start;
        self.wrong(range.clone(), range.end - range.start, class, None);
    }

    /// `length` bytes were written, and those in the range are wrong.
    fn wrong(&mut self, range: Range<u64>, length: u64, class: Class, source: Option<Source>) {
        let wrong = range.end - range.start;
        self.tally.wrong += wrong;
        self.tally.matched += length - wrong;
        if wrong > 0 {
            let mut expected = Head::from_elem(0, HEAD_BYTES.min(to_index(wrong)));
            self.judge.content.fill(self.judge.expectation.file, range.start, &mut expected);
            self.report(range, class, expected, source);
        }
    }

    fn extra(&mut self, range: Range<u64>, class: Class, source: Option<Source>) {
        if range.is_empty() {
            return;
        }
        self.tally.extra += range.end - range.start;
        self.report(range, class, Head::new(), source);
    }

    fn report(&mut self, range: Range<u64>, class: Class, expected: Head, source: Option<Source>) {
        let length = range.end - range.start;
        let mut actual = Head::from_elem(0, HEAD_BYTES.min(to_index(length)));
        self.written.read(self.judge.content, range.start, &mut actual);
        let offset = range.start;
        (self.found)(WrongRange { offset, length, class, expected, actual, source });
    }

    /// Cuts the bytes off both ends of a range that agree by chance.
    fn trim(&self, range: Range<u64>, actual_at: impl Fn(u64, &mut [u8])) -> Range<u64> {
        const PROBE_BYTES: usize = 64;
        let file = self.judge.expectation.file;
        let probe = |start: u64, end: u64| {
            let mut expected = [0; PROBE_BYTES];
            let mut actual = expected;
            let length = to_index(end - start);
            self.judge.content.fill(file, start, &mut expected[..length]);
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
}

/// Lengths of pieces in memory.
fn to_index(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
