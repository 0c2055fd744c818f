//! `write`, `verify`, `sums` and `status DIR` as commands: what they do, say and return.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::storage::{Run, run, seedfs, verify, write};
use crate::common::wait_for;

const DATASET: &str = "--seed 42 --nodes 3 -n 4 -s 100001";

/// One request at a time, and many, through the page cache and past it. (Where that is not
/// possible, all files fail, and say so.)
const QUEUES: [&[&str]; 4] = [
    &[],
    &["--queue-depth=4", "--block-size=64K"],
    &["--queue-depth=32", "--block-size=4K"],
    &["--queue-depth=32", "--block-size=64K", "--direct-io"],
];

#[test]
fn what_is_written_is_verified_and_summed() {
    for more in [&["-t", "1"][..], &["-t", "2"], &["-t", "30"], &["--fsync"]] {
        let directory = tempfile::tempdir().unwrap();
        write(DATASET, more, directory.path());
        let (code, document) = verify(DATASET, more_to_verify(more), directory.path());
        assert_eq!(code, Some(0), "{document}");
        assert_eq!(document["verdict"], "verified");
        assert_eq!(document["bytes"]["matched"], 1_200_012);
        for (algorithm, tool) in
            [("sha256", "sha256sum"), ("sha512", "sha512sum"), ("md5", "md5sum")]
        {
            let words = ["sums", "-q", "--algorithm", algorithm];
            let sums =
                seedfs(words.into_iter().chain(DATASET.split_whitespace())).output().unwrap();
            assert_eq!(sums.stdout.split(|byte| *byte == b'\n').count() - 1, 12);
            let mut check = Command::new(tool)
                .args(["--check", "--quiet", "--strict"])
                .current_dir(directory.path())
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            check.stdin.take().unwrap().write_all(&sums.stdout).unwrap();
            assert!(check.wait().unwrap().success(), "{tool}");
        }
    }
}

fn more_to_verify<'a>(more: &'a [&'a str]) -> &'a [&'a str] {
    if more == ["--fsync"] { &[] } else { more }
}

#[test]
fn direct_io_keeps_the_exact_size() {
    // Not below /tmp, which may be a tmpfs that has no direct I/O.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dataset = "--seed 42 -n 3 -s 5000001";
    let written = run("write", dataset, &["--direct-io"], directory.path());
    if written.code == Some(3) && written.stderr.contains("O_DIRECT") {
        // What is said where a filesystem has none is all that can be tested there.
        return;
    }
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let length = fs::metadata(directory.path().join("node_0/process_0/file_2")).unwrap().len();
    assert_eq!(length, 5_000_001);
    let asked = [&["--direct-io"][..], &["--drop-cache", "--direct-io"]];
    for more in asked.into_iter().chain(QUEUES) {
        assert_eq!(verify(dataset, more, directory.path()).0, Some(0), "{more:?}");
    }
    for more in QUEUES {
        let again = [&["--overwrite", "-t", "2"], more].concat();
        write(dataset, &again, directory.path());
        assert_eq!(verify(dataset, &[], directory.path()).0, Some(0), "{more:?}");
    }
}

#[test]
fn the_nodes_shares_are_the_dataset() {
    let directory = tempfile::tempdir().unwrap();
    for node in ["0", "1", "2"] {
        let (code, document) = verify(DATASET, &["--node-id", node], directory.path());
        assert_eq!((code, &document["verdict"]), (Some(1), &Value::from("untouched")));
        write(DATASET, &["--node-id", node], directory.path());
        assert_eq!(verify(DATASET, &["--node-id", node], directory.path()).0, Some(0));
    }
    assert_eq!(verify(DATASET, &[], directory.path()).0, Some(0));
    let status = run("status", "", &["--json"], directory.path());
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["percent_complete"], 100.0);
    assert_eq!((&status["active_nodes"], &status["node_count"]), (&3.into(), &3.into()));
    assert_eq!((&status["files_created"], &status["target_files"]), (&12.into(), &12.into()));
    for field in ["hostname", "platform", "cpu_model", "start_time", "system_memory_gb"] {
        assert!(!status["nodes"][0]["node_metadata"][field].is_null(), "{field}");
    }
}

