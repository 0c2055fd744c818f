//! `--device`: the dataset on loop devices and in large files.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::storage::{Run, assert_schema, seedfs};

const DATASET: &str = "--seed 42 --iterations 2 --nodes 2 -n 10 -s 1..300000";

/// Runs a command on a device.
fn run(subcommand: &str, dataset: &str, more: &[&str], device: &Path) -> Run {
    let words = [subcommand].into_iter().chain(dataset.split_whitespace());
    let mut command = seedfs(words.chain(more.iter().copied()));
    Run::from(command.arg("--device").arg(device).output().unwrap())
}

fn write(dataset: &str, device: &Path) {
    let run = run("write", dataset, &["--yes-destroy", "--quiet"], device);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

fn document(run: &Run) -> Value {
    serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr))
}

fn verify(dataset: &str, more: &[&str], device: &Path) -> (Option<i32>, Value) {
    let more: Vec<&str> = more.iter().copied().chain(["--json", "--quiet"]).collect();
    let run = run("verify", dataset, &more, device);
    let document = document(&run);
    assert_schema(&document);
    (run.code, document)
}

fn repair(dataset: &str, more: &[&str], device: &Path) -> (Option<i32>, Value) {
    let more: Vec<&str> = more.iter().copied().chain(["--json", "--quiet"]).collect();
    let run = run("repair", dataset, &more, device);
    (run.code, document(&run))
}

/// A loop device, which is detached when it is dropped.
struct Loop {
    path: PathBuf,
    backing: PathBuf,
    _directory: TempDir,
}

impl Loop {
    fn new(bytes: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let backing = directory.path().join("backing");
        File::create(&backing).unwrap().set_len(bytes).unwrap();
        let found = Command::new("losetup").args(["--find", "--show"]).arg(&backing).output();
        let found = found.expect("losetup, of the package mount");
        let message = String::from_utf8_lossy(&found.stderr).into_owned();
        assert!(found.status.success(), "this test needs root and a free loop device: {message}");
        let path = PathBuf::from(String::from_utf8(found.stdout).unwrap().trim());
        Self { path, backing, _directory: directory }
    }

    fn open(&self) -> File {
        File::options().read(true).write(true).open(&self.path).unwrap()
    }

    fn bytes(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.open().read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }

    fn put(&self, offset: u64, bytes: &[u8]) {
        let file = self.open();
        file.write_all_at(bytes, offset).unwrap();
        file.sync_all().unwrap();
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.path).status();
    }
}

fn ranges(document: &Value) -> Vec<Value> {
    let problems = document["problems"].as_array().unwrap();
    problems.iter().flat_map(|problem| problem["ranges"].as_array().unwrap().clone()).collect()
}

#[test]
fn what_was_written_is_verified_by_the_same_command() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let more = ["--quiet", "--then-verify", "--json"];
    let done = run("write", "-n 3 -s 5000", &more, &image);
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_schema(&document);
    assert_eq!((done.code, &document["verdict"]), (Some(0), &json!("verified")), "{document:#}");
    assert_eq!(document["written"]["bytes"], 3 * 8192);
    assert_eq!(document["files"]["verified"], 3);
    let refused = run("write", "-n 3 -s 5000", &["--yes-destroy", "--passes", "2"], &image);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--passes"), "{}", refused.stderr);
    for (option, value) in [("--copies", "2"), ("--spread", "free")] {
        let refused = run("write", "-n 3", &["--yes-destroy", option, value], &image);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(option), "{}", refused.stderr);
    }
}

#[test]
fn a_dataset_in_a_file_is_its_files_one_after_another() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let run = run("write", "-n 3 -s 5000", &["--quiet"], &image);
    assert_eq!(run.code, Some(0), "a new file holds nothing: {}", run.stderr);
    let bytes = fs::read(&image).unwrap();
    assert_eq!(bytes.len(), 3 * 8192);
    for file in 0..3_usize {
        let path = format!("node_0/process_0/file_{file}");
        let cat = seedfs(["cat", "-n", "3", "-s", "5000", &path]).output().unwrap();
        assert!(bytes[file * 8192..][..5000] == cat.stdout, "{path}");
    }
    let (code, document) = verify("-n 3 -s 5000", &[], &image);
    assert_eq!((code, &document["files"]["verified"]), (Some(0), &json!(3)));
    assert_eq!(document["bytes"]["expected"], 3 * 8192);

    // What is behind it is not looked at, and what it holds is given up only when that is said.
    fs::write(&image, [&bytes[..], b"behind"].concat()).unwrap();
    assert_eq!(verify("-n 3 -s 5000", &["--direct-io"], &image).0, Some(0));
    let refused = self::run("write", "-n 2 -s 5000", &[], &image);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--yes-destroy"), "{}", refused.stderr);
    // Padding is content as well, and zeros are wrong there.
    let mut hurt = bytes.clone();
    hurt[8000..8192].fill(0);
    hurt.truncate(20_000);
    fs::write(&image, &hurt).unwrap();
    let (code, document) = verify("-n 3 -s 5000", &[], &image);
    assert_eq!(code, Some(1));
    let found = &ranges(&document)[0];
    let place = json!([found["device_offset"], found["length"], found["class"]]);
    assert!(place == json!([8000, 192, "zeroed"]), "{found}");
    assert_eq!(document["bytes"]["missing"], 3 * 8192 - 20_000);
    let refused = self::run("repair", "-n 3 -s 5000", &[], &image);
    assert_eq!(refused.code, Some(2), "a device does not grow");
    assert!(refused.stderr.contains("24576"), "{}", refused.stderr);
}

