//! `seedfs verify`

mod arrays;
mod on_device;
mod several;
mod words;

use std::fmt::Display;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::after_crash;
use super::dataset_args::DatasetArguments;
use super::mount_target::{Accepted, find};
use super::numa_args::NumaArguments;
use super::progress::ProgressArguments;
use super::queue_args::QueueArguments;
use super::raid_args::{MemberArguments, RaidArguments};
use super::reporting::{ReportArguments, ReportedRun};
use super::storage_args::{Interruption, PartArguments, TargetArguments, name_failures};
use super::values::number;
use super::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED};
use crate::dataset::Dataset;
use crate::disk::Disk;
use crate::fs::STATUS_NAME;
use crate::report::{RunCommand, WrittenBefore};
use crate::storage::{
    EARLIER_SEEDS_MAX, EarlierReport, EarlierSeeds, Output, Progress, ResumeState, Root, Sample,
    Share, Targets, Transfer, VerifyOptions, VerifyWatch, verify,
};
use crate::verdict::Verdict;
pub(super) use on_device::judge_device;
use words::describe;

/// Judge the files in a real directory as a mount would
///
/// Every byte is read and compared with what the same options mount. Exits with 1 where anything is
/// wrong, missing, untouched or unexpected, and with 3 where a file could not be read.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  seedfs verify --seed 42 -n 100 -s 1G /scratch/test
  seedfs verify --like /mnt/seed --sample 5 --json /backup/restored
  seedfs verify --seed 42 -n 100 -s 1G --drop-cache --device /dev/sdb
  seedfs verify --seed 42 -n 1M -s 1M --resume verify.state /archive")]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    pub(super) targets: TargetArguments,

    #[command(flatten)]
    pub(super) dataset: DatasetArguments,

    /// Take the dataset from a running mount
    #[arg(long, value_name = "MOUNT", conflicts_with = "config", help_heading = "Dataset")]
    pub(super) like: Option<PathBuf>,

    #[command(flatten, next_help_heading = "Verifying")]
    pub(super) part: PartArguments,

    /// Print the whole result as JSON, in the words of .status
    #[arg(long, help_heading = "Verifying")]
    pub(super) json: bool,

    /// Write the whole result as JSON to a file
    #[arg(long, value_name = "FILE", help_heading = "Verifying")]
    pub(super) report: Option<PathBuf>,

    /// Read past the page cache (O_DIRECT)
    #[arg(long, help_heading = "Verifying")]
    pub(super) direct_io: bool,

    /// Have the kernel forget what it has cached of a file before it is read
    #[arg(long, help_heading = "Verifying")]
    pub(super) drop_cache: bool,

    /// Only so many percent of the files, chosen by the seed, and at least one: the same files each
    /// time, and a larger sample holds the smaller one
    #[arg(long, value_name = "PERCENT", help_heading = "Verifying")]
    pub(super) sample: Option<Sample>,

    /// Keep what is known in this file, and go on from there if it is there and files that were
    /// read before have not changed
    #[arg(long, value_name = "STATE", help_heading = "Verifying")]
    pub(super) resume: Option<PathBuf>,

    /// Judge what a crash has left of what 'write --journal FILE' has written: what was lost though
    /// it was synced, and what was lost and may be; the journal says which dataset it is
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "like", "node_id", "sample", "resume", "stop_after", "direct_io", "queue_depth",
            "block_size", "raid", "member", "device", "also_seed", "retry",
        ],
        help_heading = "Verifying"
    )]
    pub(super) after_crash: Option<PathBuf>,

    /// Stop when this many files are wrong, missing or cannot be read
    #[arg(
        long,
        value_name = "N",
        value_parser = number(NonZeroU64::MIN..=NonZeroU64::MAX),
        help_heading = "Verifying"
    )]
    pub(super) stop_after: Option<NonZeroU64>,

    #[command(flatten, next_help_heading = "Verifying")]
    pub(super) queue: QueueArguments,

    #[command(flatten)]
    pub(super) raid: RaidArguments,

    #[command(flatten)]
    pub(super) member: MemberArguments,

    /// A seed of earlier runs of the same dataset: what is left of them is named as stale, and so
    /// is parity that is older than some data; may be repeated, 8 times without --raid
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Verifying")]
    pub(super) also_seed: Vec<String>,

    /// Judge this block device or file instead of a directory, to which 'write --device' has
    /// written; with --raid once for each member of an array, in their order
    #[arg(long, value_name = "DEVICE", help_heading = "Verifying")]
    pub(super) device: Vec<PathBuf>,

    #[command(flatten)]
    pub(super) numa: NumaArguments,

    #[command(flatten)]
    pub(super) progress: ProgressArguments,

    #[command(flatten)]
    pub(super) reports: ReportArguments,
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    if let Some(journal) = &arguments.after_crash {
        return after_crash::run(arguments, journal);
    }
    let base = arguments.like.as_deref().map(configuration_of).transpose()?;
    let quiet = arguments.progress.quiet;
    let (dataset, node) = arguments.part.resolve(&arguments.dataset, base.as_deref(), quiet)?;
    let share = Share::new(&dataset, node);
    let named = (arguments.targets.all(), &arguments.device[..]);
    if let Some(members) = arguments.member.resolve(&arguments.raid, named)? {
        arguments.targets.refuse_retry_with("--raid")?;
        return arrays::run(arguments, share, members);
    }
    if let [path, ..] = &arguments.device[..] {
        return judge_device(arguments, path, (share, None));
    }
    judge(arguments, (&dataset, node), None)
}

