//! Several directories as one place, as commands: real filesystems, one of which is full, one
//! read-only, one slow; a run that is killed; and what is planted.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::common::storage::{Run, assert_schema, seedfs};
use crate::full::with_mounts;
use crate::repair::checked;

const DATASET: &str = "--seed 42 -n 40 -s 100001";

fn directories(place: &Path) -> Vec<PathBuf> {
    ["a", "b", "c", "d"].map(|name| place.join(name)).to_vec()
}

/// Runs a command on several directories.
fn run_on(subcommand: &str, dataset: &str, more: &[&str], directories: &[PathBuf]) -> Run {
    let words = [subcommand].into_iter().chain(dataset.split_whitespace());
    let mut command = seedfs(words.chain(more.iter().copied()));
    Run::from(command.args(directories).output().unwrap())
}

fn verified(dataset: &str, directories: &[PathBuf]) -> (Option<i32>, Value) {
    let run = run_on("verify", dataset, &["--json", "-q"], directories);
    let document = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr));
    assert_schema(&document);
    (run.code, document)
}

#[test]
fn four_directories_are_written_verified_and_shown() {
    for more in [&["--spread", "even"][..], &["--spread", "free", "--copies", "2"], &["-t", "1"]] {
        let place = tempfile::tempdir().unwrap();
        let four = directories(place.path());
        let written = run_on("write", DATASET, more, &four);
        assert_eq!(written.code, Some(0), "{}", written.stderr);
        assert!(written.stderr.contains("target 3"), "{}", written.stderr);
        assert!(written.stderr.contains("% idle"), "{}", written.stderr);
        let (code, document) = verified(DATASET, &four);
        assert_eq!((code, &document["verdict"]), (Some(0), &"verified".into()), "{document:#}");
        let copies = if more.contains(&"--copies") { 2 } else { 1 };
        assert_eq!(document["bytes"]["matched"], copies * 4_000_040);
        let report = fs::read(four[2].join(".seedfs/node0.write.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        let targets = report["targets"].as_array().unwrap();
        let done: u64 = targets.iter().map(|of| of["files"]["done"].as_u64().unwrap()).sum();
        assert_eq!((targets.len(), done), (4, copies * 40));
        assert!(!report["threads"].as_array().unwrap().is_empty());
        for some in [&four[..], &four[1..2]] {
            let status = run_on("status", "", &[], some);
            assert_eq!(status.code, Some(0), "{}{}", status.stdout, status.stderr);
            let all = format!("{} files", copies * 40);
            assert!(status.stdout.contains(&all), "{}", status.stdout);
            assert!(status.stdout.contains("target 3"), "{}", status.stdout);
        }
        let again = run_on("write", DATASET, &["--resume", "-q"], &four);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        let other = run_on("write", DATASET, &["--resume", "--copies", "3"], &four);
        assert_eq!(other.code, Some(2));
        assert!(other.stderr.contains("--copies 3"), "{}", other.stderr);
        let fewer = run_on("write", DATASET, &["--resume"], &four[1..]);
        assert_eq!(fewer.code, Some(2));
        assert!(fewer.stderr.contains("target 0"), "{}", fewer.stderr);
    }
}

#[test]
fn one_gone_of_four_with_two_copies_is_verified_from_the_rest_and_made_again() {
    let place = tempfile::tempdir().unwrap();
    let four = directories(place.path());
    assert_eq!(run_on("write", DATASET, &["--copies", "2", "-q"], &four).code, Some(0));
    fs::remove_dir_all(&four[2]).unwrap();
    let rest: Vec<PathBuf> = [3, 0, 1].map(|at| four[at].clone()).to_vec();
    let (code, document) = verified(DATASET, &rest);
    assert_eq!((code, &document["files"]["verified"]), (Some(0), &60.into()), "{document:#}");
    let text = run_on("verify", DATASET, &[], &rest);
    assert!(text.stdout.contains("not named; all of its files are on others"), "{}", text.stdout);
    // An empty directory takes its place.
    fs::create_dir(&four[2]).unwrap();
    let written = run_on("write", DATASET, &["--resume", "-q"], &four);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let (code, document) = verified(DATASET, &four);
    assert_eq!((code, &document["files"]["verified"]), (Some(0), &80.into()), "{document:#}");
    // One directory alone is a target, too, and says what it lacks.
    let (code, document) = verified(DATASET, &four[2..3]);
    assert_eq!((code, &document["files"]["untouched"]), (Some(1), &20.into()), "{document:#}");
}

/// Damage on three targets and the loss of the fourth, repaired at once from no copy at all.
#[test]
fn repair_makes_all_targets_whole_and_fills_a_new_one() {
    for copies in ["1", "2"] {
        let place = tempfile::tempdir().unwrap();
        let four = directories(place.path());
        assert_eq!(run_on("write", DATASET, &["--copies", copies, "-q"], &four).code, Some(0));
        let files = |target: usize| {
            let all = four[target].join("node_0/process_0");
            let mut files: Vec<_> =
                fs::read_dir(all).unwrap().map(|it| it.unwrap().path()).collect();
            files.sort();
            files
        };
        let on_each = files(2).len() as u64;
        fs::write(&files(0)[3], "short").unwrap();
        fs::remove_file(&files(1)[0]).unwrap();
        fs::write(four[1].join("notes"), "somebody's own").unwrap();
        fs::remove_dir_all(&four[2]).unwrap();
        let more = ["--json", "-q"];
        let three: Vec<PathBuf> = [0, 1, 3].map(|at| four[at].clone()).to_vec();
        let refused = run_on("repair", DATASET, &more, &three);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains("target 2, which was"), "{}", refused.stderr);
        // An empty directory takes its place, whatever it is called.
        let new = place.path().join("new");
        fs::create_dir(&new).unwrap();
        let mut all = three.clone();
        all.push(new.clone());
        let dry = [&more[..], &["--dry-run"]].concat();
        let (code, announced) = checked(run_on("repair", DATASET, &dry, &all));
        assert_eq!(code, Some(1), "{announced:#}");
        assert_eq!(fs::read_dir(&new).unwrap().count(), 0, "a dry run makes nothing");
        let (code, done) = checked(run_on("repair", DATASET, &more, &all));
        assert_eq!(code, Some(0), "{done:#}");
        assert_eq!(done["totals"], announced["totals"]);
        assert_eq!(done["totals"]["files_made"], on_each + 1);
        assert_eq!(done["totals"]["files_repaired"], on_each + 2);
        assert_eq!(done["targets"].as_array().unwrap().len(), 4);
        let first = &done["repairs"][0];
        assert_eq!(first["target"], four[0].display().to_string().as_str());
        assert_eq!(first["verdict"], "mismatch");
        let (code, document) = verified(DATASET, &all);
        assert_eq!(code, Some(1), "the notes are still there");
        assert_eq!(document["files"]["verified"], on_each * 4, "{document:#}");
        assert_eq!(document["unexpected_total"], 1);
        let (code, again) = checked(run_on("repair", DATASET, &more, &all));
        assert_eq!((code, &again["repairs_total"]), (Some(0), &0.into()));
        // Content of another seed under this spread is not written over unasked.
        fs::copy(four[0].join(".seedfs/spread.json"), place.path().join("kept")).unwrap();
        let other = run_on("repair", "--seed 43 -n 40 -s 100001", &more, &all);
        assert_eq!(other.code, Some(2));
        assert!(other.stderr.contains("another dataset"), "{}", other.stderr);
        let report = place.path().join("kept").display().to_string();
        let from = run_on("repair", DATASET, &["--from", &report], &all);
        assert_eq!(from.code, Some(2));
        assert!(from.stderr.contains("--from with several targets"), "{}", from.stderr);
    }
}

/// A target that fails in the middle of a repair is named, and the others are repaired.
#[test]
fn a_target_that_cannot_be_written_is_named_by_repair() {
    let place = tempfile::tempdir().unwrap();
    let four = directories(place.path());
    assert_eq!(run_on("write", DATASET, &["-q"], &four).code, Some(0));
    let files = |target: usize| {
        let all = four[target].join("node_0/process_0");
        fs::read_dir(all).unwrap().map(|it| it.unwrap().path()).min().unwrap()
    };
    let (hurt, stuck) = (files(0), files(3));
    fs::write(&hurt, "short").unwrap();
    fs::remove_file(&stuck).unwrap();
    fs::create_dir(&stuck).unwrap();
    let (code, done) = checked(run_on("repair", DATASET, &["--json", "-q"], &four));
    assert_eq!(code, Some(3), "{done:#}");
    assert_eq!(done["totals"]["files_repaired"], 1);
    assert_eq!(done["failures_total"], 1);
    assert_eq!(done["failures"][0]["target"], four[3].display().to_string().as_str());
    let said = run_on("repair", DATASET, &[], &four);
    assert!(said.stderr.contains(&stuck.display().to_string()), "{}", said.stderr);
}

#[test]
fn a_state_is_of_the_same_targets() {
    let place = tempfile::tempdir().unwrap();
    let four = directories(place.path());
    assert_eq!(run_on("write", DATASET, &["--copies", "2", "-q"], &four).code, Some(0));
    let state = place.path().join("state").display().to_string();
    let resume = ["-q", "--resume", state.as_str()];
    assert_eq!(run_on("verify", DATASET, &resume, &four).code, Some(0));
    let again = run_on("verify", DATASET, &["--resume", state.as_str()], &four);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("read 0 files"), "{}", again.stderr);
    let fewer = run_on("verify", DATASET, &resume, &four[..3]);
    assert_eq!(fewer.code, Some(2));
    assert!(fewer.stderr.contains("spread"), "{}", fewer.stderr);
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let place = tempfile::tempdir().unwrap();
    let four = directories(place.path());
    let dataset = "--seed 42 -n 200 -s 1M";
    let words = || ["write"].into_iter().chain(dataset.split_whitespace());
    for round in 0..4_u64 {
        let mut command = seedfs(words().chain(["--copies", "2", "-q", "--resume"]));
        let mut child = command.args(&four).spawn().unwrap();
        thread::sleep(Duration::from_millis(30 + 40 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let written = run_on("write", dataset, &["--copies", "2", "-q", "--resume"], &four);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let (code, document) = verified(dataset, &four);
    assert_eq!((code, &document["files"]["verified"]), (Some(0), &400.into()), "{document:#}");
}

/// One of four disks is full in the middle, one read-only from the start.
#[test]
fn four_disks_of_which_two_fail() {
    let directory = tempfile::tempdir().unwrap();
    let run = with_mounts(
        r#"
        cd "$2"
        mkdir a b c d
        mount -t tmpfs -o size=100m tmpfs a
        mount -t tmpfs -o size=6m tmpfs b
        mount -t tmpfs -o size=100m tmpfs c
        mount -t tmpfs -o size=100m tmpfs d
        mount -o remount,ro c
        code=0
        "$1" write -n 80 -s 1M --seed 42 --copies 2 --force a b c d 2> said || code=$?
        echo "copies $code"
        code=0
        "$1" verify -q -n 80 -s 1M --seed 42 d a || code=$?
        echo "verified $code"
        mount -o remount,rw c
        mount -o remount,size=100m b
        rm -r a/* d/* b/* a/.seedfs b/.seedfs d/.seedfs
        mount -o remount,size=6m b
        mount -o remount,ro c
        code=0
        "$1" write -n 80 -s 1M --seed 42 --force a b c d 2>> said || code=$?
        echo "single $code"
        find a -name 'file_*' | wc -l
        find d -name 'file_*' | wc -l
        find . -name '.seedfs-tmp*' | wc -l
        cat said >&2
        "#,
        directory.path(),
    );
    let said: Vec<&str> = run.stdout.split_whitespace().collect();
    assert_eq!(
        said,
        ["copies", "3", "verified", "0", "single", "3", "20", "20", "0"],
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("b has failed: No space left"), "{}", run.stderr);
    assert!(
        run.stderr.contains("c has failed: its .seedfs/spread.json: Read-only"),
        "{}",
        run.stderr
    );
}
