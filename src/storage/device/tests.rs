//! Devices that fail at each of their calls, in a regular file: an error that names the place or
//! success, never a false `verified`, and nothing made worse by a repair.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::dataset::{Dataset, DatasetConfig};
use crate::disk::{Disk, Durability, Failing, Fault, Faults, SystemCall};
use crate::numa::Placement;
use crate::storage::{DeviceLayout, EarlierSeeds, Image, Progress, Share, StopFlag, Transfer};
use crate::verdict::Verdict;

const LENGTH: usize = 5 * 12288;

fn dataset() -> Dataset {
    let typed = DatasetConfig {
        files: Some(5.into()),
        size: Some("9000".into()),
        ..DatasetConfig::default()
    };
    typed.validate().unwrap()
}

fn image_bytes(dataset: &Dataset) -> Vec<u8> {
    let layout = DeviceLayout::new(Share::new(dataset, None), u64::MAX).unwrap();
    let mut bytes = vec![0; LENGTH];
    assert_eq!(layout.length(), LENGTH as u64);
    layout.fill(0, &mut bytes);
    bytes
}

const OPTIONS: PassOptions =
    PassOptions { threads: 2, placement: Placement::Off, drop_cache: true };

fn pass_on<F: Faults>(disk: Disk<F>, path: &Path, what: DevicePass) -> Option<DeviceState> {
    let dataset = dataset();
    let layout = DeviceLayout::new(Share::new(&dataset, None), u64::MAX).unwrap();
    let access = if what == DevicePass::Verify { DeviceAccess::Read } else { DeviceAccess::Write };
    let device = Device::open(disk, path, access, Transfer::Cached).ok()?;
    let image = ImageOf { image: &layout, layout: &layout, earlier: &EarlierSeeds::default() };
    let progress = Progress::new(5, LENGTH as u128);
    Some(pass(&device, image, what, OPTIONS, (&progress, &StopFlag::default())))
}

fn write_on<F: Faults>(disk: Disk<F>, path: &Path) -> Option<bool> {
    let dataset = dataset();
    let layout = DeviceLayout::new(Share::new(&dataset, None), u64::MAX).unwrap();
    let device = Device::open(disk, path, DeviceAccess::Make, Transfer::Cached).ok()?;
    let image = ImageOf { image: &layout, layout: &layout, earlier: &EarlierSeeds::default() };
    let progress = Progress::new(5, LENGTH as u128);
    let stop = StopFlag::default();
    let failures = write_images(&[(&device, image)], OPTIONS, (&progress, &stop));
    Some(failures.total == 0)
}

/// A device in memory, where there is some.
fn device(bytes: &[u8]) -> (TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = directory.path().join("device");
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

const REPAIR: DevicePass = DevicePass::Repair { durability: Durability::Synced, is_dry: false };

#[test]
fn what_is_written_is_verified_and_a_failure_is_named() {
    let right = image_bytes(&dataset());
    for fault in Fault::EACH {
        let mut runs = 0;
        for failing in Failing::at_each_call(fault).take(500) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("image");
            if write_on(Disk::new(failing.clone()), &path) == Some(true) {
                assert!(fs::read(&path).unwrap() == right, "{fault:?}");
            } else {
                assert!(!fault.is_harmless(), "{fault:?} {failing:?}");
            }
            runs += 1;
        }
        assert!((7..500).contains(&runs), "{runs}");
    }
}

#[test]
fn a_device_that_fails_is_never_verified() {
    let (_directory, path) = device(&image_bytes(&dataset()));
    for fault in Fault::EACH {
        for failing in Failing::at_each_call(fault).take(500) {
            let Some(state) = pass_on(Disk::new(failing.clone()), &path, DevicePass::Verify) else {
                continue;
            };
            let is_verified = state.verdict() == Verdict::Verified;
            assert_eq!(is_verified, state.failures.total == 0, "{fault:?} {failing:?}");
            assert!(is_verified || !fault.is_harmless());
        }
    }
}

#[test]
fn a_device_that_fails_is_not_made_worse_by_a_repair() {
    let right = image_bytes(&dataset());
    let mut hurt = right.clone();
    hurt[100] ^= 1;
    hurt[8192..16384].fill(0);
    hurt[30_000..30_100].fill(7);
    hurt.truncate(LENGTH - 5000);
    let wrong = |actual: &[u8]| {
        let differing = right.iter().zip(actual).filter(|(right, actual)| right != actual).count();
        differing + right.len().abs_diff(actual.len())
    };
    for fault in Fault::EACH {
        for failing in Failing::at_each_call(fault).take(500) {
            let (_directory, path) = device(&hurt);
            let state = pass_on(Disk::new(failing.clone()), &path, REPAIR);
            let actual = fs::read(&path).unwrap();
            assert!(wrong(&actual) <= wrong(&hurt), "{fault:?} {failing:?}");
            assert!(state.is_none_or(|state| state.failures.total > 0 || state.is_complete));
            pass_on(Disk::real(), &path, REPAIR).unwrap();
            let state = pass_on(Disk::real(), &path, DevicePass::Verify).unwrap();
            let is_whole = fs::read(&path).unwrap() == right;
            assert_eq!(state.verdict() == Verdict::Verified, is_whole);
            assert_eq!(wrong(&fs::read(&path).unwrap()), 5000, "a device does not grow");
        }
    }
}

/// Reading the first block fails, and so does its second page.
#[test]
fn a_page_that_cannot_be_read_is_named_and_written_anew() {
    #[derive(Clone, Debug)]
    struct BadPage(Failing, Failing);

    impl Faults for BadPage {
        fn fault(&self, call: SystemCall) -> Option<Fault> {
            self.0.fault(call).or_else(|| self.1.fault(call))
        }
    }

    let bad = || {
        let at = |number| Failing::at(number, Fault::Before(libc::EIO)).only(SystemCall::Read);
        // A call that has failed by one is not counted by the other.
        Disk::new(BadPage(at(0), at(1)))
    };
    let (_directory, path) = device(&image_bytes(&dataset()));
    let state = pass_on(bad(), &path, DevicePass::Verify).unwrap();
    assert_eq!(state.verdict(), Verdict::Incomplete);
    let failures = &state.failures.listed;
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].error.starts_with("at device offset 4096: "), "{failures:?}");
    assert_eq!(failures[0].path, "node_0/process_0/file_0");
    assert_eq!(state.verification.bytes().missing(), 4096);
    let state = pass_on(bad(), &path, REPAIR).unwrap();
    assert_eq!(state.failures.total, 0);
    assert_eq!(state.totals.rewritten_bytes, 4096);
}
