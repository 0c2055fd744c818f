use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use super::*;
use crate::disk::Disk;
use crate::report::example_report;

/// A directory with reports.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.0.path().join(DIRECTORY)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(DIRECTORY).join(name)
    }

    fn put(&self, report: &RunReport) -> PathBuf {
        let path = self.path(&name_of(report.run.node_id, report.command));
        fs::write(&path, serde_json::to_vec(report).unwrap()).unwrap();
        path
    }

    fn read(&self) -> Cluster {
        read_reports(&Root::open(Disk::real(), self.0.path()).unwrap()).unwrap()
    }

    /// That one report of three is named, for this reason, and that the others count.
    fn assert_one_refused(&self, reason: &str) {
        let cluster = self.read();
        assert_eq!(cluster.unreadable_total, 1, "{:?}", cluster.unreadable);
        let named = &cluster.unreadable[0];
        assert!(
            named.starts_with(".seedfs/node1.write.json: ") && named.contains(reason),
            "{named}"
        );
        let run = cluster.run(RunCommand::Write).unwrap();
        let nodes: Vec<u32> = run.nodes.iter().map(|node| node.report.run.node_id).collect();
        assert_eq!(nodes, [0, 2]);
    }
}

fn three() -> Place {
    let place = Place::new();
    for node in 0..3 {
        place.put(&example_report(RunCommand::Write, node));
    }
    place
}

#[test]
fn a_name_is_a_node_and_a_command() {
    assert_eq!(parse_name("node12.verify.json"), Some((12, RunCommand::Verify)));
    for name in [
        "node012.verify.json",
        "node12.read.json",
        "node12.verify.json.0123456789abcdef.tmp",
        "node.write.json",
        "node-1.write.json",
        "node4294967296.write.json",
    ] {
        assert_eq!(parse_name(name), None, "{name}");
    }
}

#[test]
fn an_empty_directory_says_nothing() {
    let place = Place::new();
    assert!(place.read().is_empty());
    fs::remove_dir(place.path("")).unwrap();
    assert!(place.read().is_empty());
}

#[test]
fn nodes_and_commands_are_merged() {
    let place = three();
    place.put(&example_report(RunCommand::Verify, 1));
    let cluster = place.read();
    assert_eq!(cluster.unreadable, [""; 0]);
    assert_eq!(cluster.run(RunCommand::Write).unwrap().nodes.len(), 3);
    assert_eq!(cluster.run(RunCommand::Verify).unwrap().nodes.len(), 1);
    assert!(cluster.run(RunCommand::Mount).is_none());
}

#[test]
fn a_report_that_is_half_written_is_named() {
    let place = three();
    let path = place.path("node1.write.json");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    place.assert_one_refused("EOF");
}

#[test]
fn a_file_that_is_no_report_is_named() {
    let place = three();
    fs::write(place.path("node1.write.json"), "{\"hello\": \"world\"}").unwrap();
    place.assert_one_refused("missing field");
}

#[test]
fn a_report_of_another_node_or_command_is_named() {
    let place = three();
    for other in [example_report(RunCommand::Write, 2), example_report(RunCommand::Verify, 1)] {
        let json = serde_json::to_vec(&other).unwrap();
        fs::write(place.path("node1.write.json"), json).unwrap();
        place.assert_one_refused("not that of its name");
    }
}

#[test]
fn a_report_that_cannot_be_so_is_named() {
    let place = three();
    let mut report = example_report(RunCommand::Write, 1);
    report.files.done = u64::MAX;
    place.put(&report);
    place.assert_one_refused("numbers of files");
}

#[test]
fn a_huge_report_is_named_and_not_read() {
    let place = three();
    fs::File::create(place.path("node1.write.json")).unwrap().set_len(1 << 30).unwrap();
    place.assert_one_refused("more than 131072 bytes");
}

#[test]
fn a_deep_report_costs_no_stack_and_is_named() {
    let place = three();
    let deep = format!("{{\"x\": {}", "[".repeat(100_000));
    fs::write(place.path("node1.write.json"), deep).unwrap();
    place.assert_one_refused("EOF");
}

#[test]
fn what_is_no_file_is_named_and_not_opened() {
    let place = three();
    let path = place.path("node1.write.json");
    let remove = || fs::remove_file(&path).unwrap();

    remove();
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    place.assert_one_refused("not a regular file");

    remove();
    symlink(place.path("node2.write.json"), &path).unwrap();
    place.assert_one_refused("not a regular file");

    remove();
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    place.assert_one_refused("not a regular file");
    drop(socket);

    remove();
    fs::create_dir(&path).unwrap();
    place.assert_one_refused("not a regular file");
}

#[test]
fn a_device_is_named_and_not_opened() {
    let place = three();
    let path = place.path("node1.write.json");
    fs::remove_file(&path).unwrap();
    let null = nix::sys::stat::makedev(1, 3);
    let device = nix::sys::stat::SFlag::S_IFCHR;
    match nix::sys::stat::mknod(&path, device, Mode::S_IRUSR, null) {
        Ok(()) => place.assert_one_refused("not a regular file"),
        // Only root makes devices.
        Err(error) => assert_eq!(error, nix::errno::Errno::EPERM),
    }
}

#[test]
fn a_link_in_the_place_of_the_directory_is_named() {
    let (place, other) = (three(), three());
    let directory = place.0.path().join(DIRECTORY);
    fs::remove_dir_all(&directory).unwrap();
    symlink(other.path(""), &directory).unwrap();
    let cluster = place.read();
    assert_eq!((cluster.runs.len(), cluster.unreadable_total), (0, 1));
    assert!(cluster.unreadable[0].starts_with(".seedfs: "), "{:?}", cluster.unreadable);
}

#[test]
fn a_node_of_an_earlier_version_is_one_of_its_run() {
    let place = Place::new();
    let old = |node: u32, percent: f64| {
        let json = serde_json::json!({
            "node_id": node, "files_created": 5, "percent_complete": percent,
            "last_update": 1000.0, "throughput_mb_s": 100.0, "files_per_sec": 2.0,
            "node_metadata": {
                "node_id": node, "node_count": 2, "thread_count": 2, "file_size_kb": 1.0,
                "target_files": 10, "start_time": 990.0, "hostname": "n", "platform": "Linux",
                "cpu_model": "", "cpu_cores": 1, "cpu_threads": 2, "system_memory_gb": 1.0,
                "available_memory_gb": 1.0,
            },
        });
        let path = place.0.path().join(format!(".dummy_data_status_node{node}.json"));
        fs::write(path, json.to_string()).unwrap();
    };
    old(0, 50.0);
    old(1, 100.0);
    let cluster = place.read();
    let run = cluster.run(RunCommand::Write).unwrap();
    assert_eq!((run.files.total, run.files.done, run.dataset.as_ref()), (20, 10, None));
    assert_eq!((run.node_states.done, run.node_states.stale), (1, 1));
    // A node that also has a report has spoken there.
    place.put(&example_report(RunCommand::Write, 1));
    let cluster = place.read();
    assert_eq!(cluster.run(RunCommand::Write).unwrap().nodes.len(), 1);
    assert_eq!(cluster.other_runs_total, 1);
    old(0, 101.0);
    assert_eq!(place.read().unreadable_total, 1);
}