#[test]
fn misplaced_blocks_of_a_device_are_named_exactly_and_repaired() {
    let device = Loop::new(32 << 20);
    write(DATASET, &device.path);
    let (code, document) = verify(DATASET, &["--direct-io", "--threads", "3"], &device.path);
    assert_eq!((code, &document["files"]["verified"]), (Some(0), &json!(40)));
    let length = document["bytes"]["expected"].as_u64().unwrap();
    let right = device.bytes(0, length as usize);

    // Two blocks of 4 KiB have changed places.
    let (one, other) = (40 * 4096, 300 * 4096);
    device.put(one, &right[other as usize..][..4096]);
    device.put(other, &right[one as usize..][..4096]);
    let (code, document) = verify(DATASET, &[], &device.path);
    assert_eq!(code, Some(1));
    let found = ranges(&document);
    assert_eq!(found.len(), 2, "{document:#}");
    for (range, (at, from)) in found.iter().zip([(one, other), (other, one)]) {
        // A byte at either end may agree by chance.
        let start = range["device_offset"].as_u64().unwrap();
        let end = start + range["length"].as_u64().unwrap();
        assert!(start - at < 8 && at + 4096 - end < 8, "{range}");
        assert_eq!(range["class"], "misplaced");
        assert_eq!(range["source"]["device_offset"], from + (start - at), "{range}");
    }
    let text = run("verify", DATASET, &["--quiet"], &device.path);
    assert_eq!(text.code, Some(1));

    // So has everything of a megabyte, by 512 bytes.
    device.put(0, &right);
    let shifted = &right[1 << 20..2 << 20];
    device.put((1 << 20) + 512, &shifted[..shifted.len() - 512]);
    let (_, document) = verify(DATASET, &[], &device.path);
    let found = ranges(&document);
    let wrong: u64 = found.iter().map(|range| range["length"].as_u64().unwrap()).sum();
    assert!(wrong > (1 << 20) - 1200, "{wrong}");
    for range in &found {
        assert_eq!(range["class"], "misplaced", "{range}");
        let at = range["device_offset"].as_u64().unwrap();
        assert_eq!(range["source"]["device_offset"], at - 512, "{range}");
    }

    // A block of the other generation, of the same file at the same place.
    device.put(0, &right);
    let (old, new) = same_file_of_both_generations();
    device.put(new + 4096, &right[old as usize + 4096..][..4096]);
    let (_, document) = verify(DATASET, &[], &device.path);
    let found = ranges(&document);
    assert_eq!(found.len(), 1, "{document:#}");
    assert_eq!(found[0]["class"], "stale", "{}", found[0]);
    assert_eq!(found[0]["source"]["generation"], 0);
    let at = found[0]["device_offset"].as_u64().unwrap();
    assert!(at - (new + 4096) < 8);

    // All of it is repaired, and nothing is written behind it.
    device.put(one, &vec![0; 5000]);
    device.put(length, b"behind");
    let before = fs::read(&device.backing).unwrap();
    let (code, document) = repair(DATASET, &["--dry-run"], &device.path);
    assert_eq!(code, Some(1), "{document:#}");
    assert!(fs::read(&device.backing).unwrap() == before);
    let (code, done) = repair(DATASET, &["--fsync"], &device.path);
    assert_eq!(code, Some(0), "{done:#}");
    assert_eq!(done["totals"], document["totals"]);
    assert!(device.bytes(0, length as usize) == right);
    assert_eq!(device.bytes(length, 6), b"behind");
    assert_eq!(verify(DATASET, &["--drop-cache"], &device.path).0, Some(0));
}

