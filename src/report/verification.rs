//! The document of a verification: what was found on real storage, in the words of the status.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::named;
use super::totals::{ByteTotals, ClassCounts, FileTally};
use super::views::{BytesView, FileView, FilesView, RangeView, SCHEMA, SeenView};
use super::write_json;
use crate::dataset::{Coordinates, Dataset};
use crate::verdict::{ByteTally, Verdict, WrongRange};

/// How many wrong ranges a verification lists, over all files.
pub const VERIFICATION_RANGES_MAX: usize = 100_000;

/// The judgement on one file that could be read.
#[derive(Clone, Debug)]
pub struct JudgedFile {
    /// Which file.
    pub file: Coordinates,
    /// The size that it has.
    pub size_bytes: u64,
    /// Whether there is such a file.
    pub exists: bool,
    /// How many extents it is made of.
    pub extents: u64,
    /// How many of its bytes are nobody's content.
    pub kept_bytes: u64,
    /// Its bytes.
    pub tally: ByteTally,
    /// The first wrong ranges, [`RANGES_MAX`](super::RANGES_MAX) at the most.
    pub ranges: Vec<WrongRange>,
    /// All wrong ranges, by class.
    pub classes: ClassCounts,
}

impl JudgedFile {
    /// The document that a mount would have of the file, with so many ranges at the most.
    #[must_use]
    pub fn document(&self, dataset: &Dataset, path: String, ranges_max: usize) -> Value {
        let view = |range: &WrongRange| RangeView::new(dataset, self.file, range);
        self.document_with(path, ranges_max, (None, &view))
    }

    fn document_with(
        &self,
        path: String,
        ranges_max: usize,
        (device_offset, view): (Option<u64>, &ViewOfRange<'_>),
    ) -> Value {
        let listed = &self.ranges[..self.ranges.len().min(ranges_max)];
        let total = self.classes.total();
        let view = FileView {
            schema: SCHEMA,
            path,
            verdict: self.tally.verdict().name(),
            coordinates: self.file.into(),
            size_bytes: self.size_bytes,
            device_offset,
            exists: self.exists,
            extents: self.extents,
            kept_bytes: self.kept_bytes,
            bytes: self.tally.into(),
            ranges: listed.iter().map(view).collect(),
            ranges_total: total,
            ranges_dropped: total - listed.len() as u64,
        };
        serde_json::to_value(view).unwrap_or_default()
    }
}

/// How a wrong range is shown.
type ViewOfRange<'a> = dyn Fn(&WrongRange) -> RangeView + 'a;

/// The totals of the files that were judged, and the documents of those that are not verified.
///
/// It can be stored and gone on with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verification {
    files: FileTally,
    bytes: ByteTotals,
    classes: ClassCounts,
    ranges_listed: usize,
}

/// Which directory or device something was said of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetIdentity {
    /// Its path, without links.
    pub path: String,
    /// The number of the device that it is on; of a block device, its own.
    pub device: u64,
    /// Its number there; of a block device 0.
    pub inode: u64,
}

/// What the document says beside the totals.
#[derive(Clone, Debug, Serialize)]
pub struct Surroundings<'a> {
    /// The verdict, which is not that of the totals where not everything was reached.
    #[serde(serialize_with = "named::serialize")]
    pub verdict: Verdict,
    /// The directory, or the device.
    pub directory: String,
    /// The digest of the dataset.
    pub dataset: String,
    /// Which directory or device that is, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<TargetIdentity>,
    /// The node whose files were judged; `None` for all nodes.
    pub node_id: Option<u16>,
    /// Whether every file that was to be judged was.
    pub complete: bool,
    /// How many percent of the files were chosen; 100 for all.
    pub sample_percent: f64,
    /// Files of the share that were not chosen, or not reached.
    pub files_left_out: u64,
    /// Since the start.
    pub seconds: f64,
    /// Bytes read since the start.
    pub bytes_read: u64,
    /// What the same command has written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenBefore>,
    /// Files that are not verified, as far as they are listed.
    pub problems: Vec<&'a Value>,
    /// How many there are.
    pub problems_total: u64,
    /// Paths of files that are none of the dataset's.
    pub unexpected: Vec<String>,
    /// How many there are.
    pub unexpected_total: u64,
    /// Files that could not be read, as far as they are listed.
    pub failures: Value,
    /// How many there are.
    pub failures_total: u64,
    /// What was found on each target, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<VerifiedTarget>,
}

