//! What was freed, on its way back to the system.
//!
//! Bytes are freed under locks: a record's, that of the names, that of a shard. To give them back
//! takes a system call: a hole in the store's file, pages that the allocator lets go of. So whoever
//! frees something only notes it here, and a thread of the mount does the rest when it is told.

use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex};

/// Tells one thread that there is something to give back.
#[derive(Debug, Default)]
pub struct Returns {
    due: AtomicBool,
    over: Mutex<bool>,
    changed: Condvar,
}

impl Returns {
    /// Says that something was freed. Waits for nobody.
    pub(super) fn note(&self) {
        if !self.due.swap(true, Ordering::AcqRel) {
            // The thread holds the lock only between its look and its sleep.
            drop(self.over.lock());
            self.changed.notify_all();
        }
    }

    /// Waits until something was freed; false where nothing will be any more.
    pub fn wait(&self) -> bool {
        let mut over = self.over.lock();
        while !*over {
            if self.due.swap(false, Ordering::AcqRel) {
                return true;
            }
            self.changed.wait(&mut over);
        }
        false
    }

    /// Waits for a time, or until it is over.
    pub fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut over = self.over.lock();
        while !*over && !self.changed.wait_until(&mut over, until).timed_out() {}
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        *self.over.lock()
    }

    /// Ends all waiting.
    pub fn end(&self) {
        *self.over.lock() = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn nothing_noted_is_missed() {
        let returns = Returns::default();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut seen = 0;
                while returns.wait() {
                    seen += 1;
                    returns.pause(Duration::from_millis(1));
                }
                seen
            });
            for _ in 0..20 {
                returns.note();
                thread::sleep(Duration::from_millis(2));
            }
            while returns.due.load(Ordering::Acquire) {
                thread::yield_now();
            }
            returns.end();
            let seen = waiting.join().unwrap();
            assert!((1..=20).contains(&seen), "{seen}");
        });
        returns.pause(Duration::from_secs(3600));
    }
}
