//! Each kind of change leaves the mark by which the totals are kept up to date: after a summary that
//! has looked at everything, the next one looks only at what was marked.

use seedfs::content::Content;
use seedfs::dataset::Inode;
use seedfs::fs::{Filesystem, InodeKind, RenameMode};

use crate::common::unmounted::{document, filesystem, new_entry, resolve};

const SIZE: usize = 64;

/// 2 nodes × 2 processes × 2 files, of which a summary has seen that nothing was changed.
fn looked_at() -> Filesystem {
    let filesystem = filesystem(&format!("nodes = 2\nprocesses = 2\nfiles = 2\nsize = {SIZE}"));
    assert_eq!(counts(&filesystem), [8, 0, 0, 0]);
    filesystem
}

/// Files that are untouched, incomplete, verified and mismatch.
fn counts(filesystem: &Filesystem) -> [u64; 4] {
    let summary = document(filesystem, "summary.json");
    ["untouched", "incomplete", "verified", "mismatch"]
        .map(|verdict| summary["files"][verdict].as_u64().unwrap())
}

/// What belongs into a file.
fn right(filesystem: &Filesystem, path: &str) -> Vec<u8> {
    let namespace = filesystem.dataset().namespace();
    let inode = namespace.resolve(path).unwrap();
    let Some(seedfs::dataset::DatasetEntry::File(file)) = namespace.entry(inode) else {
        panic!("{path} is no file");
    };
    let mut bytes = vec![0; SIZE];
    Content::of(filesystem.dataset()).fill(file, 0, &mut bytes);
    bytes
}

fn make(filesystem: &Filesystem, parent: Inode, name: &str, kind: InodeKind) -> Inode {
    filesystem.make(parent, name.as_bytes(), &new_entry(kind)).unwrap().inode
}

fn rename(filesystem: &Filesystem, (from, name): (Inode, &str), (to, new_name): (Inode, &str)) {
    let (name, new_name) = (name.as_bytes(), new_name.as_bytes());
    filesystem.rename(from, name, to, new_name, RenameMode::Replace).unwrap();
}

#[test]
fn content_is_marked_each_time_that_somebody_has_looked() {
    let filesystem = looked_at();
    let file = resolve(&filesystem, "node_0/process_0/file_0");
    let bytes = right(&filesystem, "node_0/process_0/file_0");
    filesystem.write(file, 0, &bytes).unwrap();
    assert_eq!(counts(&filesystem), [7, 0, 1, 0]);
    filesystem.write(file, 3, b"wrong").unwrap();
    assert_eq!(counts(&filesystem), [7, 0, 0, 1]);
    filesystem.write(file, 0, &bytes).unwrap();
    assert_eq!(counts(&filesystem), [7, 0, 1, 0]);
}

#[test]
fn names_of_files_are_marked() {
    let filesystem = looked_at();
    let directory = resolve(&filesystem, "node_0/process_0");
    filesystem.unlink(directory, b"file_0").unwrap();
    assert_eq!(counts(&filesystem), [7, 1, 0, 0]);
    let made = make(&filesystem, Inode::ROOT, "temporary", InodeKind::File);
    let bytes = right(&filesystem, "node_0/process_0/file_1");
    filesystem.write(made, 0, &bytes).unwrap();
    assert_eq!(counts(&filesystem), [7, 1, 0, 0]);
    rename(&filesystem, (Inode::ROOT, "temporary"), (directory, "file_1"));
    assert_eq!(counts(&filesystem), [6, 1, 1, 0]);
    // Its content counts under the name that it was given.
    filesystem.write(made, 3, b"wrong").unwrap();
    assert_eq!(counts(&filesystem), [6, 1, 0, 1]);
    rename(&filesystem, (directory, "file_1"), (directory, "file_0"));
    assert_eq!(counts(&filesystem), [6, 1, 0, 1]);
}

#[test]
fn a_directory_that_moves_takes_what_is_in_it_along() {
    let filesystem = looked_at();
    let node = resolve(&filesystem, "node_1");
    for process in ["process_0", "process_1"] {
        let directory = filesystem.find(node, process.as_bytes()).unwrap();
        for file in [b"file_0", b"file_1"] {
            filesystem.unlink(directory, file).unwrap();
        }
        filesystem.remove_directory(node, process.as_bytes()).unwrap();
    }
    filesystem.remove_directory(Inode::ROOT, b"node_1").unwrap();
    assert_eq!(counts(&filesystem), [4, 4, 0, 0]);
    let other = make(&filesystem, Inode::ROOT, "other", InodeKind::Directory);
    let below = make(&filesystem, other, "process_0", InodeKind::Directory);
    let file = make(&filesystem, below, "file_0", InodeKind::File);
    filesystem.write(file, 0, &right(&filesystem, "node_1/process_0/file_0")).unwrap();
    assert_eq!(counts(&filesystem), [4, 4, 0, 0]);
    rename(&filesystem, (Inode::ROOT, "other"), (Inode::ROOT, "node_1"));
    assert_eq!(counts(&filesystem), [4, 3, 1, 0]);
    rename(&filesystem, (other, "process_0"), (other, "process_1"));
    assert_eq!(counts(&filesystem), [4, 3, 0, 1]);
    rename(&filesystem, (Inode::ROOT, "node_1"), (Inode::ROOT, "away"));
    assert_eq!(counts(&filesystem), [4, 4, 0, 0]);
}

#[test]
fn a_reset_is_marked() {
    let filesystem = looked_at();
    let file = resolve(&filesystem, "node_0/process_0/file_0");
    for command in ["reset node_0/process_0/file_0", "reset"] {
        filesystem.write(file, 0, b"wrong").unwrap();
        assert_eq!(counts(&filesystem), [7, 0, 0, 1], "{command}");
        filesystem.control(command.as_bytes()).unwrap();
        assert_eq!(counts(&filesystem), [8, 0, 0, 0], "{command}");
    }
}
