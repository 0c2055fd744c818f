//! `seedfs write`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::dataset_args::DatasetArguments;
use super::journal_args::JournalArguments;
use super::numa_args::NumaArguments;
use super::progress::ProgressArguments;
use super::queue_args::QueueArguments;
use super::raid;
use super::raid_args::{MemberArguments, RaidArguments};
use super::reporting::{ReportArguments, ReportedRun};
use super::storage_args::{Interruption, PartArguments, TargetArguments, name_failures};
use super::verify::{self, Outputs, VerifyArguments};
use super::{Failure, INTERRUPTED, SYSTEM_FAILED, plain};
use crate::dataset::format_size;
use crate::disk::Disk;
use crate::raid::Geometry;
use crate::report::{RunCommand, Written};
use crate::storage::{
    EarlierReport, Existing, Progress, Root, Share, Transfer, WriteOptions, existing_bytes,
    free_bytes, write_passes,
};

/// Write the dataset's files into a real directory
///
/// The bytes are those that the same options mount. A file has its name only when it is whole. A
/// file that cannot be written is named and counted, and the others are still written. Meanwhile
/// .dummy_data_status_node{K}.json in the directory says how far this node is: 'seedfs status DIR'.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_long_help = "Examples:
  seedfs write --seed 42 -n 100 -s 1G /scratch/test
  seedfs write --seed 42 -n 100 -s 10M --layout 'dummy_n{node}_{file}.dat' /scratch/flat
  srun --ntasks-per-node=1 seedfs write --node-id auto --nodes auto -n 100 -s 1G /scratch/cluster
then
  seedfs status /scratch/test
  seedfs verify --seed 42 -n 100 -s 1G /scratch/test")]
pub(super) struct WriteArguments {
    #[command(flatten)]
    targets: TargetArguments,

    #[command(flatten)]
    dataset: DatasetArguments,

    #[command(flatten, next_help_heading = "Writing")]
    part: PartArguments,

    /// Keep the files that are whole and right, and make the others again
    #[arg(long, conflicts_with = "overwrite", help_heading = "Writing")]
    resume: bool,

    /// Make files again that are there already
    #[arg(long, help_heading = "Writing")]
    overwrite: bool,

    /// Write past the page cache (O_DIRECT); only what remains of a file after its last 4096 bytes
    /// goes through it
    #[arg(long, help_heading = "Writing")]
    direct_io: bool,

    /// Write even if there is not enough free space
    #[arg(long, help_heading = "Writing")]
    force: bool,

    /// Then have the kernel forget what it has cached of the files, and verify them: the result,
    /// and the exit code, are those of 'verify'
    #[arg(long, conflicts_with = "raid", help_heading = "Writing")]
    then_verify: bool,

    /// Print the whole result of --then-verify as JSON
    #[arg(long, requires = "then_verify", help_heading = "Writing")]
    json: bool,

    /// Write the whole result of --then-verify as JSON to a file
    #[arg(long, value_name = "FILE", requires = "then_verify", help_heading = "Writing")]
    report: Option<PathBuf>,

    #[command(flatten)]
    lasting: JournalArguments,

    #[command(flatten, next_help_heading = "Writing")]
    queue: QueueArguments,

    #[command(flatten)]
    raid: RaidArguments,

    #[command(flatten)]
    numa: NumaArguments,

    /// Name each file on standard output as it is made
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Progress")]
    verbose: bool,

    #[command(flatten)]
    progress: ProgressArguments,

    #[command(flatten)]
    reports: ReportArguments,
}

pub(super) fn run(arguments: &WriteArguments) -> Result<ExitCode, Failure> {
    let quiet = arguments.progress.quiet;
    let (dataset, node) = arguments.part.resolve(&arguments.dataset, None, quiet)?;
    let share = Share::new(&dataset, node);
    if let Some(geometry) = arguments.raid.geometry(arguments.targets.all().len() as u64)? {
        return write_arrays(arguments, share, geometry);
    }
    let root = arguments.targets.only()?;
    let rhythm = arguments.lasting.rhythm()?;
    let generations = arguments.lasting.generations(&dataset, arguments.resume)?;
    let shares: Vec<_> = generations.iter().map(|dataset| Share::new(dataset, node)).collect();
    let threads = arguments.part.threads();
    let transfer = if arguments.direct_io { Transfer::Direct } else { Transfer::Cached };
    let options = WriteOptions {
        threads,
        placement: arguments.numa.placement()?,
        transfer,
        requests: arguments.queue.requests(transfer, threads)?,
        existing: match (arguments.resume, arguments.overwrite) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Overwrite,
            _ => Existing::Refuse,
        },
        durability: rhythm.of_each_file(),
    };
    let total_bytes = share.total_bytes(options.threads);
    if !arguments.force {
        check_space(arguments, share, total_bytes, options.existing)?;
    }
    let root = Root::make(Disk::real(), root, rhythm.of_the_root()).map_err(|error| {
        let shown = root.display();
        Failure::system(format!("cannot make the directory '{shown}': {error}"))
    })?;
    if arguments.then_verify {
        // What it could not write in the end is refused now.
        Outputs::new(&verification(arguments))?;
    }
    let journal = arguments.lasting.journal(share, &options, arguments.resume)?;
    let recording = JournalArguments::recording(journal.as_ref(), rhythm);
    let interruption = Interruption::new()?;
    let passes = shares.len() as u64;
    let mut progress = Progress::new(share.file_count() * passes, total_bytes * u128::from(passes));
    if arguments.verbose {
        progress = progress.with_listener(name_file);
    }
    let reported = ReportedRun {
        command: RunCommand::Write,
        share,
        threads: options.threads,
        progress: &progress,
        earlier: match options.existing {
            Existing::Refuse => EarlierReport::KeepUntilWork,
            Existing::Resume | Existing::Overwrite => EarlierReport::Replace,
        },
    };
    let reports = arguments.reports.begin(reported, &root, quiet)?;
    let name = if node.is_some() { format!("{}: ", reports.host()) } else { String::new() };
    let failures = arguments.progress.show(&name, &progress, &|| reports.update(), || {
        write_passes(&root, &shares, options, &recording, (&progress, interruption.stop()))
    });
    let interrupted = interruption.happened();
    reports.end(&failures, interrupted);
    name_failures(&failures);
    arguments.queue.explain(&progress, quiet);
    arguments.progress.conclude(&name, "wrote", &progress);
    reports.conclude();
    let written = conclude(share, failures.total, interrupted, &progress);
    match shares.last().filter(|_| arguments.then_verify && !interrupted) {
        Some(last) => then_verify(arguments, *last, &progress),
        None => Ok(written),
    }
}

