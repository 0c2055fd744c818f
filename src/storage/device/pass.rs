//! Reading a device from one end of an image to the other: judging it, and repairing it.

use std::io::{self, ErrorKind};
use std::ops::Range;

use super::Device;
use super::pieces::{JudgedPiece, Piece, PieceJudge};
use super::state::{DevicePass, DeviceState, ImageOf, ParityRange, PassOptions, path_at};
use crate::content::Content;
use crate::disk::{ALIGNMENT, AlignedBuffer, Durability, Faults, OpenFile};
use crate::overlay::Recogniser;
use crate::report::{FileRepair, JudgedFile, Phase, RangeView, VERIFICATION_RANGES_MAX};
use crate::storage::block_file::drop_cache;
use crate::storage::blocks::{block_buffer, read_block};
use crate::storage::crew::{PART_BYTES, TargetQueue, Work, work_through};
use crate::storage::file_judge::{FoundInPart, recognise_block};
use crate::storage::image::{Stretch, StretchKind};
use crate::storage::in_order::InOrder;
use crate::storage::judged_so_far::JudgedSoFar;
use crate::storage::repair::{WrittenRanges, first_wrong, runs_of_differences};
use crate::storage::{FileFailure, Findings, Progress, StopFlag};
use crate::sync::Mutex;
use crate::verdict::{Verdict, WrongRange};

/// Goes through a device, to the end of the image or to a stop.
pub fn pass<F: Faults>(
    device: &Device<F>,
    image: ImageOf<'_>,
    what: DevicePass,
    options: PassOptions,
    (progress, stop): (&Progress, &StopFlag),
) -> DeviceState {
    progress.set_phase(Phase::Reading);
    *progress.judged.lock() = Some(JudgedSoFar::of_nothing(image.layout.share()));
    let content = image.layout.content();
    let consumer = Consumer {
        image,
        progress,
        what,
        pieces: PieceJudge::new(content),
        state: DeviceState::default(),
        ranges_listed: 0,
    };
    let reader = DeviceReader {
        device,
        image,
        what,
        stop,
        progress,
        content,
        in_order: InOrder::new(0, options.threads as u64, consumer),
        failures: Mutex::default(),
        written: Mutex::default(),
    };
    if options.drop_cache
        && let Err(error) = drop_cache(&device.disk, &device.file)
    {
        reader.fail(0, &error);
    }
    work_through(
        &[TargetQueue { work: &reader, target: 0, files: 0..1 }],
        (options.threads, options.placement),
        stop,
    );
    reader.conclude()
}

struct DeviceReader<'a, F> {
    device: &'a Device<F>,
    image: ImageOf<'a>,
    what: DevicePass,
    stop: &'a StopFlag,
    progress: &'a Progress,
    content: &'a Content,
    in_order: InOrder<Vec<Piece>, Consumer<'a>>,
    failures: Mutex<Findings<FileFailure>>,
    written: Mutex<WrittenRanges>,
}

/// Takes the pieces in the order of the device.
struct Consumer<'a> {
    image: ImageOf<'a>,
    progress: &'a Progress,
    what: DevicePass,
    pieces: PieceJudge<'a>,
    state: DeviceState,
    ranges_listed: usize,
}

/// What a thread works with.
struct DeviceTools {
    block: AlignedBuffer,
    right: Vec<u8>,
}

impl<F: Faults> Work for DeviceReader<'_, F> {
    type OpenFile = ();
    type Tools = DeviceTools;

    fn tools(&self) -> DeviceTools {
        DeviceTools { block: block_buffer(self.device.transfer), right: Vec::new() }
    }

    fn open(&self, _: u64, _: &mut DeviceTools) -> Option<((), u64)> {
        Some(((), self.image.image.length()))
    }

    fn part(&self, (): &(), part: Range<u64>, tools: &mut DeviceTools) {
        let mut pieces = self.pieces_of(&part);
        let mut offset = part.start;
        while offset < part.end {
            if self.stop.is_set() {
                return;
            }
            let block = tools.block.bytes_mut();
            let wanted = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            let length = match read_block(&self.device.disk, &self.device.file, offset, block) {
                // The end of the device: what is behind it is missing.
                Ok(0) => break,
                Ok(length) => {
                    let length = length.min(wanted);
                    self.look(&mut pieces, offset, &block[..length], &mut tools.right);
                    length
                }
                Err(_) => {
                    self.look_page_by_page(&mut pieces, (offset, wanted), tools);
                    wanted
                }
            };
            offset += length as u64;
            self.progress.bytes(length as u64);
        }
        let number = part.start / PART_BYTES;
        self.in_order.bring(number, pieces, self.stop, |consumer, _, pieces| {
            for piece in pieces {
                consumer.take(piece);
            }
        });
    }

    fn close(&self, (): ()) -> Option<((), u64)> {
        None
    }
}

