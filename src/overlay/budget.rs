//! The bounds on what the overlay may hold.

use std::sync::Arc;

use super::returns::Returns;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The memory that one of [`BudgetLimits::extents`] stands for. What can take more counts as
/// several, so that no more is held than the limits say, whatever it is that a caller makes.
pub const EXTENT_BYTES: u64 = 256;

/// What is given back to the system is at least this much: less is used again before it is worth
/// the work.
const RETURNED_BYTES_MIN: u64 = 32 << 20;

/// How much the overlay may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Bytes that are nobody's content, in all files together.
    pub kept_bytes: u64,
    /// Extents, records, names and attributes together, each as many as it takes of
    /// [`EXTENT_BYTES`].
    pub extents: u64,
}

impl Default for BudgetLimits {
    /// 1 GiB of kept bytes, and 16 Mi extents.
    fn default() -> Self {
        Self { kept_bytes: 1 << 30, extents: 1 << 24 }
    }
}

/// What the overlay holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that are kept as bytes.
    pub kept_bytes: u64,
    /// Extents and all that counts like them.
    pub extents: u64,
}

impl Usage {
    fn memory_bytes(self) -> u64 {
        self.kept_bytes.saturating_add(self.extents.saturating_mul(EXTENT_BYTES))
    }
}

/// A limit that a change would have crossed; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetFull {
    /// More bytes than may be kept.
    #[error("the limit of kept bytes is reached")]
    KeptBytes,
    /// More records and extents than may be held.
    #[error("the limit of extents is reached")]
    Extents,
}

/// Counts what is held against the limits; shared by all records.
#[derive(Debug)]
pub struct Budget {
    limits: BudgetLimits,
    kept_bytes: AtomicU64,
    extents: AtomicU64,
    /// The most that was held since memory was last given back to the system.
    peak_bytes: AtomicU64,
    returns: Arc<Returns>,
}

impl Budget {
    pub(super) fn new(limits: BudgetLimits, returns: Arc<Returns>) -> Self {
        Self {
            limits,
            kept_bytes: AtomicU64::new(0),
            extents: AtomicU64::new(0),
            peak_bytes: AtomicU64::new(0),
            returns,
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> BudgetLimits {
        self.limits
    }

    /// What is held now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            kept_bytes: self.kept_bytes.load(Ordering::Relaxed),
            extents: self.extents.load(Ordering::Relaxed),
        }
    }

    /// Takes what a change needs beyond what it frees, or nothing at all.
    pub(super) fn exchange(&self, freed: Usage, needed: Usage) -> Result<(), BudgetFull> {
        if !exchange(&self.kept_bytes, self.limits.kept_bytes, freed.kept_bytes, needed.kept_bytes)
        {
            return Err(BudgetFull::KeptBytes);
        }
        if !exchange(&self.extents, self.limits.extents, freed.extents, needed.extents) {
            // Undo the first half: giving back cannot fail.
            exchange(&self.kept_bytes, u64::MAX, needed.kept_bytes, freed.kept_bytes);
            return Err(BudgetFull::Extents);
        }
        self.look_at_peak();
        Ok(())
    }

    /// Gives back what is no longer held.
    pub(super) fn release(&self, freed: Usage) {
        exchange(&self.kept_bytes, u64::MAX, freed.kept_bytes, 0);
        exchange(&self.extents, u64::MAX, freed.extents, 0);
        self.look_at_peak();
    }

    /// Whether so much less is held than before that it is worth giving memory back to the system,
    /// which the caller then does.
    pub(super) fn take_freed(&self) -> bool {
        let held = self.usage().memory_bytes();
        if self.peak_bytes.load(Ordering::Relaxed) < held.saturating_add(RETURNED_BYTES_MIN) {
            return false;
        }
        self.peak_bytes.store(held, Ordering::Relaxed);
        true
    }

    fn look_at_peak(&self) {
        let held = self.usage().memory_bytes();
        let peak = self.peak_bytes.load(Ordering::Relaxed);
        if held > peak {
            self.peak_bytes.fetch_max(held, Ordering::Relaxed);
        } else if peak - held >= RETURNED_BYTES_MIN {
            self.returns.note();
        }
    }
}

/// Replaces `freed` by `needed` in a count that must not grow past `limit`; a count that shrinks
/// may stay above it.
fn exchange(count: &AtomicU64, limit: u64, freed: u64, needed: u64) -> bool {
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            let after = held.saturating_sub(freed).checked_add(needed)?;
            (needed <= freed || after <= limit).then_some(after)
        })
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(kept_bytes: u64, extents: u64) -> Usage {
        Usage { kept_bytes, extents }
    }

    fn budget(kept_bytes: u64) -> Budget {
        Budget::new(BudgetLimits { kept_bytes, extents: 2 }, Arc::default())
    }

    #[test]
    fn a_refused_exchange_changes_nothing() {
        let budget = budget(100);
        budget.exchange(Usage::default(), usage(100, 1)).unwrap();
        assert_eq!(budget.exchange(Usage::default(), usage(1, 0)), Err(BudgetFull::KeptBytes));
        assert_eq!(budget.exchange(usage(50, 0), usage(10, 2)), Err(BudgetFull::Extents));
        assert_eq!(budget.usage(), usage(100, 1));
    }

    #[test]
    fn replacing_bytes_at_the_limit_is_free() {
        let budget = budget(100);
        budget.exchange(Usage::default(), usage(100, 1)).unwrap();
        budget.exchange(usage(60, 1), usage(60, 1)).unwrap();
        budget.release(usage(100, 1));
        assert_eq!(budget.usage(), Usage::default());
    }

    #[test]
    fn memory_is_given_back_when_much_less_is_held() {
        let budget = budget(1 << 30);
        budget.exchange(Usage::default(), usage(100 << 20, 0)).unwrap();
        assert!(!budget.take_freed(), "nothing was freed");
        budget.release(usage(20 << 20, 0));
        assert!(!budget.take_freed(), "not worth it");
        budget.release(usage(20 << 20, 0));
        assert!(budget.take_freed());
        assert!(!budget.take_freed(), "once");
        budget.exchange(usage(60 << 20, 0), usage(1, 0)).unwrap();
        assert!(budget.take_freed(), "counted from what was held then");
    }
}
