//! `seedfs mount`

use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use nix::fcntl::OFlag;
use nix::unistd::{Gid, Uid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, gethostname, setsid};
use tracing_subscriber::EnvFilter;

use super::dataset_args::DatasetArguments;
use super::kernel_args::KernelArguments;
use super::log::{Colours, Log};
use super::publishing::Publishing;
use super::values::{THREADS_MAX, Words, number, size, word};
use super::{Failure, both, pool};
use crate::dataset::Dataset;
use crate::fs::{CacheMode, Filesystem, OnMismatch, Options, STATUS_NAME};
use crate::fuse::{
    self, ConnectionOptions, MountError, MountOptions, Mountpoint, MountpointError, OptionWord,
};
use crate::overlay::{BudgetLimits, Store};
use crate::report::RunIdentity;
use crate::storage::find_job;

/// Mount a dataset
///
/// Returns when the mount answers; the daemon goes on in the background until it is unmounted or
/// gets SIGTERM, SIGINT or SIGHUP. With --foreground it stays, for service managers.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct MountArguments {
    /// An empty directory
    #[arg(value_name = "MOUNTPOINT")]
    mountpoint: PathBuf,

    #[command(flatten)]
    dataset: DatasetArguments,

    #[command(flatten)]
    judge: JudgeArguments,

    #[command(flatten)]
    mount: AttachArguments,

    #[command(flatten)]
    kernel: KernelArguments,
}

const EXAMPLES: &str = "Examples:
  seedfs mount --seed 42 --nodes 4 --processes 8 --size 10G /mnt/seed
  dd if=/mnt/seed/node_2/process_1 of=/dev/null bs=1M
  seedfs mount --config /mnt/seed/.status/config.json /mnt/twin

The daemon's log goes to --log FILE, or with --foreground to standard error; the variable \
SEEDFS_LOG sets how much it says: error, warn, info (the default), debug, trace.";

/// How what is written is judged and kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Writing and status")]
struct JudgeArguments {
    /// Keep at most this many bytes that are nobody's content; a write past it fails with ENOSPC
    #[arg(long, value_name = "SIZE", default_value = "1G", allow_hyphen_values = true)]
    keep: String,

    /// Keep pieces of 4 KiB and more in a file in this directory instead of in memory: a sparse
    /// file without a name that gives back what is freed, and goes with the mount
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    /// Let that file hold at most this much [default: what the disk has]
    #[arg(long, value_name = "SIZE", requires = "store", allow_hyphen_values = true)]
    store_limit: Option<String>,

    /// Keep at most this many extents, 256 bytes of memory each, with records, names and attributes
    /// counted as extents; what needs more fails with ENOSPC
    #[arg(
        long,
        value_name = "N",
        default_value_t = BudgetLimits::default().extents,
        value_parser = number(0..=u64::MAX),
        allow_hyphen_values = true
    )]
    extent_limit: u64,

    /// What a write of wrong bytes does
    #[arg(long, value_name = "WHAT", default_value = "record", value_parser = word(ON_MISMATCH))]
    on_mismatch: OnMismatch,

    /// This node's number in a cluster, shown in .status/summary.json and in reports
    #[arg(
        long,
        value_name = "K",
        value_parser = number(0..=u32::MAX),
        allow_hyphen_values = true
    )]
    node_id: Option<u32>,

    /// Report each second, as the node of --node-id, in the directory .seedfs of this one, which
    /// must be there and which all nodes see: 'seedfs status DIR' shows the mounts of all
    #[arg(long, value_name = "DIR", requires = "node_id")]
    publish: Option<PathBuf>,

    /// List .status in the root; it can be opened by name in any case
    #[arg(long)]
    list_status: bool,

    /// Let everybody read .status, where --allow-other lets others use the mount: it shows bytes
    /// and names also of files and directories that they may not read
    #[arg(long, requires = "allow_other")]
    share_status: bool,
}

/// How it is mounted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Mount")]
struct AttachArguments {
    /// Where reads go
    #[arg(long, value_name = "MODE", default_value = "direct", value_parser = word(CACHE_MODES))]
    cache: CacheMode,

