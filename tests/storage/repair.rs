//! `seedfs repair`: what is wrong becomes right, and nothing else is touched.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use seedfs::content::Content;
use seedfs::dataset::Coordinates;
use serde_json::Value;

use crate::common::storage::{Run, run, verify, write};

const DATASET: &str = "--seed 42 --iterations 2 --nodes 2 -n 20 -s 1..300000";

/// Runs `repair`, and returns the exit code and the document.
fn repair(dataset: &str, more: &[&str], directory: &Path) -> (Option<i32>, Value) {
    let more: Vec<&str> = more.iter().copied().chain(["--json", "--quiet"]).collect();
    checked(run("repair", dataset, &more, directory))
}

/// The exit code and the document of a run, which is what the schema says.
pub(crate) fn checked(Run { code, stdout, stderr }: Run) -> (Option<i32>, Value) {
    let document: Value =
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/schema/repair.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    (code, document)
}

/// Numbers that look random, the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

/// What a file or directory is, as far as nobody may change it.
#[derive(Clone, Debug, PartialEq)]
struct Looks {
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    bytes: Option<Vec<u8>>,
}

/// Everything below a directory, but for the reports of runs.
fn look(directory: &Path) -> BTreeMap<PathBuf, Looks> {
    let mut all = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let stat = fs::symlink_metadata(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        if name == ".seedfs" || name.starts_with(".dummy_data_status_") {
            continue;
        }
        if stat.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let looks = Looks {
            inode: stat.ino(),
            modified: (stat.mtime(), stat.mtime_nsec()),
            changed: (stat.ctime(), stat.ctime_nsec()),
            bytes: stat.is_file().then(|| fs::read(&path).unwrap()),
        };
        all.insert(path, looks);
    }
    all
}

fn content(generation: u16, file: u32, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let file = Coordinates { generation, file, ..Coordinates::default() };
    Content::new("42").fill(file, offset, &mut bytes);
    bytes
}

const KINDS: u64 = 17;

/// Damages a file in one of many ways, where it is still there.
fn damage(path: &Path, kind: u64, numbers: &mut Numbers, all: &[PathBuf]) {
    let Ok(file) = File::options().read(true).write(true).open(path) else { return };
    let length = file.metadata().unwrap().len();
    let at = numbers.below(length);
    let size = (1 + numbers.below(length - at)) as usize;
    match kind {
        // A flipped bit, here and there.
        0 => {
            for _ in 0..=numbers.below(20) {
                let mut byte = [0];
                let at = numbers.below(length);
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ (1 << numbers.below(8))], at).unwrap();
            }
        }
        1 => file.write_all_at(&vec![0; size], at).unwrap(),
        2 => file.write_all_at(&b"foreign"[..size.min(7)], at).unwrap(),
        3 => file.write_all_at(&vec![0xa5; size], at).unwrap(),
        // Somebody else's bytes.
        4 => file.write_all_at(&content(0, 7, 4096, size), at).unwrap(),
        5 => file.write_all_at(&content(1, 3, at, size), at).unwrap(),
        // Shifted by 512.
        6 => {
            let mut bytes = fs::read(path).unwrap();
            let by = 512.min(bytes.len());
            bytes.rotate_right(by);
            file.write_all_at(&bytes, 0).unwrap();
        }
        // Two blocks changed places.
        7 => {
            let mut bytes = fs::read(path).unwrap();
            let half = bytes.len() / 2;
            let count = half.min(4096);
            let (one, other) = bytes.split_at_mut(half);
            one[..count].swap_with_slice(&mut other[..count]);
            file.write_all_at(&bytes, 0).unwrap();
        }
        8 => file.set_len(at).unwrap(),
        9 => file.set_len(0).unwrap(),
        // Too long: zeros, other bytes, content that goes on.
        10 => file.set_len(length + 1 + numbers.below(100_000)).unwrap(),
        11 => file.write_all_at(&vec![7; size], length).unwrap(),
        12 => file.write_all_at(&content(0, 0, length, size), length).unwrap(),
        13 => fs::remove_file(path).unwrap(),
        // The file of another name.
        14 => {
            fs::copy(numbers.of(all), path).ok();
        }
        // Cut, and grown again by a hole.
        15 => {
            file.set_len(at).unwrap();
            file.set_len(length).unwrap();
        }
        // All of it foreign, and longer.
        _ => fs::write(path, vec![0x77; length as usize + 10_000]).unwrap(),
    }
}

