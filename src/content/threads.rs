//! Whose threads do what takes long.

use crate::sync::background;

/// Whose threads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Threads {
    /// This one, and no other.
    This,
    /// Those of the current rayon pool; the global one, where this is no thread of a pool.
    Current,
    /// Those that nobody else's work waits for.
    Background,
}

impl Threads {
    /// Those of the pool that this thread is of. A thread that is of none works alone: it may be
    /// one of a forked process, in which the global pool has no threads.
    pub(super) fn of_this_pool() -> Self {
        if rayon::current_thread_index().is_some() { Self::Current } else { Self::This }
    }

    /// Runs both, at the same time where there is a thread for each.
    pub(super) fn join<A: Send, B: Send>(
        self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match self {
            Self::This => (a(), b()),
            Self::Current => rayon::join(a, b),
            Self::Background => background::join(a, b),
        }
    }
}
