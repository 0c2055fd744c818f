//! Judging one file that is read from storage, or handed over in memory, part by part.

use crate::dataset::{Coordinates, FileContent};
use crate::overlay::{Extent, ExtentData, ExtentMap, Recogniser};
use crate::report::{ClassCounts, JudgedFile, RANGES_MAX};
use crate::verdict::{ByteTally, Judgement, WrongRange};

/// A file that is not there: nobody has written it.
pub(super) fn absent(expectation: FileContent) -> JudgedFile {
    JudgedFile {
        file: expectation.file,
        size_bytes: 0,
        exists: false,
        extents: 0,
        kept_bytes: 0,
        tally: ByteTally::untouched(expectation.size_bytes),
        ranges: Vec::new(),
        classes: ClassCounts::default(),
    }
}

/// Adds the extents that the next block of a file is made of to those before it; says whether all
/// of it is what belongs there.
pub(super) fn recognise_block(
    recogniser: &Recogniser<'_>,
    expectation: FileContent,
    extents: &mut ExtentMap,
    (offset, block): (u64, &[u8]),
) -> bool {
    let pieces =
        recogniser.recognise(Some(expectation), offset, block, || extents.continuation(offset));
    let right = ExtentData::written(expectation.source(offset));
    let inside = expectation.size_bytes.saturating_sub(offset);
    let is_right = matches!(&pieces[..], [(_, Extent { length, data })] if *data == right && *length <= inside);
    for (offset, extent) in pieces {
        extents.insert(offset, extent);
    }
    is_right
}

/// The judge of one file, and what it has found.
#[derive(Debug)]
pub(super) struct FileJudge<'a> {
    judge: Judgement<'a>,
    /// The last extent: the next one may continue it.
    last: ExtentMap,
    extents: u64,
    kept_bytes: u64,
    ranges: Vec<WrongRange>,
    classes: ClassCounts,
}

impl<'a> FileJudge<'a> {
    pub(super) fn new(judge: Judgement<'a>) -> Self {
        Self {
            judge,
            last: ExtentMap::default(),
            extents: 0,
            kept_bytes: 0,
            ranges: Vec::new(),
            classes: ClassCounts::default(),
        }
    }

    /// Adds the extents of the next part.
    pub(super) fn add(&mut self, part: &ExtentMap) {
        let mut extents = std::mem::take(&mut self.last);
        for (offset, extent) in part.iter() {
            extents.insert(offset, extent.clone());
        }
        let count = extents.len();
        for (index, (offset, extent)) in extents.iter().enumerate() {
            if index + 1 < count {
                self.judge(offset, extent);
            } else {
                self.last.insert(offset, extent.clone());
            }
        }
    }

    fn judge(&mut self, offset: u64, extent: &Extent) {
        self.extents += 1;
        if let ExtentData::Bytes(bytes) = &extent.data {
            self.kept_bytes += bytes.len() as u64;
        }
        let (ranges, classes) = (&mut self.ranges, &mut self.classes);
        self.judge.extent(offset, extent, &mut |range| note(ranges, classes, [range]));
    }

    /// The end of the file, which has this size.
    pub(super) fn finish(self, file: Coordinates, size_bytes: u64) -> JudgedFile {
        self.conclude(file, size_bytes, |judgement| judgement.finish(size_bytes))
    }

    /// The end of a part of a file, which has this size up to there.
    pub(super) fn finish_part(self, file: Coordinates, size_bytes: u64) -> JudgedFile {
        self.conclude(file, size_bytes, Judgement::finish_part)
    }

    fn conclude(
        mut self,
        file: Coordinates,
        size_bytes: u64,
        finish: impl FnOnce(Judgement<'a>) -> (ByteTally, Vec<WrongRange>),
    ) -> JudgedFile {
        for (offset, extent) in std::mem::take(&mut self.last).iter() {
            self.judge(offset, extent);
        }
        let (tally, rest) = finish(self.judge);
        note(&mut self.ranges, &mut self.classes, rest);
        JudgedFile {
            file,
            size_bytes,
            exists: true,
            extents: self.extents,
            kept_bytes: self.kept_bytes,
            tally,
            ranges: self.ranges,
            classes: self.classes,
        }
    }
}

/// Counts wrong ranges, and keeps the first of them.
fn note(
    ranges: &mut Vec<WrongRange>,
    classes: &mut ClassCounts,
    found: impl IntoIterator<Item = WrongRange>,
) {
    for range in found {
        classes.add(range.class);
        if ranges.len() < RANGES_MAX {
            ranges.push(range);
        }
    }
}