fn files(looks: &BTreeMap<PathBuf, Looks>) -> Vec<PathBuf> {
    let is_file = |(path, looks): (&PathBuf, &Looks)| looks.bytes.is_some().then(|| path.clone());
    looks.iter().filter_map(is_file).collect()
}

#[test]
fn two_hundred_kinds_of_damage_are_repaired_and_nothing_else_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    write(DATASET, &[], top);
    let dataset_files = files(&look(top));
    assert_eq!(dataset_files.len(), 80);
    fs::write(top.join("notes.txt"), "somebody's own").unwrap();
    fs::create_dir(top.join("iteration_0/node_0/backup")).unwrap();
    fs::write(top.join("iteration_0/node_0/backup/file_0"), "somebody's own").unwrap();
    let mut numbers = Numbers(1);
    let mut damages = 0;
    for round in 0..10 {
        let before = look(top);
        let mut done_to: BTreeMap<PathBuf, Vec<u64>> = BTreeMap::new();
        for _ in 0..20 {
            let kind = if round == 0 { damages % KINDS } else { numbers.below(KINDS) };
            let path = numbers.of(&dataset_files).clone();
            damage(&path, kind, &mut numbers, &dataset_files);
            done_to.entry(path).or_default().push(kind);
            damages += 1;
        }
        if round == 3 {
            fs::remove_dir_all(top.join("iteration_1/node_1")).unwrap();
        }
        let hurt = look(top);
        let threads = (1 + round % 3).to_string();
        let (code, document) = repair(DATASET, &["--dry-run", "--threads", &threads], top);
        assert_eq!(code, Some(1), "{document:#}");
        assert_eq!(look(top), hurt, "a dry run changes nothing");
        let more: &[&str] = if round % 2 == 0 { &["--fsync"] } else { &["--direct-io"] };
        let more: Vec<&str> = more.iter().copied().chain(["--threads", &threads]).collect();
        let (code, done) = repair(DATASET, &more, top);
        assert_eq!(code, Some(0), "{done:#}");
        assert_eq!(done["totals"], document["totals"], "what was done is what was announced");
        let after = look(top);
        for (path, looks) in &after {
            let is_same = hurt.get(path) == Some(looks);
            let right = &before[path].bytes;
            assert!(looks.bytes == *right, "{} after {:?}", path.display(), done_to.get(path));
            let was_right = hurt.get(path).is_some_and(|hurt| hurt.bytes == *right);
            if was_right && looks.bytes.is_some() {
                assert!(is_same, "{} was right, and is another file now", path.display());
            }
        }
        assert_eq!(after.len(), before.len());
    }
    assert_eq!(damages, 200);
    let (_, document) = verify(DATASET, &[], top);
    assert_eq!(document["files"]["verified"], 80);
    assert_eq!(document["unexpected_total"], 2, "they are still there: {document:#}");
    let (code, document) = repair(DATASET, &[], top);
    assert_eq!((code, &document["repairs_total"]), (Some(0), &Value::from(0)));
}

/// More wrong ranges than any list has.
#[test]
fn more_ranges_than_are_listed_are_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let dataset = "-s 40000000 -n 2";
    write(dataset, &[], directory.path());
    let path = directory.path().join("node_0/process_0/file_1");
    let right = fs::read(&path).unwrap();
    let mut bytes = right.clone();
    for at in (0..bytes.len()).step_by(3000) {
        bytes[at] ^= 1;
    }
    fs::write(&path, &bytes).unwrap();
    let (code, document) = repair(dataset, &["--threads", "3"], directory.path());
    assert_eq!(code, Some(0));
    let repaired = &document["repairs"][0];
    assert_eq!(repaired["ranges_total"], 13334);
    assert_eq!(repaired["ranges"].as_array().unwrap().len(), 1000);
    assert_eq!(repaired["rewritten_bytes"], 13334, "not a byte more");
    assert!(fs::read(&path).unwrap() == right);
}

