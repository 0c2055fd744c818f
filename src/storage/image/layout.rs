//! A dataset on a device: its files one after another.

use thiserror::Error;

use super::{Image, Stretch, StretchKind};
use crate::content::{Content, Source};
use crate::dataset::{Coordinates, FileContent};
use crate::storage::Share;

/// Every file begins at a multiple of this: the largest sector or page that storage has.
pub const SLOT_ALIGNMENT: u64 = 4096;

/// The most files of different sizes: all sizes are summed before anything is written, which takes
/// some ten seconds of one core for so many.
const SUMMED_FILES_MAX: u64 = 1 << 30;

/// How many places of files are remembered at the most, where sizes differ: 512 KiB.
const MARKS_MAX: usize = 1 << 16;

/// The files of a share, one after another in the share's order, from offset 0 on.
///
/// Each has a slot: its size, rounded up to [`SLOT_ALIGNMENT`]. What is left of a slot after the
/// file's last byte holds the content that would go on there. So no byte of the image is nobody's:
/// where one has come from can be told of all of them, and zeros are as wrong there as elsewhere.
///
/// There is no table of files. Where all have one size, everything is a division. Otherwise the
/// place of every n-th file is remembered, of 65536 at the most, and the sizes from there on are
/// made again.
#[derive(Clone, Debug)]
pub struct DeviceLayout<'a> {
    share: Share<'a>,
    content: Content,
    slots: Slots,
    length: u64,
}

/// Why a dataset cannot be laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ImageError {
    /// There is not so much room.
    #[error(
        "{files} files take {needed} bytes, each from a multiple of 4096 on; expected no more than \
         {capacity}"
    )]
    TooLong {
        /// How many files.
        files: u64,
        /// How many bytes they take, or more: it was not summed to the end.
        needed: u128,
        /// How many there are.
        capacity: u64,
    },
    /// There are too many to find them again.
    #[error("{files} files whose sizes differ; expected {SUMMED_FILES_MAX} at the most")]
    TooManyFiles {
        /// How many there are.
        files: u64,
    },
}

/// How long the slots are.
#[derive(Clone, Debug)]
enum Slots {
    /// All the same.
    Equal(u64),
    /// Different: where every n-th begins.
    Marked { each: u64, starts: Vec<u64> },
}

/// The slot of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    file: Coordinates,
    start: u64,
    length: u64,
}

fn slot_bytes(size_bytes: u64) -> u64 {
    size_bytes.next_multiple_of(SLOT_ALIGNMENT)
}

impl<'a> DeviceLayout<'a> {
    /// The files of a share, on a device that has so many bytes.
    ///
    /// # Errors
    ///
    /// Where they do not fit.
    pub fn new(share: Share<'a>, capacity: u64) -> Result<Self, ImageError> {
        let files = share.file_count();
        let too_long = |needed| ImageError::TooLong { files, needed, capacity };
        let (slots, length) = match share.equal_size_bytes() {
            Some(size_bytes) => {
                let slot = slot_bytes(size_bytes);
                (Slots::Equal(slot), u128::from(slot) * u128::from(files))
            }
            None if files > SUMMED_FILES_MAX => return Err(ImageError::TooManyFiles { files }),
            None => Slots::marked(share, capacity),
        };
        match u64::try_from(length) {
            Ok(length) if length <= capacity => {
                Ok(Self { share, content: Content::of(share.dataset()), slots, length })
            }
            _ => Err(too_long(length)),
        }
    }

