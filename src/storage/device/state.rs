//! How to go through a device, and what is known of it then.

use crate::content::Source;
use crate::disk::Durability;
use crate::numa::Placement;
use crate::report::{
    FileRepair, RepairTotals, Surroundings, TargetIdentity, Verification, dataset_digest,
};
use crate::storage::image::{DeviceLayout, Image, StretchKind};
use crate::storage::{EarlierSeeds, FileFailure, Findings, Progress, Share};
use crate::verdict::Verdict;

/// An image, and the files whose content stands in it.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations, reason = "an image has nothing to show")]
pub struct ImageOf<'a> {
    /// What belongs on the device.
    pub image: &'a dyn Image,
    /// The files.
    pub layout: &'a DeviceLayout<'a>,
    /// What else may be there.
    pub earlier: &'a EarlierSeeds,
}

/// How to go through a device.
#[derive(Clone, Copy, Debug)]
pub struct PassOptions {
    /// Threads.
    pub threads: usize,
    /// Near which memory they stay.
    pub placement: Placement,
    /// Whether the kernel is to forget what it has cached of the device before it is read.
    pub drop_cache: bool,
}

/// What is done about what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevicePass {
    /// It is named.
    Verify,
    /// It is named, and written anew.
    Repair {
        /// Whether what was written has to be on the storage, and is read back from there.
        durability: Durability,
        /// Whether nothing is written, and it is only said what would be.
        is_dry: bool,
    },
}

/// Wrong bytes in the parity of a stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParityRange {
    /// Which stripe, from 0.
    pub stripe: u64,
    /// Of the first wrong byte on the device.
    pub device_offset: u64,
    /// From the first wrong byte to the last.
    pub length: u64,
}

/// What is known of a device.
#[derive(Clone, Debug, Default)]
pub struct DeviceState {
    /// The totals.
    pub verification: Verification,
    /// Files that are not verified.
    pub problems: Findings<serde_json::Value>,
    /// What could not be read or written.
    pub failures: Findings<FileFailure>,
    /// Parity that is wrong.
    pub parity: Findings<ParityRange>,
    /// What a repair has done.
    pub totals: RepairTotals,
    /// The files that it has done it to.
    pub repairs: Findings<FileRepair>,
    /// Whether the whole image was gone through.
    pub is_complete: bool,
}

impl DeviceState {
    /// The verdict: `verified` only where everything was read, and is right.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.verification.verdict(self.parity.total) {
            Verdict::Verified if !self.is_complete || self.failures.total > 0 => {
                Verdict::Incomplete
            }
            verdict => verdict,
        }
    }

    /// What a report says beside the totals.
    #[must_use]
    pub fn surroundings(
        &self,
        share: Share<'_>,
        (shown, target): (String, TargetIdentity),
        progress: &Progress,
    ) -> Surroundings<'_> {
        let judged = self.verification.files().total().unwrap_or_default();
        let now = progress.snapshot();
        Surroundings {
            verdict: self.verdict(),
            directory: shown,
            dataset: dataset_digest(share.dataset()),
            identity: Some(target),
            node_id: share.node(),
            complete: self.is_complete,
            sample_percent: 100.0,
            files_left_out: share.file_count().saturating_sub(judged),
            seconds: now.seconds,
            bytes_read: now.bytes,
            written: None,
            problems: self.problems.listed.iter().collect(),
            problems_total: self.problems.total,
            unexpected: Vec::new(),
            unexpected_total: 0,
            failures: serde_json::to_value(&self.failures.listed).unwrap_or_default(),
            failures_total: self.failures.total,
            targets: Vec::new(),
        }
    }
}

/// The path of the file whose byte belongs at an offset of an image.
pub(super) fn path_at(image: ImageOf<'_>, offset: u64) -> String {
    match image.image.stretch(offset).kind {
        StretchKind::Content(Source { file, .. }) => image.layout.share().path(file),
        StretchKind::Parity { stripe } => format!("parity of stripe {stripe}"),
    }
}
