//! The bytes of a write, turned into pieces: what is whose content, and what is nobody's.
//!
//! The order of the questions is the order of what they cost. Nearly every write is right, and is
//! answered by the first: generate what belongs there, compare, done. A file that is wrong from one
//! end to the other (a swapped pair, a temporary name) is answered by the second: it goes on where
//! the run before it stopped. Only what neither explains is taken apart to the byte and decrypted.

use std::ops::Range;

use smallvec::SmallVec;

use super::extent::{Extent, ExtentData};
use super::runs::{FLIPPED_BITS_MAX, GAP_BYTES_MAX, differing_bits, differing_groups, group_range};
use crate::content::{Content, KnownBlocks, Located, MAX_FILE_BYTES, Source};
use crate::dataset::FileContent;

/// The pieces of a write: file offsets and extents, in order, without gaps. One, where all is well.
pub type Recognised = SmallVec<[(u64, Extent); 1]>;

/// Recognises content.
#[derive(Clone, Copy)]
pub struct Recogniser<'a> {
    /// The generator of the seed.
    pub content: &'a Content,
    /// Which blocks there are: 16 bytes are enough to believe one.
    pub known: &'a dyn KnownBlocks,
}

impl Recogniser<'_> {
    /// Turns the bytes that are written at `offset` into pieces.
    ///
    /// `continued` says what would stand there if the run right before it went on; it is asked only
    /// when the bytes are not the expected ones.
    #[must_use]
    pub fn recognise(
        &self,
        expectation: Option<FileContent>,
        offset: u64,
        data: &[u8],
        continued: impl FnOnce() -> Option<Source>,
    ) -> Recognised {
        let inside = expectation.map_or(0, |expectation| {
            let left = expectation.size_bytes.saturating_sub(offset);
            data.len().min(usize::try_from(left).unwrap_or(usize::MAX))
        });
        if let Some(expectation) = expectation
            && inside == data.len()
            && self.is_content(expectation.source(offset), data)
        {
            return whole(offset, data, expectation.source(offset));
        }
        let elsewhere = continued().or_else(|| self.content.common(offset));
        if let Some(source) = elsewhere
            && self.is_content(source, data)
        {
            return whole(offset, data, source);
        }
        let mut pieces = Pieces { offset, data, recognised: Recognised::new() };
        self.take_apart(expectation, inside, &mut pieces);
        pieces.recognised
    }

    fn is_content(&self, source: Source, data: &[u8]) -> bool {
        source.offset.checked_add(data.len() as u64).is_some_and(|end| end <= MAX_FILE_BYTES)
            && self.content.first_difference(source.file, source.offset, data).is_none()
    }

    /// Separates right from wrong in the bytes that have an expectation; the rest is wrong.
    fn take_apart(&self, expectation: Option<FileContent>, inside: usize, pieces: &mut Pieces<'_>) {
        let data = pieces.data;
        let offset = pieces.offset;
        let mut runs = Vec::new();
        if let Some(expectation) = expectation {
            let head = &data[..inside];
            let mut note = |run: Range<usize>| runs.push(run);
            self.content.differing_runs(expectation.file, offset, head, &mut note);
        }
        if inside < data.len() {
            runs.push(inside..data.len());
        }
        let right =
            |at: usize| expectation.map(|expectation| expectation.source(offset + at as u64));
        let mut done = 0;
        let mut groups = self.groups(expectation, inside, &runs, pieces).into_iter().peekable();
        while let Some(Differing { runs: group_runs, flipped }) = groups.next() {
            let group = group_range(group_runs);
            let next = groups.peek().map_or(data.len(), |next| group_range(next.runs).start);
            if flipped {
                for run in group_runs {
                    pieces.push_right(done..run.start, right(done));
                    pieces.push_unknown(run.clone());
                    done = run.end;
                }
                continue;
            }
            // Bytes at the edges may agree with both by chance: the search may look at them too.
            let window = group.start.saturating_sub(GAP_BYTES_MAX).max(done)
                ..(group.end + GAP_BYTES_MAX).min(next);
            let mut found: Vec<Located> = Vec::new();
            self.content.locate(&data[window.clone()], self.known, &mut |run| found.push(run));
            for run in found {
                let located = window.start + run.at..window.start + run.at + run.len;
                pieces.push_wrong(&mut done, located.start, &group, right);
                pieces.push_right(located.clone(), Some(run.source));
                done = located.end;
            }
            pieces.push_wrong(&mut done, group.end, &group, right);
        }
        pieces.push_right(done..data.len(), right(done));
    }

    /// The groups of differing runs. Those between which little but filler agrees are one, unless
    /// bits are flipped in them: filler agrees with that of any place.
    fn groups<'r>(
        &self,
        expectation: Option<FileContent>,
        inside: usize,
        runs: &'r [Range<usize>],
        pieces: &Pieces<'_>,
    ) -> Vec<Differing<'r>> {
        let Pieces { offset, data, .. } = pieces;
        let mut groups: Vec<Differing<'r>> = Vec::new();
        // How many runs are in the groups before the last one, and in all.
        let (mut first, mut count) = (0, 0);
        for group_runs in differing_groups(runs) {
            let group = group_range(group_runs);
            let flipped = expectation.is_some_and(|expectation| {
                group.end <= inside
                    && self.is_flipped(
                        expectation.source(offset + group.start as u64),
                        &data[group.clone()],
                    )
            });
            let before = groups.last().filter(|last| !last.flipped && !flipped);
            let joined = before.zip(expectation).is_some_and(|(last, expectation)| {
                let gap = group_range(last.runs).end..group.start;
                let gap = offset + gap.start as u64..offset + gap.end as u64;
                self.content.content_bytes(expectation.file, gap) <= GAP_BYTES_MAX as u64
            });
            if joined {
                groups.pop();
            } else {
                first = count;
            }
            count += group_runs.len();
            groups.push(Differing { runs: &runs[first..count], flipped });
        }
        groups
    }

    fn is_flipped(&self, source: Source, actual: &[u8]) -> bool {
        let mut expected = [0; FLIPPED_GROUP_BYTES_MAX];
        let Some(expected) = expected.get_mut(..actual.len()) else { return false };
        self.content.fill(source.file, source.offset, expected);
        differing_bits(expected, actual) <= FLIPPED_BITS_MAX
    }
}

