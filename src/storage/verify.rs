//! Judging files on real storage as a mount judges what is written to it.
//!
//! Each block that is read goes through the recogniser that a mount's writes go through, and the
//! extents of a file, in their order, through the judge that makes the mount's verdicts. Right
//! bytes and other files' bytes become one extent however long they are; the judge forgets all
//! others as soon as it has judged them.

mod marks;
mod parts;

use std::io::{self, ErrorKind};
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use super::block_file::{drop_cache, open_to_read};
use super::crew::{CrewNotes, Work, work_through};
use super::file_judge::{FileJudge, absent};
use super::in_order::InOrder;
use super::judged_so_far::JudgedSoFar;
use super::outcome::FileFailure;
use super::resume_state::{Marks, ResumeState, ResumeStateError, Walk};
use super::sample::Chosen;
use super::{Progress, Requests, Root, Sample, Share, StopFlag, Transfer, walk};
use crate::content::Content;
use crate::dataset::{Coordinates, FileContent};
use crate::disk::{Faults, FileType, Links, OpenFile, Stat};
use crate::numa::Placement;
use crate::overlay::ExtentMap;
use crate::report::{JudgedFile, Phase};
use crate::verdict::Judge;
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
}

/// Who hears how a verification gets on, and may stop it.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "a closure has nothing to show")]
pub struct VerifyWatch<'a> {
    /// Counts what is done.
    pub progress: &'a Progress,
    /// Stops it.
    pub stop: &'a StopFlag,
    /// Gets the state every few seconds.
    pub save: &'a (dyn Fn(&ResumeState) + Sync),
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
    mut state: ResumeState,
    VerifyWatch { progress, stop, save }: VerifyWatch<'_>,
) -> Result<ResumeState, ResumeStateError> {
    let content = Content::of(share.dataset());
    let chosen = Chosen::new(share, options.sample);
    let (first, again) = (state.next, state.failed.keys().copied().collect::<Vec<_>>());
    state.walk = None;
    progress.set_phase(Phase::Checking);
    *progress.judged.lock() = Some(JudgedSoFar::new(share, &state));
    let verifier = |state, files| {
        let start = if let FilesToJudge::From(first) = files { first } else { 0 };
        let results = InOrder::new(start, AHEAD_MAX, state);
        let (content, chosen) = (&content, &chosen);
        Verifier { root, share, options, content, chosen, files, results, progress, stop }
    };
    let unchanged = verifier(state, FilesToJudge::These(&again));
    let judged_before = unchanged.marks_below(first, &again);
    if stop.is_set() {
        return Ok(unchanged.into_state());
    }
    if unchanged.results.look(|state| state.marks != judged_before) {
        return Err(ResumeStateError::Changed);
    }
    progress.set_phase(Phase::Reading);
    let state = unchanged.run(0..again.len() as u64, save);
    let mut state = verifier(state, FilesToJudge::From(first)).run(first..share.file_count(), save);
    if state.next == share.file_count() && !stop.is_set() {
        progress.set_phase(Phase::Checking);
        state.walk = look_through(root, share, options.sample, stop);
    }
    if let Some(judged) = progress.judged.lock().as_mut() {
        judged.conclude(share, &state);
    }
    Ok(state)
}

/// Looks through the tree; `None` where it was stopped.
fn look_through<F: Faults>(
    root: &Root<F>,
    share: Share<'_>,
    sample: Sample,
    stop: &StopFlag,
) -> Option<Walk> {
    let mut walk = Walk::default();
    // One node looks for all, so that the nodes' counts can be added up.
    if share.node().is_none_or(|node| node == 0) {
        let is_all = sample == Sample::ALL;
        walk::find_unexpected(root, share.dataset(), is_all, stop, &mut walk);
    }
    if let Err(error) = root.check_is_there() {
        walk.failures.add(FileFailure { path: ".".to_owned(), error: error.to_string() });
    }
    (!stop.is_set()).then_some(walk)
}

/// How often the state is handed out.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// How many files may be finished before an earlier one.
const AHEAD_MAX: u64 = 4096;

/// What became of one file.
enum Outcome {
    NotChosen,
    Judged(Box<JudgedFile>, Marks),
    Failed(String),
}

struct Verifier<'a, F> {
    root: &'a Root<F>,
    share: Share<'a>,
    options: VerifyOptions,
    content: &'a Content,
    chosen: &'a Chosen<'a>,
    files: FilesToJudge<'a>,
    results: InOrder<Outcome, ResumeState>,
    progress: &'a Progress,
    stop: &'a StopFlag,
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
    judging: InOrder<ExtentMap, FileJudge<'a>>,
}

impl<'a, F: Faults> Work for Verifier<'a, F> {
    type OpenFile = Reading<'a>;
    type Tools = Reader<F>;

    fn tools(&self) -> Reader<F> {
        Reader::new(&self.root.disk, self.options)
    }

