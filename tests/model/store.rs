//! The store of kept bytes fails, at every single call: what was acknowledged is read back as it
//! was written or gives an error, what failed changed nothing, and the errno is the disk's.

use std::fs;
use std::path::Path;

use seedfs::dataset::Inode;
use seedfs::disk::{Disk, Failing, Fault, SystemCall};
use seedfs::fs::{Allocate, Error, Filesystem, InodeKind, SetAttributes};
use seedfs::overlay::{BudgetLimits, Store};

use crate::common::foreign;
use crate::common::unmounted::{limited, new_entry};

/// A filesystem with a store that may fail, and what its one file must have.
struct Checked {
    filesystem: Filesystem,
    fault: Fault,
    files: [Inode; 2],
    expected: [Vec<u8>; 2],
    /// How often an operation failed because of the fault.
    failed: u32,
    /// Failures that the log has had.
    logged: Vec<String>,
}

impl Checked {
    fn new(directory: &Path, failing: &Failing, fault: Fault) -> Option<Self> {
        // To make the file may fail too: then there is no mount.
        let store = Store::create_on(Disk::new(failing.clone()), directory, 1 << 20).ok()?;
        let limits = BudgetLimits { kept_bytes: 4096, extents: 1000 };
        let filesystem = limited("size = 100", limits, Some(store));
        let new = new_entry(InodeKind::File);
        let make = |name: &[u8]| filesystem.make(Inode::ROOT, name, &new).unwrap().inode;
        let files = [make(b"one"), make(b"two")];
        let expected = [Vec::new(), Vec::new()];
        Some(Self { filesystem, fault, files, expected, failed: 0, logged: Vec::new() })
    }

    /// Takes the outcome of an operation that did what the model says, if it succeeded.
    fn settle(&mut self, outcome: Result<(), Error>, model: impl FnOnce(&mut [Vec<u8>; 2])) {
        match outcome {
            Ok(()) => model(&mut self.expected),
            Err(error) => {
                self.failed += 1;
                self.assert_is_the_fault(error);
            }
        }
        self.check();
    }

    fn assert_is_the_fault(&self, error: Error) {
        let (Fault::Before(errno) | Fault::After(errno)) = self.fault else {
            unreachable!("{error} though reads and writes go on");
        };
        match error {
            Error::NoSpace => assert!([libc::ENOSPC, libc::EDQUOT].contains(&errno), "{errno}"),
            Error::Store(failure) => assert_eq!(failure.errno(), errno),
            other => unreachable!("{other}"),
        }
        assert!(!self.fault.is_harmless());
    }

    fn check(&mut self) {
        for (inode, expected) in self.files.into_iter().zip(&self.expected.clone()) {
            let size = self.filesystem.attributes(inode).unwrap().size.size_bytes;
            assert_eq!(size, expected.len() as u64, "{:?}", self.fault);
            let mut bytes = vec![0xee; expected.len()];
            match self.filesystem.read(inode, 0, 0, &mut bytes) {
                Ok(length) => {
                    assert_eq!(length, expected.len());
                    assert!(bytes == *expected, "other bytes are read: {:?}", self.fault);
                }
                Err(error) => {
                    self.failed += 1;
                    self.assert_is_the_fault(error);
                }
            }
        }
        let given_back = self.filesystem.give_back();
        self.logged.extend(given_back.failures.iter().map(ToString::to_string));
    }

    fn write(&mut self, file: usize, offset: usize, seed: u8, length: usize) {
        let bytes = foreign(seed, length);
        let written = self.filesystem.write(self.files[file], offset as u64, &bytes);
        self.settle(written, |expected| {
            let have = &mut expected[file];
            have.resize(have.len().max(offset + length), 0);
            have[offset..offset + length].copy_from_slice(&bytes);
        });
    }

