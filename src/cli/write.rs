//! `seedfs write`

mod devices;
mod several;
mod then_verify;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::dataset_args::DatasetArguments;
use super::device::WriteEnd;
use super::journal_args::JournalArguments;
use super::numa_args::NumaArguments;
use super::progress::ProgressArguments;
use super::queue_args::QueueArguments;
use super::raid;
use super::raid_args::RaidArguments;
use super::reporting::{ReportArguments, ReportedRun};
use super::storage_args::{Interruption, PartArguments, TargetArguments, name_failures};
use super::values::number;
use super::verify::{self, Outputs};
use super::{Failure, INTERRUPTED, SYSTEM_FAILED, plain};
use crate::dataset::{Dataset, format_size};
use crate::disk::{Disk, Durability};
use crate::raid::Geometry;
use crate::report::{RunCommand, WrittenBefore};
use crate::storage::{
    EarlierReport, Existing, Progress, ProgressSnapshot, Recording, Root, Share, TARGETS_MAX,
    Targets, Transfer, WriteOptions, existing_bytes, free_bytes, write_passes,
};
use then_verify::ThenVerifyArguments;

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
  seedfs write --seed 42 -n 100 -s 1G --device /dev/sdb --yes-destroy
  srun --ntasks-per-node=1 seedfs write --node-id auto --nodes auto -n 100 -s 1G /scratch/cluster
then
  seedfs status /scratch/test
  seedfs verify --seed 42 -n 100 -s 1G /scratch/test")]
pub(super) struct WriteArguments {
    #[command(flatten)]
    targets: TargetArguments,

    /// Write the files one after another to this block device or file instead, from its first byte
    /// on; with --raid once for each member of an array, in their order
    #[arg(
        long,
        value_name = "DEVICE",
        conflicts_with_all = [
            "directories", "spread", "copies", "resume", "overwrite", "force", "verbose",
        ]
    )]
    device: Vec<PathBuf>,

    /// Give up what the devices hold; one that is mounted, in use or partitioned is refused all the
    /// same
    #[arg(long, requires = "device")]
    yes_destroy: bool,

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

    /// Spread the files over several directories: as many in each (even), or by the free space that
    /// each has at the start (free) [default: even, or as it was before]
    #[arg(long, value_name = "HOW", help_heading = "Targets")]
    spread: Option<SpreadChoice>,

    /// Copies of each file, on as many different directories; where one of them fails, its files
    /// are made on others [default: 1, or as it was before]
    #[arg(
        long,
        value_name = "N",
        value_parser = number(1..=TARGETS_MAX),
        help_heading = "Targets"
    )]
    copies: Option<usize>,

    /// Write even if there is not enough free space
    #[arg(long, help_heading = "Writing")]
    force: bool,

    #[command(flatten, next_help_heading = "Writing")]
    queue: QueueArguments,

    #[command(flatten)]
    then: ThenVerifyArguments,

    #[command(flatten)]
    lasting: JournalArguments,

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

/// How files are spread over several directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SpreadChoice {
    /// As many in each.
    Even,
    /// By free space.
    Free,
}

pub(super) fn run(arguments: &WriteArguments) -> Result<ExitCode, Failure> {
    let quiet = arguments.progress.quiet;
    let (dataset, node) = arguments.part.resolve(&arguments.dataset, None, quiet)?;
    let share = Share::new(&dataset, node);
    if let [path, ..] = &arguments.device[..] {
        return devices::run(arguments, share, path);
    }
    if let Some(geometry) = arguments.raid.geometry(arguments.targets.all().len() as u64)? {
        return write_arrays(arguments, share, geometry);
    }
    let directory = arguments.targets.first()?;
    let options = arguments.options()?;
    let verification = arguments.verification();
    if let Some(verification) = &verification {
        // What it could not write in the end is refused now.
        Outputs::new(verification)?;
    }
    let generations = arguments.lasting.generations(&dataset, arguments.resume)?;
    let last = generations.last().unwrap_or(&dataset);
    let (code, written) = if arguments.is_spread() {
        arguments.lasting.refuse_with_several()?;
        several::run(arguments, (&dataset, node), arguments.roots(options)?, options)?
    } else {
        write_one(arguments, (&generations, node), directory, options)?
    };
    match (verification, written) {
        // Also where files failed: it names them.
        (Some(verification), Some(written)) => {
            verify::judge(&verification, (last, node), Some(self::written(written)))
        }
        _ => Ok(code),
    }
}

