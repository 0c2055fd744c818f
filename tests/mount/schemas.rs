//! Every document under `.status`, in every state, is what its JSON Schema says; and the schemas
//! refuse what is not.

use std::fs::{self, OpenOptions};
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::common::Mount;

const DAMAGED: &str = "iteration_0/node_0/process_1";
const DAMAGED_DOCUMENT: &str = "files/iteration_0/node_0/process_1.json";
const RIGHT: &str = "iteration_0/node_0/process_0";
const SHORT: &str = "iteration_1/node_1/process_0";

fn validator(name: &str) -> Validator {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{name}.schema.json"));
    let text = fs::read_to_string(&path).expect("the schema is there");
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    jsonschema::draft202012::meta::validate(&schema)
        .unwrap_or_else(|error| panic!("{name} is not a schema: {error}"));
    jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn assert_valid(name: &str, document: &Value) {
    let errors: Vec<String> = validator(name)
        .iter_errors(document)
        .map(|error| format!("{} at '{}'", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{document:#}");
}

fn mount() -> Mount {
    Mount::new(&["--seed=42", "--nodes=2", "--processes=2", "--iterations=2", "--size=256K"])
}

/// One range of each class, and one past the end.
fn damage(mount: &Mount) {
    let right = fs::read(mount.join(DAMAGED)).expect("it can be read");
    let other = fs::read(mount.join("iteration_0/node_1/process_0")).expect("it can be read");
    let older = fs::read(mount.join("iteration_1/node_0/process_1")).expect("it can be read");
    mount.write_at(DAMAGED, 1000, &other[5000..5200]);
    mount.write_at(DAMAGED, 20_000, &older[20_000..20_300]);
    mount.write_at(DAMAGED, 40_000, &[0; 5000]);
    mount.write_at(DAMAGED, 60_001, &[right[60_001] ^ 0x10]);
    mount.write_at(DAMAGED, 80_000, b"something that nobody generated");
    mount.write_at(DAMAGED, right.len() as u64, b"tail");
    fs::write(mount.join(".copy.tmp"), &other[..5000]).expect("it can be made");
    fs::write(mount.join("notes"), b"something else\n").expect("it can be made");
    fs::create_dir(mount.join("made")).expect("it can be made");
    std::os::unix::fs::symlink("made", mount.join("link")).expect("it can be made");
}

fn classes(document: &Value) -> Vec<&str> {
    let ranges = document["ranges"].as_array().expect("a list");
    ranges.iter().map(|range| range["class"].as_str().expect("a name")).collect()
}

const EACH_CLASS: [&str; 6] = ["misplaced", "stale", "zeroed", "flipped", "foreign", "foreign"];

fn assert_all_valid(mount: &Mount) {
    for name in ["summary", "config", "map", "mismatches", "others", "report"] {
        assert_valid(name, &mount.status(&format!("{name}.json")));
    }
    for node in 0..2 {
        assert_valid("node", &mount.status(&format!("nodes/node_{node}.json")));
        for process in 0..2 {
            let name = format!("nodes/node_{node}/process_{process}.json");
            assert_valid("process", &mount.status(&name));
        }
    }
    for path in [RIGHT, DAMAGED, SHORT] {
        assert_valid("file", &mount.status(&format!("files/{path}.json")));
    }
}

#[test]
fn every_document_is_valid_in_every_state() {
    let mount = mount();
    assert_all_valid(&mount);
    assert_eq!(mount.status("summary.json")["verdict"], "untouched");

    let right = fs::read(mount.join(RIGHT)).expect("it can be read");
    mount.write_at(RIGHT, 0, &right);
    let short = OpenOptions::new().write(true).open(mount.join(SHORT)).expect("it can be opened");
    short.set_len(10_000).expect("it can be cut");
    assert_all_valid(&mount);
    assert_eq!(mount.status("summary.json")["verdict"], "incomplete");

    damage(&mount);
    assert_all_valid(&mount);
    assert_eq!(mount.status("summary.json")["verdict"], "mismatch");
    assert_eq!(classes(&mount.status(DAMAGED_DOCUMENT)), EACH_CLASS);
    assert_eq!(classes(&mount.status("mismatches.json")), EACH_CLASS);
}

#[test]
fn the_tallies_keep_their_sums() {
    let mount = mount();
    damage(&mount);
    let short = OpenOptions::new().write(true).open(mount.join(SHORT)).expect("it can be opened");
    short.set_len(10_000).expect("it can be cut");
    let sum = |document: &Value, names: &[&str]| -> u64 {
        names.iter().map(|name| document["bytes"][name].as_u64().expect("a count")).sum()
    };
    for path in [RIGHT, DAMAGED, SHORT] {
        let document = mount.status(&format!("files/{path}.json"));
        let parts = ["untouched", "matched", "missing", "wrong"];
        assert_eq!(sum(&document, &parts), sum(&document, &["expected"]), "{document:#}");
    }
    for name in ["summary.json", "nodes/node_0.json", "nodes/node_0/process_1.json"] {
        let document = mount.status(name);
        let parts = ["matched", "missing", "wrong"];
        assert_eq!(sum(&document, &parts), sum(&document, &["expected"]), "{document:#}");
    }
}

/// The report says what the other documents do, in the form of every run.
#[test]
fn the_report_is_the_summary_and_the_map() {
    let mount =
        Mount::new(&["--seed=42", "--nodes=2", "--iterations=2", "--size=256K", "--node-id=1"]);
    mount.write_at("iteration_0/node_1/process_0", 1000, b"something that nobody generated");
    let (report, summary) = (mount.status("report.json"), mount.status("summary.json"));
    assert_valid("report", &report);
    assert_eq!((&report["command"], &report["run"]["node_id"]), (&json!("mount"), &json!(1)));
    assert_eq!(report["run"]["node_count"], 2);
    assert_eq!(report["target"], mount.path().to_str().expect("a path in UTF-8"));
    assert!(report["run"]["pid"].as_u64().is_some_and(|pid| pid > 1), "{report:#}");
    for field in ["verdict", "files", "bytes"] {
        assert_eq!(report["judged"][field], summary[field], "{report:#}");
    }
    assert_eq!(report["judged"]["mismatches"], summary["mismatches"]);
    assert_eq!(report["operations"]["writes"]["bytes"], summary["writes"]["bytes"]);
    let latest = &mount.status("mismatches.json")["ranges"][0];
    for field in ["path", "offset", "length", "class", "actual"] {
        assert_eq!(report["wrong"]["ranges"][0][field], latest[field], "{report:#}");
    }
    assert_eq!(report["map"]["cells"], mount.status("map.json")["cells"]);
}

/// Every sample of the metrics has a family, and the numbers are those of the summary.
#[test]
fn the_metrics_are_those_of_the_summary() {
    let mount = mount();
    damage(&mount);
    let text = fs::read_to_string(mount.join(".status/metrics")).expect("it can be read");
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let summary = mount.status("summary.json");
    let labels = format!(r#"command="mount",node="0",target="{}""#, mount.path().display());
    for (name, more, value) in [
        ("seedfs_judged_bytes", r#"state="wrong""#, &summary["bytes"]["wrong"]),
        ("seedfs_judged_bytes", r#"state="missing""#, &summary["bytes"]["missing"]),
        ("seedfs_judged_files", r#"verdict="mismatch""#, &summary["files"]["mismatch"]),
        ("seedfs_wrong_ranges_total", r#"class="stale""#, &summary["mismatches"]["stale"]),
        ("seedfs_verdict", r#"verdict="mismatch""#, &json!(1)),
    ] {
        let line = format!("{name}{{{labels},{more}}} {value}");
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
}

/// What a view draws: the map, then a process, then a file from its first byte to its last.
#[test]
fn damage_is_on_the_map_in_its_process_and_in_the_segments() {
    let mount = mount();
    let right = fs::read(mount.join(RIGHT)).expect("it can be read");
    mount.write_at(RIGHT, 0, &right);
    damage(&mount);
    // The processes of node 0: one of two iterations is verified, the other one damaged.
    assert_eq!(mount.status("map.json")["cells"], json!([["i", 1], ["m", 1], ["u", 2]]));
    let process = mount.status("nodes/node_0/process_1.json");
    assert_eq!(process["changed"][0]["path"], DAMAGED);
    assert_eq!((&process["changed_total"], &process["changed_dropped"]), (&json!(1), &json!(0)));

    let file = mount.status(DAMAGED_DOCUMENT);
    assert_eq!(file["bytes"], process["changed"][0]["bytes"]);
    let segments = file["segments"].as_array().expect("a list");
    let states = |segment: &Value| segment["state"].as_str().expect("a name").to_owned();
    let states: Vec<String> = segments.iter().map(states).collect();
    assert_eq!(
        states.join(" "),
        "untouched wrong untouched wrong untouched wrong untouched wrong untouched wrong \
         untouched extra",
        "{file:#}"
    );
    let with_class = segments.iter().filter(|segment| segment.get("class").is_some());
    for (segment, range) in with_class.zip(file["ranges"].as_array().expect("a list")) {
        for field in ["offset", "length", "class"] {
            assert_eq!(segment[field], range[field], "{file:#}");
        }
    }
    let end = |segment: &Value| -> Option<u64> {
        Some(segment["offset"].as_u64()? + segment["length"].as_u64()?)
    };
    assert!(segments.windows(2).all(|two| end(&two[0]) == two[1]["offset"].as_u64()), "{file:#}");
    assert_eq!(segments.last().and_then(end), file["size_bytes"].as_u64());
}

#[test]
fn a_document_without_iterations_and_with_a_node_id_is_valid() {
    let mount = Mount::new(&["--size=1", "--node-id=7", "--layout={file:03}.bin", "--files=3"]);
    let config = mount.status("config.json");
    assert!(config.get("iterations").is_none(), "{config:#}");
    assert_valid("config", &config);
    let summary = mount.status("summary.json");
    assert_eq!(summary["node_id"], 7);
    assert_valid("summary", &summary);
    assert_valid("file", &mount.status("files/002.bin.json"));
}

#[test]
fn contents_of_any_kind_are_valid() {
    for options in [
        &["--content=npy:f4,30x10"][..],
        &["--content=zero"],
        &["--content=npz=npz:x:u1,7+y:f4,3", "--content=tar.gz=random"],
        &["--content=tfrecord=tfrecord:9,9", "--content=idx=tfrecord-index"],
    ] {
        let mount = Mount::new(options);
        assert_valid("config", &mount.status("config.json"));
        assert_valid("summary", &mount.status("summary.json"));
    }
}

#[test]
fn counts_beyond_64_bits_are_valid() {
    let mount = Mount::new(&["--files=4294967296", "--processes=256", "--size=4P"]);
    assert_valid("summary", &mount.status("summary.json"));
    assert_valid("node", &mount.status("nodes/node_0.json"));
    assert_valid("process", &mount.status("nodes/node_0/process_255.json"));
}

/// What the schemas must refuse: where in the document, and what is put there.
const PLANTED: [(&str, &str, &str, &str); 17] = [
    ("summary", "", "new_field", "1"),
    ("summary", "/bytes", "new_field", "1"),
    ("summary", "/kept", "new_field", "1"),
    ("summary", "", "verdict", "\"fine\""),
    ("summary", "/reads", "bytes", "-1"),
    ("config", "", "new_field", "1"),
    ("config", "", "size", "0"),
    ("node", "/processes/0", "new_field", "1"),
    ("process", "/changed/0", "new_field", "1"),
    ("process", "/changed/0", "verdict", "\"untouched\""),
    ("map", "", "cells", "[[\"x\", 1]]"),
    ("map", "", "dropped", "false"),
    ("file", "/segments/0", "state", "\"odd\""),
    ("file", "/ranges/0", "class", "\"odd\""),
    ("file", "/ranges/0/source", "new_field", "1"),
    ("file", "/ranges/0", "actual", "\"0\""),
    ("mismatches", "/ranges/0", "new_field", "1"),
];

/// Those that have an example.
const DOCUMENTS: [&str; 8] =
    ["summary", "config", "map", "node", "process", "file", "mismatches", "others"];

fn example(mount: &Mount, name: &str) -> Value {
    match name {
        "node" => mount.status("nodes/node_0.json"),
        "process" => mount.status("nodes/node_0/process_1.json"),
        "file" => mount.status(DAMAGED_DOCUMENT),
        other => mount.status(&format!("{other}.json")),
    }
}

#[test]
fn planted_violations_are_refused() {
    let mount = mount();
    damage(&mount);
    for (name, place, field, value) in PLANTED {
        let mut document = example(&mount, name);
        assert_valid(name, &document);
        let value: Value = serde_json::from_str(value).expect("JSON");
        document.pointer_mut(place).expect("it is there")[field] = value;
        assert!(!validator(name).is_valid(&document), "{name} takes {field} in '{place}'");
    }
}

/// Takes each field of a document out in turn, at every level, and lets `check` see the rest.
fn without_each_field(document: &Value, check: &mut dyn FnMut(&str, &Value)) {
    fn walk(at: &str, root: &Value, check: &mut dyn FnMut(&str, &Value)) {
        let inside = root.pointer(at).expect("it is there");
        let steps: Vec<String> = match inside {
            Value::Object(fields) => fields.keys().cloned().collect(),
            Value::Array(items) if !items.is_empty() => vec!["0".to_owned()],
            _ => Vec::new(),
        };
        for step in steps {
            let mut less = root.clone();
            if let Some(Value::Object(fields)) = less.pointer_mut(at) {
                fields.remove(&step);
                check(&format!("{at}/{step}"), &less);
            }
            walk(&format!("{at}/{step}"), root, check);
        }
    }
    walk("", document, check);
}

#[test]
fn no_field_may_be_missing_but_iterations() {
    let mount = mount();
    damage(&mount);
    for name in DOCUMENTS {
        let validator = validator(name);
        without_each_field(&example(&mount, name), &mut |field, less| {
            let may_be_missing = field == "/iterations";
            assert_eq!(validator.is_valid(less), may_be_missing, "{name}: without {field}");
        });
    }
}

#[test]
fn every_field_is_described() {
    fn walk(name: &str, at: &str, schema: &Value) {
        if let Some(properties) = schema["properties"].as_object() {
            assert_eq!(schema["additionalProperties"], json!(false), "{name}: {at} is open");
            for (field, property) in properties {
                let described = property.get("description").or_else(|| property.get("$ref"));
                assert!(described.is_some(), "{name}: {at}/{field} has no description");
            }
        }
        match schema {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(field, inside)| walk(name, &format!("{at}/{field}"), inside));
            }
            Value::Array(items) => items.iter().for_each(|inside| walk(name, at, inside)),
            _ => {}
        }
    }
    for name in DOCUMENTS {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{name}.schema.json"));
        let text = fs::read_to_string(path).expect("the schema is there");
        walk(name, "", &serde_json::from_str(&text).expect("a schema is JSON"));
    }
}
