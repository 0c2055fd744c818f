//! Judging files on real storage as a mount judges what is written to it.
//!
//! Each block that is read goes through the recogniser that a mount's writes go through, and the
//! extents of a file, in their order, through the judge that makes the mount's verdicts. Right
//! bytes and other files' bytes become one extent however long they are; the judge forgets all
//! others as soon as it has judged them.

mod directories;
mod marks;
pub(super) mod opening;
mod parts;

use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::block_file::drop_cache;
use super::crew::{CrewNotes, Work};
use super::earlier_seeds::EarlierSeeds;
use super::file_judge::{FileJudge, FoundInPart, absent};
use super::in_order::InOrder;
use super::judged_so_far::JudgedSoFar;
use super::patience::Patience;
use super::resume_state::{Marks, ResumeState, ResumeStateError};
use super::sample::Chosen;
use super::targets::Counting;
use super::{Progress, Requests, Root, Sample, Share, StopFlag, Transfer};
use crate::content::Content;
use crate::dataset::{Coordinates, FileContent};
use crate::disk::{Faults, OpenFile};
use crate::numa::Placement;
use crate::report::JudgedFile;
use crate::verdict::Judge;

pub(super) use directories::verify_parts;
use parts::Reader;

/// How to verify.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// Threads.
    pub threads: usize,
    /// Near which memory they stay.
    pub placement: Placement,
    /// Through the page cache or past it.
    pub transfer: Transfer,
    /// In requests of which size, and how many at a time.
    pub requests: Requests,
    /// Whether the kernel is to forget each file before it is read.
    pub drop_cache: bool,
    /// Which files.
    pub sample: Sample,
    /// Stop when so many files are not as they should be.
    pub stop_after: Option<NonZeroU64>,
    /// How often something is tried again that cannot be read.
    pub patience: Patience,
}

/// Who hears how a verification gets on, and may stop it.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "a closure has nothing to show")]
pub struct VerifyWatch<'a> {
    /// Counts what is done.
    pub progress: &'a Progress,
    /// Stops it.
    pub stop: &'a StopFlag,
    /// Gets the state every few seconds, of each target one.
    pub save: &'a (dyn Fn(&[ResumeState]) + Sync),
    /// What earlier runs with other seeds may have left, which is named.
    pub earlier: &'a EarlierSeeds,
}

/// Judges the files of a share below `root`, from where `state` stands, until all are done or a
/// stop.
///
/// # Errors
///
/// Where files that were judged before have changed since then.
pub fn verify<F: Faults>(
    root: &Root<F>,
    share: Share<'_>,
    options: VerifyOptions,
    state: ResumeState,
    watch: VerifyWatch<'_>,
) -> Result<ResumeState, ResumeStateError> {
    let counting = Counting::of(watch.progress);
    let part = VerifiedPart { root, is_nowhere: false, share, counting, belongs: &|_| true };
    let mut states = verify_parts(&[part], options, vec![state], watch)?;
    Ok(states.remove(0))
}

/// What is verified: files in one directory.
pub(super) struct VerifiedPart<'a, F> {
    pub(super) root: &'a Root<F>,
    /// It is known that the files are neither there nor anywhere else.
    pub(super) is_nowhere: bool,
    pub(super) share: Share<'a>,
    pub(super) counting: Counting<'a>,
    /// Whether a file of the dataset belongs there.
    pub(super) belongs: &'a (dyn Fn(Coordinates) -> bool + Sync),
}

/// How many files may be finished before an earlier one.
const AHEAD_MAX: u64 = 4096;

/// What became of one file.
enum Outcome {
    NotChosen,
    Judged(Box<JudgedFile>, Marks),
    Failed(String),
}

/// What all parts have in common.
#[derive(Clone, Copy)]
struct VerifyRun<'a> {
    options: VerifyOptions,
    content: &'a Content,
    earlier: &'a EarlierSeeds,
    /// Files of all parts that are not as they should be.
    errors: &'a AtomicU64,
    progress: &'a Progress,
    stop: &'a StopFlag,
}

struct Verifier<'a, F> {
    part: &'a VerifiedPart<'a, F>,
    run: VerifyRun<'a>,
    chosen: &'a Chosen<'a>,
    files: FilesToJudge<'a>,
    results: InOrder<Outcome, ResumeState>,
}

/// Which files a run is about. It counts them from where it begins.
#[derive(Clone, Copy)]
enum FilesToJudge<'a> {
    /// All from one on.
    From(u64),
    /// These, which could not be read before.
    These(&'a [u64]),
}

/// A file that is being read.
struct Reading<'a> {
    position: u64,
    expectation: FileContent,
    file: Arc<OpenFile>,
    length: u64,
    mark: Marks,
    failure: OnceLock<io::Error>,
    judging: InOrder<FoundInPart, FileJudge<'a>>,
}

impl<'a, F: Faults> Work for Verifier<'a, F> {
    type OpenFile = Reading<'a>;
    type Tools = Reader<F>;

    fn tools(&self) -> Reader<F> {
        Reader::new(&self.part.root.disk, self.run.options)
    }

