//! Random operations on names, attributes and content, against tmpfs: the same ones are done to a
//! directory of it and to seedfs, called without a mount and through one, and after every step the
//! outcome and all that can be known of every name must be the same.
//!
//! What differs on purpose is not among the operations, for these reasons:
//!
//! * A directory of the dataset cannot be renamed or exchanged (EXDEV), because its number is its
//!   place; `status_model` has that. The directories here were made.
//! * Access lists (`system.posix_acl_*`, EOPNOTSUPP): they would have to be obeyed, and nothing
//!   here would.
//! * `O_TMPFILE` (EOPNOTSUPP): fuser does not pass it on.
//! * Collapsing and inserting ranges (EOPNOTSUPP): content would move to other offsets. tmpfs does
//!   not have them either, nor zero ranges, which the test writes there.
//! * `user.seedfs.*` are reserved, and `.status` at the root is EROFS.
//! * A read does not change the access time, so tmpfs is mounted with `noatime`.
//! * Holes have the size of a byte here and of a page there: both must hold nothing but zeros.

#![allow(clippy::cast_sign_loss, reason = "the numbers here are small")]
#![allow(clippy::similar_names, reason = "a name and the names of several are what this is about")]
#![allow(clippy::needless_pass_by_value, reason = "what is handed over are outcomes")]

mod direct;
mod directory;
mod operation;

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use direct::Direct;
use directory::Directory;
use operation::{Errno, Kind, Operation, PATHS, SLOTS, World, operations};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use tempfile::TempDir;

use crate::common::Mount;

/// `/dev/null`.
pub(crate) const DEVICE: u64 = 0x103;

/// A tmpfs that goes with the test.
struct Tmpfs {
    directory: TempDir,
}

impl Tmpfs {
    fn new() -> Self {
        let tmpfs = Self { directory: TempDir::new().unwrap() };
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m,mode=755,noatime", "tmpfs"])
            .arg(tmpfs.directory.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "a tmpfs can be mounted: these tests need root");
        // The mask of this thread alone, for other tests run in this process.
        // SAFETY: they take numbers, and change nothing but what this thread has of its own.
        let unshared = unsafe { libc::unshare(libc::CLONE_FS) };
        assert_eq!(unshared, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: as above.
        unsafe { libc::umask(0) };
        tmpfs
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.directory.path()).status();
    }
}

/// The holes of a file, from what looks for the next one and for the next data.
pub(crate) fn holes(
    size: u64,
    next_hole: impl Fn(u64) -> Result<u64, Errno>,
    next_data: impl Fn(u64) -> Result<u64, Errno>,
) -> Result<Vec<std::ops::Range<u64>>, Errno> {
    let mut holes = Vec::new();
    let mut at = 0;
    while at < size {
        let start = next_hole(at)?;
        let end = match next_data(start) {
            Ok(end) => end,
            Err(libc::ENXIO) => size,
            Err(errno) => return Err(errno),
        };
        assert!(at <= start && start <= end && end <= size, "{at} {start} {end} {size}");
        holes.push(start..end);
        at = end.max(start + 1);
    }
    Ok(holes)
}

fn compare(witness: &dyn World, world: &dyn World, paths: &[&str], done: &Operation) {
    for path in paths {
        assert_eq!(world.facts(path), witness.facts(path), "{path:?} after {done:?}");
    }
    for slot in 0..SLOTS {
        assert_eq!(world.stat_open(slot), witness.stat_open(slot), "slot {slot} after {done:?}");
    }
}

/// Does the same to both; the first world says what is right.
fn run(witness: &mut dyn World, world: &mut dyn World, operations: &[Operation]) {
    let everything: Vec<&str> = PATHS.into_iter().chain([""]).collect();
    for operation in operations {
        let expected = witness.run(operation);
        let outcome = world.run(operation);
        assert_eq!(outcome, expected, "{operation:?}");
        compare(witness, world, &everything, operation);
    }
}

