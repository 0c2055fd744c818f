//! Threads for work that takes long and that nobody but its caller waits for.
//!
//! They have a pool of their own, so that work of the other pool never waits behind theirs, and
//! they give way: whoever answers somebody says so ([`note_request`]), and work in the background
//! asks after each small part whether that has happened since it last asked ([`give_way`]). If so,
//! it pauses. So it takes a few hundredths of each core where others are at work, all of it where
//! nobody is, and gets on in any case. A priority of the system would not do: the lowest one can
//! keep a thread waiting for minutes, and the others do not let a reader go first that wakes up.
//!
//! Requests and those who ask meet in two numbers. Who asks counts `ASKED` up, and a request that
//! finds a new number there copies it to `ANSWERED`: where nothing runs in the background, that is
//! two loads of memory that nobody changes.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Many times what the small part takes that is done between two of them.
const PAUSE: Duration = Duration::from_millis(1);

/// How often somebody has asked.
static ASKED: AtomicU64 = AtomicU64::new(0);
/// What that was when the last request came.
static ANSWERED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The number that this thread has got when it asked last.
    static LAST: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Says that somebody has asked for something and is waiting.
#[cfg(any(feature = "mount", test))]
pub(crate) fn note_request() {
    let asked = ASKED.load(Ordering::Relaxed);
    if ANSWERED.load(Ordering::Relaxed) != asked {
        ANSWERED.store(asked, Ordering::Relaxed);
    }
}

/// Pauses if a request has come since this thread last asked, and says whether it did.
pub(crate) fn give_way() -> bool {
    let has_come = ANSWERED.load(Ordering::Relaxed) >= LAST.get();
    LAST.set(ASKED.fetch_add(1, Ordering::Relaxed) + 1);
    if has_come {
        thread::sleep(PAUSE);
    }
    has_come
}

/// Runs both, at the same time where there is a thread for each.
pub(crate) fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    match pool() {
        Some(pool) => pool.join(a, b),
        None => (a(), b()),
    }
}

/// Made when it is first asked for; `None` where there are no threads to be had.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let build = || {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let builder = ThreadPoolBuilder::new().num_threads(cores);
        builder.thread_name(|number| format!("background-{number}")).build().ok()
    };
    POOL.get_or_init(build).as_ref()
}

/// Held by tests that say that a request has come: others would take it for one of theirs.
#[cfg(test)]
pub(crate) static REQUESTS: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn it_gives_way_once_for_what_has_come() {
        let _alone = REQUESTS.lock();
        let others_turn = || thread::scope(|scope| scope.spawn(give_way).join().unwrap());
        assert!(!give_way(), "nobody has ever asked here");
        assert!(!give_way());
        note_request();
        note_request();
        assert!(give_way());
        assert!(!give_way());
        note_request();
        assert!(!others_turn(), "it has not been at work before");
        assert!(give_way(), "that somebody else has asked changes nothing");
    }

    #[test]
    fn the_other_pool_does_not_wait_for_what_runs_here() {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let gate = Mutex::new(());
        let (began, has_begun) = channel();
        let (done, is_done) = channel();
        let closed = gate.lock();
        thread::scope(|scope| {
            for _ in 0..cores {
                let (gate, began) = (&gate, began.clone());
                scope.spawn(move || join(|| began.send(()).map(|()| drop(gate.lock())), || ()));
            }
            // All threads of this pool are at it now.
            (0..cores).for_each(|_| has_begun.recv().unwrap());
            rayon::spawn(move || done.send(()).unwrap());
            let outcome = is_done.recv_timeout(Duration::from_secs(20));
            drop(closed);
            outcome.unwrap();
        });
    }
}