    fn open(&self, position: u64, _: &mut Reader<F>) -> Option<(Reading<'a>, u64)> {
        let index = self.index(position);
        let file = self.part.share.file(index);
        if !self.chosen.has(index) {
            self.finish(position, Outcome::NotChosen);
            return None;
        }
        let expectation = self.part.share.dataset().file_content(file);
        match self.open_patiently(file) {
            Ok(Some((file, stat))) => {
                let (length, mark) = (stat.length, Marks::of(index, &Ok(stat)));
                let judge = Judge { content: self.run.content, expectation };
                let ahead_max = self.run.options.threads as u64;
                let judging = InOrder::new(0, ahead_max, FileJudge::new(judge.begin()));
                let failure = OnceLock::new();
                let file = Arc::new(file);
                Some((
                    Reading { position, expectation, file, length, mark, failure, judging },
                    length,
                ))
            }
            Ok(None) => {
                let mark = Marks::of(index, &Err(io::Error::from_raw_os_error(libc::ENOENT)));
                self.finish(position, Outcome::Judged(Box::new(absent(expectation)), mark));
                None
            }
            Err(error) => {
                self.fail(position, &error);
                None
            }
        }
    }

    fn number(&self, position: u64) -> u64 {
        self.part.share.index_in_whole(self.index(position))
    }

    fn enter(&self) {
        self.part.counting.enter();
    }

    fn leave(&self) {
        self.part.counting.leave();
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.run.progress.crew)
    }

    fn part(&self, reading: &Reading<'a>, part: Range<u64>, reader: &mut Reader<F>) {
        self.read_part(reading, part, reader);
    }

    fn settle(&self, reading: &Reading<'a>, reader: &mut Reader<F>) {
        self.finish_part(reading, reader);
    }

    fn close(&self, reading: Reading<'a>) -> Option<(Reading<'a>, u64)> {
        if self.run.stop.is_set() {
            return None;
        }
        let Reading { position, expectation, file, length, mark, failure, judging } = reading;
        if let Some(error) = failure.into_inner() {
            self.fail(position, &error);
            return None;
        }
        if self.run.options.drop_cache {
            // It was dropped before too; that this one is only a courtesy is no failure.
            let _ = drop_cache(&self.part.root.disk, &file);
        }
        let (judge, _) = judging.into_consumer();
        let judged = judge.finish(expectation.file, length);
        self.finish(position, Outcome::Judged(Box::new(judged), mark));
        None
    }
}

impl<F: Faults> Verifier<'_, F> {
    /// The number of the file at a position of the run.
    fn index(&self, position: u64) -> u64 {
        match self.files {
            FilesToJudge::From(_) => position,
            FilesToJudge::These(files) => {
                usize::try_from(position).ok().and_then(|at| files.get(at)).copied().unwrap_or(0)
            }
        }
    }

    fn into_state(self) -> ResumeState {
        self.results.into_consumer().0
    }

    fn fail(&self, position: u64, error: &io::Error) {
        let path = self.part.share.path(self.part.share.file(self.index(position)));
        self.part.counting.failure(&path, error);
        self.finish(position, Outcome::Failed(error.to_string()));
    }

    fn finish(&self, position: u64, outcome: Outcome) {
        if let Outcome::Judged(..) = outcome {
            self.part.counting.file();
        }
        self.results.bring(position, outcome, self.run.stop, |state, position, outcome| {
            if self.run.stop.is_set() {
                // Counted now, it would be counted again when the work goes on.
                return;
            }
            let index = self.index(position);
            let before = state.errors();
            match self.files {
                FilesToJudge::From(_) => state.next = index + 1,
                FilesToJudge::These(_) => state.retry(index),
            }
            self.count(state, index, outcome);
            self.tell(|so_far| so_far.reached(self.part.share, state.next));
            let more = state.errors().wrapping_sub(before);
            let errors = self.run.errors.fetch_add(more, Ordering::Relaxed).wrapping_add(more);
            if self.run.options.stop_after.is_some_and(|most| errors >= most.get()) {
                self.run.stop.set();
            }
        });
    }

    /// Tells whoever looks.
    fn tell(&self, what: impl FnOnce(&mut JudgedSoFar)) {
        if let Some(so_far) = self.run.progress.judged.lock().as_mut() {
            what(so_far);
        }
    }

    fn count(&self, state: &mut ResumeState, index: u64, outcome: Outcome) {
        match outcome {
            Outcome::NotChosen => {}
            Outcome::Failed(error) => {
                state.fail(index, error);
                self.tell(|so_far| so_far.fail(self.part.share.file(index)));
            }
            Outcome::Judged(judged, mark) => {
                state.marks.add(mark);
                let path = self.part.share.path(judged.file);
                let dataset = self.part.share.dataset();
                let target = self.part.counting.target_name();
                self.tell(|so_far| so_far.add(dataset, (&path, target.as_deref()), &judged));
                if let Some(mut problem) = state.verification.add(dataset, path, &judged) {
                    if let Some(target) = target {
                        problem["target"] = target.into();
                    }
                    state.problems.add(problem);
                }
            }
        }
    }
}
