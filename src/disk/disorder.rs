//! A disk that does everything, in an order of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Fault, Faults, SystemCall};

/// Answers in any order, with any short counts and interruptions.
#[derive(Clone, Debug)]
pub(crate) struct Disorder(Arc<AtomicU64>);

impl Disorder {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    fn draw(&self) -> usize {
        let next =
            |state: u64| state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        let state =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| Some(next(state)));
        usize::try_from(state.unwrap_or_default() >> 33).unwrap_or_default()
    }
}

impl Faults for Disorder {
    fn fault(&self, call: SystemCall) -> Option<Fault> {
        match (self.draw() % 8, call) {
            // Without a ring, in half of the cases.
            (0..4, SystemCall::SetUpQueue) => Some(Fault::Before(libc::EPERM)),
            (0..3, SystemCall::Read | SystemCall::Write) => Some(Fault::Short),
            (3, SystemCall::Read | SystemCall::Write) => Some(Fault::Before(libc::EINTR)),
            (4, SystemCall::Read | SystemCall::Write) => Some(Fault::After(libc::EINTR)),
            _ => None,
        }
    }

    fn choose(&self, count: usize) -> Option<usize> {
        Some(self.draw() % count)
    }
}
