//! The life of a mount beside others: stacked, replaced, moved, hidden, ended by signals at any
//! moment. Nothing is ever unmounted that was not the daemon's own.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::mount::UnmountFlags;
use tempfile::TempDir;

use crate::common::{code, seedfs, text, wait_for};

fn command(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
}

/// Unmounts what is on top there. The command umount(8) would ask the filesystem for its attributes,
/// and its daemon may be stopped.
fn unmount(path: &Path) {
    rustix::mount::unmount(path, UnmountFlags::empty()).unwrap();
}

/// How many mounts stand at a path, those that others hide included.
fn mounts_at(path: &Path) -> usize {
    let table = fs::read("/proc/self/mountinfo").unwrap();
    let written = written(path);
    let is_there = |line: &&[u8]| line.split(|byte| *byte == b' ').nth(4) == Some(&written[..]);
    table.split(|byte| *byte == b'\n').filter(is_there).count()
}

/// A path as the kernel writes it into its table.
fn written(path: &Path) -> Vec<u8> {
    let escaped = |byte: &u8| match byte {
        b' ' | b'\t' | b'\n' | b'\\' | b'#' => format!("\\{byte:03o}").into_bytes(),
        byte => vec![*byte],
    };
    path.as_os_str().as_bytes().iter().flat_map(escaped).collect()
}

