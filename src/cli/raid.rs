//! `write`, `verify` and `repair` with `--raid`: the members of arrays.

mod devices;
mod mend;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::progress::ProgressArguments;
use super::raid_args::{NamedMembers, OpenRoots};
use super::storage_args::{Interruption, name_failures};
use super::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED};
use crate::content::Content;
use crate::dataset::format_size;
use crate::disk::{Disk, Durability};
use crate::numa::Placement;
use crate::raid::Geometry;
use crate::storage::{
    DeviceLayout, Image, MemberSlot, Output, PresentMember, Progress, RaidFindings, RaidMembers,
    RaidMended, RaidOptions, RaidPurpose, RaidReport, RaidSurroundings, RaidWriteOptions, Root,
    Share, Transfer, free_bytes, raid_member_bytes, raid_verify, raid_write,
};

pub(super) use devices::write_devices;
pub(super) use mend::{RaidMending, repair};

/// What the options of a command say that writes arrays.
pub(super) struct RaidWriting<'a> {
    pub(super) share: Share<'a>,
    pub(super) options: RaidWriteOptions,
    pub(super) directories: &'a [PathBuf],
    /// Also where there is too little space.
    pub(super) force: bool,
    pub(super) progress: ProgressArguments,
    /// Hears of each file that was made.
    pub(super) listener: Option<fn(&str, u64)>,
}

pub(super) fn write(writing: &RaidWriting<'_>) -> Result<ExitCode, Failure> {
    let RaidWriting { share, options, directories, force, progress: shown, listener } = writing;
    let (share, options) = (*share, *options);
    let each = raid_member_bytes(share, options.geometry);
    let count = directories.len() as u64;
    if !*force {
        directories.iter().try_for_each(|directory| check_space(directory, each))?;
    }
    let make = |directory: &PathBuf| {
        Root::make(Disk::real(), directory, options.durability).map_err(|error| {
            let shown = directory.display();
            Failure::system(format!("cannot make the directory '{shown}': {error}"))
        })
    };
    let roots = directories.iter().map(make).collect::<Result<Vec<Root>, Failure>>()?;
    let interruption = Interruption::new()?;
    let files = share.file_count().saturating_mul(count);
    let mut progress = Progress::new(files, each.saturating_mul(count.into()));
    if let Some(listener) = listener {
        progress = progress.with_listener(*listener);
    }
    let failures = shown.show("", &progress, &|| {}, || {
        raid_write(&roots, share, options, &progress, interruption.stop())
    });
    name_failures(&failures);
    shown.conclude("", "wrote", &progress);
    if interruption.happened() {
        let done = progress.snapshot().files;
        let _ = writeln!(
            io::stderr(),
            "seedfs: interrupted; {done} of {files} members of files are whole: the same command \
             with --overwrite makes all of them",
        );
        return Ok(INTERRUPTED.into());
    }
    if failures.total > 0 {
        let failed = failures.total;
        let _ = writeln!(io::stderr(), "seedfs: {failed} of {files} members of files failed");
        return Ok(SYSTEM_FAILED.into());
    }
    Ok(ExitCode::SUCCESS)
}

fn check_space(directory: &Path, needed: u128) -> Result<(), Failure> {
    let shown = directory.display();
    let free = free_bytes(directory).map_err(|error| {
        Failure::system(format!("cannot ask for the free space of '{shown}': {error}"))
    })?;
    if needed <= free {
        return Ok(());
    }
    let size = |bytes: u128| format_size(u64::try_from(bytes).unwrap_or(u64::MAX));
    Err(Failure::system(format!(
        "'{shown}' has {} free, and {} are to be written: --force tries it all the same",
        size(free),
        size(needed),
    )))
}

/// What the options of a command say that reads arrays.
pub(super) struct RaidReading<'a> {
    pub(super) share: Share<'a>,
    pub(super) members: NamedMembers,
    /// Seeds of earlier runs, and the content under each.
    pub(super) seeds: (&'a [String], Vec<Content>),
    pub(super) threads: usize,
    pub(super) placement: Placement,
    pub(super) transfer: Transfer,
    pub(super) drop_cache: bool,
    pub(super) progress: ProgressArguments,
    /// Whether the whole result is printed as JSON.
    pub(super) json: bool,
    /// Where the report goes, as the user has named it and opened.
    pub(super) report: Option<(&'a PathBuf, Output)>,
}

impl RaidReading<'_> {
    /// How the members are read.
    fn options(&self) -> RaidOptions<'_> {
        RaidOptions {
            geometry: self.members.geometry,
            threads: self.threads,
            placement: self.placement,
            transfer: self.transfer,
            drop_cache: self.drop_cache,
            seeds: &self.seeds.1,
            purpose: RaidPurpose::Judge,
        }
    }

    /// Says what was found, and what a repair has done about it.
    fn say(
        &self,
        (found, places): (&RaidFindings, &RaidMembers<'_>),
        mended: Option<RaidMended>,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let now = progress.snapshot();
        let names = self.members.names();
        let surroundings = RaidSurroundings {
            share: self.share,
            geometry: self.members.geometry,
            names: &names,
            seeds: self.seeds.0,
            seconds: now.seconds,
            bytes_read: now.bytes,
        };
        print(self, &RaidReport::new(found, places, surroundings).with_repair(mended))?;
        name_failures(found.failures());
        Ok(())
    }
}

