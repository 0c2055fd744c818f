//! Bytes in memory, judged as a mount judges what is written and as [`verify`](super::verify())
//! judges what it reads: by the same recogniser and judge.

use rayon::prelude::*;

use super::file_judge::{FileJudge, recognise_block};
use crate::content::{Content, MAX_FILE_BYTES};
use crate::dataset::{Coordinates, Dataset, FileContent};
use crate::overlay::{ExtentMap, Recogniser};
use crate::report::JudgedFile;
use crate::verdict::Judge;

/// What one thread takes at a time, as large as the kernel's requests.
const PART_BYTES: usize = 1 << 20;

/// Up to this length a piece is judged by the thread that hands it over, and no pool is asked.
pub const ALONE_BYTES_MAX: usize = PART_BYTES;

/// How many parts each thread gets before they are judged. Bytes that are nobody's
/// content are held until then.
const PARTS_PER_THREAD: usize = 4;

/// Judges bytes that should be the content of `file`: from an offset on, or, without one, all of
/// the file. Of a part only what is in it counts; of all of the file, what is not there is missing.
///
/// A buffer of more than [`ALONE_BYTES_MAX`] is judged on the threads of the current rayon pool.
///
/// ```
/// use seedfs::content::Content;
/// use seedfs::dataset::{Coordinates, DatasetConfig};
/// use seedfs::storage::judge_bytes;
/// use seedfs::verdict::{Class, Verdict};
///
/// let dataset = DatasetConfig { size: Some("64K".into()), ..DatasetConfig::default() };
/// let dataset = dataset.validate()?;
/// let (content, file) = (Content::of(&dataset), Coordinates::default());
/// let mut bytes = vec![0; 8192];
/// content.fill(file, 4096, &mut bytes);
/// let judged = judge_bytes(&dataset, &content, file, Some(4096), &bytes);
/// assert_eq!(judged.tally.verdict(), Verdict::Verified);
///
/// bytes[100] ^= 1;
/// let judged = judge_bytes(&dataset, &content, file, Some(4096), &bytes);
/// assert_eq!((judged.ranges[0].offset, judged.ranges[0].class), (4196, Class::Flipped));
/// # Ok::<(), seedfs::dataset::ConfigErrors>(())
/// ```
#[must_use]
pub fn judge_bytes(
    dataset: &Dataset,
    content: &Content,
    file: Coordinates,
    offset: Option<u64>,
    data: &[u8],
) -> JudgedFile {
    let mut judge = match offset {
        Some(offset) => StreamJudge::of_part(dataset, content, file, offset),
        None => StreamJudge::new(dataset, content, file),
    };
    judge.next(data);
    judge.finish()
}

/// Judges the bytes of a file as they come, and keeps none of them.
#[derive(Debug)]
pub struct StreamJudge<'a> {
    dataset: &'a Dataset,
    content: &'a Content,
    expectation: FileContent,
    /// Whether what is missing around the bytes does not count.
    is_part: bool,
    /// Where the next byte stands.
    offset: u64,
    judge: FileJudge<'a>,
}

impl<'a> StreamJudge<'a> {
    /// For all bytes of `file`, from the first on.
    #[must_use]
    pub fn new(dataset: &'a Dataset, content: &'a Content, file: Coordinates) -> Self {
        Self { is_part: false, ..Self::of_part(dataset, content, file, 0) }
    }

    /// For bytes of `file` from an offset on, up to [`MAX_FILE_BYTES`].
    #[must_use]
    pub fn of_part(
        dataset: &'a Dataset,
        content: &'a Content,
        file: Coordinates,
        offset: u64,
    ) -> Self {
        let offset = offset.min(MAX_FILE_BYTES);
        let expectation = dataset.file_content(file);
        let judge = FileJudge::new(Judge { content, expectation }.begin_part(offset));
        Self { dataset, content, expectation, is_part: true, offset, judge }
    }

    /// Judges the next bytes: those of more than [`ALONE_BYTES_MAX`] on the threads of the current
    /// rayon pool.
    pub fn next(&mut self, data: &[u8]) {
        if data.len() <= ALONE_BYTES_MAX {
            let extents = self.recognise(self.offset, data);
            self.judge.add(&extents);
            self.offset += data.len() as u64;
            return;
        }
        for round in data.chunks(rayon::current_num_threads() * PARTS_PER_THREAD * PART_BYTES) {
            let part = |(number, part): (usize, &[u8])| {
                self.recognise(self.offset + (number * PART_BYTES) as u64, part)
            };
            let parts: Vec<ExtentMap> =
                round.par_chunks(PART_BYTES).enumerate().map(part).collect();
            for extents in &parts {
                self.judge.add(extents);
            }
            self.offset += round.len() as u64;
        }
    }

