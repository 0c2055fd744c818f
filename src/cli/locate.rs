//! `seedfs locate`

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Failure;
use super::dataset_args::DatasetArguments;
use crate::content::{Content, Source};
use crate::dataset::Dataset;
use crate::report::SourceView;

/// Say where bytes come from
///
/// Reads a file or standard input and names each run of bytes that is content of the dataset's
/// seed: which file, and which offset in it, at any alignment. A run is found where it holds two
/// whole blocks of 16 bytes, as any 47 bytes do; in the dataset that the options describe one is
/// enough, as any 31 bytes hold.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  dd if=/dev/sdb bs=1M count=64 | seedfs locate --seed 42 --nodes 4 --processes 8 --size 10G")]
pub(super) struct LocateArguments {
    #[command(flatten)]
    dataset: DatasetArguments,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// The bytes; without it, standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// How much is looked at at once.
const PIECE_BYTES: usize = 4 << 20;

/// What the next look sees again, so that no run is missed because it lies across two of them.
const OVERLAP_BYTES: usize = 31;

pub(super) fn run(arguments: &LocateArguments) -> Result<ExitCode, Failure> {
    let dataset = arguments.dataset.dataset()?;
    let (mut input, name): (Box<dyn Read>, _) = match &arguments.file {
        None => (Box::new(io::stdin().lock()), "standard input".to_owned()),
        Some(path) => {
            let name = format!("'{}'", path.display());
            let file = File::open(path)
                .map_err(|error| Failure::usage(format!("cannot open {name}: {error}")))?;
            if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
                return Err(Failure::usage(format!("{name} is a directory; expected a file")));
            }
            (Box::new(file), name)
        }
    };
    let out = BufWriter::new(io::stdout().lock());
    let mut report =
        Report { dataset: &dataset, json: arguments.json, out, open: None, first: true };
    let outcome = report
        .begin()
        .map_err(Trouble::Output)
        .and_then(|()| search(&dataset, &mut input, &mut report))
        .and_then(|end| report.finish(end).map_err(Trouble::Output));
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Trouble::Input(error)) => Err(Failure::system(format!("cannot read {name}: {error}"))),
        Err(Trouble::Output(error)) => Failure::output(&error),
    }
}

enum Trouble {
    Input(io::Error),
    Output(io::Error),
}

/// Searches the input piece by piece and returns its length.
fn search(
    dataset: &Dataset,
    input: &mut dyn Read,
    report: &mut Report<'_, impl Write>,
) -> Result<u64, Trouble> {
    let content = Content::of(dataset);
    let mut piece = Vec::with_capacity(PIECE_BYTES + OVERLAP_BYTES);
    let mut start = 0;
    loop {
        let seen = piece.len();
        let read =
            input.take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(Trouble::Input)?;
        if read == 0 {
            return Ok(start + seen as u64);
        }
        let mut written = Ok(());
        content.locate(&piece, dataset, &mut |run| {
            if written.is_ok() {
                written = report.found(start + run.at as u64, run.len as u64, run.source);
            }
        });
        written.map_err(Trouble::Output)?;
        let done = piece.len() - piece.len().min(OVERLAP_BYTES);
        piece.drain(..done);
        start += done as u64;
    }
}

/// One run of the input whose origin is known.
#[derive(Clone, Copy)]
struct KnownRun {
    start: u64,
    end: u64,
    source: Source,
}

/// Prints runs as they are found, those that go on from one piece to the next as one.
struct Report<'a, W: Write> {
    dataset: &'a Dataset,
    json: bool,
    out: W,
    /// The last run, which may go on.
    open: Option<KnownRun>,
    first: bool,
}

impl<W: Write> Report<'_, W> {
    fn begin(&mut self) -> io::Result<()> {
        if self.json {
            write!(self.out, "{{\"schema\":1,\"ranges\":[")
        } else {
            writeln!(self.out, "{:>16} {:>16}  SOURCE", "OFFSET", "LENGTH")
        }
    }

    fn found(&mut self, start: u64, length: u64, source: Source) -> io::Result<()> {
        let run = KnownRun { start, end: start + length, source };
        if let Some(open) = &mut self.open {
            let same = open.source.file == run.source.file
                && open.source.offset + (run.start - open.start) == run.source.offset;
            if same && run.start <= open.end {
                open.end = open.end.max(run.end);
                return Ok(());
            }
        }
        self.close(run.start)?;
        self.open = Some(run);
        Ok(())
    }

    /// Prints the last run and what lies between it and the next.
    fn close(&mut self, until: u64) -> io::Result<()> {
        let unknown = match self.open.take() {
            Some(run) => {
                let end = run.end.min(until);
                self.print(run.start, end, Some(run.source))?;
                end
            }
            None => 0,
        };
        if unknown < until { self.print(unknown, until, None) } else { Ok(()) }
    }

    fn print(&mut self, start: u64, end: u64, source: Option<Source>) -> io::Result<()> {
        let length = end - start;
        let source = source.map(|source| SourceView::new(self.dataset, source));
        if self.json {
            let comma = if self.first { "" } else { "," };
            self.first = false;
            let range = json!({ "offset": start, "length": length, "source": source });
            return write!(self.out, "{comma}\n{range}");
        }
        let source = source.map_or_else(|| "unknown".to_owned(), |source| source.to_string());
        writeln!(self.out, "{start:>16} {length:>16}  {source}")
    }

    fn finish(&mut self, end: u64) -> io::Result<()> {
        self.close(end)?;
        if self.json {
            writeln!(self.out, "\n]}}")?;
        }
        self.out.flush()
    }
}