impl<F: Faults> DeviceReader<'_, F> {
    /// The stretches of a part, of which nothing has been read.
    fn pieces_of(&self, part: &Range<u64>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut at = part.start;
        while at < part.end {
            let Stretch { kind, length: stretch } = self.image.image.stretch(at);
            let length = stretch.min(part.end - at);
            let found = FoundInPart::default();
            let (written, error, wrong_parity) = (0, None, None);
            pieces.push(Piece { at, length, kind, stretch, found, written, error, wrong_parity });
            at += length;
        }
        pieces
    }

    /// Recognises what was read at an offset, and repairs it.
    fn look(&self, pieces: &mut [Piece], offset: u64, block: &[u8], right: &mut Vec<u8>) {
        let known = self.image.layout.share().dataset();
        let recogniser = Recogniser { content: self.content, known };
        let end = offset + block.len() as u64;
        let first = pieces.partition_point(|piece| piece.at + piece.length <= offset);
        for piece in pieces[first..].iter_mut().take_while(|piece| piece.at < end) {
            let (from, until) = (piece.at.max(offset), end.min(piece.at + piece.length));
            let index = |at: u64| usize::try_from(at - offset).unwrap_or(usize::MAX);
            let bytes = &block[index(from)..index(until)];
            let is_right = match piece.kind {
                StretchKind::Content(source) => {
                    let at = source.offset + (from - piece.at);
                    let expectation = self.image.layout.slot_content(source.file);
                    let FoundInPart { extents, earlier } = &mut piece.found;
                    let is_right = recognise_block(&recogniser, expectation, extents, (at, bytes));
                    if !is_right {
                        self.image.earlier.take_out(expectation, (at, bytes), extents, earlier);
                    }
                    is_right
                }
                StretchKind::Parity { .. } => false,
            };
            if is_right {
                continue;
            }
            right.resize(bytes.len(), 0);
            self.image.image.fill(from, right);
            for run in runs_of_differences(right, bytes) {
                let at = from + run.start as u64;
                if matches!(piece.kind, StretchKind::Parity { .. }) {
                    let start = piece.wrong_parity.map_or(at, |(start, _)| start);
                    piece.wrong_parity = Some((start, from + run.end as u64));
                }
                self.mend(piece, at, &right[run]);
            }
        }
    }

    /// Reads what can be read of a block, so that each page that cannot is known. A repair writes
    /// it: that is how a disk gets to replace a bad sector.
    fn look_page_by_page(
        &self,
        pieces: &mut [Piece],
        (offset, length): (u64, usize),
        tools: &mut DeviceTools,
    ) {
        for page in (0..length).step_by(ALIGNMENT) {
            let at = offset + page as u64;
            let wanted = ALIGNMENT.min(length - page);
            let block = &mut tools.block.bytes_mut()[..ALIGNMENT];
            match read_block(&self.device.disk, &self.device.file, at, block) {
                Ok(read) => self.look(pieces, at, &block[..read.min(wanted)], &mut tools.right),
                Err(error) if self.what == DevicePass::Verify => self.fail(at, &error),
                Err(_) => {
                    tools.right.resize(wanted, 0);
                    self.image.image.fill(at, &mut tools.right);
                    let of = pieces.partition_point(|piece| piece.at + piece.length <= at);
                    if let Some(piece) = pieces.get_mut(of) {
                        self.mend(piece, at, &tools.right);
                    }
                }
            }
        }
    }

    /// Writes right bytes, where that is what is done.
    fn mend(&self, piece: &mut Piece, at: u64, right: &[u8]) {
        let DevicePass::Repair { is_dry, .. } = self.what else { return };
        let written = if is_dry {
            Ok(())
        } else {
            self.device.disk.write_all_at(&self.device.file, right, at)
        };
        match written {
            Ok(()) => {
                piece.written += right.len() as u64;
                self.written.lock().add(at..at + right.len() as u64);
            }
            Err(error) => {
                self.fail(at, &error);
                piece.error.get_or_insert(format!("at device offset {at}: {error}"));
            }
        }
    }

    fn fail(&self, at: u64, error: &io::Error) {
        let path = path_at(self.image, at);
        let error = io::Error::new(error.kind(), format!("at device offset {at}: {error}"));
        self.progress.failure(&path, &error);
        self.failures.lock().add(FileFailure { path, target: None, error: error.to_string() });
    }

    /// The end: what was written is proved, and the last file judged.
    fn conclude(self) -> DeviceState {
        if let DevicePass::Repair { durability, is_dry: false } = self.what {
            let ranges = std::mem::take(&mut *self.written.lock()).into_ranges();
            match self.prove(&self.device.file, &ranges, durability) {
                Ok(None) => {}
                Ok(Some(at)) => {
                    let error = "what was written reads back as something else";
                    self.fail(at, &io::Error::new(ErrorKind::InvalidData, error));
                }
                Err(error) => self.fail(ranges.first().map_or(0, |range| range.start), &error),
            }
        }
        let Self { in_order, failures, stop, image, progress, .. } = self;
        let (mut consumer, next) = in_order.into_consumer();
        if let Some(judged) = consumer.pieces.finish() {
            consumer.conclude(&judged);
        }
        let is_complete = !stop.is_set() && next >= image.image.length().div_ceil(PART_BYTES);
        let mut state = consumer.state;
        state.failures = failures.into_inner();
        state.is_complete = is_complete;
        if let Some(so_far) = progress.judged.lock().as_mut() {
            so_far.conclude_with(state.verdict());
        }
        state
    }

    /// Reads back what was written; the first byte that is wrong.
    fn prove(
        &self,
        file: &OpenFile,
        ranges: &[Range<u64>],
        durability: Durability,
    ) -> io::Result<Option<u64>> {
        if ranges.is_empty() {
            return Ok(None);
        }
        let disk = &self.device.disk;
        // A device says only then what it could not store.
        disk.sync(file)?;
        if durability == Durability::Synced {
            drop_cache(disk, file)?;
        }
        first_wrong(disk, file, ranges, |offset, block| {
            let mut right = vec![0; block.len()];
            self.image.image.fill(offset, &mut right);
            right.iter().zip(block).position(|(right, actual)| right != actual)
        })
    }
}

