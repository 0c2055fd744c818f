//! A real mount, real tools, and the verdict: what was damaged on the way is named exactly.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::common::{self, Mount};

const SIZE: u64 = 4 << 20;
const DATASET: [&str; 8] = ["--seed", "42", "--nodes", "2", "--processes", "2", "--size", "4M"];

/// A copy of a file of the mount, to be damaged.
fn bytes_of(mount: &Mount, path: &str) -> Vec<u8> {
    fs::read(mount.join(path)).unwrap()
}

/// Writes bytes over a file as `dd` does: it is cut to nothing first.
fn dd_in(mount: &Mount, path: &str, bytes: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    fs::write(&copy, bytes).unwrap();
    dd(&copy, &mount.join(path), &["bs=64K"]);
}

fn dd(from: &Path, to: &Path, options: &[&str]) {
    let output = Command::new("dd")
        .arg(format!("if={}", from.display()))
        .arg(format!("of={}", to.display()))
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
}

fn file(mount: &Mount, path: &str) -> Value {
    mount.status(&format!("files/{path}.json"))
}

/// The only range of a file, which is otherwise whole.
fn only_range(document: &Value) -> Value {
    assert_eq!(document["verdict"], "mismatch", "{document}");
    assert_eq!(document["ranges_total"], 1, "{document}");
    document["ranges"][0].clone()
}

fn assert_verified(mount: &Mount, path: &str) {
    let document = file(mount, path);
    assert_eq!(document["verdict"], "verified", "{document}");
    assert_eq!(document["bytes"]["matched"], SIZE);
    assert_eq!(document["extents"], 1);
    assert_eq!(document["kept_bytes"], 0);
    assert_eq!(document["ranges"], Value::Array(vec![]));
}

#[test]
fn dd_out_and_back_in_is_verified() {
    let mount = Mount::new(&DATASET);
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    for path in ["node_0/process_0", "node_1/process_1"] {
        assert_eq!(file(&mount, path)["verdict"], "untouched");
        dd(&mount.join(path), &copy, &["bs=1M"]);
        dd(&copy, &mount.join(path), &["bs=1M"]);
        assert_verified(&mount, path);
    }
    // Odd pieces, not cut first.
    dd(&copy, &mount.join("node_1/process_1"), &["bs=12345", "conv=notrunc"]);
    assert_verified(&mount, "node_1/process_1");
    let summary = mount.status("summary.json");
    assert_eq!(summary["files"]["verified"], 2);
    assert_eq!(summary["files"]["untouched"], 2);
    assert_eq!(summary["verdict"], "incomplete");
    assert_eq!(summary["bytes"]["matched"], 2 * SIZE);
    assert_eq!(summary["bytes"]["missing"], 2 * SIZE);
}

#[test]
fn a_flipped_bit_is_found_at_its_place_and_healed() {
    let mount = Mount::new(&DATASET);
    let path = "node_1/process_1";
    let right = bytes_of(&mount, path);
    let mut flipped = right.clone();
    flipped[12345] ^= 0x10;
    dd_in(&mount, path, &flipped);
    let document = file(&mount, path);
    let range = only_range(&document);
    assert_eq!((&range["offset"], &range["length"]), (&12345.into(), &1.into()));
    assert_eq!(range["class"], "flipped");
    assert_eq!(range["expected"], hex::encode([right[12345]]));
    assert_eq!(range["actual"], hex::encode([flipped[12345]]));
    assert_eq!(document["bytes"]["matched"], SIZE - 1);
    assert_eq!(document["bytes"]["wrong"], 1);
    assert_eq!(bytes_of(&mount, path), flipped, "reads give back what was written");

    let open = OpenOptions::new().write(true).open(mount.join(path)).unwrap();
    open.write_all_at(&right[12345..12346], 12345).unwrap();
    drop(open);
    assert_verified(&mount, path);
    let summary = mount.status("summary.json");
    assert_eq!(summary["mismatches"]["seen"], 1, "what was seen does not go back");
    assert_eq!(summary["mismatches"]["flipped"], 1);
}