    /// Whose files these are.
    #[must_use]
    pub fn share(&self) -> Share<'a> {
        self.share
    }

    /// The content of the files.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What belongs into the slot of a file: its content, up to where the next file begins.
    #[must_use]
    pub fn slot_content(&self, file: Coordinates) -> FileContent {
        FileContent { file, size_bytes: slot_bytes(self.share.dataset().size_bytes(file)) }
    }

    /// The slot that holds an offset below the length.
    fn slot_at(&self, offset: u64) -> Slot {
        match &self.slots {
            Slots::Equal(length) => {
                let length = (*length).max(1);
                let index = offset / length;
                Slot { file: self.share.file(index), start: index * length, length }
            }
            Slots::Marked { each, starts } => {
                let mark = starts.partition_point(|start| *start <= offset).saturating_sub(1);
                let start = starts.get(mark).copied().unwrap_or_default();
                self.search(mark as u64 * each, start, |slot| slot.start + slot.length > offset)
            }
        }
    }

    /// The slot of a file of the share.
    fn slot_of(&self, file: Coordinates) -> Option<Slot> {
        let index = self.share.number_of(file)?;
        Some(match &self.slots {
            Slots::Equal(length) => Slot { file, start: index * length, length: *length },
            Slots::Marked { each, starts } => {
                let mark = index / each;
                let start = usize::try_from(mark).ok().and_then(|mark| starts.get(mark)).copied();
                self.search(mark * each, start.unwrap_or_default(), |slot| slot.file == file)
            }
        })
    }

    /// Goes on from the slot of a file until one is the right one; the last one where none is.
    fn search(&self, index: u64, start: u64, is_it: impl Fn(&Slot) -> bool) -> Slot {
        let count = self.share.file_count();
        let mut slot = Slot { file: Coordinates::default(), start, length: 0 };
        for index in index..count {
            let file = self.share.file(index);
            let length = slot_bytes(self.share.dataset().size_bytes(file));
            slot = Slot { file, start: slot.start + slot.length, length };
            if is_it(&slot) {
                break;
            }
        }
        slot
    }
}

impl Slots {
    /// Sums the slots, until they are longer than the capacity.
    fn marked(share: Share<'_>, capacity: u64) -> (Self, u128) {
        let each = share.file_count().div_ceil(MARKS_MAX as u64).max(1);
        let (mut starts, mut end) = (Vec::new(), 0_u128);
        let mut first = 0;
        while first < share.file_count() && end <= u128::from(capacity) {
            starts.push(u64::try_from(end).unwrap_or(u64::MAX));
            let last = share.file_count().min(first + each);
            share.each_size(first..last, |size| end += u128::from(slot_bytes(size)));
            first = last;
        }
        (Self::Marked { each, starts }, end)
    }
}

