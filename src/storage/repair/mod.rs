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
mod mend;
mod report_file;
#[cfg(test)]
mod tests;
mod written_ranges;

pub use directory::repair;
pub use foreign::has_none_of;
pub use report_file::{ReportFileError, files_of_report};

pub(super) use mend::{first_wrong, runs_of_differences};
pub(super) use written_ranges::WrittenRanges;

use crate::disk::Durability;
use crate::numa::Placement;
use crate::report::{FileRepair, RepairTotals};
use crate::storage::{FileFailure, Findings, Transfer};
use crate::sync::Mutex;

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
    /// Files that were not right, in the dataset's order; of many, some.
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

/// What threads have done, with the numbers of the files.
#[derive(Debug, Default)]
struct RepairLog(Mutex<LogState>);

#[derive(Debug, Default)]
struct LogState {
    totals: RepairTotals,
    repairs: Findings<(u64, FileRepair)>,
    failures: Findings<FileFailure>,
}

impl RepairLog {
    /// A file that is as it should be.
    fn right(&self) {
        let mut state = self.0.lock();
        state.totals.files_right += 1;
    }

    /// A file that was not.
    fn note(&self, number: u64, mut repair: FileRepair) {
        let mut state = self.0.lock();
        state.totals.add(&repair);
        if let Some(error) = &repair.error {
            state.failures.add(FileFailure {
                path: repair.path.clone(),
                target: None,
                error: error.clone(),
            });
        }
        let listed = state.repairs.listed.iter().map(|(_, repair)| repair.ranges.len()).sum();
        repair.list_no_more_than(crate::report::VERIFICATION_RANGES_MAX.saturating_sub(listed));
        state.repairs.add((number, repair));
    }

    fn fail(&self, path: String, error: String) {
        let mut state = self.0.lock();
        state.totals.files_failed += 1;
        state.failures.add(FileFailure { path, target: None, error });
    }

    fn into_repairs(self, is_complete: bool) -> Repairs {
        let LogState { totals, repairs: Findings { mut listed, total }, failures } =
            self.0.into_inner();
        listed.sort_by_key(|(number, _)| *number);
        let listed = listed.into_iter().map(|(_, repair)| repair).collect();
        Repairs { totals, repairs: Findings { listed, total }, failures, is_complete }
    }
}
