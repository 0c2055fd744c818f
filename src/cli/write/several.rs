//! `seedfs write DIR1 DIR2 ...`

use std::io::{self, Write};
use std::process::ExitCode;

use super::{SpreadChoice, WriteArguments, WriteEnd, name_file, no_space};
use crate::cli::reporting::ReportedRun;
use crate::cli::storage_args::{Interruption, name_failures};
use crate::cli::target_lines::print_targets;
use crate::cli::{Failure, INTERRUPTED, SYSTEM_FAILED, plain};
use crate::dataset::Dataset;
use crate::report::RunCommand;
use crate::storage::{
    EarlierReport, Existing, OpenTarget, Progress, Root, Share, TargetFiles, Targets, WantedRule,
    WantedSpread, WriteOptions, free_bytes, space_needed, write_to_targets,
};

/// Writes the files of a node, or of all, to several directories.
pub(super) fn run(
    arguments: &WriteArguments,
    (dataset, node): (&Dataset, Option<u16>),
    roots: Vec<Root>,
    options: WriteOptions,
) -> Result<WriteEnd, Failure> {
    let mut targets = begin(arguments, (dataset, node), roots, options)?;
    let quiet = arguments.progress.quiet;
    let files = TargetFiles::new(&targets, (dataset, node));
    let mut progress = Progress::new(files.file_count(), files.total_bytes(options.threads));
    if arguments.verbose {
        progress = progress.with_listener(name_file);
    }
    let interruption = Interruption::new()?;
    // What is counted of each target outlives the change of the set of those that have failed.
    let tallies: Vec<_> = targets.all().iter().map(OpenTarget::shared_tally).collect();
    let tallies: Vec<_> = tallies.iter().map(AsRef::as_ref).collect();
    let reopened = reopened(&targets);
    let roots: Vec<&Root> = reopened.iter().collect();
    let reported = ReportedRun {
        command: RunCommand::Write,
        share: Share::new(dataset, node),
        threads: options.threads,
        progress: &progress,
        earlier: match options.existing {
            Existing::Refuse => EarlierReport::KeepUntilWork,
            Existing::Resume | Existing::Overwrite => EarlierReport::Replace,
        },
        targets: &tallies,
    };
    let reports = arguments.reports.begin(reported, &roots, quiet)?;
    let name = if node.is_some() { format!("{}: ", reports.host()) } else { String::new() };
    let failures = arguments.progress.show(&name, &progress, &|| reports.update(), || {
        write_to_targets(&mut targets, (dataset, node), options, &progress, interruption.stop())
    });
    let interrupted = interruption.happened();
    let last = reports.end(&failures, interrupted);
    name_failures(&failures);
    arguments.progress.conclude(&name, "wrote", &progress);
    print_targets(arguments.progress, &format!("{name}  "), &last);
    reports.conclude();
    let mut stderr = io::stderr();
    for (target, tally) in targets.all().iter().zip(&tallies) {
        if let Some(why) = tally.why_failed() {
            let _ = writeln!(stderr, "seedfs: {} has failed: {why}", plain(target.tally().name()));
        }
    }
    let total = last.files.total;
    if interrupted {
        let _ = writeln!(
            stderr,
            "seedfs: interrupted; {} of {total} files are whole: the same command with --resume \
             makes the others",
            progress.snapshot().files,
        );
        return Ok((INTERRUPTED.into(), None));
    }
    if failures.total > 0 {
        let _ = writeln!(stderr, "seedfs: {} of {total} files failed", failures.total);
    }
    let is_fine = failures.total == 0 && tallies.iter().all(|tally| !tally.has_failed());
    let code = if is_fine { ExitCode::SUCCESS } else { SYSTEM_FAILED.into() };
    Ok((code, Some(progress.snapshot())))
}

/// The directories once more, for the reports.
fn reopened(targets: &Targets) -> Vec<Root> {
    let named = targets.all().iter().filter_map(|target| target.root());
    let open = |root: &Root| Root::open(crate::disk::Disk::real(), root.path()).ok();
    named.filter_map(open).collect()
}

/// The targets, with the spread recorded in each.
fn begin(
    arguments: &WriteArguments,
    (dataset, node): (&Dataset, Option<u16>),
    roots: Vec<Root>,
    options: WriteOptions,
) -> Result<Targets, Failure> {
    let rule = match arguments.spread {
        None => WantedRule::AsItIs,
        Some(SpreadChoice::Even) => WantedRule::Even,
        Some(SpreadChoice::Free) => WantedRule::Free(free_of_each(&roots)?),
    };
    let wanted = WantedSpread { rule, copies: arguments.copies };
    let targets = Targets::begin(roots, dataset, &wanted)
        .map_err(|error| Failure::usage(error.to_string()))?;
    if !arguments.force {
        let how = (options.threads, options.existing);
        let needed = space_needed(&targets, (dataset, node), how).map_err(|error| {
            Failure::system(format!("cannot ask for the free space of {error}"))
        })?;
        if let Some(of) = needed.iter().find(|of| of.needed_bytes > of.free_bytes) {
            return Err(no_space(&of.directories.join(" "), (of.free_bytes, of.needed_bytes)));
        }
    }
    targets.record(options.durability);
    Ok(targets)
}

fn free_of_each(roots: &[Root]) -> Result<Vec<u64>, Failure> {
    let free = |root: &Root| {
        let bytes = free_bytes(root.path()).map_err(|error| {
            let shown = root.path().display();
            Failure::system(format!("cannot ask for the free space of '{shown}': {error}"))
        })?;
        Ok(u64::try_from(bytes).unwrap_or(u64::MAX))
    };
    roots.iter().map(free).collect()
}
