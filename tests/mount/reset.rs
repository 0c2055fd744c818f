//! Forgetting and resets on a real mount, where the kernel has caches and locks of its own: several
//! threads, caches dropped, shared mappings, commands while names are being changed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{self, Mount};

/// How long something goes on.
const A_WHILE: Duration = Duration::from_secs(3);
/// When something that does not go on hangs.
const HANGS: Duration = Duration::from_secs(20);

const SIZE: usize = 64 << 10;

fn mounts() -> [Mount; 2] {
    [&["--cache", "direct"][..], &["--cache", "page"]].map(|cache| {
        Mount::new(&[&["--nodes", "2", "--processes", "3", "--size", "64K"], cache].concat())
    })
}

fn reset(mount: &Mount) {
    fs::write(mount.join(".status/control"), "reset").unwrap();
}

fn verdict(path: &Path) -> String {
    String::from_utf8(xattr::get(path, "user.seedfs.verdict").unwrap().unwrap()).unwrap()
}

/// Ends a connection for all who wait for it.
fn abort(device: u64) {
    let control = tempfile::tempdir().unwrap();
    let mount = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).args(arguments).arg(control.path()).status();
        assert!(status.unwrap().success(), "{program} {arguments:?}");
    };
    mount("mount", &["-t", "fusectl", "none"]);
    // The minor number of a device without a disk.
    let minor = (device & 0xff) | (device >> 12 & 0xffff_ff00);
    let aborted = fs::write(control.path().join(minor.to_string()).join("abort"), "1");
    mount("umount", &[]);
    aborted.unwrap();
}

/// Does all of these again and again for a while. Where one does not come back, the connection is
/// aborted, which frees it, and the test has failed.
fn together(mount: &Mount, work: &[&(dyn Fn(u64) + Sync)]) {
    let device = fs::metadata(mount.path()).unwrap().dev();
    let over = AtomicBool::new(false);
    let rounds: Vec<AtomicU64> = work.iter().map(|_| AtomicU64::new(0)).collect();
    let hangs = thread::scope(|scope| {
        for (work, rounds) in work.iter().zip(&rounds) {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    work(rounds.fetch_add(1, Ordering::Relaxed));
                }
                rounds.store(u64::MAX, Ordering::Relaxed);
            });
        }
        thread::sleep(A_WHILE);
        over.store(true, Ordering::Relaxed);
        let start = Instant::now();
        let ended = || rounds.iter().all(|it| it.load(Ordering::Relaxed) == u64::MAX);
        while !ended() && start.elapsed() < HANGS {
            thread::sleep(Duration::from_millis(10));
        }
        let hangs = !ended();
        if hangs {
            abort(device);
        }
        hangs
    });
    assert!(!hangs, "something waits for ever");
}

/// Whoever writes a command holds the lock of `control`; whoever renames into `.status`, or removes
/// `control`, waits for that and holds locks that telling the kernel takes.
#[test]
fn a_reset_waits_for_nobody_who_waits_for_it() {
    for mount in mounts() {
        let control = mount.join(".status/control");
        let made = |round: u64| mount.join(&format!("x{}", round % 4));
        let create = |round: u64| {
            let _ = File::create(made(round)).and_then(|mut file| file.write_all(b"x"));
            let _ = fs::write(mount.join("node_0/process_0"), b"wrong");
        };
        let reset = |_: u64| fs::write(&control, "reset").unwrap();
        let part = |_: u64| fs::write(&control, "reset node_0").unwrap();
        let unlink = |_: u64| {
            let refused = fs::remove_file(&control).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EROFS));
        };
        let rename = |round: u64| {
            let _ = File::create(made(round));
            let refused = fs::rename(made(round), mount.join(".status/y")).unwrap_err();
            let errno = refused.raw_os_error();
            assert!(errno == Some(libc::EROFS) || errno == Some(libc::ENOENT), "{refused}");
        };
        together(&mount, &[&create, &reset, &part, &unlink, &rename]);
        assert_eq!(mount.status("summary.json")["schema"], 1);
    }
}

