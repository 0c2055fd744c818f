//! Looking at a target again and again, on a thread of its own.
//!
//! A mount whose daemon hangs, or a directory on a file server that is gone, holds whoever reads it
//! for as long as it likes, and nothing can be done about that. So no view reads by itself: a
//! thread does for each target, and the view takes what was read last, and how long the thread has
//! been waiting. There is never a second thread for the same target, so what hangs does not pile
//! up.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Target, Watched};
use crate::sync::Mutex;

/// Looks at one target until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Mutex<WatcherState>>,
    /// The thread ends when this does.
    _until_dropped: Sender<()>,
}

#[derive(Debug)]
struct WatcherState {
    latest: Option<Arc<Watched>>,
    /// Since when the thread has been reading.
    asked: Option<Instant>,
}

/// What a view is given.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What was read last; `None` where nothing has been read yet.
    pub watched: Option<Arc<Watched>>,
    /// For how long there has been no answer, in seconds, once it is longer than one waits for
    /// documents.
    pub silent_s: Option<f64>,
}

/// How long a target that is slow is left alone, at the most, before it is asked again.
const REST_MAX: Duration = Duration::from_secs(10);
/// An answer that takes longer is said to be missing.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

impl Watcher {
    /// Starts to look at a target, once every `interval`.
    ///
    /// # Errors
    ///
    /// Where the system has no thread for it.
    pub fn start(target: Target, interval: Duration) -> io::Result<Self> {
        Self::start_with(interval, move |before| target.read(before))
    }

    fn start_with(
        interval: Duration,
        read: impl Fn(Option<&Watched>) -> Watched + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Mutex::new(WatcherState { latest: None, asked: None }));
        let (until_dropped, dropped) = channel();
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("watcher".into()).spawn(move || {
            let mut before = None;
            loop {
                let begun = Instant::now();
                of_thread.lock().asked = Some(begun);
                let watched = Arc::new(read(before.as_deref()));
                before = Some(Arc::clone(&watched));
                *of_thread.lock() = WatcherState { latest: Some(watched), asked: None };
                let took = begun.elapsed();
                // What is slow is not asked all the time.
                let rest = interval.saturating_sub(took).max(took.min(REST_MAX));
                if dropped.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self { shared, _until_dropped: until_dropped })
    }

    /// What there is to see now. It never waits for the target.
    #[must_use]
    pub fn look(&self) -> Look {
        let shared = self.shared.lock();
        let silent = shared.asked.map(|asked| asked.elapsed());
        Look {
            watched: shared.latest.clone(),
            silent_s: silent.filter(|silent| *silent > ANSWER_WITHIN).map(|s| s.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn wait_until(what: impl Fn() -> bool) {
        let begun = Instant::now();
        while !what() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not come");
            thread::sleep(SOON);
        }
    }

    #[test]
    fn each_look_gives_what_was_read_last_to_the_next_reading() {
        let watcher = Watcher::start_with(SOON, |before| Watched {
            at: before.map_or(1.0, |before| before.at + 1.0),
            ..Watched::default()
        })
        .unwrap();
        wait_until(|| watcher.look().watched.is_some_and(|watched| watched.at >= 3.0));
        assert_eq!(watcher.look().silent_s, None);
    }

    #[test]
    fn what_hangs_holds_nobody_and_is_said() {
        let (answer, until_answer) = channel::<()>();
        let watcher = Watcher::start_with(SOON, move |before| {
            if before.is_some() {
                let _ = until_answer.recv();
            }
            Watched { at: 7.0, ..Watched::default() }
        })
        .unwrap();
        wait_until(|| watcher.look().silent_s.is_some());
        let look = watcher.look();
        assert!(look.silent_s.is_some_and(|silent| silent >= ANSWER_WITHIN.as_secs_f64()));
        assert!(
            look.watched.is_some_and(|watched| (watched.at - 7.0).abs() < 1e-9),
            "the last one is shown"
        );
        drop(answer);
        wait_until(|| watcher.look().silent_s.is_none());
    }

    #[test]
    fn the_thread_ends_with_the_watcher() {
        let reads = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&reads);
        let watcher = Watcher::start_with(SOON, move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Watched::default()
        })
        .unwrap();
        wait_until(|| reads.load(Ordering::Relaxed) > 2);
        drop(watcher);
        wait_until(|| Arc::strong_count(&reads) == 1);
    }
}
