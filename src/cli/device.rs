//! `write`, `verify` and `repair` with `--device`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::progress::ProgressArguments;
use super::reporting::{ReportArguments, ReportedRun};
use super::storage_args::{Interruption, name_failures};
use super::{BAD_VERDICT, Failure, INTERRUPTED, SYSTEM_FAILED};
use crate::disk::Disk;
use crate::numa::Placement;
use crate::report::RunCommand;
use crate::storage::{
    Device, DeviceAccess, DeviceLayout, DevicePass, DeviceState, EarlierReport, EarlierSeeds,
    Image, ImageOf, PassOptions, Progress, Share, Transfer, has_none_of_image, pass, uses_of,
    write_images,
};
use crate::verdict::Verdict;

/// What all three are told.
#[derive(Clone, Copy)]
pub(super) struct DeviceRun<'a> {
    pub(super) path: &'a Path,
    pub(super) share: Share<'a>,
    pub(super) threads: usize,
    pub(super) placement: Placement,
    pub(super) transfer: Transfer,
    pub(super) progress: ProgressArguments,
}

/// What is known of a device in the end.
pub(super) struct DeviceOutcome {
    pub(super) device: Device,
    pub(super) state: DeviceState,
    pub(super) progress: Progress,
    pub(super) interrupted: bool,
}

