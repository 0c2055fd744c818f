//! A real mount as a source: the right bytes, names, numbers and limits.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use seedfs::content::Content;
use seedfs::dataset::Coordinates;

use crate::common::{self, Mount};

fn xattr(path: &Path, name: &str) -> String {
    String::from_utf8(xattr::get(path, name).unwrap().unwrap()).unwrap()
}

fn shell(script: &str) -> Vec<u8> {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
    output.stdout
}

#[test]
fn a_file_is_what_its_openssl_command_prints() {
    let mount = Mount::new(&["--seed", "42", "--nodes", "2", "--processes", "2", "--size", "64M"]);
    let path = mount.join("node_1/process_1");
    let command = xattr(&path, "user.seedfs.openssl");
    let bytes = shell(&command);
    assert_eq!(bytes.len(), 64 << 20);
    assert!(fs::read(&path).unwrap() == bytes, "the whole file");
    let open = File::open(&path).unwrap();
    for (offset, length) in [(1, 1), (4095, 3), (12_345_677, 99_991), ((64 << 20) - 5, 5)] {
        let mut piece = vec![0; length];
        open.read_exact_at(&mut piece, offset as u64).unwrap();
        assert!(piece == bytes[offset..offset + length], "{length} bytes at {offset}");
    }
    assert_eq!(
        xattr(&path, "user.seedfs.address"),
        r#"{"generation":0,"node":1,"process":1,"file":0}"#
    );
    assert_eq!(xattr(&path, "user.seedfs.verdict"), "untouched");
    let names: BTreeSet<_> = xattr::list(&path).unwrap().collect();
    assert_eq!(names.len(), 3);
    // Users' own attributes are kept; the computed ones can be set by a restore, in vain.
    xattr::set(&path, "user.other", b"x").unwrap();
    assert_eq!(xattr(&path, "user.other"), "x");
    xattr::set(&path, "user.seedfs.verdict", b"verified").unwrap();
    assert_eq!(xattr(&path, "user.seedfs.verdict"), "untouched");
}

#[test]
fn a_trillion_files_of_a_tebibyte() {
    let mount = Mount::new(&[
        "--seed",
        "big",
        "--nodes",
        "1000",
        "--processes",
        "1000",
        "--files",
        "1000000",
        "--size",
        "1T",
    ]);
    assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 1000);
    assert_eq!(fs::read_dir(mount.join("node_999")).unwrap().count(), 1000);
    let directory = mount.join("node_999/process_7");
    let mut names = fs::read_dir(&directory).unwrap();
    assert_eq!(names.next().unwrap().unwrap().file_name(), "file_0");
    assert_eq!(names.count(), 999_999);

    let path = directory.join("file_999999");
    let offset = (1_u64 << 40) - 5;
    let mut tail = [0; 10];
    assert_eq!(File::open(&path).unwrap().read_at(&mut tail, offset).unwrap(), 5);
    let mut expected = [0; 5];
    let file = Coordinates { generation: 0, node: 999, process: 7, file: 999_999 };
    Content::new("big").fill(file, offset, &mut expected);
    assert_eq!(tail[..5], expected);
    assert!(common::resident_bytes(&mount) < 64 << 20, "{} bytes", common::resident_bytes(&mount));

    let summary = mount.status("summary.json");
    assert_eq!(summary["files"]["total"], 1_000_000_000_000_u64);
    let node = mount.status("nodes/node_999.json");
    assert_eq!(node["processes"].as_array().unwrap().len(), 1000);
    assert_eq!(node["files"]["total"], 1_000_000_000_u64);
    assert_eq!(mount.status("files/node_999/process_7/file_999999.json")["verdict"], "untouched");
}

#[test]
fn numbers_times_and_modes_are_the_same_on_every_mount() {
    let options = ["--seed", "x", "--nodes", "3", "--files", "4", "--size", "12345"];
    let facts = |mount: &Mount| -> Vec<(String, u64, i64, u32, u64)> {
        ["", "node_2", "node_2/process_0", "node_2/process_0/file_3"]
            .iter()
            .map(|path| {
                let metadata = fs::metadata(mount.join(path)).unwrap();
                let facts = (metadata.ino(), metadata.mtime(), metadata.mode(), metadata.len());
                ((*path).to_owned(), facts.0, facts.1, facts.2, facts.3)
            })
            .collect()
    };
    let first = Mount::new(&options);
    let second = Mount::new(&options);
    assert_eq!(facts(&first), facts(&second));
    assert_eq!(facts(&first)[3].4, 12345);
}

