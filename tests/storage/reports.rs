//! What runs say of themselves while they work, and what `status` makes of many of them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::storage::{Run, run, seedfs, write};
use crate::common::wait_for;

const DATASET: &str = "--seed 42 --nodes 3 -n 4 -s 100000";

fn report(directory: &Path, name: &str) -> Value {
    let text = fs::read_to_string(directory.join(".seedfs").join(name)).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/schema/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{report:#}");
    report
}

fn status(directory: &Path) -> (Option<i32>, Value) {
    let said = run("status", "", &["--json"], directory);
    (said.code, serde_json::from_str(&said.stdout).unwrap())
}

/// Writes and verifies as each of the nodes.
fn three_nodes(directory: &Path, commands: &[&str]) -> Vec<Run> {
    let mut runs = Vec::new();
    for command in commands {
        for node in ["0", "1", "2"] {
            runs.push(run(command, DATASET, &["--node-id", node], directory));
        }
    }
    runs
}

#[test]
fn three_nodes_of_write_and_of_verify_are_one_status() {
    let directory = tempfile::tempdir().unwrap();
    let runs = three_nodes(directory.path(), &["write", "verify"]);
    assert!(runs.iter().all(|run| run.code == Some(0)));
    for node in 0..3 {
        for command in ["write", "verify"] {
            let report = report(directory.path(), &format!("node{node}.{command}.json"));
            assert_eq!((&report["command"], &report["phase"]), (&json!(command), &json!("done")));
            assert_eq!(report["run"]["node_count"], 3);
            assert_eq!(report["files"], json!({"total": 4, "done": 4, "failed": 0}));
            assert_eq!(report["bytes"], json!({"total": 400_000, "done": 400_000}));
            let is_verify = command == "verify";
            assert_eq!(report["judged"]["verdict"] == "verified", is_verify);
            let map = json!({
                "first_node": node, "nodes": 1, "processes": 1, "cells": [["v", 1]],
            });
            assert_eq!(report["map"], if is_verify { map } else { Value::Null });
        }
    }
    let (code, status) = status(directory.path());
    assert_eq!((code, &status["verdict"]), (Some(0), &json!("verified")));
    let runs = status["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(run["files"], json!({"total": 12, "done": 12, "failed": 0}));
        assert_eq!(run["bytes"]["done"], 1_200_000);
        assert_eq!(run["node_states"]["done"], 3);
    }
    assert_eq!(runs[1]["judged"]["files"]["verified"], 12);
    assert_eq!(runs[1]["map"]["cells"], json!([["v", 3]]));
    let said = run("status", "", &[], directory.path()).stdout;
    for words in ["write: 100 %, 12 of 12 files", "verify: verified: 100 %", "3 of 3 nodes"] {
        assert!(said.contains(words), "'{words}' is not in\n{said}");
    }
}

#[test]
fn the_first_node_ends_with_what_all_have_done() {
    let directory = tempfile::tempdir().unwrap();
    let runs = three_nodes(directory.path(), &["write", "write"]);
    let said: Vec<bool> = runs.iter().map(|run| run.stderr.contains("all nodes: ")).collect();
    assert_eq!(said, [true, false, false, true, false, false]);
    assert!(runs[0].stderr.contains("all nodes: 33.33 %, 4 of 12 files, 0.00 of 0.00 GB, 1 of 3"));
}

#[test]
fn wrong_ranges_are_shown_with_their_node_and_file() {
    let directory = tempfile::tempdir().unwrap();
    three_nodes(directory.path(), &["write"]);
    let other = fs::read(directory.path().join("node_0/process_0/file_1")).unwrap();
    let path = directory.path().join("node_1/process_0/file_2");
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000..5100].copy_from_slice(&other[5000..5100]);
    fs::write(&path, bytes).unwrap();
    three_nodes(directory.path(), &["verify"]);
    let said = run("status", "", &[], directory.path());
    assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
    let range = "node 1: node_1/process_0/file_2 at 5000, 100 bytes: misplaced, from \
                 node_0/process_0/file_1 at 5000";
    assert!(said.stdout.contains(range), "{}", said.stdout);
    let (_, status) = status(directory.path());
    let verify = &status["runs"][1];
    assert_eq!(verify["wrong"]["ranges"][0]["node"], 1);
    assert_eq!(verify["map"]["cells"], json!([["v", 1], ["m", 1], ["v", 1]]));
    assert_eq!(verify["judged"]["mismatches"]["misplaced"], 1);
}

