//! Judging one file that is read from storage, or handed over in memory, part by part.

use crate::dataset::{Coordinates, FileContent};
use crate::overlay::{Extent, ExtentData, ExtentMap, Recogniser};
use crate::report::{ClassCounts, JudgedFile, RANGES_MAX};
use crate::verdict::{ByteTally, EarlierContent, Judgement, WrongRange};

use super::earlier_seeds::goes_on;

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
    let is_right = match &pieces[..] {
        [(_, Extent { length, data })] => *data == right && *length <= inside,
        _ => false,
    };
    for (offset, extent) in pieces {
        extents.insert(offset, extent);
    }
    is_right
}

/// What a part of a file is made of.
#[derive(Debug, Default)]
pub(super) struct FoundInPart {
    pub(super) extents: ExtentMap,
    /// Content under other seeds, in order; the extents have holes there.
    pub(super) earlier: Vec<EarlierContent>,
}

/// The judge of one file, and what it has found.
#[derive(Debug)]
pub(super) struct FileJudge<'a> {
    judge: Judgement<'a>,
    /// The last extent: the next one may continue it.
    last: ExtentMap,
    /// The last run of another seed's content, where nothing came after it.
    earlier: Option<EarlierContent>,
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
            earlier: None,
            extents: 0,
            kept_bytes: 0,
            ranges: Vec::new(),
            classes: ClassCounts::default(),
        }
    }

    /// Adds the extents of the next part.
    pub(super) fn add(&mut self, part: &ExtentMap) {
        self.add_extents(part.iter().map(|(offset, extent)| (offset, extent.clone())));
    }

    /// Adds what was found in the next part.
    pub(super) fn add_found(&mut self, part: FoundInPart) {
        let FoundInPart { extents, earlier } = part;
        let mut done = 0;
        for run in earlier {
            self.add_extents(extents.range(done..run.offset));
            done = run.offset + run.length;
            self.judge_last();
            match &mut self.earlier {
                Some(last) if goes_on(last, &run) => last.length += run.length,
                _ => {
                    self.judge_earlier();
                    self.earlier = Some(run);
                }
            }
        }
        self.add_extents(extents.range(done..u64::MAX));
    }

    fn add_extents(&mut self, part: impl Iterator<Item = (u64, Extent)>) {
        let mut extents = std::mem::take(&mut self.last);
        for (offset, extent) in part {
            self.judge_earlier();
            extents.insert(offset, extent);
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

    fn judge_last(&mut self) {
        for (offset, extent) in std::mem::take(&mut self.last).iter() {
            self.judge(offset, extent);
        }
    }

    fn judge_earlier(&mut self) {
        let Some(run) = self.earlier.take() else { return };
        self.extents += 1;
        let (ranges, classes) = (&mut self.ranges, &mut self.classes);
        self.judge.earlier_content(&run, &mut |range| note(ranges, classes, [range]));
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
        self.judge_last();
        self.judge_earlier();
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
