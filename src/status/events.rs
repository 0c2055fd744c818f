//! The latest wrong ranges over all files.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::dataset::Coordinates;
use crate::report::ClassCounts;
use crate::sync::Mutex;
use crate::verdict::WrongRange;

/// How many wrong ranges are remembered; of older ones only the number.
pub const EVENTS_MAX: usize = 1000;

/// A wrong range, as it was written.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, in seconds since 1970.
    pub unix_s: f64,
    /// The file of the dataset under whose name it was written.
    pub file: Coordinates,
    /// What was wrong.
    pub range: WrongRange,
}

/// Remembers the latest wrong ranges, and counts all of them.
#[derive(Debug, Default)]
pub struct EventLog {
    state: Mutex<SeenEvents>,
}

#[derive(Debug, Default)]
struct SeenEvents {
    latest: VecDeque<Event>,
    seen: ClassCounts,
}

/// The wrong ranges of one write: the latest of them, and how many there are.
#[derive(Debug, Default)]
pub struct WrongRanges {
    latest: VecDeque<WrongRange>,
    seen: ClassCounts,
}

impl WrongRanges {
    /// Adds one; an earlier one makes room where there are many.
    pub fn add(&mut self, range: WrongRange) {
        self.seen.add(range.class);
        if self.latest.len() == EVENTS_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(range);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
    }
}

impl EventLog {
    /// Remembers the wrong ranges of one write, the oldest ones making room.
    pub fn add(&self, file: Coordinates, ranges: WrongRanges) {
        let unix_s =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
        let mut state = self.state.lock();
        state.seen.add_all(&ranges.seen);
        for range in ranges.latest {
            if state.latest.len() == EVENTS_MAX {
                state.latest.pop_front();
            }
            state.latest.push_back(Event { unix_s, file, range });
        }
    }

    /// Takes those files off the list that were put back. They still count as seen.
    pub fn forget(&self, is_reset: impl Fn(Coordinates) -> bool) {
        self.state.lock().latest.retain(|event| !is_reset(event.file));
    }

    /// How many were seen, by class. Never goes back.
    #[must_use]
    pub fn seen(&self) -> ClassCounts {
        self.state.lock().seen
    }

    /// The latest, oldest first, and how many were seen in all.
    #[must_use]
    pub fn latest(&self) -> (Vec<Event>, ClassCounts) {
        let state = self.state.lock();
        (state.latest.iter().cloned().collect(), state.seen)
    }
}
