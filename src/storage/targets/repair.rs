//! Repairing the files of a dataset on several targets.

use super::counting::Counting;
use super::numbers::Selection;
use super::opening::{OpenTarget, Targets};
use crate::content::Content;
use crate::dataset::Dataset;
use crate::disk::Faults;
use crate::report::Phase;
use crate::storage::crew::{TargetQueue, work_through};
use crate::storage::repair::{RepairLog, RepairRun, Repairer, has_none_of};
use crate::storage::{Progress, RepairOptions, Repairs, Root, Share, StopFlag};

/// Repairs the files of a node, or of all, on the targets that were named, until all are done or a
/// stop. One that is new is filled: every byte is made from the seed, not from another copy.
pub fn repair_targets<F: Faults>(
    targets: &Targets<F>,
    (dataset, node): (&Dataset, Option<u16>),
    options: RepairOptions,
    progress: &Progress,
    stop: &StopFlag,
) -> Repairs {
    progress.set_phase(Phase::Reading);
    let (content, log) = (Content::of(dataset), RepairLog::default());
    let run = RepairRun { options, content: &content, log: &log, stop };
    let selections = files_of_each(targets, (dataset, node));
    let mut repairers = Vec::new();
    for (target, selection) in targets.all().iter().zip(&selections) {
        let Some(root) = target.root() else { continue };
        let share = Share::new(dataset, node).only(selection);
        target.tally().expect(share.file_count(), share.total_bytes(options.threads));
        let counting = Counting { run: progress, target: Some(target.tally()) };
        repairers.push(Repairer::new(root, share, counting, run));
    }
    let queues: Vec<TargetQueue<'_, _>> = repairers.iter().map(Repairer::queue).collect();
    work_through(&queues, (options.threads, options.placement), stop);
    drop(repairers);
    log.into_repairs(!stop.is_set())
}

/// The directory of a target that has files, and nothing that was read of some of them is content
/// of the dataset: then they are another's, or the seed is another.
pub fn target_of_others<'a, F: Faults>(
    targets: &'a Targets<F>,
    (dataset, node): (&Dataset, Option<u16>),
) -> Option<&'a Root<F>> {
    let selections = files_of_each(targets, (dataset, node));
    let roots = targets.all().iter().map(OpenTarget::root).zip(&selections);
    roots
        .filter_map(|(root, selection)| Some((root?, Share::new(dataset, node).only(selection))))
        .find_map(|(root, share)| has_none_of(root, share).then_some(root))
}

fn files_of_each<F: Faults>(
    targets: &Targets<F>,
    (dataset, node): (&Dataset, Option<u16>),
) -> Vec<Selection> {
    (0..targets.all().len()).map(|target| targets.files_of(dataset, node, target)).collect()
}
