//! `seedfs cat`

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::dataset_args::DatasetArguments;
use super::numa_args::NumaArguments;
use super::values::size;
use crate::content::Content;
use crate::dataset::Dataset;
use crate::numa::{Pools, Topology, Workers};

/// Write a file of the dataset to standard output, with no mount
///
/// The bytes are those that the same options mount.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  seedfs cat --seed 42 --nodes 4 --processes 8 --size 10G node_2/process_1 | sha256sum")]
pub(super) struct CatArguments {
    #[command(flatten)]
    dataset: DatasetArguments,

    /// Begin at this byte, 0 to the file's size
    #[arg(long, value_name = "SIZE", default_value = "0", allow_hyphen_values = true)]
    offset: String,

    /// Write this many bytes, or up to the end if there are fewer [default: all]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    length: Option<String>,

    #[command(flatten)]
    numa: NumaArguments,

    /// A path in the dataset, like node_2/process_1
    #[arg(value_name = "PATH")]
    path: String,
}

/// How much is generated between two writes: enough to keep the cores busy, and no more memory.
const PIECE_BYTES: usize = 4 << 20;

/// What `--offset` and `--length` take.
const SIZE: &str = "a size, like 4096 or 1M";

pub(super) fn run(arguments: &CatArguments) -> Result<ExitCode, Failure> {
    let dataset = arguments.dataset.dataset()?;
    let path = arguments.path.trim_start_matches('/');
    let file = dataset.namespace().coordinates(path).ok_or_else(|| {
        Failure::usage(format!(
            "path '{}': not a file of this dataset; expected paths like '{}'",
            arguments.path,
            first_path(&dataset)
        ))
    })?;
    let size_bytes = dataset.size_bytes(file);
    let start = size("--offset", &arguments.offset, &(0..=u64::MAX), SIZE)?;
    if start > size_bytes {
        return Err(Failure::usage(format!(
            "--offset '{}': past the end; expected 0 to {size_bytes}",
            arguments.offset
        )));
    }
    let length = match &arguments.length {
        None => u64::MAX,
        Some(length) => size("--length", length, &(0..=u64::MAX), SIZE)?,
    };
    let end = start.saturating_add(length).min(size_bytes);
    let topology = Topology::here();
    let nodes = arguments.numa.placement()?.choose(&topology).unwrap_or_default();
    let pools = Pools::new(&topology, nodes);
    let content = Content::of(&dataset);
    let mut buffer = vec![0; PIECE_BYTES];
    let mut stdout = io::stdout().lock();
    let mut offset = start;
    while offset < end {
        let length = usize::try_from(end - offset).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let piece = &mut buffer[..length];
        pools.fill(Workers::default(), piece, |at, part| {
            content.fill(file, offset + at as u64, part);
        });
        if let Err(error) = stdout.write_all(piece) {
            return Failure::output(&error);
        }
        offset += length as u64;
    }
    match stdout.flush() {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Failure::output(&error),
    }
}

/// The first file there is, as an example.
fn first_path(dataset: &Dataset) -> String {
    dataset.namespace().path_of(crate::dataset::Coordinates::default()).unwrap_or_default()
}
