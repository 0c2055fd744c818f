//! What the documents look like: the fields of the JSON, in their order.
//!
//! These types are the interface that users' scripts read. They are made from the domain's types
//! and are never used for anything else, so that neither can change the other by accident. The JSON
//! Schemas under `docs/schema/` describe them; a test holds the two together.

use serde::Serialize;

use super::counters::ClassCounts;
use crate::content::Source;
use crate::dataset::{Coordinates, Dataset, Total};
use crate::overlay::{Extent, ExtentData};
use crate::verdict::{ByteTally, Class, FileTally, WrongRange};

/// The version of the documents' form. Fields may be added under the same number.
pub(super) const SCHEMA: u32 = 1;

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

/// Files by verdict.
#[derive(Debug, Serialize)]
pub(super) struct FilesView {
    pub(super) total: u64,
    pub(super) untouched: u64,
    pub(super) incomplete: u64,
    pub(super) verified: u64,
    pub(super) mismatch: u64,
}

/// Bytes of many files. `missing` is all that has not arrived: `expected = matched + missing +
/// wrong`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct BytesView {
    pub(super) expected: u128,
    /// Whether `expected`, and `missing` with it, is the number of files times the mean; left out
    /// where it never is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) estimated: Option<bool>,
    pub(super) matched: u128,
    pub(super) missing: u128,
    pub(super) wrong: u128,
    pub(super) extra: u128,
}

/// Bytes of one file: `expected = untouched + matched + missing + wrong`.
#[derive(Debug, Serialize)]
pub(super) struct FileBytesView {
    expected: u64,
    untouched: u64,
    matched: u64,
    missing: u64,
    wrong: u64,
    extra: u64,
}

/// Operations of one kind.
#[derive(Debug, Serialize)]
pub(super) struct MeterView {
    pub(super) operations: u64,
    pub(super) bytes: u64,
    pub(super) bytes_per_s: u64,
}

/// Writes, and those that failed.
#[derive(Debug, Serialize)]
pub(super) struct WritesView {
    #[serde(flatten)]
    pub(super) meter: MeterView,
    pub(super) rejected: u64,
    pub(super) no_space: u64,
}

/// What is held in memory, and how much may be.
#[derive(Debug, Serialize)]
pub(super) struct KeptView {
    pub(super) bytes: u64,
    pub(super) bytes_limit: u64,
    pub(super) extents: u64,
    pub(super) extents_limit: u64,
    pub(super) stored_bytes: Option<u64>,
    pub(super) stored_bytes_limit: Option<u64>,
}

