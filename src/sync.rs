//! Locks, atomics, threads and the pool's jobs, all from one place, so that tests can decide who
//! runs when.
//!
//! A build has those of the standard library, of `parking_lot`, dashmap and rayon. Unit tests that
//! are built with `--features shuttle` have those of [shuttle] under the same names: there, one
//! thread runs at a time, and at each lock, wait and atomic access a scheduler says which one goes
//! on. A test that is run under it some thousand times goes through as many interleavings, and one
//! that fails can be repeated. Such tests stand in files called `scheduled_tests.rs`, and
//! [`schedules`] runs them:
//!
//! ```text
//!   cargo test --lib --features shuttle scheduled_tests
//! ```
//!
//! All locks are from here. What is only ever a count or a flag for somebody outside (signal
//! handlers, progress) may stay with the standard library. `Arc` may as well: shuttle has none of
//! its own.
//!
//! [shuttle]: https://docs.rs/shuttle

pub(crate) mod background;

#[cfg(not(all(test, feature = "shuttle")))]
mod real {
    pub(crate) use std::sync::atomic;
    pub(crate) use std::thread;

    pub(crate) use dashmap::{DashMap, Entry as DashEntry};
    pub(crate) use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard};

    /// Does the same on so many threads, of which this is one; on fewer where the system does not
    /// let us have them.
    pub(crate) fn together(threads: usize, work: impl Fn() + Sync) {
        thread::scope(|scope| {
            for _ in 1..threads {
                if thread::Builder::new().spawn_scoped(scope, &work).is_err() {
                    break;
                }
            }
            work();
        });
    }

    /// The threads that take jobs.
    pub(crate) mod pool {
        pub(crate) use rayon::{current_num_threads as threads, spawn};
    }
}

#[cfg(not(all(test, feature = "shuttle")))]
pub(crate) use real::*;

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod scheduled;

#[cfg(all(test, feature = "shuttle"))]
pub(crate) use scheduled::*;
