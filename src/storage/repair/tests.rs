//! Repairs on a disk that fails at each of its calls: an error that names the file or success, no
//! file worse than it was, and a second run puts everything right.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::dataset::{Dataset, DatasetConfig};
use crate::disk::{Disk, Failing, Fault, Faults};
use crate::storage::tests::{SIZE_BYTES, content as right, path};
use crate::storage::{Progress, Root, Share, StopFlag};

const FILES: u64 = 6;

fn dataset() -> Dataset {
    let typed = DatasetConfig {
        nodes: Some(2.into()),
        files: Some(3.into()),
        size: Some(SIZE_BYTES.to_string().as_str().into()),
        ..DatasetConfig::default()
    };
    typed.validate().unwrap()
}

/// One right, one wrong in two places, one short, one long and wrong, one empty, one not there.
fn prepare(dataset: &Dataset) -> TempDir {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    for index in 0..FILES - 1 {
        let mut bytes = right(dataset, index);
        match index {
            1 => {
                bytes[10] ^= 1;
                bytes[5000..6000].fill(0x55);
            }
            2 => bytes.truncate(4500),
            3 => {
                bytes[0] ^= 0xff;
                bytes.extend([1; 3000]);
            }
            4 => bytes.clear(),
            _ => {}
        }
        let path = path(dataset, directory.path(), index);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    directory
}

/// How many bytes of a file are not as they should be; a file that is not there has none that are.
fn wrong_bytes(dataset: &Dataset, directory: &Path, index: u64) -> usize {
    let right = right(dataset, index);
    let actual = fs::read(path(dataset, directory, index)).unwrap_or_default();
    let differing = right.iter().zip(&actual).filter(|(right, actual)| right != actual).count();
    differing + right.len().abs_diff(actual.len())
}

fn repair_on<F: Faults>(
    disk: Disk<F>,
    directory: &Path,
    durability: Durability,
) -> Option<Repairs> {
    let dataset = dataset();
    let options = RepairOptions {
        threads: 1,
        placement: Placement::Off,
        transfer: Transfer::Cached,
        durability,
        is_dry: false,
    };
    let root = Root::open(disk, directory).ok()?;
    let progress = Progress::new(FILES, 0);
    let share = Share::new(&dataset, None);
    Some(repair(&root, share, None, options, (&progress, &StopFlag::default())))
}

fn assert_all_right(dataset: &Dataset, directory: &Path) {
    for index in 0..FILES {
        assert_eq!(wrong_bytes(dataset, directory, index), 0, "file {index}");
    }
}

#[test]
fn a_failing_disk_makes_no_file_worse_and_is_named() {
    let dataset = dataset();
    for durability in [Durability::Later, Durability::Synced] {
        for fault in Fault::EACH {
            let mut runs = 0;
            for failing in Failing::at_each_call(fault).take(2000) {
                runs += 1;
                let directory = prepare(&dataset);
                let count = |index| wrong_bytes(&dataset, directory.path(), index);
                let before: Vec<usize> = (0..FILES).map(count).collect();
                let done = repair_on(Disk::new(failing.clone()), directory.path(), durability);
                for (index, before) in (0..).zip(before) {
                    assert!(count(index) <= before, "file {index} with {fault:?} at {failing:?}");
                }
                if let Some(done) = done {
                    let named: Vec<&str> =
                        done.failures.listed.iter().map(|failure| &*failure.path).collect();
                    for index in 0..FILES {
                        let share = Share::new(&dataset, None);
                        let is_named = named.contains(&&*share.path(share.file(index)));
                        assert!(is_named || count(index) == 0, "{index} {fault:?} {failing:?}");
                    }
                    let totals = done.totals;
                    let sum = totals.files_right + totals.files_repaired + totals.files_failed;
                    assert_eq!(sum, FILES);
                    assert_eq!(totals.files_failed, done.failures.total);
                    assert!(!fault.is_harmless() || done.is_all_right(false), "{done:?}");
                }
                let again = repair_on(Disk::real(), directory.path(), durability).unwrap();
                assert!(again.is_all_right(false), "{again:?} after {fault:?} at {failing:?}");
                assert_all_right(&dataset, directory.path());
            }
            assert!((60..2000).contains(&runs), "{runs} calls");
        }
    }
}

#[test]
fn a_disk_that_dies_makes_no_file_worse() {
    let dataset = dataset();
    for call in 0..120 {
        let directory = prepare(&dataset);
        let count = |index| wrong_bytes(&dataset, directory.path(), index);
        let before: Vec<usize> = (0..FILES).map(count).collect();
        let dying = Failing::from(call, Fault::Before(libc::EIO));
        let done = repair_on(Disk::new(dying.clone()), directory.path(), Durability::Later);
        assert!((0..).zip(before).all(|(index, before)| count(index) <= before), "{call}");
        if dying.has_failed() {
            assert!(done.is_none_or(|done| done.failures.total > 0), "{call}");
        }
        repair_on(Disk::real(), directory.path(), Durability::Later).unwrap();
        assert_all_right(&dataset, directory.path());
    }
}

/// Storage that takes a write and keeps something else.
#[test]
fn what_reads_back_wrong_is_named() {
    #[derive(Clone, Debug)]
    struct Forgetful(PathBuf);

    impl Faults for Forgetful {
        fn fault(&self, call: crate::disk::SystemCall) -> Option<Fault> {
            // All is written when a file is flushed, and has not been read back yet.
            if call == crate::disk::SystemCall::Flush {
                let mut bytes = fs::read(&self.0).unwrap();
                bytes[10] ^= 1;
                fs::write(&self.0, bytes).unwrap();
            }
            None
        }
    }

    let dataset = dataset();
    let directory = prepare(&dataset);
    let disk = Disk::new(Forgetful(path(&dataset, directory.path(), 1)));
    let done = repair_on(disk, directory.path(), Durability::Later).unwrap();
    let failure = done.failures.listed.iter().find(|failure| failure.path.ends_with("file_1"));
    let failure = failure.unwrap_or_else(|| panic!("{done:?}"));
    assert!(failure.error.contains("reads back wrong at 10"), "{failure:?}");
}