fn cases(cases: u32, run: impl Fn(&[Operation])) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        // Beside this file: commit what it writes there, and the failure stays found.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..ProptestConfig::default()
    });
    let sequences = prop::collection::vec(operations(), 1..40);
    let outcome = runner.run(&sequences, |operations| {
        run(&operations);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn without_a_mount_it_is_tmpfs() {
    let tmpfs = Tmpfs::new();
    cases(1500, |operations| {
        let mut direct = Direct::new();
        run(&mut Directory::new(tmpfs.directory.path()), &mut direct, operations);
        direct.finish();
    });
}

fn a_mount_is_tmpfs(options: &[&str]) {
    let tmpfs = Tmpfs::new();
    let mount = Mount::new(options);
    cases(60, |operations| {
        let mut witness = Directory::new(tmpfs.directory.path());
        run(&mut witness, &mut Directory::new(mount.path()), operations);
    });
}

#[test]
fn a_mount_with_direct_io_is_tmpfs() {
    a_mount_is_tmpfs(&["--size", "1M"]);
}

#[test]
fn a_mount_with_a_page_cache_is_tmpfs() {
    a_mount_is_tmpfs(&["--size", "1M", "--cache", "page"]);
}

/// The differences that are meant, each as it shows; the reasons are at the top.
#[test]
fn what_differs_on_purpose() {
    let mount = Mount::new(&["--nodes", "2", "--size", "4K"]);
    let errno = |result: std::io::Result<()>| result.unwrap_err().raw_os_error().unwrap();
    let file = mount.join("node_0/process_0");

    let renamed = fs::rename(mount.join("node_0"), mount.join("other"));
    assert_eq!(errno(renamed), libc::EXDEV);
    fs::create_dir(mount.join("made")).unwrap();
    let mut work = Directory::new(mount.path());
    let here = work.name().to_owned();
    let exchange = |from: &str, to: &str| {
        let (from, to) = (format!("../{from}"), format!("../{to}"));
        Operation::Rename(from.leak(), to.leak(), operation::Rename::Exchange)
    };
    assert_eq!(work.run(&exchange("made", "node_0")), Err(libc::EXDEV));
    assert_eq!(work.run(&exchange("node_0", "made")), Err(libc::EXDEV));
    assert_eq!(work.run(&exchange("made", &here)), Ok(Vec::new()), "both were made");

    // An access list of version 2 with no entries.
    let list = xattr::set(&file, "system.posix_acl_access", &[2, 0, 0, 0]);
    assert_eq!(errno(list), libc::EOPNOTSUPP);

    let mut unnamed = OpenOptions::new();
    unnamed.write(true).custom_flags(libc::O_TMPFILE);
    assert_eq!(errno(unnamed.open(mount.path()).map(drop)), libc::EOPNOTSUPP);

    let open = OpenOptions::new().write(true).open(&file).unwrap();
    for mode in [libc::FALLOC_FL_COLLAPSE_RANGE, libc::FALLOC_FL_INSERT_RANGE] {
        // SAFETY: numbers only.
        let outcome = unsafe { libc::fallocate(open.as_raw_fd(), mode, 0, 4096) };
        let error = std::io::Error::last_os_error();
        assert_eq!((outcome, error.raw_os_error()), (-1, Some(libc::EOPNOTSUPP)));
    }

    xattr::set(&file, "user.seedfs.verdict", b"verified").unwrap();
    assert_eq!(xattr::get(&file, "user.seedfs.verdict").unwrap().unwrap(), b"untouched");
    assert_eq!(errno(xattr::remove(&file, "user.seedfs.verdict")), libc::EPERM);

    let status = mount.join(".status");
    assert_eq!(errno(fs::rename(mount.join("made"), &status)), libc::EROFS);
    assert_eq!(errno(fs::remove_dir(&status)), libc::EROFS);
    assert_eq!(errno(File::create(mount.join(".status/new")).map(drop)), libc::EROFS);
    assert_eq!(errno(fs::hard_link(&file, mount.join(".status/new"))), libc::EROFS);

    let accessed = || fs::metadata(&file).unwrap().accessed().unwrap();
    let before = accessed();
    fs::read(&file).unwrap();
    assert_eq!(accessed(), before);
}

/// Found by the model: only files lost their set-id bits.
#[test]
fn a_pipe_with_a_new_owner_loses_its_set_id_bits() {
    let mut world = Direct::new();
    world.run(&Operation::Make("x", Kind::Fifo, 0o3030)).unwrap();
    world.run(&Operation::Chown("x", Some(1000), None)).unwrap();
    assert_eq!(world.stat("x").unwrap().mode, 0o1030);
}
