//! The mount: from options to a session that answers, until it is unmounted.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use fuser::{Config, MountOption, Session, SessionACL, SessionUnmounter};
use nix::mount::{MntFlags, umount2};
use nix::unistd::Uid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::adapter::Adapter;
use super::give_back::GivingBack;
use super::kernel::{KernelOptions, REQUEST_BYTES_MAX, set_read_ahead};
use super::mountpoint::Mountpoint;
use super::slow::Slow;
use crate::fs::Filesystem;

/// How a filesystem is mounted.
#[derive(Clone, Debug, Default)]
pub struct MountOptions {
    /// Whether other users may use it.
    pub allow_other: bool,
    /// Event loops; one a core where nothing is said.
    pub threads: Option<NonZeroUsize>,
    /// What the kernel's mount table is to say, beside the defaults.
    pub kernel: Vec<KernelOption>,
    /// What is asked of the kernel.
    pub limits: KernelOptions,
}

/// One word of `-o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelOption(MountOption);

/// A word of `-o` that is not known.
#[derive(Debug, thiserror::Error)]
#[error(
    "'{0}' is not a mount option that seedfs knows: accepted are ro, rw, exec, noexec, suid, \
     nosuid, dev, nodev, atime, noatime, sync, async, dirsync and fsname=NAME; \
     for allow_other there is --allow-other"
)]
pub struct OptionError(String);

impl FromStr for KernelOption {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        Ok(Self(match text {
            "ro" => MountOption::RO,
            "rw" => MountOption::RW,
            "exec" => MountOption::Exec,
            "noexec" => MountOption::NoExec,
            "suid" => MountOption::Suid,
            "nosuid" => MountOption::NoSuid,
            "dev" => MountOption::Dev,
            "nodev" => MountOption::NoDev,
            "atime" => MountOption::Atime,
            "noatime" => MountOption::NoAtime,
            "sync" => MountOption::Sync,
            "async" => MountOption::Async,
            "dirsync" => MountOption::DirSync,
            _ => match text.strip_prefix("fsname=") {
                Some(name) if !name.is_empty() => MountOption::FSName(name.to_owned()),
                _ => return Err(OptionError(text.to_owned())),
            },
        }))
    }
}

