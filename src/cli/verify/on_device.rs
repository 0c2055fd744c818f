//! `seedfs verify --device`

use std::path::Path;
use std::process::ExitCode;

use super::{Outputs, VerifyArguments, describe, print};
use crate::cli::Failure;
use crate::cli::device::{DeviceRun, device_exit_code};
use crate::storage::{EarlierSeeds, Share, Transfer};

/// Judges what a device holds.
pub(super) fn run(
    arguments: &VerifyArguments,
    path: &Path,
    (share, earlier): (Share<'_>, &EarlierSeeds),
) -> Result<ExitCode, Failure> {
    arguments.queue.refuse_with("--device")?;
    arguments.targets.refuse_retry_with("--device")?;
    if !arguments.targets.all().is_empty() {
        return Err(Failure::usage("--device: directories are named too; expected only one kind"));
    }
    if arguments.device.len() > 1 {
        return Err(Failure::usage("--device: several are members of an array: expected --raid"));
    }
    for (is_given, option) in [
        (arguments.sample.is_some(), "--sample"),
        (arguments.resume.is_some(), "--resume"),
        (arguments.stop_after.is_some(), "--stop-after"),
    ] {
        if is_given {
            let message = format!("{option} with --device: expected only one of them");
            return Err(Failure::usage(message));
        }
    }
    let run = DeviceRun {
        path,
        share,
        threads: arguments.part.threads(),
        placement: arguments.numa.placement()?,
        transfer: if arguments.direct_io { Transfer::Direct } else { Transfer::Cached },
        progress: arguments.progress,
    };
    let outputs = Outputs::new(arguments)?;
    let outcome = run.verify((arguments.drop_cache, earlier), &arguments.reports)?;
    let shown = path.display().to_string();
    let target = outcome
        .device
        .target_view()
        .map_err(|error| Failure::system(format!("cannot look at '{shown}': {error}")))?;
    let state = &outcome.state;
    let surroundings = state.surroundings(share, (shown, target), &outcome.progress);
    let json = state.verification.document(&surroundings);
    print(arguments, &outputs, json, || describe(&state.verification, &surroundings))?;
    Ok(device_exit_code(&outcome))
}
