//! What was found and what failed, in lists that do not grow without bound.

use serde::{Deserialize, Serialize};

use crate::sync::Mutex;

/// How many paths a list names; of the others it has the number.
pub const FILES_LISTED_MAX: usize = 1000;

/// A list with a bound, and the count of all that belong to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Findings<T> {
    /// The first of them, [`FILES_LISTED_MAX`] at the most.
    pub listed: Vec<T>,
    /// How many there are.
    pub total: u64,
}

impl<T> Default for Findings<T> {
    fn default() -> Self {
        Self { listed: Vec::new(), total: 0 }
    }
}

impl<T> Findings<T> {
    /// Adds one.
    pub fn add(&mut self, item: T) {
        self.total += 1;
        if self.listed.len() < FILES_LISTED_MAX {
            self.listed.push(item);
        }
    }

    /// Adds all of others.
    pub fn append(&mut self, others: &Self)
    where
        T: Clone,
    {
        let room = FILES_LISTED_MAX.saturating_sub(self.listed.len());
        self.listed.extend(others.listed.iter().take(room).cloned());
        self.total += others.total;
    }

    /// Whether a list that somebody else has written could be one.
    pub(super) fn is_possible(&self) -> bool {
        self.listed.len() <= FILES_LISTED_MAX && self.listed.len() as u64 <= self.total
    }
}

/// A file that the system did not let us write or read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFailure {
    /// Its path in the dataset.
    pub path: String,
    /// The directory of the target that it is on, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why.
    pub error: String,
}

/// Failures from many threads.
#[derive(Debug, Default)]
pub struct FailureLog(Mutex<Findings<FileFailure>>);

impl FailureLog {
    pub(super) fn add(&self, failure: FileFailure) {
        self.0.lock().add(failure);
    }

    /// So many more, which are not named.
    pub(super) fn add_unnamed(&self, count: u64) {
        self.0.lock().total += count;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().total == 0
    }

    /// What was noted.
    #[must_use]
    pub fn into_findings(self) -> Findings<FileFailure> {
        self.0.into_inner()
    }
}
