//! A file from its first byte to its last: which bytes are in which state.
//!
//! The judge counts bytes by state and says where they are wrong. Where they are right, missing or
//! untouched follows from the extents, so it costs nothing unless somebody asks: a byte that is in
//! no wrong range has the state of the extent that it is in.

use super::{Class, WrongRange};
use crate::overlay::{Extent, ExtentData, Written};

/// What became of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// Nobody wrote it, and it reads as expected.
    Untouched,
    /// It was written and is right.
    Matched,
    /// It is gone: cut off, or in a hole.
    Missing,
    /// It was written and is wrong; without a class where what stands there is no file.
    Wrong(Option<Class>),
    /// It is past the expected end.
    Extra(Class),
}

impl SegmentState {
    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Matched => "matched",
            Self::Missing => "missing",
            Self::Wrong(_) => "wrong",
            Self::Extra(_) => "extra",
        }
    }

    /// What kind of wrong it is, where it is wrong or extra.
    #[must_use]
    pub fn class(self) -> Option<Class> {
        match self {
            Self::Wrong(class) => class,
            Self::Extra(class) => Some(class),
            Self::Untouched | Self::Matched | Self::Missing => None,
        }
    }

    fn of(extent: &Extent) -> Self {
        match extent.data {
            ExtentData::Content { written: false, .. } => Self::Untouched,
            ExtentData::Content { .. }
            | ExtentData::Zeros
            | ExtentData::Bytes(_)
            | ExtentData::Stored(_) => Self::Matched,
        }
    }
}

/// A run of bytes in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSegment {
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// How many bytes, at least 1.
    pub length: u64,
    /// Their state.
    pub state: SegmentState,
}

/// Hands the segments of a file to `each`, in order and without a gap, when it is told of the wrong
/// ranges as the [`Judge`](super::Judge) finds them. Each wrong range is a segment; of right,
/// missing and untouched bytes, no two segments that follow one another are alike.
pub struct FileSegments<'a> {
    extents: Box<dyn Iterator<Item = (u64, &'a Extent)> + 'a>,
    /// The extent that comes next, or that is being cut up.
    next: Option<(u64, &'a Extent)>,
    expected_bytes: u64,
    /// Everything before this has its segment.
    done: u64,
    /// The last segment, which may go on.
    open: Option<FileSegment>,
    each: &'a mut dyn FnMut(FileSegment),
}

impl<'a> FileSegments<'a> {
    /// Begins with a file of which so many bytes are expected.
    pub fn begin(
        written: &'a Written,
        expected_bytes: u64,
        each: &'a mut dyn FnMut(FileSegment),
    ) -> Self {
        let mut extents = written.extents.iter();
        let next = extents.next();
        Self { extents: Box::new(extents), next, expected_bytes, done: 0, open: None, each }
    }

    /// A wrong range: the next one that the judge has found.
    pub fn wrong(&mut self, range: &WrongRange) {
        let WrongRange { offset, length, class, .. } = *range;
        self.go_on_to(offset.min(self.expected_bytes));
        self.close();
        let state = if offset < self.expected_bytes {
            SegmentState::Wrong(Some(class))
        } else {
            SegmentState::Extra(class)
        };
        (self.each)(FileSegment { offset, length, state });
        self.done = offset + length;
    }

    /// The end of the file: there are no more wrong ranges.
    pub fn finish(mut self) {
        self.go_on_to(self.expected_bytes);
        self.close();
    }

    /// All up to an offset is as the extents say.
    fn go_on_to(&mut self, end: u64) {
        while self.done < end {
            let Some((offset, extent)) = self.next else {
                self.add(end, SegmentState::Missing);
                return;
            };
            let extent_end = offset + extent.length;
            if extent_end <= self.done {
                self.next = self.extents.next();
            } else if self.done < offset {
                self.add(end.min(offset), SegmentState::Missing);
            } else {
                self.add(end.min(extent_end), SegmentState::of(extent));
            }
        }
    }

    /// The bytes up to an offset have a state.
    fn add(&mut self, end: u64, state: SegmentState) {
        let length = end - self.done;
        match &mut self.open {
            Some(open) if open.state == state => open.length += length,
            _ => {
                self.close();
                self.open = Some(FileSegment { offset: self.done, length, state });
            }
        }
        self.done = end;
    }

    fn close(&mut self) {
        if let Some(segment) = self.open.take() {
            (self.each)(segment);
        }
    }
}
