//! Threads that share files.
//!
//! While there are at least as many files left as threads, each thread has a file for itself: that
//! is what filesystems do best, many of which take a lock for each file that is written. The last
//! files, fewer than threads, are cut into parts which all threads take in turn, so that one file
//! of 100 GB keeps them all busy.

mod notes;

use std::ops::Range;
use std::sync::Arc;

use super::StopFlag;
use crate::numa::{Placement, Topology};
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, together};

pub(super) use notes::CrewNotes;
use notes::ThreadNotes;

/// What is to be done with each of many files. No method is called after a stop but `settle` and
/// `close`.
pub(super) trait Work: Sync {
    /// A file that is open.
    type OpenFile: Send + Sync;
    /// What a thread works with.
    type Tools;

    fn tools(&self) -> Self::Tools;

    /// Opens a file and says how long it is; `None` where there is nothing more to do with it.
    fn open(&self, index: u64, tools: &mut Self::Tools) -> Option<(Self::OpenFile, u64)>;

    /// Does one part. Parts begin at multiples of [`PART_BYTES`]; several threads may be at parts
    /// of one file.
    fn part(&self, file: &Self::OpenFile, part: Range<u64>, tools: &mut Self::Tools);

    /// Ends what parts have left under way. Each thread does this with the last of its parts of a
    /// file, before it lets go of it.
    fn settle(&self, _file: &Self::OpenFile, _tools: &mut Self::Tools) {}

    /// Every part has been done and settled, or the work was stopped. Returns what there is to do
    /// next with the file, and its length: from the first part on, by all threads again.
    fn close(&self, file: Self::OpenFile) -> Option<(Self::OpenFile, u64)>;

    /// The number of a file, as the share has it.
    fn number(&self, index: u64) -> u64 {
        index
    }

    /// Where threads note what they are at; none where nobody looks.
    fn notes(&self) -> Option<&CrewNotes> {
        None
    }

    /// Whether closing may return something; it must not take long then, as threads wait for it.
    fn may_go_on(&self, _file: &Self::OpenFile) -> bool {
        false
    }
}

/// What a thread takes of a file at a time: long against the cost of taking, and short enough that
/// the last one does not keep the others waiting.
pub(super) const PART_BYTES: u64 = 16 << 20;

/// Works through the files of a range of numbers on so many threads.
///
/// Each of them is settled first, and gets its tools then: their memory is near it.
pub(super) fn work_through<W: Work>(
    work: &W,
    files: Range<u64>,
    (threads, placement): (usize, Placement),
    stop: &StopFlag,
) {
    if files.is_empty() {
        return;
    }
    let count = files.end - files.start;
    let shared_from = files.end - count % threads as u64;
    let next = AtomicU64::new(files.start);
    let shared: Vec<SharedFile<W::OpenFile>> =
        (shared_from..files.end).map(SharedFile::new).collect();
    let topology = (placement != Placement::Off).then(Topology::here);
    let nodes = topology.as_ref().and_then(|topology| placement.choose(topology).ok());
    let settled = AtomicUsize::new(0);
    let nobody_looks = CrewNotes::default();
    let taking_notes = work.notes().unwrap_or(&nobody_looks);
    taking_notes.begin();
    let run = || {
        let _settled =
            nodes.map(|nodes| Placement::settle(nodes, settled.fetch_add(1, Ordering::Relaxed)));
        let mut tools = work.tools();
        let own = taking_notes.join();
        while !stop.is_set() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= shared_from {
                break;
            }
            own.at(work.number(index));
            alone(work, index, &mut tools, (stop, &own));
        }
        for file in &shared {
            own.at(work.number(file.index));
            file.join_in(work, &mut tools, (stop, &own));
        }
        own.rest();
    };
    together(threads, run);
}

fn alone<W: Work>(
    work: &W,
    index: u64,
    tools: &mut W::Tools,
    (stop, notes): (&StopFlag, &ThreadNotes),
) {
    let mut next = work.open(index, tools);
    while let Some((file, length)) = next {
        let mut offset = 0;
        while offset < length && !stop.is_set() {
            let end = length.min(offset + PART_BYTES);
            work.part(&file, offset..end, tools);
            notes.did(end - offset);
            offset = end;
        }
        work.settle(&file, tools);
        next = work.close(file);
    }
}

/// A file that several threads work on: the first opens it, the last closes it.
struct SharedFile<F> {
    index: u64,
    state: Mutex<SharedFileState<F>>,
    closed: Condvar,
}

struct SharedFileState<F> {
    opened: bool,
    file: Option<(Arc<F>, u64)>,
    next: u64,
    /// It is being closed, and may go on afterwards.
    may_go_on: bool,
}

impl<F: Send + Sync> SharedFile<F> {
    fn new(index: u64) -> Self {
        let state = SharedFileState { opened: false, file: None, next: 0, may_go_on: false };
        Self { index, state: Mutex::new(state), closed: Condvar::new() }
    }

