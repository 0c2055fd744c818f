//! Counters of what has happened: they only go up.

use std::time::Instant;

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
    /// Counts a read of so many bytes.
    pub fn read(&self, bytes: u64) {
        self.reads.add(self.second(), bytes);
    }

    /// Counts a write of so many bytes.
    pub fn wrote(&self, bytes: u64) {
        self.writes.add(self.second(), bytes);
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
    slots: [SecondBytes; SLOTS],
}

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

    fn add(&self, second: u64, bytes: u64) {
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
            meter.add(second, 100);
            meter.add(second, 200);
        }
        assert_eq!((meter.operations(), meter.bytes()), (40, 6000));
        assert_eq!(meter.bytes_per_s(20), 300);
        assert_eq!(meter.bytes_per_s(22), 300 * 3 / 5);
        assert_eq!(meter.bytes_per_s(40), 0);
    }

    #[test]
    fn a_mount_that_has_just_begun_has_no_rate() {
        let meter = Meter::default();
        meter.add(0, 100);
        assert_eq!(meter.bytes_per_s(0), 0);
        assert_eq!(meter.bytes_per_s(1), 100);
    }
}
