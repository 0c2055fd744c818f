//! Judgements that took long, remembered.
//!
//! Nearly every file is judged in less than a microsecond, and is judged again whenever somebody
//! asks. What takes longer is asked block by block or byte by byte: content of another place in a
//! shape, kept bytes. Such a judgement is remembered for as long as the file's extents stay as they
//! are, and is made once however many ask at the same time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::content::StopCheck;
use crate::dataset::{Coordinates, Inode};
use crate::overlay::Record;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::verdict::ByteTally;

/// How many are remembered, some 150 bytes each. Past it, all are forgotten.
const JUDGED_MAX: usize = 1 << 16;

/// How often one who waits for another's judgement asks whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// What somebody wrote to an inode.
    Record(Inode),
    /// The content of a file of the dataset, whole and untouched, under another name.
    Content(Coordinates),
}

/// A subject, and the file that it was held against.
pub(super) type Question = (Subject, Coordinates);

/// A record in one of its versions; `None` for what never changes.
pub(super) type RecordVersion<'a> = Option<(&'a Arc<Record>, u64)>;

/// The judgements that took long.
#[derive(Debug, Default)]
pub struct JudgementCache {
    state: Mutex<Judgements>,
    /// A judgement has been made, or given up.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Judgements {
    known: HashMap<Question, Known>,
    under_way: HashSet<Question>,
}

#[derive(Debug)]
struct Known {
    version: Option<(Weak<Record>, u64)>,
    tally: ByteTally,
}

impl JudgementCache {
    /// The tally of a question, remembered or made by `judge`; `None` where `stop` has said to
    /// stop.
    pub(super) fn tally(
        &self,
        question: Question,
        version: RecordVersion<'_>,
        stop: StopCheck<'_>,
        judge: impl Fn(StopCheck<'_>) -> Option<ByteTally>,
    ) -> Option<ByteTally> {
        loop {
            if let Some(tally) = self.known(question, version) {
                return Some(tally);
            }
            let turn = Turn { cache: self, question, asked: false.into(), mine: false.into() };
            let tally = judge(StopCheck::when(&|| !turn.is_mine() || stop.is_now()));
            if turn.mine.load(Ordering::Relaxed) {
                if let Some(tally) = tally {
                    self.remember(question, version, tally);
                }
                return tally;
            }
            if !turn.asked.load(Ordering::Relaxed) {
                return tally;
            }
            // Somebody else is at it.
            drop(turn);
            if !self.wait(question, stop) {
                return None;
            }
        }
    }

    fn known(&self, question: Question, version: RecordVersion<'_>) -> Option<ByteTally> {
        let state = self.state.lock();
        let known = state.known.get(&question)?;
        let is_same = match (&known.version, version) {
            (None, None) => true,
            (Some((known, number)), Some((record, version))) => {
                *number == version && known.as_ptr() == Arc::as_ptr(record)
            }
            _ => false,
        };
        is_same.then_some(known.tally)
    }

    fn remember(&self, question: Question, version: RecordVersion<'_>, tally: ByteTally) {
        let version = version.map(|(record, number)| (Arc::downgrade(record), number));
        let state = &mut *self.state.lock();
        if state.known.len() >= JUDGED_MAX {
            state.known.clear();
        }
        state.known.insert(question, Known { version, tally });
    }

    /// Waits until a judgement is not under way; false where it is time to stop.
    fn wait(&self, question: Question, stop: StopCheck<'_>) -> bool {
        while !stop.is_now() {
            let mut state = self.state.lock();
            if !state.under_way.contains(&question) {
                return true;
            }
            self.ended.wait_for(&mut state, LOOK_EVERY);
        }
        false
    }
}

/// The right to make a judgement that takes long; given back when it is dropped.
struct Turn<'a> {
    cache: &'a JudgementCache,
    question: Question,
    /// Whether it took long enough to ask for a turn.
    asked: AtomicBool,
    mine: AtomicBool,
}

impl Turn<'_> {
    /// Takes the turn when it is asked for the first time.
    fn is_mine(&self) -> bool {
        if !self.asked.swap(true, Ordering::Relaxed) {
            let is_mine = self.cache.state.lock().under_way.insert(self.question);
            self.mine.store(is_mine, Ordering::Relaxed);
        }
        self.mine.load(Ordering::Relaxed)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.mine.load(Ordering::Relaxed) {
            self.cache.state.lock().under_way.remove(&self.question);
            self.cache.ended.notify_all();
        }
    }
}
