//! Parts of a file that are read and recognised, block by block.

use std::io;
use std::ops::Range;

use super::{Reading, Verifier, VerifyOptions};
use crate::disk::{Disk, Faults};
use crate::overlay::Recogniser;
use crate::storage::crew::PART_BYTES;
use crate::storage::file_judge::{FoundInPart, recognise_block};
use crate::storage::pipeline::Pipeline;

/// What a thread reads with, and what it knows of the part whose blocks are coming.
pub(super) struct Reader<F: Faults> {
    blocks: Pipeline<F>,
    part: PartSoFar,
}

#[derive(Default)]
struct PartSoFar {
    found: FoundInPart,
    /// The file ended, or could not be read: what comes after that does not count.
    ended: bool,
}

impl<F: Faults> Reader<F> {
    pub(super) fn new(disk: &Disk<F>, options: VerifyOptions) -> Self {
        let VerifyOptions { transfer, requests, .. } = options;
        Self { blocks: Pipeline::new(disk, transfer, requests), part: PartSoFar::default() }
    }
}

impl<'a, F: Faults> Verifier<'a, F> {
    /// Reads a part; what is under way at its end goes on with the next.
    pub(super) fn read_part(
        &self,
        reading: &Reading<'a>,
        part: Range<u64>,
        reader: &mut Reader<F>,
    ) {
        let Reader { blocks, part: so_far } = reader;
        let mut left = part;
        while !left.is_empty() && !self.run.stop.is_set() {
            if reading.failure.get().is_some() {
                // The rest is of no use. Others may wait for this part's turn all the same.
                blocks.finish_reads(&mut |range, read| {
                    self.recognise(reading, so_far, range, read);
                });
                return self.bring(reading, so_far, left.end);
            }
            let block = blocks.first_block(&left);
            left.start = block.end;
            blocks.read(&reading.file, block, &mut |range, read| {
                self.recognise(reading, so_far, range, read);
            });
        }
    }

    /// Waits for what is under way.
    pub(super) fn finish_part(&self, reading: &Reading<'a>, reader: &mut Reader<F>) {
        let Reader { blocks, part: so_far } = reader;
        blocks.finish_reads(&mut |range, read| self.recognise(reading, so_far, range, read));
        *so_far = PartSoFar::default();
        self.run.progress.note_queue(blocks.refusal());
    }

    /// Recognises a block that was read. The last one of a part has it brought to the judge.
    fn recognise(
        &self,
        reading: &Reading<'a>,
        so_far: &mut PartSoFar,
        range: Range<u64>,
        read: io::Result<&[u8]>,
    ) {
        if self.run.stop.is_set() {
            return;
        }
        match read {
            Ok(block) => {
                if !so_far.ended && !block.is_empty() {
                    let known = self.part.share.dataset();
                    let recogniser = Recogniser { content: self.run.content, known };
                    let block = (range.start, block);
                    let FoundInPart { extents, earlier } = &mut so_far.found;
                    if !recognise_block(&recogniser, reading.expectation, extents, block) {
                        let known = self.run.earlier;
                        known.take_out(reading.expectation, block, extents, earlier);
                    }
                    self.part.counting.bytes(block.1.len() as u64);
                }
                // It became shorter while it was read.
                so_far.ended |= (block.len() as u64) < range.end - range.start;
            }
            Err(error) => match self.read_again(reading, range.clone(), error) {
                Ok(block) => return self.recognise(reading, so_far, range, Ok(&block)),
                Err(error) => {
                    let _ = reading.failure.set(error);
                    so_far.ended = true;
                }
            },
        }
        if range.end == reading.length || range.end.is_multiple_of(PART_BYTES) {
            self.bring(reading, so_far, range.end);
        }
    }

    /// Brings the part that ends somewhere to the file's judge.
    fn bring(&self, reading: &Reading<'a>, so_far: &mut PartSoFar, end: u64) {
        let PartSoFar { found, .. } = std::mem::take(so_far);
        let number = (end - 1) / PART_BYTES;
        reading
            .judging
            .bring(number, found, self.run.stop, |judge, _, found| judge.add_found(found));
    }
}
