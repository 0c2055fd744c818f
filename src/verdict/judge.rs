//! The extents of one file against what belongs there.

mod earlier;
mod zeros;

use std::ops::Range;

use smallvec::SmallVec;

use super::edges::{content_head, head, to_index, trim, zero_head};
use super::groups::Group;
use super::{ByteTally, Class, HEAD_BYTES, Head, WrongRange};
use crate::content::{Content, Source, StopCheck};
use crate::dataset::FileContent;
use crate::overlay::{Extent, ExtentData, GAP_BYTES_MAX, Written};

pub use earlier::EarlierContent;

/// Judges files against what is expected of them.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// The generator of the seed.
    pub content: &'a Content,
    /// What belongs at the path.
    pub expectation: FileContent,
}

impl<'a> Judge<'a> {
    /// Hands every wrong range of one write to `found`: what lies around it is not looked at. False
    /// where `stop` has said to stop: then it was not judged.
    pub fn judge_pieces(
        &self,
        written: &Written,
        stop: StopCheck<'_>,
        found: &mut dyn FnMut(WrongRange),
    ) -> bool {
        let mut judgement = self.begin_stoppable(stop);
        for (offset, extent) in written.extents.iter() {
            judgement.done = offset;
            judgement.extent(offset, extent, &mut *found);
        }
        judgement.close_group();
        judgement.close_extra();
        judgement.drain().for_each(&mut *found);
        !judgement.stopped
    }

    /// Counts every byte, and hands every wrong range to `found`, in order. `None` where `stop` has
    /// said to stop.
    pub fn judge(
        &self,
        written: &Written,
        stop: StopCheck<'_>,
        found: &mut dyn FnMut(WrongRange),
    ) -> Option<ByteTally> {
        let mut judgement = self.begin_stoppable(stop);
        for (offset, extent) in written.extents.iter() {
            judgement.extent(offset, extent, &mut *found);
            if judgement.stopped {
                return None;
            }
        }
        let (tally, last) = judgement.finish(written.size_bytes);
        last.into_iter().for_each(found);
        Some(tally)
    }

    /// Begins with a file whose extents come one after another, and need not all be in memory.
    #[must_use]
    pub fn begin(&self) -> Judgement<'a> {
        self.begin_stoppable(StopCheck::NEVER)
    }

    /// Begins with a part of a file, at an offset: what is before it is not looked at.
    #[must_use]
    pub fn begin_part(&self, offset: u64) -> Judgement<'a> {
        Judgement { done: offset, ..self.begin() }
    }

    fn begin_stoppable<'s>(&self, stop: StopCheck<'s>) -> Judgement<'s>
    where
        'a: 's,
    {
        Judgement {
            judge: *self,
            tally: ByteTally { expected: self.expectation.size_bytes, ..ByteTally::default() },
            done: 0,
            group: None,
            extra: None,
            found: Vec::new(),
            stop,
            work: 0,
            stopped: false,
        }
    }
}

/// What is looked at between two questions whether to stop, in bytes: some 10 µs.
const WORK_BYTES: u64 = 64 << 10;

/// What an extent or a wrong range costs beside the bytes that are looked at.
const STEP_BYTES: u64 = 512;

/// Zeros from this length on are a range of their own; shorter ones are bytes like any others.
const ZERO_RANGE_BYTES_MIN: usize = 4096;

/// One file that is being judged.
///
/// It remembers the wrong bytes that may still go on, as a range with its first bytes, and nothing
/// of what it has seen before: a file of foreign bytes needs no more memory than a right one.
#[derive(Debug)]
pub struct Judgement<'a> {
    pub(super) judge: Judge<'a>,
    pub(super) tally: ByteTally,
    /// Everything before this has been judged.
    done: u64,
    /// The wrong bytes that are being gathered, where the last extent ended in kept bytes.
    pub(super) group: Option<Group>,
    /// The bytes past the expected end that are being gathered.
    extra: Option<WrongRange>,
    found: Vec<WrongRange>,
    pub(super) stop: StopCheck<'a>,
    /// What was looked at since it was last asked whether to stop.
    work: u64,
    /// What comes is not looked at any more.
    pub(super) stopped: bool,
}

