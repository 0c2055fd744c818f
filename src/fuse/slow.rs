//! Requests whose answer takes long, on threads of their own.
//!
//! A file's hash takes as long as making its bytes: seconds for some gigabytes, days for a
//! petabyte; a document takes as long as judging the files that it tells of. On an event loop,
//! everybody else's requests would wait for it. So each such request
//! gets a thread that answers it, at most [`AT_ONCE_MAX`] of them; those beyond wait in the order
//! in which they came, and cost their reply and no thread. There are never more of them than the
//! system has threads that wait for an answer.
//!
//! The kernel cannot end a process before its request is answered, and the library does not hand on
//! its word that somebody wants to (`FUSE_INTERRUPT`). So while something is computed, all callers
//! are looked at every now and then: one that is being killed has SIGKILL pending, be it that
//! signal or any other that ends it, and its request is answered with an error, which nobody sees.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use procfs::process::Process;

use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, thread};

/// How many run at a time. Their hashes share the cores, and take turns there; more of them would
/// only hold more memory.
const AT_ONCE_MAX: usize = 8;

/// How often the callers are looked at. There is no time in tests of schedules: there they always
/// are.
const LOOK_EVERY: Duration =
    if cfg!(all(test, feature = "shuttle")) { Duration::ZERO } else { Duration::from_millis(100) };

/// Computes an answer and sends it. The function that it is given says whether to stop: then it
/// sends an error.
type SlowAnswer = Box<dyn FnOnce(&(dyn Fn() -> bool + Sync)) + Send>;

/// All that takes long, each kind with threads of its own: one kind never waits for another.
#[derive(Clone, Debug, Default)]
pub(super) struct Slow {
    /// Whole files are hashed.
    pub(super) hashes: SlowRequests,
    /// Documents are made for which all changed files are judged.
    pub(super) totals: SlowRequests,
    /// Those of one file.
    pub(super) files: SlowRequests,
    /// Those for which nothing is judged.
    pub(super) lists: SlowRequests,
    /// Single files are judged, for everybody.
    pub(super) verdicts: SlowRequests,
    /// Ranges are filled with zeros, and what stood there is judged.
    pub(super) zeros: SlowRequests,
    /// Ranges are copied, and judged.
    pub(super) copies: SlowRequests,
    /// Sums over much of a file are read or written.
    pub(super) sums: SlowRequests,
}

impl Slow {
    /// Stops everything, and returns when all have been answered.
    pub(super) fn end(&self) {
        let Self { hashes, totals, files, lists, verdicts, zeros, copies, sums } = self;
        let all = [hashes, totals, files, lists, verdicts, zeros, copies, sums];
        all.into_iter().for_each(SlowRequests::end);
    }
}

/// Requests under way.
#[derive(Clone, Debug, Default)]
pub(super) struct SlowRequests(Arc<SlowWorkers>);

#[derive(Debug, Default)]
struct SlowWorkers {
    queue: Mutex<Queue>,
    /// A thread has ended.
    ended: Condvar,
    last_look: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Queue {
    /// The session is over: everything is to end.
    over: bool,
    running: Vec<Arc<Caller>>,
    waiting: VecDeque<Request>,
}

struct Request {
    caller: Arc<Caller>,
    run: SlowAnswer,
}

/// Who waits for an answer.
#[derive(Debug)]
struct Caller {
    /// Its thread; 0 where that is not visible from here.
    pid: u32,
    stopped: AtomicBool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} running, {} waiting", self.running.len(), self.waiting.len())
    }
}

impl SlowRequests {
    /// Answers a request by and by. `run` holds the reply, so where no thread can be had, the reply
    /// is dropped with it, and was answered EIO.
    pub(super) fn answer(
        &self,
        pid: u32,
        run: impl FnOnce(&(dyn Fn() -> bool + Sync)) + Send + 'static,
    ) {
        let caller = Arc::new(Caller { pid, stopped: AtomicBool::new(false) });
        let request = Request { caller, run: Box::new(run) };
        let mut queue = self.0.queue.lock();
        if queue.over {
            drop(queue);
            (request.run)(&|| true);
            return;
        }
        queue.waiting.push_back(request);
        if queue.running.len() >= AT_ONCE_MAX {
            return;
        }
        let Some(next) = queue.next() else { return };
        let caller = Arc::clone(&next.caller);
        drop(queue);
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("slow".to_owned());
        if let Err(error) = thread.spawn(move || shared.work(next)) {
            tracing::error!(%error, "cannot start a thread for a request: it was answered EIO");
            // Where others wait, others run as well, and go on with them.
            self.0.queue.lock().remove(&caller);
            self.0.ended.notify_all();
        }
    }

    /// Stops everything, and returns when all have been answered.
    pub(super) fn end(&self) {
        let mut queue = self.0.queue.lock();
        queue.over = true;
        for caller in &queue.running {
            caller.stopped.store(true, Ordering::Relaxed);
        }
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        for request in waiting {
            (request.run)(&|| true);
        }
        let mut queue = self.0.queue.lock();
        while !queue.running.is_empty() {
            self.0.ended.wait(&mut queue);
        }
    }
}

