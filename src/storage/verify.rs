//! Judging files on real storage as a mount judges what is written to it.
//!
//! Each block that is read goes through the recogniser that a mount's writes go through, and the
//! extents of a file, in their order, over the bench that makes the mount's verdicts. Right bytes
//! and other files' bytes become one extent however long they are; the bench forgets all others as
//! soon as it has judged them.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::block_file::{Buffer, drop_cache, open_to_read, read_block};
use super::crew::{PART_BYTES, Work, work_through};
use super::file_bench::{FileBench, absent};
use super::in_order::InOrder;
use super::outcome::{FileFailure, Findings};
use super::{Progress, Share, Stop, Transfer, walk};
use crate::content::{Address, Content};
use crate::dataset::{Coordinates, DatasetConfig};
use crate::overlay::{Expectation, ExtentMap, Recogniser};
use crate::status::{JudgedFile, Verification};
use crate::sync::Mutex;
use crate::verdict::Judge;

/// How to verify.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// Threads.
    pub threads: usize,
    /// Through the page cache or past it.
    pub transfer: Transfer,
    /// Whether the kernel is to forget each file before it is read.
    pub drop_cache: bool,
    /// Which files.
    pub sample: Sample,
    /// Stop when so many files are not as they should be.
    pub stop_after: Option<u64>,
}

/// A part of the files, the same for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    percent: f64,
}

/// A percentage that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("accepted is more than 0 and up to 100")]
pub struct SampleError;

impl Sample {
    /// All files.
    pub const ALL: Self = Self { percent: 100.0 };

    /// So many percent of the files.
    ///
    /// # Errors
    ///
    /// Where that is not more than 0 and at most 100.
    pub fn new(percent: f64) -> Result<Self, SampleError> {
        if percent > 0.0 && percent <= 100.0 { Ok(Self { percent }) } else { Err(SampleError) }
    }

    /// How many percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.percent
    }

    /// Whether a file is chosen: by a hash of the seed and the file's address, so that a larger
    /// sample holds the smaller one, and files do not depend on one another.
    fn has(self, seed: &str, file: Coordinates) -> bool {
        if self == Self::ALL {
            return true;
        }
        let mut hasher = blake3::Hasher::new_derive_key("seedfs v1 sample");
        hasher.update(&Address { file, block: 0 }.to_bytes()).update(seed.as_bytes());
        let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
        f64::from(u32::from_be_bytes([a, b, c, d])) < self.percent / 100.0 * 2f64.powi(32)
    }
}

/// Everything that is known so far: what a verification that takes days goes on with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The dataset, so that a state is not gone on with for another one.
    pub config: DatasetConfig,
    /// The node whose files are judged.
    pub node: Option<u16>,
    /// Which files are.
    pub sample: Sample,
    /// The first file that has not been judged.
    pub next: u64,
    /// Whether the tree was looked through for files that are none of the dataset's.
    pub walked: bool,
    /// The sums.
    pub verification: Verification,
    /// Files that are not verified.
    pub problems: Findings<Value>,
    /// Files that are none of the dataset's.
    pub unexpected: Findings<String>,
    /// What could not be read.
    pub failures: Findings<FileFailure>,
}

impl State {
    /// Nothing judged yet.
    #[must_use]
    pub fn new(share: Share<'_>, sample: Sample) -> Self {
        Self {
            config: share.dataset().to_config(),
            node: share.node(),
            sample,
            next: 0,
            walked: false,
            verification: Verification::default(),
            problems: Findings::default(),
            unexpected: Findings::default(),
            failures: Findings::default(),
        }
    }

    /// Whether this is a state of the same work.
    #[must_use]
    pub fn belongs_to(&self, share: Share<'_>, sample: Sample) -> bool {
        self.config == share.dataset().to_config()
            && self.node == share.node()
            && self.sample == sample
    }

    /// Files that are not as they should be.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.problems.total + self.unexpected.total + self.failures.total
    }
}

/// Judges the files of a share below `root`, from where `state` stands, until all are done or a
/// stop. Hands the state to `save` every few seconds.
pub fn verify(
    root: &Path,
    share: Share<'_>,
    options: VerifyOptions,
    state: State,
    (progress, stop): (&Progress, &Stop),
    save: &(dyn Fn(&State) + Sync),
) -> State {
    let content = Content::of(share.dataset());
    let first = state.next;
    let saved = Saved { state, last: Instant::now() };
    let results = InOrder::new(first, AHEAD_MAX, saved);
    let verifier = Verifier {
        root,
        share,
        options,
        content: &content,
        results: &results,
        progress,
        stop,
        save,
    };
    work_through(&verifier, first..share.file_count(), options.threads, stop);
    let (Saved { mut state, .. }, _) = results.into_consumer();
    if state.next == share.file_count() && !state.walked && !stop.is_set() {
        look_for_unexpected(root, share, &mut state, stop);
    }
    state
}

/// Looks through the tree, once; a search that is interrupted begins anew.
fn look_for_unexpected(root: &Path, share: Share<'_>, state: &mut State, stop: &Stop) {
    let (mut unexpected, mut failures) = (Findings::default(), state.failures.clone());
    // One node looks for all, so that the nodes' counts can be added up.
    if share.node().is_none_or(|node| node == 0) {
        walk::find_unexpected(root, share.dataset(), stop, &mut unexpected, &mut failures);
    }
    if !stop.is_set() {
        (state.unexpected, state.failures, state.walked) = (unexpected, failures, true);
    }
}

/// How often the state is handed out.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// How many files may be finished before an earlier one.
const AHEAD_MAX: u64 = 4096;

struct Saved {
    state: State,
    last: Instant,
}

