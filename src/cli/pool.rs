//! The pool of threads that share work.

use std::num::NonZeroUsize;
use std::thread;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Starts the global pool with so many threads, or as many as there are cores; with fewer where the
/// system does not let us have them. The library would start it when it is first used, and panic.
pub(super) fn start(threads: Option<usize>) {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut threads = threads.unwrap_or(cores);
    // The global one can be tried only once, so another is tried first.
    let mut can_start = try_pool(threads).is_ok();
    while !can_start && threads > 1 {
        threads /= 2;
        can_start = try_pool(threads).is_ok();
    }
    let builder = ThreadPoolBuilder::new().num_threads(threads);
    // Where not even one can be had, ours does the work.
    let builder = if can_start { builder } else { builder.use_current_thread() };
    // It fails only where there is a pool already, which then serves as well.
    let _ = builder.build_global();
}

fn try_pool(threads: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    ThreadPoolBuilder::new().num_threads(threads).build()
}
