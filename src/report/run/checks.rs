//! What cannot be so in a report that somebody else has written.

use super::{
    FilesDone, Judged, REPORT_RANGES_MAX, REPORT_TARGETS_MAX, REPORT_THREADS_MAX, RunCommand,
    RunIdentity, RunRates, RunReport, TargetReport,
};
use crate::report::views::SCHEMA;
use crate::report::{ProcessMap, RangeView};

/// The most nodes that a dataset can have.
const NODES_MAX: u32 = 1 << 16;
/// More files than a dataset can have.
const FILES_MAX: u64 = 1 << 61;
/// More bytes than a dataset can have; a sum over all nodes has room above.
const BYTES_MAX: u128 = 1 << 110;
/// A year so far away that a clock that says so is wrong.
const TIME_MAX_S: f64 = 1e11;
/// Faster than anything.
const RATE_MAX: f64 = 1e24;

impl RunReport {
    /// What cannot be so in a report that somebody else has written.
    #[must_use]
    pub fn contradiction(&self) -> Option<&'static str> {
        let RunIdentity { dataset, node_id, node_count, started, .. } = &self.run;
        let RunRates { bytes_per_s, files_per_s, last_second } = self.rates;
        let rates = [bytes_per_s, files_per_s, last_second.bytes_per_s, last_second.files_per_s];
        let is_time = |time: f64| (0.0..=TIME_MAX_S).contains(&time);
        let is_digest = |digest: &String| {
            digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        let FilesDone { total, done, failed } = self.files;
        let is_mount = self.command == RunCommand::Mount;
        [
            (self.schema == SCHEMA, "its form is that of another version"),
            (dataset.as_ref().is_none_or(is_digest), "its digest of the dataset cannot be one"),
            (
                // A mount's number is only shown: any number of mounts can be of one dataset.
                (is_mount || node_id < node_count) && (1..=NODES_MAX).contains(node_count),
                "its node or its number of nodes cannot be",
            ),
            (
                [*started, self.updated, self.elapsed_s].into_iter().all(is_time)
                    && self.remaining_s.is_none_or(is_time),
                "its times cannot be",
            ),
            (
                total <= FILES_MAX && done.checked_add(failed).is_some_and(|sum| sum <= total),
                "its numbers of files cannot be",
            ),
            (
                self.bytes.total <= BYTES_MAX && self.bytes.done <= BYTES_MAX,
                "its numbers of bytes cannot be",
            ),
            (
                self.operations.is_none_or(|operations| {
                    let timed = [operations.timed_reads, operations.timed_writes];
                    timed.iter().all(|timed| is_time(timed.seconds))
                }),
                "its operations cannot be",
            ),
            (rates.iter().all(|rate| (0.0..=RATE_MAX).contains(rate)), "its rates cannot be"),
            (
                self.errors.total <= FILES_MAX
                    && (self.errors.total > 0 || self.errors.first.is_none()),
                "its errors cannot be",
            ),
            (
                self.judged.as_ref().is_none_or(Judged::is_possible),
                "its verdict contradicts what it has counted",
            ),
        ]
        .into_iter()
        .chain(self.possible_lists())
        .find_map(|(is_possible, what)| (!is_possible).then_some(what))
    }

    /// Whether its lists can be, each with what to say where it cannot.
    fn possible_lists(&self) -> [(bool, &'static str); 4] {
        let ranges = &self.wrong.ranges;
        let is_range = |range: &RangeView| range.offset.checked_add(range.length).is_some();
        [
            (
                ranges.len() <= REPORT_RANGES_MAX
                    && ranges.len() as u64 <= self.wrong.total
                    && self.wrong.total < 1 << 60
                    && ranges.iter().all(|range| is_range(&range.range)),
                "its wrong ranges cannot be",
            ),
            (
                self.threads.len() <= REPORT_THREADS_MAX
                    && self.threads.iter().all(|thread| {
                        (0.0..=1.0).contains(&thread.idle_share)
                            && (0.0..=RATE_MAX).contains(&thread.bytes_per_s)
                    }),
                "its threads cannot be",
            ),
            (
                self.targets.len() <= REPORT_TARGETS_MAX
                    && self.targets.iter().all(TargetReport::is_possible),
                "its targets cannot be",
            ),
            (self.map.as_ref().is_none_or(ProcessMap::is_possible), "its map cannot be"),
        ]
    }
}

impl TargetReport {
    fn is_possible(&self) -> bool {
        let FilesDone { total, done, failed } = self.files;
        total <= FILES_MAX
            && done <= FILES_MAX
            && failed <= FILES_MAX
            && self.bytes.total <= BYTES_MAX
            && self.bytes.done <= BYTES_MAX
            && (0.0..=RATE_MAX).contains(&self.bytes_per_s)
            && (0.0..=1.0).contains(&self.idle_share)
    }
}
