//! The status files of a cluster's nodes, which other machines write: they are merged, or named as
//! unreadable, and what comes of it is JSON.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use seedfs::disk::Disk;
use seedfs::storage::{Root, read_cluster_status};
use tempfile::TempDir;

/// In memory, where there is such a place.
static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    TempDir::new_in(parent).unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    // One file behind another, with a byte between them that JSON does not have.
    let files = bytes.splitn(FILES, |byte| *byte == 0).chain(std::iter::repeat(&[][..]));
    for (number, bytes) in files.take(FILES).enumerate() {
        let name = format!(".dummy_data_status_node{number}.json");
        fs::write(DIRECTORY.path().join(name), bytes).unwrap();
    }
    let root = Root::open(Disk::real(), DIRECTORY.path()).unwrap();
    let status = read_cluster_status(&root).unwrap().unwrap();
    assert_eq!(status.nodes.len() + status.unreadable.len(), FILES);
    assert!(status.percent_complete <= 100.0, "{}", status.percent_complete);
    serde_json::to_string(&status).unwrap();
});

const FILES: usize = 3;