#[test]
fn auto_asks_the_engine_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let words = "write --node-id auto --nodes auto -n 2 -s 1000";
    let run = Run::from(
        seedfs(words.split(' '))
            .arg(directory.path())
            .env("OMPI_COMM_WORLD_RANK", "1")
            .env("OMPI_COMM_WORLD_SIZE", "3")
            .output()
            .unwrap(),
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stderr.contains("node 1 of 3") && run.stderr.contains("Open MPI"),
        "{}",
        run.stderr
    );
    assert!(directory.path().join("node_1/process_0/file_1").exists());
    assert!(!directory.path().join("node_0").exists());

    let alone = Run::from(seedfs(words.split(' ')).arg(directory.path()).output().unwrap());
    assert_eq!(alone.code, Some(2));
    assert!(alone.stderr.contains("auto"), "{}", alone.stderr);
}

#[test]
fn an_existing_file_is_kept_unless_one_says_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    write(DATASET, &[], directory.path());
    let again = run("write", DATASET, &["-q"], directory.path());
    assert_eq!(again.code, Some(3));
    assert!(again.stderr.contains("node_2/process_0/file_3"), "{}", again.stderr);

    let path = |name: &str| directory.path().join(name);
    let whole = path("node_0/process_0/file_0");
    let wrong = path("node_0/process_0/file_1");
    let short = path("node_0/process_0/file_2");
    let inode = fs::metadata(&whole).unwrap().ino();
    let mut bytes = fs::read(&wrong).unwrap();
    bytes[77_777] ^= 1;
    fs::write(&wrong, bytes).unwrap();
    fs::write(&short, "short").unwrap();
    fs::remove_file(path("node_0/process_0/file_3")).unwrap();
    write(DATASET, &["--resume"], directory.path());
    assert_eq!(fs::metadata(&whole).unwrap().ino(), inode, "kept");
    assert_eq!(verify(DATASET, &[], directory.path()).0, Some(0));

    write(DATASET, &["--overwrite"], directory.path());
    assert_ne!(fs::metadata(&whole).unwrap().ino(), inode, "made again");
    assert_eq!(verify(DATASET, &[], directory.path()).0, Some(0));
}

#[test]
fn a_run_that_is_refused_leaves_the_status_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let status = directory.path().join(".dummy_data_status_node1.json");
    write(DATASET, &["--node-id", "1"], directory.path());
    let before = fs::read(&status).unwrap();
    let again = run("write", DATASET, &["--node-id", "1"], directory.path());
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    assert_eq!(fs::read(&status).unwrap(), before);
    // A run that does something says so.
    fs::remove_file(directory.path().join("node_1/process_0/file_2")).unwrap();
    let some = run("write", DATASET, &["--node-id", "1"], directory.path());
    assert_eq!(some.code, Some(3), "{}", some.stderr);
    let after: Value = serde_json::from_slice(&fs::read(&status).unwrap()).unwrap();
    assert_eq!(after["files_created"], 1);
    // And one that keeps all files has found them whole.
    write(DATASET, &["--node-id", "1", "--resume"], directory.path());
    let after: Value = serde_json::from_slice(&fs::read(&status).unwrap()).unwrap();
    assert_eq!((&after["files_created"], &after["percent_complete"]), (&4.into(), &100.0.into()));
}

/// Larger than two parts, so that several threads check one file, and make it again.
#[test]
fn large_files_are_resumed_by_all_threads() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dataset = "--seed 42 -n 2 -s 70000001";
    write(dataset, &[], directory.path());
    let path = |name: &str| directory.path().join("node_0/process_0").join(name);
    for queue in QUEUES {
        for offset in [0, 16 << 20, 40_000_000, 70_000_000] {
            let kept = fs::metadata(path("file_0")).unwrap().ino();
            let mut bytes = fs::read(path("file_1")).unwrap();
            bytes[offset] ^= 1;
            fs::write(path("file_1"), bytes).unwrap();
            let more = [&["--resume", "-t", "3"], queue].concat();
            let resumed = run("write", dataset, &more, directory.path());
            if resumed.code == Some(3) && resumed.stderr.contains("O_DIRECT") {
                return;
            }
            assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
            assert_eq!(fs::metadata(path("file_0")).unwrap().ino(), kept);
            assert_eq!(verify(dataset, &[], directory.path()).0, Some(0), "byte {offset}");
        }
    }
}