/// Why a mount did not come about, or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// There is no FUSE here.
    #[error(
        "/dev/fuse cannot be opened ({0}): load the module (modprobe fuse), or, in a container, \
         start it with --device /dev/fuse --cap-add SYS_ADMIN"
    )]
    NoFuse(#[source] io::Error),
    /// The kernel or fusermount3 said no.
    #[error("cannot mount on '{0}': {1}")]
    Mount(PathBuf, #[source] io::Error),
    /// The session broke.
    #[error("the session of '{0}' ended: {1}")]
    Session(PathBuf, #[source] io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(#[source] io::Error),
    /// It could not be unmounted.
    #[error("cannot unmount '{0}': {1}")]
    Unmount(PathBuf, String),
}

/// Mounts a filesystem, calls `ready` when the mount answers, and serves it until it is unmounted,
/// by somebody else or because of SIGINT, SIGTERM or SIGHUP.
///
/// # Errors
///
/// Says what could not be mounted, or how the session ended.
pub fn serve(
    filesystem: &Arc<Filesystem>,
    mountpoint: &Mountpoint,
    options: &MountOptions,
    ready: impl FnOnce(),
) -> Result<(), MountError> {
    let path = mountpoint.path();
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .map_err(MountError::NoFuse)?;
    // Before the mount, so that no signal can end the process and leave a dead mount behind.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(MountError::Signals)?;
    let signals_handle = signals.handle();

    let config = session_config(options);
    let notifier = Arc::new(OnceLock::new());
    let kernel = filesystem.content().kernel_name();
    let slow = Slow::default();
    let adapter =
        Adapter::new(Arc::clone(filesystem), options.limits, slow.clone(), Arc::clone(&notifier));
    let mut session = Session::new(adapter, path, &config)
        .map_err(|error| MountError::Mount(path.to_owned(), error))?;
    // It was empty: this is the only place that fills it.
    let _ = notifier.set(session.notifier());
    let unmounter = session.unmount_callable();
    let watcher = thread::Builder::new()
        .name("signals".to_owned())
        .spawn({
            let path = path.to_owned();
            move || unmount_on_signal(signals, unmounter, &path)
        })
        .map_err(MountError::Signals)?;
    set_read_ahead(path, &options.limits);
    tracing::info!(path = %path.display(), threads = config.n_threads, kernel, "mounted");
    ready();
    let sums = Sums::begin(filesystem);
    let giving_back = GivingBack::begin(filesystem);
    let outcome = session.run();
    drop(giving_back);
    sums.end();
    slow.end();
    tracing::info!(path = %path.display(), "unmounted");
    signals_handle.close();
    // It has nothing to tell: a panic of it was logged when it happened.
    let _ = watcher.join();
    outcome.map_err(|error| MountError::Session(path.to_owned(), error))
}

/// Threads that sum the sizes of the dataset's files while the mount answers: one for each four
/// cores, each half of the time, and no longer than the mount is there.
struct Sums {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Sums {
    fn begin(filesystem: &Arc<Filesystem>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut threads = Vec::new();
        // Where there is nothing to sum, the first step says so.
        if filesystem.sum_sizes() {
            for _ in 0..cores.div_ceil(4) {
                let (stop, filesystem) = (Arc::clone(&stop), Arc::clone(filesystem));
                let work = move || {
                    let mut began = Instant::now();
                    while !stop.load(Ordering::Relaxed) && filesystem.sum_sizes() {
                        thread::sleep(began.elapsed());
                        began = Instant::now();
                    }
                };
                match thread::Builder::new().name("sizes".to_owned()).spawn(work) {
                    Ok(thread) => threads.push(thread),
                    // Without them the totals stay an estimate, which is what they say.
                    Err(error) => tracing::warn!(%error, "cannot sum the sizes"),
                }
            }
        }
        Self { stop, threads }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

/// The library's session, as a mount has it.
#[must_use]
pub fn session_config(options: &MountOptions) -> Config {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::DefaultPermissions,
        // Not `Subtype`, which fuser keeps from the kernel when it mounts without fusermount3.
        MountOption::CUSTOM("subtype=seedfs".to_owned()),
    ];
    if options.limits.request_bytes < REQUEST_BYTES_MAX {
        // What is agreed on at the beginning limits writes only.
        let max_read = format!("max_read={}", options.limits.request_bytes);
        config.mount_options.push(MountOption::CUSTOM(max_read));
    }
    config.mount_options.extend(options.kernel.iter().map(|option| option.0.clone()));
    let named = |option: &MountOption| matches!(option, MountOption::FSName(_));
    if !config.mount_options.iter().any(named) {
        config.mount_options.push(MountOption::FSName("seedfs".to_owned()));
    }
    config.acl = if options.allow_other { SessionACL::All } else { SessionACL::Owner };
    config.n_threads = Some(options.threads.map_or(cores, NonZeroUsize::get));
    config.clone_fd = true;
    config
}

/// The first signal unmounts. Where files are still open, the mount goes out of sight and the
/// daemon goes on for them; the second signal does not wait for that.
fn unmount_on_signal(mut signals: Signals, mut unmounter: SessionUnmounter, path: &Path) {
    let mut signals = signals.forever();
    if signals.next().is_none() {
        return;
    }
    if let Err(error) = unmounter.unmount() {
        tracing::warn!(%error, "files are open: detached, and serving them until they are closed");
        if let Err(error) = detach(path, true) {
            tracing::error!(%error, "cannot detach");
        }
    }
    if signals.next().is_some() {
        tracing::warn!("ending with files open");
        std::process::exit(0);
    }
}

/// Unmounts a seedfs; `lazily` also where files are open.
///
/// # Errors
///
/// Says why not.
pub fn unmount(path: &Path, lazily: bool) -> Result<(), MountError> {
    detach(path, lazily).map_err(|reason| MountError::Unmount(path.to_owned(), reason))
}

fn detach(path: &Path, lazily: bool) -> Result<(), String> {
    if Uid::effective().is_root() {
        let flags = if lazily { MntFlags::MNT_DETACH } else { MntFlags::empty() };
        return match umount2(path, flags) {
            Ok(()) => Ok(()),
            Err(nix::errno::Errno::EBUSY) => Err(BUSY.to_owned()),
            Err(error) => Err(error.to_string()),
        };
    }
    // Only root may call umount(2): fusermount3 is set-uid root for this.
    let mut command = Command::new("fusermount3");
    command.arg("-u").args(lazily.then_some("-z")).arg("--").arg(path);
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(if said.contains("busy") { BUSY.to_owned() } else { said })
        }
        Err(error) => Err(format!("fusermount3 cannot be run ({error}): it is in package fuse3")),
    }
}

const BUSY: &str = "it is in use: end what uses it (fuser -m shows it), or use --lazy";
