//! The mount: from options to a session that answers, until it is unmounted.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fuser::{Config, MountOption, Session, SessionACL};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::adapter::Adapter;
use super::attach::{self, Detached, OwnMount};
use super::connection::{ConnectionOptions, set_read_ahead};
use super::give_back::GivingBack;
use super::mount_options::{MountWords, OptionWord};
use super::mounted::{InUse, Obstacle};
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
    pub words: Vec<OptionWord>,
    /// What is asked of the kernel.
    pub connection: ConnectionOptions,
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
}

/// Mounts a filesystem, calls `ready` when the mount answers, and serves it until it is unmounted,
/// by somebody else or because of SIGINT, SIGTERM or SIGHUP. A second signal ends the process at
/// once, after `leaving`.
///
/// # Errors
///
/// Says what could not be mounted, or how the session ended.
pub fn serve(
    filesystem: &Arc<Filesystem>,
    mountpoint: &Mountpoint,
    options: &MountOptions,
    ready: impl FnOnce(),
    leaving: impl Fn() + Send + 'static,
) -> Result<(), MountError> {
    let path = mountpoint.path();
    attach::open_device().map_err(MountError::NoFuse)?;
    // Before the mount, so that no signal can end the process and leave a dead mount behind.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(MountError::Signals)?;
    let signals_handle = signals.handle();

    let config = session_config(options);
    let threads = config.n_threads;
    let notifier = Arc::new(OnceLock::new());
    let cipher = filesystem.content().cipher_kernel();
    let slow = Slow::default();
    let adapter = || {
        let (slow, notifier) = (slow.clone(), Arc::clone(&notifier));
        Adapter::new(Arc::clone(filesystem), options.connection, slow, notifier)
    };
    let (session, own) = begin(adapter, &config, options, mountpoint)
        .map_err(|error| MountError::Mount(path.to_owned(), error))?;
    let own = Arc::new(own);
    // It was empty: this is the only place that fills it.
    let _ = notifier.set(session.notifier());
    let watcher = thread::Builder::new()
        .name("signals".to_owned())
        .spawn({
            let own = Arc::clone(&own);
            move || unmount_on_signal(signals, &own, leaving)
        })
        .map_err(|error| {
            // It would be dead.
            let _ = own.unmount(InUse::Detach);
            MountError::Signals(error)
        })?;
    if let Some(mounted) = own.mounted() {
        set_read_ahead(mounted.device(), &options.connection);
    }
    tracing::info!(path = %path.display(), threads, cipher, "mounted");
    ready();
    let sums = SizeSummers::begin(filesystem);
    let giving_back = GivingBack::begin(filesystem);
    let outcome = session.run();
    drop(giving_back);
    sums.end();
    slow.end();
    signals_handle.close();
    // It has nothing to tell: a panic of it was logged when it happened.
    let _ = watcher.join();
    // Nearly always it has gone already. A connection that was aborted leaves its mount.
    if let Err(obstacle) = own.unmount(InUse::Detach) {
        tracing::warn!(%obstacle, "a dead mount stays");
    }
    tracing::info!(path = %path.display(), "unmounted");
    unless_ended(outcome).map_err(|error| MountError::Session(path.to_owned(), error))
}

/// The kernel ends a session with `ENODEV`, which fuser knows, or with `ECONNABORTED` where the
/// connection goes between taking a request from its queue and handing it over
/// (`fuse_dev_do_read`): the last close of a detached mount does that now and then.
fn unless_ended(outcome: io::Result<()>) -> io::Result<()> {
    outcome.or_else(|error| match error.kind() {
        io::ErrorKind::ConnectionAborted => Ok(()),
        _ => Err(error),
    })
}

/// Mounts, and agrees with the kernel.
fn begin(
    adapter: impl Fn() -> Adapter,
    config: &Config,
    options: &MountOptions,
    mountpoint: &Mountpoint,
) -> io::Result<(Session<Adapter>, OwnMount)> {
    let words = MountWords::new(options);
    let session = |device| Session::from_fd(adapter(), device, config.acl, config.clone());
    // Out of sight first: it shows when it answers, and nothing stays where that fails.
    let out_of_sight = || {
        let detached = Detached::new(&words)?;
        let session = session(detached.device()?)?;
        Ok((session, detached.attach(mountpoint)?))
    };
    out_of_sight().or_else(|error: io::Error| {
        tracing::debug!(%error, "cannot be mounted out of sight");
        let own = attach::attach(&words, mountpoint)?;
        match own.device().and_then(session) {
            Ok(session) => Ok((session, own)),
            Err(error) => {
                // It would be dead.
                let _ = own.unmount(InUse::Detach);
                Err(error)
            }
        }
    })
}

/// Threads that sum the sizes of the dataset's files while the mount answers: one for each four
/// cores, each half of the time, and no longer than the mount is there.
struct SizeSummers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl SizeSummers {
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
    // For those who let the library mount; we do that ourselves.
    config.mount_options = vec![
        MountOption::DefaultPermissions,
        // Not `Subtype`, which fuser keeps from the kernel when it mounts without fusermount3.
        MountOption::CUSTOM("subtype=seedfs".to_owned()),
        MountOption::FSName("seedfs".to_owned()),
    ];
    config.acl = if options.allow_other { SessionACL::All } else { SessionACL::Owner };
    config.n_threads = Some(options.threads.map_or(cores, NonZeroUsize::get));
    config.clone_fd = true;
    config
}

/// How often it is looked whether the way is free again.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The first signal unmounts. Where files are still open, the mount goes out of sight and the
/// daemon goes on for them; where something else is mounted over it or in it, that is not touched,
/// and the unmount waits. The second signal waits for nothing.
fn unmount_on_signal(mut signals: Signals, own: &OwnMount, leaving: impl Fn()) {
    let end_at_once = || {
        tracing::warn!("ending with the mount in use");
        leaving();
        std::process::exit(0);
    };
    if signals.forever().next().is_none() {
        return;
    }
    let mut told = None;
    while let Err(obstacle) = unmount_or_detach(own) {
        if told.as_ref() != Some(&obstacle) {
            tracing::warn!(%obstacle, "cannot unmount yet; another signal ends at once");
            told = Some(obstacle);
        }
        if signals.is_closed() {
            return;
        }
        if signals.pending().next().is_some() {
            end_at_once();
        }
        thread::sleep(LOOK_EVERY);
    }
    if signals.forever().next().is_some() {
        end_at_once();
    }
}

fn unmount_or_detach(own: &OwnMount) -> Result<(), Obstacle> {
    own.unmount(InUse::Stays).or_else(|obstacle| match obstacle {
        Obstacle::InUse => {
            own.unmount(InUse::Detach)?;
            tracing::warn!("files are open: detached, and serving them until they are closed");
            Ok(())
        }
        obstacle => Err(obstacle),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_went_is_an_end_and_nothing_else_is() {
        let outcome = |errno| unless_ended(Err(io::Error::from_raw_os_error(errno)));
        assert!(outcome(libc::ECONNABORTED).is_ok());
        assert_eq!(outcome(libc::EIO).map_err(|error| error.raw_os_error()), Err(Some(libc::EIO)));
    }
}