#[test]
fn a_report_is_whole_or_not_there_and_refused_before_anything_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let reports = tempfile::tempdir().unwrap();
    write(DATASET, &[], directory.path());
    fs::write(directory.path().join("node_0/process_0/file_1"), "short").unwrap();
    let path = reports.path().join("report.json");
    fs::write(&path, "the one before").unwrap();
    let report = ["--report", path.to_str().unwrap()];
    let said = run("verify", DATASET, &report, directory.path());
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let (_, printed) = verify(DATASET, &[], directory.path());
    assert_eq!(written["problems"], printed["problems"]);
    assert_eq!(fs::read_dir(reports.path()).unwrap().count(), 1, "no temporary file");

    let nowhere = reports.path().join("not/there");
    for wrong in [nowhere.to_str().unwrap(), reports.path().to_str().unwrap()] {
        let refused = run("verify", DATASET, &["--report", wrong], directory.path());
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("--report"), "{}", refused.stderr);
    }
    // What is no file stays what it is.
    let said = run("verify", DATASET, &["-q", "--report", "/dev/stdout"], directory.path());
    let written: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(written["problems"], printed["problems"]);
}

#[test]
fn what_cannot_be_written_or_read_is_named_and_the_rest_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir_all(path("node_0/process_0/file_1")).unwrap();
    fs::write(path("node_1"), "a file where a directory should be").unwrap();
    let written = run("write", DATASET, &["-q"], directory.path());
    assert_eq!(written.code, Some(3));
    assert!(
        written.stderr.contains("node_0/process_0/file_1: is a directory"),
        "{}",
        written.stderr
    );
    assert!(written.stderr.contains("5 of 12 files failed"), "{}", written.stderr);

    nix::unistd::mkfifo(&path("node_2/process_0/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::rename(path("node_2/process_0/fifo"), path("node_2/process_0/file_0")).unwrap();
    fs::remove_file(path("node_2/process_0/file_1")).unwrap();
    std::os::unix::fs::symlink("file_1", path("node_2/process_0/file_1")).unwrap();
    let (code, document) = verify(DATASET, &[], directory.path());
    assert_eq!(code, Some(3));
    assert_eq!(document["failures_total"], 7, "{document}");
    assert_eq!(document["files"]["verified"], 5);
}

/// Runs a command that writes, and signals it when its second file is there.
fn signalled(command: &mut Command, signal: Signal, directory: &Path) -> Run {
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let second = directory.join("node_0/process_0/file_1");
    wait_for("the second file", || second.exists());
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    Run::from(child.wait_with_output().unwrap())
}

/// As nohup does it.
#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let plain = seedfs(["write", "--seed=42", "--files=20", "--size=20M"]);
    for (start, code) in [("--ignore-signal=HUP", 0), ("--default-signal=HUP", 130)] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("env");
        command.arg(start).arg(plain.get_program()).args(plain.get_args()).arg(directory.path());
        let run = signalled(&mut command, Signal::SIGHUP, directory.path());
        assert_eq!(run.code, Some(code), "{start}: {}", run.stderr);
    }
}

#[test]
fn no_temporary_file_is_left_by_an_interruption_and_resume_goes_on() {
    let dataset = "--seed 42 -n 40 -s 20M";
    for queue in [QUEUES[0], QUEUES[1]] {
        let directory = tempfile::tempdir().unwrap();
        let words = ["write"].into_iter().chain(dataset.split(' ')).chain(queue.iter().copied());
        // Not SIGINT: a shell without job control starts its background with that ignored.
        let run = signalled(seedfs(words).arg(directory.path()), Signal::SIGTERM, directory.path());
        assert_eq!(run.code, Some(130), "{}", run.stderr);
        assert!(run.stderr.contains("--resume"), "{}", run.stderr);
        let (code, document) = verify(dataset, &[], directory.path());
        assert_eq!(code, Some(1));
        assert_eq!(document["unexpected_total"], 0, "{document}");
        let files = &document["files"];
        assert_eq!((&files["incomplete"], &files["mismatch"]), (&0.into(), &0.into()));
        write(dataset, &["--resume"], directory.path());
        assert_eq!(verify(dataset, &[], directory.path()).0, Some(0));
    }
}

