//! Threads that share the files of one target or of many.
//!
//! Each target has a queue of its files, and each thread a queue that is its own: so the threads of
//! a fast disk never wait for a slow one. While there are files that nobody has begun, a thread
//! takes one for itself, of its own queue first and then of the one that has most left: that is
//! what filesystems do best, many of which take a lock for each file that is written. After that,
//! whoever has nothing to do takes parts of the files that others are at, so that one file of
//! 100 GB keeps all threads busy.

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
    /// next with the file, and its length: from the first part on.
    fn close(&self, file: Self::OpenFile) -> Option<(Self::OpenFile, u64)>;

    /// The number of a file, as the share has it.
    fn number(&self, index: u64) -> u64 {
        index
    }

    /// Where threads note what they are at; none where nobody looks.
    fn notes(&self) -> Option<&CrewNotes> {
        None
    }

    /// A thread begins with a file, or with a part of one that another thread has opened.
    fn enter(&self) {}

    /// It is done with that.
    fn leave(&self) {}
}

/// What a thread takes of a file at a time: long against the cost of taking, and short enough that
/// the last one does not keep the others waiting.
pub(super) const PART_BYTES: u64 = 16 << 20;

/// Files that are to be worked on, of one target.
pub(super) struct TargetQueue<'a, W> {
    pub(super) work: &'a W,
    /// Which target it is, for the notes.
    pub(super) target: usize,
    pub(super) files: Range<u64>,
}

/// Works through the files of all queues on so many threads.
///
/// Each of them is settled first, and gets its tools then: their memory is near it.
pub(super) fn work_through<W: Work>(
    queues: &[TargetQueue<'_, W>],
    (threads, placement): (usize, Placement),
    stop: &StopFlag,
) {
    let Some(first) = queues.iter().find(|queue| !queue.files.is_empty()) else { return };
    let topology = (placement != Placement::Off).then(Topology::here);
    let chosen = topology.as_ref().and_then(|topology| placement.choose(topology).ok());
    let nobody_looks = CrewNotes::default();
    let taking_notes = first.work.notes().unwrap_or(&nobody_looks);
    taking_notes.begin();
    let next = queues.iter().map(|queue| AtomicU64::new(queue.files.start)).collect();
    let crew = Crew { queues, next, stop, table: Mutex::default(), changed: Condvar::new() };
    let settled = AtomicUsize::new(0);
    together(threads, || {
        let number = settled.fetch_add(1, Ordering::Relaxed);
        let _settled = chosen.map(|nodes| Placement::settle(nodes, number));
        let notes = taking_notes.join();
        crew.join(number, &notes);
        notes.rest();
    });
}

struct Crew<'a, 'q, W: Work> {
    queues: &'a [TargetQueue<'q, W>],
    /// The first file of each queue that nobody has taken.
    next: Vec<AtomicU64>,
    stop: &'a StopFlag,
    table: Mutex<CrewTable<W::OpenFile>>,
    /// A file was laid on the table, or there will be none any more.
    changed: Condvar,
}

/// The files that several threads may work on, and who waits for one.
struct CrewTable<F> {
    threads: usize,
    idle: usize,
    files: Vec<OnTable<F>>,
    /// How many files were on the table so far.
    laid: u64,
}

impl<F> Default for CrewTable<F> {
    fn default() -> Self {
        Self { threads: 0, idle: 0, files: Vec::new(), laid: 0 }
    }
}

/// A file with parts that nobody has taken.
struct OnTable<F> {
    id: u64,
    of: FileOf,
    file: Arc<F>,
    length: u64,
    next: u64,
}

/// Which file of which queue.
#[derive(Clone, Copy)]
struct FileOf {
    queue: usize,
    index: u64,
}

/// A file of the table that a thread holds, and the part that it is to do first.
struct Held<F> {
    id: u64,
    of: FileOf,
    file: Arc<F>,
    /// Empty after a stop: then the file is only to be closed.
    part: Range<u64>,
}

/// What a thread has for itself.
type Own<'a, T> = (&'a mut T, &'a ThreadNotes);

impl<W: Work> Crew<'_, '_, W> {
    /// Works as a thread of a number, until there is nothing to do for anybody.
    fn join(&self, number: usize, notes: &ThreadNotes) {
        self.table.lock().threads += 1;
        // It stays with the queue that it has last taken something of: each has tools of its own.
        let mut queue = number % self.queues.len();
        let mut tools = self.queues[queue].work.tools();
        loop {
            let file = self.take_file(queue);
            let held = match file {
                Some(_) => None,
                None => self.hold_any_or_wait(queue, notes),
            };
            let Some(of) = file.or(held.as_ref().map(|held| held.of)) else { return };
            let TargetQueue { work, target, .. } = self.queues[of.queue];
            if of.queue != queue {
                (queue, tools) = (of.queue, work.tools());
            }
            notes.at(target, work.number(of.index));
            work.enter();
            if let Some(held) = held {
                self.share(held, (&mut tools, notes));
            } else {
                let opened = work.open(of.index, &mut tools);
                self.work_on(of, opened, (&mut tools, notes));
            }
            work.leave();
        }
    }