impl Queue {
    /// Takes the request that has waited longest.
    fn next(&mut self) -> Option<Request> {
        let request = self.waiting.pop_front()?;
        self.running.push(Arc::clone(&request.caller));
        Some(request)
    }

    fn remove(&mut self, caller: &Arc<Caller>) {
        self.running.retain(|running| !Arc::ptr_eq(running, caller));
    }
}

impl SlowWorkers {
    /// A thread: request after request, until none waits.
    fn work(&self, first: Request) {
        let mut next = Some(first);
        while let Some(Request { caller, run }) = next {
            run(&|| {
                self.look_if_due();
                caller.stopped.load(Ordering::Relaxed)
            });
            next = self.finished(&caller);
        }
    }

    /// A request is answered: takes the next one.
    fn finished(&self, caller: &Arc<Caller>) -> Option<Request> {
        let mut queue = self.queue.lock();
        queue.remove(caller);
        let next = queue.next();
        self.ended.notify_all();
        next
    }

    fn look_if_due(&self) {
        // Where somebody looks already, that will do.
        let Some(mut last) = self.last_look.try_lock() else { return };
        if last.is_some_and(|last| last.elapsed() < LOOK_EVERY) {
            return;
        }
        self.look();
        *last = Some(Instant::now());
    }

    /// Tells those to stop whose callers are being killed; such as only wait are answered here.
    fn look(&self) {
        let callers: Vec<Arc<Caller>> = {
            let queue = self.queue.lock();
            let waiting = queue.waiting.iter().map(|request| &request.caller);
            queue.running.iter().chain(waiting).map(Arc::clone).collect()
        };
        for caller in callers {
            if is_being_killed(caller.pid) {
                caller.stopped.store(true, Ordering::Relaxed);
            }
        }
        let stopped: Vec<Request> = {
            let mut queue = self.queue.lock();
            let all = std::mem::take(&mut queue.waiting);
            let (stopped, others) =
                all.into_iter().partition(|request| request.caller.stopped.load(Ordering::Relaxed));
            queue.waiting = others;
            Vec::from(stopped)
        };
        for request in stopped {
            (request.run)(&|| true);
        }
    }
}

/// Whether a thread has SIGKILL pending, which the kernel also gives to those that another signal
/// ends. Of a thread that cannot be looked at, it is not known.
fn is_being_killed(pid: u32) -> bool {
    // No such callers are there in tests of schedules: odd numbers stand for them.
    if cfg!(all(test, feature = "shuttle")) {
        return pid % 2 == 1;
    }
    let kill = 1 << (libc::SIGKILL - 1);
    let status = i32::try_from(pid)
        .ok()
        .filter(|pid| *pid > 0)
        .and_then(|pid| Process::new(pid).and_then(|process| process.status()).ok());
    status.is_some_and(|status| (status.sigpnd | status.shdpnd) & kill != 0)
}

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod scheduled_tests;

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn all_are_answered_once_and_few_at_a_time() {
        const COUNT: usize = 200;
        let requests = SlowRequests::default();
        let running = Arc::new(AtomicUsize::new(0));
        // So many run at a time: else nobody would come through.
        let together = Arc::new(Barrier::new(AT_ONCE_MAX));
        let (answer, answers) = channel();
        for number in 0..COUNT {
            let (running, together) = (Arc::clone(&running), Arc::clone(&together));
            let answer = answer.clone();
            requests.answer(0, move |stop| {
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(!stop());
                if number < AT_ONCE_MAX {
                    together.wait();
                }
                running.fetch_sub(1, Ordering::SeqCst);
                answer.send((number, now)).unwrap();
            });
        }
        let mut answered: Vec<(usize, usize)> = answers.iter().take(COUNT).collect();
        requests.end();
        answered.sort_unstable();
        assert!(answered.iter().map(|(number, _)| *number).eq(0..COUNT));
        let most = answered.iter().map(|(_, now)| *now).max();
        assert_eq!(most, Some(AT_ONCE_MAX));
    }

    #[test]
    fn the_end_of_the_session_answers_all() {
        let requests = SlowRequests::default();
        let answered = Arc::new(AtomicUsize::new(0));
        let endless = |answered: &Arc<AtomicUsize>| {
            let answered = Arc::clone(answered);
            move |stop: &(dyn Fn() -> bool + Sync)| {
                while !stop() {
                    thread::sleep(Duration::from_millis(1));
                }
                answered.fetch_add(1, Ordering::SeqCst);
            }
        };
        for _ in 0..3 * AT_ONCE_MAX {
            requests.answer(0, endless(&answered));
        }
        requests.end();
        assert_eq!(answered.load(Ordering::SeqCst), 3 * AT_ONCE_MAX);
        // One that comes too late is answered as well.
        requests.answer(0, endless(&answered));
        assert_eq!(answered.load(Ordering::SeqCst), 3 * AT_ONCE_MAX + 1);
    }
}
