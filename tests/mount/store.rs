//! A mount that keeps bytes: in a store whose disk goes away, and in memory that it gives back.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{self, Mount, foreign, wait_for};

/// The store is on a mount whose daemon is killed: each call fails from then on.
#[test]
fn a_store_that_is_gone_is_an_errno_for_callers_and_a_line_in_the_log() {
    let disk = Mount::new(&["--size", "100"]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let (store, log_path) = (disk.path().to_str().unwrap(), log.path().to_str().unwrap());
    let mount = Mount::new(&["--size", "100", "--store", store, "--log", log_path]);
    let file = File::create_new(mount.join("new")).unwrap();
    file.write_all_at(&foreign(1, 300_000), 0).unwrap();
    kill(Pid::from_raw(common::daemon(&disk).pid()), Signal::SIGKILL).unwrap();
    // Until the last of the daemon's descriptors is closed, a request may be taken and aborted.
    let is_gone =
        || fs::metadata(disk.path()).is_err_and(|it| it.raw_os_error() == Some(libc::ENOTCONN));
    wait_for("the end of the disk", is_gone);
    let errno = |error: std::io::Error| error.raw_os_error().unwrap();
    for _ in 0..5 {
        let written = file.write_at(&foreign(2, 100_000), 0).map_err(errno);
        assert_eq!(written, Err(libc::ENOTCONN));
        let read = file.read_at(&mut [0; 5000], 0).map_err(errno);
        assert_eq!(read, Err(libc::ENOTCONN));
    }
    // What needs no store goes on, and so does what lies in memory.
    file.write_all_at(b"small", 400_000).unwrap();
    let mut small = [0; 5];
    file.read_exact_at(&mut small, 400_000).unwrap();
    assert_eq!(&small, b"small");
    let _ = Command::new("umount").arg("-l").arg(disk.path()).status();
    let said = || fs::read_to_string(log.path()).unwrap();
    // The log has a thread of its own.
    wait_for("the last line of the log", || said().contains("cannot read from the store"));
    let said = said();
    for way in ["cannot write to the store", "cannot read from the store"] {
        assert_eq!(said.matches(way).count(), 1, "{said}");
    }
}

/// What was written and is gone goes back to the system.
#[test]
fn memory_goes_back_when_foreign_bytes_are_removed() {
    let mount = Mount::new(&["--size", "100"]);
    let before = common::resident_bytes(&mount);
    for number in 0..4_u8 {
        let file = File::create_new(mount.join(&format!("file_{number}"))).unwrap();
        for part in 0..64_u64 {
            // Between pieces that stay.
            file.write_all_at(&foreign(number, 1 << 20), part << 20).unwrap();
            let stays = File::options().create(true).append(true).open(mount.join("stays"));
            std::io::Write::write_all(&mut stays.unwrap(), &foreign(number, 1000)).unwrap();
        }
    }
    let full = common::resident_bytes(&mount);
    assert!(full - before > 256 << 20, "{} bytes for 256 MiB", full - before);
    for number in 0..4 {
        fs::remove_file(mount.join(&format!("file_{number}"))).unwrap();
    }
    let held = || common::resident_bytes(&mount).saturating_sub(before);
    wait_for("the return of nearly all memory", || held() < 32 << 20);
}
