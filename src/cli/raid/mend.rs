//! `seedfs repair --raid`: members made whole.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{RaidReading, expected_work, layout_on_devices, places};
use crate::cli::device::DeviceRun;
use crate::cli::storage_args::Interruption;
use crate::cli::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED};
use crate::disk::Durability;
use crate::storage::{
    DeviceAccess, MemberSlot, RaidFindings, RaidMended, Transfer, arrays_of_others, raid_repair,
    raid_verify,
};

/// What the options of a repair say beside those of a verification.
pub(in crate::cli) struct RaidMending<'a> {
    pub(in crate::cli) reading: RaidReading<'a>,
    pub(in crate::cli) durability: Durability,
    pub(in crate::cli) is_dry: bool,
    /// Also where nothing that is there is content of the dataset.
    pub(in crate::cli) force: bool,
    /// Also block devices that hold something else.
    pub(in crate::cli) yes_destroy: bool,
}

pub(in crate::cli) fn repair(mending: &RaidMending<'_>) -> Result<ExitCode, Failure> {
    let RaidMending { reading, is_dry, .. } = mending;
    let RaidReading { share, members, .. } = reading;
    let (share, geometry) = (*share, members.geometry);
    let roots = members.open()?;
    for (member, slot) in roots.iter().enumerate() {
        if matches!(slot, MemberSlot::Missing) {
            let shown = members.names().remove(member).unwrap_or_default();
            let expected = "expected an empty directory in the place of a member that is lost";
            return Err(Failure::usage(format!("'{shown}' is not there: {expected}")));
        }
    }
    guard(mending)?;
    let layout = layout_on_devices(share, members)?;
    let places = places(members, &roots, layout.as_ref());
    if !mending.force && arrays_of_others(&places, share, geometry) {
        return Err(Failure::usage(
            "nothing that was read of the members is content of this dataset: expected the \
             options that they were written with; --force repairs them all the same",
        ));
    }
    let options = reading.options();
    let interruption = Interruption::new()?;
    let progress = expected_work(share, geometry, &roots, layout.as_ref());
    let watch = (&progress, interruption.stop());
    let (found, made) = reading.progress.show("", &progress, &|| {}, || {
        if *is_dry {
            return (raid_verify(&places, share, options, watch.0, watch.1), 0);
        }
        let done = raid_repair(&places, share, (options, mending.durability), watch.0, watch.1);
        (RaidFindings { failures: done.failures, ..done.found }, done.made)
    });
    reading.progress.conclude("", "read", &progress);
    let mended = RaidMended { is_dry: *is_dry, made };
    reading.say((&found, &places), Some(mended), &progress)?;
    if interruption.happened() {
        let message = "interrupted: the same command repairs what is left";
        let _ = writeln!(io::stderr(), "seedfs: {message}");
        return Ok(INTERRUPTED.into());
    }
    if found.failures().total > 0 {
        return Ok(SYSTEM_FAILED.into());
    }
    let is_left = *is_dry && !found.is_verified();
    Ok(if is_left { BAD_VERDICT.into() } else { ExitCode::SUCCESS })
}

/// Refuses devices that are in use, or that hold something else.
fn guard(mending: &RaidMending<'_>) -> Result<(), Failure> {
    let RaidReading { share, members, threads, placement, progress, .. } = &mending.reading;
    if members.devices.is_none() || mending.is_dry {
        return Ok(());
    }
    for path in members.paths.iter().flatten() {
        let run = DeviceRun {
            path,
            share: *share,
            threads: *threads,
            placement: *placement,
            transfer: Transfer::Cached,
            progress: *progress,
        };
        let device = run.open(DeviceAccess::Read, Transfer::Cached)?;
        run.guard_of_repair(&device, mending.yes_destroy)?;
    }
    Ok(())
}