/// When `close` returns, so does the effect: nothing of what was before is seen any more.
#[test]
fn a_reset_is_seen_when_it_returns() {
    for mount in mounts() {
        let [file, gone, made] =
            ["node_0/process_0", "node_1/process_1", "made"].map(|path| mount.join(path));
        let right = fs::read(&file).unwrap();
        for round in 0..100 {
            fs::write(&file, b"short and wrong").unwrap();
            fs::rename(mount.join("node_0/process_1"), mount.join("node_0/elsewhere")).unwrap();
            fs::remove_file(&gone).unwrap();
            fs::create_dir(&made).unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"short and wrong");
            if round % 2 == 0 {
                reset(&mount);
            } else {
                let output = common::run(&["reset", mount.path().to_str().unwrap()]);
                assert!(output.status.success());
            }
            assert_eq!(fs::metadata(&file).unwrap().len(), SIZE as u64);
            assert!(fs::read(&file).unwrap() == right, "the bytes are back");
            assert_eq!(fs::metadata(&gone).unwrap().len(), SIZE as u64);
            assert!(!made.exists() && !mount.join("node_0/elsewhere").exists());
            assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 2);
        }
    }
}

/// A file that is mapped into memory, shared.
struct Mapped(*mut u8);

impl Mapped {
    fn new(file: &File) -> Self {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let nowhere = std::ptr::null_mut();
        // SAFETY: a new mapping of a file that is large enough; unmapped when dropped.
        let at =
            unsafe { libc::mmap(nowhere, SIZE, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        assert_ne!(at, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        Self(at.cast())
    }

    fn set(&self, offset: usize, byte: u8) {
        assert!(offset < SIZE);
        // SAFETY: inside the mapping, which others may change, hence volatile.
        unsafe { self.0.add(offset).write_volatile(byte) }
    }

    fn get(&self, offset: usize) -> u8 {
        assert!(offset < SIZE);
        // SAFETY: as above.
        unsafe { self.0.add(offset).read_volatile() }
    }

    fn sync(&self) {
        // SAFETY: the whole mapping.
        let synced = unsafe { libc::msync(self.0.cast(), SIZE, libc::MS_SYNC) };
        assert_eq!(synced, 0, "{}", io::Error::last_os_error());
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: what `new` mapped.
        unsafe { libc::munmap(self.0.cast(), SIZE) };
    }
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(path).unwrap()
}

#[test]
fn a_mapping_that_was_changed_before_a_reset_is_reset_too() {
    for mount in mounts() {
        let [path, written] = ["node_0/process_0", "node_0/process_2"].map(|it| mount.join(it));
        let right = fs::read(&path).unwrap();
        // Of one the overlay knows nothing, the other was written to.
        for path in [&path, &written] {
            for command in ["reset", "reset node_0"] {
                let belongs = fs::read(path).unwrap();
                let file = open(path);
                if path == &written {
                    file.write_all_at(b"wrong", 5000).unwrap();
                }
                let mapped = Mapped::new(&file);
                mapped.set(100, !belongs[100]);
                mapped.set(9000, !belongs[9000]);
                fs::write(mount.join(".status/control"), command).unwrap();
                assert_eq!((mapped.get(100), mapped.get(5000)), (belongs[100], belongs[5000]));
                mapped.sync();
                assert_eq!(verdict(path), "untouched");
                assert!(fs::read(path).unwrap() == belongs);
                // What is changed from now on counts.
                mapped.set(200, !belongs[200]);
                mapped.sync();
                assert_eq!(verdict(path), "mismatch");
                assert_eq!(fs::read(path).unwrap()[200], !belongs[200]);
                drop(mapped);
                drop(file);
                reset(&mount);
            }
        }
        assert!(fs::read(&path).unwrap() == right);
    }
}

#[test]
fn who_appends_over_a_reset_appends_at_the_end() {
    for mount in mounts() {
        let path = mount.join("node_0/process_0");
        let right = fs::read(&path).unwrap();
        for cut in [0, 100, 4096] {
            let mut file = OpenOptions::new().read(true).append(true).open(&path).unwrap();
            file.set_len(cut).unwrap();
            file.write_all(b"before").unwrap();
            reset(&mount);
            file.write_all(b"after").unwrap();
            let mut bytes = Vec::new();
            File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
            assert!(bytes[..SIZE] == right && bytes[SIZE..] == *b"after", "{} bytes", bytes.len());
            drop(file);
            reset(&mount);
        }
    }
}

/// Between the answer to `reset` and the end of `close` the kernel still has the names of files that
/// are gone. Who asks for such a file to be made if it is not there gets one.
#[test]
fn who_opens_or_makes_a_file_while_the_kernel_is_told_of_a_reset_gets_one() {
    for mount in mounts() {
        for _ in 0..5 {
            let paths: Vec<_> = (0..300).map(|number| mount.join(&format!("f{number}"))).collect();
            for path in &paths {
                fs::write(path, b"before").unwrap();
            }
            let mut control = File::options().write(true).open(mount.join(".status/control"));
            control.as_mut().unwrap().write_all(b"reset").unwrap();
            for path in &paths {
                let file = File::options().read(true).append(true).create(true).open(path);
                assert_eq!(file.unwrap().read(&mut [0; 9]).unwrap(), 0, "{}", path.display());
            }
            drop(control);
            reset(&mount);
        }
    }
}

/// An open file without a name is its own, whatever the kernel drops and finds again before.
#[test]
fn an_open_file_without_a_name_keeps_its_bytes_while_caches_are_dropped() {
    let mount = Mount::new(&["--nodes", "64", "--processes", "64", "--size", "4K"]);
    let failed = AtomicU64::new(0);
    let one = |path: PathBuf| -> io::Result<()> {
        fs::write(&path, b"mine")?;
        let file = File::open(&path)?;
        fs::remove_file(&path)?;
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes)?;
        if bytes != b"mine" || file.metadata()?.nlink() != 0 {
            return Err(io::Error::other(format!("{} bytes", bytes.len())));
        }
        Ok(())
    };
    let run = |path: PathBuf| {
        if let Err(error) = one(path.clone()) {
            failed.fetch_add(1, Ordering::Relaxed);
            println!("{}: {error}", path.display());
        }
    };
    let dataset = |part: u64| {
        let (mount, run) = (&mount, &run);
        move |round: u64| {
            let file = round * 4 + part;
            run(mount.join(&format!("node_{}/process_{}", file / 64 % 64, file % 64)));
        }
    };
    let made = |round: u64| run(mount.join(&format!("m{}", round % 8)));
    let drop_caches = |_: u64| {
        // Dentries and inodes.
        let _ = fs::write("/proc/sys/vm/drop_caches", "2");
    };
    let (one, two, three) = (dataset(0), dataset(1), dataset(2));
    together(&mount, &[&one, &two, &three, &made, &drop_caches]);
    assert_eq!(failed.load(Ordering::Relaxed), 0);
}

/// A listing hands over inodes, as a look-up does: what it has shown is used without another one,
/// and what did not fit into an answer is not counted as handed over.
#[test]
fn what_a_listing_has_shown_is_remembered_until_it_is_forgotten() {
    let mount = Mount::new(&["--nodes", "2", "--processes", "300", "--size", "4K"]);
    let extents = || mount.status("summary.json")["kept"]["extents"].as_u64().unwrap();
    let directory = mount.join("node_0");
    let listed: Vec<_> = fs::read_dir(&directory).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(listed.len(), 300);
    for (index, path) in listed.into_iter().enumerate() {
        if index > 20 {
            fs::remove_file(&path).unwrap();
            continue;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        file.write_all_at(b"mine", 0).unwrap();
        fs::remove_file(&path).unwrap();
        let mut bytes = [0; 4];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"mine", "{}", path.display());
    }
    // The record of the directory, its table, and a name each: of the files nothing.
    let left = 2 + 3 + 300;
    common::wait_for("the end of what the files held", || extents() == left);
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
}

/// What `mkdir d; cd d` makes, again and again, is one more directory each time and nothing else.
#[test]
fn directories_can_be_nested_without_a_limit() {
    const DEPTH: usize = 30_000;
    let mount = Mount::new(&["--size", "4K"]);
    let made = Command::new("python3")
        .args(["-c", "import os,sys\nos.chdir(sys.argv[1])\nfor i in range(int(sys.argv[2])):\n os.mkdir('d')\n os.chdir('d')\nopen('f','w').write('x')\nos.rename('f','g')\nos.mkdir('e')\nos.rename('e','h')"])
        .arg(mount.path())
        .arg(DEPTH.to_string())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", common::text(&made.stderr));
    fs::rename(mount.join("d"), mount.join("renamed")).unwrap();
    let others = fs::read(mount.join(".status/others.json")).unwrap();
    assert!(others.len() < 16 << 20, "{} bytes", others.len());
    reset(&mount);
    assert!(!mount.join("renamed").exists());
    assert_eq!(verdict(&mount.join("node_0/process_0")), "untouched");
}

/// Who renames each name that a listing shows sees each once. (The idea is that of xfstests
/// generic/736.)
#[test]
fn a_listing_ends_while_its_names_are_renamed() {
    for mount in mounts() {
        let directory = mount.join("made");
        fs::create_dir(&directory).unwrap();
        for file in 0..500 {
            File::create(directory.join(format!("f{file}"))).unwrap();
        }
        let mut seen = 0;
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            fs::rename(&path, path.with_extension("renamed")).unwrap();
            seen += 1;
            assert!(seen <= 500, "a name that was made behind it is listed");
        }
        assert_eq!(seen, 500);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 500);
    }
}