#[test]
fn the_status_directory_is_there_but_not_listed() {
    let list = |mount: &Mount| -> Vec<_> {
        fs::read_dir(mount.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let mount = Mount::new(&["--size", "4K"]);
    assert_eq!(list(&mount), ["node_0"]);
    assert!(mount.join(".status").is_dir());
    let listing = Mount::new(&["--size", "4K", "--list-status"]);
    assert_eq!(list(&listing), [".status", "node_0"]);
    let found = shell(&format!("find {} -type f | sort", listing.path().display()));
    let found = String::from_utf8(found).unwrap();
    assert!(found.contains("/.status/files/node_0/process_0.json\n"), "{found}");
    assert!(found.contains("/.status/nodes/node_0.json\n"), "{found}");
}

#[test]
fn the_status_is_fixed_and_directories_of_the_dataset_stay() {
    let mount = Mount::new(&["--nodes", "2", "--size", "4K"]);
    let errno = |result: std::io::Result<()>| result.unwrap_err().raw_os_error();
    let rename = |from: &str, to: &str| fs::rename(mount.join(from), mount.join(to));
    assert_eq!(errno(File::create(mount.join(".status/new")).map(drop)), Some(libc::EROFS));
    assert_eq!(errno(fs::create_dir(mount.join(".status/nodes/new"))), Some(libc::EROFS));
    assert_eq!(errno(fs::remove_file(mount.join(".status/summary.json"))), Some(libc::EROFS));
    assert_eq!(errno(rename("node_0", ".status")), Some(libc::EROFS));
    assert_eq!(errno(rename("node_0", "elsewhere")), Some(libc::EXDEV));
    assert_eq!(errno(fs::metadata(mount.join("node_2")).map(drop)), Some(libc::ENOENT));
    assert_eq!(errno(fs::metadata(mount.join("node_01")).map(drop)), Some(libc::ENOENT));
    assert_eq!(
        errno(fs::metadata(mount.join("node_0/process_0/x")).map(drop)),
        Some(libc::ENOTDIR)
    );
    assert_eq!(
        errno(fs::metadata(mount.join(&"x".repeat(256))).map(drop)),
        Some(libc::ENAMETOOLONG)
    );
}

#[test]
fn a_temporary_name_is_judged_when_it_is_renamed_into_place() {
    let mount = Mount::new(&["--processes", "2", "--size", "1M"]);
    let verdict = |path: &str| mount.status(&format!("files/node_0/{path}.json"));
    let copy = fs::read(mount.join("node_0/process_1")).unwrap();
    fs::write(mount.join("node_0/.process_1.tmp"), &copy).unwrap();
    let others = mount.status("others.json");
    let other = &others["files"][0];
    assert_eq!(other["path"], "node_0/.process_1.tmp");
    assert_eq!((&other["extents_total"], &other["kept_bytes"]), (&1.into(), &0.into()));
    assert_eq!(other["extents"][0]["source"]["path"], "node_0/process_1");
    assert_eq!(verdict("process_1")["verdict"], "untouched");

    fs::rename(mount.join("node_0/.process_1.tmp"), mount.join("node_0/process_0")).unwrap();
    let wrong = verdict("process_0");
    assert_eq!(wrong["verdict"], "mismatch");
    assert_eq!(wrong["ranges"][0]["class"], "misplaced");
    assert_eq!(wrong["ranges"][0]["source"]["path"], "node_0/process_1");

    fs::rename(mount.join("node_0/process_0"), mount.join("node_0/process_1")).unwrap();
    assert_eq!(verdict("process_1")["verdict"], "verified");
    let gone = verdict("process_0");
    assert_eq!((&gone["verdict"], &gone["exists"]), (&"incomplete".into(), &false.into()));
    assert_eq!(gone["bytes"]["missing"], 1 << 20);

    let control = mount.join(".status/control");
    let error = fs::write(&control, "destroy").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    fs::write(&control, "reset node_0/process_0").unwrap();
    assert_eq!(verdict("process_0")["verdict"], "untouched");
    assert_eq!(verdict("process_1")["verdict"], "verified");
    assert!(fs::read(mount.join("node_0/process_0")).unwrap() != copy);
    fs::write(&control, "reset").unwrap();
    let summary = mount.status("summary.json");
    assert_eq!(summary["verdict"], "untouched");
    assert_eq!(summary["kept"]["extents"], 0);
}

#[test]
fn names_can_be_made_removed_and_replaced() {
    let mount = Mount::new(&["--nodes", "2", "--processes", "2", "--size", "4K"]);
    let errno = |result: std::io::Result<()>| result.unwrap_err().raw_os_error();
    let (first, second) = (mount.join("node_0/process_0"), mount.join("node_0/process_1"));
    let document = |path: &str| mount.status(&format!("files/{path}.json"));

    // A name that the dataset does not have has no verdict, but is listed.
    let new = mount.join("node_0/new");
    fs::copy(&first, &new).unwrap();
    assert_eq!(mount.status("others.json")["files"][0]["path"], "node_0/new");
    assert_eq!(mount.status("summary.json")["verdict"], "untouched");

    // What counts is the name that it gets.
    fs::rename(&new, &second).unwrap();
    assert_eq!(document("node_0/process_1")["verdict"], "mismatch");
    fs::rename(&second, &first).unwrap();
    assert_eq!(document("node_0/process_0")["verdict"], "verified");
    assert_eq!(document("node_0/process_1")["exists"], false);
    assert_eq!(mount.status("others.json")["total"], 0);

    // A directory that was removed, and made again.
    assert_eq!(errno(fs::remove_dir(mount.join("node_1"))), Some(libc::ENOTEMPTY));
    fs::remove_dir_all(mount.join("node_1")).unwrap();
    assert_eq!(errno(fs::metadata(mount.join("node_1/process_0")).map(drop)), Some(libc::ENOENT));
    assert_eq!(mount.status("nodes/node_1.json")["files"]["incomplete"], 2);
    fs::create_dir(mount.join("node_1")).unwrap();
    fs::hard_link(&first, mount.join("node_1/process_0")).unwrap();
    assert_eq!(fs::metadata(&first).unwrap().nlink(), 2);
    assert_eq!(document("node_1/process_0")["verdict"], "mismatch");
    std::os::unix::fs::symlink("process_0", mount.join("node_1/link")).unwrap();
    assert_eq!(fs::read_link(mount.join("node_1/link")).unwrap(), Path::new("process_0"));

    // And all of it back; also to a kernel that remembers other names.
    fs::write(mount.join(".status/control"), "reset\n").unwrap();
    assert_eq!(mount.status("summary.json")["files"]["untouched"], 4);
    let names = fs::read_dir(mount.join("node_1")).unwrap().count();
    assert_eq!(names, 2);

    assert_eq!(errno(fs::metadata(mount.join("node_2")).map(drop)), Some(libc::ENOENT));
    assert_eq!(errno(fs::metadata(mount.join("node_01")).map(drop)), Some(libc::ENOENT));
    let below = fs::metadata(mount.join("node_0/process_0/x"));
    assert_eq!(errno(below.map(drop)), Some(libc::ENOTDIR));
}

#[test]
fn a_status_file_can_be_copied_within_the_mount() {
    let mount = Mount::new(&["--size", "4K"]);
    let copy = mount.join("copy.json");
    let status = mount.join(".status/config.json");
    let output = Command::new("cp").arg(&status).arg(&copy).output().unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
    assert_eq!(fs::read(copy).unwrap(), fs::read(status).unwrap());
}

#[test]
fn attributes_can_be_set() {
    let mount = Mount::new(&["--size", "4K"]);
    let path = mount.join("node_0/process_0");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4750)).unwrap();
    std::os::unix::fs::chown(&path, Some(1000), Some(1001)).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (1000, 1001));
    assert_eq!(metadata.mode() & 0o7777, 0o750, "a new owner does not inherit set-uid");
    let time = std::time::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    let open = OpenOptions::new().write(true).open(&path).unwrap();
    open.set_times(fs::FileTimes::new().set_modified(time).set_accessed(time)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), time);
    // Before 1970, with a fraction: touch has no trouble with it, and neither may we.
    let output = Command::new("touch")
        .args(["-d", "1969-12-31 23:59:58.25 UTC"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success());
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (-2, 250_000_000));
    assert_eq!(mount.status("files/node_0/process_0.json")["verdict"], "untouched");
}