    fn join_in<W: Work<OpenFile = F>>(
        &self,
        work: &W,
        tools: &mut W::Tools,
        (stop, notes): (&StopFlag, &ThreadNotes),
    ) {
        loop {
            let mut state = self.state.lock();
            if !state.opened && !stop.is_set() {
                state.opened = true;
                state.file =
                    work.open(self.index, tools).map(|(file, length)| (Arc::new(file), length));
            }
            if state.file.is_none() && state.may_go_on {
                notes.rest();
                while state.file.is_none() && state.may_go_on {
                    self.closed.wait(&mut state);
                }
                notes.go_on();
                notes.at(work.number(self.index));
            }
            let Some((file, length)) = &state.file else { return };
            let (file, length) = (Arc::clone(file), *length);
            drop(state);
            while let Some(part) = self.next_part(work, &file, length, stop) {
                let length = part.end - part.start;
                work.part(&file, part, tools);
                notes.did(length);
            }
            work.settle(&file, tools);
            // Whoever holds the last one is the last who works on it.
            if let Some(file) = Arc::into_inner(file) {
                self.close(work, file);
            }
        }
    }

    /// The next part for a thread that holds the file. Where there is none, nobody else takes it
    /// up.
    fn next_part<W: Work<OpenFile = F>>(
        &self,
        work: &W,
        file: &F,
        length: u64,
        stop: &StopFlag,
    ) -> Option<Range<u64>> {
        let mut state = self.state.lock();
        if state.next < length && !stop.is_set() {
            let part = state.next..length.min(state.next + PART_BYTES);
            state.next = part.end;
            return Some(part);
        }
        if state.file.take().is_some() {
            state.may_go_on = work.may_go_on(file);
        }
        None
    }

    fn close<W: Work<OpenFile = F>>(&self, work: &W, file: F) {
        let next = work.close(file);
        let mut state = self.state.lock();
        state.file = next.map(|(file, length)| (Arc::new(file), length));
        state.next = 0;
        state.may_go_on = false;
        drop(state);
        self.closed.notify_all();
    }
}

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod scheduled_tests;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::thread;

    use super::*;

    /// Notes what was done; files have lengths around the parts' borders.
    #[derive(Default)]
    struct WorkNotes {
        done: Mutex<BTreeMap<u64, PartsDone>>,
    }

    /// The parts of a file that were done, how often it was closed, and how many parts threads have
    /// not settled yet.
    type PartsDone = (Vec<Range<u64>>, u32, u64);

    fn length(index: u64) -> u64 {
        match index % 5 {
            0 => 0,
            1 => 1,
            2 => PART_BYTES,
            3 => PART_BYTES + 1,
            _ => 5 * PART_BYTES - 1,
        }
    }

    /// Some files are gone through three times.
    fn notes_go_on(index: u64) -> bool {
        index.is_multiple_of(4)
    }

    impl Work for WorkNotes {
        type OpenFile = u64;
        /// How many parts are not settled.
        type Tools = u64;

        fn tools(&self) -> u64 {
            0
        }

        fn open(&self, index: u64, _: &mut u64) -> Option<(u64, u64)> {
            (index % 7 != 6).then_some((index, length(index)))
        }

        fn part(&self, file: &u64, part: Range<u64>, unsettled: &mut u64) {
            thread::yield_now();
            let mut done = self.done.lock();
            let done = done.entry(*file).or_default();
            done.0.push(part);
            done.2 += 1;
            *unsettled += 1;
        }

        fn settle(&self, file: &u64, unsettled: &mut u64) {
            self.done.lock().entry(*file).or_default().2 -= std::mem::take(unsettled);
        }

        fn close(&self, file: u64) -> Option<(u64, u64)> {
            let mut done = self.done.lock();
            let (_, closed, unsettled) = done.entry(file).or_default();
            assert_eq!(*unsettled, 0, "file {file} is closed with parts under way");
            *closed += 1;
            (self.may_go_on(&file) && *closed < 3).then_some((file, length(file)))
        }

        fn may_go_on(&self, file: &u64) -> bool {
            notes_go_on(*file)
        }
    }

    #[test]
    fn every_part_is_done_once_a_round_and_every_file_closed_once() {
        for threads in [1, 2, 3, 8] {
            for count in [0, 1, 2, 5, 16, 23] {
                let notes = WorkNotes::default();
                work_through(
                    &notes,
                    10..10 + count,
                    (threads, Placement::Off),
                    &StopFlag::default(),
                );
                let done = notes.done.into_inner();
                let expected: Vec<u64> = (10..10 + count).filter(|index| index % 7 != 6).collect();
                assert_eq!(done.keys().copied().collect::<Vec<_>>(), expected);
                for (index, (mut parts, closed, _)) in done {
                    let rounds = if notes_go_on(index) { 3 } else { 1 };
                    assert_eq!(closed, rounds, "file {index}");
                    parts.sort_by_key(|part| part.start);
                    let mut end = 0;
                    for same in parts.chunks(rounds as usize) {
                        assert!(same.iter().all(|part| *part == same[0]), "file {index}");
                        assert_eq!((same.len(), same[0].start), (rounds as usize, end));
                        end = same[0].end;
                    }
                    assert_eq!(end, length(index), "file {index}");
                }
            }
        }
    }
}
