//! `seedfs mount --publish`: many mounts seen from one directory, which may be anything.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Mount, code, daemon, foreign, run, text, wait_for};

const DATASET: [&str; 8] = ["--seed", "42", "--nodes", "3", "-n", "2", "-s", "10000"];

/// A mount that publishes as a node, and what it said when it began.
fn publishing(place: &Path, node: &str) -> (Mount, String) {
    let place = place.to_str().unwrap();
    let options = [&DATASET[..], &["--publish", place, "--node-id", node]].concat();
    Mount::saying(&options)
}

fn report(place: &Path, node: u32) -> Value {
    let path = place.join(format!(".seedfs/node{node}.mount.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What `status` makes of the directory.
fn status(place: &Path) -> (i32, Value) {
    let said = run(&["status", "--json", place.to_str().unwrap()]);
    (code(said.status), serde_json::from_slice(&said.stdout).unwrap())
}

fn map(place: &Path) -> Value {
    status(place).1["runs"][0]["map"]["cells"].clone()
}

/// Writes the files of a node, as they are to be.
fn write_node(mount: &Mount, node: usize) {
    for file in 0..2 {
        let path = format!("node_{node}/process_0/file_{file}");
        let bytes = fs::read(mount.join(&path)).unwrap();
        mount.write_at(&path, 0, &bytes);
    }
}

#[test]
fn three_mounts_are_seen_from_one_directory() {
    let place = TempDir::new().unwrap();
    let place = place.path();
    let mounts = ["0", "1", "2"].map(|node| publishing(place, node).0);
    // Each is there as soon as it is mounted.
    let (code, seen) = status(place);
    assert_eq!((code, &seen["verdict"]), (0, &json!("untouched")), "{seen:#}");
    assert_eq!(seen["runs"][0]["node_states"]["working"], 3);
    for (node, mount) in mounts.iter().enumerate().take(2) {
        write_node(mount, node);
    }
    wait_for("what two have seen", || map(place) == json!([["v", 2], ["u", 1]]));
    assert_eq!(status(place).1["verdict"], "incomplete");
    write_node(&mounts[2], 2);
    wait_for("what all have seen", || map(place) == json!([["v", 3]]));
    let (code, seen) = status(place);
    assert_eq!((code, &seen["verdict"]), (0, &json!("verified")), "{seen:#}");
    let files = json!({"total": 6, "untouched": 0, "incomplete": 0, "verified": 6, "mismatch": 0});
    assert_eq!(seen["runs"][0]["judged"]["files"], files);

    // The last word is that of the end.
    mounts[1].write_at("node_1/process_0/file_1", 100, &foreign(1, 50));
    for mount in &mounts {
        assert!(mount.unmount().status.success());
    }
    let is_done = |node| report(place, node)["phase"] == "done";
    wait_for("the last reports", || (0..3).all(is_done));
    let (code, seen) = status(place);
    assert_eq!((code, &seen["verdict"]), (1, &json!("mismatch")), "{seen:#}");
    assert_eq!(seen["runs"][0]["node_states"]["done"], 3);
    assert_eq!(map(place), json!([["v", 1], ["m", 1], ["v", 1]]));
    let range = &seen["runs"][0]["wrong"]["ranges"][0];
    assert_eq!((&range["node"], &range["length"]), (&json!(1), &json!(50)));
    assert_eq!((&range["class"], &range["offset"]), (&json!("foreign"), &json!(100)));
}

#[test]
fn a_directory_that_is_not_there_is_refused() {
    let mountpoint = TempDir::new().unwrap();
    let at = mountpoint.path().to_str().unwrap();
    let file = mountpoint.path().with_extension("file");
    fs::write(&file, "").unwrap();
    for place in ["/not/there", "", file.to_str().unwrap()] {
        let said = run(&["mount", "--publish", place, "--node-id", "0", at]);
        let error = text(&said.stderr);
        assert_eq!(code(said.status), 2, "{error}");
        assert!(error.contains("--publish"), "{error}");
    }
    fs::remove_file(file).unwrap();
    let said = run(&["mount", "--publish", "/tmp", at]);
    assert_eq!(code(said.status), 2);
    assert!(text(&said.stderr).contains("--node-id"), "{}", text(&said.stderr));
}

#[test]
fn a_directory_that_cannot_be_written_to_is_a_warning() {
    let place = TempDir::new().unwrap();
    // In the place of a directory, so that it also fails for root.
    fs::write(place.path().join(".seedfs"), "").unwrap();
    let (mount, said) = publishing(place.path(), "0");
    let warning = format!("--publish '{}': cannot report there", place.path().display());
    assert!(said.contains(&warning), "{said}");
    write_node(&mount, 0);
    assert_eq!(mount.status("summary.json")["files"]["verified"], 2);
    assert!(mount.unmount().status.success());

    // And one in the place of the report.
    fs::remove_file(place.path().join(".seedfs")).unwrap();
    fs::create_dir_all(place.path().join(".seedfs/node0.mount.json")).unwrap();
    let (mount, said) = publishing(place.path(), "0");
    assert!(said.contains(&warning), "{said}");
    // It is seen as soon as it can be.
    fs::remove_dir(place.path().join(".seedfs/node0.mount.json")).unwrap();
    wait_for("a report", || place.path().join(".seedfs/node0.mount.json").is_file());
    assert_eq!(report(place.path(), 0)["phase"], "reading");
    drop(mount);
}

/// The daemon of a mount, which answers nobody until this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn new(mount: &Mount) -> Self {
        let pid = Pid::from_raw(daemon(mount).pid).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// Unmounts, and sees the daemon end.
fn ends_soon(mount: &Mount) {
    let pid = Pid::from_raw(daemon(mount).pid).unwrap();
    let before = Instant::now();
    assert!(mount.unmount().status.success());
    wait_for("the end of the daemon", || test_kill_process(pid).is_err());
    assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
}

#[test]
fn a_directory_that_does_not_answer_holds_nobody() {
    let server = Mount::new(&["--seed", "1"]);
    let place = server.join("reports");
    fs::create_dir(&place).unwrap();
    let mount = publishing(&place, "0").0;
    let stopped = Stopped::new(&server);
    write_node(&mount, 0);
    assert_eq!(mount.status("summary.json")["files"]["verified"], 2);
    // One that begins meanwhile says so, and works.
    let (late, said) = publishing(&place, "1");
    assert!(said.contains("it does not answer; the mount goes on"), "{said}");
    write_node(&late, 1);
    ends_soon(&late);
    assert!(mount.unmount().status.success());
    drop(stopped);
    wait_for("a directory that answers", || place.join(".seedfs").is_dir());
}