    fn recognise(&self, offset: u64, part: &[u8]) -> ExtentMap {
        let recogniser = Recogniser { content: self.content, known: self.dataset };
        let mut extents = ExtentMap::default();
        recognise_block(&recogniser, self.expectation, &mut extents, (offset, part));
        extents
    }

    /// What became of the file, or of the part of it.
    #[must_use]
    pub fn finish(self) -> JudgedFile {
        let Self { expectation: FileContent { file, .. }, offset, judge, is_part, .. } = self;
        if is_part { judge.finish_part(file, offset) } else { judge.finish(file, offset) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::DatasetConfig;
    use crate::verdict::{ByteTally, Class, Verdict};

    const SIZE_BYTES: u64 = 5 << 20;

    fn dataset() -> Dataset {
        let typed = DatasetConfig {
            files: Some(3.into()),
            size: Some(SIZE_BYTES.into()),
            ..DatasetConfig::default()
        };
        typed.validate().unwrap()
    }

    fn bytes(content: &Content, file: Coordinates, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        content.fill(file, offset, &mut bytes);
        bytes
    }

    fn judge(offset: Option<u64>, data: &[u8]) -> JudgedFile {
        let dataset = dataset();
        judge_bytes(&dataset, &Content::of(&dataset), Coordinates::default(), offset, data)
    }

    #[test]
    fn a_file_that_is_cut_is_incomplete_and_a_part_is_not() {
        let content = Content::of(&dataset());
        let length = 3 << 20;
        let data = bytes(&content, Coordinates::default(), 0, length);
        let whole = judge(None, &data).tally;
        assert_eq!(whole.verdict(), Verdict::Incomplete);
        assert_eq!((whole.matched, whole.missing), (3 << 20, 2 << 20));
        let part = judge(Some(0), &data).tally;
        let right = ByteTally { expected: 3 << 20, matched: 3 << 20, ..ByteTally::default() };
        assert_eq!((part, part.verdict()), (right, Verdict::Verified));
    }

    #[test]
    fn nothing_before_a_part_is_judged_not_even_behind_the_end() {
        let judged = judge(Some(SIZE_BYTES + 100), b"too much");
        assert_eq!(judged.tally, ByteTally { extra: 8, ..ByteTally::default() });
        let found = (judged.ranges[0].offset, judged.ranges[0].length, judged.ranges[0].class);
        assert_eq!((judged.ranges.len(), found), (1, (SIZE_BYTES + 100, 8, Class::Foreign)));
        assert_eq!(judge(Some(7), b"").tally, ByteTally::default());
        assert_eq!(judge(None, b"").tally.missing, SIZE_BYTES);
    }

    #[test]
    fn what_lies_across_the_parts_of_threads_is_one_range() {
        let dataset = dataset();
        let content = Content::of(&dataset);
        let other = Coordinates { file: 2, ..Coordinates::default() };
        let mut data = bytes(&content, Coordinates::default(), 0, 5 << 20);
        data[(1 << 20) - 5000..(3 << 20) + 777].copy_from_slice(&bytes(
            &content,
            other,
            12345,
            (2 << 20) + 5777,
        ));
        let judged = judge(None, &data);
        assert_eq!(judged.ranges.len(), 1, "{:?}", judged.ranges);
        let range = &judged.ranges[0];
        assert!(range.offset.abs_diff((1 << 20) - 5000) < 8 && range.class == Class::Misplaced);
        assert_eq!(range.source.map(|source| source.file), Some(other));
    }

    proptest! {
        /// In however many pieces the bytes come.
        #[test]
        fn a_stream_is_judged_as_its_bytes_in_one_piece(
            cuts in proptest::collection::vec(1_usize..300_000, 0..5), damage in 0_usize..1_000_000,
        ) {
            let dataset = dataset();
            let content = Content::of(&dataset);
            let mut data = bytes(&content, Coordinates::default(), 0, 1 << 20);
            data[damage..].iter_mut().take(5000).for_each(|byte| *byte ^= 0x5a);
            let whole = judge(None, &data);
            let mut stream = StreamJudge::new(&dataset, &content, Coordinates::default());
            let mut rest = &data[..];
            for cut in cuts {
                let (piece, later) = rest.split_at(cut.min(rest.len()));
                stream.next(piece);
                rest = later;
            }
            stream.next(rest);
            let stream = stream.finish();
            prop_assert_eq!(stream.tally, whole.tally);
            prop_assert_eq!(stream.ranges, whole.ranges);
        }
    }
}
