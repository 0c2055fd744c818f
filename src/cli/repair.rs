//! `seedfs repair`

mod arrays;
mod directories;
mod words;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::dataset_args::DatasetArguments;
use super::device::DeviceRun;
use super::mount_target::{Accepted, find};
use super::numa_args::NumaArguments;
use super::progress::ProgressArguments;
use super::raid_args::{MemberArguments, RaidArguments};
use super::storage_args::{PartArguments, name_failures};
use super::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED};
use crate::disk::{Disk, Durability};
use crate::fs::STATUS_NAME;
use crate::report::{RepairSummary, TargetIdentity, repair_document};
use crate::storage::{DevicePass, DeviceState, Output, RepairOptions, Repairs, Share, Transfer};
use words::describe;

/// Put right what a verification finds wrong in a real directory, and nothing else
///
/// Every file is read and judged as by 'seedfs verify'. Wrong bytes are written anew in place,
/// missing tails are written and bytes past the end are cut off, and files that are not there are
/// made. Files that are right are only read, and what is none of the dataset's is left alone.
/// Exits with 0 where all files are right now, with 1 where --dry-run has found something to do,
/// and with 3 where a file could not be repaired.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_long_help = "Examples:
  seedfs repair --seed 42 -n 100 -s 1G --dry-run /scratch/test
  seedfs repair --seed 42 -n 100 -s 1G --fsync /scratch/test
  seedfs repair --seed 42 -n 100 -s 1G --from /scratch/found.json /scratch/test
  seedfs repair --seed 42 -n 100 -s 1G --fsync --device /dev/sdb")]
pub(super) struct RepairArguments {
    /// Where the files are: one directory, or all that 'seedfs write' has spread them over; an
    /// empty one takes the place of a target that is lost
    #[arg(value_name = "DIR", required_unless_present = "device")]
    directories: Vec<PathBuf>,

    /// Repair this block device or file instead, to which 'seedfs write --device' has written; with
    /// --raid once for each member of an array, in their order
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["directories", "from", "direct_io"])]
    device: Vec<PathBuf>,

    /// Repair devices also where they hold something else, like a filesystem
    #[arg(long, requires = "device")]
    yes_destroy: bool,

    #[command(flatten)]
    dataset: DatasetArguments,

    /// Take the dataset from a running mount
    #[arg(long, value_name = "MOUNT", conflicts_with = "config", help_heading = "Dataset")]
    like: Option<PathBuf>,

    #[command(flatten, next_help_heading = "Repairing")]
    part: PartArguments,

    /// Look only at the files that this report of 'seedfs verify' lists; each is verified again
    /// before anything is written to it
    #[arg(long, value_name = "REPORT", help_heading = "Repairing")]
    from: Option<PathBuf>,

    /// Write nothing, and say what would be done
    #[arg(long, help_heading = "Repairing")]
    dry_run: bool,

    /// Have what was written on the storage, and read it back from there
    #[arg(long, help_heading = "Repairing")]
    fsync: bool,

    /// Read past the page cache (O_DIRECT)
    #[arg(long, help_heading = "Repairing")]
    direct_io: bool,

    /// Repair even if nothing that is there seems to be of this dataset
    #[arg(long, help_heading = "Repairing")]
    force: bool,

    /// Print what was done as JSON
    #[arg(long, help_heading = "Repairing")]
    json: bool,

    /// Write what was done as JSON to a file
    #[arg(long, value_name = "FILE", help_heading = "Repairing")]
    report: Option<PathBuf>,

    #[command(flatten)]
    raid: RaidArguments,

    #[command(flatten)]
    member: MemberArguments,

    #[command(flatten)]
    numa: NumaArguments,

    #[command(flatten)]
    progress: ProgressArguments,
}

