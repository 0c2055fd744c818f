//! The reports and node statuses of a cluster's nodes, which other machines write: they are merged, or
//! named as unreadable, and what comes of it is JSON.

#![no_main]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use seedfs::disk::Disk;
use seedfs::storage::{Root, read_reports};
use tempfile::TempDir;

/// In memory, where there is such a place.
static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let directory = TempDir::new_in(parent).unwrap();
    fs::create_dir(directory.path().join(".seedfs")).unwrap();
    directory
});

/// A node status counts where its node has no report.
const NODE_STATUSES: [&str; 3] = [
    ".dummy_data_status_node0.json",
    ".dummy_data_status_node1.json",
    ".dummy_data_status_node2.json",
];
const REPORTS: [&str; 4] = [
    ".seedfs/node0.write.json",
    ".seedfs/node1.verify.json",
    ".seedfs/node2.verify.json",
    ".seedfs/node2.mount.json",
];

fuzz_target!(|bytes: &[u8]| {
    // One file behind another, with a byte between them that JSON does not have.
    let names = NODE_STATUSES.iter().chain(&REPORTS);
    let most = NODE_STATUSES.len() + REPORTS.len();
    let files = bytes.splitn(most, |byte| *byte == 0).chain(std::iter::repeat(&[][..]));
    for (name, bytes) in names.zip(files) {
        fs::write(DIRECTORY.path().join(name), bytes).unwrap();
    }
    let root = Root::open(Disk::real(), DIRECTORY.path()).unwrap();
    let cluster = read_reports(&root).unwrap();
    let current: usize = cluster.runs.iter().map(|run| run.nodes.len()).sum();
    let others: u64 = cluster.other_runs.iter().map(|run| run.reports).sum();
    let told = current as u64 + others + cluster.unreadable_total;
    assert!((REPORTS.len() as u64..=most as u64).contains(&told), "{told} files are told of");
    for run in &cluster.runs {
        assert!((0.0..=100.0).contains(&run.percent_complete), "{}", run.percent_complete);
    }
    serde_json::to_string(&cluster).unwrap();
});
