//! Content in a shape: the same few ways to make bytes, at the places where they were made.
//!
//! A byte of a file was made somewhere: in an earlier generation, or in a block that others show
//! too; [`Origins`] say where. What was made there is keystream, keystream under filler, or words.
//! Templates that all files share have no such place: they are zeros, or a local file's bytes.

mod agreement;
mod filler;
mod text;

use std::ops::Range;
use std::sync::OnceLock;

use super::address::{Address, Source};
use super::cipher::{Counter, CounterRun};
use super::compare::{Filled, Right};
use super::key::Key;
use super::{Coordinates, StopCheck, compare, keystream};
use crate::dataset::{FileOrigins, Origin, Origins, TemplateFile};
use agreement::AgreementRuns;
use filler::Filler;

/// How a dataset's content differs from the plain one.
#[derive(Debug)]
pub(super) struct Shaped {
    origins: Origins,
    substance: Substance,
    filler: Option<Filler>,
    /// Whether a template has many zeros in a row, once somebody has asked.
    has_zeros: OnceLock<bool>,
}

/// What the bytes are made of.
#[derive(Debug)]
pub(super) enum Substance {
    Keystream,
    /// Words, chosen by the keystream.
    Text,
    Zeros,
    /// A local file, over and over.
    File(TemplateFile),
}

impl Shaped {
    pub(super) fn new(origins: &Origins, substance: Substance) -> Self {
        let filler = Filler::new(origins.shape().compress);
        Self { origins: origins.clone(), substance, filler, has_zeros: OnceLock::new() }
    }

    pub(super) fn fill(&self, key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
        match &self.substance {
            Substance::Zeros => out.fill(0),
            Substance::File(template) => repeat(template.bytes(), offset, out),
            Substance::Keystream => self.fill_random(key, file, offset, out),
            Substance::Text => {
                let mut left = out;
                for made in Segments::new(self.origins.of(file), offset, left.len() as u64) {
                    // No longer than what is left.
                    let (out, rest) = left.split_at_mut(to_index(made.length));
                    text::fill(key, made.file, made.offset, out);
                    left = rest;
                }
            }
        }
    }

    /// Keystream from where it was made, in batches that stay in the first-level cache until their
    /// filler is laid over them.
    fn fill_random(&self, key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
        let origins = self.origins.of(file);
        let mut batch = Batch::default();
        let mut offset = offset;
        let mut left = out;
        while batch.bytes < left.len() {
            let made = origins.at(offset);
            let room = (BATCH_BYTES - batch.bytes).min(left.len() - batch.bytes);
            let length = to_index(made.length).min(room);
            offset = offset.wrapping_add(length as u64);
            if made.offset.is_multiple_of(16) && length.is_multiple_of(16) {
                batch.add(&made, length);
                if batch.bytes == BATCH_BYTES || batch.count == BATCH_RUNS {
                    left = self.finish(key, &mut batch, left);
                }
            } else {
                // The first or the last of all.
                left = self.finish(key, &mut batch, left);
                let (out, rest) = left.split_at_mut(length);
                keystream::fill(key, made.file, made.offset, out);
                self.lay(made.offset, out);
                left = rest;
            }
        }
        self.finish(key, &mut batch, left);
    }