/// What a verification has found on one of several targets.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedTarget {
    /// Its number in the spread.
    pub target: u64,
    /// Its directory, as it was named; of one that was not, as it was when it was written to.
    pub directory: String,
    /// Whether it was named. The files of one that was not are looked for on the others.
    pub named: bool,
    /// Its verdict; of one that was not named, on the files that are on no other.
    #[serde(serialize_with = "named::serialize")]
    pub verdict: Verdict,
    /// Its files by verdict.
    pub files: FileTally,
    /// Names that do not belong there.
    pub unexpected_total: u64,
    /// Files that could not be read.
    pub failures_total: u64,
}

/// What a command has written before it verified.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WrittenBefore {
    /// Files that were whole in the end; with several passes, in each.
    pub files: u64,
    /// Bytes written, and bytes of files that were kept.
    pub bytes: u64,
    /// How long that took.
    pub seconds: f64,
}

/// The whole document.
#[derive(Serialize)]
struct VerificationView<'a> {
    schema: u32,
    version: &'static str,
    files: FilesView,
    bytes: BytesView,
    mismatches: SeenView,
    #[serde(flatten)]
    surroundings: &'a Surroundings<'a>,
}

impl Verification {
    /// Adds a file, and returns its document where it is not verified.
    pub fn add(&mut self, dataset: &Dataset, path: String, judged: &JudgedFile) -> Option<Value> {
        let view = |range: &WrongRange| RangeView::new(dataset, judged.file, range);
        self.add_with(path, judged, (None, &view))
    }

    /// The same of a file that stands on a device, at an offset.
    pub(crate) fn add_on_device(
        &mut self,
        path: String,
        judged: &JudgedFile,
        (at, view): (u64, &ViewOfRange<'_>),
    ) -> Option<Value> {
        self.add_with(path, judged, (Some(at), view))
    }

    fn add_with(
        &mut self,
        path: String,
        judged: &JudgedFile,
        how: (Option<u64>, &ViewOfRange<'_>),
    ) -> Option<Value> {
        let verdict = judged.tally.verdict();
        self.files.add(verdict);
        self.bytes.add(&judged.tally);
        self.classes.add_all(&judged.classes);
        if verdict == Verdict::Verified {
            return None;
        }
        let room = VERIFICATION_RANGES_MAX.saturating_sub(self.ranges_listed);
        self.ranges_listed += judged.ranges.len().min(room);
        Some(judged.document_with(path, room, how))
    }

    /// Adds all that others have found.
    pub fn add_all(&mut self, others: &Self) {
        self.files.add_all(&others.files);
        self.bytes.add_all(&others.bytes);
        self.classes.add_all(&others.classes);
        self.ranges_listed += others.ranges_listed;
    }

    /// Files by verdict.
    #[must_use]
    pub fn files(&self) -> FileTally {
        self.files
    }

    /// Whether totals that somebody else has written leave room to go on with.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.bytes.is_possible()
            && self.classes.is_possible()
            && self.ranges_listed <= VERIFICATION_RANGES_MAX
    }

    /// The verdict on all files, those that are none of the dataset's included.
    #[must_use]
    pub fn verdict(&self, unexpected_total: u64) -> Verdict {
        if unexpected_total > 0 { Verdict::Mismatch } else { self.files.verdict() }
    }

    /// Wrong ranges by class.
    #[must_use]
    pub fn classes(&self) -> ClassCounts {
        self.classes
    }

    /// What became of the bytes.
    #[must_use]
    pub fn bytes(&self) -> ByteTotals {
        self.bytes
    }

    /// The document, as JSON with a newline at its end.
    #[must_use]
    pub fn document(&self, surroundings: &Surroundings<'_>) -> Vec<u8> {
        let view = VerificationView {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            files: FilesView::new(self.files.total().unwrap_or(u64::MAX), self.files),
            bytes: BytesView::new(self.bytes, None),
            mismatches: self.classes.into(),
            surroundings,
        };
        let mut json = Vec::new();
        // Memory takes all that is written.
        let _ = write_json(&view, &mut json);
        json
    }
}
