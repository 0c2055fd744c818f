//! The latest wrong ranges over all files.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use super::counters::ClassCounts;
use crate::dataset::Coordinates;
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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    latest: VecDeque<Event>,
    seen: ClassCounts,
}

impl EventLog {
    /// Remembers the wrong ranges of one write, the oldest ones making room.
    pub fn add(&self, file: Coordinates, ranges: Vec<WrongRange>) {
        let unix_s =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
        let mut state = self.state.lock();
        for range in ranges {
            state.seen.add(range.class);
            if state.latest.len() == EVENTS_MAX {
                state.latest.pop_front();
            }
            state.latest.push_back(Event { unix_s, file, range });
        }
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
