//! A disk that fails when a test says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Fault, Faults, SystemCall};

/// Lets one call fail, or all from one on. Clones count together.
#[derive(Clone, Debug)]
pub struct Failing {
    first: u64,
    last: u64,
    fault: Fault,
    only: Option<SystemCall>,
    calls: Arc<AtomicU64>,
}

impl Failing {
    /// Counts the calls, and lets none fail.
    #[must_use]
    pub fn never() -> Self {
        Self::between(u64::MAX, u64::MAX, Fault::Short)
    }

    /// Lets one call fail; they are counted from 0.
    #[must_use]
    pub fn at(number: u64, fault: Fault) -> Self {
        Self::between(number, number, fault)
    }

    /// One after the other that lets the first call fail, the second, and so on, up to the first
    /// that finds no call left: each is to be used before the next is asked for.
    ///
    /// ```
    /// use seedfs::disk::{Disk, Failing, Fault};
    ///
    /// let opened = Failing::at_each_call(Fault::Before(5)).map(|failing| {
    ///     Disk::new(failing).open_root("/".as_ref()).is_ok()
    /// });
    /// assert!(opened.eq([false, true]));
    /// ```
    pub fn at_each_call(fault: Fault) -> impl Iterator<Item = Self> {
        let mut last: Option<Self> = None;
        std::iter::from_fn(move || {
            let number = match &last {
                None => 0,
                Some(last) if last.has_failed() => last.first + 1,
                Some(_) => return None,
            };
            last = Some(Self::at(number, fault));
            last.clone()
        })
    }

    /// Lets all calls from one on fail, as a disk that has died.
    #[must_use]
    pub fn from(number: u64, fault: Fault) -> Self {
        Self::between(number, u64::MAX, fault)
    }

    fn between(first: u64, last: u64, fault: Fault) -> Self {
        Self { first, last, fault, only: None, calls: Arc::default() }
    }

    /// Counts only calls of one kind, and lets only those fail.
    #[must_use]
    pub fn only(self, call: SystemCall) -> Self {
        Self { only: Some(call), ..self }
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether a call has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.calls() > self.first
    }
}

impl Faults for Failing {
    fn fault(&self, call: SystemCall) -> Option<Fault> {
        if self.only.is_some_and(|only| only != call) {
            return None;
        }
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        (self.first..=self.last).contains(&number).then_some(self.fault)
    }
}