/// Where a file of at least three blocks begins in generation 0 and in generation 1.
fn same_file_of_both_generations() -> (u64, u64) {
    let sizes = |generation: u32| -> Vec<u64> {
        let path = |node: u32, file: u32| {
            format!("iteration_{generation}/node_{node}/process_0/file_{file}")
        };
        let size = |path: String| {
            let mut command = seedfs(["cat"]);
            command.args(DATASET.split_whitespace()).arg(path);
            command.output().unwrap().stdout.len() as u64
        };
        (0..2)
            .flat_map(|node| (0..10).map(move |file| (node, file)))
            .map(|(node, file)| size(path(node, file)))
            .collect()
    };
    let (old, new) = (sizes(0), sizes(1));
    assert_eq!(old, new, "the files did not grow");
    let starts: Vec<u64> = old
        .iter()
        .scan(0, |end, size| {
            let start = *end;
            *end += size.next_multiple_of(4096);
            Some(start)
        })
        .collect();
    let generation = old.iter().map(|size| size.next_multiple_of(4096)).sum::<u64>();
    let at = old.iter().position(|size| *size > 12_288).unwrap();
    (starts[at], generation + starts[at])
}

#[test]
fn a_device_that_somebody_uses_is_not_touched() {
    let device = Loop::new(320 << 20);
    let dataset = "-n 4 -s 100K";
    let refused = |expected: &str, more: &[&str]| {
        let before = device.bytes(0, 1 << 20);
        for subcommand in ["write", "repair"] {
            let more: Vec<&str> =
                if subcommand == "repair" { [more, &["--force"]].concat() } else { more.to_vec() };
            let run = run(subcommand, dataset, &more, &device.path);
            assert_eq!(run.code, Some(2), "{subcommand}: {}", run.stderr);
            assert!(run.stderr.contains(expected), "{subcommand}: {}", run.stderr);
        }
        assert!(device.bytes(0, 1 << 20) == before, "{expected}");
    };
    let call = |program: &str, words: &[&str], last: &[&Path]| {
        let out = Command::new(program).args(words).args(last).output().expect(program);
        assert!(out.status.success(), "{program}: {}", String::from_utf8_lossy(&out.stderr));
    };
    for (kind, words) in [("ext4", &["-q", "-F"][..]), ("xfs", &["-q", "-f"])] {
        call(&format!("/usr/sbin/mkfs.{kind}"), words, &[&device.path]);
        let named = if kind == "xfs" { "an XFS filesystem" } else { "ext4 filesystem" };
        refused(named, &[]);
        let mount = tempfile::tempdir().unwrap();
        // A kernel without this filesystem has nothing to mount; the signature is refused above.
        let known =
            fs::read_to_string("/proc/filesystems").unwrap().contains(&format!("\t{kind}\n"));
        if kind == "ext4" || known {
            call("mount", &[], &[&device.path, mount.path()]);
            let run = run("write", dataset, &["--yes-destroy"], &device.path);
            let repair = self::run("repair", dataset, &["--yes-destroy", "--force"], &device.path);
            let file = self::run("write", dataset, &["--yes-destroy"], &device.backing);
            call("umount", &[], &[mount.path()]);
            assert_eq!((run.code, repair.code, file.code), (Some(2), Some(2), Some(2)));
            let expected = format!("it is mounted at {}", mount.path().display());
            assert!(run.stderr.contains(&expected), "{}", run.stderr);
            assert!(file.stderr.contains("it is what /dev/loop"), "{}", file.stderr);
        }
    }
    // A partition table, as fdisk writes it: one partition of type Linux.
    device.put(0, &vec![0; 1 << 20]);
    let mut sector = [0; 512];
    sector[446..462].copy_from_slice(&[0, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0]);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    device.put(0, &sector);
    refused("partition table (DOS)", &["--yes-destroy"]);
    device.put(0, &[0; 512]);
    device.put(512, b"EFI PART");
    refused("partition table (GPT)", &["--yes-destroy"]);
    device.put(512, &[0; 8]);
    device.put(4096, &[0xfc, 0x4e, 0x2b, 0xa9]);
    refused("a member of an md array", &[]);
    device.put(4086, b"SWAPSPACE2");
    refused("swap space", &[]);
    let run = run("write", dataset, &["--yes-destroy"], &device.path);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("destroys"), "{}", run.stderr);
    assert_eq!(verify(dataset, &[], &device.path).0, Some(0));
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_written() {
    let device = Loop::new(1 << 20);
    device.put(0, b"before");
    for dataset in ["-n 257 -s 4096", "-n 300 -s 1..9000", "-n 1 -s 1T"] {
        let run = run("write", dataset, &["--yes-destroy"], &device.path);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("1048576"), "{}", run.stderr);
        assert_eq!(device.bytes(0, 6), b"before");
    }
    write("-n 256 -s 4096", &device.path);
    assert_eq!(verify("-n 256 -s 4096", &[], &device.path).0, Some(0));
    // Another dataset's device is refused by a repair.
    let run = run("repair", "--seed 7 -n 256 -s 4096", &[], &device.path);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    let pipe = tempfile::tempdir().unwrap();
    let run = self::run("write", "-n 1 -s 1", &["--yes-destroy"], pipe.path());
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("block device or a regular file"), "{}", run.stderr);
    for more in [&["--sample", "5"][..], &["--resume", "state"]] {
        let run = self::run("verify", "-n 1 -s 1", more, &device.path);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
    }
}
