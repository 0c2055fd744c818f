//! Threads that share files.
//!
//! While there are at least as many files left as threads, each thread has a file for itself: that
//! is what filesystems do best, many of which take a lock for each file that is written. The last
//! files, fewer than threads, are cut into parts which all threads take in turn, so that one file
//! of 100 GB keeps them all busy.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::Stop;

/// What is to be done with each of many files. No method is called after a stop but `close`.
pub(super) trait Work: Sync {
    /// A file that is open.
    type File: Send + Sync;
    /// What a thread works with.
    type Tools;

    fn tools(&self) -> Self::Tools;

    /// Opens a file and says how long it is; `None` where there is nothing more to do with it.
    fn open(&self, index: u64, tools: &mut Self::Tools) -> Option<(Self::File, u64)>;

    /// Does one part. Parts begin at multiples of [`PART_BYTES`]; several threads may be at parts
    /// of one file.
    fn part(&self, file: &Self::File, part: Range<u64>, tools: &mut Self::Tools);

    /// Every part has been done, or the work was stopped.
    fn close(&self, file: Self::File);
}

/// What a thread takes of a file at a time: long against the cost of taking, and short enough that
/// the last one does not keep the others waiting.
pub(super) const PART_BYTES: u64 = 16 << 20;

/// Works through the files of a range of numbers on so many threads.
pub(super) fn work_through<W: Work>(work: &W, files: Range<u64>, threads: usize, stop: &Stop) {
    let count = files.end.saturating_sub(files.start);
    let shared_from = files.end - count % threads as u64;
    let next = AtomicU64::new(files.start);
    let shared: Vec<Shared<W::File>> = (shared_from..files.end).map(Shared::new).collect();
    let run = || {
        let mut tools = work.tools();
        while !stop.is_set() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= shared_from {
                break;
            }
            alone(work, index, &mut tools, stop);
        }
        for file in &shared {
            file.join_in(work, &mut tools, stop);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
}

fn alone<W: Work>(work: &W, index: u64, tools: &mut W::Tools, stop: &Stop) {
    let Some((file, length)) = work.open(index, tools) else { return };
    let mut offset = 0;
    while offset < length && !stop.is_set() {
        let end = length.min(offset + PART_BYTES);
        work.part(&file, offset..end, tools);
        offset = end;
    }
    work.close(file);
}

/// A file that several threads work on: the first opens it, the last closes it.
struct Shared<F> {
    index: u64,
    state: Mutex<State<F>>,
}

struct State<F> {
    opened: bool,
    file: Option<(Arc<F>, u64)>,
    next: u64,
}

impl<F: Send + Sync> Shared<F> {
    fn new(index: u64) -> Self {
        Self { index, state: Mutex::new(State { opened: false, file: None, next: 0 }) }
    }

    fn join_in<W: Work<File = F>>(&self, work: &W, tools: &mut W::Tools, stop: &Stop) {
        loop {
            let mut state = self.state.lock();
            if !state.opened && !stop.is_set() {
                state.opened = true;
                state.file =
                    work.open(self.index, tools).map(|(file, length)| (Arc::new(file), length));
            }
            let Some((file, length)) = &state.file else { return };
            let (file, length) = (Arc::clone(file), *length);
            if state.next >= length || stop.is_set() {
                state.file = None;
                drop(state);
                // Whoever holds the last one is the last who works on it.
                if let Some(file) = Arc::into_inner(file) {
                    work.close(file);
                }
                return;
            }
            let part = state.next..length.min(state.next + PART_BYTES);
            state.next = part.end;
            drop(state);
            work.part(&file, part, tools);
            if let Some(file) = Arc::into_inner(file) {
                work.close(file);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Notes what was done; files have lengths around the parts' borders.
    #[derive(Default)]
    struct Notes {
        done: Mutex<BTreeMap<u64, Done>>,
    }

    /// The parts of a file that were done, and how often it was closed.
    type Done = (Vec<Range<u64>>, u32);

    fn length(index: u64) -> u64 {
        match index % 5 {
            0 => 0,
            1 => 1,
            2 => PART_BYTES,
            3 => PART_BYTES + 1,
            _ => 5 * PART_BYTES - 1,
        }
    }

    impl Work for Notes {
        type File = u64;
        type Tools = ();

        fn tools(&self) {}

        fn open(&self, index: u64, (): &mut ()) -> Option<(u64, u64)> {
            (index % 7 != 6).then_some((index, length(index)))
        }

        fn part(&self, file: &u64, part: Range<u64>, (): &mut ()) {
            thread::yield_now();
            self.done.lock().entry(*file).or_default().0.push(part);
        }

        fn close(&self, file: u64) {
            self.done.lock().entry(file).or_default().1 += 1;
        }
    }

    #[test]
    fn every_part_is_done_once_and_every_file_closed_once() {
        for threads in [1, 2, 3, 8] {
            for count in [0, 1, 2, 5, 16, 23] {
                let notes = Notes::default();
                work_through(&notes, 10..10 + count, threads, &Stop::default());
                let done = notes.done.into_inner();
                let expected: Vec<u64> = (10..10 + count).filter(|index| index % 7 != 6).collect();
                assert_eq!(done.keys().copied().collect::<Vec<_>>(), expected);
                for (index, (mut parts, closed)) in done {
                    parts.sort_by_key(|part| part.start);
                    let mut end = 0;
                    for part in parts {
                        assert_eq!(part.start, end, "file {index}");
                        end = part.end;
                    }
                    assert_eq!((end, closed), (length(index), 1), "file {index}");
                }
            }
        }
    }
}
