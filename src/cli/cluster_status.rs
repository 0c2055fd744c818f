//! `seedfs status DIR`: the runs that report in a directory, with all of their nodes.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::progress::duration;
use super::reporting::totals;
use super::status::StatusArguments;
use super::target_lines::describe_targets;
use super::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED, plain, storage_args::Interruption};
use crate::disk::Disk;
use crate::report::{Cluster, ClusterNode, ClusterRun, FileRange, NodeRange, OtherRun, RunCommand};
use crate::storage::{ClusterStatus, Root, read_reports_in};
use crate::verdict::{Class, Verdict};

/// Shows the merged status once, or again every second until all are done or it is interrupted.
pub(super) fn run(
    directories: &[PathBuf],
    first: Cluster,
    arguments: &StatusArguments,
) -> Result<ExitCode, Failure> {
    let mut cluster = first;
    let shown = shown(directories);
    show(&shown, &cluster, arguments)?;
    if !arguments.watch {
        return Ok(exit_code(&cluster));
    }
    let interruption = Interruption::new()?;
    while !cluster.is_over() && !interruption.stop().is_set() {
        thread::sleep(Duration::from_secs(1));
        let now = read(directories)?;
        if now.is_empty() {
            break;
        }
        cluster = now;
        show(&shown, &cluster, arguments)?;
    }
    if interruption.happened() && !cluster.is_over() {
        return Ok(INTERRUPTED.into());
    }
    Ok(exit_code(&cluster))
}

/// What a node says that cannot be read may be anything, and one that failed has not done its work:
/// that is not fine. Nor is a verdict that is bad, or, of a verification, not there yet.
fn exit_code(cluster: &Cluster) -> ExitCode {
    if cluster.unreadable_total > 0 || cluster.failed() > 0 {
        return SYSTEM_FAILED.into();
    }
    let is_bad = |run: &ClusterRun| match run.verdict() {
        Some(Verdict::Mismatch | Verdict::Incomplete) => true,
        Some(Verdict::Untouched) => run.command == RunCommand::Verify,
        Some(Verdict::Verified) | None => false,
    };
    if cluster.runs.iter().any(is_bad) { BAD_VERDICT.into() } else { ExitCode::SUCCESS }
}

/// All reports in some directories.
pub(super) fn read(directories: &[PathBuf]) -> Result<Cluster, Failure> {
    let open = |directory: &PathBuf| Root::open(Disk::real(), directory);
    let roots = directories.iter().map(open).collect::<io::Result<Vec<_>>>();
    roots
        .and_then(|roots| read_reports_in(&roots))
        .map_err(|error| Failure::system(format!("cannot read '{}': {error}", shown(directories))))
}

/// The directories, as they were typed.
pub(super) fn shown(directories: &[PathBuf]) -> String {
    let shown = directories.iter().map(|directory| directory.display().to_string());
    shown.collect::<Vec<_>>().join(" ")
}

fn show(directory: &str, cluster: &Cluster, arguments: &StatusArguments) -> Result<(), Failure> {
    let mut text = String::new();
    if arguments.json {
        text = serde_json::to_string(&ClusterStatus::new(cluster)).unwrap_or_default();
        text.push('\n');
    } else {
        if arguments.watch && io::stdout().is_terminal() {
            // Home, and clear to the end.
            text.push_str("\x1b[H\x1b[J");
        }
        describe(&mut text, directory, cluster);
    }
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) => Failure::output(&error).map(|_| ()),
    }
}

/// The status for people. Writing to a string does not fail.
fn describe(text: &mut String, directory: &str, cluster: &Cluster) {
    let shown = plain(directory);
    if cluster.runs.is_empty() {
        let _ = writeln!(text, "{shown}: no report that can be read");
    }
    for run in &cluster.runs {
        let verdict = run.verdict().map(|verdict| format!(" {}:", verdict.name()));
        let verdict = verdict.unwrap_or_default();
        let left = match run.remaining_s {
            Some(seconds) if run.node_states.working > 0 => format!(", {} left", duration(seconds)),
            _ => String::new(),
        };
        let command = run.command.name();
        let _ = writeln!(text, "{shown}: {command}:{verdict} {}{left}", totals(run));
        describe_run(text, run);
    }
    for run in &cluster.other_runs {
        describe_other(text, run);
    }
    say_more(text, cluster.other_runs_total, cluster.other_runs.len(), "other runs");
    for unreadable in &cluster.unreadable {
        let _ = writeln!(text, "  unreadable: {}", plain(unreadable));
    }
    say_more(text, cluster.unreadable_total, cluster.unreadable.len(), "that are unreadable");
}

