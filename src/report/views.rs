//! What a report says of files, bytes and wrong ranges: the fields of the JSON, in their order.
//!
//! These types are the interface that users' scripts read. They are made from the domain's types
//! and are never used for anything else, so that neither can change the other by accident. The JSON
//! Schemas under `docs/schema/` describe them; a test holds the two together.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::named;
use super::source::{CoordinatesView, SourceView};
use super::totals::{ByteTotals, ClassCounts, FileTally};
use crate::dataset::{Coordinates, Dataset};
use crate::verdict::{ByteTally, Class, WrongRange};

/// The version of the documents' form. Fields may be added under the same number.
pub(crate) const SCHEMA: u32 = 1;

/// Files by verdict.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FilesView {
    total: u64,
    untouched: u64,
    incomplete: u64,
    verified: u64,
    mismatch: u64,
}

/// Bytes of many files. `missing` is all that has not arrived: `expected = matched + missing +
/// wrong`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BytesView {
    expected: u128,
    /// Whether `expected`, and `missing` with it, is the number of files times the mean; left out
    /// where it never is.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated: Option<bool>,
    matched: u128,
    missing: u128,
    wrong: u128,
    extra: u128,
}

/// Bytes of one file: `expected = untouched + matched + missing + wrong`.
#[derive(Debug, Serialize)]
pub(crate) struct FileBytesView {
    expected: u64,
    untouched: u64,
    matched: u64,
    missing: u64,
    wrong: u64,
    extra: u64,
}

/// Wrong ranges seen in writes since the start, healed ones included.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SeenView {
    seen: u64,
    misplaced: u64,
    stale: u64,
    zeroed: u64,
    flipped: u64,
    foreign: u64,
}

/// `files/<path>.json`
#[derive(Debug, Serialize)]
pub(crate) struct FileView {
    pub(crate) schema: u32,
    pub(crate) path: String,
    pub(crate) verdict: &'static str,
    #[serde(flatten)]
    pub(crate) coordinates: CoordinatesView,
    pub(crate) size_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_offset: Option<u64>,
    pub(crate) exists: bool,
    pub(crate) extents: u64,
    pub(crate) kept_bytes: u64,
    pub(crate) bytes: FileBytesView,
    pub(crate) ranges: Vec<RangeView>,
    pub(crate) ranges_total: u64,
    pub(crate) ranges_dropped: u64,
}

/// A wrong range.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RangeView {
    /// Of its first byte in the file.
    pub offset: u64,
    /// In bytes.
    pub length: u64,
    /// What kind of wrong it is.
    #[serde(with = "named")]
    pub class: Class,
    /// Of its first byte on the device, where the file is on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_offset: Option<u64>,
    /// Which parts of a file of a format it is of; left out for other files, and past the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Cow<'static, str>>,
    /// The first bytes that belong there, in hexadecimal; none past the expected end.
    pub expected: Option<String>,
    /// The first bytes that stand there, in hexadecimal.
    pub actual: String,
    /// Whose content it is; none for bytes that are nobody's.
    pub source: Option<SourceView>,
}

/// Operations of one kind, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterView {
    /// Since the mount began.
    pub operations: u64,
    /// Of these operations.
    pub bytes: u64,
    /// Over the last five whole seconds.
    pub bytes_per_s: u64,
}

/// Writes that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Because something in them was wrong (`--on-mismatch reject`).
    pub rejected: u64,
    /// For want of room (`--keep`, `--extent-limit`).
    pub no_space: u64,
}

/// Those operations that were timed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimedView {
    /// How many.
    pub operations: u64,
    /// How long these took together, from the request to the answer.
    pub seconds: f64,
}

/// What is held in memory, and how much may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptView {
    /// Bytes that are nobody's content.
    pub bytes: u64,
    /// How many there may be.
    pub bytes_limit: u64,
    /// Extents, and all that counts like them.
    pub extents: u64,
    /// How many there may be.
    pub extents_limit: u64,
    /// Bytes in the store, where there is one.
    pub stored_bytes: Option<u64>,
    /// How many there may be.
    pub stored_bytes_limit: Option<u64>,
}

impl FilesView {
    pub(crate) fn new(total: u64, tally: FileTally) -> Self {
        let FileTally { untouched, incomplete, verified, mismatch } = tally;
        Self { total, untouched, incomplete, verified, mismatch }
    }

    /// The tally, where the total is its sum.
    pub(super) fn tally(&self) -> Option<FileTally> {
        let Self { total, untouched, incomplete, verified, mismatch } = *self;
        let tally = FileTally { untouched, incomplete, verified, mismatch };
        (tally.total() == Some(total)).then_some(tally)
    }
}

impl BytesView {
    pub(crate) fn new(totals: ByteTotals, estimated: Option<bool>) -> Self {
        let missing = totals.missing();
        let ByteTotals { expected, matched, wrong, extra } = totals;
        Self { expected, estimated, matched, missing, wrong, extra }
    }

    /// The totals and whether they are an estimate, where all has its place.
    pub(super) fn totals(&self) -> Option<(ByteTotals, bool)> {
        let Self { expected, estimated, matched, missing, wrong, extra } = *self;
        let totals = ByteTotals { expected, matched, wrong, extra };
        let sums = totals.is_possible() && missing == expected - matched - wrong;
        sums.then_some((totals, estimated.unwrap_or_default()))
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

impl SeenView {
    /// The counts, where they add up.
    pub(super) fn counts(&self) -> Option<ClassCounts> {
        let Self { seen, misplaced, stale, zeroed, flipped, foreign } = *self;
        let counts = ClassCounts::of(|class| match class {
            Class::Misplaced => misplaced,
            Class::Stale => stale,
            Class::Zeroed => zeroed,
            Class::Flipped => flipped,
            Class::Foreign => foreign,
        });
        (counts.is_possible() && counts.total() == seen).then_some(counts)
    }
}

impl RangeView {
    /// The same on a device: where it is there, and where what stands there belongs.
    pub(crate) fn on_device(mut self, at: u64, belongs_at: Option<u64>) -> Self {
        self.device_offset = Some(at);
        if let Some(source) = &mut self.source {
            source.device_offset = belongs_at;
        }
        self
    }

    /// Of a file, or of what stands under its name.
    pub(crate) fn new(dataset: &Dataset, file: Coordinates, range: &WrongRange) -> Self {
        Self {
            offset: range.offset,
            length: range.length,
            class: range.class,
            device_offset: None,
            parts: dataset.framing(file).map_or_else(Vec::new, |framing| {
                let range = range.offset..range.offset + range.length;
                framing.plan().parts(range).names().map(Cow::Borrowed).collect()
            }),
            expected: (!range.expected.is_empty()).then(|| hex::encode(&range.expected)),
            actual: hex::encode(&range.actual),
            source: range.source.map(|source| {
                let mut view = SourceView::new(dataset, source);
                view.seed = range.seed.as_deref().map(str::to_owned);
                if range.class == Class::Stale && view.seed.is_none() && view.shared_block.is_none()
                {
                    let same = source.offset..source.offset.saturating_add(range.length);
                    view.last_generation =
                        dataset.origins(source.file).last_generation(source.file, same);
                }
                view
            }),
        }
    }
}
