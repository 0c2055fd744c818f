//! Slow answers, killed callers and the end of the session, under thousands of schedules.

use super::*;
use crate::sync::atomic::AtomicUsize;
use crate::sync::schedules;

/// One more than run at a time.
const COUNT: usize = AT_ONCE_MAX + 1;

/// What became of requests.
#[derive(Default)]
struct Outcomes {
    answered: [AtomicUsize; COUNT],
    stopped: AtomicUsize,
}

impl Outcomes {
    /// A request that asks so many times whether to stop.
    fn request(
        self: &Arc<Self>,
        at: usize,
        looks: usize,
    ) -> impl FnOnce(&(dyn Fn() -> bool + Sync)) + Send + use<> {
        let tally = Arc::clone(self);
        move |stop| {
            let is_stopped = (0..looks).any(|_| stop());
            tally.stopped.fetch_add(usize::from(is_stopped), Ordering::SeqCst);
            tally.answered[at].fetch_add(1, Ordering::SeqCst);
        }
    }

    fn assert_all_answered_once(&self, count: usize) {
        for (at, answered) in self.answered[..count].iter().enumerate() {
            assert_eq!(answered.load(Ordering::SeqCst), 1, "request {at}");
        }
    }
}

#[test]
fn the_end_answers_everybody_once_whenever_it_comes() {
    schedules(2000, || {
        let requests = SlowRequests::default();
        let tally = Arc::new(Outcomes::default());
        let giver = {
            let (requests, tally) = (requests.clone(), Arc::clone(&tally));
            thread::spawn(move || {
                for at in 0..COUNT {
                    requests.answer(0, tally.request(at, 2));
                }
            })
        };
        thread::yield_now();
        requests.end();
        // Nobody is at work behind the end, but for one who has come too late.
        let running = requests.0.queue.lock().running.len();
        assert_eq!(running, 0);
        giver.join().unwrap();
        tally.assert_all_answered_once(COUNT);
    });
}

#[test]
fn the_killed_are_answered_once_and_the_others_as_well() {
    schedules(2000, || {
        let requests = SlowRequests::default();
        let tally = Arc::new(Outcomes::default());
        // Those with odd numbers are being killed.
        for at in 0..COUNT {
            let pid = u32::try_from(at).unwrap();
            requests.answer(pid, tally.request(at, 1 + at % 3));
        }
        // All are to end by themselves.
        let mut queue = requests.0.queue.lock();
        while !(queue.running.is_empty() && queue.waiting.is_empty()) {
            requests.0.ended.wait(&mut queue);
        }
        drop(queue);
        tally.assert_all_answered_once(COUNT);
        let stopped = tally.stopped.load(Ordering::SeqCst);
        assert!(stopped <= COUNT / 2, "{stopped} were stopped");
    });
}
