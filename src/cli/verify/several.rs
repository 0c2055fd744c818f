//! `seedfs verify DIR1 DIR2 ...`

use std::fmt::Write as _;
use std::process::ExitCode;

use super::{Before, Outputs, VerifyArguments, describe, exit_code, expected_work, print};
use crate::cli::reporting::ReportedRun;
use crate::cli::storage_args::{Interruption, name_failures};
use crate::cli::target_lines::print_targets;
use crate::cli::{Failure, plain};
use crate::dataset::Dataset;
use crate::report::{RunCommand, Surroundings};
use crate::storage::{
    EarlierReport, OpenTarget, ResumeState, Root, Share, TargetFiles, TargetStates, Targets,
    VerifyOptions, VerifyWatch, verify_targets,
};

/// Verifies the files of a node, or of all, in several directories.
pub(super) fn run(
    arguments: &VerifyArguments,
    of: (&Dataset, Option<u16>),
    (roots, before): (Vec<Root>, &Before),
    options: VerifyOptions,
) -> Result<ExitCode, Failure> {
    let targets = Targets::open(roots, of.0).map_err(|error| Failure::usage(error.to_string()))?;
    let files = TargetFiles::new(&targets, of);
    let outputs = Outputs::new(arguments)?;
    let new = files
        .begin(&options)
        .map_err(|error| Failure::system(format!("cannot look at the directories: {error}")))?;
    let start = match &outputs.state {
        None => new,
        Some((_, output)) => {
            files.load(output, new).map_err(|error| outputs.refuse_state(&error))?
        }
    };
    let interruption = Interruption::new()?;
    let work = (files.file_count(), files.total_bytes(options.threads));
    let progress = expected_work(work, options.sample, start.reached());
    let save = |states: &[ResumeState]| {
        if let Some((_, output)) = &outputs.state {
            // The last save is the one that is reported on.
            let _ = TargetStates::save(states, output);
        }
    };
    let named = || targets.all().iter().filter(|target| target.root().is_some());
    let tallies: Vec<_> = named().map(OpenTarget::tally).collect();
    let roots: Vec<&Root> = named().filter_map(|target| target.root()).collect();
    let reported = ReportedRun {
        command: RunCommand::Verify,
        share: Share::new(of.0, of.1),
        threads: options.threads,
        progress: &progress,
        earlier: EarlierReport::Replace,
        targets: &tallies,
    };
    let reports = arguments.reports.begin(reported, &roots, arguments.progress.quiet)?;
    let states = arguments.progress.show("", &progress, &|| reports.update(), || {
        let (stop, earlier) = (interruption.stop(), &before.seeds);
        let watch = VerifyWatch { progress: &progress, stop, save: &save, earlier };
        verify_targets(&files, options, start, watch)
    });
    let states = states.map_err(|error| {
        reports.fail(&error);
        outputs.refuse_state(&error)
    })?;
    let interrupted = interruption.happened();
    let failures = files.failures(&states);
    let last = reports.end(&failures, interrupted);
    outputs.save_state(|output| TargetStates::save(states.each(), output))?;
    arguments.progress.conclude("", "read", &progress);
    print_targets(arguments.progress, "  ", &last);
    reports.conclude();
    let known = files.surroundings(&states, &options, progress.snapshot());
    let surroundings = Surroundings { written: before.written, ..known };
    let verification = states.verification();
    let json = verification.document(&surroundings);
    print(arguments, &outputs, json, || {
        describe(&verification, &surroundings) + &describe_each(&surroundings)
    })?;
    name_failures(&failures);
    let (reached, ended) = ((states.reached(), files.file_count()), (failures.total, interrupted));
    Ok(exit_code(arguments, reached, ended, surroundings.verdict))
}

/// A line for each target. Writing to a string does not fail.
fn describe_each(surroundings: &Surroundings<'_>) -> String {
    let mut text = String::new();
    for target in &surroundings.targets {
        let (number, directory) = (target.target, plain(&target.directory));
        let files = target.files;
        let total = files.total().unwrap_or_default();
        if !target.named && total == 0 {
            let _ = writeln!(
                text,
                "  target {number} was {directory}: not named; all of its files are on others"
            );
            continue;
        }
        if !target.named {
            let _ = writeln!(
                text,
                "  target {number} was {directory}: not named; {total} of its files are on no other"
            );
            continue;
        }
        let _ = writeln!(
            text,
            "  target {number} {directory}: {}, {} verified, {} incomplete, {} mismatch, {} not \
             there, {} unexpected, {} failed",
            target.verdict.name(),
            files.verified,
            files.incomplete,
            files.mismatch,
            files.untouched,
            target.unexpected_total,
            target.failures_total,
        );
    }
    text
}
