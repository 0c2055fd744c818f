//! Reports of runs, in the directory that all of their nodes see.
//!
//! Each run of each node has a file of its own, `.seedfs/node{K}.{write,verify,mount}.json`, which
//! it replaces whole. Whoever may write to the directory may put anything there: only regular files
//! of a bounded length are read, links are not followed, and what cannot be read or believed is
//! named and does no harm.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{mem, slice};

use super::node_status::{self, NodeStatus};
use super::{FILES_LISTED_MAX, Root};
use crate::disk::{Faults, FileType, Links, OpenDirectory};
use crate::report::{Cluster, REPORT_BYTES_MAX, RunCommand, RunReport};

/// The directory of the reports, in the one that is written to or read.
pub(super) const DIRECTORY: &str = ".seedfs";

/// How many reports are read of one directory.
const REPORTS_MAX: usize = 1 << 16;
/// How many bytes they have together.
const REPORTS_BYTES_MAX: usize = 256 << 20;

/// The name of a node's report of a command.
pub(super) fn name_of(node: u32, command: RunCommand) -> String {
    format!("node{node}.{}.json", command.name())
}

/// The node and the command of a report: the number as we write it.
fn parse_name(name: &str) -> Option<(u32, RunCommand)> {
    let (node, command) = name.strip_prefix("node")?.strip_suffix(".json")?.split_once('.')?;
    let command = RunCommand::ALL.into_iter().find(|known| known.name() == command)?;
    let number = node.parse().ok()?;
    (name_of(number, command) == name).then_some((number, command))
}

/// Reads all reports in a directory and merges them. Node statuses of earlier versions count where
/// a node has no report.
///
/// # Errors
///
/// Where the directory cannot be read.
pub fn read_reports<F: Faults>(root: &Root<F>) -> io::Result<Cluster> {
    read_reports_in(slice::from_ref(root))
}

/// Reads the reports in several directories and merges them. Of a report that is in more than one
/// of them, as where they are the targets of one run, the latest counts.
///
/// # Errors
///
/// Where one of the directories cannot be read.
pub fn read_reports_in<F: Faults>(roots: &[Root<F>]) -> io::Result<Cluster> {
    let mut found = FoundReports::default();
    for root in roots {
        let others = mem::take(&mut found.reports);
        match root.disk.open_directory(&root.directory, Path::new(DIRECTORY), Links::Refuse) {
            Ok(directory) => found.read_all(root, &directory)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => found.refuse(DIRECTORY, &error),
        }
        found.read_node_statuses(root)?;
        found.reports.extend(others);
    }
    if roots.len() > 1 {
        let mut known = BTreeSet::new();
        found.reports.sort_by(|a, b| b.updated.total_cmp(&a.updated));
        found.reports.retain(|report| {
            let run = &report.run;
            let of = (report.command, run.node_id, run.node_count, run.dataset.clone());
            known.insert((of, run.job.clone()))
        });
    }
    let mut cluster = Cluster::merge(found.reports, unix_s());
    (cluster.unreadable, cluster.unreadable_total) = (found.unreadable, found.unreadable_total);
    Ok(cluster)
}

/// What was found so far.
#[derive(Default)]
struct FoundReports {
    reports: Vec<RunReport>,
    bytes: usize,
    unreadable: Vec<String>,
    unreadable_total: u64,
}

impl FoundReports {
    fn refuse(&mut self, name: &str, error: &io::Error) {
        self.unreadable_total += 1;
        if self.unreadable.len() < FILES_LISTED_MAX {
            self.unreadable.push(format!("{name}: {error}"));
        }
    }

    fn read_all<F: Faults>(&mut self, root: &Root<F>, directory: &OpenDirectory) -> io::Result<()> {
        for entry in root.disk.list(directory)? {
            let name = entry?.name;
            let Some((name, of)) = name.to_str().and_then(|name| Some((name, parse_name(name)?)))
            else {
                continue;
            };
            let shown = format!("{DIRECTORY}/{name}");
            self.note(&shown, |read| {
                let json = read.file(root, directory, name, REPORT_BYTES_MAX)?;
                parse(&json, of)
            });
        }
        Ok(())
    }

    /// Those of earlier versions.
    fn read_node_statuses<F: Faults>(&mut self, root: &Root<F>) -> io::Result<()> {
        let known: BTreeSet<u32> = self
            .reports
            .iter()
            .filter(|report| report.command == RunCommand::Write)
            .map(|report| report.run.node_id)
            .collect();
        for entry in root.disk.list(&root.directory)? {
            let name = entry?.name;
            let Some((name, node)) =
                name.to_str().and_then(|name| Some((name, node_status::node_of(name)?)))
            else {
                continue;
            };
            if known.contains(&node) {
                continue;
            }
            self.note(name, |read| {
                let max = node_status::STATUS_BYTES_MAX;
                let json = read.file(root, &root.directory, name, max)?;
                believed(NodeStatus::parse(&json, node)?.into_report(root.path()))
            });
        }
        Ok(())
    }

    /// Reads one more, and notes it or why not.
    fn note(&mut self, name: &str, read: impl FnOnce(&mut Self) -> io::Result<RunReport>) {
        match read(self) {
            Ok(report) => self.reports.push(report),
            // Removed since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => self.refuse(name, &error),
        }
    }

    /// The bytes of a regular file. Nothing else is opened: opening a device may do something.
    fn file<F: Faults>(
        &mut self,
        root: &Root<F>,
        directory: &OpenDirectory,
        name: &str,
        max_bytes: usize,
    ) -> io::Result<Vec<u8>> {
        let path = Path::new(name);
        if self.reports.len() >= REPORTS_MAX || self.bytes >= REPORTS_BYTES_MAX {
            return Err(io::Error::other("there are more reports than are read"));
        }
        let stat = root.disk.stat_at(directory, path, Links::Refuse)?;
        if stat.kind != FileType::File {
            let error = "it is not a regular file";
            return Err(io::Error::new(ErrorKind::InvalidInput, error));
        }
        let json = root.disk.read_whole(directory, path, Links::Refuse, max_bytes)?;
        self.bytes += json.len();
        Ok(json)
    }
}

fn parse(json: &[u8], (node, command): (u32, RunCommand)) -> io::Result<RunReport> {
    let report: RunReport = serde_json::from_slice(json)?;
    if report.command != command || report.run.node_id != node {
        let error = "its command or its node is not that of its name";
        return Err(io::Error::new(ErrorKind::InvalidData, error));
    }
    believed(report)
}

fn believed(report: RunReport) -> io::Result<RunReport> {
    match report.contradiction() {
        None => Ok(report),
        Some(what) => Err(io::Error::new(ErrorKind::InvalidData, what)),
    }
}

/// Seconds since 1970.
pub(super) fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}

#[cfg(test)]
mod tests;