    fn run(&mut self) {
        self.write(0, 0, 1, 100_000);
        self.write(0, 60_000, 2, 10_000);
        self.write(1, 5000, 3, 9000);
        let [one, two] = self.files;
        let copied = self.filesystem.copy_range((one, 50_000), (two, 0), 30_000);
        self.settle(copied.map(drop), |expected| {
            let end = expected[0].len().min(80_000);
            let copied = expected[0].get(50_000..end).unwrap_or_default().to_vec();
            let have = &mut expected[1];
            have.resize(have.len().max(copied.len()), 0);
            have[..copied.len()].copy_from_slice(&copied);
        });
        let punched = self.filesystem.allocate(one, 20_000..67_000, Allocate::Hole);
        self.settle(punched, |expected| {
            let end = expected[0].len().min(67_000);
            if end > 20_000 {
                expected[0][20_000..end].fill(0);
            }
        });
        self.write(0, 30_000, 4, 9000);
        let cut = SetAttributes { size_bytes: Some(35_000), ..SetAttributes::default() };
        let cut = self.filesystem.set_attributes(one, &cut).map(drop);
        self.settle(cut, |expected| expected[0].resize(35_000, 0));
        self.write(1, 0, 5, 20_000);
    }

    /// Everything goes: nothing may be left, in the counts and on the disk.
    fn end(self) {
        self.filesystem.control(b"reset").unwrap();
        let _ = self.filesystem.give_back();
        assert_eq!(self.filesystem.usage().kept_bytes, 0);
        assert_eq!(self.filesystem.usage().extents, 0);
        let space = self.filesystem.space();
        // The file of the dataset is one block.
        assert_eq!(space.blocks, space.blocks_free + 1, "{:?}", self.fault);
    }
}

#[test]
fn whichever_call_fails_nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    for fault in Fault::EACH {
        let (mut runs, mut seen) = (0, 0);
        for failing in Failing::at_each_call(fault).take(500) {
            if let Some(mut checked) = Checked::new(directory.path(), &failing, fault) {
                checked.run();
                assert!(checked.failed <= 1, "one call has failed {} operations", checked.failed);
                assert!(checked.logged.len() <= 1, "{:?}", checked.logged);
                seen += checked.failed;
                checked.end();
            }
            runs += 1;
        }
        assert!(runs > 21, "only {runs} calls");
        assert!(runs < 500, "it does not end");
        // A full disk is tried again, so one such answer is never seen.
        let hidden =
            fault.is_harmless() || matches!(fault, Fault::Before(libc::ENOSPC | libc::EDQUOT));
        assert!(hidden || seen > 10, "{fault:?}: only {seen} operations have failed");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left there");
}

#[test]
fn a_disk_that_has_died_is_logged_once_for_each_way() {
    let directory = tempfile::tempdir().unwrap();
    for fault in Fault::EACH.into_iter().filter(|fault| !fault.is_harmless()) {
        for number in [3, 5, 8, 11, 14, 17] {
            let failing = Failing::from(number, fault);
            let mut checked = Checked::new(directory.path(), &failing, fault).unwrap();
            checked.run();
            let logged = checked.logged.clone();
            let ways: std::collections::BTreeSet<_> = logged.iter().collect();
            assert_eq!(ways.len(), logged.len(), "{logged:?}");
            let full = matches!(fault, Fault::Before(libc::ENOSPC | libc::EDQUOT));
            assert!(full || !logged.is_empty(), "{fault:?} from call {number}");
            checked.end();
        }
    }
}

/// A file that is full again and again: what waits to be punched is used first.
#[test]
fn a_disk_with_room_for_one_file_takes_one_after_another() {
    let directory = tempfile::tempdir().unwrap();
    let failing = Failing::never().only(SystemCall::Write);
    let mut checked = Checked::new(directory.path(), &failing, Fault::Short).unwrap();
    for seed in 0..20 {
        checked.write(0, 0, seed, 900 << 10);
        let cut = SetAttributes { size_bytes: Some(0), ..SetAttributes::default() };
        checked.filesystem.set_attributes(checked.files[0], &cut).unwrap();
        checked.expected[0].clear();
    }
    checked.end();
}
