//! Tallies over many files.

use serde::{Deserialize, Serialize};

use crate::verdict::{ByteTally, Class, Verdict};

/// How many files have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTally {
    /// Files that nobody has written to.
    pub untouched: u64,
    /// Files that are right as far as they go.
    pub incomplete: u64,
    /// Files that are whole and right.
    pub verified: u64,
    /// Files with something wrong.
    pub mismatch: u64,
}

impl FileTally {
    /// Counts one more file.
    pub fn add(&mut self, verdict: Verdict) {
        *self.of(verdict) += 1;
    }

    /// Takes back a file that was counted.
    pub fn subtract(&mut self, verdict: Verdict) {
        *self.of(verdict) -= 1;
    }

    fn of(&mut self, verdict: Verdict) -> &mut u64 {
        match verdict {
            Verdict::Untouched => &mut self.untouched,
            Verdict::Incomplete => &mut self.incomplete,
            Verdict::Verified => &mut self.verified,
            Verdict::Mismatch => &mut self.mismatch,
        }
    }

    /// Counts all that another has counted, as far as the numbers go.
    pub fn add_all(&mut self, other: &Self) {
        let Self { untouched, incomplete, verified, mismatch } = *other;
        self.untouched = self.untouched.saturating_add(untouched);
        self.incomplete = self.incomplete.saturating_add(incomplete);
        self.verified = self.verified.saturating_add(verified);
        self.mismatch = self.mismatch.saturating_add(mismatch);
    }

    /// How many files have a verdict.
    #[must_use]
    pub fn get(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Untouched => self.untouched,
            Verdict::Incomplete => self.incomplete,
            Verdict::Verified => self.verified,
            Verdict::Mismatch => self.mismatch,
        }
    }

    /// How many files there are; `None` where numbers that somebody else has written have no sum.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        let Self { untouched, incomplete, verified, mismatch } = *self;
        untouched.checked_add(incomplete)?.checked_add(verified)?.checked_add(mismatch)
    }

    /// The verdict on all of them: the worst, where some verified and some untouched files are
    /// together what one such file would be, incomplete.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.mismatch > 0 {
            Verdict::Mismatch
        } else if self.incomplete > 0 || (self.untouched > 0 && self.verified > 0) {
            Verdict::Incomplete
        } else if self.verified > 0 {
            Verdict::Verified
        } else {
            Verdict::Untouched
        }
    }
}

/// What became of the bytes of many files. All that has not arrived is neither matched nor wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteTotals {
    /// Bytes that the files should have.
    pub expected: u128,
    /// Expected bytes that were written and are right.
    pub matched: u128,
    /// Expected bytes that were written and are wrong.
    pub wrong: u128,
    /// Bytes past the expected ends.
    pub extra: u128,
}

impl ByteTotals {
    /// Adds one file.
    pub fn add(&mut self, tally: &ByteTally) {
        self.expected += u128::from(tally.expected);
        self.matched += u128::from(tally.matched);
        self.wrong += u128::from(tally.wrong);
        self.extra += u128::from(tally.extra);
    }

    /// Takes back a file that was added.
    pub fn subtract(&mut self, tally: &ByteTally) {
        self.expected -= u128::from(tally.expected);
        self.matched -= u128::from(tally.matched);
        self.wrong -= u128::from(tally.wrong);
        self.extra -= u128::from(tally.extra);
    }

    /// Adds all that another has counted, as far as the numbers go.
    pub fn add_all(&mut self, other: &Self) {
        let Self { expected, matched, wrong, extra } = *other;
        self.expected = self.expected.saturating_add(expected);
        self.matched = self.matched.saturating_add(matched);
        self.wrong = self.wrong.saturating_add(wrong);
        self.extra = self.extra.saturating_add(extra);
    }

    /// Expected bytes that have not arrived.
    #[must_use]
    pub fn missing(&self) -> u128 {
        self.expected.saturating_sub(self.matched + self.wrong)
    }

    /// Whether totals that somebody else has written leave room to go on with.
    pub(super) fn is_possible(&self) -> bool {
        const LARGE: u128 = 1 << 126;
        let Self { expected, matched, wrong, extra } = *self;
        [expected, matched, wrong, extra].iter().all(|bytes| *bytes < LARGE)
            && matched + wrong <= expected
    }
}

/// Wrong ranges seen so far, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassCounts([u64; Class::ALL.len()]);

impl ClassCounts {
    /// Of each class so many.
    #[must_use]
    pub fn of(count: impl Fn(Class) -> u64) -> Self {
        Self(Class::ALL.map(count))
    }

    /// Counts one range.
    pub fn add(&mut self, class: Class) {
        self.0[class as usize] += 1;
    }

    /// Counts all that another has counted.
    pub fn add_all(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// Whether counts that somebody else has written leave room to go on with.
    pub(super) fn is_possible(&self) -> bool {
        self.0.iter().all(|count| *count < 1 << 60)
    }

    /// How many of a class.
    #[must_use]
    pub fn get(&self, class: Class) -> u64 {
        self.0[class as usize]
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}