impl Judgement<'_> {
    /// The wrong ranges that are complete by now.
    fn drain(&mut self) -> impl Iterator<Item = WrongRange> + '_ {
        self.found.drain(..)
    }

    /// The end of the file: everything from the last extent on is a hole. Returns the tally, and
    /// the wrong ranges that were not drained.
    #[must_use]
    pub fn finish(mut self, size_bytes: u64) -> (ByteTally, Vec<WrongRange>) {
        let end = size_bytes.max(self.judge.expectation.size_bytes);
        self.hole(self.done..end);
        self.close_group();
        self.close_extra();
        (self.tally, self.found)
    }

    /// The end of a part of the file: nothing is missing behind it, and only what it had to be is
    /// expected. Returns the tally, and the wrong ranges that were not drained.
    #[must_use]
    pub fn finish_part(mut self) -> (ByteTally, Vec<WrongRange>) {
        self.close_group();
        self.close_extra();
        self.tally.expected = self.tally.matched + self.tally.wrong;
        (self.tally, self.found)
    }

    /// Judges the next extent of the file. It begins behind the last one; what is between them is
    /// a hole. Wrong bytes are joined across extents, but runs of zeros and of other files' content
    /// are not: those must come whole. Hands the wrong ranges that are complete to `found`.
    pub fn extent(&mut self, offset: u64, extent: &Extent, found: &mut dyn FnMut(WrongRange)) {
        self.judge_extent(offset, extent, found);
        self.drain().for_each(found);
    }

    /// Counts work, and says whether to stop.
    fn is_over(&mut self, bytes: u64) -> bool {
        self.work = self.work.saturating_add(bytes);
        if self.work >= WORK_BYTES {
            self.work = 0;
            self.stopped |= self.stop.is_now();
        }
        self.stopped
    }

    fn judge_extent(&mut self, offset: u64, extent: &Extent, found: &mut dyn FnMut(WrongRange)) {
        if self.is_over(STEP_BYTES) {
            return;
        }
        self.hole(self.done..offset);
        let end = offset + extent.length;
        self.done = end;
        let inside = offset..end.min(self.judge.expectation.size_bytes).max(offset);
        let outside = inside.end..end;
        match &extent.data {
            // Where two writes, or two blocks of a reader, meet in foreign bytes, the bytes at the
            // border may agree by chance: no more of an end than such bytes anywhere else.
            ExtentData::Content { source, written: true }
                if self.group.is_some()
                    && to_index(extent.length) <= GAP_BYTES_MAX
                    && *source == self.judge.expectation.source(offset) =>
            {
                if !self.have_sums(*source, extent.length) {
                    return;
                }
                let mut right = [0; GAP_BYTES_MAX];
                let right = &mut right[..to_index(extent.length)];
                self.judge.content.fill(source.file, source.offset, right);
                self.bytes(offset, right, inside.end);
            }
            ExtentData::Content { source, written } => {
                self.close_group();
                self.content_inside(inside, (*source, *written), found);
                let source = source.advance(outside.start - offset);
                if !outside.is_empty() && self.have_sums(source, HEAD_BYTES as u64) {
                    let class = self.content_class(outside.start, source);
                    let actual = content_head(self.judge.content, outside.clone(), source);
                    self.extra(outside, class, actual, Some(source));
                }
            }
            ExtentData::Zeros if to_index(extent.length) >= ZERO_RANGE_BYTES_MIN => {
                self.close_group();
                self.zeros(inside);
                self.extra(outside.clone(), Class::Zeroed, zero_head(outside), None);
            }
            ExtentData::Zeros => {
                let zeros = [0; ZERO_RANGE_BYTES_MIN];
                self.bytes(offset, &zeros[..to_index(extent.length)], inside.end);
            }
            ExtentData::Bytes(bytes) => self.bytes(offset, bytes, inside.end),
            ExtentData::Stored(stored) => match stored.load() {
                Ok(bytes) => self.bytes(offset, &bytes, inside.end),
                Err(_) => self.unreadable(inside, outside),
            },
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
        let outside = inside_end..range.end;
        self.extra(outside.clone(), Class::Zeroed, zero_head(outside), None);
    }

    fn content_class(&self, offset: u64, source: Source) -> Class {
        Class::of_content(self.judge.content, self.judge.expectation, offset, source)
    }

    fn content_inside(
        &mut self,
        range: Range<u64>,
        (source, written): (Source, bool),
        found: &mut dyn FnMut(WrongRange),
    ) {
        let length = range.end - range.start;
        if source == self.judge.expectation.source(range.start) {
            self.right(length, written);
            return;
        }
        let expected = self.judge.expectation.source(range.start);
        let (content, stop) = (self.judge.content, self.stop);
        let whole = content.agreement([source, expected], length, stop, &mut |part, agrees| {
            let length = part.end - part.start;
            if self.is_over(STEP_BYTES) {
                return;
            }
            if agrees {
                self.right(length, written);
            } else {
                let source = source.advance(part.start);
                let part = range.start + part.start..range.start + part.end;
                self.other_content_inside(part, (source, written));
                self.drain().for_each(&mut *found);
            }
        });
        self.stopped |= !whole;
    }

    /// Counts bytes that are right.
    fn right(&mut self, length: u64, written: bool) {
        *if written { &mut self.tally.matched } else { &mut self.tally.untouched } += length;
    }

    /// Content of another place. What agrees by chance at its ends is right, and is no more written
    /// than the rest of it.
    fn other_content_inside(&mut self, range: Range<u64>, (source, written): (Source, bool)) {
        let Judge { content, expectation } = self.judge;
        let (expected, all) = (expectation.source(range.start), range.end - range.start);
        if !self.ends_have_sums(expected, all) || !self.ends_have_sums(source, all) {
            return;
        }
        let wrong = trim(content, expectation, range.clone(), |at, actual| {
            let source = source.advance(at - range.start);
            content.fill(source.file, source.offset, actual);
        });
        self.right(all - (wrong.end - wrong.start), written);
        let source = source.advance(wrong.start - range.start);
        let actual = content_head(content, wrong.clone(), source);
        let class = self.content_class(wrong.start, source);
        self.wrong(wrong, class, actual, Some(source));
    }

    /// Kept bytes: compared to the byte, gathered into groups; past `inside_end` they are extra.
    fn bytes(&mut self, offset: u64, bytes: &[u8], inside_end: u64) {
        self.is_over(bytes.len() as u64);
        let (inside, outside) = bytes.split_at(to_index(inside_end - offset));
        if !self.have_sums(self.judge.expectation.source(offset), inside.len() as u64) {
            return;
        }
        self.lengthen_head(offset, inside);
        self.tally.matched += inside.len() as u64;
        let file = self.judge.expectation.file;
        let content = self.judge.content;
        content.differing_runs(file, offset, inside, &mut |run| {
            let mut expected = SmallVec::<[u8; 64]>::from_elem(0, run.len().min(64));
            content.fill(file, offset + run.start as u64, &mut expected);
            self.gather(offset, run, &expected, inside);
        });
        if !outside.is_empty() {
            self.close_group();
            let range = inside_end..offset + bytes.len() as u64;
            self.extra(range, Class::of_extra(outside), head(outside), None);
        }
    }

    /// Kept bytes that the disk has lost: they are not what was written, so they are wrong. They
    /// are shown as zeros.
    fn unreadable(&mut self, inside: Range<u64>, outside: Range<u64>) {
        self.close_group();
        self.wrong(inside.clone(), Class::Foreign, zero_head(inside), None);
        self.extra(outside.clone(), Class::Foreign, zero_head(outside), None);
    }

    /// The bytes in the range are wrong.
    pub(super) fn wrong(
        &mut self,
        range: Range<u64>,
        class: Class,
        actual: Head,
        source: Option<Source>,
    ) {
        let length = range.end - range.start;
        self.tally.wrong += length;
        if length > 0 {
            let expected = self.judge.expectation.source(range.start);
            let expected = content_head(self.judge.content, range.clone(), expected);
            let offset = range.start;
            self.found.push(WrongRange {
                offset,
                length,
                class,
                expected,
                actual,
                source,
                seed: None,
            });
        }
    }

    fn extra(&mut self, range: Range<u64>, class: Class, actual: Head, source: Option<Source>) {
        if range.is_empty() {
            return;
        }
        let Range { start: offset, end } = range;
        let length = end - offset;
        self.tally.extra += length;
        if let Some(extra) = &mut self.extra
            && extra.offset + extra.length == offset
            && (extra.class, extra.source, None) == (class, None, source)
        {
            extra.actual.extend(actual);
            extra.actual.truncate(HEAD_BYTES);
            extra.length += length;
            return;
        }
        self.close_extra();
        self.extra = Some(WrongRange {
            offset,
            length,
            class,
            expected: Head::new(),
            actual,
            source,
            seed: None,
        });
    }

    fn close_extra(&mut self) {
        self.found.extend(self.extra.take());
    }
}
