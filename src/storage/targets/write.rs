//! Writing the files of a dataset to several targets.

use super::counting::Counting;
use super::numbers::Selection;
use super::opening::Targets;
use super::spread::TargetSet;
use crate::content::Content;
use crate::dataset::Dataset;
use crate::disk::Faults;
use crate::report::Phase;
use crate::storage::crew::{TargetQueue, work_through};
use crate::storage::write::{CopiesElsewhere, WriteRun, Writer};
use crate::storage::{FailureLog, FileFailure, Findings, Progress, Share, StopFlag, WriteOptions};

/// Writes the files of a node, or of all, to the targets that they belong on, until all are done or
/// a stop.
///
/// A target that fails takes no more files. Where files have copies, those of its files that were
/// to be on it are then made on others, as far as there are any.
pub fn write_to_targets<F: Faults>(
    targets: &mut Targets<F>,
    (dataset, node): (&Dataset, Option<u16>),
    options: WriteOptions,
    progress: &Progress,
    stop: &StopFlag,
) -> Findings<FileFailure> {
    progress.set_phase(Phase::Writing);
    let content = Content::of(dataset);
    let failures = FailureLog::default();
    let run = WriteRun { options, content: &content, failures: &failures, stop };
    let copies = targets.spread().copies();
    let elsewhere = if copies > 1 { CopiesElsewhere::Yes } else { CopiesElsewhere::No };
    let of = (dataset, node);
    let files_of = |target| targets.files_of(dataset, node, target);
    let mut selections: Vec<Selection> = (0..targets.all().len()).map(files_of).collect();
    let mut broken = TargetSet::default();
    let mut moved = 0;
    loop {
        run_round(targets, of, &selections, (progress, elsewhere), run);
        let now = broken_targets(targets);
        if stop.is_set() || copies == 1 || now == broken {
            break;
        }
        let before = targets.failed();
        targets.fail(now, options.durability);
        selections = added_files(targets, of, (before, now));
        broken = now;
        let moved_now = targets.all().iter().map(|target| target.tally().moved()).sum::<u64>();
        let more: u64 = selections.iter().map(Selection::count).sum();
        let bytes = |files: u64| {
            let all = Share::new(dataset, node);
            all.total_bytes(options.threads) / u128::from(all.file_count().max(1))
                * u128::from(files)
        };
        let less = moved_now - moved;
        progress.expect((more, bytes(more)), (less, bytes(less)));
        moved = moved_now;
    }
    if copies > 1 {
        failures.add_unnamed(copies_missing(targets, of, broken));
    }
    failures.into_findings()
}

/// The files that belong on each target because others have failed, and did not before.
fn added_files<F: Faults>(
    targets: &Targets<F>,
    of: (&Dataset, Option<u16>),
    (before, broken): (TargetSet, TargetSet),
) -> Vec<Selection> {
    let (spread, failed) = (targets.spread(), targets.failed());
    let added = |target| {
        Selection::new(of, spread, failed, |slot, places| {
            places.has(target) && !spread.places(slot, before).has(target) && !broken.has(target)
        })
    };
    (0..targets.all().len()).map(added).collect()
}

/// How many copies there are less than there should be, because too many targets have failed.
fn copies_missing<F: Faults>(
    targets: &Targets<F>,
    of: (&Dataset, Option<u16>),
    broken: TargetSet,
) -> u64 {
    let copies = targets.spread().copies();
    let have_less = |than: usize| {
        Selection::new(of, targets.spread(), targets.failed(), |_, places| {
            places.without(broken).count() < than
        })
    };
    (1..=copies).map(|than| have_less(than).count()).sum()
}

/// Those that have failed in this run.
fn broken_targets<F: Faults>(targets: &Targets<F>) -> TargetSet {
    let failed = |target: &&super::OpenTarget<F>| target.tally().has_failed();
    TargetSet::of(targets.all().iter().filter(failed).map(|target| target.tally().number()))
}

fn run_round<F: Faults>(
    targets: &Targets<F>,
    (dataset, node): (&Dataset, Option<u16>),
    selections: &[Selection],
    (progress, elsewhere): (&Progress, CopiesElsewhere),
    run: WriteRun<'_>,
) {
    let share = Share::new(dataset, node);
    let mut writers = Vec::new();
    for (target, selection) in targets.all().iter().zip(selections) {
        let Some(root) = target.root() else { continue };
        let share = share.only(selection);
        let bytes = share.total_bytes(run.options.threads);
        target.tally().expect(share.file_count(), bytes);
        let counting = Counting { run: progress, target: Some(target.tally()) };
        writers.push(Writer::new(root, share, (counting, elsewhere), run));
    }
    let queues: Vec<TargetQueue<'_, Writer<'_, F>>> = writers.iter().map(Writer::queue).collect();
    work_through(&queues, (run.options.threads, run.options.placement), run.stop);
}
