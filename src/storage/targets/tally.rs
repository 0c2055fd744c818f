//! What becomes of one target during a run.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::report::{BytesDone, FilesDone, TargetReport};
use crate::sync::Mutex;

/// The counters of one target. They only go up.
#[derive(Debug)]
pub struct TargetTally {
    number: usize,
    name: String,
    total: Mutex<(u64, u128)>,
    files: AtomicU64,
    bytes: AtomicU64,
    failed_files: AtomicU64,
    /// Files whose copies are to be on others, because this one has failed.
    moved: AtomicU64,
    retries: AtomicU64,
    has_failed: AtomicBool,
    failure: Mutex<Option<String>>,
    work: Mutex<AtWork>,
    began: Instant,
}

/// How long threads were at work on it.
#[derive(Debug, Default)]
struct AtWork {
    threads: u32,
    since_ns: u64,
    busy_ns: u64,
    /// When the last thread has left it.
    until_ns: u64,
}

impl TargetTally {
    /// Nothing done yet on a target of a number, which is called so.
    #[must_use]
    pub fn new(number: usize, name: String) -> Self {
        Self {
            number,
            name,
            total: Mutex::default(),
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failed_files: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
            failure: Mutex::default(),
            work: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// Which target it is.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// What it is called: its directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// So many more files and bytes are to be done on it.
    pub fn expect(&self, files: u64, bytes: u128) {
        let mut total = self.total.lock();
        total.0 += files;
        total.1 += bytes;
    }

    pub(in crate::storage) fn file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::storage) fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    pub(in crate::storage) fn failure(&self) {
        self.failed_files.fetch_add(1, Ordering::Relaxed);
    }

    pub(in crate::storage) fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A file that is not made here any more, because its copies can be elsewhere.
    pub(in crate::storage) fn move_file(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }

    /// How many those are.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// It has failed. The first reason is the one.
    pub(in crate::storage) fn fail(&self, error: &dyn Display) {
        self.failure.lock().get_or_insert_with(|| error.to_string());
        self.has_failed.store(true, Ordering::Release);
    }

    /// Whether it has failed; costs next to nothing.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Why it has failed.
    #[must_use]
    pub fn why_failed(&self) -> Option<String> {
        self.failure.lock().clone()
    }

    /// A thread begins with something of it.
    pub(in crate::storage) fn enter(&self) {
        let now = self.now_ns();
        let mut work = self.work.lock();
        if work.threads == 0 {
            work.since_ns = now;
        }
        work.threads += 1;
    }

    /// It is done with that.
    pub(in crate::storage) fn leave(&self) {
        let now = self.now_ns();
        let mut work = self.work.lock();
        work.threads = work.threads.saturating_sub(1);
        if work.threads == 0 {
            work.busy_ns += now.saturating_sub(work.since_ns);
            work.until_ns = now;
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// What there is to say of it now; its throughput is that of the time up to its last byte.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rates and shares for people")]
    pub fn look(&self) -> TargetReport {
        let now = self.now_ns();
        let (busy_ns, until_ns) = {
            let work = self.work.lock();
            if work.threads > 0 {
                (work.busy_ns + now.saturating_sub(work.since_ns), now)
            } else {
                (work.busy_ns, work.until_ns)
            }
        };
        let (files, bytes) = *self.total.lock();
        let done = self.bytes.load(Ordering::Relaxed);
        let seconds = until_ns as f64 / 1e9;
        TargetReport {
            target: self.number as u64,
            directory: self.name.clone(),
            files: FilesDone {
                total: files,
                done: self.files.load(Ordering::Relaxed),
                failed: self.failed_files.load(Ordering::Relaxed),
            },
            bytes: BytesDone { total: bytes, done: done.into() },
            bytes_per_s: if until_ns > 0 { done as f64 / seconds } else { 0.0 },
            idle_share: (1.0 - busy_ns as f64 / now.max(1) as f64).clamp(0.0, 1.0),
            retries: self.retries.load(Ordering::Relaxed),
            moved: self.moved(),
            failed: self.why_failed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_target_tells_its_work_and_its_rest() {
        let tally = TargetTally::new(3, "/mnt/d3".into());
        tally.expect(2, 100);
        tally.enter();
        tally.enter();
        thread::sleep(Duration::from_millis(20));
        tally.bytes(50);
        tally.leave();
        assert!(tally.look().idle_share < 0.2, "one thread is still there");
        tally.leave();
        let rate = tally.look().bytes_per_s;
        thread::sleep(Duration::from_millis(60));
        let report = tally.look();
        assert!(report.idle_share > 0.5, "{report:?}");
        assert!((report.bytes_per_s - rate).abs() < 1e-6, "the rest is not in its throughput");
        assert_eq!((report.files.total, report.bytes.total), (2, 100));
        assert!(!tally.has_failed());
        tally.fail(&"the first");
        tally.fail(&"the second");
        assert_eq!((tally.has_failed(), tally.why_failed().as_deref()), (true, Some("the first")));
    }
}