#[test]
fn another_file_s_content_is_misplaced_and_named() {
    let mount = Mount::new(&DATASET);
    let other = bytes_of(&mount, "node_1/process_0");
    dd_in(&mount, "node_1/process_1", &other);
    let document = file(&mount, "node_1/process_1");
    let range = only_range(&document);
    assert_eq!(range["class"], "misplaced");
    let source = &range["source"];
    assert_eq!((&source["node"], &source["process"]), (&1.into(), &0.into()));
    assert_eq!(source["file"], 0);
    assert_eq!(source["path"], "node_1/process_0");
    assert_eq!(source["offset"], range["offset"]);
    // A byte at either end may agree by chance.
    assert!(range["length"].as_u64().unwrap() > SIZE - 10);
    assert_eq!(document["kept_bytes"], 0, "it is kept as an address");
    assert_eq!(document["extents"], 1, "{document}");
    dd(&mount.join("node_1/process_1"), Path::new("/dev/null"), &[]);
    assert_eq!(bytes_of(&mount, "node_1/process_1"), other);
}

#[test]
fn a_block_moved_within_the_file_is_named() {
    let mount = Mount::new(&DATASET);
    let mut bytes = bytes_of(&mount, "node_0/process_1");
    let block = bytes[8192..8192 + 4096].to_vec();
    bytes[1_000_000..1_000_000 + 4096].copy_from_slice(&block);
    dd_in(&mount, "node_0/process_1", &bytes);
    let range = only_range(&file(&mount, "node_0/process_1"));
    assert_eq!(range["class"], "misplaced");
    let offset = range["offset"].as_u64().unwrap();
    assert!((1_000_000..1_000_004).contains(&offset), "{range}");
    assert_eq!(range["source"]["offset"], 8192 + offset - 1_000_000);
    assert_eq!(range["source"]["path"], "node_0/process_1");
}

#[test]
fn an_older_generation_is_stale() {
    let mount = Mount::new(&["--seed", "42", "--iterations", "2", "--size", "4M"]);
    let old = bytes_of(&mount, "iteration_0/node_0/process_0");
    dd_in(&mount, "iteration_1/node_0/process_0", &old);
    let range = only_range(&file(&mount, "iteration_1/node_0/process_0"));
    assert_eq!(range["class"], "stale");
    assert_eq!(range["source"]["generation"], 0);
    assert_eq!(range["source"]["path"], "iteration_0/node_0/process_0");
}

#[test]
fn half_a_file_is_incomplete() {
    let mount = Mount::new(&DATASET);
    let path = "node_0/process_0";
    let bytes = bytes_of(&mount, path);
    dd_in(&mount, path, &bytes[..bytes.len() / 2]);
    let document = file(&mount, path);
    assert_eq!(document["verdict"], "incomplete");
    assert_eq!(document["bytes"]["matched"], SIZE / 2);
    assert_eq!(document["bytes"]["missing"], SIZE / 2);
    assert_eq!(document["size_bytes"], SIZE / 2);
}

#[test]
fn zeros_are_zeroed() {
    let mount = Mount::new(&DATASET);
    let path = "node_0/process_0";
    dd(Path::new("/dev/zero"), &mount.join(path), &["bs=1M", "count=4"]);
    let document = file(&mount, path);
    let range = only_range(&document);
    assert_eq!(range["class"], "zeroed");
    assert_eq!(range["source"], Value::Null);
    assert_eq!(document["kept_bytes"], 0, "zeros cost nothing");
}

#[test]
fn a_program_is_foreign() {
    let mount = Mount::new(&DATASET);
    let path = "node_0/process_0";
    let program = fs::read("/usr/bin/env").unwrap();
    dd_in(&mount, path, &program);
    let document = file(&mount, path);
    assert_eq!(document["verdict"], "mismatch");
    let ranges = document["ranges"].as_array().unwrap();
    assert!(ranges.iter().any(|range| range["class"] == "foreign"), "{document}");
    let of = |class: &str| -> u64 {
        let of_class = ranges.iter().filter(|range| range["class"] == class);
        of_class.map(|range| range["length"].as_u64().unwrap()).sum()
    };
    assert!(of("foreign") > of("zeroed") + of("flipped") + of("misplaced"), "{document}");
    assert_eq!(bytes_of(&mount, path), program);
}

