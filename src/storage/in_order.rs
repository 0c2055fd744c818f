//! What is finished out of order, taken in order.

use std::collections::BTreeMap;
use std::time::Duration;

use super::StopFlag;
use crate::sync::{Condvar, Mutex};

/// Hands numbered items from many threads to one consumer, in the order of their numbers.
///
/// Items that come early wait here, and where too many do, those who bring them wait. The one that
/// brings the item that is next never waits, so the others get on. After a stop nobody waits, and
/// items that are still early are dropped.
#[derive(Debug)]
pub(super) struct InOrder<T, C> {
    state: Mutex<Turns<T, C>>,
    moved: Condvar,
    ahead_max: u64,
}

#[derive(Debug)]
struct Turns<T, C> {
    next: u64,
    early: BTreeMap<u64, T>,
    consumer: C,
}

/// How often a thread that waits looks for a stop.
const LOOK: Duration = Duration::from_millis(50);

impl<T, C> InOrder<T, C> {
    /// Begins with the item `first`; at most `ahead_max` items wait.
    pub(super) fn new(first: u64, ahead_max: u64, consumer: C) -> Self {
        let state = Turns { next: first, early: BTreeMap::new(), consumer };
        Self { state: Mutex::new(state), moved: Condvar::new(), ahead_max }
    }

    /// Brings an item, and lets the consumer take all whose turn has come.
    pub(super) fn bring(
        &self,
        index: u64,
        item: T,
        stop: &StopFlag,
        take: impl Fn(&mut C, u64, T),
    ) {
        let mut state = self.state.lock();
        while index >= state.next.saturating_add(self.ahead_max) {
            if stop.is_set() {
                return;
            }
            self.moved.wait_for(&mut state, LOOK);
        }
        state.early.insert(index, item);
        let before = state.next;
        let Turns { next, early, consumer } = &mut *state;
        while let Some(item) = early.remove(next) {
            take(consumer, *next, item);
            *next += 1;
        }
        if *next != before {
            self.moved.notify_all();
        }
    }

    /// Looks at the consumer, between two items.
    pub(super) fn look<R>(&self, look: impl FnOnce(&C) -> R) -> R {
        look(&self.state.lock().consumer)
    }

    /// The consumer, and the number of the item that would have been next.
    pub(super) fn into_consumer(self) -> (C, u64) {
        let state = self.state.into_inner();
        (state.consumer, state.next)
    }
}

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod scheduled_tests;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn many_threads_are_taken_in_order() {
        const COUNT: u64 = 5000;
        let in_order = InOrder::new(0, 3, Vec::new());
        let next = AtomicU64::new(0);
        let stop = StopFlag::default();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= COUNT {
                            break;
                        }
                        in_order.bring(index, index, &stop, |taken, _, item| taken.push(item));
                    }
                });
            }
        });
        assert_eq!(in_order.into_consumer(), ((0..COUNT).collect(), COUNT));
    }

    #[test]
    fn nobody_waits_after_a_stop() {
        let in_order = InOrder::new(0, 1, Vec::new());
        let stop = StopFlag::default();
        stop.set();
        in_order.bring(5, 5, &stop, |taken, _, item| taken.push(item));
        assert_eq!(in_order.into_consumer(), (Vec::<u64>::new(), 0));
    }
}