pub(super) fn verify(reading: &RaidReading<'_>) -> Result<ExitCode, Failure> {
    let RaidReading { share, members, .. } = reading;
    let (share, geometry) = (*share, members.geometry);
    let roots = members.open()?;
    let layout = layout_on_devices(share, members)?;
    let places = places(members, &roots, layout.as_ref());
    let options = reading.options();
    let interruption = Interruption::new()?;
    let progress = expected_work(share, geometry, &roots, layout.as_ref());
    let shown = reading.progress;
    let found = shown.show("", &progress, &|| {}, || {
        raid_verify(&places, share, options, &progress, interruption.stop())
    });
    shown.conclude("", "read", &progress);
    reading.say((&found, &places), None, &progress)?;
    if interruption.happened() {
        let _ = writeln!(io::stderr(), "seedfs: interrupted before all was read");
        return Ok(INTERRUPTED.into());
    }
    if found.failures().total > 0 {
        return Ok(SYSTEM_FAILED.into());
    }
    Ok(if found.is_verified() { ExitCode::SUCCESS } else { BAD_VERDICT.into() })
}

/// Where the members are, of one array on devices or of one for each file.
fn places<'a>(
    members: &NamedMembers,
    roots: &'a OpenRoots,
    layout: Option<&'a DeviceLayout<'a>>,
) -> RaidMembers<'a> {
    match (layout, members.devices) {
        (Some(layout), Some(data_offset)) => {
            RaidMembers::Devices { layout, devices: on_devices(roots), data_offset }
        }
        _ => RaidMembers::Directories(in_directories(roots)),
    }
}

fn layout_on_devices<'a>(
    share: Share<'a>,
    members: &NamedMembers,
) -> Result<Option<DeviceLayout<'a>>, Failure> {
    if members.devices.is_none() {
        return Ok(None);
    }
    let layout = DeviceLayout::new(share, u64::MAX >> 1);
    layout.map(Some).map_err(|error| Failure::usage(format!("--device: {error}")))
}

fn in_directories(roots: &OpenRoots) -> Vec<MemberSlot<&Root>> {
    roots.iter().map(|slot| slot.as_ref().map(|(root, _)| root)).collect()
}

fn on_devices(roots: &OpenRoots) -> Vec<MemberSlot<(&Root, PathBuf)>> {
    roots.iter().map(|slot| slot.as_ref().map(|(root, name)| (root, name.clone()))).collect()
}

/// What is to be read.
fn expected_work(
    share: Share<'_>,
    geometry: Geometry,
    roots: &OpenRoots,
    layout: Option<&DeviceLayout<'_>>,
) -> Progress {
    let there = roots.iter().filter(|slot| matches!(slot, MemberSlot::There(_))).count() as u128;
    let (files, each) = match layout {
        Some(layout) => (1, geometry.member_bytes(layout.length()).into()),
        None => (share.file_count(), raid_member_bytes(share, geometry)),
    };
    Progress::new(files, there * each)
}

fn print(reading: &RaidReading<'_>, report: &RaidReport) -> Result<(), Failure> {
    if let Some((path, output)) = &reading.report {
        output.replace(&report.json(), 0o666).map_err(|error| {
            Failure::system(format!("cannot write the report '{}': {error}", path.display()))
        })?;
    }
    let text = match (reading.json, reading.progress.quiet) {
        (true, _) => report.json(),
        (false, true) => Vec::new(),
        (false, false) => report.to_string().into_bytes(),
    };
    match io::stdout().write_all(&text) {
        Ok(()) => Ok(()),
        Err(error) => Failure::output(&error).map(|_| ()),
    }
}

/// How existing members are treated, and how durable new ones are.
pub(super) fn write_options(
    geometry: Geometry,
    (threads, placement): (usize, Placement),
    transfer: Transfer,
    (overwrite, fsync): (bool, bool),
) -> RaidWriteOptions {
    RaidWriteOptions {
        geometry,
        threads,
        placement,
        transfer,
        present: if overwrite { PresentMember::Replaced } else { PresentMember::Refused },
        durability: if fsync { Durability::Synced } else { Durability::Later },
    }
}
