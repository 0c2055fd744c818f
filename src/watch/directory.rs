//! A directory that nodes report to, read and merged.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::disk::{Disk, Links, OpenDirectory};
use crate::report::{Cluster, REPORT_BYTES_MAX, RunCommand, RunReport};

/// The directory of the reports, in the target.
const REPORTS: &str = ".seedfs";
/// The most reports that are read.
const READ_MAX: usize = 1 << 16;
/// The most unreadable ones that are named.
const UNREADABLE_MAX: usize = 100;

/// Reads all reports in a directory. Those that cannot be read or believed are named.
///
/// # Errors
///
/// Where the directory cannot be read. That it has no reports is no error.
pub(super) fn read_directory(path: &Path, now: f64) -> io::Result<Cluster> {
    let disk = Disk::real();
    let target = disk.open_root(path)?;
    let reports = match disk.open_directory(&target, Path::new(REPORTS), Links::Refuse) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Cluster::default()),
        reports => reports?,
    };
    let (mut found, mut unreadable, mut unreadable_total) = (Vec::new(), Vec::new(), 0);
    for entry in disk.list(&reports)? {
        let name = entry?.name;
        let Some((name, command)) = name.to_str().and_then(|n| Some((n, command_of(n)?))) else {
            continue;
        };
        if found.len() >= READ_MAX {
            break;
        }
        match read_report(&disk, &reports, name, command) {
            Ok(report) => found.push(report),
            // Removed since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                unreadable_total += 1;
                if unreadable.len() < UNREADABLE_MAX {
                    unreadable.push(format!("{name}: {error}"));
                }
            }
        }
    }
    let mut cluster = Cluster::merge(found, now);
    (cluster.unreadable, cluster.unreadable_total) = (unreadable, unreadable_total);
    Ok(cluster)
}

fn read_report(
    disk: &Disk,
    at: &OpenDirectory,
    name: &str,
    command: RunCommand,
) -> io::Result<RunReport> {
    let json = disk.read_whole(at, Path::new(name), Links::Refuse, REPORT_BYTES_MAX)?;
    let report: RunReport = serde_json::from_slice(&json)?;
    let of_its_name = report.command == command;
    let wrong = report.contradiction();
    match wrong.or((!of_its_name).then_some("its command is not that of its name")) {
        None => Ok(report),
        Some(what) => Err(io::Error::new(ErrorKind::InvalidData, what)),
    }
}

/// The command of a report, by its name, like `node3.verify.json`.
fn command_of(name: &str) -> Option<RunCommand> {
    let (node, command) = name.strip_prefix("node")?.strip_suffix(".json")?.split_once('.')?;
    let is_number = !node.is_empty() && node.bytes().all(|byte| byte.is_ascii_digit());
    RunCommand::ALL.into_iter().find(|of| is_number && of.name() == command)
}