    /// Event loops that answer the kernel, 1 to 1024 [default: one for each core]
    #[arg(
        long,
        value_name = "N",
        value_parser = number(NonZeroUsize::MIN..=THREADS_MAX),
        allow_hyphen_values = true
    )]
    threads: Option<NonZeroUsize>,

    /// Let other users use the mount; unless you are root, /etc/fuse.conf must say user_allow_other
    #[arg(long)]
    allow_other: bool,

    /// Options for the kernel's mount table: ro, rw, exec, noexec, suid, nosuid, dev, nodev, atime,
    /// noatime, sync, async, dirsync, fsname=NAME; and nonempty, to mount over a directory that
    /// holds something
    #[arg(short = 'o', value_name = "OPTION", value_delimiter = ',')]
    options: Vec<OptionWord>,

    /// Stay in the foreground until it is unmounted
    #[arg(long)]
    foreground: bool,

    /// Append the daemon's log to a file
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// Be the daemon of a parent that waits for the word on standard output
    #[arg(long, hide = true)]
    daemon: bool,
}

const ON_MISMATCH: Words<OnMismatch> = &[
    ("record", "it succeeds and is recorded", OnMismatch::Record),
    ("reject", "it fails with EIO", OnMismatch::Reject),
];

const CACHE_MODES: Words<CacheMode> = &[
    ("direct", "each to seedfs", CacheMode::Direct),
    ("page", "through the kernel's page cache", CacheMode::Page),
];

/// What `--keep` and `--store-limit` take.
const ANY_SIZE: RangeInclusive<u64> = 0..=u64::MAX;
const SIZE: &str = "a size, like 0 or 1G";

/// How much the log says.
const LOG_VARIABLE: &str = "SEEDFS_LOG";

/// What the daemon says when the mount answers.
const READY: &str = "ready";

pub(super) fn run(arguments: &MountArguments) -> Result<ExitCode, Failure> {
    // All of it before anything is done, also where the daemon will do it again.
    let dataset = arguments.dataset.dataset();
    let options = arguments.judge.options(arguments.mount.cache);
    let (dataset, (options, connection)) =
        both(dataset, both(options, arguments.connection_options()))?;
    let nonempty = arguments.mount.options.iter().any(OptionWord::allows_non_empty);
    let mountpoint =
        Mountpoint::new(&arguments.mountpoint, nonempty).map_err(|error| match error {
            MountpointError::Unreadable(..) => Failure::system(error),
            _ => Failure::usage(error),
        })?;
    if arguments.mount.foreground || arguments.mount.daemon {
        serve(arguments, dataset, options, connection, &mountpoint)
    } else {
        start_daemon(&mountpoint)
    }
}

impl MountArguments {
    fn connection_options(&self) -> Result<ConnectionOptions, Failure> {
        self.kernel.options(self.mount.cache, Uid::effective().is_root())
    }
}

impl JudgeArguments {
    fn options(&self, cache: CacheMode) -> Result<Options, Failure> {
        if let Some(directory) = self.store.as_ref().filter(|directory| !directory.is_dir()) {
            return Err(Failure::usage(format!(
                "--store '{}': not a directory; expected an existing directory",
                directory.display()
            )));
        }
        self.store_limit_bytes()?;
        let kept_bytes = size("--keep", &self.keep, &ANY_SIZE, SIZE)?;
        Ok(Options {
            limits: BudgetLimits { kept_bytes, extents: self.extent_limit },
            on_mismatch: self.on_mismatch,
            cache,
            list_status: self.list_status,
            share_status: self.share_status,
            node_id: self.node_id,
            uid: Uid::effective().as_raw(),
            gid: Gid::effective().as_raw(),
        })
    }

    fn store_limit_bytes(&self) -> Result<u64, Failure> {
        self.store_limit
            .as_ref()
            .map_or(Ok(u64::MAX), |limit| size("--store-limit", limit, &ANY_SIZE, SIZE))
    }

    /// Makes the store, in the process that will use it.
    fn make_store(&self) -> Result<Option<Store>, Failure> {
        let Some(directory) = &self.store else { return Ok(None) };
        Store::create(directory, self.store_limit_bytes()?).map(Some).map_err(|error| {
            let directory = directory.display();
            Failure::system(format!("--store '{directory}': cannot make a file there: {error}"))
        })
    }
}

