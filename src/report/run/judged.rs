//! What a run has judged so far.

use serde::{Deserialize, Serialize};

use crate::report::views::{BytesView, FilesView, SeenView};
use crate::report::{ByteTotals, ClassCounts, FileTally, named};
use crate::verdict::Verdict;

/// What was judged, so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "JudgedView", try_from = "JudgedView")]
pub struct Judged {
    /// The verdict. While it goes on it is not `verified`.
    pub verdict: Verdict,
    /// Files by verdict: of `verify` those that were judged, of a mount all.
    pub files: FileTally,
    /// What became of their bytes.
    pub bytes: ByteTotals,
    /// Whether the expected bytes are an estimate.
    pub estimated: bool,
    /// Wrong ranges by class.
    pub classes: ClassCounts,
    /// Names in the target that are in no path of the dataset; a mount does not count them.
    pub unexpected: u64,
}

/// As JSON, in the words of the other documents.
#[derive(Serialize, Deserialize)]
struct JudgedView {
    #[serde(with = "named")]
    verdict: Verdict,
    files: FilesView,
    bytes: BytesView,
    mismatches: SeenView,
    /// The summary of a mount does not count them.
    #[serde(default)]
    unexpected: u64,
}

impl From<Judged> for JudgedView {
    fn from(judged: Judged) -> Self {
        let Judged { verdict, files, bytes, estimated, classes, unexpected } = judged;
        Self {
            verdict,
            files: FilesView::new(files.total().unwrap_or(u64::MAX), files),
            bytes: BytesView::new(bytes, Some(estimated)),
            mismatches: classes.into(),
            unexpected,
        }
    }
}

impl TryFrom<JudgedView> for Judged {
    type Error = &'static str;

    fn try_from(view: JudgedView) -> Result<Self, Self::Error> {
        let files = view.files.tally().ok_or("its numbers of files do not add up")?;
        let (bytes, estimated) = view.bytes.totals().ok_or("its bytes do not add up")?;
        let classes = view.mismatches.counts().ok_or("its wrong ranges do not add up")?;
        let JudgedView { verdict, unexpected, .. } = view;
        Ok(Self { verdict, files, bytes, estimated, classes, unexpected })
    }
}

impl Judged {
    /// Whether the verdict can be the one on these numbers.
    pub(super) fn is_possible(&self) -> bool {
        let ByteTotals { expected, matched, extra, .. } = self.bytes;
        let is_wrong = self.files.mismatch > 0;
        match self.verdict {
            Verdict::Mismatch => true,
            _ if is_wrong || self.unexpected > 0 => false,
            Verdict::Verified => {
                self.files.verdict() == Verdict::Verified
                    && (self.estimated || matched == expected)
                    && extra == 0
            }
            Verdict::Untouched => self.files.verdict() == Verdict::Untouched,
            Verdict::Incomplete => true,
        }
    }
}
