//! A real mount's manifest and hashes: those of `seedfs sums`, however they are read, and never in
//! the way of anybody else.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{self, Mount};

const MANIFEST: &str = ".status/sums/blake3";
const BLAKE3: &str = "user.seedfs.blake3";

/// 60 files, with paths of several lengths and a backslash in each.
const DATASET: [&str; 12] = [
    "--seed",
    "42",
    "--iterations",
    "2",
    "--nodes",
    "3",
    "--files",
    "12",
    "--size",
    "100001",
    "--layout",
    "{iteration}/{file}\\n{node}",
];

fn sums(dataset: &[&str]) -> Vec<u8> {
    let words = [&["sums", "-q", "--algorithm", "blake3"], dataset].concat();
    let output = common::run(&words);
    assert!(output.status.success());
    output.stdout
}

#[test]
fn the_manifest_is_that_of_sums_and_b3sum_agrees() {
    for dataset in [&DATASET[..], &["--seed", "42", "--nodes", "3", "--size", "1"]] {
        let mount = Mount::new(dataset);
        let expected = sums(dataset);
        assert!(!expected.is_empty());
        assert_eq!(fs::read(mount.join(MANIFEST)).unwrap(), expected);
        let metadata = fs::metadata(mount.join(MANIFEST)).unwrap();
        assert_eq!((metadata.len(), metadata.mode() & 0o7777), (expected.len() as u64, 0o400));
        let check = Command::new("b3sum")
            .args(["--check", "--quiet", MANIFEST])
            .current_dir(mount.path())
            .output()
            .unwrap_or_else(|error| panic!("b3sum: {error}: dev/install-tools installs it"));
        assert!(check.status.success(), "{}", common::text(&check.stderr));
    }
}

#[test]
fn pieces_of_any_size_and_place_are_the_whole() {
    let mount = Mount::new(&DATASET);
    let expected = sums(&DATASET);
    let open = File::open(mount.join(MANIFEST)).unwrap();
    for piece in [1, 7, 100, 4095, 65_536] {
        let mut read = Vec::new();
        let mut buffer = vec![0; piece];
        loop {
            // More than one and a few bytes, or the test takes minutes.
            let count = open.read_at(&mut buffer, read.len() as u64).unwrap();
            if count == 0 {
                break;
            }
            read.extend_from_slice(&buffer[..count]);
        }
        assert!(read == expected, "in pieces of {piece}");
    }
    let mut place = 1_u64;
    for _ in 0..300 {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let offset = (place >> 33) % (expected.len() as u64 + 10);
        let mut buffer = vec![0; 1 + (place >> 20) as usize % 300];
        let count = open.read_at(&mut buffer, offset).unwrap();
        let start = expected.len().min(usize::try_from(offset).unwrap());
        let end = expected.len().min(start + buffer.len());
        assert_eq!(buffer[..count], expected[start..end], "at {offset}");
    }
}

#[test]
fn several_readers_do_not_disturb_one_another() {
    let mount = Mount::new(&DATASET);
    let expected = sums(&DATASET);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert!(fs::read(mount.join(MANIFEST)).unwrap() == expected));
        }
    });
}

/// The kernel takes what is missing from a page for the end of the file, so a mapping must not get
/// the short pieces that a reader gets, though these files are large.
#[test]
fn a_mapping_is_the_whole() {
    let dataset = ["--seed", "42", "--files", "3", "--size", "300M"];
    let mount = Mount::new(&dataset);
    let script = "import mmap,sys; f=open(sys.argv[1],'rb'); \
                  m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ,flags=mmap.MAP_PRIVATE); \
                  sys.stdout.buffer.write(m[:])";
    let output =
        Command::new("python3").args(["-c", script]).arg(mount.join(MANIFEST)).output().unwrap();
    assert!(output.status.success(), "{}", common::text(&output.stderr));
    assert_eq!(common::text(&output.stdout), common::text(&sums(&dataset)));
    // And a reader gets the first line before the others are hashed.
    let mut first = [0; 1000];
    let count = File::open(mount.join(MANIFEST)).unwrap().read(&mut first).unwrap();
    assert_eq!(first[..count].split(|byte| *byte == b'\n').count(), 2);
}

