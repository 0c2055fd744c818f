//! Reports: what was found, as users read it.
//!
//! A verdict is about one file. A report is about many: tallies that add up, and views that say
//! them as JSON. The documents of a mount ([`status`](crate::status)) and the report of
//! `seedfs verify` say the same things in the same words because both are made of these.

mod aftermath;
mod cluster;
mod map;
mod metrics;
mod named;
mod repair;
mod run;
mod source;
mod totals;
mod verification;
mod views;

use std::io::{self, Write};

use serde::Serialize;

pub use aftermath::{
    AftermathFates, AftermathFile, AftermathJournal, AftermathLosses, AftermathRange,
    AftermathReport, AftermathTotals,
};
pub use cluster::{
    CLUSTER_RANGES_MAX, Cluster, ClusterNode, ClusterRun, ClusterWrong, NodeRange, NodeStates,
    OTHER_RUNS_MAX, OtherRun, STALE_AFTER_S,
};
pub use map::{MAP_RUNS_MAX, MapCell, ProcessMap};
pub use metrics::{MetricsFormat, metrics};
pub use repair::{FileRepair, RepairSummary, RepairTotals, repair_document};
#[cfg(test)]
pub(crate) use run::tests::example as example_report;
pub use run::{
    BytesDone, FileRange, FilesDone, Judged, LastSecond, Machine, Phase, REPORT_BYTES_MAX,
    REPORT_MAP_RUNS_MAX, REPORT_RANGES_MAX, REPORT_TARGETS_MAX, REPORT_THREADS_MAX, ReportedRanges,
    RunCommand, RunErrors, RunIdentity, RunOperations, RunRates, RunReport, TargetReport,
    ThreadReport, dataset_digest,
};
pub use source::SourceView;
pub use totals::{ByteTotals, ClassCounts, FileTally};
pub use verification::{
    JudgedFile, Surroundings, TargetIdentity, VERIFICATION_RANGES_MAX, Verification,
    VerifiedTarget, WrittenBefore,
};
pub(crate) use views::{BytesView, FileBytesView, FileView, FilesView, SCHEMA, SeenView};
pub use views::{KeptView, MeterView, RangeView, RefusedView, TimedView};

/// How many wrong ranges a report lists of one file.
pub const RANGES_MAX: usize = 1000;

/// Writes a view as people read it, with a newline at its end.
pub(crate) fn write_json(view: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, view)?;
    out.write_all(b"\n")
}

/// Writes a view in one line.
pub(crate) fn write_json_line(view: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, view)?;
    out.write_all(b"\n")
}