#[test]
fn an_appended_byte_is_extra() {
    let mount = Mount::new(&DATASET);
    let path = "node_0/process_0";
    let mut bytes = bytes_of(&mount, path);
    bytes.push(b'x');
    dd_in(&mount, path, &bytes);
    let document = file(&mount, path);
    let range = only_range(&document);
    assert_eq!(document["bytes"]["extra"], 1);
    assert_eq!(document["bytes"]["matched"], SIZE);
    assert_eq!(range["offset"], SIZE);
    assert_eq!(range["expected"], Value::Null);
    assert_eq!(range["actual"], hex::encode("x"));
    // Appending does the same.
    let mut open = OpenOptions::new().append(true).open(mount.join(path)).unwrap();
    open.write_all(b"yz").unwrap();
    assert_eq!(file(&mount, path)["bytes"]["extra"], 3);
    // And cutting heals.
    open.set_len(SIZE).unwrap();
    assert_verified(&mount, path);
}

#[test]
fn eight_processes_writing_pieces_out_of_order_at_once() {
    const PIECE: usize = 12_345;
    let mount = Mount::new(&DATASET);
    let path = "node_1/process_0";
    let bytes = bytes_of(&mount, path);
    File::create(mount.join(path)).unwrap();
    thread::scope(|scope| {
        for worker in 0..8_usize {
            let bytes = &bytes;
            let target = mount.join(path);
            scope.spawn(move || {
                let open = OpenOptions::new().write(true).open(target).unwrap();
                let pieces: Vec<_> = bytes.chunks(PIECE).enumerate().collect();
                // Backwards, and each piece by two of the eight.
                for (index, piece) in pieces.into_iter().rev() {
                    if index % 8 == worker || index % 8 == (worker + 3) % 8 {
                        open.write_all_at(piece, (index * PIECE) as u64).unwrap();
                    }
                }
            });
        }
    });
    assert_verified(&mount, path);
    let summary = mount.status("summary.json");
    assert_eq!(summary["bytes"]["matched"], SIZE);
    assert!(summary["writes"]["bytes"].as_u64().unwrap() > SIZE);
}

#[test]
fn rejected_writes_leave_nothing() {
    let mut options = DATASET.to_vec();
    options.extend(["--on-mismatch", "reject"]);
    let mount = Mount::new(&options);
    let path = "node_0/process_0";
    let right = bytes_of(&mount, path);
    let open = OpenOptions::new().write(true).open(mount.join(path)).unwrap();
    let error = open.write_all_at(b"wrong", 100).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EIO));
    assert_eq!(open.set_len(SIZE + 1).unwrap_err().raw_os_error(), Some(libc::EIO));
    assert_eq!(file(&mount, path)["verdict"], "untouched");
    open.write_all_at(&right[100..200], 100).unwrap();
    assert_eq!(file(&mount, path)["verdict"], "incomplete");
    let summary = mount.status("summary.json");
    assert_eq!(summary["writes"]["rejected"], 2);
    assert_eq!(mount.status("mismatches.json")["ranges"][0]["offset"], 100);
}

