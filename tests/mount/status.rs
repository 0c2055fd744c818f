//! The documents of a real mount: read by the tools that people use, hidden from those who may not
//! read what they show, and in nobody's way however long they take.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::common::{self, Mount};

/// Every kind of document, and what else shows something.
const SHOWN: [&str; 14] = [
    "summary.json",
    "config.json",
    "mismatches.json",
    "others.json",
    "map.json",
    "report.json",
    "metrics",
    "nodes/node_0.json",
    "nodes/node_0/process_0.json",
    "files/node_0/process_0.json",
    "sums/blake3",
    "nodes",
    "nodes/node_0",
    "files/node_0",
];

/// Runs a line of shell in a directory.
fn shell(directory: &Path, line: &str) -> Output {
    Command::new("sh").args(["-c", line]).current_dir(directory).output().unwrap()
}

/// The same as a user who owns nothing.
fn as_other(directory: &Path, line: &str) -> Output {
    Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", line])
        .current_dir(directory)
        .output()
        .unwrap()
}

#[test]
fn readers_get_the_whole_document_though_stat_shows_no_size() {
    let mount = Mount::new(&["--processes", "3000", "--size", "4K", "--keep", "64M"]);
    let status = mount.join(".status");
    for path in ["nodes/node_0.json", "config.json", "files/node_0/process_0.json"] {
        let metadata = fs::metadata(status.join(path)).unwrap();
        assert_eq!((metadata.len(), metadata.blocks()), (0, 0), "{path}");
        let expected = fs::read(status.join(path)).unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&expected).is_ok());
        let copy = mount.join("copy");
        let lines = [
            format!("cat {path}"),
            format!("cat < {path}"),
            format!("cp {path} {0} && cat {0} && rm {0}", copy.display()),
            format!("cp --sparse=always {path} {0} && cat {0} && rm {0}", copy.display()),
            format!("D=$(mktemp -d) && cp {path} $D/c && cat $D/c && rm -r $D"),
            format!("dd if={path} bs=1000 status=none"),
            format!("tail -c +1 {path}"),
            format!("tail -n +1 {path}"),
            format!("head -c 100000000 {path}"),
            format!("python3 -c 'import sys; sys.stdout.write(open(\"{path}\").read())'"),
        ];
        for line in lines {
            let output = shell(&status, &line);
            assert!(output.status.success(), "{line}: {}", common::text(&output.stderr));
            assert!(output.stdout == expected, "{line}: {} bytes", output.stdout.len());
        }
        let counted = common::text(&shell(&status, &format!("wc -c < {path}")).stdout);
        assert_eq!(counted.trim(), expected.len().to_string());
        let last = shell(&status, &format!("tail -c 100 {path}; tail -n 2 {path}")).stdout;
        assert_eq!(last[..100], expected[expected.len() - 100..]);
        assert!(expected.ends_with(&last[100..]) && last.len() > 100);
        let parsed = shell(&status, &format!("jq -c . {path} | wc -l"));
        assert_eq!(common::text(&parsed.stdout).trim(), "1");
        let sum = common::text(&shell(&status, &format!("b3sum --no-names {path}")).stdout);
        assert_eq!(sum.trim(), blake3::hash(&expected).to_hex().as_str());
    }
}

/// They showed everybody the bytes of a file with mode 0600, and the names in a directory with
/// mode 0700.
#[test]
fn what_is_under_status_is_its_owners_alone_unless_it_is_shared() {
    let shared = Mount::new(&["--size", "4K", "--allow-other", "--share-status"]);
    let mount = Mount::new(&["--size", "4K", "--allow-other"]);
    for mount in [&mount, &shared] {
        let file = mount.join("node_0/process_0");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&file, b"a secret").unwrap();
        fs::create_dir(mount.join("private")).unwrap();
        fs::set_permissions(mount.join("private"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(mount.join("private/a_secret_name"), b"").unwrap();
        let refused = as_other(mount.path(), "cat node_0/process_0 || ls private");
        assert!(!refused.status.success(), "this user may do anything: is it one?");
        assert!(as_other(mount.path(), "ls node_0").status.success());
    }
    for path in SHOWN {
        let line = format!("cat .status/{path} 2>/dev/null || ls .status/{path}");
        let refused = as_other(mount.path(), &line);
        assert!(!refused.status.success(), "{path}: {}", common::text(&refused.stdout));
        assert!(refused.stdout.is_empty());
        assert!(as_other(shared.path(), &line).status.success(), "{path}");
        assert!(shell(mount.path(), &line).status.success(), "{path}");
        let mode =
            |mount: &Mount| fs::metadata(mount.join(".status").join(path)).unwrap().mode() & 0o777;
        assert_eq!((mode(&mount) & 0o077, mode(&shared) & 0o444), (0, 0o444), "{path}");
    }
    // The attribute obeys the file's own mode.
    let verdict = "getfattr --only-values -n user.seedfs.verdict node_0/process_0";
    assert!(!as_other(mount.path(), verdict).status.success());
    assert_eq!(shell(mount.path(), verdict).stdout, b"mismatch");
}

#[test]
fn sharing_asks_for_others() {
    let output = common::run(&["mount", "--share-status", "/nowhere"]);
    assert_eq!(common::code(output.status), 2);
    assert!(common::text(&output.stderr).contains("--allow-other"));
}

fn read_in_background(path: &Path) -> Child {
    Command::new("cat").arg(path).stdout(Stdio::null()).spawn().unwrap()
}

/// One `stat` of a document made `ls` in another process wait for hours.
#[test]
fn a_verdict_that_takes_hours_is_in_nobodys_way_and_can_be_ended() {
    let size = ["--processes", "3", "--size", "2P", "--dedup", "50"];
    let mount = Mount::new(&[&size[..], &["--threads", "2"]].concat());
    fs::rename(mount.join("node_0/process_0"), mount.join("node_0/process_1")).unwrap();
    for path in ["summary.json", "nodes/node_0.json", "files/node_0/process_1.json"] {
        assert_eq!(fs::metadata(mount.join(".status").join(path)).unwrap().len(), 0);
    }
    let readers: Vec<Child> =
        (0..12).map(|_| read_in_background(&mount.join(".status/summary.json"))).collect();
    let verdict = Command::new("getfattr")
        .args(["-n", "user.seedfs.verdict"])
        .arg(mount.join("node_0/process_1"))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..20 {
        assert_eq!(fs::read_dir(mount.join("node_0")).unwrap().count(), 2);
        assert_eq!(fs::read(mount.join(".status/config.json")).unwrap()[0], b'{');
        mount.status("mismatches.json");
        mount.status("others.json");
        assert_eq!(mount.status("files/node_0/process_2.json")["verdict"], "untouched");
        let untouched = xattr::get(mount.join("node_0/process_2"), "user.seedfs.verdict");
        assert_eq!(untouched.unwrap().unwrap(), b"untouched");
    }
    for mut child in readers.into_iter().chain([verdict]) {
        assert!(child.try_wait().unwrap().is_none(), "it has an answer: is it still long?");
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
    assert!(mount.unmount().status.success());
}
