//! Extended attributes of a record.

use super::attributes::Timestamp;
use super::budget::{Budget, BudgetFull, Usage};
use super::rare::xattr_usage;
use super::record::{Record, RecordState};

/// The power that a program gives to whoever runs it.
const CAPABILITY: &[u8] = b"security.capability";

impl Record {
    /// The value of an extended attribute.
    #[must_use]
    pub fn xattr(&self, name: &[u8]) -> Option<Box<[u8]>> {
        self.state.lock().rare.as_ref()?.xattrs.get(name).cloned()
    }

    /// The names of the extended attributes.
    #[must_use]
    pub fn xattr_names(&self) -> Vec<Box<[u8]>> {
        let state = self.state.lock();
        state.rare.iter().flat_map(|rare| rare.xattrs.keys().cloned()).collect()
    }

    /// Sets an extended attribute, or removes it. `allowed` is asked whether, given that there is
    /// one already or not.
    ///
    /// # Errors
    ///
    /// What `allowed` says, and [`BudgetFull`]; nothing was changed.
    pub fn set_xattr<E: From<BudgetFull>>(
        &self,
        name: &[u8],
        value: Option<&[u8]>,
        time: Timestamp,
        allowed: impl FnOnce(bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let state = &mut *self.state.lock();
        let old = state.rare.as_ref().and_then(|rare| rare.xattrs.get(name));
        allowed(old.is_some())?;
        let freed = old.map_or(Usage::default(), |old| xattr_usage(name, old));
        let needed = value.map_or(Usage::default(), |value| xattr_usage(name, value));
        self.owner.books.budget.exchange(freed, needed)?;
        let rare = state.rare.get_or_insert_default();
        match value {
            Some(value) => rare.xattrs.insert(name.into(), value.into()),
            None => rare.xattrs.remove(name),
        };
        state.attributes.change(|attributes| attributes.changed = Some(time));
        Ok(())
    }

    /// Takes the capabilities from a file, as the change of an owner must.
    pub fn drop_capability(&self) {
        drop_capability(&mut self.state.lock(), &self.owner.books.budget);
    }
}

/// Takes the capabilities from a file whose content changes: the new bytes shall not have them.
pub(super) fn drop_capability(state: &mut RecordState, budget: &Budget) {
    let Some(rare) = &mut state.rare else { return };
    if let Some(value) = rare.xattrs.remove(CAPABILITY) {
        budget.release(xattr_usage(CAPABILITY, &value));
    }
}
