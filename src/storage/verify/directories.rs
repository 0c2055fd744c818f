//! Verifying the files of several directories at the same time, of each in its order.

use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::{
    AHEAD_MAX, FilesToJudge, VerifiedPart, Verifier, VerifyOptions, VerifyRun, VerifyWatch,
};
use crate::content::Content;
use crate::disk::Faults;
use crate::report::Phase;
use crate::storage::crew::{TargetQueue, work_through};
use crate::storage::in_order::InOrder;
use crate::storage::judged_so_far::JudgedSoFar;
use crate::storage::outcome::FileFailure;
use crate::storage::resume_state::{ResumeState, ResumeStateError, Walk};
use crate::storage::sample::Chosen;
use crate::storage::{Sample, Share, StopFlag, walk};

/// How often the state is handed out.
const SAVE_EVERY: Duration = Duration::from_secs(5);

/// Judges the files of all parts at the same time.
pub(in crate::storage) fn verify_parts<F: Faults>(
    parts: &[VerifiedPart<'_, F>],
    options: VerifyOptions,
    mut states: Vec<ResumeState>,
    VerifyWatch { progress, stop, save, earlier }: VerifyWatch<'_>,
) -> Result<Vec<ResumeState>, ResumeStateError> {
    let Some(content) = parts.first().map(|part| Content::of(part.share.dataset())) else {
        return Ok(states);
    };
    let chosen: Vec<Chosen<'_>> =
        parts.iter().map(|part| Chosen::new(part.share, options.sample)).collect();
    let first: Vec<u64> = states.iter().map(|state| state.next).collect();
    let again: Vec<Vec<u64>> =
        states.iter().map(|state| state.failed.keys().copied().collect()).collect();
    for state in &mut states {
        state.walk = None;
    }
    progress.set_phase(Phase::Checking);
    let shares: Vec<Share<'_>> = parts.iter().map(|part| part.share).collect();
    *progress.judged.lock() = Some(JudgedSoFar::new(&shares, &states));
    let errors = AtomicU64::new(states.iter().map(ResumeState::errors).sum());
    let run = VerifyRun { options, content: &content, earlier, errors: &errors, progress, stop };
    let verifier = |at: usize, state, files| {
        let start = if let FilesToJudge::From(first) = files { first } else { 0 };
        let results = InOrder::new(start, AHEAD_MAX, state);
        Verifier { part: &parts[at], run, chosen: &chosen[at], files, results }
    };
    let unchanged: Vec<_> = states
        .into_iter()
        .enumerate()
        .map(|(at, state)| verifier(at, state, FilesToJudge::These(&again[at])))
        .collect();
    for (at, verifier) in unchanged.iter().enumerate() {
        let judged_before = verifier.marks_below(first[at], &again[at]);
        if !stop.is_set() && verifier.results.look(|state| state.marks != judged_before) {
            return Err(ResumeStateError::Changed);
        }
    }
    if stop.is_set() {
        return Ok(unchanged.into_iter().map(Verifier::into_state).collect());
    }
    progress.set_phase(Phase::Reading);
    let positions = again.iter().map(|again| 0..again.len() as u64).collect();
    let states = run_all(unchanged, positions, save);
    let rest = states
        .into_iter()
        .enumerate()
        .map(|(at, state)| verifier(at, state, FilesToJudge::From(first[at])))
        .collect();
    let positions = parts.iter().zip(&first).map(|(part, first)| *first..part.share.file_count());
    let mut states = run_all(rest, positions.collect(), save);
    if !stop.is_set() && parts.iter().zip(&states).all(|(p, s)| s.next == p.share.file_count()) {
        progress.set_phase(Phase::Checking);
        for (part, state) in parts.iter().zip(&mut states) {
            state.walk = look_through(part, options.sample, stop);
        }
    }
    if let Some(judged) = progress.judged.lock().as_mut() {
        judged.conclude(&shares, &states);
    }
    Ok(states)
}

/// Judges the files of ranges of positions, or until a stop.
fn run_all<F: Faults>(
    verifiers: Vec<Verifier<'_, F>>,
    positions: Vec<Range<u64>>,
    save: &(dyn Fn(&[ResumeState]) + Sync),
) -> Vec<ResumeState> {
    let all = &verifiers;
    let Some(VerifyRun { options, stop, .. }) = all.first().map(|first| first.run) else {
        return Vec::new();
    };
    thread::scope(|scope| {
        let (done, until_done) = channel::<()>();
        // On a thread of its own: nobody who reads waits for the file of the state. Where the
        // system has none to give, the state is kept at the end only.
        let _ = thread::Builder::new().spawn_scoped(scope, move || {
            while until_done.recv_timeout(SAVE_EVERY) == Err(RecvTimeoutError::Timeout) {
                let states = all.iter().map(|one| one.results.look(ResumeState::clone));
                save(&states.collect::<Vec<_>>());
            }
        });
        let queues: Vec<_> = all
            .iter()
            .zip(positions)
            .map(|(work, files)| TargetQueue { work, target: work.part.counting.number(), files })
            .collect();
        work_through(&queues, (options.threads, options.placement), stop);
        drop(done);
    });
    verifiers.into_iter().map(Verifier::into_state).collect()
}

/// Looks through the tree; `None` where it was stopped.
fn look_through<F: Faults>(
    part: &VerifiedPart<'_, F>,
    sample: Sample,
    stop: &StopFlag,
) -> Option<Walk> {
    let (share, mut walk) = (part.share, Walk::default());
    if part.is_nowhere {
        return (!stop.is_set()).then_some(walk);
    }
    let root = part.root;
    // One node looks for all, so that the nodes' counts can be added up.
    if share.node().is_none_or(|node| node == 0) {
        let is_all = sample == Sample::ALL;
        let what = (share.dataset(), part.belongs);
        walk::find_unexpected(root, what, is_all, stop, &mut walk);
    }
    if let Err(error) = root.check_is_there() {
        let (path, target) = (".".to_owned(), None);
        walk.failures.add(FileFailure { path, target, error: error.to_string() });
    }
    walk.failures
        .listed
        .iter_mut()
        .for_each(|failure| failure.target = part.counting.target_name());
    (!stop.is_set()).then_some(walk)
}
