//! Items that come in any order, under thousands of schedules.

use std::sync::Arc;

use super::*;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{schedules, thread};

const COUNT: u64 = 6;
const AHEAD_MAX: u64 = 2;

#[test]
fn all_are_taken_in_order_and_few_wait() {
    schedules(4000, || {
        let in_order = Arc::new(InOrder::new(0, AHEAD_MAX, Vec::new()));
        let next = Arc::new(AtomicU64::new(0));
        let bringers: Vec<_> = (0..3)
            .map(|_| {
                let (in_order, next) = (Arc::clone(&in_order), Arc::clone(&next));
                thread::spawn(move || bring_all(&in_order, &next, &StopFlag::default()))
            })
            .collect();
        for bringer in bringers {
            bringer.join().unwrap();
        }
        let in_order = Arc::into_inner(in_order).unwrap();
        assert_eq!(in_order.into_consumer(), ((0..COUNT).collect(), COUNT));
    });
}

/// Takes numbers and brings them, until there are no more.
fn bring_all(in_order: &InOrder<u64, Vec<u64>>, next: &AtomicU64, stop: &StopFlag) {
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= COUNT {
            return;
        }
        in_order.bring(index, index, stop, |taken, at, item| {
            assert_eq!(at, item);
            taken.push(item);
        });
        let early = in_order.state.lock().early.len() as u64;
        assert!(early < AHEAD_MAX, "{early} wait");
    }
}

#[test]
fn a_stop_leaves_nobody_waiting() {
    schedules(4000, || {
        let in_order = Arc::new(InOrder::new(0, 1, Vec::new()));
        let stop = StopFlag::default();
        let late = {
            // Item 0, which this one waits for, never comes.
            let (in_order, stop) = (Arc::clone(&in_order), stop.clone());
            thread::spawn(move || in_order.bring(1, 1, &stop, |taken, _, item| taken.push(item)))
        };
        thread::yield_now();
        stop.set();
        late.join().unwrap();
        let in_order = Arc::into_inner(in_order).unwrap();
        assert_eq!(in_order.into_consumer(), (Vec::<u64>::new(), 0));
    });
}
