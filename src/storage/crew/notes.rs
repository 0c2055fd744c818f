//! What each thread of a crew is at, for whoever looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crate::report::{REPORT_THREADS_MAX, ThreadReport};
use crate::sync::Mutex;

/// The notes of all threads. Taking one costs two clocks where a thread becomes idle or stops being
/// it, and a few stores for each file and part; nothing for each block.
#[derive(Debug, Default)]
pub(in crate::storage) struct CrewNotes(Mutex<Vec<Arc<ThreadNotes>>>);

/// The notes of one thread.
#[derive(Debug)]
pub(super) struct ThreadNotes {
    began: Instant,
    /// The number of its target, and of its file.
    target: AtomicUsize,
    file: AtomicU64,
    bytes: AtomicU64,
    /// Nanoseconds without anything to do, up to `idle_since`.
    idle_ns: AtomicU64,
    /// Since when it has nothing to do, in nanoseconds after it began.
    idle_since_ns: AtomicU64,
}

/// No file, and not idle.
const NONE: u64 = u64::MAX;

impl CrewNotes {
    /// Forgets the threads of an earlier crew.
    pub(super) fn begin(&self) {
        self.0.lock().clear();
    }

    /// A thread begins.
    pub(super) fn join(&self) -> Arc<ThreadNotes> {
        let notes = Arc::new(ThreadNotes {
            began: Instant::now(),
            target: AtomicUsize::new(0),
            file: AtomicU64::new(NONE),
            bytes: AtomicU64::new(0),
            idle_ns: AtomicU64::new(0),
            idle_since_ns: AtomicU64::new(NONE),
        });
        self.0.lock().push(Arc::clone(&notes));
        notes
    }

    /// What the first threads do, with the path of a file by its number.
    pub(in crate::storage) fn look(
        &self,
        path: impl Fn(u64) -> String,
        targets: usize,
    ) -> Vec<ThreadReport> {
        let threads: Vec<_> = self.0.lock().iter().take(REPORT_THREADS_MAX).cloned().collect();
        threads.iter().map(|thread| thread.look(&path, targets)).collect()
    }
}

impl ThreadNotes {
    /// It is at a file of a target.
    pub(super) fn at(&self, target: usize, number: u64) {
        self.target.store(target, Ordering::Relaxed);
        self.file.store(number, Ordering::Relaxed);
    }

    /// It has done a part of its file.
    pub(super) fn did(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It has nothing to do.
    pub(super) fn rest(&self) {
        self.file.store(NONE, Ordering::Relaxed);
        if self.idle_since_ns.load(Ordering::Relaxed) == NONE {
            self.idle_since_ns.store(self.now_ns(), Ordering::Relaxed);
        }
    }

    /// It goes on after a rest.
    pub(super) fn go_on(&self) {
        let since = self.idle_since_ns.swap(NONE, Ordering::Relaxed);
        self.idle_ns.fetch_add(self.now_ns().saturating_sub(since), Ordering::Relaxed);
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(NONE - 1)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    fn look(&self, path: impl Fn(u64) -> String, targets: usize) -> ThreadReport {
        let now = self.now_ns();
        let since = self.idle_since_ns.load(Ordering::Relaxed);
        let idle = self.idle_ns.load(Ordering::Relaxed) + now.saturating_sub(since);
        let file = self.file.load(Ordering::Relaxed);
        let bytes = self.bytes.load(Ordering::Relaxed);
        let target = self.target.load(Ordering::Relaxed);
        let is_at_one = file != NONE;
        ThreadReport {
            doing: is_at_one.then(|| path(file)),
            target: (is_at_one && targets > 0).then_some(target as u64),
            bytes,
            bytes_per_s: bytes as f64 / (now.max(1) as f64 / 1e9),
            idle_share: (idle as f64 / now.max(1) as f64).clamp(0.0, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_tells_its_file_its_bytes_and_its_rest() {
        let notes = CrewNotes::default();
        let thread = notes.join();
        thread.at(1, 7);
        thread.did(5);
        thread.did(6);
        let look = || notes.look(|number| format!("file {number}"), 2).remove(0);
        let busy = look();
        assert_eq!((busy.doing.as_deref(), busy.target), (Some("file 7"), Some(1)));
        assert_eq!(busy.bytes, 11);
        assert!(busy.bytes_per_s > 0.0, "{busy:?}");
        assert!(busy.idle_share < 0.01, "{busy:?}");
        thread.rest();
        thread::sleep(Duration::from_millis(30));
        let resting = look();
        assert_eq!((resting.doing.as_deref(), resting.target), (None, None));
        assert!(resting.idle_share > 0.5, "{resting:?}");
        thread.go_on();
        thread.at(0, 8);
        thread::sleep(Duration::from_millis(120));
        let after = look();
        assert!(after.idle_share < resting.idle_share / 2.0, "{after:?}");
        notes.begin();
        assert!(notes.look(|_| String::new(), 0).is_empty());
    }
}