impl Consumer<'_> {
    fn take(&mut self, piece: Piece) {
        if let (StretchKind::Parity { stripe }, Some((start, end))) =
            (piece.kind, piece.wrong_parity)
        {
            self.state.totals.rewritten_bytes += u128::from(piece.written);
            let (device_offset, length) = (start, end - start);
            self.state.parity.add(ParityRange { stripe, device_offset, length });
        }
        if let Some(judged) = self.pieces.add(piece) {
            self.conclude(&judged);
        }
    }

    /// A file that is judged to its end.
    fn conclude(&mut self, JudgedPiece { at, start, judged, written, error }: &JudgedPiece) {
        let share = self.image.layout.share();
        let (dataset, path) = (share.dataset(), share.path(judged.file));
        self.progress.file();
        if let Some(so_far) = self.progress.judged.lock().as_mut() {
            so_far.add(dataset, (&path, None), judged);
        }
        let image = self.image;
        let view = |range: &WrongRange| view_of(image, (*at, *start), judged, range);
        let room = VERIFICATION_RANGES_MAX.saturating_sub(self.ranges_listed);
        if judged.tally.verdict() != Verdict::Verified {
            self.ranges_listed += judged.ranges.len().min(room);
        }
        let problem = self.state.verification.add_on_device(path.clone(), judged, (*at, &view));
        let is_right = problem.is_none();
        if let Some(problem) = problem {
            self.state.problems.add(problem);
        }
        if self.what == DevicePass::Verify {
            return;
        }
        if is_right && *written == 0 && error.is_none() {
            self.state.totals.files_right += 1;
            return;
        }
        let mut repair = FileRepair::new(dataset, path, judged);
        repair.ranges = judged.ranges.iter().take(room).map(view).collect();
        repair.rewritten_bytes = *written;
        repair.error.clone_from(error);
        self.state.totals.add(&repair);
        self.state.repairs.add(repair);
    }
}

/// A wrong range, with the places on the device.
fn view_of(
    image: ImageOf<'_>,
    (at, start): (u64, u64),
    judged: &JudgedFile,
    range: &WrongRange,
) -> RangeView {
    let belongs_at = range
        .source
        .filter(|_| range.seed.is_none())
        .and_then(|source| image.image.offset_of(source));
    RangeView::new(image.layout.share().dataset(), judged.file, range)
        .on_device(at + (range.offset - start), belongs_at)
}
