//! Where a run counts what it does: for all of it, and for the target that it does it on.

use std::fmt::Display;

use super::tally::TargetTally;
use crate::storage::Progress;

/// The counters of a run, and of one of its targets where it has several.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct Counting<'a> {
    pub(in crate::storage) run: &'a Progress,
    pub(in crate::storage) target: Option<&'a TargetTally>,
}

impl<'a> Counting<'a> {
    /// Those of a run in one directory.
    pub(in crate::storage) fn of(run: &'a Progress) -> Self {
        Self { run, target: None }
    }

    pub(in crate::storage) fn file(self) {
        self.run.file();
        self.target.inspect(|target| target.file());
    }

    pub(in crate::storage) fn bytes(self, count: u64) {
        self.run.bytes(count);
        self.target.inspect(|target| target.bytes(count));
    }

    pub(in crate::storage) fn failure(self, path: &str, error: &dyn Display) {
        match self.target {
            None => self.run.failure(path, error),
            Some(target) => {
                target.failure();
                self.run.failure(&format!("{}: {path}", target.name()), error);
            }
        }
    }

    pub(in crate::storage) fn retry(self) {
        self.run.retry();
        self.target.inspect(|target| target.retry());
    }

    /// The name of the target, where there are several.
    pub(in crate::storage) fn target_name(self) -> Option<String> {
        self.target.map(|target| target.name().to_owned())
    }

    /// Which target it is; the first where there is one only.
    pub(in crate::storage) fn number(self) -> usize {
        self.target.map_or(0, TargetTally::number)
    }

    pub(in crate::storage) fn enter(self) {
        self.target.inspect(|target| target.enter());
    }

    pub(in crate::storage) fn leave(self) {
        self.target.inspect(|target| target.leave());
    }
}
