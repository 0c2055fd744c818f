//! `seedfs repair --raid`

use std::process::ExitCode;

use super::{RepairArguments, open_report};
use crate::cli::Failure;
use crate::cli::raid::{RaidMending, RaidReading, repair};
use crate::cli::raid_args::NamedMembers;
use crate::storage::{Share, Transfer};

/// Makes the members of arrays whole.
pub(super) fn run(
    arguments: &RepairArguments,
    share: Share<'_>,
    members: NamedMembers,
) -> Result<ExitCode, Failure> {
    if arguments.from.is_some() {
        return Err(Failure::usage("--from with --raid: expected only one of them"));
    }
    if members.devices.is_none() && members.paths.iter().any(Option::is_none) {
        let expected = "expected the directories of all members, or --device";
        return Err(Failure::usage(format!("--member: {expected}")));
    }
    repair(&RaidMending {
        reading: RaidReading {
            share,
            members,
            seeds: (&[], Vec::new()),
            threads: arguments.part.threads(),
            placement: arguments.numa.placement()?,
            transfer: if arguments.direct_io { Transfer::Direct } else { Transfer::Cached },
            drop_cache: false,
            progress: arguments.progress,
            json: arguments.json,
            report: open_report(arguments.report.as_ref())?,
        },
        durability: arguments.durability(),
        is_dry: arguments.dry_run,
        force: arguments.force,
        yes_destroy: arguments.yes_destroy,
    })
}
