//! Planted damage of every class is found at its exact place.

use std::fs;
use std::path::Path;

use seedfs::content::Content;
use seedfs::dataset::Coordinates;
use serde_json::{Value, json};

use crate::common::storage::{verify, write};

/// Two generations of three files each, larger than what is read at a time.
const DATASET: &str = "--seed 42 --iterations 2 -n 3 -s 700001";
const SIZE: usize = 700_001;
const VICTIM: &str = "iteration_0/node_0/process_0/file_1";

fn content(generation: u16, file: u32, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let file = Coordinates { generation, file, ..Coordinates::default() };
    Content::new("42").fill(file, offset, &mut bytes);
    bytes
}

/// Writes the dataset, damages one file, and returns what is said of that file.
fn damaged(damage: impl FnOnce(&mut Vec<u8>)) -> Value {
    let directory = tempfile::tempdir().unwrap();
    write(DATASET, &[], directory.path());
    let path = directory.path().join(VICTIM);
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes == content(0, 1, 0, SIZE), "what was written is the mount's content");
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let expected = one_problem(directory.path(), &["--threads", "1"]);
    for more in [&["--threads", "3"][..], &["--drop-cache"], &["--threads", "9"]] {
        assert_eq!(one_problem(directory.path(), more), expected, "{more:?}");
    }
    expected
}

fn one_problem(directory: &Path, more: &[&str]) -> Value {
    let (code, document) = verify(DATASET, more, directory);
    assert_eq!(code, Some(1));
    assert_eq!(document["files"]["verified"], 5);
    assert_eq!(document["problems_total"], 1, "{document}");
    let problem = document["problems"][0].clone();
    assert_eq!(problem["path"], VICTIM);
    problem
}

fn range(problem: &Value) -> &Value {
    assert_eq!(problem["ranges_total"], 1, "{problem}");
    &problem["ranges"][0]
}

fn assert_range(problem: &Value, offset: u64, length: u64, class: &str) {
    assert_eq!(problem["verdict"], "mismatch");
    assert_eq!(problem["bytes"]["wrong"], length);
    let range = range(problem);
    let found = json!([range["offset"], range["length"], range["class"]]);
    assert_eq!(found, json!([offset, length, class]));
}

#[test]
fn misplaced_bytes_and_where_they_come_from() {
    let problem = damaged(|bytes| {
        bytes[300_000..304_096].copy_from_slice(&content(0, 2, 8192, 4096));
    });
    assert_range(&problem, 300_000, 4096, "misplaced");
    let source = &range(&problem)["source"];
    assert_eq!(source["path"], "iteration_0/node_0/process_0/file_2");
    assert_eq!(source["offset"], 8192);
}

#[test]
fn stale_bytes() {
    let problem = damaged(|bytes| {
        bytes[16_384..600_000].copy_from_slice(&content(1, 1, 16_384, 583_616));
    });
    assert_range(&problem, 16_384, 583_616, "stale");
    assert_eq!(range(&problem)["source"]["generation"], 1);
}

#[test]
fn zeroed_bytes_across_every_block() {
    let problem = damaged(|bytes| bytes[4096..655_360].fill(0));
    assert_range(&problem, 4096, 651_264, "zeroed");
}

#[test]
fn one_flipped_bit() {
    let problem = damaged(|bytes| bytes[262_144] ^= 0x10);
    assert_range(&problem, 262_144, 1, "flipped");
}

#[test]
fn foreign_bytes() {
    let problem = damaged(|bytes| bytes[262_000..262_500].fill(b'x'));
    assert_range(&problem, 262_000, 500, "foreign");
    assert!(range(&problem)["actual"].as_str().unwrap().starts_with("7878"));
}

#[test]
fn a_whole_foreign_file_is_one_range() {
    let problem = damaged(|bytes| {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = index.to_be_bytes()[7] ^ 0x5a;
        }
        // The first and last byte could agree by chance.
        bytes[0] = !content(0, 1, 0, 1)[0];
        bytes[SIZE - 1] = !content(0, 1, SIZE as u64 - 1, 1)[0];
    });
    assert_range(&problem, 0, SIZE as u64, "foreign");
}

/// At one border of blocks in a hundred a byte agrees by chance: there are hundreds here.
#[test]
fn foreign_bytes_are_one_range_across_every_block() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node_0/process_0");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let length = 120 << 20;
    let mut bytes = vec![0; length];
    Content::new("another seed").fill(Coordinates::default(), 0, &mut bytes);
    bytes[0] = !content(0, 0, 0, 1)[0];
    bytes[length - 1] = !content(0, 0, length as u64 - 1, 1)[0];
    fs::write(&path, bytes).unwrap();
    let (code, document) = verify("--seed 42 -s 120M", &[], directory.path());
    assert_eq!(code, Some(1));
    assert_range(&document["problems"][0], 0, length as u64, "foreign");
}

#[test]
fn a_file_cut_short_is_incomplete() {
    let problem = damaged(|bytes| bytes.truncate(600_000));
    assert_eq!(problem["verdict"], "incomplete");
    assert_eq!(problem["bytes"]["missing"], 100_001);
    assert_eq!(problem["ranges_total"], 0);
}

