//! The status: what is known, as JSON.
//!
//! A document is made when somebody opens it, whole, from the extents as they are at that moment,
//! and does not change afterwards. Making one takes each record's lock for as long as it takes to
//! copy a list of extents, so a benchmark that is being watched does not notice.
//!
//! Nothing grows without bound here: a file's document lists its first [`RANGES_MAX`] wrong ranges
//! and counts the others, `mismatches.json` holds the latest [`EVENTS_MAX`], and the totals of
//! untouched files are arithmetic.

mod counters;
mod events;
mod manifest;
mod others;
mod recount;
mod size_totals;
mod tree;
mod verification;
mod views;

use serde::Serialize;

use crate::content::Content;
use crate::dataset::{Coordinates, Dataset, Inode, Node, Part};
use crate::overlay::{Extent, Overlay, Piece, Store, Written};
use crate::verdict::Verdict;

pub use counters::{ClassCounts, Counters, Meter};
pub use events::{EVENTS_MAX, Event, EventLog};
pub use manifest::{HASHED_BYTES_MAX, KnownSum, Manifest, Stopped, escaped_path, manifest_line};
pub use size_totals::{SUMMED_AT_ONCE_MAX, SUMMED_MAX, SizeTotals};
pub use tree::{Document, STATUS_NAME, StatusNode};
pub use verification::{JudgedFile, Surroundings, VERIFICATION_RANGES_MAX, Verification};

use recount::{Changed, Found};
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
    /// How large its files are together.
    pub sizes: &'a SizeTotals,
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
            Document::Others => json(&self.others()),
            Document::Node(node) => json(&self.node(node)),
            Document::File(inode) => json(&self.file(inode)?),
        }
    }

    /// The verdict on one file of the dataset.
    #[must_use]
    pub fn verdict(&self, file: Coordinates) -> Verdict {
        self.tally(file, self.found(file)).verdict()
    }

    fn summary(&self) -> SummaryView {
        let mut totals = Totals::default();
        self.each_changed(|changed| match changed {
            Changed::File(_, tally) => totals.add(&tally),
            Changed::Missing(missing) => {
                totals.add_missing(self.files_missing(&missing, None, None));
            }
        });
        let totals = totals.view(self.dataset.file_count(), self.sizes.total(self.dataset));
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
                rejected: self.counters.rejected.load(crate::sync::atomic::Ordering::Relaxed),
                no_space: self.counters.no_space.load(crate::sync::atomic::Ordering::Relaxed),
            },
            kept: KeptView {
                bytes: usage.kept_bytes,
                bytes_limit: limits.kept_bytes,
                extents: usage.extents,
                extents_limit: limits.extents,
                stored_bytes: self.overlay.store().map(Store::used_bytes),
                stored_bytes_limit: self.overlay.store().map(Store::limit_bytes),
            },
            mismatches: self.events.seen().into(),
        }
    }

    fn node(&self, node: u16) -> NodeView {
        let dimensions = self.dataset.dimensions();
        let mut processes = vec![Totals::default(); dimensions.processes as usize];
        let mut totals = Totals::default();
        self.each_changed(|changed| match changed {
            Changed::File(file, tally) => {
                if file.node == node {
                    totals.add(&tally);
                    if let Some(process) = processes.get_mut(usize::from(file.process)) {
                        process.add(&tally);
                    }
                }
            }
            Changed::Missing(missing) => {
                totals.add_missing(self.files_missing(&missing, Some(node), None));
                for (number, process) in (0..).zip(&mut processes) {
                    process.add_missing(self.files_missing(&missing, Some(node), Some(number)));
                }
            }
        });
        let (all, each) = self.sizes.node(self.dataset, node);
        let part = |process: Option<u16>| Part { node: Some(node), process };
        let all_files = self.dataset.file_count_of(part(None));
        let each_files = self.dataset.file_count_of(part(Some(0)));
        NodeView {
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
        }
    }

    fn file(&self, inode: Inode) -> Option<FileView> {
        let Node::File(file) = self.dataset.namespace().node(inode)? else { return None };
        let found = self.found(file);
        let exists = !matches!(found, Found::Missing);
        let size_bytes = match &found {
            Found::Written(written) => written.size_bytes,
            Found::As(inode) => match self.dataset.namespace().node(*inode) {
                Some(Node::File(own)) => self.dataset.size_bytes(own),
                _ => 0,
            },
            Found::Missing | Found::NoFile => 0,
        };
        let (extents, kept_bytes) = match &found {
            Found::Written(written) => (written.extents.len() as u64, kept_bytes(written)),
            _ => (0, 0),
        };
        let mut ranges = Vec::new();
        let mut ranges_total = 0;
        let tally = self.judge(file, found, &mut |range| {
            ranges_total += 1;
            if ranges.len() < RANGES_MAX {
                ranges.push(RangeView::new(self.dataset, &range));
            }
        });
        Some(FileView {
            schema: SCHEMA,
            path: self.path(inode),
            verdict: tally.verdict().name(),
            coordinates: file.into(),
            size_bytes,
            exists,
            extents,
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
                    path: self.path_of(event.file),
                    range: RangeView::new(self.dataset, &event.range),
                })
                .collect(),
        }
    }

    fn path_of(&self, file: Coordinates) -> String {
        self.dataset.namespace().inode(file).map_or_else(String::new, |inode| self.path(inode))
    }

    fn path(&self, inode: Inode) -> String {
        let mut path = String::new();
        self.dataset.namespace().path(inode, &mut path);
        path
    }
}

fn kept_bytes(written: &Written) -> u64 {
    let kept = |(_, extent): (u64, &Extent)| match extent.piece {
        Piece::Bytes(_) | Piece::Stored(_) => extent.length,
        Piece::Seed { .. } | Piece::Zeros => 0,
    };
    written.extents.iter().map(kept).sum()
}

fn json(view: &impl Serialize) -> Option<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(view).ok()?;
    json.push(b'\n');
    Some(json)
}
