//! The commands from outside: what they print, what they leave behind and how they end.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Mount, code, is_mounted, run, seedfs, text, wait_for};

fn path_of(mount: &Mount) -> &str {
    mount.path().to_str().expect("a plain name")
}

/// `Command::output` reads both pipes to their ends, so it returns only when nobody holds them.
#[test]
fn mount_returns_when_it_answers_and_holds_no_pipe() {
    let directory = TempDir::new().expect("a temporary directory");
    let output = seedfs()
        .args(["mount", "--size=1M", "--"])
        .arg(directory.path())
        .output()
        .expect("it can be started");
    // What is asked at once is answered: the mount was there before the command returned.
    let size = fs::metadata(directory.path().join("node_0/process_0")).map(|file| file.len());
    let unmounted = seedfs().arg("umount").arg(directory.path()).output().expect("it can be run");

    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(size.ok(), Some(1 << 20));
    let path = directory.path().display();
    let stdout = text(&output.stdout);
    for line in [
        format!("mounted on {path}\n"),
        format!("{path}/.status/summary.json"),
        format!("seedfs status {path}"),
        format!("seedfs umount {path}\n"),
    ] {
        assert!(stdout.contains(&line), "'{line}' is not in:\n{stdout}");
    }
    assert_eq!(text(&output.stderr), "");
    assert!(unmounted.status.success(), "{}", text(&unmounted.stderr));
    assert!(!is_mounted(directory.path()));
}

