//! `seedfs write --device`

use std::path::Path;
use std::process::ExitCode;

use super::{WriteArguments, written};
use crate::cli::device::DeviceRun;
use crate::cli::verify::{self, Outputs};
use crate::cli::{Failure, raid};
use crate::storage::{Share, Transfer};

/// Writes the files one after another to a device, or to the members of an array.
pub(super) fn run(
    arguments: &WriteArguments,
    share: Share<'_>,
    first: &Path,
) -> Result<ExitCode, Failure> {
    arguments.queue.refuse_with("--device")?;
    arguments.targets.refuse_retry_with("--device")?;
    let run = DeviceRun {
        path: first,
        share,
        threads: arguments.part.threads_for(arguments.device.len()),
        placement: arguments.numa.placement()?,
        transfer: if arguments.direct_io { Transfer::Direct } else { Transfer::Cached },
        progress: arguments.progress,
    };
    match arguments.raid.geometry(arguments.device.len() as u64)? {
        Some(geometry) => {
            arguments.reports.refuse_with("--raid")?;
            raid::write_devices(run, &arguments.device, geometry, arguments.yes_destroy)
        }
        None if arguments.device.len() > 1 => {
            Err(Failure::usage("--device: several are members of an array: expected --raid"))
        }
        None => one(arguments, run),
    }
}

/// Writes the files one after another to a device, and verifies them where that is asked for.
fn one(arguments: &WriteArguments, run: DeviceRun<'_>) -> Result<ExitCode, Failure> {
    let verification = arguments.verification();
    if let Some(verification) = &verification {
        // What it could not write in the end is refused now.
        Outputs::new(verification)?;
    }
    match (verification, run.write(arguments.yes_destroy, &arguments.reports)?) {
        (Some(verification), (_, Some(end))) => {
            verify::judge_device(&verification, run.path, (run.share, Some(written(end))))
        }
        (_, (code, _)) => Ok(code),
    }
}
