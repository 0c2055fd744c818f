use serde_json::{Value, json};

use super::*;
use crate::dataset::DatasetConfig;
use crate::report::{ByteTotals, ClassCounts, FileTally, MapCell};
use crate::verdict::{Class, Verdict};

fn dataset() -> Dataset {
    let nodes = Some("3".into());
    DatasetConfig { nodes, seed: Some("42".into()), ..DatasetConfig::default() }.validate().unwrap()
}

/// A report with something in every field, of a run that goes on.
pub(crate) fn example(command: RunCommand, node: u16) -> RunReport {
    let run = RunIdentity {
        host: format!("n{node:03}"),
        pid: 4711,
        started: 1000.0,
        thread_count: 2,
        job: Some("slurm 123.0".to_owned()),
        ..RunIdentity::new(&dataset(), Some(node))
    };
    let meter = MeterView { operations: 10, bytes: 4000, bytes_per_s: 50 };
    let rates = LastSecond { bytes_per_s: 200.0, files_per_s: 2.0 };
    let is_mount = command == RunCommand::Mount;
    RunReport {
        phase: Phase::Writing,
        updated: 1015.5,
        elapsed_s: 15.5,
        files: FilesDone { total: 20, done: 4, failed: 1 },
        bytes: BytesDone { total: 2000, done: 450 },
        rates: RunRates { bytes_per_s: 100.0, files_per_s: 1.0, last_second: rates },
        remaining_s: Some(15.5),
        errors: RunErrors { total: 1, first: Some("node_0/process_1: No space left".to_owned()) },
        judged: (command != RunCommand::Write).then(judged),
        wrong: if command == RunCommand::Write { ReportedRanges::default() } else { wrong() },
        operations: is_mount.then_some(RunOperations {
            reads: meter,
            writes: meter,
            timed_reads: TimedView { operations: 1, seconds: 0.5 },
            ..RunOperations::default()
        }),
        kept: is_mount.then(KeptView::default),
        threads: vec![ThreadReport {
            doing: Some("node_0/process_3".to_owned()),
            target: (command == RunCommand::Verify).then_some(1),
            bytes: 1,
            bytes_per_s: 0.5,
            idle_share: 0.12,
        }],
        targets: if command == RunCommand::Verify { vec![target()] } else { Vec::new() },
        retries: u64::from(!is_mount),
        map: (command == RunCommand::Verify).then(|| {
            let cells = [(MapCell::Verified, 12), (MapCell::Unknown, 500)];
            ProcessMap::new((node.into(), 1, 512), cells, REPORT_MAP_RUNS_MAX)
        }),
        machine: Some(Machine { hostname: "n001".to_owned(), ..Machine::default() }),
        ..RunReport::begin(command, run, "/scratch/test".to_owned())
    }
}

fn target() -> TargetReport {
    TargetReport {
        target: 1,
        directory: "/mnt/d1".to_owned(),
        files: FilesDone { total: 10, done: 4, failed: 1 },
        bytes: BytesDone { total: 1000, done: 450 },
        bytes_per_s: 90.0,
        idle_share: 0.25,
        retries: 1,
        moved: 2,
        failed: Some("No space left on device".to_owned()),
    }
}

fn judged() -> Judged {
    Judged {
        verdict: Verdict::Mismatch,
        files: FileTally { untouched: 15, incomplete: 0, verified: 4, mismatch: 1 },
        bytes: ByteTotals { expected: 2000, matched: 440, wrong: 10, extra: 0 },
        estimated: false,
        classes: ClassCounts::of(|class| u64::from(class == Class::Foreign)),
        unexpected: 1,
    }
}

fn wrong() -> ReportedRanges {
    let range = json!({
        "path": "node_0/process_1", "target": "/mnt/d1", "offset": 4096, "length": 10,
        "class": "stale",
        "parts": ["payload"], "expected": "00ff", "actual": "ff00",
        "source": {
            "path": "node_1/process_0", "generation": 0, "node": 1, "process": 0, "file": 0,
            "offset": 8192, "last_generation": 3,
        },
    });
    ReportedRanges { total: 7, ranges: vec![serde_json::from_value(range).unwrap()] }
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/schema/report.schema.json")).unwrap()
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::meta::validate(&schema()).unwrap();
    jsonschema::draft202012::new(&schema()).unwrap()
}

