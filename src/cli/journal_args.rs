//! The options of `write` that are about what lasts: when it syncs, and what it remembers of that.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::values::{number, size};
use crate::dataset::Dataset;
use crate::disk::Disk;
use crate::storage::{
    Existing, Journal, JournalOf, Output, PASSES_MAX, Rhythm, Root, Share, WriteOptions,
    generations,
};

/// When to sync, and what to remember.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Lasting")]
pub(super) struct JournalArguments {
    /// Have each file on the storage before it gets its name, and then the name
    #[arg(long, conflicts_with_all = ["sync_every", "sync_at_end"])]
    fsync: bool,

    /// The same, and have each file on the storage after so many of its bytes too
    #[arg(long, value_name = "SIZE", conflicts_with_all = ["sync_at_end", "raid", "device"])]
    sync_every: Option<String>,

    /// Have all files, and then their names, on the storage when all are written; with --passes,
    /// after each pass
    #[arg(long, conflicts_with_all = ["raid", "device"])]
    sync_at_end: bool,

    /// Record in this file, which should be on another disk or machine, what the storage has
    /// acknowledged: after a crash 'verify --after-crash FILE' says what it has lost of that
    #[arg(long, value_name = "FILE", conflicts_with_all = ["raid", "device"])]
    journal: Option<PathBuf>,

    /// Write so many generations, each over the one before, in place, 1 to 256: so that bytes that
    /// are stale after a crash are found
    #[arg(
        long,
        value_name = "N",
        value_parser = number(1..=PASSES_MAX),
        conflicts_with_all = ["raid", "device", "retry"],
        default_value = "1",
        hide_default_value = true
    )]
    passes: u16,
}

impl JournalArguments {
    /// Whether each file is to be on the storage before it gets its name.
    pub(super) fn fsync(&self) -> bool {
        self.fsync
    }

    /// When to sync.
    pub(super) fn rhythm(&self) -> Result<Rhythm, Failure> {
        if let Some(text) = &self.sync_every {
            let expected = "a size of 1 byte or more, such as 64K or 1M";
            let bytes = size("--sync-every", text, &(1..=u64::MAX), expected)?;
            return Ok(Rhythm::Every(bytes));
        }
        Ok(match (self.fsync, self.sync_at_end) {
            (true, _) => Rhythm::EachFile,
            (_, true) => Rhythm::AtEnd,
            _ => Rhythm::Never,
        })
    }

    /// Whether a run that ends early can be gone on with.
    pub(super) fn can_be_resumed(&self) -> bool {
        self.passes == 1 || self.journal.is_some()
    }

    /// The dataset in each of the generations that are written.
    pub(super) fn generations(
        &self,
        dataset: &Dataset,
        resume: bool,
    ) -> Result<Vec<Dataset>, Failure> {
        let passes = self.passes;
        if resume && !self.can_be_resumed() {
            return Err(Failure::usage(format!(
                "--passes {passes}: only a journal knows in which pass a run was; expected \
                 --resume together with --journal FILE"
            )));
        }
        generations(dataset, passes).map_err(Failure::usage)
    }

    /// Begins the journal, or goes on with the one that is there. Says so where it will not
    /// outlive the files.
    pub(super) fn journal(
        &self,
        share: Share<'_>,
        options: &WriteOptions,
        (root, quiet): (&Root, bool),
    ) -> Result<Option<Journal>, Failure> {
        let Some(path) = &self.journal else { return Ok(None) };
        let of =
            JournalOf { share, passes: self.passes, write_bytes: options.requests.write_bytes() };
        let resume = options.existing == Existing::Resume;
        let shown = path.display();
        let journal = Output::new(Disk::real(), path)
            .map_err(Into::into)
            .and_then(|output| Journal::begin(output, of, resume))
            .map_err(|error| Failure::usage(format!("--journal '{shown}': {error}")))?;
        if !quiet && journal.is_beside(root).unwrap_or(false) {
            let _ = writeln!(
                io::stderr(),
                "seedfs: --journal '{shown}' is on the file system that is written to: a crash \
                 that takes the files may take it too"
            );
        }
        Ok(Some(journal))
    }

    /// Refuses what one directory is needed for.
    pub(super) fn refuse_with_several(&self) -> Result<(), Failure> {
        let one = [
            (self.sync_every.is_some(), "--sync-every"),
            (self.sync_at_end, "--sync-at-end"),
            (self.journal.is_some(), "--journal"),
            (self.passes > 1, "--passes"),
        ];
        match one.iter().find(|(is_there, _)| *is_there) {
            None => Ok(()),
            Some((_, option)) => Err(Failure::usage(format!(
                "{option}: the files are spread over targets; expected one directory, without \
                 --spread and --copies"
            ))),
        }
    }
}
