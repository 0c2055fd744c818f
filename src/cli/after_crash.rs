//! `seedfs verify --after-crash`

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::storage_args::{Interruption, name_failures};
use super::verify::{Outputs, VerifyArguments, print};
use super::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED, plain};
use crate::dataset::format_size;
use crate::disk::Disk;
use crate::report::{
    AftermathFates, AftermathFile, AftermathJournal, AftermathReport, AftermathTotals,
};
use crate::storage::{
    ExamineOptions, Examined, Progress, Replayed, Root, Share, examine, generations, read_journal,
};

pub(super) fn run(arguments: &VerifyArguments, journal: &Path) -> Result<ExitCode, Failure> {
    let refuse = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("--after-crash '{}': {error}", journal.display()))
    };
    arguments.reports.refuse_with("--after-crash")?;
    let replayed = read_journal(&Disk::real(), journal).map_err(|error| refuse(&error))?;
    let dataset = arguments.dataset.dataset_over(replayed.header.config.clone())?;
    let generations =
        generations(&dataset, replayed.header.passes).map_err(|error| refuse(&error))?;
    let node = replayed.header.node;
    let shares: Vec<_> = generations.iter().map(|dataset| Share::new(dataset, node)).collect();
    let directory = arguments.targets.only("--after-crash")?;
    let root = Root::open(Disk::real(), directory).map_err(|error| {
        let shown = directory.display();
        Failure::usage(format!("'{shown}' is not a directory that can be read: {error}"))
    })?;
    let outputs = Outputs::new(arguments)?;
    let options = ExamineOptions {
        threads: arguments.part.threads(),
        placement: arguments.numa.placement()?,
        drop_cache: arguments.drop_cache,
    };
    let interruption = Interruption::new()?;
    let largest = shares.last().map_or(0, |share| share.total_bytes(options.threads));
    let progress = Progress::new(shares.first().map_or(0, Share::file_count), largest);
    let found = arguments.progress.show("", &progress, &|| {}, || {
        examine(&root, &shares, &replayed, options, (&progress, interruption.stop()))
    });
    let found = found.map_err(|error| refuse(&error))?;
    let interrupted = interruption.happened();
    arguments.progress.conclude("", "read", &progress);
    let report = report(&found, &replayed, (directory, journal), (interrupted, &progress));
    print(arguments, &outputs, report.document(), || describe(&report))?;
    name_failures(&found.failures);
    Ok(if report.totals.is_broken() {
        BAD_VERDICT.into()
    } else if interrupted {
        INTERRUPTED.into()
    } else if found.failures.total > 0 {
        SYSTEM_FAILED.into()
    } else {
        ExitCode::SUCCESS
    })
}

fn report(
    found: &Examined,
    replayed: &Replayed,
    (directory, journal): (&Path, &Path),
    (interrupted, progress): (bool, &Progress),
) -> AftermathReport {
    let is_whole = !interrupted && found.failures.total == 0;
    AftermathReport {
        schema: AftermathReport::SCHEMA,
        verdict: match (found.totals.is_broken(), is_whole) {
            (true, _) => "broken",
            (false, true) => "kept",
            (false, false) => "incomplete",
        },
        directory: directory.display().to_string(),
        journal: AftermathJournal {
            path: journal.display().to_string(),
            passes: replayed.header.passes,
            generation: replayed.ledger.generation(),
            done: replayed.ledger.is_done(),
            torn_bytes: replayed.torn_bytes,
        },
        totals: found.totals,
        problems: found.problems.listed.clone(),
        problems_total: found.problems.total,
        failures: serde_json::to_value(&found.failures.listed).unwrap_or_default(),
        failures_total: found.failures.total,
        seconds: progress.snapshot().seconds,
    }
}

/// How many files and ranges are shown to people.
const SHOWN_FILES: usize = 20;
const SHOWN_RANGES: usize = 5;

/// The result for people. Writing to a string does not fail.
fn describe(report: &AftermathReport) -> String {
    let AftermathReport { verdict, totals, journal, .. } = report;
    let AftermathTotals { files, there, names, bytes, lost_though_synced } = totals;
    let verdict = match *verdict {
        "kept" => "kept: nothing was lost that was synced",
        "broken" => "broken: something was lost though it was synced",
        _ => "incomplete: not everything could be read",
    };
    let mut text = format!("{}: {verdict}\n", plain(&report.directory));
    let run = if journal.done { "came to its end" } else { "was cut" };
    let _ = writeln!(
        text,
        "  run      {run} in generation {}, of {} in each place",
        journal.generation, journal.passes
    );
    if journal.torn_bytes > 0 {
        let _ = writeln!(
            text,
            "  journal  its last {} bytes are part of an append that was cut",
            journal.torn_bytes
        );
    }
    let _ = writeln!(
        text,
        "  files    {there} of {files} there; names: {}",
        counts(names, u64::to_string)
    );
    let size = |bytes: &u128| format_size(u64::try_from(*bytes).unwrap_or(u64::MAX));
    let _ = writeln!(text, "  bytes    {}", counts(bytes, size));
    if bytes.lost_though_synced > 0 {
        let _ = writeln!(
            text,
            "  in place of what was synced: {} missing, {} zeroed, {} stale, {} foreign",
            size(&lost_though_synced.missing),
            size(&lost_though_synced.zeroed),
            size(&lost_though_synced.stale),
            size(&lost_though_synced.foreign),
        );
    }
    // What is broken comes first.
    let mut problems: Vec<_> = report.problems.iter().collect();
    problems.sort_by_key(|file| !is_broken(file));
    for problem in problems.iter().take(SHOWN_FILES) {
        describe_problem(&mut text, problem);
    }
    let more = report.problems_total.saturating_sub(SHOWN_FILES as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more; --json or --report FILE lists them");
    }
    text
}

fn is_broken(file: &AftermathFile) -> bool {
    file.bytes.lost_though_synced > 0 || file.name == "lost_though_synced"
}

fn counts<T: Copy>(of: &AftermathFates<T>, show: impl Fn(&T) -> String) -> String {
    format!(
        "{} right, {} unwritten, {} stale, {} torn, {} lost never synced, {} lost though synced",
        show(&of.right),
        show(&of.unwritten),
        show(&of.stale),
        show(&of.torn),
        show(&of.lost_never_synced),
        show(&of.lost_though_synced),
    )
}

fn describe_problem(text: &mut String, file: &AftermathFile) {
    let is_there = if file.exists { "there" } else { "not there" };
    let _ = writeln!(text, "  {}: {is_there}, name {}", plain(&file.path), words(file.name));
    for range in file.ranges.iter().take(SHOWN_RANGES) {
        let _ = write!(
            text,
            "    at {}, {} bytes: {}, {}",
            range.offset,
            range.length,
            words(range.fate),
            range.standing
        );
        if let Some(generation) = range.generation {
            let _ = write!(text, " of generation {generation}");
        }
        text.push('\n');
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}
