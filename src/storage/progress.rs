//! How far a run has come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Counters that all threads of a run share. They only go up.
#[derive(Debug)]
pub struct Progress {
    /// How many files the run is about.
    pub files_total: u64,
    /// How many bytes it is about.
    pub bytes_total: u128,
    files: AtomicU64,
    bytes: AtomicU64,
    failed: AtomicU64,
    started: Instant,
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

impl Progress {
    /// Nothing done yet of so many files and bytes.
    #[must_use]
    pub fn new(files_total: u64, bytes_total: u128) -> Self {
        Self {
            files_total,
            bytes_total,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            started: Instant::now(),
        }
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

    pub(super) fn file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl ProgressSnapshot {
    /// 10^9 bytes a second.
    #[must_use]
    pub fn gb_per_s(&self) -> f64 {
        per(self.bytes, self.seconds) / 1e9
    }

    /// Files a second.
    #[must_use]
    pub fn files_per_s(&self) -> f64 {
        per(self.files, self.seconds)
    }

    /// What has happened since an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            files: self.files.saturating_sub(earlier.files),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            failed: self.failed.saturating_sub(earlier.failed),
            seconds: self.seconds - earlier.seconds,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}
