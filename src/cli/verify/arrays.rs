//! `seedfs verify --raid`

use std::process::ExitCode;

use super::super::raid;
use super::super::raid_args::NamedMembers;
use super::{Failure, Outputs, VerifyArguments};
use crate::content::Content;
use crate::storage::{Share, Transfer};

/// Judges the members.
pub(super) fn run(
    arguments: &VerifyArguments,
    share: Share<'_>,
    members: NamedMembers,
) -> Result<ExitCode, Failure> {
    let refused = [
        (arguments.sample.is_some(), "--sample"),
        (arguments.resume.is_some(), "--resume"),
        (arguments.stop_after.is_some(), "--stop-after"),
    ];
    if let Some((_, option)) = refused.into_iter().find(|(is_asked, _)| *is_asked) {
        return Err(Failure::usage(format!("{option} with --raid: expected only one of them")));
    }
    arguments.reports.refuse_with("--raid")?;
    arguments.queue.refuse_with("--raid")?;
    let Outputs { report, .. } = Outputs::new(arguments)?;
    let seeds = &arguments.also_seed[..];
    let content_under = |seed: &String| {
        let other = arguments.dataset.under_seed(seed);
        let (dataset, _) = arguments.part.resolve(&other, None, true)?;
        Ok(Content::of(&dataset))
    };
    let contents = seeds.iter().map(content_under).collect::<Result<_, Failure>>()?;
    raid::verify(&raid::RaidReading {
        share,
        members,
        seeds: (seeds, contents),
        threads: arguments.part.threads(),
        placement: arguments.numa.placement()?,
        transfer: if arguments.direct_io { Transfer::Direct } else { Transfer::Cached },
        drop_cache: arguments.drop_cache,
        progress: arguments.progress,
        json: arguments.json,
        report,
    })
}