#[test]
fn what_is_no_file_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    write("-n 6 -s 5000", &[], top);
    let file = |number: u32| top.join(format!("node_0/process_0/file_{number}"));
    let elsewhere = top.join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    for number in 0..4 {
        fs::remove_file(file(number)).unwrap();
    }
    fs::create_dir(file(0)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, file(1)).unwrap();
    std::os::unix::fs::symlink("nowhere", file(2)).unwrap();
    fs::hard_link(&elsewhere, file(3)).unwrap();
    fs::write(file(4), "wrong").unwrap();
    let before = look(top);
    let (code, document) = repair("-n 6 -s 5000", &[], top);
    assert_eq!(code, Some(3), "{document:#}");
    assert_eq!(document["totals"]["files_right"], 1);
    assert_eq!(document["totals"]["files_repaired"], 1);
    let failures = document["failures"].as_array().unwrap();
    let named: Vec<&str> = failures.iter().map(|of| of["path"].as_str().unwrap()).collect();
    assert_eq!(named.len(), 4, "{document:#}");
    for number in 0..4 {
        assert!(named.contains(&&*format!("node_0/process_0/file_{number}")), "{named:?}");
    }
    let mut after = look(top);
    let mended = after.remove(&file(4)).unwrap();
    assert_eq!(mended.bytes.unwrap().len(), 5000);
    let mut before = before;
    before.remove(&file(4));
    assert_eq!(after, before);
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
}

#[test]
fn another_datasets_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    write("--seed 1 -n 5 -s 9000", &[], directory.path());
    let before = look(directory.path());
    let run = run("repair", "--seed 2 -n 5 -s 9000", &[], directory.path());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(look(directory.path()), before);
    let (code, document) = repair("--seed 2 -n 5 -s 9000", &["--force"], directory.path());
    assert_eq!(code, Some(0));
    assert_eq!(document["totals"]["files_repaired"], 5);
    assert_eq!(verify("--seed 2 -n 5 -s 9000", &[], directory.path()).0, Some(0));
    // A disk that is new or was wiped is nobody's.
    let empty = tempfile::tempdir().unwrap();
    let (code, document) = repair("--seed 2 -n 5 -s 9000", &[], empty.path());
    assert_eq!((code, &document["totals"]["files_made"]), (Some(0), &Value::from(5)));
}

#[test]
fn a_report_says_where_to_look_and_is_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    let top = directory.path();
    let dataset = "-n 5 -s 9000";
    write(dataset, &[], top);
    let file = |number: u32| top.join(format!("node_0/process_0/file_{number}"));
    let right: Vec<Vec<u8>> = (0..5).map(|number| fs::read(file(number)).unwrap()).collect();
    fs::write(file(1), "wrong").unwrap();
    fs::write(file(3), "wrong").unwrap();
    let reports = tempfile::tempdir().unwrap();
    let report = reports.path().join("found.json");
    let report = report.to_str().unwrap();
    assert_eq!(verify(dataset, &["--report", report], top).0, Some(1));
    // What became right meanwhile is only read, and what became wrong is not listed.
    fs::write(file(1), &right[1]).unwrap();
    fs::write(file(4), "wrong").unwrap();
    let healed = look(top)[&file(1)].clone();
    let (code, document) = repair(dataset, &["--from", report], top);
    assert_eq!(code, Some(0));
    assert_eq!(document["totals"]["files_right"], 1);
    assert_eq!(document["repairs_total"], 1);
    assert_eq!(look(top)[&file(1)], healed);
    assert!(fs::read(file(3)).unwrap() == right[3]);
    assert_eq!(fs::read(file(4)).unwrap(), b"wrong");

    let refuse = |dataset: &str, report: &str, directory: &Path, expected: &str| {
        let before = look(top);
        let run = run("repair", dataset, &["--from", report], directory);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("--from") && run.stderr.contains(expected), "{}", run.stderr);
        assert_eq!(look(top), before);
    };
    refuse("--seed 3 -n 5 -s 9000", report, top, "another dataset");
    let other = tempfile::tempdir().unwrap();
    refuse(dataset, report, other.path(), "another directory");
    let text = fs::read_to_string(report).unwrap();
    let edit = |change: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(&text).unwrap();
        change(&mut document);
        let edited = reports.path().join("edited.json");
        fs::write(&edited, document.to_string()).unwrap();
        edited.to_str().unwrap().to_owned()
    };
    let edited = edit(&|document| document["problems_total"] = 9.into());
    refuse(dataset, &edited, top, "2 of 9");
    let edited = edit(&|document| document["problems"][0]["path"] = "../../etc/passwd".into());
    refuse(dataset, &edited, top, "another dataset");
    let edited = edit(&|document| document["schema"] = 2.into());
    refuse(dataset, &edited, top, "not a report");
    let nonsense = reports.path().join("nonsense");
    fs::write(&nonsense, "nonsense").unwrap();
    refuse(dataset, nonsense.to_str().unwrap(), top, "not a report");
}
