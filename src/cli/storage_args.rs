//! The options that `write`, `verify` and `sums` share.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clap::Args;
use procfs::process::Process;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::dataset_args::{AUTO, DatasetArguments};
use super::values::{THREADS_MAX, number};
use super::{Failure, INTERRUPTED, plain};
use crate::dataset::{Dataset, parse_count};
use crate::storage::{FileFailure, Findings, Patience, Rank, StopFlag, find_rank};

/// The directories that a command is about.
#[derive(Clone, Debug, Args)]
pub(super) struct TargetArguments {
    /// Where the files are: one directory, or several that they are spread over; 'write' makes
    /// those that do not exist
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,

    /// Try again up to so many times, after pauses that grow from 0.1 to 10 seconds, what fails
    /// with an error that may pass (EIO, EAGAIN, ETIMEDOUT, ESTALE): 'write' makes the file anew,
    /// 'verify' repeats the read [default: 0]
    #[arg(long, value_name = "N", value_parser = number(0..=1000_u32), help_heading = "Targets")]
    retry: Option<u32>,
}

impl TargetArguments {
    /// All of them.
    pub(super) fn all(&self) -> &[PathBuf] {
        &self.directories
    }

    /// The first of them.
    pub(super) fn first(&self) -> Result<&Path, Failure> {
        self.directories.first().map(PathBuf::as_path).ok_or_else(|| {
            Failure::usage("no directory was named; expected one or more".to_owned())
        })
    }

    /// The only one, which an option asks for.
    pub(super) fn only(&self, option: &str) -> Result<&Path, Failure> {
        match self.directories.len() {
            0 | 1 => self.first(),
            several => Err(Failure::usage(format!(
                "{option}: {several} directories were named; expected one"
            ))),
        }
    }

    /// Refuses --retry where nothing is tried again.
    pub(super) fn refuse_retry_with(&self, other: &str) -> Result<(), Failure> {
        if self.retry.is_none() {
            return Ok(());
        }
        Err(Failure::usage(format!("--retry with {other}: expected only one of them")))
    }

    /// How often something is tried again.
    pub(super) fn patience(&self) -> Patience {
        Patience { retries: self.retry.unwrap_or_default() }
    }
}

/// Which part of the work is this process's.
#[derive(Clone, Debug, Args)]
pub(super) struct PartArguments {
    /// Only the files of this node, counted from 0; auto asks the cluster's engine: Open MPI, PMI,
    /// Slurm, PBS or a Kubernetes indexed job [default: those of all nodes]
    #[arg(long, value_name = "K")]
    node_id: Option<String>,

    /// Threads, 1 to 1024 [default: one for each core]
    #[arg(
        short,
        long,
        value_name = "N",
        value_parser = number(NonZeroUsize::MIN..=THREADS_MAX),
        allow_hyphen_values = true
    )]
    threads: Option<NonZeroUsize>,
}

impl PartArguments {
    pub(super) fn threads(&self) -> usize {
        let cores = thread::available_parallelism().ok();
        self.threads.or(cores).map_or(1, NonZeroUsize::get)
    }

    /// At least one for each of so many targets, unless a number was given.
    pub(super) fn threads_for(&self, targets: usize) -> usize {
        if self.threads.is_some() { self.threads() } else { self.threads().max(targets) }
    }

    /// The dataset and the node; says on standard error what an engine was found to say.
    pub(super) fn resolve(
        &self,
        typed: &DatasetArguments,
        base: Option<&Path>,
        quiet: bool,
    ) -> Result<(Dataset, Option<u16>), Failure> {
        let typed_node = self.node_id.clone();
        let asks_node = typed_node.as_deref() == Some(AUTO);
        let rank = if asks_node || typed.asks_for_nodes() {
            let rank = find_rank(|name| std::env::var(name).ok()).map_err(|error| {
                let option = if asks_node { "--node-id" } else { "--nodes" };
                Failure::usage(format!("{option} '{AUTO}': {error}"))
            })?;
            Some(rank)
        } else {
            None
        };
        let nodes = match &rank {
            Some(rank) if typed.asks_for_nodes() => Some(rank.count.ok_or_else(|| {
                Failure::usage(format!(
                    "--nodes '{AUTO}': {} does not say how many there are: expected a number, \
                     or the variable SEEDFS_NODE_COUNT in the environment",
                    rank.engine
                ))
            })?),
            _ => None,
        };
        let dataset = typed.dataset_from(base, nodes)?;
        let node = match (&rank, typed_node) {
            (Some(rank), Some(_)) if asks_node => Some(rank.node.to_string()),
            (_, typed) => typed,
        };
        let node = node.map(|text| check_node(&text, &dataset)).transpose()?;
        if let Some(rank) = &rank
            && !quiet
        {
            announce(rank, node, &dataset);
        }
        Ok((dataset, node))
    }
}

fn check_node(text: &str, dataset: &Dataset) -> Result<u16, Failure> {
    let nodes = dataset.dimensions().nodes;
    let node = parse_count(text).filter(|node| *node < nodes.into());
    node.and_then(|node| node.try_into().ok()).ok_or_else(|| {
        Failure::usage(format!(
            "--node-id '{text}': expected a whole number below {nodes}, which is --nodes, or {AUTO}"
        ))
    })
}

fn announce(rank: &Rank, node: Option<u16>, dataset: &Dataset) {
    let node = node.map_or_else(|| "all nodes".to_owned(), |node| format!("node {node}"));
    let nodes = dataset.dimensions().nodes;
    let _ = writeln!(io::stderr(), "seedfs: {node} of {nodes}, found by {}", rank.engine);
}

/// Waits for signals: the first asks the work to stop, the second ends the process. What was
/// ignored when the process began, as nohup does with SIGHUP, stays ignored.
pub(super) struct Interruption {
    stop: StopFlag,
    interrupted: Arc<AtomicBool>,
}

impl Interruption {
    pub(super) fn new() -> Result<Self, Failure> {
        let interruption =
            Self { stop: StopFlag::default(), interrupted: Arc::new(AtomicBool::new(false)) };
        let ignored = Process::myself().and_then(|process| process.status());
        // Where the system does not say, none is.
        let ignored = ignored.map_or(0, |status| status.sigign);
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if ignored & (1 << (signal - 1)) != 0 {
                continue;
            }
            let flag = || Arc::clone(&interruption.interrupted);
            flag::register_conditional_shutdown(signal, INTERRUPTED.into(), flag())
                .and_then(|_| flag::register(signal, flag()))
                .and_then(|_| flag::register(signal, interruption.stop.flag()))
                .map_err(|error| Failure::system(format!("cannot wait for signals: {error}")))?;
        }
        Ok(interruption)
    }

    pub(super) fn stop(&self) -> &StopFlag {
        &self.stop
    }

    pub(super) fn happened(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

/// How many failures are named on standard error.
const NAMED_MAX: usize = 20;

/// Names the files that failed.
pub(super) fn name_failures(failures: &Findings<FileFailure>) {
    let mut stderr = io::stderr().lock();
    for failure in failures.listed.iter().take(NAMED_MAX) {
        let path = match &failure.target {
            Some(target) => format!("{target}/{}", failure.path),
            None => failure.path.clone(),
        };
        let _ = writeln!(stderr, "seedfs: {}: {}", plain(&path), failure.error);
    }
    let named = failures.listed.len().min(NAMED_MAX) as u64;
    if failures.total > named {
        let _ = writeln!(stderr, "seedfs: and {} more files failed", failures.total - named);
    }
}