#[test]
fn every_command_reports_in_the_documented_form() {
    let validator = validator();
    for command in RunCommand::ALL {
        let begun = RunReport::begin(command, RunIdentity::new(&dataset(), None), "/x".to_owned());
        for report in [example(command, 1), begun] {
            assert_eq!(report.contradiction(), None);
            let document = serde_json::to_value(&report).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&document)
                .map(|error| format!("{error} at '{}'", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
            let text = serde_json::to_string(&report).unwrap();
            let again: RunReport = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_value(&again).unwrap(), document);
        }
    }
}

#[test]
fn the_form_has_no_field_that_is_not_documented_and_none_is_missing() {
    let validator = validator();
    let document = serde_json::to_value(example(RunCommand::Verify, 1)).unwrap();
    // What only some runs have is left out by the others.
    let always = |field: &&String| !["targets", "retries"].contains(&field.as_str());
    for field in document.as_object().unwrap().keys().filter(always) {
        let mut less = document.clone();
        less.as_object_mut().unwrap().remove(field);
        assert!(!validator.is_valid(&less), "without {field}");
    }
    for place in ["", "/run", "/files", "/bytes", "/rates", "/errors", "/judged", "/wrong", "/map"]
    {
        let mut more = document.clone();
        more.pointer_mut(place).unwrap()["new_field"] = json!(1);
        assert!(!validator.is_valid(&more), "'{place}' is open");
    }
}

#[test]
fn bytes_beyond_64_bits_are_read_as_they_were_written() {
    let mut report = example(RunCommand::Verify, 0);
    let judged = report.judged.as_mut().unwrap();
    judged.bytes.expected = 1 << 100;
    report.bytes.total = (1 << 100) + 1;
    let text = serde_json::to_string(&report).unwrap();
    let again: RunReport = serde_json::from_str(&text).unwrap();
    assert_eq!(again.bytes, report.bytes);
    assert_eq!(again.judged, report.judged);
}

#[test]
fn what_contradicts_itself_is_refused() {
    for (place, field, value) in [
        ("", "schema", json!(2)),
        ("/run", "dataset", json!("x")),
        ("/run", "node_id", json!(3)),
        ("/run", "node_count", json!(0)),
        ("/run", "node_count", json!(65_537)),
        ("/run", "started", json!(-1)),
        ("", "updated", json!(1e300)),
        ("", "remaining_s", json!(-1)),
        ("/files", "done", json!(21)),
        ("/files", "failed", json!(u64::MAX)),
        ("/bytes", "done", json!(i64::MIN)),
        ("/rates", "bytes_per_s", json!(-1)),
        ("/rates/last_second", "files_per_s", json!(1e30)),
        ("/errors", "total", json!(0)),
        ("/judged", "verdict", json!("verified")),
        ("/judged", "verdict", json!("incomplete")),
        ("/judged", "verdict", json!("fine")),
        ("/judged/files", "total", json!(1)),
        ("/judged/bytes", "missing", json!(0)),
        ("/judged/bytes", "matched", json!(3000)),
        ("/judged/mismatches", "seen", json!(2)),
        ("/wrong", "total", json!(0)),
        ("/wrong/ranges/0", "length", json!(u64::MAX)),
        ("/wrong/ranges/0", "class", json!("odd")),
        ("/threads/0", "idle_share", json!(1.5)),
        ("/map", "cells", json!([["v", 12]])),
        ("/map", "cells", json!([["x", 512]])),
        ("/map", "first_node", json!(u32::MAX)),
        ("", "phase", json!("flying")),
        ("", "command", json!("fly")),
    ] {
        let mut document = serde_json::to_value(example(RunCommand::Verify, 1)).unwrap();
        document.pointer_mut(place).unwrap()[field] = value.clone();
        let read = serde_json::from_value::<RunReport>(document);
        let believed = read.is_ok_and(|report| report.contradiction().is_none());
        assert!(!believed, "{place}/{field}: {value}");
    }
}

#[test]
fn a_digest_names_the_dataset_wherever_its_template_is() {
    let digest = |path: &str, bytes: &[u8]| {
        let template = crate::dataset::TemplateFile::new(path.to_owned(), bytes.to_vec());
        let mut config = DatasetConfig { template, ..DatasetConfig::default() };
        config.set_template_path(path);
        dataset_digest(&config.validate().unwrap())
    };
    assert_eq!(digest("/a", b"x"), digest("/b", b"x"));
    assert_ne!(digest("/a", b"x"), digest("/a", b"y"));
    assert_ne!(digest("/a", b"x"), dataset_digest(&dataset()));
}