fn serve(
    arguments: &MountArguments,
    dataset: Dataset,
    options: Options,
    connection: ConnectionOptions,
    mountpoint: &Mountpoint,
) -> Result<ExitCode, Failure> {
    let mount = &arguments.mount;
    let log = start_log(mount)?;
    pool::start(None);
    let mount_options = MountOptions {
        allow_other: mount.allow_other,
        threads: mount.threads,
        words: mount.options.clone(),
        connection,
    };
    let daemon = mount.daemon;
    if daemon {
        // Out of the caller's terminal: its Ctrl-C is not meant for us. It fails only for the
        // leader of a process group, which a child just started is not.
        let _ = setsid();
    }
    let path = mountpoint.path().to_owned();
    let mut filesystem = Filesystem::with_store(dataset, options, arguments.judge.make_store()?);
    let run = this_run(filesystem.run());
    filesystem.identify(run, path.display().to_string());
    let filesystem = Arc::new(filesystem);
    let publish = arguments.judge.publish.as_deref();
    let publishing = publish.map(|place| Publishing::begin(place, &filesystem)).transpose()?;
    let last_words = log.clone();
    let ready = move || {
        // Nobody may be listening; the mount is there all the same.
        let mut stdout = io::stdout();
        if daemon {
            let _ = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
            leave_terminal();
        } else {
            let _ = announce(&mut stdout, &path);
        }
    };
    let served =
        fuse::serve(&filesystem, mountpoint, &mount_options, ready, move || last_words.end());
    if let Some(publishing) = publishing {
        publishing.end(served.as_ref().err().map(ToString::to_string));
    }
    let outcome = served.map_err(|error: MountError| {
        tracing::error!(%error, "the mount failed");
        Failure::system(error)
    });
    log.end();
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Which mount it is, where and since when.
fn this_run(run: &RunIdentity) -> RunIdentity {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    RunIdentity {
        host: gethostname().map_or_else(|_| String::new(), |it| it.to_string_lossy().into_owned()),
        pid: std::process::id(),
        started: since.as_secs_f64(),
        job: find_job(|name| std::env::var(name).ok()),
        ..run.clone()
    }
}

/// Runs this command again as the daemon, and waits until its mount answers or it has said why not.
fn start_daemon(mountpoint: &Mountpoint) -> Result<ExitCode, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::system(format!("cannot find the seedfs program: {error}")))?;
    // A lock or a pipe of the caller is not to live as long as the mount.
    fuse::keep_descriptors_from_children();
    let mut child = Command::new(program)
        // In front of all that was typed, in which `--` may end the options.
        .args(["mount", "--daemon"])
        .args(std::env::args_os().skip(2))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::system(format!("cannot start the daemon: {error}")))?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        // No word is the answer no, whatever the reason.
        let _ = BufReader::new(stdout).read_line(&mut said);
    }
    if said.trim_end() == READY {
        return match announce(&mut io::stdout(), mountpoint.path()) {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Failure::output(&error),
        };
    }
    let status = child
        .wait()
        .map_err(|error| Failure::system(format!("cannot wait for the daemon: {error}")))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        // It has said why on our standard error.
        Some(code) if code != 0 => Ok(code.into()),
        _ => Err(Failure::system(format!("the daemon ended before it had mounted: {status}"))),
    }
}

fn announce(out: &mut impl Write, path: &std::path::Path) -> io::Result<()> {
    let path = path.display();
    writeln!(out, "mounted on {path}")?;
    writeln!(out, "status: {path}/{STATUS_NAME}/summary.json, or 'seedfs status {path}'")?;
    writeln!(out, "unmount: seedfs umount {path}")
}

/// Lets go of the caller's terminal, pipes and directory, so that nobody waits for the daemon.
fn leave_terminal() {
    let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") else { return };
    let null = null.as_fd();
    // Each can fail only if the descriptor is bad, and this one was just opened.
    let _ = dup2_stdin(null);
    let _ = dup2_stdout(null);
    let _ = dup2_stderr(null);
    let _ = chdir("/");
}

/// Sends the log to the file, or in the foreground to standard error, or nowhere.
fn start_log(mount: &AttachArguments) -> Result<Log, Failure> {
    // fuser warns of an unmount by somebody else, which is how most mounts end.
    let wanted = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| "info,fuser=error".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        let accepted = "expected error, warn, info, debug or trace";
        Failure::usage(format!("the variable {LOG_VARIABLE} '{wanted}': {error}; {accepted}"))
    })?;
    let started = match &mount.log {
        Some(path) => {
            // A pipe that nobody reads is refused, and not waited for.
            let no_waiting = OFlag::O_NONBLOCK.bits();
            let mut file = OpenOptions::new();
            file.create(true).append(true).custom_flags(no_waiting);
            let file = file.open(path).map_err(|error| {
                Failure::usage(format!(
                    "--log '{}': {error}; expected a file that can be written to",
                    path.display()
                ))
            })?;
            Log::start(filter, Colours::None, file)
        }
        None if mount.foreground => Log::start(filter, Colours::Terminal, io::stderr()),
        None => return Ok(Log::default()),
    };
    started.map_err(|error| Failure::system(format!("cannot start the log: {error}")))
}