impl Image for DeviceLayout<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn fill(&self, offset: u64, bytes: &mut [u8]) {
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() && offset < self.length {
            let Slot { file, start, length } = self.slot_at(offset);
            let inside = offset - start;
            let taken = usize::try_from(length - inside).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(taken);
            self.content.fill(file, inside, now);
            offset += taken as u64;
            rest = later;
        }
    }

    fn stretch(&self, offset: u64) -> Stretch {
        let Slot { file, start, length } = self.slot_at(offset);
        let offset = offset - start;
        let kind = StretchKind::Content(Source { file, offset });
        Stretch { kind, length: length.saturating_sub(offset).max(1) }
    }

    fn offset_of(&self, source: Source) -> Option<u64> {
        let slot = self.slot_of(source.file)?;
        (source.offset < slot.length).then(|| slot.start + source.offset)
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "what is tested is small")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::{Dataset, DatasetConfig};

    const SHAPES: [&str; 9] = [
        "nodes = 2\nprocesses = 2\nfiles = 3\nsize = 5000",
        "files = 40\nsize = '1..20000'",
        "iterations = 3\nnodes = 2\nprocesses = 2\nfiles = 3\nnew_files = 50\n\
         grow = 12.5\nsize = 4000",
        "generation = 4\nnodes = 2\nprocesses = 2\nfiles = 3\nnew_files = 50\nsize = '1..9000'",
        "iterations = 2\nfiles = 5\nsize = 4096",
        "iterations = 2\nnodes = 2\nfiles = 10\ngrow = 30\nsize = '1..10000'\n\
         content = {npz = 'npz:x:u1,9', bin = 'random'}",
        "nodes = 2\nfiles = 4\ncontent = {npz = 'npz:x:u1,9'}",
        "files = 9\nsize = 10000\ndedup = 2",
        "iterations = 2\nfiles = 6\nsize = 9000\nchange = 20\ncompress = 2",
    ];

    fn dataset(text: &str) -> Dataset {
        toml::from_str::<DatasetConfig>(text).unwrap().validate().expect(text)
    }

    /// The slow way: all files, one behind the other.
    fn slow(share: Share<'_>) -> Vec<(u8, Source)> {
        let content = Content::of(share.dataset());
        let mut all = Vec::new();
        for index in 0..share.file_count() {
            let file = share.file(index);
            let mut bytes = vec![0; slot_bytes(share.dataset().size_bytes(file)) as usize];
            content.fill(file, 0, &mut bytes);
            let sources = (0..).map(|offset| Source { file, offset });
            all.extend(bytes.into_iter().zip(sources));
        }
        all
    }

    fn any_range() -> impl Strategy<Value = (prop::sample::Index, usize)> {
        (any::<prop::sample::Index>(), 0..30_000_usize)
    }

    proptest! {
        #[test]
        fn a_layout_is_all_files_one_behind_the_other(
            shape in prop::sample::select(SHAPES.to_vec()),
            node in any::<bool>(),
            ranges in prop::collection::vec(any_range(), 1..8),
        ) {
            let dataset = dataset(shape);
            let share = Share::new(&dataset, node.then_some(0));
            let all = slow(share);
            let layout = DeviceLayout::new(share, all.len() as u64).unwrap();
            prop_assert_eq!(layout.length(), all.len() as u64);
            for (at, length) in ranges {
                let at = at.index(all.len());
                let range = at..all.len().min(at + length);
                let mut bytes = vec![0; range.len()];
                layout.fill(at as u64, &mut bytes);
                let expected: Vec<u8> = all[range].iter().map(|(byte, _)| *byte).collect();
                prop_assert!(bytes == expected, "at {} {}", at, length);
                let source = all[at].1;
                let goes_on = |(index, of): (usize, &(u8, Source))| {
                    of.1 == source.advance(index as u64)
                };
                let length = all[at..].iter().enumerate().take_while(|of| goes_on(*of)).count();
                let kind = StretchKind::Content(source);
                prop_assert_eq!(layout.stretch(at as u64), Stretch { kind, length: length as u64 });
                prop_assert_eq!(layout.offset_of(source), Some(at as u64));
                let slot = layout.slot_content(source.file);
                prop_assert_eq!(layout.offset_of(slot.source(slot.size_bytes)), None);
                let other = Coordinates { node: 77, ..source.file };
                prop_assert_eq!(layout.offset_of(Source { file: other, ..source }), None);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for shape in SHAPES {
            let dataset = dataset(shape);
            let share = Share::new(&dataset, None);
            let length = slow(share).len() as u64;
            let error = DeviceLayout::new(share, length - 1).unwrap_err();
            let capacity = length - 1;
            let expected =
                |needed| ImageError::TooLong { files: share.file_count(), needed, capacity };
            assert_eq!(error, expected(u128::from(length)), "{shape}");
        }
        let huge = dataset("nodes = 1000\nprocesses = 1000\nfiles = 1000000\nsize = '1..9'");
        let share = Share::new(&huge, None);
        let error = DeviceLayout::new(share, u64::MAX).unwrap_err();
        assert_eq!(error, ImageError::TooManyFiles { files: 1_000_000_000_000 });
        let equal = dataset("nodes = 1000\nprocesses = 1000\nfiles = 1000000\nsize = 4097");
        let share = Share::new(&equal, None);
        let layout = DeviceLayout::new(share, 1 << 60).unwrap();
        assert_eq!(layout.length(), 8192 * 1_000_000_000_000);
        let last = share.file(share.file_count() - 1);
        let source = Source { file: last, offset: 8191 };
        assert_eq!(layout.offset_of(source), Some(layout.length() - 1));
    }

    /// More files than places are remembered.
    #[test]
    fn many_files_of_different_sizes_are_found() {
        let dataset = dataset("files = 200000\nsize = '1..9000'");
        let share = Share::new(&dataset, None);
        let layout = DeviceLayout::new(share, u64::MAX).unwrap();
        let mut offset = 0;
        for index in 0..share.file_count() {
            let file = share.file(index);
            let length = layout.slot_content(file).size_bytes;
            if index % 997 == 0 {
                let kind = StretchKind::Content(Source { file, offset: length - 1 });
                let found = layout.stretch(offset + length - 1);
                assert_eq!(found, Stretch { kind, length: 1 });
                assert_eq!(layout.offset_of(Source { file, offset: 0 }), Some(offset));
            }
            offset += length;
        }
        assert_eq!(layout.length(), offset);
    }
}