/// What became of one file.
enum Outcome {
    NotChosen,
    Judged(Box<JudgedFile>),
    Failed(FileFailure),
}

struct Verifier<'a> {
    root: &'a Path,
    share: Share<'a>,
    options: VerifyOptions,
    content: &'a Content,
    results: &'a InOrder<Outcome, Saved>,
    progress: &'a Progress,
    stop: &'a Stop,
    save: &'a (dyn Fn(&State) + Sync),
}

/// A file that is being read.
struct Reading<'a> {
    index: u64,
    expectation: Expectation,
    file: File,
    length: u64,
    failure: Mutex<Option<io::Error>>,
    bench: InOrder<ExtentMap, FileBench<'a>>,
}

impl<'a> Work for Verifier<'a> {
    type File = Reading<'a>;
    type Tools = Buffer;

    fn tools(&self) -> Buffer {
        Buffer::new(self.options.transfer)
    }

    fn open(&self, index: u64, _: &mut Buffer) -> Option<(Reading<'a>, u64)> {
        let file = self.share.file(index);
        let dataset = self.share.dataset();
        if !self.options.sample.has(dataset.seed(), file) {
            self.finish(index, Outcome::NotChosen);
            return None;
        }
        let expectation = Expectation { file, size_bytes: dataset.size_bytes(file) };
        match self.open_file(file) {
            Ok(Some((file, length))) => {
                let judge = Judge { content: self.content, expectation };
                let ahead_max = self.options.threads as u64;
                let bench = InOrder::new(0, ahead_max, FileBench::new(judge.bench()));
                let failure = Mutex::new(None);
                Some((Reading { index, expectation, file, length, failure, bench }, length))
            }
            Ok(None) => {
                self.finish(index, Outcome::Judged(Box::new(absent(expectation))));
                None
            }
            Err(error) => {
                self.fail(index, &error);
                None
            }
        }
    }

    fn part(&self, reading: &Reading<'a>, part: Range<u64>, buffer: &mut Buffer) {
        let dataset = self.share.dataset();
        let is_known = |address: &Address| dataset.has_block(address.file, address.block);
        let recogniser = Recogniser { content: self.content, is_known: &is_known };
        let mut extents = ExtentMap::default();
        let mut offset = part.start;
        while offset < part.end {
            if self.stop.is_set() {
                return;
            }
            let block = buffer.as_mut();
            let wanted = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            // Past the page cache a block is read whole: its length must be aligned.
            let length = match read_block(&reading.file, offset, block) {
                Ok(length) => length.min(wanted),
                Err(error) => {
                    reading.failure.lock().get_or_insert(error);
                    return;
                }
            };
            if length == 0 {
                // It became shorter while it was read.
                break;
            }
            let pieces =
                recogniser.recognise(Some(reading.expectation), offset, &block[..length], || {
                    extents.continuation(offset)
                });
            for (offset, extent) in pieces {
                extents.insert(offset, extent);
            }
            offset += length as u64;
            self.progress.bytes(length as u64);
        }
        let number = part.start / PART_BYTES;
        reading.bench.bring(number, extents, self.stop, |bench, _, extents| bench.add(&extents));
    }

    fn close(&self, reading: Reading<'a>) -> Option<(Reading<'a>, u64)> {
        if self.stop.is_set() {
            return None;
        }
        let Reading { index, expectation, file, length, failure, bench } = reading;
        if let Some(error) = failure.into_inner() {
            self.fail(index, &error);
            return None;
        }
        if self.options.drop_cache {
            // It was dropped before too; that this one is only a courtesy is no failure.
            let _ = drop_cache(&file);
        }
        let (bench, _) = bench.into_consumer();
        let judged = bench.finish(expectation.file, length);
        self.finish(index, Outcome::Judged(Box::new(judged)));
        None
    }
}

impl Verifier<'_> {
    /// The file and its length; `None` where there is none.
    fn open_file(&self, file: Coordinates) -> io::Result<Option<(File, u64)>> {
        let path = self.root.join(self.share.path(file));
        let opened = match open_to_read(&path, self.options.transfer) {
            Ok(opened) => opened,
            // A dangling link is a name that cannot be opened, not a file that is missing.
            Err(error) if error.kind() == ErrorKind::NotFound && !is_link(&path) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let metadata = opened.metadata()?;
        if metadata.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        if self.options.drop_cache {
            drop_cache(&opened)?;
        }
        Ok(Some((opened, metadata.len())))
    }

    fn fail(&self, index: u64, error: &io::Error) {
        self.progress.failure();
        let path = self.share.path(self.share.file(index));
        self.finish(index, Outcome::Failed(FileFailure { path, error: error.to_string() }));
    }

    fn finish(&self, index: u64, outcome: Outcome) {
        if let Outcome::Judged(_) = outcome {
            self.progress.file();
        }
        self.results.bring(index, outcome, self.stop, |saved, index, outcome| {
            if self.stop.is_set() {
                // Counted now, it would be counted again when the work goes on.
                return;
            }
            self.count(&mut saved.state, outcome);
            saved.state.next = index + 1;
            if self.options.stop_after.is_some_and(|most| saved.state.errors() >= most) {
                self.stop.set();
            }
            if saved.last.elapsed() >= SAVE_EVERY {
                (self.save)(&saved.state);
                saved.last = Instant::now();
            }
        });
    }

    fn count(&self, state: &mut State, outcome: Outcome) {
        match outcome {
            Outcome::NotChosen => {}
            Outcome::Failed(failure) => state.failures.add(failure),
            Outcome::Judged(judged) => {
                let path = self.share.path(judged.file);
                let problem = state.verification.add(self.share.dataset(), path, &judged);
                if let Some(problem) = problem {
                    state.problems.add(problem);
                }
            }
        }
    }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}
