//! How far a run has come.

use std::fmt::{self, Display};
use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use super::crew::CrewNotes;
use super::judged_so_far::JudgedSoFar;
use crate::report::{BytesDone, FilesDone, LastSecond, Phase, RunErrors, RunRates};
use crate::sync::Mutex;

/// What all threads of a run tell whoever looks. The counters only go up.
#[derive(Debug)]
pub struct Progress {
    /// How many files and bytes the run is about.
    total: Mutex<(u64, u128)>,
    retries: AtomicU64,
    files: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
    phase: AtomicU8,
    first_failure: Mutex<Option<String>>,
    queue_refusal: Mutex<Option<String>>,
    pub(super) crew: CrewNotes,
    pub(super) judged: Mutex<Option<JudgedSoFar>>,
    on_file: Option<FileListener>,
    started: Instant,
}

/// Hears of each file that was made: its path, and its size in bytes.
type OnFile = dyn Fn(&str, u64) + Send + Sync;

struct FileListener(Box<OnFile>);

impl fmt::Debug for FileListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileListener")
    }
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProgressSnapshot {
    /// Files that are done, failed ones left out.
    pub files: u64,
    /// Bytes written or read.
    pub bytes: u64,
    /// Files that failed.
    pub failed: u64,
    /// Since the start.
    pub seconds: f64,
}

/// How far a run has come and how fast: the numbers of every view of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Seconds since the start.
    pub elapsed_s: f64,
    /// Its files.
    pub files: FilesDone,
    /// Its bytes.
    pub bytes: BytesDone,
    /// How fast it was since the start, and of late.
    pub rates: RunRates,
    /// How many seconds it still takes if it goes on like this; none where that cannot be told.
    pub remaining_s: Option<f64>,
}

/// What runs go through while they are not over.
const PHASES: [Phase; 3] = [Phase::Reading, Phase::Writing, Phase::Checking];

/// Longer than anybody waits.
const REMAINING_MAX_S: f64 = 1e9;

impl Progress {
    /// Nothing done yet of so many files and bytes.
    #[must_use]
    pub fn new(files_total: u64, bytes_total: u128) -> Self {
        Self {
            total: Mutex::new((files_total, bytes_total)),
            retries: AtomicU64::new(0),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            phase: AtomicU8::new(0),
            first_failure: Mutex::default(),
            queue_refusal: Mutex::default(),
            crew: CrewNotes::default(),
            judged: Mutex::default(),
            on_file: None,
            started: Instant::now(),
        }
    }

    /// The same, and `listener` hears of each file that is made, on the thread that has made it.
    #[must_use]
    pub fn with_listener(self, listener: impl Fn(&str, u64) + Send + Sync + 'static) -> Self {
        Self { on_file: Some(FileListener(Box::new(listener))), ..self }
    }

    /// How many bytes the run is about.
    #[must_use]
    pub fn bytes_total(&self) -> u128 {
        self.total.lock().1
    }

    /// The run is about these files more, or about these less.
    pub(super) fn expect(&self, more: (u64, u128), less: (u64, u128)) {
        let mut total = self.total.lock();
        total.0 = (total.0 + more.0).saturating_sub(less.0);
        total.1 = (total.1 + more.1).saturating_sub(less.1);
    }

    /// How often something was tried again.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub(super) fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// All files are done, as where a device was written to its end.
    pub fn all_files(&self) {
        self.files.store(self.total.lock().0, Ordering::Relaxed);
    }

    /// The counters now.
    #[must_use]
    pub fn snapshot(&self) -> ProgressSnapshot {
        ProgressSnapshot {
            files: self.files.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            seconds: self.started.elapsed().as_secs_f64(),
        }
    }

    /// What a moment says, and of late: since an earlier one.
    #[must_use]
    pub fn figures(&self, now: &ProgressSnapshot, earlier: &ProgressSnapshot) -> Figures {
        let seconds = now.seconds - earlier.seconds;
        let bytes_per_s = per(now.bytes, now.seconds);
        let (files_total, bytes_total) = *self.total.lock();
        let left = bytes_total.saturating_sub(now.bytes.into());
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let remaining_s = if left == 0 { 0.0 } else { left as f64 / bytes_per_s };
        Figures {
            elapsed_s: now.seconds,
            files: FilesDone {
                // What a sample has chosen is only known in the end.
                total: files_total.max(now.files.saturating_add(now.failed)),
                done: now.files,
                failed: now.failed,
            },
            bytes: BytesDone { total: bytes_total, done: now.bytes.into() },
            rates: RunRates {
                bytes_per_s,
                files_per_s: per(now.files, now.seconds),
                last_second: LastSecond {
                    bytes_per_s: per(now.bytes.saturating_sub(earlier.bytes), seconds),
                    files_per_s: per(now.files.saturating_sub(earlier.files), seconds),
                },
            },
            remaining_s: (remaining_s <= REMAINING_MAX_S).then_some(remaining_s),
        }
    }

    /// Why requests were made one at a time where more were asked for.
    #[must_use]
    pub fn queue_refusal(&self) -> Option<String> {
        self.queue_refusal.lock().clone()
    }

    pub(super) fn note_queue(&self, refusal: Option<&io::Error>) {
        if let Some(error) = refusal {
            self.queue_refusal.lock().get_or_insert_with(|| error.to_string());
        }
    }

    /// What the threads are at.
    pub(super) fn phase(&self) -> Phase {
        let at = usize::from(self.phase.load(Ordering::Relaxed));
        PHASES.get(at).copied().unwrap_or(Phase::Reading)
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        let at = PHASES.iter().position(|of| *of == phase).unwrap_or_default();
        self.phase.store(u8::try_from(at).unwrap_or_default(), Ordering::Relaxed);
    }

    /// What could not be done so far.
    pub(super) fn errors(&self) -> RunErrors {
        let first = self.first_failure.lock().clone();
        let total = self.failed.load(Ordering::Relaxed).max(u64::from(first.is_some()));
        RunErrors { total, first }
    }

    pub(super) fn file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// A file was made.
    pub(super) fn created(&self, path: impl FnOnce() -> String, bytes: u64) {
        if let Some(FileListener(hear)) = &self.on_file {
            hear(&path(), bytes);
        }
    }

    pub(super) fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn failure(&self, path: &str, error: &dyn Display) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.first_failure.lock().get_or_insert_with(|| format!("{path}: {error}"));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