#[test]
fn bytes_past_the_end() {
    let problem = damaged(|bytes| bytes.extend_from_slice(&vec![b'y'; 300_000]));
    assert_eq!(
        (&problem["bytes"]["extra"], &problem["bytes"]["matched"]),
        (&json!(300_000), &json!(SIZE))
    );
    let range = range(&problem);
    assert_eq!(json!([range["offset"], range["length"]]), json!([SIZE, 300_000]));
}

#[test]
fn missing_and_unexpected_files() {
    let directory = tempfile::tempdir().unwrap();
    write(DATASET, &[], directory.path());
    fs::remove_file(directory.path().join(VICTIM)).unwrap();
    for name in ["stray", "iteration_0/node_0/stray", "iteration_0/node_0/process_0/file_01"] {
        fs::write(directory.path().join(name), "?").unwrap();
    }
    fs::create_dir(directory.path().join("iteration_7")).unwrap();
    let (code, document) = verify(DATASET, &[], directory.path());
    assert_eq!(code, Some(1));
    assert_eq!(document["verdict"], "mismatch");
    assert_eq!(document["files"]["untouched"], 1);
    assert_eq!(document["problems"][0]["verdict"], "untouched");
    let mut unexpected: Vec<&str> =
        document["unexpected"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    unexpected.sort_unstable();
    let expected = [
        "iteration_0/node_0/process_0/file_01",
        "iteration_0/node_0/stray",
        "iteration_7",
        "stray",
    ];
    assert_eq!(unexpected, expected);
}

#[test]
fn a_large_file_shared_by_threads_is_judged_as_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let dataset = "--seed 42 -s 70M";
    write(dataset, &["--threads", "4"], directory.path());
    let path = directory.path().join("node_0/process_0");
    let mut bytes = fs::read(&path).unwrap();
    let mut expected = vec![0; bytes.len()];
    Content::new("42").fill(Coordinates::default(), 0, &mut expected);
    assert!(bytes == expected);
    let part = 16 << 20;
    // Damage of every kind across the borders of the threads' parts.
    bytes[part - 5..part + 5].fill(b'x');
    bytes[2 * part - 100_000..2 * part + 100_000].fill(0);
    let misplaced = content(0, 0, 4096, 200_000);
    bytes[3 * part - 100_000..3 * part + 100_000].copy_from_slice(&misplaced);
    bytes[4 * part - 1] ^= 1;
    bytes[4 * part + 1] ^= 1;
    fs::write(&path, bytes).unwrap();
    let one = verify(dataset, &["--threads", "1"], directory.path());
    assert_eq!(one.0, Some(1));
    let ranges = one.1["problems"][0]["ranges"].as_array().unwrap();
    let classes: Vec<_> = ranges.iter().map(|range| range["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["foreign", "zeroed", "misplaced", "flipped", "flipped"]);
    for threads in ["2", "4"] {
        let many = verify(dataset, &["--threads", threads], directory.path());
        assert_eq!(many.1["problems"], one.1["problems"], "{threads} threads");
    }
}

/// What an earlier run with another seed has left, in the same place and in others.
#[test]
fn content_of_another_seed_is_stale_of_that_seed() {
    let old = |file: u32, offset: u64, length: usize| {
        let mut bytes = vec![0; length];
        let file = Coordinates { file, ..Coordinates::default() };
        Content::new("41").fill(file, offset, &mut bytes);
        bytes
    };
    let directory = tempfile::tempdir().unwrap();
    write(DATASET, &[], directory.path());
    let path = directory.path().join(VICTIM);
    let mut bytes = fs::read(&path).unwrap();
    bytes[8192..600_000].copy_from_slice(&old(1, 8192, 591_808));
    bytes[650_000..655_000].copy_from_slice(&old(2, 77, 5000));
    bytes[4000..4100].fill(b'x');
    bytes.extend(old(1, SIZE as u64, 3000));
    fs::write(&path, bytes).unwrap();
    for threads in ["1", "3"] {
        let more = ["--also-seed", "7", "--also-seed", "41", "--threads", threads];
        let problem = one_problem(directory.path(), &more);
        assert_eq!(problem["bytes"]["wrong"], 591_808 + 5000 + 100);
        assert_eq!(problem["bytes"]["extra"], 3000);
        let found: Vec<Value> = problem["ranges"].as_array().unwrap().clone();
        let shown = |range: &Value| {
            let source = &range["source"];
            json!([
                range["offset"],
                range["length"],
                range["class"],
                source["seed"],
                source["offset"]
            ])
        };
        let found: Vec<Value> = found.iter().map(shown).collect();
        assert_eq!(found[0], json!([4000, 100, "foreign", null, null]));
        assert_eq!(found[1], json!([8192, 591_808, "stale", "41", 8192]));
        assert_eq!(found[2], json!([650_000, 5000, "stale", "41", 77]));
        assert_eq!(found[3], json!([SIZE, 3000, "stale", "41", SIZE]));
    }
    let problem = one_problem(directory.path(), &["--also-seed", "40"]);
    assert!(problem["ranges"][1]["class"] == "foreign", "{problem:#}");
    let many = ["--also-seed=1"; 9];
    let refused = crate::common::storage::run("verify", DATASET, &many, directory.path());
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("8 at the most"), "{}", refused.stderr);
}
