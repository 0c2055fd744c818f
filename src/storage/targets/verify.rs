//! Verifying the files of a dataset on several targets.

use std::io;

use super::counting::Counting;
use super::numbers::Selection;
use super::opening::Targets;
use crate::dataset::{Coordinates, Dataset};
use crate::disk::Faults;
use crate::report::{Surroundings, Verification, VerifiedTarget};
use crate::storage::resume_state::{parse, read, sealed};
use crate::storage::states::{surroundings_of_all, totals, verdict_of_all};
use crate::storage::verify::{VerifiedPart, verify_parts};
use crate::storage::{
    FileFailure, Findings, Output, Progress, ProgressSnapshot, ResumeState, ResumeStateError,
    Share, VerifyOptions, VerifyWatch,
};
use crate::verdict::Verdict;

/// The files that are looked for on each target: on one that was named those that belong there, on
/// one that was not those that are on no other.
#[derive(Debug)]
pub struct TargetFiles<'a, F> {
    targets: &'a Targets<F>,
    dataset: &'a Dataset,
    node: Option<u16>,
    selections: Vec<Selection>,
}

/// What is known of the files of all targets.
#[derive(Clone, Debug)]
pub struct TargetStates(Vec<ResumeState>);

impl<'a, F: Faults> TargetFiles<'a, F> {
    /// Those of a node, or of all.
    #[must_use]
    pub fn new(targets: &'a Targets<F>, (dataset, node): (&'a Dataset, Option<u16>)) -> Self {
        let named = targets.named();
        let of = |target: usize| {
            if named.has(target) {
                targets.files_of(dataset, node, target)
            } else {
                targets.files_nowhere(dataset, node, target)
            }
        };
        let selections = (0..targets.all().len()).map(of).collect();
        Self { targets, dataset, node, selections }
    }

    /// The files of each target.
    fn shares(&self) -> Vec<Share<'_>> {
        let share = Share::new(self.dataset, self.node);
        self.selections.iter().map(|selection| share.only(selection)).collect()
    }

    /// How many files there are, every copy counted.
    #[must_use]
    pub fn file_count(&self) -> u64 {
        self.selections.iter().map(Selection::count).sum()
    }

    /// Their size, in proportion to that of all.
    #[must_use]
    pub fn total_bytes(&self, threads: usize) -> u128 {
        let all = Share::new(self.dataset, self.node).total_bytes(threads);
        self.selections.iter().map(|selection| selection.in_proportion(all)).sum()
    }

    /// Nothing known yet.
    ///
    /// # Errors
    ///
    /// Where the system does not say which directory a target is.
    pub fn begin(&self, options: &VerifyOptions) -> io::Result<TargetStates> {
        let named: Vec<String> =
            self.targets.named().iter().map(|number| number.to_string()).collect();
        let failed: Vec<String> =
            self.targets.failed().iter().map(|number| number.to_string()).collect();
        let of = format!("{} {} {}", self.targets.id(), named.join(","), failed.join(","));
        let begin = |(target, share): (&super::OpenTarget<F>, Share<'_>)| {
            let target_of = format!("{} of {of}", target.tally().number());
            ResumeState::of_target(target.root(), share, options, target_of)
        };
        let states = self.targets.all().iter().zip(self.shares()).map(begin);
        Ok(TargetStates(states.collect::<io::Result<_>>()?))
    }

    /// What is known in a file, where there is one that belongs to the same work as `new`; else
    /// that.
    ///
    /// # Errors
    ///
    /// Where there is one that does not, or that cannot be believed.
    pub fn load<O: Faults>(
        &self,
        from: &Output<O>,
        new: TargetStates,
    ) -> Result<TargetStates, ResumeStateError> {
        let Some(bytes) = read(from)? else { return Ok(new) };
        let kept: Vec<ResumeState> = parse(&bytes)?;
        if kept.len() != new.0.len() {
            return Err(ResumeStateError::Other("spread"));
        }
        let believed = kept
            .into_iter()
            .zip(&new.0)
            .zip(self.shares())
            .map(|((kept, new), share)| kept.believed(new, share));
        Ok(TargetStates(believed.collect::<Result<_, _>>()?))
    }

    /// What could not be read or looked at.
    #[must_use]
    pub fn failures(&self, states: &TargetStates) -> Findings<FileFailure> {
        let mut all = Findings::default();
        for ((target, share), state) in self.targets.all().iter().zip(self.shares()).zip(&states.0)
        {
            let mut failures = state.failures(share);
            for failure in &mut failures.listed {
                failure.target = Some(target.tally().name().to_owned());
            }
            all.append(&failures);
        }
        all
    }

    /// The verdict on all files.
    #[must_use]
    pub fn verdict(&self, states: &TargetStates) -> Verdict {
        verdict_of_all(&self.shares(), &states.0)
    }

    /// What a report says beside the totals.
    #[must_use]
    pub fn surroundings<'s>(
        &self,
        states: &'s TargetStates,
        options: &VerifyOptions,
        progress: ProgressSnapshot,
    ) -> Surroundings<'s> {
        let named = self.targets.all().iter().filter(|target| target.root().is_some());
        let directories: Vec<&str> = named.map(|target| target.tally().name()).collect();
        let of = (directories.join(" "), options.sample);
        let shares = self.shares();
        let mut all = surroundings_of_all(&shares, &states.0, of, progress);
        all.failures = serde_json::to_value(&self.failures(states).listed).unwrap_or_default();
        all.unexpected = Vec::new();
        for ((target, share), state) in self.targets.all().iter().zip(&shares).zip(&states.0) {
            let (name, unexpected) = (target.tally().name(), state.unexpected());
            all.unexpected.extend(unexpected.listed.iter().map(|path| format!("{name}/{path}")));
            all.targets.push(VerifiedTarget {
                target: target.tally().number() as u64,
                directory: name.to_owned(),
                named: target.root().is_some(),
                verdict: state.verdict(*share),
                files: state.verification.files(),
                unexpected_total: unexpected.total,
                failures_total: state.failures(*share).total,
            });
        }
        all.unexpected.truncate(crate::storage::FILES_LISTED_MAX);
        all
    }
}