/// `SEEDFS_KILL_ROUNDS=50 cargo test --test storage_commands killed` is the long form.
#[test]
fn killed_at_any_moment_and_resumed_it_is_whole() {
    let rounds = std::env::var("SEEDFS_KILL_ROUNDS").ok().and_then(|text| text.parse().ok());
    let dataset = "--seed 42 -n 30 -s 3M";
    let mut kills = 0;
    for (round, queue) in (0..rounds.unwrap_or(12_u64)).zip(QUEUES.into_iter().cycle()) {
        let directory = tempfile::tempdir().unwrap();
        // Different moments, from before the first file to about the last.
        let mut wait = Duration::from_micros(500 + round * 7919 % 97 * 3000);
        for mode in [&[][..], &["--resume"]] {
            let words = ["write", "-q"].into_iter().chain(dataset.split(' '));
            let mut child =
                seedfs(words).args(mode).args(queue).arg(directory.path()).spawn().unwrap();
            thread::sleep(wait);
            child.kill().unwrap();
            kills += u64::from(child.wait().unwrap().code().is_none());
            wait /= 2;
        }
        let (_, document) = verify(dataset, &[], directory.path());
        let files = &document["files"];
        assert_eq!((&files["incomplete"], &files["mismatch"]), (&0.into(), &0.into()));
        write(dataset, &["--resume"], directory.path());
        let (code, document) = verify(dataset, &[], directory.path());
        assert_eq!(code, Some(0), "round {round}: {document}");
    }
    assert!(kills > 0, "every run was faster than its killer");
}

#[test]
fn a_sample_is_the_same_each_time_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let dataset = "--seed 42 -n 1000 -s 100";
    write(dataset, &[], directory.path());
    let (code, ten) = verify(dataset, &["--sample", "10"], directory.path());
    assert_eq!(code, Some(0));
    assert_eq!(ten["sample_percent"], 10.0);
    let chosen = ten["files"]["total"].as_u64().unwrap();
    assert!((60..140).contains(&chosen), "{chosen}");
    assert_eq!(ten["files_left_out"], 1000 - chosen);
    let again = verify(dataset, &["--sample", "10"], directory.path()).1;
    assert_eq!(again["files"], ten["files"]);
    for percent in ["0", "-1", "101", "NaN"] {
        let option = format!("--sample={percent}");
        assert_eq!(run("verify", dataset, &[&option], directory.path()).code, Some(2), "{percent}");
    }
}

#[test]
fn a_state_is_gone_on_with_and_errors_end_it() {
    let directory = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let state = state.path().join("state");
    let state = state.to_str().unwrap();
    let dataset = "--seed 42 -n 50 -s 1000";
    write(dataset, &[], directory.path());
    for file in [10, 20, 30] {
        let path = directory.path().join(format!("node_0/process_0/file_{file}"));
        fs::write(path, vec![0; 1000]).unwrap();
    }
    let stop = ["--resume", state, "--stop-after", "2", "-t", "1"];
    let (code, first) = verify(dataset, &stop, directory.path());
    assert_eq!((code, &first["problems_total"]), (Some(1), &2.into()));
    assert_eq!(first["complete"], false);
    let (code, whole) = verify(dataset, &["--resume", state], directory.path());
    assert_eq!(
        (code, &whole["problems_total"], &whole["complete"]),
        (Some(1), &3.into(), &true.into())
    );
    assert_eq!((&whole["files"]["verified"], &whole["files"]["mismatch"]), (&47.into(), &3.into()));
    let other = run("verify", "--seed 43 -n 50 -s 1000", &["--resume", state], directory.path());
    assert_eq!(other.code, Some(2), "{}", other.stderr);
}

#[test]
fn progress_is_json_for_machines() {
    let directory = tempfile::tempdir().unwrap();
    let run = run("write", DATASET, &["--json-progress"], directory.path());
    let last: Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["done"], &last["files"], &last["files_total"]),
        (&true.into(), &12.into(), &12.into())
    );
}

#[test]
fn too_little_space_is_said_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let run = run("write", "-n 1000 -s 1P", &[], directory.path());
    assert_eq!(run.code, Some(3));
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