impl DeviceRun<'_> {
    pub(super) fn open(&self, access: DeviceAccess, transfer: Transfer) -> Result<Device, Failure> {
        Device::open(Disk::real(), self.path, access, transfer).map_err(|error| self.refuse(error))
    }

    pub(super) fn refuse(&self, reason: impl std::fmt::Display) -> Failure {
        Failure::usage(format!("--device '{}': {reason}", self.path.display()))
    }

    /// Refuses where something would be lost: what is in use always, and what the device holds
    /// unless that is given up.
    pub(super) fn guard(&self, device: &Device, yes_destroy: bool) -> Result<(), Failure> {
        let uses = uses_of(device)
            .map_err(|error| self.refuse(format!("cannot tell what it is used for: {error}")))?;
        if let Some(reason) = uses.forbids() {
            return Err(self.refuse(format!("{reason}; expected a device that nobody uses")));
        }
        let held: Vec<String> = uses.holds().map(ToString::to_string).collect();
        if held.is_empty() && device.block_number().is_none() {
            return Ok(());
        }
        let held = if held.is_empty() { String::new() } else { format!(": {}", held.join(", ")) };
        if yes_destroy {
            if !self.progress.quiet && !held.is_empty() {
                let shown = self.path.display();
                let _ = writeln!(io::stderr(), "seedfs: destroys what '{shown}' holds{held}");
            }
            return Ok(());
        }
        Err(self.refuse(format!("what it holds would be lost{held}; --yes-destroy gives it up")))
    }

    /// Refuses to repair what is in use always, and a block device that holds something else unless
    /// that is given up. A file holds the dataset, as far as anybody can tell.
    pub(super) fn guard_of_repair(
        &self,
        device: &Device,
        yes_destroy: bool,
    ) -> Result<(), Failure> {
        let uses = uses_of(device)
            .map_err(|error| self.refuse(format!("cannot tell what it is used for: {error}")))?;
        if let Some(reason) = uses.forbids() {
            return Err(self.refuse(format!("{reason}; expected a device that nobody uses")));
        }
        if uses.holds().next().is_some() && device.block_number().is_some() {
            return self.guard(device, yes_destroy);
        }
        Ok(())
    }

    /// The layout, on a device of so many bytes.
    fn layout(&self, capacity: u64) -> Result<DeviceLayout<'_>, Failure> {
        DeviceLayout::new(self.share, capacity).map_err(|error| self.refuse(error))
    }

    fn options(&self, drop_cache: bool) -> PassOptions {
        PassOptions { threads: self.threads, placement: self.placement, drop_cache }
    }

    pub(super) fn write(
        &self,
        yes_destroy: bool,
        reports: &ReportArguments,
    ) -> Result<ExitCode, Failure> {
        let device = match self.open(DeviceAccess::Read, Transfer::Cached) {
            Ok(device) => Some(device),
            Err(_) if !self.path.exists() => None,
            Err(failure) => return Err(failure),
        };
        // Everything is asked before anything is made or written.
        let capacity = match &device {
            Some(device) => {
                let is_fixed = device.block_number().is_some();
                let layout = self.layout(if is_fixed { device.length() } else { LARGEST_FILE })?;
                self.guard(device, yes_destroy)?;
                layout.length()
            }
            None => self.layout(LARGEST_FILE)?.length(),
        };
        drop(device);
        let layout = self.layout(capacity)?;
        let device = self.open(DeviceAccess::Make, self.transfer)?;
        // Somebody may have mounted it meanwhile; nobody can any more.
        self.guard(&device, yes_destroy || device.length() == 0)?;
        let interruption = Interruption::new()?;
        let progress = Progress::new(self.share.file_count(), layout.length().into());
        let reported = self.reported(RunCommand::Write, &progress);
        let reports = reports.begin_on_device(reported, self.path, self.progress.quiet)?;
        let earlier = EarlierSeeds::default();
        let image = ImageOf { image: &layout, layout: &layout, earlier: &earlier };
        let stop = interruption.stop();
        let failures = self.progress.show("", &progress, &|| reports.update(), || {
            write_images(&[(&device, image)], self.options(false), (&progress, stop))
        });
        let interrupted = interruption.happened();
        if !interrupted && failures.total == 0 {
            progress.all_files();
        }
        reports.end(&failures, interrupted);
        name_failures(&failures);
        self.progress.conclude("", "wrote", &progress);
        Ok(match (interrupted, failures.total) {
            (true, _) => {
                let _ = writeln!(io::stderr(), "seedfs: interrupted; the same command begins anew");
                INTERRUPTED.into()
            }
            (false, 0) => ExitCode::SUCCESS,
            _ => SYSTEM_FAILED.into(),
        })
    }

    pub(super) fn verify(
        &self,
        (drop_cache, earlier): (bool, &EarlierSeeds),
        reports: &ReportArguments,
    ) -> Result<DeviceOutcome, Failure> {
        let device = self.open(DeviceAccess::Read, self.transfer)?;
        let layout = self.layout(u64::MAX)?;
        let interruption = Interruption::new()?;
        let progress = Progress::new(self.share.file_count(), layout.length().into());
        let reported = self.reported(RunCommand::Verify, &progress);
        let reports = reports.begin_on_device(reported, self.path, self.progress.quiet)?;
        let image = ImageOf { image: &layout, layout: &layout, earlier };
        let watch = (&progress, interruption.stop());
        let state = self.progress.show("", &progress, &|| reports.update(), || {
            pass(&device, image, DevicePass::Verify, self.options(drop_cache), watch)
        });
        let interrupted = interruption.happened();
        reports.end(&state.failures, interrupted);
        self.progress.conclude("", "read", &progress);
        drop(reports);
        Ok(DeviceOutcome { device, state, progress, interrupted })
    }

    /// Repairs, where what is there is the dataset's.
    pub(super) fn repair(
        &self,
        what: DevicePass,
        (yes_destroy, force): (bool, bool),
    ) -> Result<DeviceOutcome, Failure> {
        let is_dry = matches!(what, DevicePass::Verify | DevicePass::Repair { is_dry: true, .. });
        let device = self.open(DeviceAccess::Read, Transfer::Cached)?;
        let layout = self.layout(device.length())?;
        let earlier = EarlierSeeds::default();
        let image = ImageOf { image: &layout, layout: &layout, earlier: &earlier };
        if !is_dry {
            self.guard_of_repair(&device, yes_destroy)?;
        }
        if !force && has_none_of_image(&device, image) {
            return Err(self.refuse(
                "nothing that was read there is content of this dataset: expected the options \
                 that it was written with; --force repairs it all the same",
            ));
        }
        drop(device);
        let access = if is_dry { DeviceAccess::Read } else { DeviceAccess::Write };
        let device = self.open(access, Transfer::Cached)?;
        let interruption = Interruption::new()?;
        let progress = Progress::new(self.share.file_count(), layout.length().into());
        let watch = (&progress, interruption.stop());
        let state = self
            .progress
            .show("", &progress, &|| (), || pass(&device, image, what, self.options(false), watch));
        self.progress.conclude("", "read", &progress);
        let interrupted = interruption.happened();
        Ok(DeviceOutcome { device, state, progress, interrupted })
    }

    fn reported<'a>(&'a self, command: RunCommand, progress: &'a Progress) -> ReportedRun<'a> {
        let (share, threads) = (self.share, self.threads);
        ReportedRun {
            command,
            share,
            threads,
            progress,
            earlier: EarlierReport::Replace,
            targets: &[],
        }
    }
}

/// The exit code of a verification.
pub(super) fn device_exit_code(outcome: &DeviceOutcome) -> ExitCode {
    name_failures(&outcome.state.failures);
    if outcome.interrupted {
        let _ = writeln!(io::stderr(), "seedfs: interrupted: the same command begins anew");
        return INTERRUPTED.into();
    }
    if outcome.state.failures.total > 0 {
        return SYSTEM_FAILED.into();
    }
    match outcome.state.verdict() {
        Verdict::Verified => ExitCode::SUCCESS,
        _ => BAD_VERDICT.into(),
    }
}

/// The longest file that Linux has.
pub(super) const LARGEST_FILE: u64 = i64::MAX as u64;
