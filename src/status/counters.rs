//! Counters of what has happened: they only go up.
//!
//! One operation of every `TIMED_EVERY` is timed. To time all would be a second look at the clock
//! for each, 0.5 % of a read of 4 KiB and more; for the mean, some are enough.

use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicU64, Ordering};

/// Counters of one mount, from its start on.
#[derive(Debug)]
pub struct Counters {
    /// Reads of the dataset's files.
    pub reads: Meter,
    /// Writes to the dataset's files, those that failed left out.
    pub writes: Meter,
    /// Writes that failed because something in them was wrong (`--on-mismatch reject`).
    pub rejected: AtomicU64,
    /// Writes that failed for want of room (`--keep`, `--extent-limit`).
    pub no_space: AtomicU64,
    started: Instant,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            reads: Meter::default(),
            writes: Meter::default(),
            rejected: AtomicU64::new(0),
            no_space: AtomicU64::new(0),
            started: Instant::now(),
        }
    }
}

impl Counters {
    /// Counts a read of so many bytes, and how long it took if it is one that is timed.
    pub fn read(&self, bytes: u64, begun: Begun) {
        self.reads.add(self.second(), bytes, begun);
    }

    /// Counts a write in the same way.
    pub fn wrote(&self, bytes: u64, begun: Begun) {
        self.writes.add(self.second(), bytes, begun);
    }

    /// Seconds since the start, as a fraction.
    #[must_use]
    pub fn uptime_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// The second that now is, counted from the start.
    pub(super) fn second(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}

/// Operations and bytes in all, and bytes a second of late.
#[derive(Debug, Default)]
pub struct Meter {
    operations: AtomicU64,
    bytes: AtomicU64,
    timed_operations: AtomicU64,
    timed_nanoseconds: AtomicU64,
    slots: [SecondBytes; SLOTS],
}

/// When an operation began, if it is one that is timed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begun(Option<Instant>);

/// Of so many operations, one is timed.
const TIMED_EVERY: u64 = 16;

/// The bytes of one second.
#[derive(Debug, Default)]
struct SecondBytes {
    second: AtomicU64,
    bytes: AtomicU64,
}

/// The rate is that of the last so many whole seconds.
pub(super) const WINDOW_S: u64 = 5;

/// One more than are looked at and one that is being filled, so that none of the window is reused.
const SLOTS: usize = 8;

impl Meter {
    /// Operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// An operation begins.
    #[must_use]
    pub fn begin(&self) -> Begun {
        Begun(self.operations().is_multiple_of(TIMED_EVERY).then(Instant::now))
    }

    /// How many operations were timed, and how long these took together, in seconds.
    #[must_use]
    pub fn timed(&self) -> (u64, f64) {
        let took = Duration::from_nanos(self.timed_nanoseconds.load(Ordering::Relaxed));
        (self.timed_operations.load(Ordering::Relaxed), took.as_secs_f64())
    }

    /// Bytes a second over the last whole seconds before `second`.
    ///
    /// Two threads that begin a second together may lose a few operations of it here, though never
    /// from the totals: a rate is not worth a lock on every read.
    #[must_use]
    pub(super) fn bytes_per_s(&self, second: u64) -> u64 {
        let window = second.saturating_sub(WINDOW_S)..second;
        let seconds = window.end - window.start;
        let bytes: u64 = self
            .slots
            .iter()
            .filter(|slot| window.contains(&slot.second.load(Ordering::Relaxed)))
            .map(|slot| slot.bytes.load(Ordering::Relaxed))
            .sum();
        bytes.checked_div(seconds).unwrap_or(0)
    }

    fn add(&self, second: u64, bytes: u64, Begun(begun): Begun) {
        if let Some(begun) = begun {
            let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.timed_operations.fetch_add(1, Ordering::Relaxed);
            self.timed_nanoseconds.fetch_add(took, Ordering::Relaxed);
        }
        self.operations.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Smaller than the number of slots.
        let index = usize::try_from(second % SLOTS as u64).unwrap_or_default();
        let slot = &self.slots[index];
        if slot.second.swap(second, Ordering::Relaxed) == second {
            slot.bytes.fetch_add(bytes, Ordering::Relaxed);
        } else {
            slot.bytes.store(bytes, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_whole_seconds() {
        let meter = Meter::default();
        for second in 0..20 {
            meter.add(second, 100, Begun::default());
            meter.add(second, 200, Begun::default());
        }
        assert_eq!((meter.operations(), meter.bytes()), (40, 6000));
        assert_eq!(meter.bytes_per_s(20), 300);
        assert_eq!(meter.bytes_per_s(22), 300 * 3 / 5);
        assert_eq!(meter.bytes_per_s(40), 0);
    }

    #[test]
    fn a_mount_that_has_just_begun_has_no_rate() {
        let meter = Meter::default();
        meter.add(0, 100, Begun::default());
        assert_eq!(meter.bytes_per_s(0), 0);
        assert_eq!(meter.bytes_per_s(1), 100);
    }

    #[test]
    fn some_operations_are_timed() {
        let meter = Meter::default();
        for _ in 0..10 * TIMED_EVERY {
            let begun = meter.begin();
            if begun.0.is_some() {
                std::thread::sleep(Duration::from_millis(2));
            }
            meter.add(0, 1, begun);
        }
        let (operations, seconds) = meter.timed();
        assert_eq!(operations, 10);
        assert!(seconds >= 0.02, "{seconds}");
    }
}
