//! `seedfs write --raid` on devices: the members of one array of all files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::device::{DeviceRun, LARGEST_FILE};
use crate::cli::storage_args::{Interruption, name_failures};
use crate::cli::{Failure, INTERRUPTED, SYSTEM_FAILED};
use crate::raid::Geometry;
use crate::storage::{
    Device, DeviceAccess, DeviceLayout, EarlierSeeds, Image, ImageOf, PassOptions, Progress,
    RaidMember, Transfer, write_images,
};

/// Writes each member to its device. Everything is asked of all of them before anything is written.
pub(in crate::cli) fn write_devices(
    run: DeviceRun<'_>,
    paths: &[PathBuf],
    geometry: Geometry,
    yes_destroy: bool,
) -> Result<ExitCode, Failure> {
    let layout = DeviceLayout::new(run.share, LARGEST_FILE).map_err(|error| run.refuse(error))?;
    let members: Vec<_> =
        (0..geometry.members()).map(|member| RaidMember::new(&layout, geometry, member)).collect();
    let runs: Vec<DeviceRun<'_>> = paths.iter().map(|path| DeviceRun { path, ..run }).collect();
    for (run, member) in runs.iter().zip(&members) {
        check(run, member.length(), yes_destroy)?;
    }
    let open = |run: &DeviceRun<'_>| run.open(DeviceAccess::Make, run.transfer);
    let devices: Vec<Device> = runs.iter().map(open).collect::<Result<_, _>>()?;
    check_different(&runs, &devices)?;
    for (run, device) in runs.iter().zip(&devices) {
        // Somebody may have mounted it meanwhile; nobody can any more.
        run.guard(device, yes_destroy || device.length() == 0)?;
    }
    let earlier = EarlierSeeds::NONE;
    let image = |image| ImageOf { image, layout: &layout, earlier: &earlier };
    let images: Vec<_> =
        devices.iter().zip(&members).map(|(device, member)| (device, image(member))).collect();
    let interruption = Interruption::new()?;
    let bytes: u128 = members.iter().map(|member| u128::from(member.length())).sum();
    let progress = Progress::new(members.len() as u64, bytes);
    let options = PassOptions { threads: run.threads, placement: run.placement, drop_cache: false };
    let failures = run.progress.show("", &progress, &|| (), || {
        write_images(&images, options, (&progress, interruption.stop()))
    });
    let interrupted = interruption.happened();
    if !interrupted && failures.total == 0 {
        progress.all_files();
    }
    name_failures(&failures);
    run.progress.conclude("", "wrote", &progress);
    Ok(match (interrupted, failures.total) {
        (true, _) => {
            let _ = writeln!(io::stderr(), "seedfs: interrupted; the same command begins anew");
            INTERRUPTED.into()
        }
        (false, 0) => ExitCode::SUCCESS,
        _ => SYSTEM_FAILED.into(),
    })
}

/// Refuses a device that is too short, or whose content somebody would miss.
fn check(run: &DeviceRun<'_>, needed: u64, yes_destroy: bool) -> Result<(), Failure> {
    let device = match run.open(DeviceAccess::Read, Transfer::Cached) {
        Ok(device) => device,
        Err(_) if !run.path.exists() => return Ok(()),
        Err(failure) => return Err(failure),
    };
    let length = device.length();
    if device.block_number().is_some() && length < needed {
        return Err(run.refuse(format!("it has {length} bytes; expected {needed} or more")));
    }
    run.guard(&device, yes_destroy)
}

/// Refuses to write two members to one device.
fn check_different(runs: &[DeviceRun<'_>], devices: &[Device]) -> Result<(), Failure> {
    let mut seen: Vec<(&Path, _)> = Vec::new();
    for (run, device) in runs.iter().zip(devices) {
        let view = device.target_view().map_err(|error| run.refuse(error))?;
        if let Some((other, _)) = seen.iter().find(|(_, of)| *of == view) {
            let other = other.display();
            return Err(run.refuse(format!("it is the same as '{other}'; expected different ones")));
        }
        seen.push((run.path, view));
    }
    Ok(())
}
