//! What the tests of the program share: running it, and mounts that never outlive their test.

#![allow(dead_code, reason = "each test program uses a part of this")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

pub(crate) mod storage;
pub(crate) mod unmounted;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The program that was built, to be given arguments.
pub(crate) fn seedfs() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seedfs"));
    command.env_remove("SEEDFS_LOG").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    seedfs().args(arguments).output().expect("the program can be started")
}

/// The exit code; a signal is none.
pub(crate) fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| panic!("ended by a signal: {status}"))
}

/// What was written to a pipe.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes UTF-8")
}

/// Longer than anything in a test takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for a condition, and fails where it does not come about.
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Bytes that no dataset has, other ones for each seed.
pub(crate) fn foreign(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// A mounted seedfs on a directory of its own; unmounted when dropped, also by a panic.
pub(crate) struct Mount {
    directory: TempDir,
}

impl Mount {
    /// Mounts with these options in front of the mount point.
    pub(crate) fn new(options: &[&str]) -> Self {
        Self::saying(options).0
    }

    /// The same, and what was said to standard error.
    pub(crate) fn saying(options: &[&str]) -> (Self, String) {
        assert!(
            Path::new("/dev/fuse").exists(),
            "/dev/fuse is missing: these tests mount. Load the module (modprobe fuse), or start the \
             container with --device /dev/fuse --cap-add SYS_ADMIN"
        );
        // The guard is there before the mount is: whatever fails from here on, it cleans up.
        let mount = Self { directory: TempDir::new().expect("a temporary directory") };
        let output = seedfs()
            .arg("mount")
            .args(options)
            .arg(mount.path())
            .output()
            .expect("the program can be started");
        let said = text(&output.stderr);
        assert!(output.status.success(), "seedfs mount {options:?}: {said}");
        (mount, said)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path in the mount.
    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Writes into a file that is there.
    pub(crate) fn write_at(&self, path: &str, offset: u64, bytes: &[u8]) {
        let file = File::options().write(true).open(self.join(path)).expect("a file to write to");
        file.write_all_at(bytes, offset).expect("it is accepted");
    }

    /// A document under `.status`, as it is now.
    pub(crate) fn status(&self, document: &str) -> Value {
        let path = self.join(".status").join(document);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{document}: {error}: {text}"))
    }

    /// Unmounts now, and says how that went; dropping does the same without a word.
    pub(crate) fn unmount(&self) -> Output {
        seedfs().arg("umount").arg(self.path()).output().expect("the program can be started")
    }

    /// Whether anything is mounted on the directory.
    pub(crate) fn is_mounted(&self) -> bool {
        is_mounted(self.path())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.is_mounted() && !self.unmount().status.success() {
            // Something still holds a file open: out of sight at least, and gone with the test.
            let _ = Command::new("umount").arg("-l").arg(self.path()).status();
        }
    }
}

/// Whether anything is mounted on a directory. Asks the kernel's table, so a dead mount counts too.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let path = path.to_str().expect("a temporary directory has a plain name");
    let table = std::fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    table.lines().any(|line| line.split(' ').nth(4) == Some(path))
}

/// The memory of the daemon that serves a mount.
pub(crate) fn resident_bytes(mount: &Mount) -> u64 {
    daemon(mount).status().unwrap().vmrss.unwrap() * 1024
}

/// The daemon that serves a mount: the process whose last argument is the mount point.
pub(crate) fn daemon(mount: &Mount) -> procfs::process::Process {
    let wanted = mount.path().as_os_str().as_encoded_bytes();
    for process in procfs::process::all_processes().unwrap().flatten() {
        let Ok(command) = process.cmdline() else { continue };
        let daemon = command.iter().any(|word| word == "--daemon");
        if daemon && command.iter().any(|word| word.as_bytes() == wanted) {
            return process;
        }
    }
    panic!("no daemon serves {}", mount.path().display())
}
