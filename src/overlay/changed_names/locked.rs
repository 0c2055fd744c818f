//! The tree behind its lock.

use super::ChangedNames;
use crate::overlay::budget::{Budget, BudgetFull, Usage};
use crate::overlay::dirty::Dirty;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{RwLock, RwLockReadGuard};

/// The tree behind its lock.
#[derive(Debug, Default)]
pub(in crate::overlay) struct LockedNames {
    tree: RwLock<ChangedNames>,
    /// Whether there is anything in it: until then, nobody needs the lock.
    changed: AtomicBool,
}

impl LockedNames {
    pub(in crate::overlay) fn is_changed(&self) -> bool {
        self.changed.load(Ordering::Acquire)
    }

    pub(in crate::overlay) fn read(&self) -> RwLockReadGuard<'_, ChangedNames> {
        self.tree.read()
    }

    pub(in crate::overlay) fn change<T, E: From<BudgetFull>>(
        &self,
        (budget, dirty): (&Budget, &Dirty),
        growth: impl FnOnce(&ChangedNames) -> u64,
        change: impl FnOnce(&mut ChangedNames) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut tree = self.tree.write();
        let grown = growth(&tree);
        budget.exchange(Usage::default(), Usage { kept_bytes: 0, extents: grown })?;
        let before = tree.extents;
        self.changed.store(true, Ordering::Release);
        let outcome = change(&mut tree);
        dirty.note_names(&mut tree.dirty);
        let surplus = (before + grown).saturating_sub(tree.extents);
        budget.release(Usage { kept_bytes: 0, extents: surplus });
        outcome
    }

    /// Takes all names out, and runs `meanwhile` before anybody can see that. What they take from
    /// the budget is the caller's to give back.
    pub(in crate::overlay) fn take(&self, meanwhile: impl FnOnce()) -> ChangedNames {
        let mut tree = self.tree.write();
        let empty = ChangedNames { last_position: tree.last_position, ..ChangedNames::default() };
        meanwhile();
        self.changed.store(false, Ordering::Release);
        std::mem::replace(&mut tree, empty)
    }
}
