//! The status of a mount: what is known, as JSON documents.
//!
//! A document is made when somebody opens it, whole, from what is known at that moment, and does
//! not change afterwards. Totals are kept from one to the next (`running`), so making one takes the
//! locks of the records that were changed since, each for as long as it takes to copy a list of
//! extents, and a benchmark that is being watched does not notice.
//!
//! Nothing grows without bound here: a file's document lists its first
//! [`RANGES_MAX`](crate::report::RANGES_MAX) wrong ranges and counts the others, and so do its
//! segments and the files of a process; `mismatches.json` holds the latest [`EVENTS_MAX`],
//! `others.json` has a bound on its names and on their bytes, `map.json` one on its runs, and the
//! totals of untouched files are arithmetic.
//!
//! What arithmetic cannot say about a file's extents may take long, hours for a petabyte in a
//! shape. So whoever asks for a document can stop its making, and what took long is remembered
//! (`judgement_cache`).

mod counted;
mod counters;
mod document;
mod events;
mod file;
mod found;
mod judgement_cache;
mod map;
mod missing;
mod others;
mod process;
#[cfg(debug_assertions)]
mod recount;
mod run_report;
mod running;
mod views;

use std::io::{self, Write};

use serde::Serialize;

use crate::content::{Content, StopCheck, Stopped};
use crate::dataset::{
    Coordinates, Dataset, DatasetConfig, DatasetEntry, DatasetPart, Inode, SizeTotals,
};
use crate::overlay::{Extent, ExtentData, Overlay, Store, Written};
use crate::report::{
    KeptView, MeterView, MetricsFormat, RangeView, RefusedView, RunIdentity, RunReport, SCHEMA,
    metrics, write_json, write_json_line,
};
use crate::sync::atomic::Ordering;
use crate::verdict::Verdict;

pub use counters::{Begun, Counters, Meter};
pub use document::Document;
pub use events::{EVENTS_MAX, Event, EventLog, WrongRanges};
pub use judgement_cache::JudgementCache;
pub use running::RunningTotals;

use file::FileDocumentView;
use map::MapDocumentView;
use process::ProcessDocumentView;
use running::TotalsScope;
use views::{
    EventView, MismatchesView, NodeView, OthersView, ProcessView, SummaryView, WritesView,
};

/// Everything that a document is made from.
#[derive(Clone, Copy, Debug)]
pub struct MountStatus<'a> {
    /// The dataset.
    pub dataset: &'a Dataset,
    /// Its content.
    pub content: &'a Content,
    /// What was written.
    pub overlay: &'a Overlay,
    /// What happened.
    pub counters: &'a Counters,
    /// What was wrong.
    pub events: &'a EventLog,
    /// How large its files are together.
    pub sizes: &'a SizeTotals,
    /// The totals of what was counted.
    pub running: &'a RunningTotals,
    /// What took long to judge.
    pub judgements: &'a JudgementCache,
    /// The `--node-id` of the mount.
    pub node_id: Option<u32>,
    /// Which mount it is.
    pub run: &'a RunIdentity,
    /// Where it is mounted.
    pub target: &'a str,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDocument {
    /// The dataset has no such file.
    Missing,
    /// Somebody has asked to stop.
    Stopped,
}

impl From<Stopped> for NoDocument {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// What a document says, to be written as often as it takes.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct DocumentView(AnyView);

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum AnyView {
    Summary(Box<SummaryView>),
    Config(Box<DatasetConfig>),
    Mismatches(MismatchesView),
    Others(OthersView),
    Node(NodeView),
    Process(ProcessDocumentView),
    Map(MapDocumentView),
    Report(Box<RunReport>),
    Metrics(String),
    File(Box<FileDocumentView>),
}

impl DocumentView {
    /// Writes the JSON, or the text of the metrics, with a newline at its end.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match &self.0 {
            // Lines for each run of a map would be most of it.
            AnyView::Map(map) => write_json_line(map, out),
            AnyView::Report(report) => write_json_line(report, out),
            AnyView::Metrics(text) => out.write_all(text.as_bytes()),
            other => write_json(other, out),
        }
    }
}

