//! Bad input: each piece is named together with what is accepted, the exit code is 2, and nothing
//! has been done.

use std::fs::{self, File};
use std::process::Output;

use tempfile::TempDir;

use crate::common::{Mount, code, is_mounted, run, seedfs, text};

const WRONG_USAGE: i32 = 2;
const SYSTEM_FAILED: i32 = 3;

/// Asserts that a command failed with a code and said all of these, on standard error.
fn assert_refused(output: &Output, expected_code: i32, said: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(code(output.status), expected_code, "{stderr}");
    for part in said {
        assert!(stderr.contains(part), "'{part}' is not in:\n{stderr}");
    }
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
}

/// Tries to mount with bad options: it must be refused, and nothing be mounted.
fn assert_mount_refused(options: &[&str], said: &[&str]) {
    let directory = TempDir::new().expect("a temporary directory");
    let output = seedfs()
        .arg("mount")
        .args(options)
        .arg(directory.path())
        .output()
        .expect("the program can be started");
    assert_refused(&output, WRONG_USAGE, said);
    assert!(!is_mounted(directory.path()), "{options:?} left a mount");
}

#[test]
fn sizes() {
    for size in ["0", "-1", "5P", "4503599627370497"] {
        let named = format!("--size '{size}'");
        assert_mount_refused(&["--size", size], &[&named, "1 byte to 4 PiB"]);
    }
    for size in ["ten", "10X", "", "1e3"] {
        let named = format!("--size '{size}'");
        assert_mount_refused(&["--size", size], &[&named, "not a number with a unit", "10G"]);
    }
    assert_mount_refused(&["--size=1.5"], &["--size '1.5'", "fraction", "1.5M"]);
}

#[test]
fn counts() {
    for (option, max) in [
        ("--nodes", "65536"),
        ("--processes", "65536"),
        ("--iterations", "65536"),
        ("--files", "4294967296"),
    ] {
        for value in ["0", "-1", "4294967297", "many", "1.5", ""] {
            let named = format!("{option} '{value}'");
            let accepted = format!("a whole number from 1 to {max}");
            assert_mount_refused(&[option, value], &[&named, &accepted]);
        }
    }
}

#[test]
fn a_number_may_end_in_a_decimal_unit() {
    let cat = |path: &str| run(&["cat", "--nodes=1.5K", "--files=1M", "--size=1", path]);
    assert!(cat("node_1499/process_0/file_999999").status.success());
    for path in ["node_1500/process_0/file_0", "node_0/process_0/file_1000000"] {
        assert_refused(&cat(path), WRONG_USAGE, &["not a file of this dataset"]);
    }
    assert_mount_refused(&["--files=5G"], &["--files '5G'", "from 1 to 4294967296"]);
    assert_mount_refused(&["--threads=2K"], &["'2K'", "--threads", "1 to 1024"]);
    let stopped = run(&["verify", "--stop-after=1KiB", "/no/such/directory"]);
    assert_refused(&stopped, WRONG_USAGE, &["--stop-after", "expected a whole number from 1"]);
    let found = run(&["verify", "--stop-after=1K", "/no/such/directory"]);
    assert_refused(&found, WRONG_USAGE, &["'/no/such/directory'"]);
}

#[test]
fn too_many_files_together() {
    assert_mount_refused(
        &["--nodes=65536", "--processes=65536", "--files=4294967296"],
        &["65536 × 65536 × 4294967296 × 1", "fewer than 2^61"],
    );
}

#[test]
fn layouts() {
    let dimensions = ["--nodes=20", "--processes=2"];
    for (layout, said) in [
        ("{node}{process}", "expected `{node:02}`"),
        ("{node}", "also names {process}"),
        ("{node}/{node}/{process}", "stands there twice"),
        ("{node}/{disk}/{process}", "`{disk}` is not a placeholder; expected"),
        ("{node}//{process}", "a path component is empty"),
        (".status/{node}/{process}", "`.status` at the root is reserved"),
        ("{node}/../{process}", "`..` is not a name"),
        ("{node/{process}", "expected"),
        ("{node:6}/{process}", "`:6` is not a width; expected :01 to :020"),
    ] {
        let option = format!("--layout={layout}");
        let named = format!("--layout '{layout}'");
        assert_mount_refused(&[dimensions[0], dimensions[1], &option], &[&named, said]);
    }
}

