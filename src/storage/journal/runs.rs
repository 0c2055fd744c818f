//! What holds for ranges of numbers: bytes of a file, or files of a share.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A value for each of some ranges that do not overlap. Neighbours of one value are one run, so
/// what is large and uniform takes the room of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64, T)>", into = "Vec<(u64, u64, T)>")]
#[serde(bound(
    serialize = "T: Clone + Eq + Serialize",
    deserialize = "T: Clone + Eq + Deserialize<'de>"
))]
pub struct Runs<T: Clone + Eq> {
    /// By where they begin: where they end, and the value.
    runs: BTreeMap<u64, (u64, T)>,
}

impl<T: Clone + Eq> Default for Runs<T> {
    fn default() -> Self {
        Self { runs: BTreeMap::new() }
    }
}

impl<T: Clone + Eq> Runs<T> {
    /// One value for one range.
    #[must_use]
    pub fn of(range: Range<u64>, value: T) -> Self {
        let mut runs = Self::default();
        runs.set(range, value);
        runs
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// The runs in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Range<u64>, &T)> {
        self.runs.iter().map(|(start, (end, value))| (*start..*end, value))
    }

    /// The value at a place.
    #[must_use]
    pub fn get(&self, at: u64) -> Option<&T> {
        self.runs.range(..=at).next_back().filter(|(_, (end, _))| at < *end).map(|(_, (_, v))| v)
    }

    /// The value at a place, and up to where nothing changes; `None` as a value is nothing.
    #[must_use]
    pub fn stretch(&self, at: u64) -> (Option<&T>, u64) {
        if let Some((_, (end, value))) = self.runs.range(..=at).next_back()
            && at < *end
        {
            return (Some(value), *end);
        }
        (None, self.runs.range(at..).next().map_or(u64::MAX, |(start, _)| *start))
    }

    /// Sets the value of a range, whatever was there.
    pub fn set(&mut self, range: Range<u64>, value: T) {
        let value = Some(value);
        self.update(range, |_| value.clone());
    }

    /// Asks for the new value of every stretch of a range, from the one that it has.
    pub fn update(&mut self, range: Range<u64>, mut new: impl FnMut(Option<&T>) -> Option<T>) {
        if range.is_empty() {
            return;
        }
        self.split(range.start);
        self.split(range.end);
        let mut at = range.start;
        while at < range.end {
            let (value, end) = self.stretch(at);
            let (value, end) = (new(value), end.min(range.end));
            self.runs.remove(&at);
            if let Some(value) = value {
                self.runs.insert(at, (end, value));
                self.join(at);
            }
            at = end;
        }
        self.join(range.end);
    }

    /// Makes a border at a place that is within a run.
    fn split(&mut self, at: u64) {
        let run = self.runs.range_mut(..at).next_back().filter(|(_, (end, _))| at < *end);
        if let Some((_, (end, value))) = run {
            let rest = (*end, value.clone());
            *end = at;
            self.runs.insert(at, rest);
        }
    }

    /// Makes one run of the one that begins at a place and the one that ends there, if they are of
    /// one value.
    fn join(&mut self, at: u64) {
        let Some((end, value)) = self.runs.get(&at) else { return };
        let before = self.runs.range(..at).next_back();
        if let Some((start, (joint, same))) = before
            && *joint == at
            && same == value
        {
            let (start, end) = (*start, *end);
            let value = value.clone();
            self.runs.remove(&at);
            self.runs.insert(start, (end, value));
        }
    }
}

impl<T: Clone + Eq> TryFrom<Vec<(u64, u64, T)>> for Runs<T> {
    type Error = String;

    /// Refuses what is no list of runs in their order.
    fn try_from(list: Vec<(u64, u64, T)>) -> Result<Self, String> {
        let mut previous = 0;
        let mut runs = Self::default();
        for (start, end, value) in list {
            if start < previous || end <= start {
                return Err(format!("{start} to {end} is no range after {previous}"));
            }
            previous = end;
            runs.set(start..end, value);
        }
        Ok(runs)
    }
}

impl<T: Clone + Eq> From<Runs<T>> for Vec<(u64, u64, T)> {
    fn from(runs: Runs<T>) -> Self {
        runs.runs.into_iter().map(|(start, (end, value))| (start, end, value)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LENGTH: u64 = 24;

    proptest! {
        /// The slow model: one value for each number.
        #[test]
        fn they_are_a_value_for_each_number(
            changes in vec((0..LENGTH, 0..LENGTH, proptest::option::of(0..3_u8)), 0..40)
        ) {
            let mut runs = Runs::default();
            let mut model = [None; LENGTH as usize];
            for (one, other, value) in changes {
                let range = one.min(other)..one.max(other);
                runs.update(range.clone(), |old| match (old, value) {
                    // Depends on what was there.
                    (Some(old), Some(new)) => Some((old + new) % 3),
                    (_, new) => new,
                });
                for at in range {
                    let cell = &mut model[at as usize];
                    *cell = match (*cell, value) {
                        (Some(old), Some(new)) => Some((old + new) % 3),
                        (_, new) => new,
                    };
                }
            }
            for at in 0..LENGTH {
                prop_assert_eq!(runs.get(at).copied(), model[at as usize]);
                let (value, end) = runs.stretch(at);
                prop_assert_eq!(value.copied(), model[at as usize]);
                for same in at..end.min(LENGTH) {
                    prop_assert_eq!(model[same as usize], model[at as usize]);
                }
            }
            // As few as there can be.
            let borders = (0..LENGTH as usize).filter(|at| {
                model[*at].is_some() && (*at == 0 || model[at - 1] != model[*at])
            });
            prop_assert_eq!(runs.len(), borders.count());
            let list: Vec<_> = runs.clone().into();
            prop_assert_eq!(Runs::try_from(list), Ok(runs));
        }
    }

    #[test]
    fn a_list_that_is_none_is_refused() {
        for list in [vec![(0, 0, 1)], vec![(5, 4, 1)], vec![(0, 4, 1), (3, 5, 1)]] {
            assert!(Runs::try_from(list.clone()).is_err(), "{list:?}");
        }
    }
}
