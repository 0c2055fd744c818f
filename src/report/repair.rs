//! The document of a repair: what was wrong, and what was done about it.

use serde::Serialize;

use super::verification::{JudgedFile, TargetIdentity};
use super::views::{RangeView, SCHEMA};
use super::{dataset_digest, named, write_json};
use crate::dataset::Dataset;
use crate::verdict::Verdict;

/// A file that was not right, and what was done.
#[derive(Clone, Debug, Serialize)]
pub struct FileRepair {
    /// Its path in the dataset.
    pub path: String,
    /// The directory of the target that it is on, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What it was.
    #[serde(serialize_with = "named::serialize")]
    pub verdict: Verdict,
    /// Whether it was not there and was made.
    pub is_made: bool,
    /// Bytes that were written over others.
    pub rewritten_bytes: u64,
    /// Bytes that were written where none were.
    pub appended_bytes: u64,
    /// Bytes past its end that were cut off.
    pub cut_bytes: u64,
    /// Where it was wrong; the first of many.
    pub ranges: Vec<RangeView>,
    /// How many such ranges there were.
    pub ranges_total: u64,
    /// Why it is not right now; none where it is.
    pub error: Option<String>,
}

impl FileRepair {
    /// A file as it was judged, and nothing done yet.
    #[must_use]
    pub fn new(dataset: &Dataset, path: String, judged: &JudgedFile) -> Self {
        let view = |range| RangeView::new(dataset, judged.file, range);
        Self {
            path,
            target: None,
            verdict: judged.tally.verdict(),
            is_made: false,
            rewritten_bytes: 0,
            appended_bytes: 0,
            cut_bytes: 0,
            ranges: judged.ranges.iter().map(view).collect(),
            ranges_total: judged.classes.total(),
            error: None,
        }
    }

    /// Forgets further ranges.
    pub fn list_no_more_than(&mut self, count: usize) {
        self.ranges.truncate(count);
    }
}

/// A repair in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RepairTotals {
    /// Files that were right.
    pub files_right: u64,
    /// Files that are right now, or would be.
    pub files_repaired: u64,
    /// Those of them that were not there.
    pub files_made: u64,
    /// Files that are not right now, as far as anybody knows.
    pub files_failed: u64,
    /// Bytes that were written over others.
    pub rewritten_bytes: u128,
    /// Bytes that were written where none were.
    pub appended_bytes: u128,
    /// Bytes that were cut off.
    pub cut_bytes: u128,
}

impl RepairTotals {
    /// Adds a file that was not right.
    pub fn add(&mut self, repair: &FileRepair) {
        if repair.error.is_some() {
            self.files_failed += 1;
        } else {
            self.files_repaired += 1;
            self.files_made += u64::from(repair.is_made);
        }
        self.rewritten_bytes += u128::from(repair.rewritten_bytes);
        self.appended_bytes += u128::from(repair.appended_bytes);
        self.cut_bytes += u128::from(repair.cut_bytes);
    }
}

/// What a document of a repair says beside the files.
#[derive(Clone, Debug, Serialize)]
pub struct RepairSummary<'a> {
    /// What was repaired, where it is one directory or device.
    pub identity: Option<&'a TargetIdentity>,
    /// The directories of the targets that were repaired, where there are several.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub targets: &'a [String],
    /// The node whose files these are; `None` for all nodes.
    pub node_id: Option<u16>,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether all files were looked at.
    pub complete: bool,
    /// In numbers.
    pub totals: RepairTotals,
    /// How long it took.
    pub seconds: f64,
    /// Files that were not right, as far as they are listed.
    pub repairs: &'a [FileRepair],
    /// How many there are.
    pub repairs_total: u64,
    /// Files that are not right now, as far as they are listed.
    pub failures: serde_json::Value,
    /// How many there are.
    pub failures_total: u64,
}

#[derive(Serialize)]
struct RepairView<'a> {
    schema: u32,
    version: &'static str,
    dataset: String,
    #[serde(flatten)]
    summary: &'a RepairSummary<'a>,
}

/// The document, as JSON with a newline at its end.
#[must_use]
pub fn repair_document(dataset: &Dataset, summary: &RepairSummary<'_>) -> Vec<u8> {
    let view = RepairView {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        dataset: dataset_digest(dataset),
        summary,
    };
    let mut json = Vec::new();
    // Memory takes all that is written.
    let _ = write_json(&view, &mut json);
    json
}
