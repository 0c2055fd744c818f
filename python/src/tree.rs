//! Judging a directory, with an eye on Ctrl-C.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use seedfs::dataset::Dataset;
use seedfs::disk::Disk;
use seedfs::numa::Placement;
use seedfs::storage::{
    self, EarlierSeeds, Patience, Progress, Requests, ResumeState, Root, Sample, Share, StopFlag,
    Transfer, VerifyOptions, VerifyWatch,
};

use crate::json::{refuse, to_verdict};

/// What somebody wants of a verification.
pub(crate) struct How {
    pub(crate) node: Option<u16>,
    pub(crate) threads: Option<usize>,
    pub(crate) direct_io: bool,
    pub(crate) drop_cache: bool,
    pub(crate) sample: f64,
    pub(crate) stop_after: Option<u64>,
}

/// How many threads one may ask for, as on the command line.
const THREADS_MAX: usize = 1024;

/// How often Python is asked whether somebody wants us to stop.
const SIGNALS_EVERY: Duration = Duration::from_millis(50);

pub(crate) fn verify(
    py: Python<'_>,
    dataset: &Dataset,
    directory: &Path,
    how: &How,
) -> PyResult<Py<PyAny>> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = how.threads.unwrap_or(cores);
    if !(1..=THREADS_MAX).contains(&threads) {
        return Err(PyValueError::new_err(format!("threads: expected 1 to {THREADS_MAX}")));
    }
    let nodes = dataset.dimensions().nodes;
    if how.node.is_some_and(|node| u32::from(node) >= nodes) {
        return Err(PyValueError::new_err(format!("node: expected 0 to {}", nodes - 1)));
    }
    let stop_after = how.stop_after.map(NonZeroU64::try_from).transpose();
    let transfer = if how.direct_io { Transfer::Direct } else { Transfer::Cached };
    let requests = Requests::new(transfer, threads, None, None);
    let options = VerifyOptions {
        threads,
        placement: Placement::Auto,
        transfer,
        requests: requests.map_err(|error| refuse(format!("threads: {error}")))?,
        drop_cache: how.drop_cache,
        sample: Sample::new(how.sample).map_err(|error| refuse(format!("sample: {error}")))?,
        stop_after: stop_after
            .map_err(|_| PyValueError::new_err("stop_after: expected 1 or more"))?,
        patience: Patience::default(),
    };
    let share = Share::new(dataset, how.node);
    let document = py.detach(|| run(share, directory, options))?;
    to_verdict(py, &document)
}

/// Verifies on threads of its own, while this one asks Python about signals.
fn run(share: Share<'_>, directory: &Path, options: VerifyOptions) -> PyResult<serde_json::Value> {
    let root = Root::open(Disk::real(), directory).map_err(|error| {
        let said = error.kind().to_string();
        PyOSError::new_err((error.raw_os_error(), said, directory.as_os_str().to_owned()))
    })?;
    let new = ResumeState::new(&root, share, &options)?;
    let progress = Progress::new(share.file_count(), 0);
    let stop = StopFlag::default();
    let state = thread::scope(|scope| {
        let (done, until_done) = channel::<()>();
        let work = || {
            let done = done;
            let watch = VerifyWatch {
                progress: &progress,
                stop: &stop,
                save: &|_| {},
                earlier: &EarlierSeeds::NONE,
            };
            let state = storage::verify(&root, share, options, new, watch);
            drop(done);
            state
        };
        let work = thread::Builder::new().spawn_scoped(scope, work)?;
        let mut interrupted = Ok(());
        while until_done.recv_timeout(SIGNALS_EVERY) == Err(RecvTimeoutError::Timeout) {
            if interrupted.is_ok() {
                #[expect(
                    clippy::redundant_closure_for_method_calls,
                    reason = "the method itself is of one lifetime"
                )]
                let signals = Python::attach(|py| py.check_signals());
                interrupted = signals;
                if interrupted.is_err() {
                    stop.set();
                }
            }
        }
        let state = work.join().map_err(|_| PyOSError::new_err("a thread has failed"))?;
        interrupted.and(state.map_err(|error| PyOSError::new_err(error.to_string())))
    })?;
    let surroundings = state.surroundings(share, directory, progress.snapshot());
    let json = state.verification.document(&surroundings);
    serde_json::from_slice(&json).map_err(refuse)
}