/// Writes the files of a node, or of all, to one directory, in each of some generations.
fn write_one(
    arguments: &WriteArguments,
    (generations, node): (&[Dataset], Option<u16>),
    directory: &Path,
    options: WriteOptions,
) -> Result<WriteEnd, Failure> {
    let quiet = arguments.progress.quiet;
    let rhythm = arguments.lasting.rhythm()?;
    let shares: Vec<_> = generations.iter().map(|dataset| Share::new(dataset, node)).collect();
    let share = shares[0];
    let total_bytes = share.total_bytes(options.threads);
    if !arguments.force {
        check_space(directory, share, total_bytes, options.existing)?;
    }
    let root = make(directory, rhythm.of_the_root())?;
    let journal = arguments.lasting.journal(share, &options, (&root, quiet))?;
    let recording = Recording { journal: journal.as_ref(), rhythm };
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
        targets: &[],
    };
    let reports = arguments.reports.begin(reported, &[&root], quiet)?;
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
    let end = (failures.total, interrupted, arguments.lasting.can_be_resumed());
    let code = conclude(share.file_count() * passes, end, &progress);
    Ok((code, (!interrupted).then(|| progress.snapshot())))
}

fn written(ProgressSnapshot { files, bytes, seconds, .. }: ProgressSnapshot) -> WrittenBefore {
    WrittenBefore { files, bytes, seconds }
}

impl WriteArguments {
    fn options(&self) -> Result<WriteOptions, Failure> {
        let threads = self.part.threads_for(self.targets.all().len());
        let transfer = if self.direct_io { Transfer::Direct } else { Transfer::Cached };
        Ok(WriteOptions {
            threads,
            placement: self.numa.placement()?,
            transfer,
            requests: self.queue.requests(transfer, threads)?,
            existing: match (self.resume, self.overwrite) {
                (true, _) => Existing::Resume,
                (_, true) => Existing::Overwrite,
                _ => Existing::Refuse,
            },
            durability: self.lasting.rhythm()?.of_each_file(),
            patience: self.targets.patience(),
        })
    }

    /// Whether files are spread over directories, if only over one by now.
    fn is_spread(&self) -> bool {
        let [only] = self.targets.all() else { return true };
        self.spread.is_some()
            || self.copies.is_some()
            || Root::open(Disk::real(), only).is_ok_and(|root| Targets::is_one(&root))
    }

    /// The directories, made where they do not exist.
    fn roots(&self, options: WriteOptions) -> Result<Vec<Root>, Failure> {
        self.targets.all().iter().map(|path| make(path, options.durability)).collect()
    }
}

fn make(directory: &Path, durability: Durability) -> Result<Root, Failure> {
    Root::make(Disk::real(), directory, durability).map_err(|error| {
        let shown = directory.display();
        Failure::system(format!("cannot make the directory '{shown}': {error}"))
    })
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
    if arguments.spread.is_some() || arguments.copies.is_some() {
        let expected = "expected --raid, or --spread and --copies";
        return Err(Failure::usage(format!("--spread or --copies with --raid: {expected}")));
    }
    arguments.targets.refuse_retry_with("--raid")?;
    arguments.reports.refuse_with("--raid")?;
    arguments.queue.refuse_with("--raid")?;
    let transfer = if arguments.direct_io { Transfer::Direct } else { Transfer::Cached };
    let by = (arguments.part.threads(), arguments.numa.placement()?);
    let how = (arguments.overwrite, arguments.lasting.fsync());
    raid::write(&raid::RaidWriting {
        share,
        options: raid::write_options(geometry, by, transfer, how),
        directories: arguments.targets.all(),
        force: arguments.force,
        progress: arguments.progress,
        listener: arguments.verbose.then_some(name_file),
    })
}

fn conclude(
    files: u64,
    (failed, interrupted, can_be_resumed): (u64, bool, bool),
    progress: &Progress,
) -> ExitCode {
    let mut stderr = io::stderr();
    if interrupted {
        let done = progress.snapshot().files;
        let next =
            if can_be_resumed { "--resume makes the others" } else { "--overwrite begins anew" };
        let _ = writeln!(
            stderr,
            "seedfs: interrupted; {done} of {files} files are whole: the same command with {next}",
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
    root: &Path,
    share: Share<'_>,
    total_bytes: u128,
    existing: Existing,
) -> Result<(), Failure> {
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
    Err(no_space(&root.display().to_string(), (free, needed)))
}

fn no_space(directories: &str, (free, needed): (u128, u128)) -> Failure {
    let shown = |bytes: u128| format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
    Failure::system(format!(
        "'{directories}' has {} free, and {} are to be written: --force tries it all the same",
        shown(free),
        shown(needed),
    ))
}