/// In a mount namespace of its own something else stands at /dev/fuse.
#[test]
fn what_the_daemon_says_reaches_the_caller() {
    const NO_DEVICE: &str = "mount --bind /dev/null /dev/fuse";
    const NOT_OPENED: &str =
        "mount --bind Cargo.toml /dev/fuse && mount -o remount,bind,ro /dev/fuse";
    for (instead, said) in [
        (NO_DEVICE, ["seedfs: cannot mount on '", "'"]),
        (NOT_OPENED, ["seedfs: /dev/fuse cannot be opened", "modprobe fuse"]),
    ] {
        let directory = TempDir::new().expect("a temporary directory");
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &format!("{instead} && exec \"$@\""), "sh"])
            .arg(env!("CARGO_BIN_EXE_seedfs"))
            .args(["mount", "--size=1M"])
            .arg(directory.path())
            .output()
            .expect("unshare (util-linux) can be started");
        let stderr = text(&output.stderr);
        assert_eq!(code(output.status), 3, "{stderr}");
        assert!(said.iter().all(|part| stderr.contains(part)), "{stderr}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn the_options_of_a_mount_reach_the_kernel_and_the_status() {
    let mount = Mount::new(&[
        "--size=1M",
        "--node-id=5",
        "--keep=10M",
        "--extent-limit=1000",
        "--list-status",
        "--threads=1",
        "-o",
        "noexec,fsname=twin",
    ]);
    let table = fs::read_to_string("/proc/self/mounts").expect("/proc is mounted");
    let line = table.lines().find(|line| line.contains(path_of(&mount))).expect("it is mounted");
    let fields: Vec<&str> = line.split(' ').collect();
    assert_eq!((fields[0], fields[2]), ("twin", "fuse.seedfs"));
    for option in ["noexec", "nosuid", "nodev", "default_permissions"] {
        assert!(fields[3].split(',').any(|given| given == option), "{option} is not in {line}");
    }
    let summary = mount.status("summary.json");
    assert_eq!(summary["node_id"], 5);
    assert_eq!(summary["kept"]["bytes_limit"], 10 << 20);
    assert_eq!(summary["kept"]["extents_limit"], 1000);
    let names: Vec<_> = fs::read_dir(mount.path())
        .expect("it can be listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, [".status", "node_0"]);
}

/// A daemon in the foreground; it is ended with the test.
struct Foreground {
    child: Child,
    directory: TempDir,
}

impl Foreground {
    fn start(options: &[&str]) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let child = seedfs()
            .args(["mount", "--foreground", "--size=1M"])
            .args(options)
            .arg(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let foreground = Self { child, directory };
        wait_for("the mount", || is_mounted(foreground.directory.path()));
        foreground
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().expect("kill is there");
        assert!(status.success());
    }

    /// Waits for the end: the exit code, standard output and standard error.
    fn end(mut self) -> (i32, String, String) {
        let mut said = (String::new(), String::new());
        let read = |pipe: Option<&mut dyn Read>, text: &mut String| {
            pipe.expect("it is piped").read_to_string(text).expect("UTF-8");
        };
        read(self.child.stdout.as_mut().map(|pipe| pipe as _), &mut said.0);
        read(self.child.stderr.as_mut().map(|pipe| pipe as _), &mut said.1);
        (code(self.child.wait().expect("it ends")), said.0, said.1)
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        if is_mounted(self.directory.path()) {
            let _ = Command::new("umount").arg("-l").arg(self.directory.path()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_signal_unmounts_cleanly() {
    for signal in ["TERM", "INT", "HUP"] {
        let foreground = Foreground::start(&[]);
        let path = foreground.directory.path().to_owned();
        foreground.signal(signal);
        wait_for("the unmount", || !is_mounted(&path));
        let (code, stdout, stderr) = foreground.end();
        assert_eq!(code, 0, "SIG{signal}: {stderr}");
        assert!(stdout.starts_with("mounted on "), "{stdout}");
    }
}

#[test]
fn a_signal_leaves_open_files_served_until_they_are_closed() {
    let foreground = Foreground::start(&[]);
    let path = foreground.directory.path().to_owned();
    let mut file = fs::File::open(path.join("node_0/process_0")).expect("it can be opened");
    foreground.signal("TERM");
    wait_for("the unmount", || !is_mounted(&path));
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("it is still served");
    assert_eq!(bytes.len(), 1 << 20);
    drop(file);
    let (code, _, stderr) = foreground.end();
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn an_unmount_from_outside_ends_the_foreground() {
    let foreground = Foreground::start(&[]);
    let path = foreground.directory.path().to_str().expect("a plain name").to_owned();
    assert!(run(&["umount", &path]).status.success());
    let (code, _, stderr) = foreground.end();
    assert_eq!(code, 0, "{stderr}");
}

#[test]
fn the_log_goes_where_it_is_sent() {
    let directory = TempDir::new().expect("a temporary directory");
    let log = directory.path().join("log");
    fs::write(&log, "what was there\n").expect("it can be written");
    let option = format!("--log={}", log.display());
    {
        let mount = Mount::new(&["--size=1M", "--on-mismatch=reject", &option]);
        let file = fs::OpenOptions::new().write(true).open(mount.join("node_0/process_0"));
        let error = file.expect("it can be opened").write_at(b"wrong", 0).expect_err("rejected");
        assert_eq!(error.raw_os_error(), Some(5), "EIO");
    }
    let said = || fs::read_to_string(&log).expect("it is there");
    wait_for("the daemon's last word", || said().contains("unmounted"));
    for part in ["what was there\n", "INFO", "mounted", "WARN", "not what belongs there"] {
        assert!(said().contains(part), "'{part}' is not in:\n{}", said());
    }

    let quiet = directory.path().join("quiet");
    let foreground = Foreground::start(&[&format!("--log={}", quiet.display())]);
    foreground.signal("TERM");
    assert_eq!(foreground.end().2, "", "what goes to the log does not go to standard error");

    let foreground = Foreground::start(&[]);
    foreground.signal("TERM");
    assert!(foreground.end().2.contains("mounted"), "without --log it goes to standard error");
}

#[test]
fn a_configuration_makes_its_own_twin() {
    let first = Mount::new(&[
        "--seed=nightly-7",
        "--nodes=3",
        "--processes=2",
        "--files=5",
        "--iterations=2",
        "--size=10K",
        "--layout={iteration}/n{node:02}-{process}/{file:03}.bin",
    ]);
    let config = first.join(".status/config.json");
    let second = Mount::new(&["--config", config.to_str().expect("a plain name")]);
    let read = |mount: &Mount| fs::read(mount.join(".status/config.json")).expect("it is there");
    assert_eq!(text(&read(&first)), text(&read(&second)));
    let file = "1/n02-1/004.bin";
    let bytes = |mount: &Mount| fs::read(mount.join(file)).expect("it can be read");
    assert_eq!(bytes(&first), bytes(&second));

    let cat = run(&["cat", "--config", config.to_str().expect("a plain name"), file]);
    assert_eq!(cat.stdout, bytes(&first));

    let bigger = Mount::new(&["--config", config.to_str().expect("plain"), "--size=20K"]);
    assert_eq!(bigger.status("config.json")["size"], 20 << 10, "options come before the file");
    assert_eq!(bigger.status("config.json")["seed"], "nightly-7");
    assert_eq!(bytes(&bigger)[..10 << 10], bytes(&first), "a larger size changes no byte");
}

#[test]
fn a_toml_configuration_is_the_same() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("dataset.toml");
    fs::write(&path, "seed = 42\nnodes = 2\nsize = \"1M\"\n").expect("it can be written");
    let path = path.to_str().expect("a plain name");
    let from_file = run(&["cat", "--config", path, "--length=64", "node_1/process_0"]);
    let arguments =
        ["cat", "--seed=42", "--nodes=2", "--size=1M", "--length=64", "node_1/process_0"];
    assert!(from_file.status.success(), "{}", text(&from_file.stderr));
    assert_eq!(from_file.stdout, run(&arguments).stdout);
}

fn status(mount: &Mount, options: &[&str]) -> Output {
    seedfs().arg("status").args(options).arg(mount.path()).output().expect("it can be started")
}

#[test]
fn status_tells_people_programs_and_shells() {
    let mount = Mount::new(&["--nodes=2", "--size=64K"]);
    let verdict = |options: &[&str]| {
        let output = status(&mount, options);
        (code(output.status), text(&output.stdout))
    };
    let headline = |word: &str| format!("{}: {word}\n", mount.path().display());
    let (code, said) = verdict(&[]);
    assert_eq!(code, 0);
    assert!(said.starts_with(&headline("untouched")), "{said}");
    assert!(said.contains("2 in all: 0 verified, 0 incomplete, 0 mismatch, 2 untouched"), "{said}");

    for node in 0..2 {
        let path = format!("node_{node}/process_0");
        let right = fs::read(mount.join(&path)).expect("it can be read");
        mount.write_at(&path, 0, &right);
        let expected = if node == 0 { (1, "incomplete") } else { (0, "verified") };
        let (code, said) = verdict(&[]);
        assert_eq!(code, expected.0, "{said}");
        assert!(said.starts_with(&headline(expected.1)), "{said}");
    }

    mount.write_at("node_1/process_0", 1000, &[0; 100]);
    let (code, said) = verdict(&[]);
    assert_eq!(code, 1);
    assert!(said.starts_with(&headline("mismatch")), "{said}");
    assert!(said.contains("node_1/process_0 at 1000, 100 bytes: zeroed"), "{said}");

    let (code, json) = verdict(&["--json"]);
    assert_eq!(code, 1);
    let summary: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(summary["verdict"], "mismatch");
    assert_eq!(summary["bytes"]["wrong"], 100);
}

/// Other tests mount at the same time, so this one looks from a mount namespace of its own, out of
/// which it takes all their mounts.
#[test]
fn status_finds_the_only_mount() {
    const SCRIPT: &str = r#"
        set -e
        # The mounts of others. The table writes some bytes of a path in octal; what has gone by now
        # is no failure, and something else may be mounted over one.
        for _ in 1 2 3 4; do
            awk '$3 == "fuse.seedfs" { print $2 }' /proc/self/mounts | while read -r other; do
                umount -l "$(printf '%b' "$other")" || true
            done
        done
        none=0; "$1" status 2>"$2/none" || none=$?
        mkdir "$2/a" "$2/b"
        "$1" mount --size 1M "$2/a" >/dev/null
        one=0; "$1" status >"$2/one" || one=$?
        "$1" mount --size 1M "$2/b" >/dev/null
        several=0; "$1" status 2>"$2/several" || several=$?
        "$1" umount "$2/a"
        "$1" umount "$2/b"
        echo "$none $one $several"
    "#;
    let directory = TempDir::new().expect("a temporary directory");
    let output = Command::new("unshare")
        .args(["--mount", "bash", "-c", SCRIPT, "bash", env!("CARGO_BIN_EXE_seedfs")])
        .arg(directory.path())
        .output()
        .expect("unshare (util-linux) can be started");
    assert_eq!(text(&output.stdout), "2 0 2\n", "{}", text(&output.stderr));
    let said = |name: &str| fs::read_to_string(directory.path().join(name)).expect("it is there");
    assert!(said("none").contains("no seedfs is mounted"), "{}", said("none"));
    assert!(said("one").contains("/a: untouched"), "{}", said("one"));
    let several = said("several");
    assert!(several.contains("several seedfs are mounted"), "{several}");
    assert!(several.contains("/a, ") && several.contains("/b"), "{several}");
}

#[test]
fn cat_prints_what_the_mount_shows() {
    let options = ["--seed=42", "--nodes=2", "--size=300001"];
    let mount = Mount::new(&options);
    let path = "node_1/process_0";
    let shown = fs::read(mount.join(path)).expect("it can be read");
    let cat = |range: &[&str]| {
        let output = run(&[&["cat"], &options[..], range, &[path]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    assert_eq!(cat(&[]), shown);
    assert_eq!(cat(&["--offset=1"]), shown[1..]);
    assert_eq!(cat(&["--offset=17", "--length=4099"]), shown[17..17 + 4099]);
    assert_eq!(cat(&["--offset=300000", "--length=1G"]), shown[300_000..]);
    assert_eq!(cat(&["--offset=300001"]), [0; 0]);
    assert_eq!(cat(&["--length=0"]), [0; 0]);
    let with_slash = run(&["cat", "--seed=42", "--nodes=2", "--size=300001", "/node_1/process_0"]);
    assert_eq!(with_slash.stdout, shown, "a slash in front, as from a path in the mount");
}

#[test]
fn threads_stay_where_they_are_told_to_and_the_bytes_are_the_same() {
    let cat = |place: &str| run(&["cat", "--size=9M", "--numa", place, "node_0/process_0"]);
    let (free, auto) = (cat("off"), cat("auto"));
    assert!(free.status.success() && free.stdout.len() == 9 << 20);
    assert_eq!(auto.stdout, free.stdout);
    // The first NUMA node that this machine has; with a number that none has, the refusal names it.
    let refused = cat("4000000000");
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    let (_, nodes) = told.trim().rsplit_once("expected one of ").expect("a list of nodes");
    let first = nodes.split(',').next().expect("a node");
    assert_eq!(cat(first).stdout, free.stdout);

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("a plain name");
    for place in ["off", "auto", first] {
        let options = ["--size=3M", "--files=3", "--numa", place, "-q"];
        let written = run(&[&["write", "--overwrite"], &options[..], &[path]].concat());
        assert!(written.status.success(), "{place}: {written:?}");
        let verified = run(&[&["verify"], &options[..], &[path]].concat());
        assert!(verified.status.success(), "{place}: {verified:?}");
    }
    for command in ["write", "verify"] {
        let refused = run(&[command, "--size=3M", "--numa=x", path]);
        assert_eq!(refused.status.code(), Some(2), "{command}: {refused:?}");
    }
}

#[test]
fn cat_crosses_its_own_pieces() {
    let cat = |range: &[&str]| {
        let arguments = [&["cat", "--size=9M"], range, &["node_0/process_0"]].concat();
        run(&arguments).stdout
    };
    let whole = cat(&[]);
    assert_eq!(whole.len(), 9 << 20);
    assert_eq!(cat(&["--offset=3333333"]), whole[3_333_333..]);
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let mut child = seedfs()
        .args(["cat", "--size=1G", "node_0/process_0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let mut head = [0; 10];
    child.stdout.take().expect("it is piped").read_exact(&mut head).expect("ten bytes come");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(output.status), 0, "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
}

const LOCATE_OPTIONS: [&str; 4] = ["--seed=42", "--nodes=2", "--processes=2", "--size=1M"];

/// A run of a mixture: where, how long, and whose bytes from where.
type Run = (u64, u64, Option<(&'static str, u64)>);

/// Junk, a piece of one file, a piece of another that begins at an odd offset, junk, a piece of a
/// file that the options do not describe, and the first file again.
fn mixture() -> (Vec<u8>, Vec<Run>) {
    let cat = |path: &str, offset: u64, length: u64| {
        let (offset, length) = (format!("--offset={offset}"), format!("--length={length}"));
        let dataset = ["cat", "--seed=42", "--nodes=3", "--processes=2", "--size=1M"];
        let output = run(&[&dataset[..], &[&offset, &length, path]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    let mut bytes = vec![b'x'; 37];
    bytes.extend(cat("node_0/process_1", 4096, 1000));
    bytes.extend(cat("node_1/process_0", 777, 555));
    bytes.extend([b'y'; 101]);
    bytes.extend(cat("node_2/process_1", 3, 64));
    bytes.extend(cat("node_0/process_1", 0, 33));
    let expected = vec![
        (0, 37, None),
        (37, 1000, Some(("node_0/process_1", 4096))),
        (1037, 555, Some(("node_1/process_0", 777))),
        (1592, 101, None),
        (1693, 64, Some(("", 3))),
        (1757, 33, Some(("node_0/process_1", 0))),
    ];
    (bytes, expected)
}

/// Runs `locate` with these bytes on its standard input.
fn locate(bytes: &[u8], options: &[&str]) -> String {
    let mut child = seedfs()
        .arg("locate")
        .args(LOCATE_OPTIONS)
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    child.stdin.take().expect("it is piped").write_all(bytes).expect("it reads to the end");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    text(&output.stdout)
}

#[test]
fn locate_names_each_piece_in_json() {
    let (bytes, expected) = mixture();
    let report: Value = serde_json::from_str(&locate(&bytes, &["--json"])).expect("it is JSON");
    assert_eq!(report["schema"], 1);
    let ranges = report["ranges"].as_array().expect("a list");
    let found: Vec<_> = ranges
        .iter()
        .map(|range| {
            let number = |value: &Value| value.as_u64().expect("a number");
            let source = &range["source"];
            let named = source
                .is_object()
                .then(|| (source["path"].as_str().unwrap_or_default(), number(&source["offset"])));
            (number(&range["offset"]), number(&range["length"]), named)
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(ranges[4]["source"]["node"], 2, "{report:#}");
    assert_eq!(ranges[4]["source"]["process"], 1);
}

#[test]
fn locate_names_each_piece_for_people() {
    let (bytes, expected) = mixture();
    let said = locate(&bytes, &[]);
    let mut lines = said.lines();
    assert_eq!(
        lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()),
        Some(vec!["OFFSET", "LENGTH", "SOURCE"])
    );
    for (offset, length, source) in expected {
        let line = lines.next().expect("a line for each piece").trim_start();
        let source = match source {
            None => "unknown".to_owned(),
            Some(("", offset)) => {
                format!("generation 0 node 2 process 1 file 0 at {offset} (not in this dataset)")
            }
            Some((path, offset)) => format!("{path} at {offset}"),
        };
        assert!(line.starts_with(&offset.to_string()), "{said}");
        assert!(line.contains(&length.to_string()) && line.ends_with(&source), "{said}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn locate_reads_files_and_joins_across_its_own_pieces() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("bytes");
    let dataset = ["--seed=42", "--size=9M"];
    let whole = run(&[&["cat"], &dataset[..], &["node_0/process_0"]].concat()).stdout;
    fs::write(&path, &whole[5..]).expect("it can be written");
    let report = locate_file(&path, &dataset);
    let ranges = report["ranges"].as_array().expect("a list");
    assert_eq!(ranges.len(), 1, "{report:#}");
    assert_eq!(ranges[0]["length"], (9 << 20) - 5);
    assert_eq!(ranges[0]["source"]["offset"], 5);

    fs::write(&path, "").expect("it can be written");
    assert_eq!(locate_file(&path, &dataset)["ranges"], serde_json::json!([]));
}

fn locate_file(path: &Path, dataset: &[&str]) -> Value {
    let path = path.to_str().expect("a plain name");
    let output = run(&[&["locate", "--json"], dataset, &[path]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_str(&text(&output.stdout)).expect("it is JSON")
}

#[test]
fn umount_takes_a_busy_mount_out_of_sight_with_lazy() {
    let mount = Mount::new(&["--size=1M"]);
    let mut file = fs::File::open(mount.join("node_0/process_0")).expect("it can be opened");
    let output = run(&["umount", "--lazy", path_of(&mount)]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!mount.is_mounted());
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("it is still served");
    assert_eq!(bytes.len(), 1 << 20);
}

#[test]
fn umount_cleans_up_after_a_daemon_that_was_killed() {
    let mut foreground = Foreground::start(&[]);
    foreground.child.kill().expect("it can be killed");
    foreground.child.wait().expect("it ends");
    let path = foreground.directory.path().to_str().expect("a plain name");
    assert!(is_mounted(foreground.directory.path()), "a dead mount stays");
    let refused = run(&["mount", path]);
    assert_eq!(code(refused.status), 2);
    let said = text(&refused.stderr);
    assert!(said.contains(&format!("seedfs umount {path}")), "{said}");
    let output = run(&["umount", path]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!is_mounted(foreground.directory.path()));
}

#[test]
fn version_and_help_are_no_failure() {
    let version = run(&["--version"]);
    assert_eq!(code(version.status), 0);
    assert_eq!(text(&version.stdout), format!("seedfs {}\n", env!("CARGO_PKG_VERSION")));
    for arguments in [&["--help"][..], &["mount", "--help"], &["locate", "-h"]] {
        let output = run(arguments);
        assert_eq!(code(output.status), 0, "{arguments:?}");
        assert!(text(&output.stdout).contains("Usage: seedfs"), "{arguments:?}");
    }
    assert!(text(&run(&["--help"]).stdout).contains("Exit codes:"));
}