/// Judges the files of a node, or of all, which the same command may have written before.
pub(super) fn judge(
    arguments: &VerifyArguments,
    (dataset, node): (&Dataset, Option<u16>),
    written: Option<WrittenBefore>,
) -> Result<ExitCode, Failure> {
    let share = Share::new(dataset, node);
    let before = &Before { seeds: earlier_seeds(arguments, share)?, written };
    arguments.targets.first()?;
    let directories = arguments.targets.all();
    let mut roots =
        directories.iter().map(|it| open_directory(it)).collect::<Result<Vec<_>, _>>()?;
    let threads = arguments.part.threads_for(roots.len());
    let transfer = if arguments.direct_io { Transfer::Direct } else { Transfer::Cached };
    let options = VerifyOptions {
        threads,
        placement: arguments.numa.placement()?,
        transfer,
        requests: arguments.queue.requests(transfer, threads)?,
        drop_cache: arguments.drop_cache,
        sample: arguments.sample.unwrap_or(Sample::ALL),
        stop_after: arguments.stop_after,
        patience: arguments.targets.patience(),
    };
    if roots.len() > 1 || Targets::is_one(&roots[0]) {
        return several::run(arguments, (dataset, node), (roots, before), options);
    }
    one(arguments, share, (&roots.remove(0), before), options)
}

/// What was there before this verification.
struct Before {
    /// Runs with other seeds, of which something may be left.
    seeds: EarlierSeeds,
    /// What the same command has written.
    written: Option<WrittenBefore>,
}

/// Verifies one directory.
fn one(
    arguments: &VerifyArguments,
    share: Share<'_>,
    (root, before): (&Root, &Before),
    options: VerifyOptions,
) -> Result<ExitCode, Failure> {
    let quiet = arguments.progress.quiet;
    let outputs = Outputs::new(arguments)?;
    let start = outputs.load(root, share, &options)?;
    let interruption = Interruption::new()?;
    let work = (share.file_count(), share.total_bytes(options.threads));
    let progress = expected_work(work, options.sample, start.next);
    let save = |states: &[ResumeState]| {
        if let (Some((_, output)), Some(state)) = (&outputs.state, states.first()) {
            // The last save is the one that is reported on.
            let _ = state.save(output);
        }
    };
    let reported = ReportedRun {
        command: RunCommand::Verify,
        share,
        threads: options.threads,
        progress: &progress,
        earlier: EarlierReport::Replace,
        targets: &[],
    };
    let reports = arguments.reports.begin(reported, &[root], quiet)?;
    let state = arguments.progress.show("", &progress, &|| reports.update(), || {
        let (stop, earlier) = (interruption.stop(), &before.seeds);
        let watch = VerifyWatch { progress: &progress, stop, save: &save, earlier };
        verify(root, share, options, start, watch)
    });
    let state = state.map_err(|error| {
        reports.fail(&error);
        outputs.refuse_state(&error)
    })?;
    let interrupted = interruption.happened();
    reports.end(&state.failures(share), interrupted);
    outputs.save_state(|output| state.save(output))?;
    arguments.queue.explain(&progress, quiet);
    arguments.progress.conclude("", "read", &progress);
    reports.conclude();
    let mut surroundings = state.surroundings(share, root.path(), progress.snapshot());
    surroundings.written = before.written;
    let json = state.verification.document(&surroundings);
    print(arguments, &outputs, json, || describe(&state.verification, &surroundings))?;
    let failures = state.failures(share);
    name_failures(&failures);
    let reached = (state.next, share.file_count());
    Ok(exit_code(arguments, reached, (failures.total, interrupted), surroundings.verdict))
}

/// The dataset under the seeds of earlier runs.
fn earlier_seeds(arguments: &VerifyArguments, share: Share<'_>) -> Result<EarlierSeeds, Failure> {
    let count = arguments.also_seed.len();
    if count > 0 && arguments.resume.is_some() {
        return Err(Failure::usage("--also-seed with --resume: expected only one of them"));
    }
    if count > EARLIER_SEEDS_MAX {
        return Err(Failure::usage(format!(
            "--also-seed: {count} seeds; expected {EARLIER_SEEDS_MAX} at the most"
        )));
    }
    EarlierSeeds::new(share.dataset(), &arguments.also_seed)
        .map_err(|errors| Failure::usage(format!("--also-seed: {errors}")))
}

