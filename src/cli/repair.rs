//! `seedfs repair`

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::dataset_args::DatasetArguments;
use super::device::DeviceRun;
use super::mount_target::{Accepted, find};
use super::numa_args::NumaArguments;
use super::progress::ProgressArguments;
use super::storage_args::{Interruption, PartArguments, name_failures};
use super::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED, plain};
use crate::dataset::format_size;
use crate::disk::{Disk, Durability, Links};
use crate::fs::STATUS_NAME;
use crate::report::{FileRepair, RepairSummary, TargetIdentity, repair_document};
use crate::storage::{
    DevicePass, DeviceState, Output, Progress, RepairOptions, Repairs, Root, Share, Transfer,
    files_of_report, has_none_of, repair,
};

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
    /// Where the files are
    #[arg(value_name = "DIR", required_unless_present = "device")]
    directory: Option<PathBuf>,

    /// Repair this block device or file instead, to which 'seedfs write --device' has written
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["directory", "from", "direct_io"])]
    device: Option<PathBuf>,

    /// Repair a device also where it holds something else, like a filesystem
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
    let output = open_report(arguments.report.as_ref())?;
    let done = match (&arguments.device, &arguments.directory) {
        (Some(path), _) => on_device(arguments, path, share)?,
        (None, Some(directory)) => in_directory(arguments, directory, share)?,
        (None, None) => return Err(Failure::usage("expected a directory, or --device DEVICE")),
    };
    let Done { target, repairs, seconds, interrupted } = &done;
    let summary = RepairSummary {
        identity: target,
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
        (false, false) => describe(target, repairs, arguments.dry_run).into_bytes(),
    };
    if let Err(error) = io::stdout().write_all(&text) {
        return Failure::output(&error);
    }
    name_failures(&repairs.failures);
    Ok(conclude(repairs, arguments.dry_run, *interrupted))
}

/// What was done, and to what.
struct Done {
    target: TargetIdentity,
    repairs: Repairs,
    seconds: f64,
    interrupted: bool,
}

fn durability(arguments: &RepairArguments) -> Durability {
    if arguments.fsync { Durability::Synced } else { Durability::Later }
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
    let what = DevicePass::Repair { durability: durability(arguments), is_dry: arguments.dry_run };
    let outcome = run.repair(what, (arguments.yes_destroy, arguments.force))?;
    let target = outcome.device.target_view().map_err(|error| {
        Failure::system(format!("cannot look at '{}': {error}", path.display()))
    })?;
    let DeviceState { totals, repairs, failures, is_complete, .. } = outcome.state;
    Ok(Done {
        target,
        repairs: Repairs { totals, repairs, failures, is_complete },
        seconds: outcome.progress.snapshot().seconds,
        interrupted: outcome.interrupted,
    })
}

fn in_directory(
    arguments: &RepairArguments,
    directory: &Path,
    share: Share<'_>,
) -> Result<Done, Failure> {
    let shown = directory.display();
    let root = Root::open(Disk::real(), directory).map_err(|error| {
        Failure::usage(format!("'{shown}' is not a directory that can be read: {error}"))
    })?;
    let target = root
        .target_view()
        .map_err(|error| Failure::system(format!("cannot look at '{shown}': {error}")))?;
    let options = RepairOptions {
        threads: arguments.part.threads(),
        placement: arguments.numa.placement()?,
        transfer: if arguments.direct_io { Transfer::Direct } else { Transfer::Cached },
        durability: durability(arguments),
        is_dry: arguments.dry_run,
    };
    let files = match &arguments.from {
        Some(path) => Some(listed_files(path, share, &target)?),
        None => None,
    };
    if files.is_none() && !arguments.force && has_none_of(&root, share) {
        return Err(Failure::usage(format!(
            "'{shown}': nothing that was read there is content of this dataset: expected the \
             options that the files were written with; --force repairs them all the same"
        )));
    }
    let interruption = Interruption::new()?;
    let progress = expected_work(share, files.as_deref(), options.threads);
    let repairs = arguments.progress.show("", &progress, &|| (), || {
        repair(&root, share, files.as_deref(), options, (&progress, interruption.stop()))
    });
    arguments.progress.conclude("", "read", &progress);
    let seconds = progress.snapshot().seconds;
    Ok(Done { target, repairs, seconds, interrupted: interruption.happened() })
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

/// The longest report: with all that its lists can hold it is well below.
const REPORT_BYTES_MAX: usize = 256 << 20;

fn listed_files(
    path: &Path,
    share: Share<'_>,
    target: &TargetIdentity,
) -> Result<Vec<u64>, Failure> {
    let refuse = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("--from '{}': {error}", path.display()))
    };
    let disk = Disk::real();
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => ".".as_ref(),
    };
    let name = path.file_name().unwrap_or_default();
    let json = disk
        .open_root(above)
        .and_then(|at| disk.read_whole(&at, name.as_ref(), Links::Follow, REPORT_BYTES_MAX))
        .map_err(|error| refuse(&error))?;
    files_of_report(&json, share, target).map_err(|error| refuse(&error))
}

fn expected_work(share: Share<'_>, files: Option<&[u64]>, threads: usize) -> Progress {
    match files {
        None => Progress::new(share.file_count(), share.total_bytes(threads)),
        Some(files) => {
            let size = |index: &u64| u128::from(share.dataset().size_bytes(share.file(*index)));
            Progress::new(files.len() as u64, files.iter().map(size).sum())
        }
    }
}

/// How many files are shown to people.
const SHOWN_FILES: usize = 20;

/// What was done, for people. Writing to a string does not fail.
fn describe(target: &TargetIdentity, repairs: &Repairs, is_dry: bool) -> String {
    let totals = repairs.totals;
    let size = |bytes: u128| format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
    let verb = if is_dry { "would be repaired" } else { "repaired" };
    let mut text = format!("{}: {} files {verb}\n", plain(&target.path), totals.files_repaired);
    if !repairs.is_complete {
        text.push_str("  not all files were reached\n");
    }
    let _ = writeln!(
        text,
        "  files    {} right, {} {verb}, {} of them made, {} failed",
        totals.files_right, totals.files_repaired, totals.files_made, totals.files_failed,
    );
    let _ = writeln!(
        text,
        "  bytes    {} rewritten, {} added, {} cut off",
        size(totals.rewritten_bytes),
        size(totals.appended_bytes),
        size(totals.cut_bytes),
    );
    for file in repairs.repairs.listed.iter().take(SHOWN_FILES) {
        describe_file(&mut text, file);
    }
    let more = repairs.repairs.total.saturating_sub(SHOWN_FILES as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more; --json or --report FILE lists them");
    }
    text
}

fn describe_file(text: &mut String, file: &FileRepair) {
    let path = plain(&file.path);
    let mut parts = Vec::new();
    if file.is_made {
        parts.push("made".to_owned());
    }
    for (bytes, what) in [
        (file.rewritten_bytes, "rewritten"),
        (if file.is_made { 0 } else { file.appended_bytes }, "added"),
        (file.cut_bytes, "cut off"),
    ] {
        if bytes > 0 {
            parts.push(format!("{bytes} bytes {what}"));
        }
    }
    if file.error.is_some() {
        parts.push("not right yet".to_owned());
    }
    let _ = writeln!(text, "  {path}: was {}: {}", file.verdict.name(), parts.join(", "));
}
