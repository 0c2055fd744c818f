//! The status: what is known, as JSON.
//!
//! A document is made when somebody opens it, whole, from the extents as they are at that moment, and
//! does not change afterwards. Making one takes each record's lock for as long as it takes to copy a
//! list of extents, so a benchmark that is being watched does not notice.
//!
//! Nothing grows without bound here: a file's document lists its first [`RANGES_MAX`] wrong ranges
//! and counts the others, `mismatches.json` holds the latest [`EVENTS_MAX`], and the totals of
//! untouched files are arithmetic.

mod counters;
mod events;
mod tree;
mod verification;
mod views;

use serde::Serialize;

use crate::content::Content;
use crate::dataset::{Coordinates, Dataset, Inode, Node};
use crate::overlay::{Expectation, Overlay, Piece, Written};
use crate::verdict::{Judge, Tally, Verdict};

pub use counters::{ClassCounts, Counters, Meter};
pub use events::{EVENTS_MAX, Event, EventLog};
pub use tree::{Document, STATUS_NAME, StatusNode};
pub use verification::{JudgedFile, Surroundings, VERIFICATION_RANGES_MAX, Verification};

use views::{
    EventView, FileView, KeptView, MeterView, MismatchesView, NodeView, ProcessView, RangeView,
    SCHEMA, SummaryView, Totals, WritesView,
};

/// How many wrong ranges the document of one file lists.
pub const RANGES_MAX: usize = 1000;

/// Everything that a document is made from.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
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
    /// The `--node-id` of the mount.
    pub node_id: Option<u32>,
}

impl Snapshot<'_> {
    /// The JSON of a document, with a newline at its end; `None` where there is no such document.
    #[must_use]
    pub fn document(&self, document: Document) -> Option<Vec<u8>> {
        match document {
            Document::Summary => json(&self.summary()),
            Document::Config => json(&self.dataset.to_config()),
            Document::Mismatches => json(&self.mismatches()),
            Document::Node(node) => json(&self.node(node)),
            Document::File(inode) => json(&self.file(inode)?),
        }
    }

    /// The verdict on one file; `None` where the inode is not that of a file of the dataset.
    #[must_use]
    pub fn verdict(&self, inode: Inode) -> Option<Verdict> {
        let Node::File(file) = self.dataset.namespace().node(inode)? else { return None };
        let written = self.overlay.get(inode).and_then(|record| record.written());
        Some(self.tally(file, written.as_ref()).verdict())
    }

    fn expectation(&self, file: Coordinates) -> Expectation {
        Expectation { file, size_bytes: self.dataset.size_bytes(file) }
    }

    fn tally(&self, file: Coordinates, written: Option<&Written>) -> Tally {
        let expectation = self.expectation(file);
        match written {
            None => Tally::untouched(expectation.size_bytes),
            Some(written) => {
                Judge { content: self.content, expectation }.judge(written, &mut |_| {})
            }
        }
    }

    /// Calls `tally` for every file that was written to.
    fn each_written(&self, mut tally: impl FnMut(Coordinates, Tally)) {
        for (inode, record) in self.overlay.records() {
            if let Some(Node::File(file)) = self.dataset.namespace().node(inode)
                && let Some(written) = record.written()
            {
                tally(file, self.tally(file, Some(&written)));
            }
        }
    }

    fn summary(&self) -> SummaryView {
        let mut totals = Totals::default();
        self.each_written(|_, tally| totals.add(&tally));
        let totals = totals.view(self.dataset.file_count(), self.dataset.total_bytes());
        let second = self.counters.second();
        let meter = |meter: &Meter| MeterView {
            operations: meter.operations(),
            bytes: meter.bytes(),
            bytes_per_s: meter.bytes_per_s(second),
        };
        let usage = self.overlay.budget().usage();
        let limits = self.overlay.budget().limits();
        SummaryView {
            schema: SCHEMA,
            verdict: totals.verdict(),
            node_id: self.node_id,
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: self.counters.uptime_s(),
            files: totals.files,
            bytes: totals.bytes,
            reads: meter(&self.counters.reads),
            writes: WritesView {
                meter: meter(&self.counters.writes),
                rejected: self.counters.rejected.load(std::sync::atomic::Ordering::Relaxed),
                no_space: self.counters.no_space.load(std::sync::atomic::Ordering::Relaxed),
            },
            kept: KeptView {
                bytes: usage.kept_bytes,
                bytes_limit: limits.kept_bytes,
                extents: usage.extents,
                extents_limit: limits.extents,
            },
            mismatches: self.events.seen().into(),
        }
    }

    fn node(&self, node: u16) -> NodeView {
        let dimensions = self.dataset.dimensions();
        let mut processes = vec![Totals::default(); dimensions.processes as usize];
        let mut totals = Totals::default();
        self.each_written(|file, tally| {
            if file.node == node {
                totals.add(&tally);
                if let Some(process) = processes.get_mut(usize::from(file.process)) {
                    process.add(&tally);
                }
            }
        });
        let each_files = u64::from(dimensions.iterations) * dimensions.files;
        let all_files = each_files * u64::from(dimensions.processes);
        let bytes = |files: u64| {
            // The product of the counts is below 2^61, that with a size below 2^113.
            self.dataset.total_bytes() / u128::from(self.dataset.file_count()) * u128::from(files)
        };
        NodeView {
            schema: SCHEMA,
            node,
            totals: totals.view(all_files, bytes(all_files)),
            processes: (0..)
                .zip(processes)
                .map(|(process, totals)| ProcessView {
                    process,
                    totals: totals.view(each_files, bytes(each_files)),
                })
                .collect(),
        }
    }

    fn file(&self, inode: Inode) -> Option<FileView> {
        let Node::File(file) = self.dataset.namespace().node(inode)? else { return None };
        let expectation = self.expectation(file);
        let written = self.overlay.get(inode).and_then(|record| record.written());
        let mut ranges = Vec::new();
        let mut ranges_total = 0;
        let tally = match &written {
            None => Tally::untouched(expectation.size_bytes),
            Some(written) => {
                Judge { content: self.content, expectation }.judge(written, &mut |range| {
                    ranges_total += 1;
                    if ranges.len() < RANGES_MAX {
                        ranges.push(RangeView::new(self.dataset, &range));
                    }
                })
            }
        };
        let kept_bytes = written.iter().flat_map(|written| written.extents.iter());
        let kept_bytes = kept_bytes
            .map(|(_, extent)| match extent.piece {
                Piece::Bytes(_) => extent.length,
                Piece::Seed { .. } | Piece::Zeros => 0,
            })
            .sum();
        Some(FileView {
            schema: SCHEMA,
            path: self.path(inode),
            verdict: tally.verdict().name(),
            coordinates: file.into(),
            size_bytes: written
                .as_ref()
                .map_or(expectation.size_bytes, |written| written.size_bytes),
            extents: written.as_ref().map_or(0, |written| written.extents.len() as u64),
            kept_bytes,
            bytes: tally.into(),
            ranges_dropped: ranges_total - ranges.len() as u64,
            ranges,
            ranges_total,
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
                    path: self.path(event.inode),
                    range: RangeView::new(self.dataset, &event.range),
                })
                .collect(),
        }
    }

    fn path(&self, inode: Inode) -> String {
        let mut path = String::new();
        self.dataset.namespace().path(inode, &mut path);
        path
    }
}

fn json(view: &impl Serialize) -> Option<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(view).ok()?;
    json.push(b'\n');
    Some(json)
}
