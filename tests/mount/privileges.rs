//! What a file loses when its content changes: set-id bits and capabilities, case by case against
//! tmpfs, and whether what it has lost still has an effect. The ideas are those of xfstests
//! generic/093, 355 and 683 to 685.
//!
//! They need root, to become another user in a thread of the test.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use crate::common::{Mount, text};

/// A user without any privilege.
const USER: u32 = 12345;

/// Runs something as that user: credentials are a thread's own, below the C library.
fn as_user<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let id = libc::c_long::from(USER);
    thread::scope(|scope| {
        let become_user = move || {
            // SAFETY: they change this thread's credentials, and take numbers and no groups.
            let outcome = unsafe {
                [
                    libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()),
                    libc::syscall(libc::SYS_setresgid, id, id, id),
                    libc::syscall(libc::SYS_setresuid, id, id, id),
                ]
            };
            assert_eq!(outcome, [0; 3], "{}: only root can", io::Error::last_os_error());
            run()
        };
        scope.spawn(become_user).join().unwrap()
    })
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Write,
    /// To the size that it has.
    Cut,
    Allocate(libc::c_int),
    CopyRange,
}

const CHANGES: [Change; 6] = [
    Change::Write,
    Change::Cut,
    Change::Allocate(0),
    Change::Allocate(libc::FALLOC_FL_KEEP_SIZE),
    Change::Allocate(libc::FALLOC_FL_KEEP_SIZE | libc::FALLOC_FL_PUNCH_HOLE),
    Change::CopyRange,
];

const SIZE: u64 = 8192;

fn check(outcome: i64) -> io::Result<()> {
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn change(file: &File, how: Change) -> io::Result<()> {
    match how {
        Change::Write => file.write_all_at(b"x", 5),
        Change::Cut => file.set_len(SIZE),
        Change::Allocate(mode) => {
            // SAFETY: numbers only.
            check(unsafe { libc::fallocate(file.as_raw_fd(), mode, 4096, 4096) }.into())
        }
        Change::CopyRange => {
            let (mut from, mut to) = (0, 4096);
            let number = file.as_raw_fd();
            // SAFETY: the offsets live as long as the call.
            let copied = unsafe {
                libc::copy_file_range(number, &raw mut from, number, &raw mut to, 100, 0)
            };
            check(copied as i64)
        }
    }
}

/// A capability that a file gives to whoever runs it, of version 2: `cap_net_raw+ep`.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A file that everybody may change, of this mode, and with that capability.
fn make(path: &Path, mode: u32) {
    // The name is new, so that nothing is remembered of another one.
    fs::write(path, vec![7; usize::try_from(SIZE).unwrap()]).unwrap();
    xattr::set(path, "security.capability", &CAPABILITY).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, mode);
}

/// What is left of both after a change, the mode as the kernel remembers it.
fn left(path: &Path) -> (u32, bool) {
    let mode = fs::metadata(path).unwrap().mode() & 0o7777;
    (mode, xattr::get(path, "security.capability").unwrap().is_some())
}

/// seedfs in both modes, and tmpfs; all with names that everybody may reach.
fn places() -> (Vec<Mount>, TempDir, Vec<PathBuf>) {
    let tmpfs = TempDir::new_in("/dev/shm").unwrap();
    fs::set_permissions(tmpfs.path(), Permissions::from_mode(0o755)).unwrap();
    let mounts: Vec<Mount> = ["direct", "page"]
        .map(|cache| Mount::new(&["--allow-other", "--cache", cache, "-o", "suid"]))
        .into();
    let mut paths = vec![tmpfs.path().to_owned()];
    paths.extend(mounts.iter().map(|mount| mount.path().to_owned()));
    (mounts, tmpfs, paths)
}

#[test]
fn whoever_changes_a_file_takes_from_it_what_tmpfs_takes() {
    let (_mounts, _tmpfs, places) = places();
    for (number, how) in CHANGES.into_iter().enumerate() {
        for mode in [0o6777, 0o6711, 0o4666, 0o4744, 0o2712, 0o6755, 0o2755, 0o777] {
            for root in [true, false] {
                let outcomes: Vec<_> = places
                    .iter()
                    .map(|place| {
                        let path = place.join(format!("{number}_{mode:o}_{root}"));
                        make(&path, mode);
                        // Opened by root, so that each mode can be changed by anybody.
                        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
                        let run = || change(&file, how).map_err(|error| error.raw_os_error());
                        (if root { run() } else { as_user(run) }, left(&path))
                    })
                    .collect();
                let same = outcomes.iter().all(|outcome| *outcome == outcomes[0]);
                assert!(same, "{how:?} of {mode:o}, by root: {root}: {outcomes:?}");
            }
        }
    }
}

#[test]
fn a_new_owner_takes_both() {
    let (_mounts, _tmpfs, places) = places();
    for mode in [0o6777, 0o4755, 0o2712, 0o2660] {
        let outcomes: Vec<_> = places
            .iter()
            .map(|place| {
                let path = place.join(format!("{mode:o}"));
                make(&path, mode);
                std::os::unix::fs::chown(&path, Some(USER), None).unwrap();
                left(&path)
            })
            .collect();
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{mode:o}: {outcomes:?}");
    }
}

/// The kernel remembers modes for a day: it must be told of bits that are gone.
#[test]
fn a_program_that_was_changed_no_longer_runs_as_its_owner() {
    let (_mounts, _tmpfs, places) = places();
    for place in &places[1..] {
        for (number, how) in CHANGES.into_iter().enumerate() {
            let path = place.join(format!("id_{number}"));
            fs::copy("/usr/bin/id", &path).unwrap();
            let size = fs::metadata(&path).unwrap().len();
            fs::set_permissions(&path, Permissions::from_mode(0o4777)).unwrap();
            let run = || {
                let output = as_user(|| Command::new(&path).arg("-u").output().unwrap());
                text(&output.stdout).trim().to_owned()
            };
            assert_eq!(run(), "0", "the set-id bit has its effect");
            let byte = fs::read(&path).unwrap()[5];
            as_user(|| {
                let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
                match how {
                    Change::Write => file.write_all_at(&[byte], 5).unwrap(),
                    Change::Cut => file.set_len(size).unwrap(),
                    // Where it does no harm to the program.
                    Change::Allocate(mode) => {
                        let (offset, length) = (size.try_into().unwrap(), 4096);
                        // SAFETY: numbers only.
                        let outcome =
                            unsafe { libc::fallocate(file.as_raw_fd(), mode, offset, length) };
                        assert_eq!(outcome, 0);
                    }
                    Change::CopyRange => {
                        let (mut from, mut to) = (0, size.next_multiple_of(8).try_into().unwrap());
                        let number = file.as_raw_fd();
                        // SAFETY: the offsets live as long as the call.
                        let copied = unsafe {
                            libc::copy_file_range(number, &raw mut from, number, &raw mut to, 8, 0)
                        };
                        assert_eq!(copied, 8);
                    }
                }
            });
            assert_eq!(run(), USER.to_string(), "{how:?} in {}", place.display());
        }
    }
}