/// Runs of differing bytes that belong together.
struct Differing<'r> {
    runs: &'r [Range<usize>],
    /// Whether they are the right bytes but for a few bits.
    flipped: bool,
}

/// Eight flipped bits, as far apart as one group allows.
const FLIPPED_GROUP_BYTES_MAX: usize = 8 + 7 * GAP_BYTES_MAX;

/// Kept bytes are cut into pieces of this size at the most, so that healing part of one does not
/// copy much.
const KEPT_PIECE_BYTES_MAX: usize = 64 << 10;

/// Zeros inside other bytes are a piece of their own from an aligned page on: what storage loses,
/// it loses in pages, while a few zeros inside a program are part of the program.
const ZERO_PAGE_BYTES: usize = 4096;

fn whole(offset: u64, data: &[u8], source: Source) -> Recognised {
    let mut recognised = Recognised::new();
    recognised
        .push((offset, Extent { length: data.len() as u64, data: ExtentData::written(source) }));
    recognised
}

/// Collects the pieces of one write, in order.
struct Pieces<'a> {
    offset: u64,
    data: &'a [u8],
    recognised: Recognised,
}

impl Pieces<'_> {
    /// Everything from `done` to `end`: right before the group begins and unknown within it.
    fn push_wrong(
        &mut self,
        done: &mut usize,
        end: usize,
        group: &Range<usize>,
        right: impl Fn(usize) -> Option<Source>,
    ) {
        if *done < group.start {
            let until = end.min(group.start);
            self.push_right(*done..until, right(*done));
            *done = until;
        }
        if *done < end.min(group.end) {
            self.push_unknown(*done..end.min(group.end));
            *done = end.min(group.end);
        }
        if *done < end {
            self.push_right(*done..end, right(*done));
            *done = end;
        }
    }

    fn push_right(&mut self, range: Range<usize>, source: Option<Source>) {
        if let Some(source) = source {
            self.push(range, ExtentData::written(source));
        } else {
            self.push_unknown(range);
        }
    }

    /// Bytes that are nobody's content: zeros cost nothing, the rest is kept.
    fn push_unknown(&mut self, range: Range<usize>) {
        if is_zero(&self.data[range.clone()]) {
            self.push(range, ExtentData::Zeros);
            return;
        }
        let mut start = range.start;
        while start < range.end {
            let page_left = ZERO_PAGE_BYTES - self.position(start) % ZERO_PAGE_BYTES;
            let mut end = (start + page_left).min(range.end);
            let zero = page_left == ZERO_PAGE_BYTES && self.is_zero_page(start, range.end);
            while end < range.end
                && self.is_zero_page(end, range.end) == zero
                && (zero || end - start < KEPT_PIECE_BYTES_MAX)
            {
                end = (end + ZERO_PAGE_BYTES).min(range.end);
            }
            if zero {
                self.push(start..end, ExtentData::Zeros);
            } else {
                self.push(start..end, ExtentData::Bytes(self.data[start..end].into()));
            }
            start = end;
        }
    }

    fn is_zero_page(&self, start: usize, end: usize) -> bool {
        end - start >= ZERO_PAGE_BYTES && is_zero(&self.data[start..start + ZERO_PAGE_BYTES])
    }

    /// Where in its page a byte of the file lies.
    fn position(&self, at: usize) -> usize {
        let in_page = self.offset % ZERO_PAGE_BYTES as u64;
        usize::try_from(in_page).unwrap_or_default() + at
    }

    fn push(&mut self, range: Range<usize>, data: ExtentData) {
        if !range.is_empty() {
            let extent = Extent { length: range.len() as u64, data };
            self.recognised.push((self.offset + range.start as u64, extent));
        }
    }
}

fn is_zero(data: &[u8]) -> bool {
    // Two comparisons that the compiler knows how to vectorise: the first byte, and each with its
    // neighbour.
    data.first().is_none_or(|first| *first == 0 && data[1..] == data[..data.len() - 1])
}
