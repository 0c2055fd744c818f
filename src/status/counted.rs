//! The files that were counted, and their sums.

use std::collections::BTreeMap;
use std::ops::Range;

use roaring::RoaringTreemap;

use super::views::Totals;
use crate::dataset::{Coordinates, Dataset, Inode};
use crate::verdict::ByteTally;

/// The totals of files that were counted one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CountedSum {
    pub(super) totals: Totals,
    /// How many of them stand in the place of a directory that is gone.
    pub(super) made_again: u64,
}

/// Where a file of the dataset stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the dataset's own directory.
    Own,
    /// In the place of one that is gone. Where it is not counted itself, it is with that directory.
    Removed,
}

/// A file of the dataset.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedFile {
    pub(super) inode: Inode,
    pub(super) file: Coordinates,
    pub(super) place: Place,
}

/// What each file was counted as, and the sums over all, over nodes and over processes.
///
/// Nearly all are verified, or gone. Of these a bit says it, and all else follows from the number
/// of the file.
#[derive(Debug, Default)]
pub(super) struct CountedFiles {
    verified: RoaringTreemap,
    missing: RoaringTreemap,
    others: BTreeMap<u64, ByteTally>,
    all: CountedSum,
    nodes: BTreeMap<u16, CountedSum>,
    processes: BTreeMap<(u16, u16), CountedSum>,
}

impl CountedSum {
    pub(super) fn add(&mut self, tally: &ByteTally, place: Place) {
        self.totals.add(tally);
        self.made_again += u64::from(place == Place::Removed);
    }

    pub(super) fn subtract(&mut self, tally: &ByteTally, place: Place) {
        self.totals.subtract(tally);
        self.made_again -= u64::from(place == Place::Removed);
    }
}

/// What a file is that is verified and no more.
fn verified(dataset: &Dataset, file: Coordinates) -> ByteTally {
    let expected = dataset.file_content(file).size_bytes;
    ByteTally { expected, matched: expected, ..ByteTally::default() }
}

/// What a file is that is gone.
pub(super) fn missing(dataset: &Dataset, file: Coordinates) -> ByteTally {
    let expected = dataset.file_content(file).size_bytes;
    ByteTally { expected, missing: expected, ..ByteTally::default() }
}

impl CountedFiles {
    /// What a file was counted as.
    pub(super) fn tally(&self, dataset: &Dataset, file: &PlacedFile) -> Option<ByteTally> {
        let number = file.inode.get();
        if self.verified.contains(number) {
            Some(verified(dataset, file.file))
        } else if self.missing.contains(number) {
            Some(missing(dataset, file.file))
        } else {
            self.others.get(&number).copied()
        }
    }

    /// Counts a file as this, whatever it was counted as before; as nothing where it is `None`.
    pub(super) fn set(&mut self, dataset: &Dataset, file: &PlacedFile, tally: Option<ByteTally>) {
        let number = file.inode.get();
        let old = self.tally(dataset, file);
        if old == tally {
            return;
        }
        if old.is_some() && !self.verified.remove(number) && !self.missing.remove(number) {
            self.others.remove(&number);
        }
        if let Some(tally) = tally {
            if tally == verified(dataset, file.file) {
                self.verified.insert(number);
            } else if tally == missing(dataset, file.file) {
                self.missing.insert(number);
            } else {
                self.others.insert(number, tally);
            }
        }
        let change = |sum: &mut CountedSum| {
            if let Some(old) = &old {
                sum.subtract(old, file.place);
            }
            if let Some(tally) = &tally {
                sum.add(tally, file.place);
            }
            *sum == CountedSum::default()
        };
        let Coordinates { node, process, .. } = file.file;
        change(&mut self.all);
        if change(self.nodes.entry(node).or_default()) {
            self.nodes.remove(&node);
        }
        if change(self.processes.entry((node, process)).or_default()) {
            self.processes.remove(&(node, process));
        }
    }

    /// The files that were counted, of those with inode numbers in a range.
    pub(super) fn within(&self, range: &Range<u64>) -> Vec<Inode> {
        let bits = |of: &RoaringTreemap| {
            let mut numbers = of.iter();
            numbers.advance_to(range.start);
            numbers.take_while(|number| *number < range.end).collect::<Vec<u64>>()
        };
        let mut all = bits(&self.verified);
        all.extend(bits(&self.missing));
        all.extend(self.others.range(range.clone()).map(|(number, _)| *number));
        all.into_iter().map(Inode::new).collect()
    }

    /// Some of the files that were counted, from an inode number on, in their order.
    pub(super) fn some_from(&self, start: u64, most: usize) -> Vec<Inode> {
        let bits = |of: &RoaringTreemap| {
            let mut numbers = of.iter();
            numbers.advance_to(start);
            numbers.take(most).collect::<Vec<u64>>()
        };
        let mut all = bits(&self.verified);
        all.extend(bits(&self.missing));
        all.extend(self.others.range(start..).map(|(number, _)| *number).take(most));
        all.sort_unstable();
        all.truncate(most);
        all.into_iter().map(Inode::new).collect()
    }

    /// The sum over all of them.
    pub(super) fn all(&self) -> CountedSum {
        self.all
    }

    /// The sum over those of a node.
    pub(super) fn node(&self, node: u16) -> CountedSum {
        self.nodes.get(&node).copied().unwrap_or_default()
    }

    /// The sums over those of each process that has any, of these nodes.
    pub(super) fn processes(
        &self,
        nodes: std::ops::RangeInclusive<u16>,
    ) -> BTreeMap<(u16, u16), CountedSum> {
        let range = (*nodes.start(), 0)..=(*nodes.end(), u16::MAX);
        self.processes.range(range).map(|(process, sum)| (*process, *sum)).collect()
    }
}
