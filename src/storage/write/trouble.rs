//! Files that cannot be written: tried again, made elsewhere, or named.

use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::sync::Arc;

use super::{CopiesElsewhere, PendingFile, Writer};
use crate::dataset::Coordinates;
use crate::disk::{Faults, OpenDirectory};
use crate::storage::outcome::FileFailure;
use crate::storage::patience::is_of_disk;
use crate::storage::targets::TargetTally;

impl<F: Faults> Writer<'_, F> {
    pub(super) fn fail(&self, file: Coordinates, error: &io::Error) {
        if let Some(target) = self.counting.target.filter(|_| is_of_disk(error)) {
            target.fail(error);
        }
        self.give_up(file, error);
    }

    /// There is no such file here in the end: it has failed, or its copies are elsewhere.
    pub(super) fn give_up(&self, file: Coordinates, error: &dyn Display) {
        let has_failed = |target: &TargetTally| target.has_failed();
        if self.elsewhere == CopiesElsewhere::Yes && self.counting.target.is_some_and(has_failed) {
            self.counting.target.inspect(|target| target.move_file());
            return;
        }
        let path = self.share.path(file);
        self.counting.failure(&path, error);
        let target = self.counting.target_name();
        self.failures.add(FileFailure { path, target, error: error.to_string() });
    }

    /// Whether to try again, after a pause.
    pub(super) fn tries_again(&self, tries: &mut u32, error: &io::Error) -> bool {
        let again = self.options.patience.tries_again(tries, error, self.stop);
        if again {
            self.counting.retry();
        }
        again
    }

    /// Makes a file again from its first byte, as often as errors may pass. What an earlier write
    /// or a sync has failed to store nobody knows, so nothing of it is kept.
    pub(super) fn make_again(
        &self,
        (file, parent, name): (Coordinates, Arc<OpenDirectory>, OsString),
        mut tries: u32,
        error: io::Error,
    ) -> Option<(PendingFile, u64)> {
        let mut error = error;
        while self.tries_again(&mut tries, &error) {
            match self.create(file, Arc::clone(&parent), name.clone()) {
                Ok(target) => {
                    return self.unless_failed(file, Ok(PendingFile { tries, ..target }));
                }
                Err(next) => error = next,
            }
        }
        self.fail(file, &error);
        None
    }

    pub(super) fn unless_failed(
        &self,
        file: Coordinates,
        target: io::Result<PendingFile>,
    ) -> Option<(PendingFile, u64)> {
        match target {
            Ok(target) => Some((target, self.size_bytes(file))),
            Err(error) => {
                self.fail(file, &error);
                None
            }
        }
    }
}