#[test]
fn a_node_that_was_not_heard_of_leaves_the_verdict_incomplete() {
    let directory = tempfile::tempdir().unwrap();
    three_nodes(directory.path(), &["write"]);
    for node in ["0", "2"] {
        assert_eq!(run("verify", DATASET, &["--node-id", node], directory.path()).code, Some(0));
    }
    let (code, status) = status(directory.path());
    assert_eq!((code, &status["verdict"]), (Some(1), &json!("incomplete")));
    assert_eq!(status["runs"][1]["node_states"]["missing"], 1);
    assert_eq!(status["runs"][1]["map"]["cells"], json!([["v", 1], ["?", 1], ["v", 1]]));
}

#[test]
fn a_node_that_failed_is_named_with_its_reason() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("node_1/process_0/file_3")).unwrap();
    three_nodes(directory.path(), &["write"]);
    let said = run("status", "", &[], directory.path());
    assert_eq!(said.code, Some(3), "{}", said.stdout);
    let line = said.stdout.lines().find(|line| line.contains("node 1 ")).unwrap();
    for words in ["failed", "3 of 4 files", "node_1/process_0/file_3: is a directory"] {
        assert!(line.contains(words), "'{words}' is not in\n{line}");
    }
}

#[test]
fn another_dataset_is_named_and_not_added_up() {
    let directory = tempfile::tempdir().unwrap();
    let other = "--seed 43 --nodes 3 -n 4 -s 100000";
    run("write", other, &["--node-id", "2"], directory.path());
    fs::remove_dir_all(directory.path().join("node_2")).unwrap();
    for node in ["0", "1"] {
        run("write", DATASET, &["--node-id", node], directory.path());
    }
    let said = run("status", "", &[], directory.path()).stdout;
    assert!(said.contains("8 of 12 files"), "{said}");
    assert!(said.contains("another run, not counted: write of the dataset "), "{said}");
    assert!(said.contains("seed '43', 1 of 3 nodes"), "{said}");
}

#[test]
fn a_run_is_seen_while_it_works() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let words = "write -q -n 200 -s 4M --threads 2";
    let child = seedfs(words.split(' ')).arg(directory.path()).stderr(Stdio::null()).spawn();
    let mut child = child.unwrap();
    let path = directory.path().join(".seedfs/node0.write.json");
    wait_for("a report", || path.exists());
    let mut seen_working = false;
    while child.try_wait().unwrap().is_none() {
        let report = report(directory.path(), "node0.write.json");
        seen_working |= report["phase"] == "writing" && report["threads"][0]["doing"].is_string();
        std::thread::sleep(Duration::from_millis(50));
    }
    let last = report(directory.path(), "node0.write.json");
    assert_eq!((&last["phase"], &last["files"]["done"]), (&json!("done"), &json!(200)));
    assert!(seen_working || last["elapsed_s"].as_f64().unwrap() < 1.5, "{last:#}");
}

#[test]
fn reports_go_where_they_are_told_or_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let place = tempfile::tempdir().unwrap();
    let publish = ["--publish", place.path().to_str().unwrap()];
    assert_eq!(run("write", DATASET, &publish, directory.path()).code, Some(0));
    assert_eq!(run("verify", DATASET, &publish, directory.path()).code, Some(0));
    assert!(!directory.path().join(".seedfs").exists());
    assert_eq!(status(place.path()).1["runs"].as_array().unwrap().len(), 2);

    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(run("write", DATASET, &["--no-publish"], nowhere.path()).code, Some(0));
    assert_eq!(run("verify", DATASET, &["--no-publish"], nowhere.path()).code, Some(0));
    let names: Vec<_> =
        fs::read_dir(nowhere.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_str().unwrap().starts_with("node_")), "{names:?}");

    let refused = run("verify", DATASET, &["--publish", "/not/there"], directory.path());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--publish '/not/there'"), "{}", refused.stderr);
}

