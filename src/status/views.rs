//! What only the documents of a mount say: the fields of the JSON, in their order. What they share
//! with other reports is in [`report`](crate::report).

use serde::Serialize;

use crate::dataset::{Dataset, Total};
use crate::overlay::{Extent, ExtentData};
use crate::report::{
    ByteTotals, BytesView, FileTally, FilesView, KeptView, MeterView, RangeView, RefusedView,
    SeenView, SourceView,
};
use crate::verdict::ByteTally;

/// `summary.json`
#[derive(Debug, Serialize)]
pub(super) struct SummaryView {
    pub(super) schema: u32,
    pub(super) verdict: &'static str,
    pub(super) node_id: Option<u32>,
    pub(super) version: &'static str,
    pub(super) uptime_s: f64,
    pub(super) files: FilesView,
    pub(super) bytes: BytesView,
    pub(super) reads: MeterView,
    pub(super) writes: WritesView,
    pub(super) kept: KeptView,
    pub(super) mismatches: SeenView,
}

/// Writes, and those that failed.
#[derive(Debug, Serialize)]
pub(super) struct WritesView {
    #[serde(flatten)]
    pub(super) meter: MeterView,
    #[serde(flatten)]
    pub(super) refused: RefusedView,
}

/// `nodes/node_<node>.json`
#[derive(Debug, Serialize)]
pub(super) struct NodeView {
    pub(super) schema: u32,
    pub(super) node: u16,
    #[serde(flatten)]
    pub(super) totals: TotalsView,
    pub(super) processes: Vec<ProcessView>,
}

/// One line of `nodes/node_<node>.json`.
#[derive(Debug, Serialize)]
pub(super) struct ProcessView {
    pub(super) process: u32,
    #[serde(flatten)]
    pub(super) totals: TotalsView,
}

/// The totals of some files, and the verdict on them.
#[derive(Debug, Serialize)]
pub(super) struct TotalsView {
    pub(super) verdict: &'static str,
    pub(super) files: FilesView,
    pub(super) bytes: BytesView,
}

/// `others.json`
#[derive(Debug, Serialize)]
pub(super) struct OthersView {
    pub(super) schema: u32,
    pub(super) total: u64,
    pub(super) dropped: u64,
    pub(super) files: Vec<OtherView>,
}

/// A name that the dataset does not have.
#[derive(Debug, Serialize)]
pub(super) struct OtherView {
    pub(super) path: String,
    pub(super) kind: &'static str,
    pub(super) size_bytes: u64,
    pub(super) kept_bytes: u64,
    pub(super) extents: Vec<ExtentView>,
    pub(super) extents_total: u64,
}

impl OtherView {
    /// The bytes of the paths in it.
    pub(super) fn path_bytes(&self) -> usize {
        let sources =
            self.extents.iter().filter_map(|extent| extent.source.as_ref()?.path.as_ref());
        self.path.len() + sources.map(String::len).sum::<usize>()
    }
}

/// What stands in a run of bytes.
#[derive(Debug, Serialize)]
pub(super) struct ExtentView {
    offset: u64,
    length: u64,
    kind: &'static str,
    source: Option<SourceView>,
}

impl ExtentView {
    pub(super) fn new(dataset: &Dataset, offset: u64, extent: &Extent) -> Self {
        let (kind, source) = match &extent.data {
            ExtentData::Content { source, .. } => {
                ("content", Some(SourceView::new(dataset, *source)))
            }
            ExtentData::Zeros => ("zeros", None),
            ExtentData::Bytes(_) | ExtentData::Stored(_) => ("bytes", None),
        };
        Self { offset, length: extent.length, kind, source }
    }
}

/// `mismatches.json`
#[derive(Debug, Serialize)]
pub(super) struct MismatchesView {
    pub(super) schema: u32,
    pub(super) seen: SeenView,
    pub(super) dropped: u64,
    pub(super) ranges: Vec<EventView>,
}

/// One range of `mismatches.json`.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    pub(super) unix_s: f64,
    pub(super) path: String,
    #[serde(flatten)]
    pub(super) range: RangeView,
}

/// The totals of some files of the dataset: those that were written to, one by one, and the rest by
/// subtraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    files: FileTally,
    bytes: ByteTotals,
}

impl Totals {
    /// Counts files that are gone, names and all.
    pub(super) fn add_missing(&mut self, files: u64) {
        self.files.incomplete += files;
    }

    pub(super) fn add(&mut self, tally: &ByteTally) {
        self.files.add(tally.verdict());
        self.bytes.add(tally);
    }

    /// How many files are not untouched.
    pub(super) fn changed_files(&self) -> u64 {
        self.files.incomplete + self.files.verified + self.files.mismatch
    }

    /// How many files have which verdict, untouched ones left out.
    pub(super) fn files(&self) -> FileTally {
        self.files
    }

    /// The totals of all files, where there are so many, and so many bytes are expected of them.
    pub(super) fn of_all(mut self, files: u64, expected: u128) -> (FileTally, ByteTotals) {
        self.files.untouched = files.saturating_sub(self.changed_files());
        (self.files, ByteTotals { expected, ..self.bytes })
    }

    /// Takes back a file that was added.
    pub(super) fn subtract(&mut self, tally: &ByteTally) {
        self.files.subtract(tally.verdict());
        self.bytes.subtract(tally);
    }

    /// What a view shows of them: how many files are untouched, and how many bytes they should
    /// have, follows from the dataset.
    #[cfg(debug_assertions)]
    pub(super) fn shown(&self) -> ([u64; 3], [u128; 3]) {
        let Self { files, bytes } = self;
        (
            [files.incomplete, files.verified, files.mismatch],
            [bytes.matched, bytes.wrong, bytes.extra],
        )
    }

    /// The view, where there are `files` files of this size together.
    pub(super) fn view(self, files: u64, total: Total) -> TotalsView {
        let Total { bytes: expected, estimated } = total;
        let (tally, bytes) = self.of_all(files, expected);
        TotalsView {
            verdict: tally.verdict().name(),
            files: FilesView::new(files, tally),
            bytes: BytesView::new(bytes, Some(estimated)),
        }
    }
}