    /// Makes what a batch has gathered, and returns what is left of `out`.
    fn finish<'a>(&self, key: &Key, batch: &mut Batch, out: &'a mut [u8]) -> &'a mut [u8] {
        let (out, rest) = out.split_at_mut(batch.bytes);
        let runs = &batch.runs[..batch.count];
        key.fill_runs(runs, out);
        if self.filler.is_some() {
            let mut left = out;
            for run in runs {
                let (out, rest) = left.split_at_mut(run.bytes);
                self.lay(run.counter.offset(), out);
                left = rest;
            }
        }
        (batch.count, batch.bytes) = (0, 0);
        rest
    }

    fn lay(&self, offset: u64, content: &mut [u8]) {
        if let Some(filler) = &self.filler {
            filler.lay(offset, content);
        }
    }

    /// See [`Content::first_difference`](super::Content::first_difference).
    pub(super) fn first_difference(
        &self,
        key: &Key,
        file: Coordinates,
        offset: u64,
        data: &[u8],
    ) -> Option<usize> {
        if self.filler.is_some() || !self.can_be_located() {
            return compare::difference_in_pieces(&mut self.right(key, file), offset, data);
        }
        let mut at = 0;
        for made in Segments::new(self.origins.of(file), offset, data.len() as u64) {
            let end = at + to_index(made.length);
            let difference = compare::first_difference(key, made.file, made.offset, &data[at..end]);
            if let Some(difference) = difference {
                return Some(at + difference);
            }
            at = end;
        }
        None
    }

    /// The right bytes of a file, to compare with.
    pub(super) fn right(&self, key: &Key, file: Coordinates) -> impl Right {
        Filled::<_, RIGHT_BYTES>::new(move |offset, out: &mut [u8]| {
            self.fill(key, file, offset, out);
        })
    }

    /// Whether a block of it tells where it was made.
    pub(super) fn can_be_located(&self) -> bool {
        matches!(self.substance, Substance::Keystream)
    }

    /// Whether all files hold the same.
    pub(super) fn is_common(&self) -> bool {
        matches!(self.substance, Substance::Zeros | Substance::File(_))
    }

    /// See [`Content::content_bytes`](super::Content::content_bytes).
    pub(super) fn content_bytes(&self, file: Coordinates, range: Range<u64>) -> u64 {
        let length = range.end - range.start;
        match &self.filler {
            Some(filler) if length <= RIGHT_BYTES as u64 => {
                Segments::new(self.origins.of(file), range.start, length)
                    .map(|made| filler.content_bytes(made.offset, made.length))
                    .sum()
            }
            _ => length,
        }
    }

    /// See [`Origins::last_generation`].
    pub(super) fn last_generation(&self, file: Coordinates, range: Range<u64>) -> Option<u16> {
        self.origins.last_generation(file, range)
    }

    /// See [`Content::agreement`](super::Content::agreement).
    pub(super) fn agreement(
        &self,
        [one, other]: [Source; 2],
        length: u64,
        stop: StopCheck<'_>,
        run: &mut dyn FnMut(Range<u64>, bool),
    ) -> bool {
        let mut runs = AgreementRuns::new(stop, run);
        match &self.substance {
            Substance::Zeros => runs.add(length, true),
            Substance::File(file) => {
                runs.of_bytes(file.bytes(), [one.offset, other.offset], length);
            }
            Substance::Keystream | Substance::Text => {
                let places = [one, other].map(|it| (self.origins.of(it.file), it.offset));
                runs.of_origins(&places, length);
            }
        }
        runs.close()
    }

    /// Whether all bytes are zeros.
    pub(super) fn is_zeros(&self) -> bool {
        matches!(self.substance, Substance::Zeros)
    }

    /// See [`Content::has_zeros`](super::Content::has_zeros).
    pub(super) fn has_zeros(&self) -> bool {
        match &self.substance {
            Substance::Zeros => true,
            Substance::File(template) => {
                *self.has_zeros.get_or_init(|| agreement::has_zeros(template.bytes()))
            }
            Substance::Keystream | Substance::Text => false,
        }
    }
}

/// What is made by one call of the cipher kernel, and gets its filler while it lies in the
/// first-level cache.
const BATCH_BYTES: usize = 16 << 10;
/// How many runs of 512 bytes, the shortest blocks, fill a batch.
const BATCH_RUNS: usize = BATCH_BYTES / 512;

/// Runs that the cipher kernel makes in one go.
#[derive(Default)]
struct Batch {
    runs: [CounterRun; BATCH_RUNS],
    count: usize,
    bytes: usize,
}

impl Batch {
    /// Adds the beginning of what was made somewhere; there must be room.
    #[inline]
    fn add(&mut self, made: &Origin, bytes: usize) {
        let block = Address::containing(made.file, made.offset).block;
        let counter = Counter::new(made.file, block);
        if let Some(last) = self.count.checked_sub(1)
            && let Some(last) = self.runs.get_mut(last)
            && last.end() == Some(counter)
        {
            last.bytes += bytes;
        } else {
            self.runs[self.count] = CounterRun { counter, bytes };
            self.count += 1;
        }
        self.bytes += bytes;
    }
}

/// What is made at a time to compare with.
const RIGHT_BYTES: usize = 8 << 10;

/// The places where the bytes of a range were made, each as long as it goes on.
struct Segments {
    origins: FileOrigins,
    offset: u64,
    left: u64,
    /// The place that was seen to be another one, behind the last.
    next: Option<Origin>,
}

impl Segments {
    fn new(origins: FileOrigins, offset: u64, length: u64) -> Self {
        Self { origins, offset, left: length, next: None }
    }
}

impl Iterator for Segments {
    type Item = Origin;

    #[inline]
    fn next(&mut self) -> Option<Origin> {
        if self.left == 0 {
            return None;
        }
        let mut made = self.next.take().unwrap_or_else(|| self.origins.at(self.offset));
        while made.length < self.left {
            let next = self.origins.at(self.offset.wrapping_add(made.length));
            if next.file != made.file || next.offset != made.offset + made.length {
                self.next = Some(next);
                break;
            }
            made.length += next.length;
        }
        made.length = made.length.min(self.left);
        self.offset = self.offset.wrapping_add(made.length);
        self.left -= made.length;
        Some(made)
    }
}

/// Fills `out` with the bytes of a template from `offset`, over and over.
fn repeat(template: &[u8], offset: u64, out: &mut [u8]) {
    let mut at = to_index(offset % template.len() as u64);
    let mut out = out;
    while !out.is_empty() {
        let length = out.len().min(template.len() - at);
        let (head, rest) = out.split_at_mut(length);
        head.copy_from_slice(&template[at..at + length]);
        (out, at) = (rest, 0);
    }
}

/// Lengths of what lies in memory.
fn to_index(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
