//! `seedfs sums`

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::dataset_args::DatasetArguments;
use super::progress::ProgressArguments;
use super::storage_args::{Interruption, PartArguments};
use super::values::{Words, word};
use super::{Failure, INTERRUPTED, pool};
use crate::disk::Disk;
use crate::storage::{Algorithm, Output, Progress, Share, SumsOptions, sums};

/// Write a manifest of the dataset, with no storage read or written
///
/// The hash and the path of each file, in the form that b3sum --check, sha256sum -c, sha512sum -c,
/// md5sum -c and xxhsum -c read.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  seedfs sums --seed 42 -n 100 -s 1G > manifest
  (cd /scratch/test && b3sum --check) < manifest")]
pub(super) struct SumsArguments {
    #[command(flatten)]
    dataset: DatasetArguments,

    #[command(flatten, next_help_heading = "Sums")]
    part: PartArguments,

    /// The hash
    #[arg(
        long,
        value_name = "NAME",
        default_value = "blake3",
        value_parser = word(ALGORITHMS),
        help_heading = "Sums"
    )]
    algorithm: Algorithm,

    /// Write to a file, not to standard output
    #[arg(short, long, value_name = "FILE", help_heading = "Sums")]
    output: Option<PathBuf>,

    #[command(flatten)]
    progress: ProgressArguments,
}

const ALGORITHMS: Words<Algorithm> = &[
    ("blake3", "for b3sum --check", Algorithm::Blake3),
    ("sha256", "for sha256sum -c", Algorithm::Sha256),
    ("sha512", "for sha512sum -c", Algorithm::Sha512),
    ("md5", "for md5sum -c", Algorithm::Md5),
    ("xxh3", "64 bits, for xxhsum -c", Algorithm::Xxh3),
    ("crc32c", "for storage that speaks it", Algorithm::Crc32c),
];

pub(super) fn run(arguments: &SumsArguments) -> Result<ExitCode, Failure> {
    let quiet = arguments.progress.quiet;
    let (dataset, node) = arguments.part.resolve(&arguments.dataset, None, quiet)?;
    let share = Share::new(&dataset, node);
    let threads = arguments.part.threads();
    pool::start(Some(threads));
    let options = SumsOptions { algorithm: arguments.algorithm, threads };
    let interruption = Interruption::new()?;
    let progress = Progress::new(share.file_count(), share.total_bytes(threads));
    let output = arguments.output.as_deref().map(|path| {
        Output::new(Disk::real(), path)
            .map_err(|error| Failure::usage(format!("--output '{}': {error}", path.display())))
    });
    let output = output.transpose()?;
    let written = arguments.progress.show("", &progress, &|| {}, || {
        let stop = interruption.stop();
        let Some(output) = &output else {
            let mut out = BufWriter::new(io::stdout());
            return sums(share, options, &mut out, &progress, stop).and_then(|()| out.flush());
        };
        let mut out = BufWriter::new(output.begin()?);
        sums(share, options, &mut out, &progress, stop)?;
        // What was interrupted is no manifest: the file stays the one before.
        if stop.is_set() { Ok(()) } else { out.into_inner()?.finish() }
    });
    if interruption.happened() {
        return Ok(INTERRUPTED.into());
    }
    match written {
        Ok(()) => {
            arguments.progress.conclude("", arguments.algorithm.name(), &progress);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => match &arguments.output {
            None => Failure::output(&error),
            Some(path) => {
                Err(Failure::system(format!("cannot write '{}': {error}", path.display())))
            }
        },
    }
}