pub(super) fn run(arguments: &RepairArguments) -> Result<ExitCode, Failure> {
    let base = match &arguments.like {
        None => None,
        Some(path) => {
            let mount = find(Some(path), Accepted::Inside)?;
            Some(mount.path().join(STATUS_NAME).join("config.json"))
        }
    };
    let quiet = arguments.progress.quiet;
    let (dataset, node) = arguments.part.resolve(&arguments.dataset, base.as_deref(), quiet)?;
    let share = Share::new(&dataset, node);
    let named = (&arguments.directories[..], &arguments.device[..]);
    if let Some(members) = arguments.member.resolve(&arguments.raid, named)? {
        return arrays::run(arguments, share, members);
    }
    let output = open_report(arguments.report.as_ref())?;
    let done = match &arguments.device[..] {
        [] => directories::run(arguments, share)?,
        [path] => on_device(arguments, path, share)?,
        _ => {
            return Err(Failure::usage(
                "--device: several are members of an array: expected --raid",
            ));
        }
    };
    let Done { what, repairs, seconds, interrupted } = &done;
    let (identity, targets) = match what {
        Repaired::One(identity) => (Some(identity), &[][..]),
        Repaired::Targets(directories) => (None, &directories[..]),
    };
    let summary = RepairSummary {
        identity,
        targets,
        node_id: node,
        dry_run: arguments.dry_run,
        complete: repairs.is_complete,
        totals: repairs.totals,
        seconds: *seconds,
        repairs: &repairs.repairs.listed,
        repairs_total: repairs.repairs.total,
        failures: serde_json::to_value(&repairs.failures.listed).unwrap_or_default(),
        failures_total: repairs.failures.total,
    };
    let json = repair_document(&dataset, &summary);
    if let Some((path, output)) = &output {
        output.replace(&json, 0o666).map_err(|error| {
            Failure::system(format!("cannot write the report '{}': {error}", path.display()))
        })?;
    }
    let text = match (arguments.json, quiet) {
        (true, _) => json,
        (false, true) => Vec::new(),
        (false, false) => describe(what, repairs, arguments.dry_run).into_bytes(),
    };
    if let Err(error) = io::stdout().write_all(&text) {
        return Failure::output(&error);
    }
    name_failures(&repairs.failures);
    Ok(conclude(repairs, arguments.dry_run, *interrupted))
}

/// What was repaired.
enum Repaired {
    /// A directory or a device.
    One(TargetIdentity),
    /// The directories of all targets.
    Targets(Vec<String>),
}

impl Repaired {
    fn name(&self) -> String {
        match self {
            Self::One(identity) => identity.path.clone(),
            Self::Targets(directories) => directories.join(" "),
        }
    }
}

/// What was done, and to what.
struct Done {
    what: Repaired,
    repairs: Repairs,
    seconds: f64,
    interrupted: bool,
}

impl RepairArguments {
    fn durability(&self) -> Durability {
        if self.fsync { Durability::Synced } else { Durability::Later }
    }

    /// How files are repaired.
    fn options(&self, threads: usize) -> Result<RepairOptions, Failure> {
        Ok(RepairOptions {
            threads,
            placement: self.numa.placement()?,
            transfer: if self.direct_io { Transfer::Direct } else { Transfer::Cached },
            durability: self.durability(),
            is_dry: self.dry_run,
        })
    }
}

fn on_device(arguments: &RepairArguments, path: &Path, share: Share<'_>) -> Result<Done, Failure> {
    let run = DeviceRun {
        path,
        share,
        threads: arguments.part.threads(),
        placement: arguments.numa.placement()?,
        transfer: Transfer::Cached,
        progress: arguments.progress,
    };
    let what = DevicePass::Repair { durability: arguments.durability(), is_dry: arguments.dry_run };
    let outcome = run.repair(what, (arguments.yes_destroy, arguments.force))?;
    let target = outcome.device.target_view().map_err(|error| {
        Failure::system(format!("cannot look at '{}': {error}", path.display()))
    })?;
    let DeviceState { totals, repairs, failures, is_complete, .. } = outcome.state;
    Ok(Done {
        what: Repaired::One(target),
        repairs: Repairs { totals, repairs, failures, is_complete },
        seconds: outcome.progress.snapshot().seconds,
        interrupted: outcome.interrupted,
    })
}

fn conclude(repairs: &Repairs, is_dry: bool, interrupted: bool) -> ExitCode {
    if interrupted {
        let message = "interrupted: the same command repairs what is left";
        let _ = writeln!(io::stderr(), "seedfs: {message}");
        return INTERRUPTED.into();
    }
    match (repairs.failures.total, repairs.is_all_right(is_dry)) {
        (0, true) => ExitCode::SUCCESS,
        (0, false) => BAD_VERDICT.into(),
        _ => SYSTEM_FAILED.into(),
    }
}

/// Opened before anything is read: one that could not be written in the end is refused now.
fn open_report(path: Option<&PathBuf>) -> Result<Option<(&PathBuf, Output)>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let output = Output::new(Disk::real(), path).map_err(|error| {
        let shown = path.display();
        Failure::usage(format!("--report '{shown}': {error}; expected a file that can be written"))
    })?;
    Ok(Some((path, output)))
}
