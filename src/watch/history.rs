//! How fast it was, over the last minutes.
//!
//! Rates are made from counters that only grow: what was added since the last look, by the time
//! that its writer says has passed. A writer that speaks once a second is looked at about once a
//! second, so one look may find nothing new and the next two seconds' worth; divided by the
//! writer's own time both are the same rate. Until it speaks again its last rate stands, for a
//! while.

use std::collections::{HashMap, VecDeque};

use crate::report::{RunCommand, RunOperations, RunReport};

/// What one node has done since it began. All of it only grows while the node runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeCounters {
    /// Bytes that were read.
    pub read_bytes: f64,
    /// Bytes that were written.
    pub written_bytes: f64,
    /// Reads, where they are counted.
    pub reads: f64,
    /// Writes, where they are counted.
    pub writes: f64,
    /// Reads that were timed.
    pub timed_reads: f64,
    /// How long these took together, in seconds.
    pub timed_reads_s: f64,
    /// Writes that were timed.
    pub timed_writes: f64,
    /// How long these took together, in seconds.
    pub timed_writes_s: f64,
    /// Files that are done.
    pub files: f64,
}

/// The counters of one node at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NodeReading {
    /// Which node.
    pub node: u32,
    /// When it began, in seconds since 1970. A node that began anew counts from 0 again.
    pub started: f64,
    /// When it said this.
    pub updated: f64,
    /// Whether it goes on.
    pub running: bool,
    /// What it said.
    pub counters: NodeCounters,
}

/// All nodes together, in one moment: each figure is a rate, per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RateSample {
    /// When, in seconds since 1970.
    pub at: f64,
    /// The rates.
    pub per_s: NodeCounters,
}

/// The rates of the last minutes.
#[derive(Clone, Debug, Default)]
pub struct History {
    last: HashMap<u32, Last>,
    samples: VecDeque<RateSample>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    reading: NodeReading,
    per_s: NodeCounters,
}

/// The most samples that are remembered: 10 minutes at one a second.
pub const SAMPLES_MAX: usize = 600;
/// The most nodes that a dataset can have.
const NODES_MAX: usize = 1 << 16;
/// How long the last rate of a node that is silent still stands.
const RATE_STANDS_S: f64 = 3.0;
/// What began less than so long before or after is the same, where its counters did not go back.
const SAME_START_S: f64 = 1.0;

impl NodeCounters {
    fn map2(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            read_bytes: f(self.read_bytes, other.read_bytes),
            written_bytes: f(self.written_bytes, other.written_bytes),
            reads: f(self.reads, other.reads),
            writes: f(self.writes, other.writes),
            timed_reads: f(self.timed_reads, other.timed_reads),
            timed_reads_s: f(self.timed_reads_s, other.timed_reads_s),
            timed_writes: f(self.timed_writes, other.timed_writes),
            timed_writes_s: f(self.timed_writes_s, other.timed_writes_s),
            files: f(self.files, other.files),
        }
    }

    /// How long a read took of late, in the mean; `None` where none was timed.
    #[must_use]
    pub fn read_s(&self) -> Option<f64> {
        (self.timed_reads > 0.0).then(|| self.timed_reads_s / self.timed_reads)
    }

    /// How long a write took of late.
    #[must_use]
    pub fn write_s(&self) -> Option<f64> {
        (self.timed_writes > 0.0).then(|| self.timed_writes_s / self.timed_writes)
    }

    /// Whether some counter is lower than it was.
    fn went_back(self, earlier: Self) -> bool {
        self.map2(earlier, |now, earlier| if now < earlier { 1.0 } else { 0.0 }) != Self::default()
    }
}