#[test]
fn at_the_limit_nothing_kept_is_lost() {
    let mut options = DATASET.to_vec();
    options.extend(["--keep", "100000"]);
    let mount = Mount::new(&options);
    let path = "node_0/process_0";
    let right = bytes_of(&mount, path);
    let foreign: Vec<u8> =
        (0..60_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    let open = OpenOptions::new().write(true).open(mount.join(path)).unwrap();
    open.write_all_at(&foreign, 0).unwrap();
    let error = open.write_all_at(&foreign, 1_000_000).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    let now = bytes_of(&mount, path);
    assert_eq!(now[..60_000], foreign[..]);
    assert_eq!(now[60_000..], right[60_000..], "the refused write has left nothing");
    // Right bytes need no room, and what they replace gives room back.
    open.write_all_at(&right[..60_000], 0).unwrap();
    open.write_all_at(&foreign, 1_000_000).unwrap();
    assert_eq!(mount.status("summary.json")["writes"]["no_space"], 1);
}

#[test]
fn mmap_reads_and_writes() {
    for cache in ["direct", "page"] {
        let mut options = DATASET.to_vec();
        options.extend(["--cache", cache]);
        let mount = Mount::new(&options);
        let path = mount.join("node_0/process_0");
        let script = "
import mmap, sys
with open(sys.argv[1], 'r+b') as f:
    m = mmap.mmap(f.fileno(), 0)
    before = m[5000:5010]
    m[5003] = before[3] ^ 1
    m.flush()
    m.close()
print(before.hex())
";
        let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{cache}: {}", common::text(&output.stderr));
        let document = file(&mount, "node_0/process_0");
        let range = only_range(&document);
        assert_eq!((&range["offset"], &range["class"]), (&5003.into(), &"flipped".into()));
    }
}

#[test]
fn status_files_are_whole_and_frozen() {
    let mount = Mount::new(&DATASET);
    let path = mount.join(".status/summary.json");
    let open = File::open(&path).unwrap();
    assert_eq!(open.metadata().unwrap().len(), 0, "nobody makes a document for a stat");
    let before = {
        let mut bytes = vec![0; 1 << 20];
        let length = open.read_at(&mut bytes, 0).unwrap();
        bytes.truncate(length);
        bytes
    };
    assert!(serde_json::from_slice::<Value>(&before).is_ok(), "whole");
    dd_in(&mount, "node_0/process_0", b"something else");
    let mut again = vec![0; before.len() + 100];
    let read = open.read_at(&mut again, 0).unwrap();
    assert_eq!(again[..read], before[..], "frozen when it was opened");
    let fresh: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(fresh["files"]["mismatch"], 1);
    assert_eq!(
        OpenOptions::new().write(true).open(&path).unwrap_err().raw_os_error(),
        Some(libc::EACCES)
            .filter(|_| !nix::unistd::Uid::effective().is_root())
            .or(Some(libc::EROFS))
    );
}

#[test]
fn a_store_keeps_bytes_on_disk_and_gives_the_space_back() {
    let store = tempfile::tempdir().unwrap();
    let mut options = DATASET.to_vec();
    let directory = store.path().display().to_string();
    options.extend(["--store", &directory, "--store-limit", "3M", "--keep", "64K"]);
    let mount = Mount::new(&options);
    // It has no name, so nothing can be left behind.
    assert_eq!(fs::read_dir(store.path()).unwrap().count(), 0);
    let descriptors = format!("/proc/{}/fd", common::daemon(&mount).pid());
    let used = || -> u64 {
        let open = fs::read_dir(&descriptors).unwrap().map(|it| it.unwrap().path());
        let mut ours = open.filter(|it| fs::read_link(it).unwrap().starts_with(store.path()));
        fs::metadata(ours.next().unwrap()).unwrap().blocks() * 512
    };
    let foreign: Vec<u8> =
        (0..2_000_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    let path = mount.join("notes");
    fs::write(&path, &foreign).unwrap();
    assert!(fs::read(&path).unwrap() == foreign);
    assert!(used() >= 2_000_000);
    let kept = mount.status("summary.json")["kept"].clone();
    assert!(kept["stored_bytes"].as_u64().unwrap() >= 1_990_000, "{kept}");
    assert!(kept["bytes"].as_u64().unwrap() <= 64 << 10, "{kept}");

    let error = fs::write(mount.join("more"), &foreign).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
    assert!(fs::read(&path).unwrap() == foreign, "what was accepted before is still there");
    fs::remove_file(mount.join("more")).unwrap();
    // The kernel says only a moment later that nobody has it open any more.
    let stored = || mount.status("summary.json")["kept"]["stored_bytes"].as_u64();
    let alone = kept["stored_bytes"].as_u64();
    common::wait_for("the return of what the removed file held", || stored() <= alone);

    // A wrong piece in a file of the dataset is judged from the disk.
    let open = OpenOptions::new().write(true).open(mount.join("node_0/process_0")).unwrap();
    open.write_all_at(&foreign[..100_000], 4096).unwrap();
    let document = file(&mount, "node_0/process_0");
    let range = only_range(&document);
    assert_eq!(range["class"], "foreign");
    assert!(range["length"].as_u64().unwrap() > 99_990);

    fs::write(mount.join(".status/control"), "reset").unwrap();
    assert_eq!(mount.status("summary.json")["kept"]["stored_bytes"], 0);
    // That is done a moment later.
    common::wait_for("the return of the disk's room", || used() < 200_000);
    drop(open);
}
