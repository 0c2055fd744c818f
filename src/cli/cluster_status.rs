//! `seedfs status DIR`: the nodes that write into a directory, together.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::progress::duration;
use super::status::StatusArguments;
use super::{Failure, INTERRUPTED, SYSTEM_FAILED, plain, storage_args::Interruption};
use crate::disk::Disk;
use crate::storage::{ClusterStatus, NodeLine, Root, read_cluster_status};

/// Shows the merged status once, or again every second until all are done or it is interrupted.
pub(super) fn run(
    directory: &Path,
    first: &ClusterStatus,
    arguments: &StatusArguments,
) -> Result<ExitCode, Failure> {
    show(directory, first, arguments)?;
    let mut unreadable = first.unreadable_total;
    if !arguments.watch {
        return Ok(exit_code(unreadable));
    }
    let interruption = Interruption::new()?;
    let mut done = first.percent_complete >= 100.0;
    while !done && !interruption.stop().is_set() {
        thread::sleep(Duration::from_secs(1));
        let Some(status) = read(directory)? else { break };
        show(directory, &status, arguments)?;
        unreadable = status.unreadable_total;
        done = status.percent_complete >= 100.0;
    }
    if interruption.happened() && !done {
        return Ok(INTERRUPTED.into());
    }
    Ok(exit_code(unreadable))
}

/// What a node says that cannot be read may be anything: that is not fine.
fn exit_code(unreadable: u64) -> ExitCode {
    if unreadable > 0 { SYSTEM_FAILED.into() } else { ExitCode::SUCCESS }
}

/// The merged status of a directory; `None` where no node has written any.
pub(super) fn read(directory: &Path) -> Result<Option<ClusterStatus>, Failure> {
    Root::open(Disk::real(), directory)
        .and_then(|root| read_cluster_status(&root))
        .map_err(|error| Failure::system(format!("cannot read '{}': {error}", directory.display())))
}

fn show(
    directory: &Path,
    status: &ClusterStatus,
    arguments: &StatusArguments,
) -> Result<(), Failure> {
    let mut text = String::new();
    if arguments.json {
        text = serde_json::to_string(status).unwrap_or_default();
        text.push('\n');
    } else {
        if arguments.watch && io::stdout().is_terminal() {
            // Home, and clear to the end.
            text.push_str("\x1b[H\x1b[J");
        }
        describe(&mut text, directory, status);
    }
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) => Failure::output(&error).map(|_| ()),
    }
}

/// The status for people. Writing to a string does not fail.
fn describe(text: &mut String, directory: &Path, status: &ClusterStatus) {
    let shown = directory.display().to_string();
    let shown = plain(&shown);
    if status.nodes.is_empty() {
        let _ = writeln!(text, "{shown}: no node status that can be read");
    } else {
        describe_nodes(text, &shown, status);
    }
    for unreadable in &status.unreadable {
        let _ = writeln!(text, "  unreadable: {}", plain(unreadable));
    }
    let more = status.unreadable_total.saturating_sub(status.unreadable.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more that are unreadable");
    }
}

fn describe_nodes(text: &mut String, directory: &str, status: &ClusterStatus) {
    let _ = writeln!(
        text,
        "{directory}: {} %, {} of {} files, {} of {} nodes, {} MB/s, {} files/s",
        status.percent_complete,
        status.files_created,
        status.target_files,
        status.active_nodes,
        status.node_count,
        status.throughput_mb_s,
        status.files_per_sec,
    );
    for NodeLine { age_s, stale, status } in &status.nodes {
        let silent = if *stale {
            format!(", stale: silent for {}", duration(*age_s))
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "  node {:<5} {:<16} {:>6} %  {} of {} files, {} MB/s, {} files/s{silent}",
            status.node_id,
            plain(status.node_metadata.hostname()),
            status.percent_complete,
            status.files_created,
            status.node_metadata.target_files,
            status.throughput_mb_s,
            status.files_per_sec,
        );
    }
}
