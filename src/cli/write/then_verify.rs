//! `seedfs write --then-verify`

use std::path::PathBuf;

use clap::Args;

use super::WriteArguments;
use crate::cli::raid_args::MemberArguments;
use crate::cli::verify::VerifyArguments;

/// Whether what was written is verified, and where the result goes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Writing")]
pub(super) struct ThenVerifyArguments {
    /// Then have the kernel forget what it has cached of the files, and verify them: the result,
    /// and the exit code, are those of 'verify'
    #[arg(long, conflicts_with = "raid")]
    then_verify: bool,

    /// Print the whole result of --then-verify as JSON
    #[arg(long, requires = "then_verify")]
    json: bool,

    /// Write the whole result of --then-verify as JSON to a file
    #[arg(long, value_name = "FILE", requires = "then_verify")]
    report: Option<PathBuf>,
}

impl WriteArguments {
    /// What the same files are verified with, if they are to be.
    pub(super) fn verification(&self) -> Option<VerifyArguments> {
        self.then.then_verify.then(|| VerifyArguments {
            targets: self.targets.clone(),
            dataset: self.dataset.clone(),
            like: None,
            part: self.part.clone(),
            json: self.then.json,
            report: self.then.report.clone(),
            direct_io: self.direct_io,
            drop_cache: true,
            sample: None,
            resume: None,
            after_crash: None,
            stop_after: None,
            queue: self.queue.clone(),
            raid: self.raid.clone(),
            member: MemberArguments::default(),
            also_seed: Vec::new(),
            device: Vec::new(),
            numa: self.numa.clone(),
            progress: self.progress,
            reports: self.reports.clone(),
        })
    }
}