/// Where the mount that a path is in says what its dataset is.
fn configuration_of(path: &Path) -> Result<PathBuf, Failure> {
    let mount = find(Some(path), Accepted::Inside)?;
    Ok(mount.path().join(STATUS_NAME).join("config.json"))
}

fn open_directory(directory: &Path) -> Result<Root, Failure> {
    Root::open(Disk::real(), directory).map_err(|error| {
        let shown = directory.display();
        Failure::usage(format!("'{shown}' is not a directory that can be read: {error}"))
    })
}

fn exit_code(
    arguments: &VerifyArguments,
    (reached, files): (u64, u64),
    (failures, interrupted): (u64, bool),
    verdict: Verdict,
) -> ExitCode {
    if interrupted {
        let how = if arguments.resume.is_some() {
            "the same command goes on from here"
        } else {
            "with --resume STATE it could go on from here"
        };
        let _ =
            writeln!(io::stderr(), "seedfs: interrupted after {reached} of {files} files: {how}");
        return INTERRUPTED.into();
    }
    if failures > 0 {
        return SYSTEM_FAILED.into();
    }
    match verdict {
        Verdict::Verified => ExitCode::SUCCESS,
        _ => BAD_VERDICT.into(),
    }
}

/// The files that are written, opened before anything is read: one that could not be written in
/// the end is refused before hours of work.
pub(super) struct Outputs<'a> {
    report: Option<(&'a PathBuf, Output)>,
    state: Option<(&'a PathBuf, Output)>,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(arguments: &'a VerifyArguments) -> Result<Self, Failure> {
        let open = |option: &str, path: &'a Option<PathBuf>| {
            let open = |path: &'a PathBuf| {
                let output = Output::new(Disk::real(), path).map_err(|error| {
                    let shown = path.display();
                    let expected = "expected a file that can be written";
                    Failure::usage(format!("{option} '{shown}': {error}; {expected}"))
                })?;
                Ok((path, output))
            };
            path.as_ref().map(open).transpose()
        };
        Ok(Self {
            report: open("--report", &arguments.report)?,
            state: open("--resume", &arguments.resume)?,
        })
    }

    /// The state that is there, or a new one.
    fn load(
        &self,
        root: &Root,
        share: Share<'_>,
        options: &VerifyOptions,
    ) -> Result<ResumeState, Failure> {
        let new = ResumeState::new(root, share, options).map_err(|error| {
            Failure::system(format!("cannot look at '{}': {error}", root.path().display()))
        })?;
        let Some((_, output)) = &self.state else { return Ok(new) };
        ResumeState::load(output, new, share).map_err(|error| self.refuse_state(&error))
    }

    fn refuse_state(&self, error: &impl Display) -> Failure {
        let shown = self.state.as_ref().map(|(path, _)| path.display().to_string());
        Failure::usage(format!("--resume '{}': {error}", shown.unwrap_or_default()))
    }

    /// Writes the last state, where one was asked for.
    fn save_state(&self, save: impl FnOnce(&Output) -> io::Result<()>) -> Result<(), Failure> {
        let Some((path, output)) = &self.state else { return Ok(()) };
        save(output).map_err(|error| {
            Failure::system(format!("cannot write the state '{}': {error}", path.display()))
        })
    }
}

/// What is to be read, as far as can be told beforehand.
fn expected_work((all, bytes): (u64, u128), sample: Sample, done: u64) -> Progress {
    let files = all - done.min(all);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, for a bar"
    )]
    let chosen = (files as f64 * sample.percent() / 100.0).round() as u64;
    // Below 2^119, and a number of files below 2^67: divided first where that is too much.
    let all = u128::from(all.max(1));
    let bytes = match bytes.checked_mul(chosen.into()) {
        Some(product) => product / all,
        None => bytes / all * u128::from(chosen),
    };
    Progress::new(chosen, bytes)
}

/// Puts the result where it was asked for.
pub(super) fn print(
    arguments: &VerifyArguments,
    outputs: &Outputs<'_>,
    json: Vec<u8>,
    text: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if let Some((path, output)) = &outputs.report {
        output.replace(&json, 0o666).map_err(|error| {
            Failure::system(format!("cannot write the report '{}': {error}", path.display()))
        })?;
    }
    let text = match (arguments.json, arguments.progress.quiet) {
        (true, _) => json,
        (false, true) => Vec::new(),
        (false, false) => text().into_bytes(),
    };
    match io::stdout().write_all(&text) {
        Ok(()) => Ok(()),
        Err(error) => Failure::output(&error).map(|_| ()),
    }
}
