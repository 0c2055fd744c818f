//! `seedfs write`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::dataset_args::DatasetArguments;
use super::numa_args::NumaArguments;
use super::progress::ProgressArguments;
use super::storage_args::{Interruption, PartArguments, name_failures};
use super::{Failure, INTERRUPTED, SYSTEM_FAILED};
use crate::dataset::format_size;
use crate::disk::{Disk, Durability};
use crate::storage::{
    Existing, Progress, Root, Share, StatusKeeper, Transfer, WriteOptions, existing_bytes,
    free_bytes, write,
};
use crate::sync::Mutex;

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
    /// The directory to write to, which is made if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,

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

    /// Have each file on the storage before it gets its name
    #[arg(long, help_heading = "Writing")]
    fsync: bool,

    /// Write past the page cache (O_DIRECT); only what remains of a file after its last 4096 bytes
    /// goes through it
    #[arg(long, help_heading = "Writing")]
    direct_io: bool,

    /// Write even if there is not enough free space
    #[arg(long, help_heading = "Writing")]
    force: bool,

    #[command(flatten)]
    numa: NumaArguments,

    #[command(flatten)]
    progress: ProgressArguments,
}

pub(super) fn run(arguments: &WriteArguments) -> Result<ExitCode, Failure> {
    let quiet = arguments.progress.quiet;
    let (dataset, node) = arguments.part.resolve(&arguments.dataset, None, quiet)?;
    let share = Share::new(&dataset, node);
    let root = &arguments.directory;
    let options = WriteOptions {
        threads: arguments.part.threads(),
        placement: arguments.numa.placement()?,
        transfer: if arguments.direct_io { Transfer::Direct } else { Transfer::Cached },
        existing: match (arguments.resume, arguments.overwrite) {
            (true, _) => Existing::Resume,
            (_, true) => Existing::Overwrite,
            _ => Existing::Refuse,
        },
        durability: if arguments.fsync { Durability::Synced } else { Durability::Later },
    };
    let total_bytes = share.total_bytes(options.threads);
    if !arguments.force {
        check_space(arguments, share, total_bytes, options.existing)?;
    }
    let root = Root::make(Disk::real(), root, options.durability).map_err(|error| {
        let shown = arguments.directory.display();
        Failure::system(format!("cannot make the directory '{shown}': {error}"))
    })?;
    let interruption = Interruption::new()?;
    let progress = Progress::new(share.file_count(), total_bytes);
    let keeper = StatusKeeper::new(&root, share, total_bytes, &options);
    // The files are what was asked for: a node status that cannot be written does not stop them.
    let unsaid = Mutex::new(None);
    let each_second = || {
        let failed = keeper.update(&progress).err();
        *unsaid.lock() = failed;
    };
    let name = if node.is_some() { format!("{}: ", keeper.hostname()) } else { String::new() };
    let failures = arguments.progress.show(&name, &progress, &each_second, || {
        write(&root, share, options, &progress, interruption.stop())
    });
    if let Some(error) = unsaid.into_inner() {
        let name = keeper.name().display();
        let _ = writeln!(io::stderr(), "seedfs: {name}, which says how far this is: {error}");
    }
    name_failures(&failures);
    arguments.progress.conclude(&name, "wrote", &progress);
    if interruption.happened() {
        let done = progress.snapshot().files;
        let mut stderr = io::stderr();
        let _ = writeln!(
            stderr,
            "seedfs: interrupted; {done} of {} files are whole: the same command with --resume \
             makes the others",
            share.file_count()
        );
        return Ok(INTERRUPTED.into());
    }
    if failures.total > 0 {
        let _ = writeln!(
            io::stderr(),
            "seedfs: {} of {} files failed",
            failures.total,
            share.file_count()
        );
        return Ok(SYSTEM_FAILED.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn check_space(
    arguments: &WriteArguments,
    share: Share<'_>,
    total_bytes: u128,
    existing: Existing,
) -> Result<(), Failure> {
    let root = &arguments.directory;
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