/// Wrong ranges seen in writes since the start, healed ones included.
#[derive(Debug, Serialize)]
pub(super) struct SeenView {
    seen: u64,
    misplaced: u64,
    stale: u64,
    zeroed: u64,
    flipped: u64,
    foreign: u64,
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

/// The sums over some files, and the verdict on them.
#[derive(Debug, Serialize)]
pub(super) struct TotalsView {
    verdict: &'static str,
    pub(super) files: FilesView,
    pub(super) bytes: BytesView,
}

/// `files/<path>.json`
#[derive(Debug, Serialize)]
pub(super) struct FileView {
    pub(super) schema: u32,
    pub(super) path: String,
    pub(super) verdict: &'static str,
    #[serde(flatten)]
    pub(super) coordinates: CoordinatesView,
    pub(super) size_bytes: u64,
    pub(super) exists: bool,
    pub(super) extents: u64,
    pub(super) kept_bytes: u64,
    pub(super) bytes: FileBytesView,
    pub(super) ranges: Vec<RangeView>,
    pub(super) ranges_total: u64,
    pub(super) ranges_dropped: u64,
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

/// A wrong range.
#[derive(Debug, Serialize)]
pub(super) struct RangeView {
    offset: u64,
    length: u64,
    class: &'static str,
    expected: Option<String>,
    actual: String,
    source: Option<SourceView>,
}

/// Whose content a wrong range is.
#[derive(Debug, Serialize)]
struct SourceView {
    path: Option<String>,
    #[serde(flatten)]
    coordinates: CoordinatesView,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_block: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_generation: Option<u16>,
}

/// Coordinates, as in a file's address.
#[derive(Debug, Serialize)]
pub(super) struct CoordinatesView {
    generation: u16,
    node: u16,
    process: u16,
    file: u32,
}

impl From<Coordinates> for CoordinatesView {
    fn from(file: Coordinates) -> Self {
        let Coordinates { generation, node, process, file } = file;
        Self { generation, node, process, file }
    }
}

impl From<ByteTally> for FileBytesView {
    fn from(tally: ByteTally) -> Self {
        let ByteTally { expected, untouched, matched, missing, wrong, extra } = tally;
        Self { expected, untouched, matched, missing, wrong, extra }
    }
}

impl From<ClassCounts> for SeenView {
    fn from(counts: ClassCounts) -> Self {
        Self {
            seen: counts.total(),
            misplaced: counts.get(Class::Misplaced),
            stale: counts.get(Class::Stale),
            zeroed: counts.get(Class::Zeroed),
            flipped: counts.get(Class::Flipped),
            foreign: counts.get(Class::Foreign),
        }
    }
}

impl RangeView {
    pub(super) fn new(dataset: &Dataset, range: &WrongRange) -> Self {
        Self {
            offset: range.offset,
            length: range.length,
            class: range.class.name(),
            expected: (!range.expected.is_empty()).then(|| hex::encode(&range.expected)),
            actual: hex::encode(&range.actual),
            source: range.source.map(|source| {
                let mut view = SourceView::new(dataset, source);
                if range.class == Class::Stale && view.shared_block.is_none() {
                    let same = source.offset..source.offset.saturating_add(range.length);
                    view.last_generation = dataset.origins().last_generation(source.file, same);
                }
                view
            }),
        }
    }
}

impl SourceView {
    fn new(dataset: &Dataset, source: Source) -> Self {
        let shared_block = dataset.origins().shared_block(source.offset);
        // No file has a shared block to itself, not even the one in whose content it stands.
        let path = dataset.namespace().path_of(source.file).filter(|_| shared_block.is_none());
        Self {
            path,
            coordinates: source.file.into(),
            offset: source.offset,
            shared_block,
            last_generation: None,
        }
    }
}

/// The sums over some files of the dataset: those that were written to, one by one, and the rest by
/// subtraction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    files: FileTally,
    matched: u128,
    wrong: u128,
    extra: u128,
}

impl Totals {
    /// Counts files that are gone, names and all.
    pub(super) fn add_missing(&mut self, files: u64) {
        self.files.incomplete += files;
    }

    pub(super) fn add(&mut self, tally: &ByteTally) {
        self.files.add(tally.verdict());
        self.matched += u128::from(tally.matched);
        self.wrong += u128::from(tally.wrong);
        self.extra += u128::from(tally.extra);
    }

    /// The view, where there are `files` files of this size together.
    pub(super) fn view(mut self, files: u64, total: Total) -> TotalsView {
        let Total { bytes: expected, estimated } = total;
        let seen = self.files.incomplete + self.files.verified + self.files.mismatch;
        self.files.untouched = files.saturating_sub(seen);
        let FileTally { untouched, incomplete, verified, mismatch } = self.files;
        TotalsView {
            verdict: self.files.verdict().name(),
            files: FilesView { total: files, untouched, incomplete, verified, mismatch },
            bytes: BytesView {
                expected,
                estimated: Some(estimated),
                matched: self.matched,
                missing: expected.saturating_sub(self.matched + self.wrong),
                wrong: self.wrong,
                extra: self.extra,
            },
        }
    }
}

impl TotalsView {
    pub(super) fn verdict(&self) -> &'static str {
        self.verdict
    }
}