#[test]
fn seeds() {
    assert_mount_refused(&["--seed="], &["--seed ''", "1 to 1024 bytes"]);
    let long = "x".repeat(1025);
    assert_mount_refused(&["--seed", &long], &["--seed 'xxx", "…'", "1 to 1024 bytes"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    assert_mount_refused(
        &["--nodes=0", "--files=-3", "--size=x", "--seed=", "--layout={odd}", "--keep=zz"],
        &[
            "--nodes '0'",
            "--files '-3'",
            "--size 'x'",
            "--seed ''",
            "--layout '{odd}'",
            "--keep 'zz'",
        ],
    );
}

#[test]
fn options_of_the_mount() {
    for keep in ["x", "-1", ""] {
        let named = format!("--keep '{keep}'");
        assert_mount_refused(&["--keep", keep], &[&named, "expected a size, like 0 or 1G"]);
    }
    assert_mount_refused(&["-o", "bogus"], &["'bogus'", "expected ro, rw", "fsname=NAME"]);
    assert_mount_refused(&["-o", "ro,allow_other"], &["'allow_other'", "--allow-other"]);
    assert_mount_refused(&["-o", "fsname="], &["'fsname='", "fsname=NAME"]);
    assert_mount_refused(&["--cache", "odd"], &["'odd'", "--cache", "direct, page"]);
    assert_mount_refused(&["--on-mismatch", "odd"], &["'odd'", "--on-mismatch", "record, reject"]);
    for (option, range) in [
        ("--threads", "1 to 1024"),
        ("--extent-limit", "0 to 18446744073709551615"),
        ("--node-id", "0 to 4294967295"),
    ] {
        for value in ["-1", "x", "18446744073709551616", ""] {
            let named = format!("'{value}'");
            let accepted = format!("expected a whole number from {range}");
            if value.is_empty() {
                assert_mount_refused(&[&format!("{option}=")], &[option]);
            } else {
                assert_mount_refused(&[option, value], &[option, &named, &accepted]);
            }
        }
    }
    assert_mount_refused(&["--threads=0"], &["'0'", "--threads", "1 to 1024"]);
    assert_mount_refused(&["--odd"], &["'--odd'"]);
}

#[test]
fn logs() {
    assert_mount_refused(&["--log=/no/such/directory/log"], &["--log '/no/such", "can be written"]);
    let directory = TempDir::new().expect("a temporary directory");
    let output = seedfs()
        .args(["mount", "--foreground"])
        .arg(directory.path())
        .env("SEEDFS_LOG", "a=b=c")
        .output()
        .expect("the program can be started");
    assert_refused(&output, WRONG_USAGE, &["SEEDFS_LOG", "'a=b=c'", "expected error, warn"]);
    assert!(!is_mounted(directory.path()));
}

#[test]
fn mount_points() {
    let directory = TempDir::new().expect("a temporary directory");
    let missing = directory.path().join("missing");
    let missing = missing.to_str().expect("a plain name");
    assert_refused(
        &run(&["mount", missing]),
        WRONG_USAGE,
        &[missing, "does not exist", "mkdir -p"],
    );

    let file = directory.path().join("file");
    File::create(&file).expect("it can be made");
    let file = file.to_str().expect("a plain name");
    assert_refused(&run(&["mount", file]), WRONG_USAGE, &[file, "is not a directory"]);
    let below = format!("{file}/below");
    assert_refused(&run(&["mount", &below]), WRONG_USAGE, &[&below, "is not a directory"]);

    assert_refused(&run(&["mount"]), WRONG_USAGE, &["<MOUNTPOINT>"]);
}

#[test]
fn a_mount_point_that_is_taken() {
    let mount = Mount::new(&["--size=1M"]);
    let path = mount.path().to_str().expect("a plain name");
    let said = [path, "already mounted (fuse.seedfs)", "unmount it first"];
    assert_refused(&run(&["mount", path]), WRONG_USAGE, &said);
    assert_refused(&run(&["mount", "--foreground", path]), WRONG_USAGE, &said);
    let through_dots = format!("{path}/node_0/..");
    assert_refused(&run(&["mount", &through_dots]), WRONG_USAGE, &["already mounted"]);
    assert_eq!(mount.status("summary.json")["verdict"], "untouched", "the first one still answers");
}

#[test]
fn configurations() {
    let directory = TempDir::new().expect("a temporary directory");
    for (name, content, said) in [
        ("a.json", r#"{"nodes": 2, "odd": 1}"#, "unknown field `odd`"),
        ("b.toml", "nodes = 2\nodd = 1\n", "unknown field `odd`"),
        ("c.json", "{", "EOF"),
        ("passwd", "root:x:0:0:root:/root:/bin/bash\n", "expected JSON, or TOML in a file"),
        ("e.toml", "root:x:0:0:root:/root:/bin/bash\n", "read as TOML"),
        ("long", &" ".repeat(2 << 20), "longer than 1 MiB"),
        ("d.toml", "nodes = \n", "TOML parse error"),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, content).expect("it can be written");
        let path = path.to_str().expect("a plain name");
        let named = format!("--config '{path}'");
        assert_mount_refused(&["--config", path], &[&named, said]);
    }
    assert_mount_refused(
        &["--config", directory.path().join("a.json").to_str().expect("a plain name")],
        &["expected one of `schema`, `seed`, `nodes`"],
    );
    assert_mount_refused(
        &["--config=/no/such/file"],
        &["--config '/no/such/file'", "No such file"],
    );
}

#[test]
fn what_a_configuration_says_is_validated_too() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().join("dataset.toml");
    fs::write(&path, "schema = 2\nnodes = 0\nsize = \"x\"\nseed = 1.5\n").expect("written");
    let path = path.to_str().expect("a plain name");
    assert_mount_refused(
        &["--config", path],
        &["schema '2': expected 1", "--nodes '0'", "--size 'x'", "--seed '1.5'", "in quotes"],
    );
    // What the command line says comes before it: these are no longer wrong.
    let output = run(&["cat", "--config", path, "--nodes=1", "--size=1", "--seed=a", "x"]);
    let stderr = text(&output.stderr);
    assert!(stderr.contains("schema") && !stderr.contains("--nodes"), "{stderr}");
}

#[test]
fn cat() {
    let size = "--size=4096";
    for path in ["odd", "node_0", "node_0/process_1", "node_00/process_0", ".status/config.json"] {
        let named = format!("path '{path}'");
        let output = run(&["cat", size, path]);
        assert_refused(&output, WRONG_USAGE, &[&named, "paths like 'node_0/process_0'"]);
    }
    let path = "node_0/process_0";
    let output = run(&["cat", size, "--offset=4097", path]);
    assert_refused(&output, WRONG_USAGE, &["--offset '4097'", "expected 0 to 4096"]);
    for option in ["--offset", "--length"] {
        for value in ["-1", "x", ""] {
            let named = format!("{option} '{value}'");
            let output = run(&["cat", size, option, value, path]);
            assert_refused(&output, WRONG_USAGE, &[&named, "expected a size"]);
        }
    }
    assert_refused(&run(&["cat", "--size=0", path]), WRONG_USAGE, &["--size '0'"]);
    assert_refused(&run(&["cat", size]), WRONG_USAGE, &["<PATH>"]);
}

#[test]
fn locate() {
    let missing = run(&["locate", "/no/such/file"]);
    assert_refused(&missing, WRONG_USAGE, &["'/no/such/file'", "No such file"]);
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().to_str().expect("a plain name");
    assert_refused(&run(&["locate", path]), WRONG_USAGE, &[path, "expected a file"]);
    assert_refused(&run(&["locate", "--nodes=0"]), WRONG_USAGE, &["--nodes '0'"]);
}

#[test]
fn what_is_not_a_mount() {
    let directory = TempDir::new().expect("a temporary directory");
    let path = directory.path().to_str().expect("a plain name");
    for command in ["umount", "status"] {
        for path in [path, "/no/such/directory", "/proc"] {
            let said = [path, "is not a mounted seedfs", "expected the mount point of a seedfs"];
            assert_refused(&run(&[command, path]), WRONG_USAGE, &said);
        }
    }
    assert_refused(&run(&["umount"]), WRONG_USAGE, &["<MOUNT>"]);
}

#[test]
fn a_path_inside_a_mount_is_not_the_mount() {
    let mount = Mount::new(&["--size=1M"]);
    let inside = mount.join("node_0");
    let inside = inside.to_str().expect("a plain name");
    let said = [inside, "is inside the seedfs that is mounted on"];
    assert_refused(&run(&["umount", inside]), WRONG_USAGE, &said);
    assert!(mount.is_mounted());
}

#[test]
fn a_mount_that_is_in_use_is_a_failure_of_the_system() {
    let mount = Mount::new(&["--size=1M"]);
    let open = File::open(mount.join("node_0/process_0")).expect("it can be opened");
    let busy = mount.unmount();
    assert_refused(&busy, SYSTEM_FAILED, &["cannot unmount", "in use", "--lazy"]);
    assert!(mount.is_mounted());
    drop(open);
    assert!(mount.unmount().status.success());
    assert!(!mount.is_mounted());
}

#[test]
fn a_full_output_is_a_failure_of_the_system() {
    let full = || File::options().write(true).open("/dev/full").expect("Linux has it");
    for arguments in [
        &["cat", "--size=1M", "node_0/process_0"][..],
        &["locate", "/proc/self/stat"],
        &["completions", "bash"],
    ] {
        let output = seedfs().args(arguments).stdout(full()).output().expect("it can be started");
        assert_refused(&output, SYSTEM_FAILED, &["cannot write to standard output"]);
    }
}

#[test]
fn threads() {
    for command in ["mount", "write", "verify", "sums"] {
        for count in ["0", "1025", "70000", "-1", "x", ""] {
            let threads = format!("--threads={count}");
            let target = ["/no/such/directory"];
            let target = if command == "sums" { &target[..0] } else { &target };
            let output = run(&[&[command, &threads], target].concat());
            let named = [threads.split('=').next().unwrap_or_default(), "from 1 to 1024"];
            assert_refused(&output, WRONG_USAGE, &named);
        }
    }
}

#[test]
fn queues() {
    for command in ["write", "verify"] {
        let refused = |options: &[&str], named: &[&str]| {
            // A directory that is there, and stays empty.
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().to_str().unwrap();
            let output = run(&[&[command], options, &[path]].concat());
            assert_refused(&output, WRONG_USAGE, named);
            assert_eq!(fs::read_dir(path).unwrap().count(), 0, "{options:?}");
        };
        for depth in ["0", "1025", "-1", "x", ""] {
            refused(&[&format!("--queue-depth={depth}")], &["--queue-depth", "from 1 to 1024"]);
        }
        for block in ["0", "4095", "5000", "16M1", "32M", "x"] {
            let option = format!("--block-size={block}");
            refused(&[&option], &["--block-size", block, "a multiple of 4K from 4K to 16M"]);
        }
        refused(
            &["--threads=100", "--queue-depth=1000", "--block-size=1M"],
            &["--queue-depth '1000'", "100 threads", "at most 4096 MiB together"],
        );
    }
}

#[test]
fn subcommands() {
    assert_refused(&run(&["nonsense"]), WRONG_USAGE, &["'nonsense'"]);
    assert_eq!(code(run(&[]).status), WRONG_USAGE);
    let unknown = run(&["completions", "odd"]);
    assert_refused(&unknown, WRONG_USAGE, &["'odd'", "bash", "fish", "zsh"]);
    let missing = run(&["man", "/no/such/directory"]);
    assert_refused(&missing, WRONG_USAGE, &["'/no/such/directory'", "existing directory"]);
}
