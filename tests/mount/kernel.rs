//! What is agreed with the kernel: each option shows its effect on a real mount.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use crate::common::{self, Mount};

/// A mount of 4 files of 16 MiB, with its log.
fn mount(log: &tempfile::NamedTempFile, options: &[&str]) -> Mount {
    let log = log.path().to_str().unwrap();
    let common = ["--processes", "4", "--size", "16M", "--log", log];
    Mount::new(&[&common, options].concat())
}

/// What the daemon has logged, as soon as `expected` is in it: a thread of its own writes that.
fn logged(log: &tempfile::NamedTempFile, expected: &str) -> String {
    common::wait_for("a line in the log", || {
        fs::read_to_string(log.path()).unwrap().contains(expected)
    });
    fs::read_to_string(log.path()).unwrap()
}

/// The reads that arrived at the daemon while a file was read in pieces of 4 MiB.
fn requests_of_one_file(mount: &Mount) -> u64 {
    let before = mount.status("summary.json")["reads"]["operations"].as_u64().unwrap();
    let mut file = fs::File::open(mount.join("node_0/process_1")).unwrap();
    let mut buffer = vec![0; 4 << 20];
    while file.read(&mut buffer).unwrap() > 0 {}
    mount.status("summary.json")["reads"]["operations"].as_u64().unwrap() - before
}

#[test]
fn requests_are_no_larger_than_asked_for() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mount_small = mount(&log, &["--max-request", "64K"]);
    // 256 of 64 KiB, one more for each of five reads into a buffer that is not aligned to pages.
    let requests = requests_of_one_file(&mount_small);
    assert!((256..=261).contains(&requests), "{requests}");
    let log = logged(&log, "request_bytes=65536");
    assert!(log.contains("request_bytes=65536"), "{log}");
    drop(mount_small);

    let log = tempfile::NamedTempFile::new().unwrap();
    let mount_large = mount(&log, &[]);
    let requests = requests_of_one_file(&mount_large);
    assert!((16..=21).contains(&requests), "{requests}");
}

#[test]
fn the_log_says_what_was_agreed() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let options = ["--max-background", "7", "--cache", "page", "--read-ahead", "256K"];
    let mount = mount(&log, &options);
    let log = logged(&log, "kib=256");
    assert!(log.contains("background=7"), "{log}");
    assert!(log.contains("kib=256"), "{log}");
    let device = fs::metadata(mount.path()).unwrap().dev();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let read_ahead = format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb");
    assert_eq!(fs::read_to_string(read_ahead).unwrap().trim(), "256");
}

#[test]
fn without_extended_attributes_nobody_asks_for_them() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mount = mount(&log, &["--no-xattr"]);
    let path = mount.join("node_0/process_0");
    for _ in 0..2 {
        let error = xattr::get(&path, "user.seedfs.verdict").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
    }
    let error = xattr::set(&path, "user.other", b"x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
    assert_eq!(xattr::list(&path).map(Iterator::count).unwrap_or_default(), 0);
}

#[test]
fn names_and_attributes_are_right_whatever_is_remembered() {
    for options in [
        ["--entry-timeout", "0", "--attr-timeout", "0", "--readdirplus", "never"],
        ["--entry-timeout", "1", "--attr-timeout", "0", "--readdirplus", "always"],
    ] {
        let log = tempfile::NamedTempFile::new().unwrap();
        let mount = mount(&log, &options);
        let names: Vec<_> = fs::read_dir(mount.join("node_0"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().len()))
            .collect();
        assert_eq!(names.len(), 4);
        assert!(names.iter().all(|(_, size)| *size == 16 << 20));
        fs::remove_file(mount.join("node_0/process_3")).unwrap();
        assert!(fs::metadata(mount.join("node_0/process_3")).is_err());
        assert_eq!(fs::read_dir(mount.join("node_0")).unwrap().count(), 3);
    }
}

#[test]
fn wrong_values_are_named() {
    for (option, value, accepted) in [
        ("--max-request", "1K", "expected 4K to 16M"),
        ("--max-request", "17M", "expected 4K to 16M"),
        ("--max-request", "lots", "expected 4K to 16M"),
        ("--max-background", "0", "expected a whole number from 1 to 65535"),
        ("--read-ahead", "2G", "expected 0 to 1G"),
        ("--entry-timeout", "-1", "expected a whole number from 0 to 4294967295"),
        ("--attr-timeout", "soon", "expected a whole number from 0 to 4294967295"),
        ("--readdirplus", "sometimes", "auto"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let output = common::run(&["mount", option, value, path]);
        let said = common::text(&output.stderr);
        assert_eq!(common::code(output.status), 2, "{option} {value}: {said}");
        for expected in [option, value, accepted] {
            assert!(said.contains(expected), "{option} {value}: {said}");
        }
        assert!(!common::is_mounted(directory.path()));
    }
}