/// A directory to mount in, and the daemons that serve it. Whatever the test did, nothing of it
/// stays.
struct Place {
    directory: TempDir,
    daemons: Vec<Child>,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("seedfs-life").tempdir().unwrap();
        fs::create_dir(directory.path().join("m")).unwrap();
        Self { directory, daemons: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    /// The mount point.
    fn mount(&self) -> PathBuf {
        self.path().join("m")
    }

    /// Starts a daemon and waits until it serves the mount point.
    fn start(&mut self, options: &[&str]) {
        let before = mounts_at(&self.mount());
        let log = fs::File::options().create(true).append(true).open(self.log_path()).unwrap();
        let daemon = seedfs()
            .args(["mount", "--foreground", "--size=1M"])
            .args(options)
            .arg(self.mount())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.daemons.push(daemon);
        wait_for("the mount", || mounts_at(&self.mount()) > before);
    }

    fn log_path(&self) -> PathBuf {
        self.path().join("log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap()
    }

    fn signal(&self, daemon: usize, signal: Signal) {
        let id = i32::try_from(self.daemons[daemon].id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Waits until a daemon has ended, and gives its exit code.
    fn end(&mut self, daemon: usize) -> i32 {
        wait_for("the daemon's end", || self.has_ended(daemon));
        code(self.daemons[daemon].wait().unwrap())
    }

    fn has_ended(&mut self, daemon: usize) -> bool {
        self.daemons[daemon].try_wait().unwrap().is_some()
    }

    /// Mounts a tmpfs with a file in it.
    fn tmpfs(path: &Path) {
        command("mount", &["-t", "tmpfs", "somebody", path.to_str().unwrap()]);
        fs::write(path.join("data"), "precious").unwrap();
    }

    fn seedfs(&self, arguments: &[&str]) -> Output {
        seedfs().args(arguments).current_dir(self.path()).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        // From the inside out.
        let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
        let paths = table.split(|byte| *byte == b'\n').filter_map(|line| {
            let path = line.split(|byte| *byte == b' ').nth(4)?;
            let path = PathBuf::from(OsString::from_vec(read(path)));
            path.starts_with(self.path()).then_some(path)
        });
        for path in paths.collect::<Vec<_>>().iter().rev() {
            let _ = rustix::mount::unmount(path, UnmountFlags::DETACH);
        }
    }
}

/// A path as it is, from the kernel's table.
fn read(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let [first, behind @ ..] = rest {
        let octal = (*first == b'\\').then(|| str::from_utf8(&behind[..3]).unwrap());
        bytes.push(octal.map_or(*first, |digits| u8::from_str_radix(digits, 8).unwrap()));
        rest = if octal.is_some() { &behind[3..] } else { behind };
    }
    bytes
}

fn precious(path: &Path) {
    assert_eq!(fs::read_to_string(path.join("data")).unwrap(), "precious");
}

/// The daemon is stopped while its mount goes and another comes: when it goes on, its mount has
/// gone, and the other stays.
#[test]
fn a_daemon_that_ends_late_leaves_what_stands_there_now() {
    let mut place = Place::new();
    place.start(&[]);
    place.signal(0, Signal::SIGSTOP);
    unmount(&place.mount());
    Place::tmpfs(&place.mount());
    place.signal(0, Signal::SIGCONT);
    assert_eq!(place.end(0), 0);
    precious(&place.mount());
}

/// The same where the other is a seedfs, which even gets the numbers of the one that has gone.
#[test]
fn a_daemon_that_ends_late_leaves_its_successor() {
    for signal in [None, Some(Signal::SIGTERM)] {
        let mut place = Place::new();
        place.start(&[]);
        place.signal(0, Signal::SIGSTOP);
        unmount(&place.mount());
        place.start(&["--seed=next"]);
        if let Some(signal) = signal {
            place.signal(0, signal);
        }
        place.signal(0, Signal::SIGCONT);
        assert_eq!(place.end(0), 0);
        assert_eq!(mounts_at(&place.mount()), 1);
        assert!(place.seedfs(&["status", "m"]).status.success());
        place.signal(1, Signal::SIGTERM);
        assert_eq!(place.end(1), 0);
    }
}

#[test]
fn a_signal_does_not_touch_what_is_mounted_over_it() {
    let mut place = Place::new();
    place.start(&[]);
    Place::tmpfs(&place.mount());
    place.signal(0, Signal::SIGTERM);
    wait_for("a word of it", || place.log().contains("(tmpfs) is mounted over it"));
    precious(&place.mount());
    assert!(!place.has_ended(0), "it waits");
    unmount(&place.mount());
    assert_eq!(place.end(0), 0);
    assert_eq!(mounts_at(&place.mount()), 0);
    assert_eq!(place.log().matches("cannot unmount yet").count(), 1, "{}", place.log());
}

#[test]
fn a_signal_does_not_touch_what_is_mounted_in_it() {
    let mut place = Place::new();
    place.start(&[]);
    let inner = place.mount().join("node_0");
    Place::tmpfs(&inner);
    let output = place.seedfs(&["umount", "--lazy", "m"]);
    assert_eq!(code(output.status), 3);
    let said = text(&output.stderr);
    assert!(said.contains(inner.to_str().unwrap()) && said.contains("(tmpfs)"), "{said}");
    place.signal(0, Signal::SIGTERM);
    wait_for("a word of it", || place.log().contains("is mounted in it"));
    precious(&inner);
    // The second signal waits no longer, and touches no more.
    place.signal(0, Signal::SIGTERM);
    assert_eq!(place.end(0), 0);
    assert_eq!(mounts_at(&inner), 1);
}

#[test]
fn a_mount_that_was_moved_or_hidden_is_found_or_left() {
    let mut place = Place::new();
    // Moving needs a parent that is not shared.
    let private = place.path().join("private");
    fs::create_dir(&private).unwrap();
    command("mount", &["-t", "tmpfs", "none", private.to_str().unwrap()]);
    command("mount", &["--make-private", private.to_str().unwrap()]);
    fs::create_dir(private.join("a")).unwrap();
    fs::create_dir(private.join("b")).unwrap();
    fs::remove_dir(place.mount()).unwrap();
    symlink(private.join("a"), place.mount()).unwrap();
    let log = fs::File::create(place.log_path()).unwrap();
    let mut daemon = seedfs();
    daemon.args(["mount", "--foreground", "--size=1M"]).arg(place.mount()).stderr(log);
    place.daemons.push(daemon.stdout(Stdio::null()).spawn().unwrap());
    wait_for("the mount", || mounts_at(&private.join("a")) == 1);

    let (a, b) = (private.join("a"), private.join("b"));
    command("mount", &["--move", a.to_str().unwrap(), b.to_str().unwrap()]);
    Place::tmpfs(&a);
    // Hidden by a mount above it.
    command("mount", &["-t", "tmpfs", "none", private.to_str().unwrap()]);
    place.signal(0, Signal::SIGTERM);
    wait_for("a word of it", || place.log().contains("another mount hides it"));
    unmount(&private);
    assert_eq!(place.end(0), 0);
    assert_eq!(mounts_at(&b), 0, "it was found where it had been moved to");
    precious(&a);
}

#[test]
fn of_two_on_one_path_one_goes_at_a_time() {
    let mut place = Place::new();
    place.start(&["--seed=below"]);
    // The program refuses to stack; so the second comes from elsewhere.
    let other = place.path().join("other");
    fs::create_dir(&other).unwrap();
    assert!(place.seedfs(&["mount", "--seed=above", "--size=1M", "other"]).status.success());
    let (other, mount) = (other.to_str().unwrap(), place.mount());
    command("mount", &["--bind", other, mount.to_str().unwrap()]);
    assert_eq!(mounts_at(&mount), 2);
    let seed = || fs::read_to_string(mount.join(".status/config.json")).unwrap();
    assert!(seed().contains("above"));
    assert!(place.seedfs(&["umount", "m"]).status.success());
    assert_eq!(mounts_at(&mount), 1);
    assert!(seed().contains("below"));
    assert!(place.seedfs(&["umount", "other"]).status.success());
    place.signal(0, Signal::SIGTERM);
    assert_eq!(place.end(0), 0);
}

#[test]
fn a_connection_that_is_aborted_leaves_no_dead_mount() {
    let mut place = Place::new();
    place.start(&[]);
    let device = nix::sys::stat::stat(&place.mount()).unwrap().st_dev;
    // Where connections can be aborted, whether the machine has that mounted or not.
    let control = place.path().join("control");
    fs::create_dir(&control).unwrap();
    command("mount", &["-t", "fusectl", "none", control.to_str().unwrap()]);
    let connection = control.join(nix::sys::stat::minor(device).to_string());
    let aborted = fs::write(connection.join("abort"), "1");
    unmount(&control);
    aborted.unwrap();
    assert_eq!(place.end(0), 0);
    assert_eq!(mounts_at(&place.mount()), 0);
}

#[test]
fn mount_points_have_any_name() {
    for name in ["with space", "tab\there", "line\nbreak", "back\\slash", "#", "a\\040b", "ü"] {
        let place = Place::new();
        let path = place.path().join(name);
        fs::create_dir(&path).unwrap();
        let mount = || place.seedfs(&["mount", "--size=1M", name]);
        let output = mount();
        assert!(output.status.success(), "{name:?}: {}", text(&output.stderr));
        assert_eq!(code(mount().status), 2, "{name:?}: the second is refused");
        for words in [&["status", name][..], &["reset", name], &["umount", name]] {
            let output = place.seedfs(words);
            assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        }
        assert_eq!(mounts_at(&path), 0, "{name:?}");
    }
}

/// Bytes that are no text, in our path and in a stranger's.
#[test]
fn mount_points_are_bytes() {
    let place = Place::new();
    let path = place.path().join(std::ffi::OsStr::from_bytes(b"\xff\xfe"));
    fs::create_dir(&path).unwrap();
    let with_path = |word: &str, options: &[&str]| {
        let output = seedfs().arg(word).args(options).arg(&path).output().unwrap();
        assert!(output.status.success(), "{word}: {}", text(&output.stderr));
    };
    with_path("mount", &["--size=1M"]);
    assert!(place.seedfs(&["mount", "--size=1M", "m"]).status.success());
    for word in ["status", "umount"] {
        assert!(place.seedfs(&[word, "m"]).status.success(), "{word}");
        with_path(word, &[]);
    }
}

#[test]
fn a_directory_that_holds_something_is_not_hidden_by_chance() {
    let place = Place::new();
    fs::write(place.mount().join("something"), "").unwrap();
    let output = place.seedfs(&["mount", "--size=1M", "m"]);
    assert_eq!(code(output.status), 2);
    let said = text(&output.stderr);
    assert!(said.contains("'m' is not empty") && said.contains("-o nonempty"), "{said}");
    assert_eq!(mounts_at(&place.mount()), 0);
    let output = place.seedfs(&["mount", "--size=1M", "-o", "nonempty", "m"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(place.seedfs(&["umount", "m"]).status.success());
    assert!(place.mount().join("something").exists());
}

#[test]
fn status_follows_any_path_to_its_mount() {
    let mut place = Place::new();
    place.start(&["--nodes=2"]);
    symlink("m", place.path().join("link")).unwrap();
    symlink("m/node_1", place.path().join("deep")).unwrap();
    let headline = format!("{}: incomplete\n", place.mount().display());
    // A false status file in the mount must not be believed.
    let file = place.mount().join("node_0/process_0");
    let right = fs::read(&file).unwrap();
    fs::write(&file, right).unwrap();
    fs::write(place.mount().join(".dummy_data_status_node0.json"), "{}").unwrap();
    let paths = [
        "m",
        "./m",
        "m/",
        "m//",
        "m/.",
        "link",
        "link/",
        "m/node_0",
        "m/node_0/process_0",
        "deep",
        "m/../m",
        "m/node_0/..",
    ];
    for path in paths {
        let output = place.seedfs(&["status", path]);
        assert_eq!(code(output.status), 1, "{path}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with(&headline), "{path}: {}", text(&output.stdout));
    }
    for (directory, path) in [("m", "."), ("m/node_0", "."), ("m/node_0", ".."), ("link", "./")] {
        let directory = place.path().join(directory);
        let output = seedfs().args(["status", path]).current_dir(directory).output().unwrap();
        assert_eq!(code(output.status), 1, "{path}: {}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with(&headline), "{}", text(&output.stdout));
    }
    // What changes something wants the mount itself.
    for words in [["reset", "m/node_0"], ["umount", "deep"], ["umount", "m/node_0"]] {
        let output = place.seedfs(&words);
        let said = text(&output.stderr);
        assert_eq!(code(output.status), 2, "{words:?}: {said}");
        let root = format!("mounted on '{}'", place.mount().display());
        assert!(said.contains(&root), "{words:?}: {said}");
    }
    assert_eq!(code(place.seedfs(&["status", "m"]).status), 1, "nothing was reset");
    assert!(place.seedfs(&["umount", "link/"]).status.success());
    assert_eq!(mounts_at(&place.mount()), 0);
}

#[test]
fn status_says_what_is_in_the_way() {
    let mut place = Place::new();
    place.start(&[]);
    Place::tmpfs(&place.mount());
    for word in ["status", "reset", "umount"] {
        let output = place.seedfs(&[word, "m"]);
        let said = text(&output.stderr);
        assert_eq!(code(output.status), 2, "{word}: {said}");
        assert!(said.contains("another filesystem (tmpfs) is mounted over it"), "{word}: {said}");
    }
    precious(&place.mount());
    unmount(&place.mount());

    place.signal(0, Signal::SIGKILL);
    let _ = place.daemons[0].wait();
    for path in ["m", "m/", "m/node_0", "m/."] {
        let output = place.seedfs(&["status", path]);
        let said = text(&output.stderr);
        assert_eq!(code(output.status), 3, "{path}: {said}");
        assert!(said.contains("its daemon is gone") && said.contains("seedfs umount"), "{said}");
    }
    assert!(place.seedfs(&["umount", "m/"]).status.success());
    assert_eq!(mounts_at(&place.mount()), 0);
}

/// Somebody works in a mount that was taken out of sight.
#[test]
fn a_mount_out_of_sight_is_no_directory_of_nodes() {
    let mut place = Place::new();
    place.start(&[]);
    let mut status = seedfs();
    status.args(["status", "."]).current_dir(place.mount());
    let held = fs::File::open(place.mount()).unwrap();
    assert!(place.seedfs(&["umount", "--lazy", "m"]).status.success());
    let held_path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held));
    let output = seedfs()
        .args(["status", "/dev/stdin"])
        .stdin(fs::File::open(held_path).unwrap())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(code(output.status), 2, "{said}");
    assert!(said.contains("out of sight"), "{said}");
    drop(held);
    assert_eq!(place.end(0), 0);
}

/// The short form; `dev/mount-loops` by itself does it 1000 times.
#[test]
fn many_mounts_in_every_way_leave_everything_else() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("dev/mount-loops");
    let output = Command::new(script)
        .arg("30")
        .env("SEEDFS_BIN", env!("CARGO_BIN_EXE_seedfs"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains("30 loops"), "{}", text(&output.stdout));
}

/// A shell that holds a lock and a pipe mounts; when it lets go, they are free.
#[test]
fn a_daemon_holds_nothing_of_its_caller() {
    const SCRIPT: &str = r#"
        exec 7>"$2/lock" 8>&1
        flock 7
        "$1" mount --size=1M "$2/m" >/dev/null
    "#;
    let place = Place::new();
    let output = Command::new("timeout")
        .args(["30", "sh", "-euc", SCRIPT, "sh", env!("CARGO_BIN_EXE_seedfs")])
        .arg(place.path())
        .output();
    // Reading the pipe to its end waits for all who hold it.
    let lock = place.path().join("lock");
    let is_free = Command::new("flock").args(["--nonblock"]).arg(&lock).arg("true").status();
    assert!(place.seedfs(&["umount", "m"]).status.success());
    assert_eq!(code(output.unwrap().status), 0);
    assert!(is_free.unwrap().success(), "the lock lives as long as the mount");
}

/// A copy of the program that every user can run, and a user who is nobody else's.
fn for_others(place: &Place) -> PathBuf {
    let everybody = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.path(), everybody.clone()).unwrap();
    let program = place.path().join("seedfs");
    fs::copy(env!("CARGO_BIN_EXE_seedfs"), &program).unwrap();
    fs::set_permissions(&program, everybody).unwrap();
    program
}

#[test]
fn another_user_is_told_why_not() {
    let mut place = Place::new();
    place.start(&[]);
    let program = for_others(&place);
    for (word, said) in [
        ("status", "user 0 mounted it without --allow-other"),
        ("reset", "user 0 mounted it without --allow-other"),
        ("umount", "mounted by user 0: only that user and root can unmount it"),
    ] {
        let output = Command::new("setpriv")
            .args(["--reuid=3000001", "--regid=3000001", "--clear-groups"])
            .arg(&program)
            .arg(word)
            .arg(place.mount())
            .output()
            .unwrap();
        assert_eq!(code(output.status), 3, "{word}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{word}: {}", text(&output.stderr));
    }
    assert_eq!(mounts_at(&place.mount()), 1);
}

/// A user who may have one process, and no thread beside it.
#[test]
fn work_goes_on_where_there_are_no_threads_to_be_had() {
    let place = Place::new();
    let program = for_others(&place);
    let directory = place.path().join("files");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let directory = directory.to_str().unwrap();
    let dataset = ["--files=5", "--size=9M", "--threads=64"];
    let cat = ["cat", "--files=5", "--size=9M", "node_0/process_0/file_3"];
    for words in [
        &cat[..],
        &[&["sums"], &dataset[..]].concat(),
        &[&["write", "-q"], &dataset[..], &[directory]].concat(),
        &[&["verify", "-q"], &dataset[..], &[directory]].concat(),
    ] {
        let output = Command::new("prlimit")
            .args(["--nproc=1", "setpriv", "--reuid=3000002", "--regid=3000002", "--clear-groups"])
            .arg(&program)
            .args(words)
            .output()
            .unwrap();
        assert_eq!(code(output.status), 0, "{words:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{words:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_pipe_is_no_content() {
    let place = Place::new();
    let pipe = place.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let content = format!("--content=file:{}", pipe.display());
    let log = format!("--log={}", pipe.display());
    for words in [
        &["cat", &content, "node_0/process_0"][..],
        &["mount", &content, "m"],
        &["mount", "--size=1M", &log, "m"],
    ] {
        let output = Command::new("timeout")
            .args(["20", env!("CARGO_BIN_EXE_seedfs")])
            .args(words)
            .current_dir(place.path())
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(code(output.status), 2, "{words:?}: {said}");
        assert!(said.contains(pipe.to_str().unwrap()), "{words:?}: {said}");
    }
}

#[test]
fn lines_of_one_kind_are_counted_and_not_written() {
    let mut place = Place::new();
    place.start(&["--on-mismatch=reject"]);
    let file = fs::OpenOptions::new().write(true).open(place.mount().join("node_0/process_0"));
    let file = file.unwrap();
    for _ in 0..1000 {
        let error = std::os::unix::fs::FileExt::write_at(&file, b"wrong", 0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5), "EIO");
    }
    drop(file);
    place.signal(0, Signal::SIGTERM);
    assert_eq!(place.end(0), 0);
    let log = place.log();
    let about = log.lines().filter(|line| line.contains("not what belongs there"));
    let (counts, lines): (Vec<&str>, Vec<&str>) =
        about.partition(|line| line.contains("lines left out"));
    assert!((10..=100).contains(&lines.len()), "{} lines", lines.len());
    let left_out: usize = counts.iter().map(|line| count(line)).sum();
    assert_eq!(lines.len() + left_out, 1000, "{log}");
}

/// The number of lines that a line says were left out. It is for people, with colours.
fn count(line: &str) -> usize {
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let (_, behind) = line.split_once("count").unwrap();
    let start = behind.find('=').unwrap();
    let plain = behind[start + 1..].trim_start_matches("\u{1b}[0m");
    digits(plain).parse().unwrap()
}

/// Nobody reads the log: system calls are answered all the same.
#[test]
fn a_log_that_is_not_read_stops_nobody() {
    const SCRIPT: &str = r#"
        cd "$1"; n=0
        while [ $n -lt 3000 ]; do [ -e no$n ] && exit 1; n=$((n + 1)); done
    "#;
    let mut place = Place::new();
    let daemon = seedfs()
        .args(["mount", "--foreground", "--size=1M"])
        .arg(place.mount())
        .env("SEEDFS_LOG", "trace")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    place.daemons.push(daemon);
    wait_for("the mount", || mounts_at(&place.mount()) == 1);
    let status = Command::new("timeout")
        .args(["--signal=KILL", "30", "sh", "-c", SCRIPT, "sh"])
        .arg(place.mount())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0), "it was stopped");
    place.signal(0, Signal::SIGTERM);
    assert_eq!(place.end(0), 0);
}

/// The kept bytes' file has no name, so no way of ending leaves it behind.
#[test]
fn a_second_signal_leaves_no_store() {
    let mut place = Place::new();
    let store = place.path().join("store");
    fs::create_dir(&store).unwrap();
    place.start(&["--store", store.to_str().unwrap()]);
    fs::write(place.mount().join("notes"), vec![7; 100_000]).unwrap();
    let open = fs::File::open(place.mount().join("notes")).unwrap();
    place.signal(0, Signal::SIGTERM);
    wait_for("the unmount", || mounts_at(&place.mount()) == 0);
    place.signal(0, Signal::SIGTERM);
    assert_eq!(place.end(0), 0);
    assert_eq!(fs::read_dir(&store).unwrap().count(), 0);
    drop(open);
}

#[test]
fn a_watch_that_is_interrupted_says_so() {
    let place = Place::new();
    let files = place.path().join("files");
    fs::create_dir(&files).unwrap();
    let write = ["write", "-q", "--nodes=2", "--node-id=0", "--size=4K", "files"];
    assert!(place.seedfs(&write).status.success());
    let mut watch = seedfs()
        .args(["status", "--watch", "files"])
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It has shown something: it is waiting now.
    let mut first = [0];
    std::io::Read::read_exact(watch.stdout.as_mut().unwrap(), &mut first).unwrap();
    thread::sleep(Duration::from_millis(300));
    // Not SIGINT: a shell without job control starts what is in its background with that ignored.
    kill(Pid::from_raw(i32::try_from(watch.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(code(watch.wait().unwrap()), 130);
}