impl NodeReading {
    /// What a report has counted. Bytes and files that `write` and `verify` have done only grow; a
    /// mount counts its operations.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn of(report: &RunReport) -> Self {
        let bytes = report.bytes.done as f64;
        let files = report.files.done.saturating_add(report.files.failed) as f64;
        let counters = match (report.command, report.operations) {
            (_, Some(RunOperations { reads, writes, timed_reads, timed_writes, .. })) => {
                NodeCounters {
                    read_bytes: reads.bytes as f64,
                    written_bytes: writes.bytes as f64,
                    reads: reads.operations as f64,
                    writes: writes.operations as f64,
                    timed_reads: timed_reads.operations as f64,
                    timed_reads_s: timed_reads.seconds,
                    timed_writes: timed_writes.operations as f64,
                    timed_writes_s: timed_writes.seconds,
                    files: 0.0,
                }
            }
            (RunCommand::Write, None) => {
                NodeCounters { written_bytes: bytes, files, ..NodeCounters::default() }
            }
            (RunCommand::Verify, None) => {
                NodeCounters { read_bytes: bytes, files, ..NodeCounters::default() }
            }
            (RunCommand::Mount, None) => NodeCounters::default(),
        };
        Self {
            node: report.run.node_id,
            started: report.run.started,
            updated: report.updated,
            running: !report.phase.is_over(),
            counters,
        }
    }

    /// Whether both are of the same run. A mount says how long it is up, so that its beginning
    /// differs by what the answer took.
    fn is_run_of(&self, other: &NodeReading) -> bool {
        (self.started - other.started).abs() < SAME_START_S
    }

    /// What this node did each second since `last`, or, where it began anew meanwhile, since it
    /// began. `None` where it has not said anything new.
    fn per_s_since(&self, last: &NodeReading) -> Option<NodeCounters> {
        let is_same = self.is_run_of(last) && !self.counters.went_back(last.counters);
        let (from, since) = if is_same {
            (last.counters, last.updated)
        } else {
            (NodeCounters::default(), self.started.max(last.updated))
        };
        let seconds = self.updated - since;
        (seconds > 0.0)
            .then(|| self.counters.map2(from, |now, earlier| ((now - earlier) / seconds).max(0.0)))
    }
}

impl History {
    /// Adds what all nodes have said by `now`, in seconds since 1970. Nodes that are heard of for
    /// the first time have no rate yet; where all are, there is no sample.
    pub fn push(&mut self, now: f64, readings: impl IntoIterator<Item = NodeReading>) {
        let mut sum = NodeCounters::default();
        let mut has_rate = false;
        for reading in readings {
            let Some(last) = self.last.get_mut(&reading.node) else {
                if self.last.len() < NODES_MAX {
                    self.last
                        .insert(reading.node, Last { reading, per_s: NodeCounters::default() });
                }
                continue;
            };
            has_rate = true;
            if let Some(per_s) = reading.per_s_since(&last.reading) {
                *last = Last { reading, per_s };
            } else if !reading.is_run_of(&last.reading) {
                // Its clock is behind that of the one before it.
                *last = Last { reading, per_s: NodeCounters::default() };
            } else if !reading.running || now - reading.updated > RATE_STANDS_S {
                last.per_s = NodeCounters::default();
            }
            sum = sum.map2(last.per_s, |sum, rate| sum + rate);
        }
        if has_rate {
            if self.samples.len() == SAMPLES_MAX {
                self.samples.pop_front();
            }
            self.samples.push_back(RateSample { at: now, per_s: sum });
        }
    }

