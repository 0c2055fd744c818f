//! What [`sync`](super) has in tests that decide who runs when.

use std::time::{Duration, Instant};

use shuttle::rand::Rng as _;
use shuttle::sync::{Condvar as Waiters, Mutex as Gate};
use shuttle_parking_lot::MutexGuard;

pub(crate) use shuttle::sync::atomic;
pub(crate) use shuttle::thread;
pub(crate) use shuttle_dashmap::{DashMap, Entry as DashEntry};
pub(crate) use shuttle_parking_lot::{Mutex, RwLock, RwLockReadGuard};

/// Does the same on so many threads, of which this is one.
pub(crate) fn together(threads: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(&work);
        }
        work();
    });
}

/// As `parking_lot` has it, which shuttle's wrapper of it leaves out.
#[derive(Debug, Default)]
pub(crate) struct Condvar {
    /// Held from before a waiter gives up its lock until it waits: nobody's word is lost.
    gate: Gate<()>,
    waiters: Waiters,
}

/// Whether a wait ended because of the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitTimeoutResult(bool);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let gate = self.gate.lock().unwrap();
        MutexGuard::unlocked(guard, || drop(self.waiters.wait(gate).unwrap()));
    }

    /// There is no time here: it may be over at once, or somebody else goes on first. Whether that
    /// one has called is for the caller to see, as after a call for somebody else.
    #[allow(clippy::unused_self, reason = "as the other has it")]
    pub(crate) fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        _: Instant,
    ) -> WaitTimeoutResult {
        MutexGuard::unlocked(guard, thread::yield_now);
        WaitTimeoutResult(shuttle::rand::thread_rng().gen_bool(0.25))
    }

    pub(crate) fn wait_for<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        _: Duration,
    ) -> WaitTimeoutResult {
        self.wait_until(guard, Instant::now())
    }

    pub(crate) fn notify_all(&self) {
        drop(self.gate.lock().unwrap());
        self.waiters.notify_all();
    }
}

impl WaitTimeoutResult {
    pub(crate) fn timed_out(self) -> bool {
        self.0
    }
}

/// Each job has a thread of its own here, which may begin whenever the scheduler says so.
pub(crate) mod pool {
    use std::cell::RefCell;

    type Job = Box<dyn FnOnce() + Send>;

    thread_local! {
        /// Jobs that are kept from beginning. All threads of a test are one to the system.
        static HELD: RefCell<Option<Vec<Job>>> = const { RefCell::new(None) };
    }

    /// Enough that jobs are given, and that two can be under way.
    pub(crate) fn threads() -> usize {
        2
    }

    pub(crate) fn spawn(job: impl FnOnce() + Send + 'static) {
        let job = HELD.with_borrow_mut(|held| match held {
            Some(held) => {
                held.push(Box::new(job));
                None
            }
            None => Some(job),
        });
        let Some(job) = job else { return };
        // It is not waited for: at the end of a schedule it is dropped where it is.
        let _ = shuttle::thread::spawn(job);
    }

    /// The jobs that are given meanwhile, none of which begins.
    pub(crate) fn hold(run: impl FnOnce()) -> Vec<Job> {
        HELD.set(Some(Vec::new()));
        run();
        HELD.take().unwrap_or_default()
    }
}

/// Runs a test under so many schedules: half of them at random, half with few changes of thread at
/// places chosen at random, which finds what needs one thread to be left behind for long.
pub(crate) fn schedules(count: usize, test: impl Fn() + Send + Sync + Clone + 'static) {
    shuttle::check_random(test.clone(), count / 2);
    shuttle::check_pct(test, count / 2, 3);
}
