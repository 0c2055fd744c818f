//! What the threads of a repair have done.

use super::Repairs;
use crate::report::{FileRepair, RepairTotals, VERIFICATION_RANGES_MAX};
use crate::storage::targets::Counting;
use crate::storage::{FileFailure, Findings};
use crate::sync::Mutex;

/// What they have done so far, with the place of each file: the number of its target, and its own.
#[derive(Debug, Default)]
pub(in crate::storage) struct RepairLog(Mutex<LogState>);

#[derive(Debug, Default)]
struct LogState {
    totals: RepairTotals,
    repairs: Findings<((usize, u64), FileRepair)>,
    failures: Findings<FileFailure>,
}

impl RepairLog {
    /// A file that is as it should be.
    pub(super) fn right(&self) {
        self.0.lock().totals.files_right += 1;
    }

    /// A file that was not.
    pub(super) fn note(&self, on: Counting<'_>, number: u64, mut repair: FileRepair) {
        repair.target = on.target_name();
        let mut state = self.0.lock();
        state.totals.add(&repair);
        if let Some(error) = &repair.error {
            state.failures.add(FileFailure {
                path: repair.path.clone(),
                target: repair.target.clone(),
                error: error.clone(),
            });
        }
        let listed = state.repairs.listed.iter().map(|(_, repair)| repair.ranges.len()).sum();
        repair.list_no_more_than(VERIFICATION_RANGES_MAX.saturating_sub(listed));
        state.repairs.add(((on.number(), number), repair));
    }

    pub(super) fn fail(&self, on: Counting<'_>, path: String, error: String) {
        let mut state = self.0.lock();
        state.totals.files_failed += 1;
        state.failures.add(FileFailure { path, target: on.target_name(), error });
    }

    pub(in crate::storage) fn into_repairs(self, is_complete: bool) -> Repairs {
        let LogState { totals, repairs: Findings { mut listed, total }, failures } =
            self.0.into_inner();
        listed.sort_by_key(|(place, _)| *place);
        let listed = listed.into_iter().map(|(_, repair)| repair).collect();
        Repairs { totals, repairs: Findings { listed, total }, failures, is_complete }
    }
}