#[test]
fn a_report_that_cannot_be_written_is_one_warning_and_the_run_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    write(DATASET, &["--no-publish"], directory.path());
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), directory.path().join(".seedfs")).unwrap();
    let said = run("verify", DATASET, &[], directory.path());
    // The link is none of the dataset's, and is not followed.
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert_eq!(said.stderr.matches("warning: the report").count(), 1, "{}", said.stderr);
    assert!(said.stdout.contains(".seedfs: unexpected"), "{}", said.stdout);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    let quiet = run("verify", DATASET, &["-q"], directory.path());
    assert_eq!(quiet.stderr, "");
    fs::remove_file(directory.path().join(".seedfs")).unwrap();

    // A directory in the place of the report, so that it also fails for root.
    fs::create_dir_all(directory.path().join(".seedfs/node0.verify.json")).unwrap();
    let said = run("verify", DATASET, &[], directory.path());
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert_eq!(said.stderr.matches("warning: the report").count(), 1, "{}", said.stderr);
}

#[test]
fn a_shared_directory_is_shared_with_its_reports() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    write(DATASET, &[], directory.path());
    let made = fs::metadata(directory.path().join(".seedfs")).unwrap().permissions().mode();
    assert_eq!(made & 0o7777, 0o1777);
}

#[test]
fn each_file_is_named_as_it_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let said = run("write", "--nodes 2 --processes 2 -s 1M", &["-v"], directory.path());
    let mut lines: Vec<&str> = said.stdout.lines().collect();
    lines.sort_unstable();
    let expected = ["0/process_0", "0/process_1", "1/process_0", "1/process_1"]
        .map(|path| format!("created node_{path} (1.0 MiB)"));
    assert_eq!(lines, expected);
    fs::remove_file(directory.path().join("node_1/process_1")).unwrap();
    let said = run("write", "--nodes 2 --processes 2 -s 1M", &["-v", "--resume"], directory.path());
    assert_eq!(said.stdout, "created node_1/process_1 (1.0 MiB)\n");
}

#[test]
fn words_of_others_say_nothing_to_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    three_nodes(directory.path(), &["write"]);
    let path = directory.path().join(".seedfs/node1.write.json");
    let mut hostile = report(directory.path(), "node1.write.json");
    let escape = "\u{1b}]0;owned\u{7}\u{1b}[2J\n<script>alert(1)</script>";
    hostile["run"]["host"] = json!(escape);
    hostile["run"]["job"] = Value::Null;
    hostile["errors"] = json!({"total": 1, "first": escape});
    fs::write(&path, hostile.to_string()).unwrap();
    let said = run("status", "", &[], directory.path());
    assert!(!said.stdout.contains(['\u{1b}', '\u{7}']), "{:?}", said.stdout);
    assert_eq!(said.stdout.lines().count(), 4, "{:?}", said.stdout);
    // A seed of a run that is not counted, and a field that is not known.
    hostile["run"]["dataset"] = json!("0".repeat(32));
    hostile["run"]["seed"] = json!(escape);
    hostile["new"] = json!({"a": [1, 2]});
    fs::write(&path, hostile.to_string()).unwrap();
    let said = run("status", "", &[], directory.path());
    assert!(!said.stdout.contains(['\u{1b}', '\u{7}']), "{:?}", said.stdout);
    assert_eq!(status(directory.path()).1["unreadable_total"], 0);
}

#[test]
fn a_thousand_reports_are_merged_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let dataset = "--seed 42 --nodes 1000 -s 1000";
    for command in ["write", "verify"] {
        run(command, dataset, &["-q", "--node-id", "0"], directory.path());
    }
    let mut one = report(directory.path(), "node0.verify.json");
    for node in 1..1000 {
        one["run"]["node_id"] = json!(node);
        one["run"]["host"] = json!(format!("n{node:03}"));
        one["map"]["first_node"] = json!(node);
        let path = directory.path().join(format!(".seedfs/node{node}.verify.json"));
        fs::write(path, one.to_string()).unwrap();
    }
    let before = Instant::now();
    let (code, status) = status(directory.path());
    let took = before.elapsed();
    assert_eq!((code, &status["verdict"]), (Some(0), &json!("verified")));
    assert_eq!(status["runs"][1]["node_states"]["done"], 1000);
    assert_eq!(status["runs"][1]["map"]["cells"], json!([["v", 1000]]));
    // Much more than docs/storage.md says: the machine may have other work.
    assert!(took < Duration::from_secs(10), "{took:?}");
}