impl TargetStates {
    /// How many files have been reached, those of earlier runs included.
    #[must_use]
    pub fn reached(&self) -> u64 {
        self.0.iter().map(|state| state.next).sum()
    }

    /// The totals.
    #[must_use]
    pub fn verification(&self) -> Verification {
        totals(&self.0)
    }

    /// Keeps them in a file.
    ///
    /// # Errors
    ///
    /// Those of the system. The file is then the one before, or this one, whole.
    pub fn save<F: Faults>(states: &[ResumeState], to: &Output<F>) -> io::Result<()> {
        to.replace(&sealed(&states)?, 0o600)
    }

    /// The state of each target.
    #[must_use]
    pub fn each(&self) -> &[ResumeState] {
        &self.0
    }
}

/// Judges the files of all targets from where `states` stand, until all are done or a stop.
///
/// # Errors
///
/// Where files that were judged before have changed since then.
pub fn verify_targets<F: Faults>(
    files: &TargetFiles<'_, F>,
    options: VerifyOptions,
    states: TargetStates,
    watch: VerifyWatch<'_>,
) -> Result<TargetStates, ResumeStateError> {
    let progress: &Progress = watch.progress;
    let (targets, dataset) = (files.targets, files.dataset);
    let belongs: Vec<Box<dyn Fn(Coordinates) -> bool + Sync + '_>> = targets
        .all()
        .iter()
        .map(|target| {
            let number = target.tally().number();
            Box::new(move |file| targets.belongs(dataset, file, number)) as Box<_>
        })
        .collect();
    let Some(first) = targets.all().iter().find_map(super::OpenTarget::root) else {
        return Ok(states);
    };
    let mut parts = Vec::new();
    for ((target, share), belongs) in targets.all().iter().zip(files.shares()).zip(&belongs) {
        target.tally().expect(share.file_count(), share.total_bytes(options.threads));
        let counting = Counting { run: progress, target: Some(target.tally()) };
        let (is_nowhere, root) = (target.root().is_none(), target.root().unwrap_or(first));
        parts.push(VerifiedPart { root, is_nowhere, share, counting, belongs });
    }
    verify_parts(&parts, options, states.0, watch).map(TargetStates)
}