    /// The samples, the oldest first; at most [`SAMPLES_MAX`].
    #[must_use]
    pub fn samples(&self) -> impl DoubleEndedIterator<Item = &RateSample> + ExactSizeIterator {
        self.samples.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(node: u32, started: f64, updated: f64, read_bytes: f64) -> NodeReading {
        let counters = NodeCounters { read_bytes, ..NodeCounters::default() };
        NodeReading { node, started, updated, running: true, counters }
    }

    fn rates(history: &History) -> Vec<f64> {
        history.samples().map(|sample| sample.per_s.read_bytes).collect()
    }

    #[test]
    fn a_rate_is_what_was_added_by_the_time_of_the_writer() {
        let mut history = History::default();
        history.push(10.0, [reading(0, 0.0, 9.5, 1000.0)]);
        assert!(rates(&history).is_empty(), "one look is no rate");
        // Two seconds' worth in one look, and a look that finds nothing new.
        history.push(11.0, [reading(0, 0.0, 11.5, 3000.0)]);
        history.push(12.0, [reading(0, 0.0, 11.5, 3000.0)]);
        history.push(13.0, [reading(0, 0.0, 12.5, 4000.0)]);
        assert_eq!(rates(&history), [1000.0, 1000.0, 1000.0]);
    }

    #[test]
    fn the_time_of_a_read_is_that_of_those_that_were_timed_of_late() {
        let timed = |updated, timed_reads, timed_reads_s| NodeReading {
            counters: NodeCounters { timed_reads, timed_reads_s, ..NodeCounters::default() },
            ..reading(0, 0.0, updated, 0.0)
        };
        let mut history = History::default();
        history.push(1.0, [timed(1.0, 1000.0, 50.0)]);
        history.push(3.0, [timed(3.0, 1010.0, 50.5)]);
        history.push(4.0, [timed(4.0, 1010.0, 50.5)]);
        let took: Vec<_> = history.samples().map(|sample| sample.per_s.read_s()).collect();
        assert_eq!(took, [Some(0.05), None]);
        assert_eq!(history.samples().next().unwrap().per_s.write_s(), None);
    }

    #[test]
    fn a_node_that_is_silent_or_done_has_no_rate() {
        let mut history = History::default();
        history.push(1.0, [reading(0, 0.0, 1.0, 100.0)]);
        history.push(2.0, [reading(0, 0.0, 2.0, 200.0)]);
        history.push(4.9, [reading(0, 0.0, 2.0, 200.0)]);
        history.push(5.1, [reading(0, 0.0, 2.0, 200.0)]);
        assert_eq!(rates(&history), [100.0, 100.0, 0.0]);
        history.push(6.0, [reading(0, 0.0, 6.0, 600.0)]);
        history.push(7.0, [NodeReading { running: false, ..reading(0, 0.0, 6.0, 600.0) }]);
        assert_eq!(rates(&history)[3..], [100.0, 0.0]);
    }

    #[test]
    fn what_began_anew_counts_from_nothing_and_no_rate_is_negative() {
        let mut history = History::default();
        history.push(10.0, [reading(0, 0.0, 10.0, 1e9)]);
        history.push(12.0, [reading(0, 11.0, 12.0, 500.0)]);
        assert_eq!(rates(&history), [500.0]);
        // Its counter went back although it says that it is the same: also anew.
        history.push(13.0, [reading(0, 11.0, 13.0, 50.0)]);
        assert_eq!(rates(&history), [500.0, 50.0]);
        // A clock that went back says nothing new.
        history.push(14.0, [reading(0, 11.0, 12.5, 60.0)]);
        assert_eq!(rates(&history), [500.0, 50.0, 50.0]);
    }

    #[test]
    fn nodes_add_up_and_a_new_one_waits_for_its_second_look() {
        let mut history = History::default();
        history.push(1.0, [reading(0, 0.0, 1.0, 0.0), reading(1, 0.0, 1.0, 0.0)]);
        let late = reading(2, 0.0, 2.0, 1e12);
        history.push(2.0, [reading(0, 0.0, 2.0, 10.0), reading(1, 0.0, 2.0, 5.0), late]);
        assert_eq!(rates(&history), [15.0]);
    }

    #[test]
    fn it_is_bounded() {
        let mut history = History::default();
        for second in 0..2000 {
            history.push(f64::from(second), [reading(0, 0.0, f64::from(second), 0.0)]);
        }
        assert_eq!(history.samples().len(), SAMPLES_MAX);
        let crowd = (0..100_000).map(|node| reading(node, 0.0, 1.0, 1.0));
        history.push(2000.0, crowd);
        assert_eq!(history.last.len(), NODES_MAX);
    }
}