    fn open(&self, position: u64, _: &mut Reader<F>) -> Option<(Reading<'a>, u64)> {
        let index = self.index(position);
        let file = self.share.file(index);
        if !self.chosen.has(index) {
            self.finish(position, Outcome::NotChosen);
            return None;
        }
        let expectation = self.share.dataset().file_content(file);
        match self.open_file(file) {
            Ok(Some((file, stat))) => {
                let (length, mark) = (stat.length, Marks::of(index, &Ok(stat)));
                let judge = Judge { content: self.content, expectation };
                let ahead_max = self.options.threads as u64;
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
        self.index(position)
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.progress.crew)
    }

    fn part(&self, reading: &Reading<'a>, part: Range<u64>, reader: &mut Reader<F>) {
        self.read_part(reading, part, reader);
    }

    fn settle(&self, reading: &Reading<'a>, reader: &mut Reader<F>) {
        self.finish_part(reading, reader);
    }

    fn close(&self, reading: Reading<'a>) -> Option<(Reading<'a>, u64)> {
        if self.stop.is_set() {
            return None;
        }
        let Reading { position, expectation, file, length, mark, failure, judging } = reading;
        if let Some(error) = failure.into_inner() {
            self.fail(position, &error);
            return None;
        }
        if self.options.drop_cache {
            // It was dropped before too; that this one is only a courtesy is no failure.
            let _ = drop_cache(&self.root.disk, &file);
        }
        let (judge, _) = judging.into_consumer();
        let judged = judge.finish(expectation.file, length);
        self.finish(position, Outcome::Judged(Box::new(judged), mark));
        None
    }
}

impl<F: Faults> Verifier<'_, F> {
    /// The file and its attributes; `None` where there is none.
    fn open_file(&self, file: Coordinates) -> io::Result<Option<(OpenFile, Stat)>> {
        let VerifyOptions { transfer, drop_cache, .. } = self.options;
        open_to_judge(self.root, &self.share.path(file), (transfer, drop_cache))
    }

    /// The number of the file at a position of the run.
    fn index(&self, position: u64) -> u64 {
        match self.files {
            FilesToJudge::From(_) => position,
            FilesToJudge::These(files) => {
                usize::try_from(position).ok().and_then(|at| files.get(at)).copied().unwrap_or(0)
            }
        }
    }

    /// Judges the files of a range of positions, or until a stop.
    fn run(self, positions: Range<u64>, save: &(dyn Fn(&ResumeState) + Sync)) -> ResumeState {
        let this = &self;
        thread::scope(|scope| {
            let (done, until_done) = channel::<()>();
            // On a thread of its own: nobody who reads waits for the file of the state. Where the
            // system has none to give, the state is kept at the end only.
            let _ = thread::Builder::new().spawn_scoped(scope, move || {
                while until_done.recv_timeout(SAVE_EVERY) == Err(RecvTimeoutError::Timeout) {
                    save(&this.results.look(ResumeState::clone));
                }
            });
            let by = (this.options.threads, this.options.placement);
            work_through(this, positions, by, this.stop);
            drop(done);
        });
        self.into_state()
    }

    fn into_state(self) -> ResumeState {
        self.results.into_consumer().0
    }

    fn fail(&self, position: u64, error: &io::Error) {
        let path = self.share.path(self.share.file(self.index(position)));
        self.progress.failure(&path, error);
        self.finish(position, Outcome::Failed(error.to_string()));
    }

    fn finish(&self, position: u64, outcome: Outcome) {
        if let Outcome::Judged(..) = outcome {
            self.progress.file();
        }
        self.results.bring(position, outcome, self.stop, |state, position, outcome| {
            if self.stop.is_set() {
                // Counted now, it would be counted again when the work goes on.
                return;
            }
            let index = self.index(position);
            match self.files {
                FilesToJudge::From(_) => state.next = index + 1,
                FilesToJudge::These(_) => state.retry(index),
            }
            self.count(state, index, outcome);
            self.tell(|so_far| so_far.reached(self.share, state.next));
            if self.options.stop_after.is_some_and(|most| state.errors() >= most.get()) {
                self.stop.set();
            }
        });
    }

    /// Tells whoever looks.
    fn tell(&self, what: impl FnOnce(&mut JudgedSoFar)) {
        if let Some(so_far) = self.progress.judged.lock().as_mut() {
            what(so_far);
        }
    }

    fn count(&self, state: &mut ResumeState, index: u64, outcome: Outcome) {
        match outcome {
            Outcome::NotChosen => {}
            Outcome::Failed(error) => {
                state.fail(index, error);
                self.tell(|so_far| so_far.fail(self.share.file(index)));
            }
            Outcome::Judged(judged, mark) => {
                state.marks.add(mark);
                let path = self.share.path(judged.file);
                self.tell(|so_far| so_far.add(self.share.dataset(), &path, &judged));
                let problem = state.verification.add(self.share.dataset(), path, &judged);
                if let Some(problem) = problem {
                    state.problems.add(problem);
                }
            }
        }
    }
}

/// A file of the dataset and its attributes; `None` where there is none.
pub(super) fn open_to_judge<F: Faults>(
    root: &Root<F>,
    path: &str,
    (transfer, drops_cache): (Transfer, bool),
) -> io::Result<Option<(OpenFile, Stat)>> {
    let (disk, path) = (&root.disk, Path::new(path));
    let open = |links| open_to_read(disk, &root.directory, path, (transfer, links));
    let opened = match open(Links::Refuse) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            // Opening a device may do something: only links to files are followed. A dangling
            // one is a name that cannot be opened, not a file that is missing.
            check_kind(disk.stat_at(&root.directory, path, Links::Follow)?)?;
            open(Links::Follow)?
        }
        Err(error) => return Err(error),
    };
    let stat = disk.stat(&opened)?;
    check_kind(stat)?;
    if drops_cache {
        drop_cache(disk, &opened)?;
    }
    Ok(Some((opened, stat)))
}

fn check_kind(stat: Stat) -> io::Result<()> {
    match stat.kind {
        FileType::File => Ok(()),
        FileType::Directory => Err(ErrorKind::IsADirectory.into()),
        FileType::Link | FileType::Special => {
            Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"))
        }
    }
}