    /// A file that nobody has begun: of one's own queue, or else of the one that has most left.
    fn take_file(&self, own_queue: usize) -> Option<FileOf> {
        let left = |queue: usize| {
            self.queues[queue].files.end.saturating_sub(self.next[queue].load(Ordering::Relaxed))
        };
        let mut queue = own_queue;
        while !self.stop.is_set() {
            let index = self.next[queue].fetch_add(u64::from(left(queue) > 0), Ordering::Relaxed);
            if index < self.queues[queue].files.end {
                return Some(FileOf { queue, index });
            }
            queue = (0..self.queues.len()).max_by_key(|queue| left(*queue))?;
            if left(queue) == 0 {
                break;
            }
        }
        None
    }

    /// Works on a file that this thread has opened; on a long one together with others.
    fn work_on(
        &self,
        of: FileOf,
        opened: Option<(W::OpenFile, u64)>,
        (tools, notes): Own<'_, W::Tools>,
    ) {
        let work = self.queues[of.queue].work;
        let mut next = opened;
        while let Some((file, length)) = next {
            if length > PART_BYTES {
                let id = self.lay(of, file, length);
                if let Some(held) = self.hold(id) {
                    self.share(held, (tools, notes));
                }
                return;
            }
            if length > 0 && !self.stop.is_set() {
                work.part(&file, 0..length, tools);
                notes.did(length);
            }
            work.settle(&file, tools);
            next = work.close(file);
        }
    }

    /// Lays a long file on the table.
    fn lay(&self, of: FileOf, file: W::OpenFile, length: u64) -> u64 {
        let mut table = self.table.lock();
        let id = table.laid;
        table.laid += 1;
        table.files.push(OnTable { id, of, file: Arc::new(file), length, next: 0 });
        drop(table);
        self.changed.notify_all();
        id
    }

    /// Takes hold of a file of the table, unless all of its parts are taken.
    fn hold(&self, id: u64) -> Option<Held<W::OpenFile>> {
        let mut table = self.table.lock();
        let at = table.files.iter().position(|file| file.id == id)?;
        Some(self.hold_at(&mut table, at))
    }

    fn hold_at(&self, table: &mut CrewTable<W::OpenFile>, at: usize) -> Held<W::OpenFile> {
        let OnTable { id, of, length, next, .. } = table.files[at];
        let end = if self.stop.is_set() { next } else { length.min(next + PART_BYTES) };
        table.files[at].next = end;
        let is_last = end == length || end == next;
        let file = if is_last {
            table.files.swap_remove(at).file
        } else {
            Arc::clone(&table.files[at].file)
        };
        Held { id, of, file, part: next..end }
    }

    /// Works on a file that several threads may be at, until all of its parts are taken.
    fn share(&self, held: Held<W::OpenFile>, (tools, notes): Own<'_, W::Tools>) {
        let mut next = Some(held);
        while let Some(Held { mut id, of, file, part }) = next {
            let work = self.queues[of.queue].work;
            let mut next_part = Some(part);
            while let Some(part) = next_part {
                if !part.is_empty() {
                    let length = part.end - part.start;
                    work.part(&file, part, tools);
                    notes.did(length);
                }
                next_part = self.hold(id).map(|again| again.part);
            }
            work.settle(&file, tools);
            // Whoever holds the last one is the last who works on it.
            let Some(file) = Arc::into_inner(file) else { return };
            let Some((file, length)) = work.close(file) else { return };
            id = self.lay(of, file, length);
            next = self.hold(id);
        }
    }

    /// Takes hold of any file of the table, of one's own queue first; waits for one as long as
    /// somebody is at work who may lay one there.
    fn hold_any_or_wait(&self, own_queue: usize, notes: &ThreadNotes) -> Option<Held<W::OpenFile>> {
        let mut table = self.table.lock();
        let mut rested = false;
        loop {
            let left =
                |file: &OnTable<W::OpenFile>| (file.of.queue == own_queue, file.length - file.next);
            let at = (0..table.files.len()).max_by_key(|at| left(&table.files[*at]));
            if let Some(at) = at {
                if rested {
                    notes.go_on();
                }
                return Some(self.hold_at(&mut table, at));
            }
            if table.idle + 1 == table.threads {
                // Nobody is at work: there is nothing to come. All others wait, and end too.
                table.threads -= 1;
                drop(table);
                self.changed.notify_all();
                return None;
            }
            if !rested {
                notes.rest();
                rested = true;
            }
            table.idle += 1;
            self.changed.wait(&mut table);
            table.idle -= 1;
        }
    }
}

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod scheduled_tests;

#[cfg(test)]
mod tests;
