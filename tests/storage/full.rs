//! A full disk and a read-only one: each file that fails is named, the rest is done.
//!
//! The filesystems are mounted in a mount namespace of the shell that runs the test, and end with
//! it.

use std::path::Path;
use std::process::Command;

use crate::common::storage::Run;

/// Runs a shell script as root of a mount namespace of its own; `$1` is the program, `$2` a
/// directory.
pub(crate) fn with_mounts(script: &str, directory: &Path) -> Run {
    let root = nix::unistd::Uid::effective().is_root();
    let namespace: &[&str] =
        if root { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] };
    let output = Command::new("unshare")
        .args(namespace)
        .args(["sh", "-euc", script, "sh", env!("CARGO_BIN_EXE_seedfs")])
        .arg(directory)
        .output()
        .unwrap();
    Run::from(output)
}

#[test]
fn a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let run = with_mounts(
        r#"
        mount -t tmpfs -o size=10m tmpfs "$2"
        code=0
        "$1" write -q -n 5 -s 3M --seed 42 "$2" || code=$?
        echo "refused $code"
        code=0
        "$1" write -q -n 5 -s 3M --seed 42 -t 1 --force "$2" || code=$?
        echo "written $code"
        find "$2" -type f -name 'file_*' | wc -l
        find "$2" -name '.seedfs-tmp*' | wc -l
        mount -o remount,size=20m tmpfs "$2"
        "$1" write -q -n 5 -s 3M --seed 42 --resume "$2"
        "$1" verify -q -n 5 -s 3M --seed 42 "$2"
        echo verified
        "#,
        directory.path(),
    );
    let said: Vec<&str> = run.stdout.split_whitespace().collect();
    assert_eq!(said, ["refused", "3", "written", "3", "3", "0", "verified"], "{}", run.stderr);
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    assert!(run.stderr.contains("No space left"), "{}", run.stderr);
    assert!(run.stderr.contains("2 of 5 files failed"), "{}", run.stderr);
}

#[test]
fn a_read_only_directory() {
    let directory = tempfile::tempdir().unwrap();
    let run = with_mounts(
        r#"
        mount -t tmpfs -o size=20m tmpfs "$2"
        mkdir -p "$2/node_0" "$2/node_1" "$2/readonly"
        mount -t tmpfs -o ro tmpfs "$2/node_1"
        code=0
        "$1" write -q --nodes 2 -n 2 -s 1M "$2" || code=$?
        echo "$code"
        "$1" verify -q --nodes 2 -n 2 -s 1M --node-id 1 "$2" || echo "$?"
        umount "$2/node_1"
        "$1" write -q --nodes 2 -n 2 -s 1M --resume "$2"
        rmdir "$2/readonly"
        "$1" verify -q --nodes 2 -n 2 -s 1M "$2"
        echo verified
        "#,
        directory.path(),
    );
    let said: Vec<&str> = run.stdout.split_whitespace().collect();
    assert_eq!(said, ["3", "1", "verified"], "{}", run.stderr);
    assert!(run.stderr.contains("node_1/process_0/file_0: Read-only"), "{}", run.stderr);
    assert!(run.stderr.contains("2 of 4 files failed"), "{}", run.stderr);
}
