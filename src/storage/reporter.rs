//! The report of a run of `write` or `verify`, made whenever somebody asks.

use std::path::Path;
use std::process;

use super::judged_so_far::JudgedSoFar;
use super::machine::this_machine;
use super::reports::unix_s;
use super::{Figures, Progress, ProgressSnapshot, Share, TargetTally};
use crate::report::{LastSecond, Phase, RunCommand, RunErrors, RunIdentity, RunReport};
use crate::sync::Mutex;

/// Makes the reports of one run.
#[derive(Debug)]
pub struct Reporter<'a> {
    share: Share<'a>,
    progress: &'a Progress,
    targets: Vec<&'a TargetTally>,
    begun: RunReport,
    last: Mutex<LastLook>,
}

/// When the run was looked at, and how fast it was then.
#[derive(Debug)]
struct LastLook {
    at: ProgressSnapshot,
    rates: LastSecond,
}

/// Rates over less time than this say nothing.
const SHORTEST_S: f64 = 0.2;

impl<'a> Reporter<'a> {
    /// The reporter of a run on a share, which begins now. `job` is that of a cluster's engine.
    #[must_use]
    pub fn new(
        command: RunCommand,
        share: Share<'a>,
        target: &Path,
        (threads, job): (usize, Option<String>),
        progress: &'a Progress,
    ) -> Self {
        let machine = this_machine();
        let run = RunIdentity {
            job,
            host: machine.hostname.clone(),
            pid: process::id(),
            started: unix_s(),
            thread_count: threads as u64,
            ..RunIdentity::new(share.dataset(), share.node())
        };
        let begun = RunReport::begin(command, run, target.display().to_string());
        let last = LastLook { at: progress.snapshot(), rates: LastSecond::default() };
        let begun = RunReport { machine: Some(machine), ..begun };
        Self { share, progress, targets: Vec::new(), begun, last: Mutex::new(last) }
    }

    /// The same of a run with several targets.
    #[must_use]
    pub fn with_targets(self, targets: Vec<&'a TargetTally>) -> Self {
        Self { targets, ..self }
    }

    /// The name of this machine.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.begun.run.host
    }

    /// What there is to say now.
    #[must_use]
    pub fn report(&self) -> RunReport {
        self.at(self.progress.phase(), self.progress.errors())
    }

    /// The last word: how it has ended.
    #[must_use]
    pub fn last_report(&self, phase: Phase, errors: RunErrors) -> RunReport {
        let remaining_s = (phase == Phase::Done).then_some(0.0);
        let mut last = self.at(phase, errors);
        if self.targets.is_empty() {
            last.threads = Vec::new();
        }
        RunReport { remaining_s, ..last }
    }

    fn at(&self, phase: Phase, errors: RunErrors) -> RunReport {
        let Figures { elapsed_s, files, bytes, mut rates, remaining_s } = {
            let now = self.progress.snapshot();
            let mut last = self.last.lock();
            let mut figures = self.progress.figures(&now, &last.at);
            if now.seconds - last.at.seconds >= SHORTEST_S {
                *last = LastLook { at: now, rates: figures.rates.last_second };
            }
            figures.rates.last_second = last.rates;
            figures
        };
        if phase.is_over() {
            rates.last_second = LastSecond::default();
        }
        let judged = self.progress.judged.lock().clone();
        let share = self.share;
        RunReport {
            phase,
            updated: unix_s(),
            elapsed_s,
            files,
            bytes,
            rates,
            remaining_s,
            errors,
            wrong: judged.as_ref().map(|judged| judged.wrong().clone()).unwrap_or_default(),
            map: judged.as_ref().and_then(JudgedSoFar::map),
            judged: judged.map(|judged| judged.judged(phase.is_over())),
            threads: self
                .progress
                .crew
                .look(|number| share.path(share.file(number)), self.targets.len()),
            targets: self.targets.iter().map(|target| target.look()).collect(),
            retries: self.progress.retries(),
            ..self.begun.clone()
        }
    }
}