#[test]
fn holes_can_be_sought() {
    let mount = Mount::new(&["--size", "1M"]);
    let path = mount.join("node_0/process_0");
    let script = "
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
size = 1 << 20
assert os.lseek(fd, 100, os.SEEK_DATA) == 100
assert os.lseek(fd, 100, os.SEEK_HOLE) == size
os.ftruncate(fd, 4096)
os.ftruncate(fd, size)
assert os.lseek(fd, 0, os.SEEK_HOLE) == 4096
try:
    os.lseek(fd, 5000, os.SEEK_DATA)
    raise SystemExit('no data there')
except OSError as error:
    assert error.errno == 6, error
os.pwrite(fd, b'x' * 10, 500000)
assert os.lseek(fd, 5000, os.SEEK_DATA) == 500000
assert os.lseek(fd, 500000, os.SEEK_HOLE) == 500010
";
    let output = Command::new("python3").args(["-c", script]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
}

#[test]
fn the_size_and_the_number_of_files_are_in_statfs() {
    // Three files of 1 MiB are there, and 2 MiB and 1000 more names would fit.
    let limits = ["--keep", "2M", "--extent-limit", "1000"];
    let mount = Mount::new(&[&["--nodes", "3", "--size", "1M"], &limits[..]].concat());
    let path = mount.path().display().to_string();
    let said = String::from_utf8(shell(&format!("stat -f -c '%b %f %S %c %d' {path}"))).unwrap();
    assert_eq!(said.trim(), "1280 512 4096 1003 1000");
    let huge = Mount::new(&[
        "--nodes",
        "65536",
        "--processes",
        "65536",
        "--files",
        "100000000",
        "--size",
        "4P",
    ]);
    let path = huge.path().display().to_string();
    let said = String::from_utf8(shell(&format!("stat -f -c '%b' {path}"))).unwrap();
    assert_eq!(said.trim(), (i64::MAX / 4096).to_string(), "saturates");
}

#[test]
fn fio_reads_without_an_error() {
    let mount = Mount::new(&["--nodes", "1", "--processes", "2", "--size", "16M"]);
    for (rw, bs) in [("read", "1M"), ("randread", "4k"), ("read", "12k")] {
        let output = Command::new("fio")
            .args(["--name=read", "--direct=1", "--ioengine=psync", "--loops=1", "--readonly"])
            .arg(format!("--rw={rw}"))
            .arg(format!("--bs={bs}"))
            .arg(format!(
                "--filename={}:{}",
                mount.join("node_0/process_0").display(),
                mount.join("node_0/process_1").display()
            ))
            .arg("--io_size=8M")
            .output()
            .unwrap();
        assert!(output.status.success(), "{rw} {bs}: {}", common::text(&output.stderr));
    }
    // 8 MiB three times, in 1 MiB, 4 KiB and 12 KiB.
    let reads = mount.status("summary.json")["reads"]["bytes"].as_u64().unwrap();
    assert!(reads >= 3 * (8 << 20) - 12_288, "{reads} bytes reached the filesystem");
}

#[test]
fn every_cache_mode_reads_the_same() {
    let direct = Mount::new(&["--size", "3M"]);
    let page = Mount::new(&["--size", "3M", "--cache", "page"]);
    let path = "node_0/process_0";
    assert!(fs::read(direct.join(path)).unwrap() == fs::read(page.join(path)).unwrap());
    // What is written through the page cache is read back and judged.
    let open = OpenOptions::new().read(true).write(true).open(page.join(path)).unwrap();
    open.write_all_at(b"hello", 1000).unwrap();
    let mut back = [0; 5];
    open.read_exact_at(&mut back, 1000).unwrap();
    assert_eq!(&back, b"hello");
    assert_eq!(page.status("files/node_0/process_0.json")["bytes"]["wrong"], 5);
}
