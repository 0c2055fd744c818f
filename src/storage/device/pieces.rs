//! What was read of a device, put together to one judgement for each file.

use crate::content::{Content, Source};
use crate::dataset::{Coordinates, FileContent};
use crate::report::JudgedFile;
use crate::storage::file_judge::{FileJudge, FoundInPart};
use crate::storage::image::StretchKind;
use crate::verdict::Judge;

/// What was read of one stretch, or of a part of it.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it begins on the device.
    pub(super) at: u64,
    pub(super) length: u64,
    /// What belongs there.
    pub(super) kind: StretchKind,
    /// How far that goes on from `at` in the image.
    pub(super) stretch: u64,
    /// What stands there instead, by offsets in the file; what could not be read is a hole.
    pub(super) found: FoundInPart,
    /// How many of its bytes were written.
    pub(super) written: u64,
    /// Why some of them could not be.
    pub(super) error: Option<String>,
    /// Parity that is wrong, from the first such byte to the last.
    pub(super) wrong_parity: Option<(u64, u64)>,
}

/// A file of the image that was judged.
#[derive(Debug)]
pub(super) struct JudgedPiece {
    /// Where its first byte stands on the device.
    pub(super) at: u64,
    /// The byte of the file that stands there.
    pub(super) start: u64,
    pub(super) judged: JudgedFile,
    pub(super) written: u64,
    pub(super) error: Option<String>,
}

/// Joins pieces that come in the order of the device.
#[derive(Debug)]
pub(super) struct PieceJudge<'a> {
    content: &'a Content,
    open: Option<OpenPiece<'a>>,
}

#[derive(Debug)]
struct OpenPiece<'a> {
    file: Coordinates,
    at: u64,
    start: u64,
    /// Where the next piece would go on.
    next: u64,
    end: u64,
    judge: FileJudge<'a>,
    written: u64,
    error: Option<String>,
}

impl<'a> PieceJudge<'a> {
    pub(super) fn new(content: &'a Content) -> Self {
        Self { content, open: None }
    }

    /// Adds the next piece, and returns the judgement that is complete because of it.
    pub(super) fn add(&mut self, piece: Piece) -> Option<JudgedPiece> {
        let StretchKind::Content(Source { file, offset }) = piece.kind else {
            return self.finish();
        };
        let goes_on = self.open.as_ref().is_some_and(|open| {
            open.file == file && open.next == offset && open.at + (offset - open.start) == piece.at
        });
        let finished = if goes_on { None } else { self.finish() };
        let content = self.content;
        let open = self.open.get_or_insert_with(|| {
            let end = offset + piece.stretch;
            let expectation = FileContent { file, size_bytes: end };
            let judge = FileJudge::new(Judge { content, expectation }.begin_part(offset));
            let (at, written, error) = (piece.at, 0, None);
            OpenPiece { file, at, start: offset, next: offset, end, judge, written, error }
        });
        open.judge.add_found(piece.found);
        open.next += piece.length;
        open.written += piece.written;
        open.error = open.error.take().or(piece.error);
        finished
    }

    /// The last judgement.
    pub(super) fn finish(&mut self) -> Option<JudgedPiece> {
        let OpenPiece { file, at, start, end, judge, written, error, .. } = self.open.take()?;
        let mut judged = judge.finish(file, end);
        // What is before it is on another device, or nowhere.
        judged.tally.expected -= start;
        Some(JudgedPiece { at, start, judged, written, error })
    }
}
