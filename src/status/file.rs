//! `files/<path>.json`: one file, its wrong ranges, and the state of each of its bytes.

use serde::Serialize;

use super::found::Found;
use super::{MountStatus, kept_bytes};
use crate::content::{StopCheck, Stopped};
use crate::dataset::{Coordinates, Inode};
use crate::overlay::Written;
use crate::report::{FileView, RANGES_MAX, RangeView, SCHEMA};
use crate::verdict::{
    ByteTally, Class, FileSegment, FileSegments, Judge, SegmentState, WrongRange,
};

/// How many segments a file's document lists.
const SEGMENTS_MAX: usize = 1000;

/// `files/<path>.json`
#[derive(Debug, Serialize)]
pub(super) struct FileDocumentView {
    #[serde(flatten)]
    file: FileView,
    segments: Vec<SegmentView>,
    segments_dropped: u64,
}

/// A run of bytes in one state.
#[derive(Debug, Serialize)]
struct SegmentView {
    offset: u64,
    length: u64,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
}

/// The first of the things that are listed, and how many there are.
struct Listed<T> {
    first: Vec<T>,
    total: u64,
}

impl<T> Listed<T> {
    fn new() -> Self {
        Self { first: Vec::new(), total: 0 }
    }

    fn add(&mut self, most: usize, view: impl FnOnce() -> T) {
        self.total += 1;
        if self.first.len() < most {
            self.first.push(view());
        }
    }

    fn dropped(&self) -> u64 {
        self.total - self.first.len() as u64
    }
}

impl MountStatus<'_> {
    pub(super) fn file(
        &self,
        inode: Inode,
        file: Coordinates,
        stop: StopCheck<'_>,
    ) -> Result<FileDocumentView, Stopped> {
        let found = self.found(file);
        // Of one moment, also where somebody goes on to write.
        let written = self.written(&found);
        let is_written = matches!(found, Found::Written(..));
        let (mut ranges, mut segments) = (Listed::new(), Listed::new());
        let mut range = |range: &WrongRange| {
            ranges.add(RANGES_MAX, || RangeView::new(self.dataset, file, range));
        };
        let mut segment = |segment: FileSegment| {
            segments.add(SEGMENTS_MAX, || SegmentView::from(segment));
        };
        let tally = if let Some(written) = &written {
            self.judge_segments(file, written, stop, &mut range, &mut segment)?
        } else {
            let tally = self.judge(file, &found, stop, &mut |_| {})?;
            segment_without_file(tally).into_iter().for_each(&mut segment);
            tally
        };
        let file = FileView {
            schema: SCHEMA,
            path: self.path(inode),
            verdict: tally.verdict().name(),
            coordinates: file.into(),
            size_bytes: written.as_ref().map_or(0, |written| written.size_bytes),
            device_offset: None,
            exists: !matches!(found, Found::Missing),
            extents: written
                .as_ref()
                .filter(|_| is_written)
                .map_or(0, |written| written.extents.len() as u64),
            kept_bytes: written.as_ref().map_or(0, kept_bytes),
            bytes: tally.into(),
            ranges_dropped: ranges.dropped(),
            ranges_total: ranges.total,
            ranges: ranges.first,
        };
        let segments_dropped = segments.dropped();
        Ok(FileDocumentView { file, segments: segments.first, segments_dropped })
    }

    fn judge_segments(
        &self,
        file: Coordinates,
        written: &Written,
        stop: StopCheck<'_>,
        range: &mut dyn FnMut(&WrongRange),
        segment: &mut dyn FnMut(FileSegment),
    ) -> Result<ByteTally, Stopped> {
        let expectation = self.dataset.file_content(file);
        let mut segments = FileSegments::begin(written, expectation.size_bytes, segment);
        let judge = Judge { content: self.content, expectation };
        let tally = judge.judge(written, stop, &mut |wrong| {
            range(&wrong);
            segments.wrong(&wrong);
        });
        segments.finish();
        tally.ok_or(Stopped)
    }
}

/// The segment of a name under which there is no file; `None` where none was to have any bytes.
fn segment_without_file(tally: ByteTally) -> Option<FileSegment> {
    let state = if tally.wrong > 0 { SegmentState::Wrong(None) } else { SegmentState::Missing };
    (tally.expected > 0).then_some(FileSegment { offset: 0, length: tally.expected, state })
}

impl From<FileSegment> for SegmentView {
    fn from(segment: FileSegment) -> Self {
        let FileSegment { offset, length, state } = segment;
        Self { offset, length, state: state.name(), class: state.class().map(Class::name) }
    }
}
