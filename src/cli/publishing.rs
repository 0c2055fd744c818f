//! `seedfs mount --publish`: a mount's report, each second, in a directory that others see.
//!
//! The directory may be on a file server that does not answer. So a thread of its own opens it and
//! writes there. The mount waits for that thread when it begins and when it ends, and only a
//! little; while it serves, nobody does.

use std::io::{self, Write};
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Failure;
use crate::content::StopCheck;
use crate::disk::Disk;
use crate::fs::Filesystem;
use crate::report::{LastSecond, Phase, RunCommand, RunErrors, RunReport};
use crate::storage::{EarlierReport, Publisher, Root};

/// How often there is a report.
const EVERY: Duration = Duration::from_secs(1);
/// How long a mount that begins, or ends, waits for its first report, or its last.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a mount has ended: with this error, where it was not well.
type Ending = Option<String>;

/// The thread that publishes.
pub(super) struct Publishing {
    ending: Sender<Ending>,
    /// Closed when the thread has ended.
    over: Receiver<()>,
    /// Set when the mount has ended: a report that is being made then is not waited for.
    ended: Arc<AtomicBool>,
}

/// Why there was no first report.
enum NoReport {
    /// There is no such directory.
    Place(io::Error),
    /// It cannot be written to.
    File(io::Error),
}

impl Publishing {
    /// Starts the thread, and waits a little for the first report. Only a directory that is not
    /// there is refused; all else is a warning, and the mount goes on.
    pub(super) fn begin(place: &Path, filesystem: &Arc<Filesystem>) -> Result<Self, Failure> {
        let shown = place.display();
        // The daemon leaves the directory that it was started in.
        let path = absolute(place)
            .map_err(|error| Failure::usage(format!("--publish '{shown}': {error}")))?;
        let (ending, endings) = channel();
        let (done, over) = channel();
        let (first, outcome) = channel();
        let ended = Arc::new(AtomicBool::new(false));
        let published =
            Published { filesystem: Arc::clone(filesystem), path, ended: Arc::clone(&ended) };
        let work = move || {
            published.work(&first, &endings);
            drop(done);
        };
        thread::Builder::new()
            .name("publish".to_owned())
            .spawn(work)
            .map_err(|error| Failure::system(format!("cannot start a thread: {error}")))?;
        let obstacle = match outcome.recv_timeout(PATIENCE) {
            Ok(Ok(())) => None,
            Ok(Err(NoReport::Place(error))) => {
                let expected = "expected an existing directory";
                return Err(Failure::usage(format!("--publish '{shown}': {error}; {expected}")));
            }
            Ok(Err(NoReport::File(error))) => Some(format!("cannot report there: {error}")),
            Err(_) => Some("it does not answer".to_owned()),
        };
        if let Some(obstacle) = obstacle {
            // The log of a daemon may go nowhere; here its standard error is still the caller's.
            let _ = writeln!(
                io::stderr(),
                "seedfs: warning: --publish '{shown}': {obstacle}; the mount goes on"
            );
        }
        Ok(Self { ending, over, ended })
    }

    /// The mount has ended: the last report, unless that takes long.
    pub(super) fn end(self, error: Ending) {
        self.ended.store(true, Ordering::Relaxed);
        // A thread that has ended already does not listen.
        let _ = self.ending.send(error);
        if self.over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the last report could not be published in time");
        }
    }
}

/// What the thread works with.
struct Published {
    filesystem: Arc<Filesystem>,
    path: PathBuf,
    ended: Arc<AtomicBool>,
}

impl Published {
    /// Publishes until the mount has ended, and says how the first report went.
    fn work(&self, first: &Sender<Result<(), NoReport>>, endings: &Receiver<Ending>) {
        let publisher = match self.open() {
            Ok(publisher) => publisher,
            Err(obstacle) => {
                let (NoReport::Place(error) | NoReport::File(error)) = &obstacle;
                tracing::warn!(%error, "no reports are published");
                let _ = first.send(Err(obstacle));
                return;
            }
        };
        let mut outcome = self.publish(&publisher);
        let mut failed = false;
        let _ = first.send(match &outcome {
            Ok(()) => Ok(()),
            Err(error) => Err(NoReport::File(io::Error::new(error.kind(), error.to_string()))),
        });
        loop {
            if let Err(error) = outcome
                && !failed
            {
                failed = true;
                let report = publisher.shown();
                tracing::warn!(%error, report, "cannot be published; the mount goes on");
            }
            outcome = match endings.recv_timeout(EVERY) {
                Err(RecvTimeoutError::Timeout) => self.publish(&publisher),
                Err(RecvTimeoutError::Disconnected) => return,
                Ok(error) => {
                    if let Err(error) = self.publish_last(&publisher, error) {
                        tracing::warn!(%error, "the last report cannot be published");
                    }
                    return;
                }
            };
        }
    }

    fn open(&self) -> Result<Publisher, NoReport> {
        let root = Root::open(Disk::real(), &self.path).map_err(NoReport::Place)?;
        let of = (RunCommand::Mount, self.filesystem.run().node_id);
        Publisher::open(&root, self.filesystem.dataset(), of, EarlierReport::Replace)
            .map_err(NoReport::File)
    }

    /// Publishes what the mount says now, unless it ends meanwhile.
    fn publish(&self, publisher: &Publisher) -> io::Result<()> {
        let stop = || self.ended.load(Ordering::Relaxed);
        match self.filesystem.report(StopCheck::when(&stop)) {
            Ok(report) => publisher.publish(&report),
            // It was asked to stop.
            Err(_) => Ok(()),
        }
    }

    fn publish_last(&self, publisher: &Publisher, error: Ending) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        let report = self.filesystem.report(StopCheck::when(&|| Instant::now() >= end));
        let mut report = report.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        report.rates.last_second = LastSecond::default();
        publisher.publish(&RunReport {
            phase: if error.is_some() { Phase::Failed } else { Phase::Done },
            errors: RunErrors { total: error.is_some().into(), first: error },
            ..report
        })
    }
}
