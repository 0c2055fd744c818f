//! Files that threads share, under thousands of schedules.

use std::collections::BTreeMap;

use super::*;
use crate::sync::{schedules, thread};

/// Notes what was done, and asks for two more rounds of some files.
struct ScheduledNotes {
    done: Mutex<BTreeMap<u64, FileNotes>>,
    /// A stop is asked for at this part.
    stop_at: Option<usize>,
    stop: StopFlag,
}

/// The files' parts, how often they were opened, and how often closed.
#[derive(Default)]
struct FileNotes {
    parts: Vec<Range<u64>>,
    opened: u32,
    closed: u32,
    /// Threads that are at a part.
    at_work: u32,
}

const LENGTH: u64 = 2 * PART_BYTES + 1;
const PARTS: usize = 3;
const ROUNDS: u32 = 3;

impl Work for ScheduledNotes {
    type OpenFile = u64;
    type Tools = ();

    fn tools(&self) {}

    fn open(&self, index: u64, (): &mut ()) -> Option<(u64, u64)> {
        self.done.lock().entry(index).or_default().opened += 1;
        Some((index, LENGTH))
    }

    fn part(&self, file: &u64, part: Range<u64>, (): &mut ()) {
        let mut done = self.done.lock();
        done.entry(*file).or_default().at_work += 1;
        drop(done);
        thread::yield_now();
        let mut done = self.done.lock();
        let file = done.entry(*file).or_default();
        file.at_work -= 1;
        file.parts.push(part);
        let parts: usize = done.values().map(|file| file.parts.len()).sum();
        if self.stop_at == Some(parts) {
            self.stop.set();
        }
    }

    fn close(&self, file: u64) -> Option<(u64, u64)> {
        let mut done = self.done.lock();
        let done = done.entry(file).or_default();
        assert_eq!(done.at_work, 0, "somebody is still at file {file}");
        done.closed += 1;
        let goes_on = file % 2 == 1 && done.closed < ROUNDS && !self.stop.is_set();
        goes_on.then_some((file, LENGTH))
    }
}

/// Works through files on so many threads, and returns the notes.
fn worked_through(files: u64, threads: usize, stop_at: Option<usize>) -> BTreeMap<u64, FileNotes> {
    let stop = StopFlag::default();
    let notes = ScheduledNotes { done: Mutex::default(), stop_at, stop: stop.clone() };
    let queue = TargetQueue { work: &notes, target: 0, files: 0..files };
    work_through(&[queue], (threads, Placement::Off), &stop);
    notes.done.into_inner()
}

#[test]
fn every_part_is_done_once_a_round_and_every_file_closed_by_the_last() {
    schedules(3000, || {
        // Each is shared by whoever has nothing to do, and some go round again.
        for (index, mut file) in worked_through(5, 3, None) {
            let rounds = if index % 2 == 1 { ROUNDS } else { 1 };
            assert_eq!((file.opened, file.closed), (1, rounds), "file {index}");
            file.parts.sort_by_key(|part| part.start);
            assert_eq!(file.parts.len(), PARTS * rounds as usize, "file {index}");
            for (at, part) in file.parts.iter().enumerate() {
                let start = (at / rounds as usize) as u64 * PART_BYTES;
                assert_eq!(*part, start..LENGTH.min(start + PART_BYTES), "file {index}");
            }
        }
    });
}

#[test]
fn a_stop_closes_what_was_opened_and_keeps_nobody() {
    schedules(3000, || {
        for (index, file) in worked_through(2, 3, Some(2)) {
            assert_eq!(file.opened, 1, "file {index}");
            assert!(file.closed >= 1, "file {index} stays open");
            assert!(file.parts.len() <= PARTS * ROUNDS as usize);
        }
    });
}
