//! The report of a mount: what `summary.json` says in the form that `write` and `verify` report in,
//! so that every view draws one form. What publishes a mount, `.status/report.json` and
//! `.status/metrics` all come from here.

use std::time::{SystemTime, UNIX_EPOCH};

use super::running::TotalsScope;
use super::{Meter, MountStatus};
use crate::content::{StopCheck, Stopped};
use crate::report::{
    BytesDone, FileRange, FilesDone, Judged, LastSecond, Phase, REPORT_MAP_RUNS_MAX,
    REPORT_RANGES_MAX, RangeView, ReportedRanges, RunCommand, RunOperations, RunRates, RunReport,
    TimedView,
};

impl MountStatus<'_> {
    /// The report of the mount now, with the latest wrong ranges and the map.
    ///
    /// # Errors
    ///
    /// [`Stopped`] where `stop` says so.
    pub fn report(&self, stop: StopCheck<'_>) -> Result<RunReport, Stopped> {
        let changed = self.changed_totals(TotalsScope::Processes, stop)?;
        let totals = self.totals(TotalsScope::Dataset, &changed);
        let map = self.process_map(&changed, REPORT_MAP_RUNS_MAX);
        let total = self.sizes.total(self.dataset);
        let (files, bytes) = totals.of_all(self.dataset.file_count(), total.bytes);
        let (reads, writes) = (self.meter(&self.counters.reads), self.meter(&self.counters.writes));
        let uptime_s = self.counters.uptime_s();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let [all_bytes, bytes_per_s] =
            [reads.bytes + writes.bytes, reads.bytes_per_s + writes.bytes_per_s]
                .map(|number| number as f64);
        Ok(RunReport {
            phase: if writes.bytes_per_s > 0 { Phase::Writing } else { Phase::Reading },
            updated: unix_s(),
            elapsed_s: uptime_s,
            files: FilesDone { total: self.dataset.file_count(), done: files.verified, failed: 0 },
            bytes: BytesDone { total: bytes.expected, done: bytes.matched },
            rates: RunRates {
                bytes_per_s: all_bytes / uptime_s.max(1.0),
                last_second: LastSecond { bytes_per_s, ..LastSecond::default() },
                ..RunRates::default()
            },
            judged: Some(Judged {
                verdict: files.verdict(),
                files,
                bytes,
                estimated: total.estimated,
                classes: self.events.seen(),
                unexpected: 0,
            }),
            wrong: self.latest_ranges(),
            operations: Some(RunOperations {
                reads,
                writes,
                refused: self.refused(),
                timed_reads: timed(&self.counters.reads),
                timed_writes: timed(&self.counters.writes),
            }),
            kept: Some(self.kept()),
            map: Some(map),
            ..RunReport::begin(RunCommand::Mount, self.run.clone(), self.target.to_owned())
        })
    }

    fn latest_ranges(&self) -> ReportedRanges {
        let (latest, seen) = self.events.latest();
        let skipped = latest.len().saturating_sub(REPORT_RANGES_MAX);
        let ranges = latest.iter().skip(skipped).map(|event| FileRange {
            path: self.path_of(event.file),
            target: None,
            range: RangeView::new(self.dataset, event.file, &event.range),
        });
        ReportedRanges { total: seen.total(), ranges: ranges.collect() }
    }
}

fn timed(meter: &Meter) -> TimedView {
    let (operations, seconds) = meter.timed();
    TimedView { operations, seconds }
}

fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}
