//! Every part is done, and every file closed.

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
        (notes_go_on(file) && *closed < 3).then_some((file, length(file)))
    }
}

#[test]
fn every_part_is_done_once_a_round_and_every_file_closed_once() {
    for threads in [1, 2, 3, 8] {
        for count in [0, 1, 2, 5, 16, 23] {
            let notes = WorkNotes::default();
            work_through(
                &[TargetQueue { work: &notes, target: 0, files: 10..10 + count }],
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