fn say_more(text: &mut String, total: u64, shown: usize, of_what: &str) {
    let more = total.saturating_sub(shown as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more {of_what}");
    }
}

/// How many wrong ranges are shown to people.
const SHOWN_RANGES: usize = 20;

fn describe_run(text: &mut String, run: &ClusterRun) {
    for node in &run.nodes {
        describe_node(text, node);
        describe_targets(text, "    ", &node.report);
    }
    let missing = run.node_states.missing;
    if missing > 0 && run.command != RunCommand::Mount {
        let _ = writeln!(text, "  {missing} of {} nodes have not said anything", run.node_count);
    }
    if let Some(judged) = &run.judged {
        let counts = Class::ALL.map(|class| (judged.classes.get(class), class.name()));
        let counts = counts.map(|(count, name)| format!("{count} {name}"));
        if judged.classes.total() > 0 {
            let total = judged.classes.total();
            let _ = writeln!(text, "  ranges     {total} wrong: {}", counts.join(", "));
        }
        if judged.unexpected > 0 {
            let _ = writeln!(text, "  unexpected {} names", judged.unexpected);
        }
    }
    let ranges = &run.wrong.ranges;
    for found in ranges.iter().take(SHOWN_RANGES) {
        let NodeRange { node, range: FileRange { path, target, range }, .. } = found;
        let (offset, length, class) = (range.offset, range.length, range.class.name());
        let path = match target {
            Some(target) => plain(&format!("{target}/{path}")).into_owned(),
            None => plain(path).into_owned(),
        };
        let _ = write!(text, "    node {node}: {path} at {offset}, {length} bytes: {class}");
        if let Some(source) = &range.source {
            let _ = write!(text, ", from {}", plain(&source.to_string()));
        }
        text.push('\n');
    }
    say_more(text, run.wrong.total, ranges.len().min(SHOWN_RANGES), "wrong ranges");
}

fn describe_node(text: &mut String, node: &ClusterNode) {
    let ClusterNode { age_s, stale, report } = node;
    let verdict = report.judged.as_ref().map(|judged| format!(" {},", judged.verdict.name()));
    #[expect(clippy::cast_precision_loss, reason = "shown rounded")]
    let _ = write!(
        text,
        "  node {:<5} {:<16} {:>6} %  {},{} {} of {} files, {:.2} GB, {:.2} GB/s",
        report.run.node_id,
        plain(&report.run.host),
        report.percent_complete(),
        report.phase.name(),
        verdict.unwrap_or_default(),
        report.files.done,
        report.files.total,
        report.bytes.done as f64 / 1e9,
        report.rates.bytes_per_s / 1e9,
    );
    if *stale {
        let _ = write!(text, ", stale: silent for {}", duration(*age_s));
    }
    if let Some(error) = &report.errors.first {
        let more = report.errors.total.saturating_sub(1);
        let more = if more > 0 { format!(" and {more} more errors") } else { String::new() };
        let _ = write!(text, ", {}{more}", plain(error));
    }
    text.push('\n');
}

fn describe_other(text: &mut String, run: &OtherRun) {
    let OtherRun { command, dataset, seed, job, node_count, reports, .. } = run;
    let command = command.name();
    let dataset = plain(dataset.as_deref().unwrap_or("that is not known"));
    let seed = seed.as_ref().map(|seed| format!(", seed '{}'", plain(seed))).unwrap_or_default();
    let job = job.as_ref().map(|job| format!(", {}", plain(job))).unwrap_or_default();
    let _ = writeln!(
        text,
        "  another run, not counted: {command} of the dataset {dataset}{seed}{job}, {reports} of \
         {node_count} nodes"
    );
}