/// Verifies what was written, from the storage: also where files failed, which it then names.
fn then_verify(
    arguments: &WriteArguments,
    share: Share<'_>,
    progress: &Progress,
) -> Result<ExitCode, Failure> {
    let done = progress.snapshot();
    let written = Written { files: done.files, bytes: done.bytes, seconds: done.seconds };
    verify::judge(&verification(arguments), share, Some(written))
}

/// What the same files are verified with.
fn verification(arguments: &WriteArguments) -> VerifyArguments {
    VerifyArguments {
        targets: arguments.targets.clone(),
        dataset: arguments.dataset.clone(),
        like: None,
        part: arguments.part.clone(),
        json: arguments.json,
        report: arguments.report.clone(),
        direct_io: arguments.direct_io,
        drop_cache: true,
        sample: None,
        resume: None,
        after_crash: None,
        stop_after: None,
        queue: arguments.queue.clone(),
        raid: arguments.raid.clone(),
        member: MemberArguments::default(),
        device: Vec::new(),
        numa: arguments.numa.clone(),
        progress: arguments.progress,
        reports: arguments.reports.clone(),
    }
}

/// Stripes the files over several directories.
fn write_arrays(
    arguments: &WriteArguments,
    share: Share<'_>,
    geometry: Geometry,
) -> Result<ExitCode, Failure> {
    if arguments.resume {
        let expected = "expected --overwrite, or 'seedfs verify --raid' to see what is missing";
        return Err(Failure::usage(format!("--resume with --raid: {expected}")));
    }
    arguments.reports.refuse_with("--raid")?;
    arguments.queue.refuse_with("--raid")?;
    let transfer = if arguments.direct_io { Transfer::Direct } else { Transfer::Cached };
    let by = (arguments.part.threads(), arguments.numa.placement()?);
    let how = (arguments.overwrite, arguments.lasting.fsync());
    raid::write(raid::RaidWriting {
        share,
        options: raid::write_options(geometry, by, transfer, how),
        directories: arguments.targets.all(),
        force: arguments.force,
        progress: arguments.progress,
        listener: arguments.verbose.then_some(name_file),
    })
}

fn conclude(share: Share<'_>, failed: u64, interrupted: bool, progress: &Progress) -> ExitCode {
    let mut stderr = io::stderr();
    let files = share.file_count();
    if interrupted {
        let done = progress.snapshot().files;
        let _ = writeln!(
            stderr,
            "seedfs: interrupted; {done} of {files} files are whole: the same command with \
             --resume makes the others",
        );
        return INTERRUPTED.into();
    }
    if failed > 0 {
        let _ = writeln!(stderr, "seedfs: {failed} of {files} files failed");
        return SYSTEM_FAILED.into();
    }
    ExitCode::SUCCESS
}

/// Says which file was made. That nobody listens is no reason not to make the next.
fn name_file(path: &str, bytes: u64) {
    let _ = writeln!(io::stdout(), "created {} ({})", plain(path), format_size(bytes));
}

fn check_space(
    arguments: &WriteArguments,
    share: Share<'_>,
    total_bytes: u128,
    existing: Existing,
) -> Result<(), Failure> {
    let root = arguments.targets.only()?;
    let free = free_bytes(root).map_err(|error| {
        Failure::system(format!("cannot ask for the free space of '{}': {error}", root.display()))
    })?;
    let mut needed = total_bytes;
    if needed > free && existing != Existing::Refuse {
        // What is there already takes its place again.
        needed = needed.saturating_sub(existing_bytes(root, share));
    }
    if needed <= free {
        return Ok(());
    }
    let shown = |bytes: u128| format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
    Err(Failure::system(format!(
        "'{}' has {} free, and {} are to be written: --force tries it all the same",
        root.display(),
        shown(free),
        shown(needed),
    )))
}