#[test]
fn the_attribute_is_the_line_of_the_manifest_and_is_not_listed() {
    let mount = Mount::new(&DATASET);
    let manifest = common::text(&sums(&DATASET));
    let line = manifest.lines().nth(17).unwrap();
    let (sum, path) = line.strip_prefix('\\').unwrap().split_once("  ").unwrap();
    let path = mount.join(&path.replace("\\\\", "\\"));
    let value = || String::from_utf8(xattr::get(&path, BLAKE3).unwrap().unwrap()).unwrap();
    assert_eq!(value(), sum);
    assert!(xattr::list(&path).unwrap().all(|name| name != BLAKE3));
    // What is in the file does not count: it is what belongs there.
    fs::write(&path, "something else").unwrap();
    assert_eq!(value(), sum);
    // It can be set by a restore, in vain, and not removed.
    xattr::set(&path, BLAKE3, b"0").unwrap();
    assert_eq!(value(), sum);
    assert_eq!(xattr::remove(&path, BLAKE3).unwrap_err().raw_os_error(), Some(libc::EPERM));

    let other = mount.join("0/other");
    fs::write(&other, "none of the dataset's").unwrap();
    for none in [&other, &mount.join("0"), &mount.join(MANIFEST), &mount.join(".status")] {
        assert_eq!(xattr::get(none, BLAKE3).unwrap(), None, "{}", none.display());
    }
    // It is that of the name.
    fs::rename(&other, &path).unwrap();
    assert_eq!(value(), sum);
}

#[test]
fn it_is_a_status_file_like_the_others() {
    let mount = Mount::new(&DATASET);
    let errno = |error: std::io::Error| error.raw_os_error();
    let list = |path: &str| -> Vec<_> {
        fs::read_dir(mount.join(path)).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    assert!(list(".status").contains(&"sums".into()));
    assert_eq!(list(".status/sums"), ["blake3"]);
    assert_eq!(errno(fs::write(mount.join(MANIFEST), "x").unwrap_err()), Some(libc::EROFS));
    assert_eq!(errno(fs::remove_file(mount.join(MANIFEST)).unwrap_err()), Some(libc::EROFS));
    assert_eq!(errno(File::create(mount.join(".status/sums/md5")).unwrap_err()), Some(libc::EROFS));
    let below = mount.join(".status/sums/blake3/x");
    assert_eq!(errno(fs::metadata(below).unwrap_err()), Some(libc::ENOTDIR));
    assert_eq!(
        fs::metadata(mount.join(".status/sums/md5")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let directory = fs::metadata(mount.join(".status/sums")).unwrap();
    assert_eq!(directory.permissions().mode() & 0o7777, 0o500);
}

/// Ends its children, whatever becomes of the test.
struct Children(Vec<Child>);

impl Children {
    /// Returns when all have ended, which must be soon.
    fn kill(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
        }
        common::wait_for("the end of all", || {
            self.0.iter_mut().all(|child| child.try_wait().unwrap().is_some())
        });
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Hashes that would take days: as many as run at a time, and more that wait.
#[test]
fn nobody_waits_for_a_hash_but_its_reader_who_can_be_killed() {
    let mount = Mount::new(&["--seed", "42", "--files", "2", "--size", "1P"]);
    let path = mount.join("node_0/process_0/file_1");
    let mut readers = Children(Vec::new());
    let spawn = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for _ in 0..6 {
        readers.0.push(spawn(Command::new("cat").arg(mount.join(MANIFEST))));
        readers.0.push(spawn(Command::new("getfattr").args(["-n", BLAKE3]).arg(&path)));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert!(readers.0.iter_mut().all(|child| child.try_wait().unwrap().is_none()), "all at it");

    // Far more often than there are event loops.
    for _ in 0..50 {
        let mut bytes = [0; 4096];
        File::open(&path).unwrap().read_exact_at(&mut bytes, 1 << 40).unwrap();
        assert_eq!(fs::metadata(mount.join(MANIFEST)).unwrap().len(), 2 * (64 + 2 + 23 + 1));
        assert_eq!(mount.status("summary.json")["verdict"], "untouched");
    }
    // The list of names is there at once, and so is the size of the value.
    assert_eq!(xattr::list(&path).unwrap().count(), 3);

    // One of those that wait, and one that runs.
    readers.kill();
    drop(readers);
    // Nothing is left of them: the mount is not busy, and serves the next.
    let small = Command::new("sh")
        .args(["-c", "head -c 100 \"$1\" | wc -c", "sh"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(common::text(&small.stdout).trim(), "100");
    assert!(mount.unmount().status.success());
}

#[test]
fn the_end_of_the_mount_ends_its_readers() {
    let mount = Mount::new(&["--seed", "42", "--size", "1P"]);
    let mut readers = Children(Vec::new());
    for _ in 0..10 {
        let mut command = Command::new("cat");
        let command = command.arg(mount.join(MANIFEST)).stdout(Stdio::null()).stderr(Stdio::null());
        readers.0.push(command.spawn().unwrap());
    }
    std::thread::sleep(Duration::from_millis(300));
    assert!(!mount.unmount().status.success(), "it is in use");
    let lazily = common::seedfs().args(["umount", "--lazy"]).arg(mount.path()).output().unwrap();
    assert!(lazily.status.success());
    readers.kill();
}