impl MountStatus<'_> {
    /// What a document says now.
    ///
    /// # Errors
    ///
    /// [`NoDocument::Stopped`] where `stop` says so.
    pub fn document(
        &self,
        document: Document,
        stop: StopCheck<'_>,
    ) -> Result<DocumentView, NoDocument> {
        Ok(DocumentView(match document {
            Document::Summary => AnyView::Summary(Box::new(self.summary(stop)?)),
            Document::Config => AnyView::Config(Box::new(self.dataset.to_config())),
            Document::Mismatches => AnyView::Mismatches(self.mismatches()),
            Document::Others => AnyView::Others(self.others(stop)?),
            Document::Node(node) => AnyView::Node(self.node(node, stop)?),
            Document::Process(node, process) => {
                AnyView::Process(self.process(node, process, stop)?)
            }
            Document::Report => AnyView::Report(Box::new(self.report(stop)?)),
            Document::Metrics => {
                let report = self.report(stop)?;
                AnyView::Metrics(metrics([&report], MetricsFormat::OpenMetrics))
            }
            Document::Map => AnyView::Map(self.map_document(stop)?),
            Document::File(inode) => match self.dataset.namespace().entry(inode) {
                Some(DatasetEntry::File(file)) => {
                    AnyView::File(Box::new(self.file(inode, file, stop)?))
                }
                _ => return Err(NoDocument::Missing),
            },
        }))
    }

    /// The verdict on one file of the dataset.
    ///
    /// # Errors
    ///
    /// [`Stopped`] where `stop` says so.
    pub fn verdict(&self, file: Coordinates, stop: StopCheck<'_>) -> Result<Verdict, Stopped> {
        Ok(self.tally(file, &self.found(file), stop)?.verdict())
    }

    /// The same where it takes less than anybody notices.
    #[must_use]
    pub fn quick_verdict(&self, file: Coordinates) -> Option<Verdict> {
        let found = self.found(file);
        if found.is_long() {
            return None;
        }
        // It is asked for the first time when it takes longer.
        let tally = self.tally(file, &found, StopCheck::when(&|| true));
        tally.ok().map(|tally| tally.verdict())
    }

    fn summary(&self, stop: StopCheck<'_>) -> Result<SummaryView, Stopped> {
        let changed = self.changed_totals(TotalsScope::Dataset, stop)?;
        let totals = self.totals(TotalsScope::Dataset, &changed);
        let totals = totals.view(self.dataset.file_count(), self.sizes.total(self.dataset));
        Ok(SummaryView {
            schema: SCHEMA,
            verdict: totals.verdict,
            node_id: self.node_id,
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: self.counters.uptime_s(),
            files: totals.files,
            bytes: totals.bytes,
            reads: self.meter(&self.counters.reads),
            writes: WritesView {
                meter: self.meter(&self.counters.writes),
                refused: self.refused(),
            },
            kept: self.kept(),
            mismatches: self.events.seen().into(),
        })
    }

    fn meter(&self, meter: &Meter) -> MeterView {
        MeterView {
            operations: meter.operations(),
            bytes: meter.bytes(),
            bytes_per_s: meter.bytes_per_s(self.counters.second()),
        }
    }

    fn refused(&self) -> RefusedView {
        RefusedView {
            rejected: self.counters.rejected.load(Ordering::Relaxed),
            no_space: self.counters.no_space.load(Ordering::Relaxed),
        }
    }

    fn kept(&self) -> KeptView {
        let usage = self.overlay.budget().usage();
        let limits = self.overlay.budget().limits();
        KeptView {
            bytes: usage.kept_bytes,
            bytes_limit: limits.kept_bytes,
            extents: usage.extents,
            extents_limit: limits.extents,
            stored_bytes: self.overlay.store().map(Store::used_bytes),
            stored_bytes_limit: self.overlay.store().map(Store::limit_bytes),
        }
    }

    fn node(&self, node: u16, stop: StopCheck<'_>) -> Result<NodeView, Stopped> {
        let changed = self.changed_totals(TotalsScope::Node(node), stop)?;
        let totals = self.totals(TotalsScope::Node(node), &changed);
        let processes = self.process_totals(node, &changed);
        let (all, each) = self.sizes.node(self.dataset, node);
        let part = |process: Option<u16>| DatasetPart { node: Some(node), process };
        let all_files = self.dataset.file_count_of(part(None));
        let each_files = self.dataset.file_count_of(part(Some(0)));
        Ok(NodeView {
            schema: SCHEMA,
            node,
            totals: totals.view(all_files, all),
            processes: (0..)
                .zip(processes)
                .zip(each)
                .map(|((process, totals), bytes)| ProcessView {
                    process,
                    totals: totals.view(each_files, bytes),
                })
                .collect(),
        })
    }

    fn mismatches(&self) -> MismatchesView {
        let (latest, seen) = self.events.latest();
        MismatchesView {
            schema: SCHEMA,
            dropped: seen.total() - latest.len() as u64,
            seen: seen.into(),
            ranges: latest
                .iter()
                .map(|event| EventView {
                    unix_s: event.unix_s,
                    path: self.path_of(event.file),
                    range: RangeView::new(self.dataset, event.file, &event.range),
                })
                .collect(),
        }
    }

    fn path_of(&self, file: Coordinates) -> String {
        self.dataset.namespace().path_of(file).unwrap_or_default()
    }

    fn path(&self, inode: Inode) -> String {
        self.dataset.namespace().path(inode).unwrap_or_default()
    }
}

fn kept_bytes(written: &Written) -> u64 {
    let kept = |(_, extent): (u64, &Extent)| match extent.data {
        ExtentData::Bytes(_) | ExtentData::Stored(_) => extent.length,
        ExtentData::Content { .. } | ExtentData::Zeros => 0,
    };
    written.extents.iter().map(kept).sum()
}
