//! Putting right what a verification finds wrong, and nothing else.
//!
//! Every byte can be made again from the seed, so a repair needs no parity and no copy. It reads
//! what is there, judges it as [`verify`](super::verify()) does, and writes the right bytes over
//! the wrong ones, in place. What is right is only read.
//!
//! ```text
//!   there       read a block ─→ judge ─→ write its wrong ranges ─→ … ─→ the missing tail,
//!               from its beginning on ─→ cut what is too much ─→ read back
//!   not there   made under a temporary name ─→ read back ─→ its name
//! ```
//!
//! Each step leaves the file no worse than it was, also where it fails halfway: only right bytes
//! are written, a tail grows from where the file ends, and a file that is made has its name when it
//! is whole. Nothing is removed but bytes past the expected end.
//!
//! Ranges are repaired as they are found and are not collected: a file with a billion of them takes
//! no more memory than one with a few.

mod directory;
mod foreign;
mod log;
mod mend;
mod report_file;
#[cfg(test)]
mod tests;
mod written_ranges;

pub use directory::repair;
pub(super) use directory::{RepairRun, Repairer};
pub use foreign::has_none_of;
pub(super) use log::RepairLog;
pub use report_file::{ReportFileError, files_of_report};

pub(super) use mend::{first_wrong, runs_of_differences};
pub(super) use written_ranges::WrittenRanges;

use crate::disk::Durability;
use crate::numa::Placement;
use crate::report::{FileRepair, RepairTotals};
use crate::storage::{FileFailure, Findings, Transfer};

/// How to repair.
#[derive(Clone, Copy, Debug)]
pub struct RepairOptions {
    /// Threads.
    pub threads: usize,
    /// Near which memory they stay.
    pub placement: Placement,
    /// How files are read. What is written goes through the page cache.
    pub transfer: Transfer,
    /// Whether what was written has to be on the storage, and is read back from there.
    pub durability: Durability,
    /// Whether nothing is written, and it is only said what would be.
    pub is_dry: bool,
}

/// What a repair has done.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    /// In numbers.
    pub totals: RepairTotals,
    /// Files that were not right, in the dataset's order on each target; of many, some.
    pub repairs: Findings<FileRepair>,
    /// Files that are not right now, and why.
    pub failures: Findings<FileFailure>,
    /// Whether all files were looked at.
    pub is_complete: bool,
}

impl Repairs {
    /// Whether all files are right now; or are already, where nothing is written.
    #[must_use]
    pub fn is_all_right(&self, is_dry: bool) -> bool {
        let is_done = !is_dry || self.totals.files_repaired == 0;
        self.is_complete && self.failures.total == 0 && is_done
    }
}
