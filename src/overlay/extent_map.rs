//! The extents of one file, in order, without overlaps.

use std::collections::BTreeMap;
use std::ops::Range;

use super::budget::Usage;
use super::extent::{Extent, ExtentData};
use crate::content::Source;

/// The extents of one file: none overlap, none are empty, and neighbours that can be joined are.
///
/// Most written files end as one extent, so one is kept in place and only more than one make a
/// tree: a verified file costs no allocation here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtentMap {
    store: OneOrMany,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OneOrMany {
    One(Option<(u64, Extent)>),
    /// Two or more between operations, and the sum of their lengths.
    Many(BTreeMap<u64, Extent>, u64),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::One(None)
    }
}

impl ExtentMap {
    /// Puts a piece at `offset`, over whatever stood there. An empty extent changes nothing.
    pub fn insert(&mut self, offset: u64, extent: Extent) {
        if extent.length == 0 {
            return;
        }
        let range = offset..offset + extent.length;
        let covered_bytes = self.covered_bytes() + extent.length - self.covered_in(&range);
        if let OneOrMany::One(one) = &mut self.store {
            match one {
                None => {
                    *one = Some((offset, extent));
                    return;
                }
                // The hot case: a file that is written from its beginning to its end.
                Some((start, first)) if *start + first.length == offset => {
                    if first.absorb(&extent) {
                        return;
                    }
                }
                Some(_) => {}
            }
        }
        self.with_tree(covered_bytes, |tree| {
            cut(tree, range);
            join(tree, offset, extent);
        });
    }

    /// Makes a hole.
    pub fn remove(&mut self, range: Range<u64>) {
        let covered = self.covered_in(&range);
        if covered > 0 {
            self.with_tree(self.covered_bytes() - covered, |tree| cut(tree, range));
        }
    }

    /// The extents that touch a range, cut to it, in order.
    pub fn range(&self, range: Range<u64>) -> impl Iterator<Item = (u64, Extent)> + use<'_> {
        self.touching(&range).map(move |(offset, extent)| {
            let start = range.start.max(offset);
            let end = range.end.min(offset + extent.length);
            if start == offset && end == offset + extent.length {
                (offset, extent.clone())
            } else {
                (start, extent.slice(start - offset, end - offset))
            }
        })
    }

    /// All extents, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Extent)> + '_ {
        self.touching(&(0..u64::MAX))
    }

    /// Where the bytes at `offset` would come from if what stands right before them went on.
    #[must_use]
    pub fn continuation(&self, offset: u64) -> Option<Source> {
        let before = offset.checked_sub(1)?;
        let (start, extent) = self.touching(&(before..offset)).next()?;
        match extent.data {
            ExtentData::Content { source, .. } => Some(source.advance(offset - start)),
            ExtentData::Zeros | ExtentData::Bytes(_) | ExtentData::Stored(_) => None,
        }
    }

    /// How many extents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.store {
            OneOrMany::One(one) => usize::from(one.is_some()),
            OneOrMany::Many(tree, _) => tree.len(),
        }
    }

    /// Whether there are none: the whole file is a hole.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the extents that touch a range take from the budget, the kept bytes counted only
    /// inside.
    pub(super) fn usage_in(&self, range: &Range<u64>) -> Usage {
        let mut usage = Usage::default();
        for (offset, extent) in self.touching(range) {
            usage.extents += 1;
            if let ExtentData::Bytes(_) = extent.data {
                let start = range.start.max(offset);
                let end = range.end.min(offset + extent.length);
                usage.kept_bytes += end - start;
            }
        }
        usage
    }

    /// How many bytes are not in holes.
    #[must_use]
    pub fn covered_bytes(&self) -> u64 {
        match &self.store {
            OneOrMany::One(one) => one.as_ref().map_or(0, |(_, extent)| extent.length),
            OneOrMany::Many(_, covered_bytes) => *covered_bytes,
        }
    }

    /// The first byte from an offset on that is not in a hole.
    #[must_use]
    pub fn next_data(&self, offset: u64) -> Option<u64> {
        let (start, _) = self.touching(&(offset..u64::MAX)).next()?;
        Some(start.max(offset))
    }

    /// The first byte from an offset on that is in a hole; behind the last extent all are.
    #[must_use]
    pub fn next_hole(&self, offset: u64) -> u64 {
        let mut end = offset;
        for (start, extent) in self.touching(&(offset..u64::MAX)) {
            if start > end {
                break;
            }
            end = start + extent.length;
        }
        end
    }

    fn covered_in(&self, range: &Range<u64>) -> u64 {
        self.touching(range)
            .map(|(offset, extent)| range.end.min(offset + extent.length) - range.start.max(offset))
            .sum()
    }

    fn touching(&self, range: &Range<u64>) -> impl Iterator<Item = (u64, &Extent)> + use<'_> {
        let range = range.clone();
        let (one, tree) = match &self.store {
            OneOrMany::One(one) => (one.as_ref(), None),
            OneOrMany::Many(tree, _) => (None, Some(tree)),
        };
        let bounds = range.clone();
        let one = one
            .filter(move |(offset, extent)| {
                *offset < bounds.end && offset + extent.length > bounds.start
            })
            .map(|(offset, extent)| (*offset, extent));
        let many = tree.into_iter().flat_map(move |tree| {
            let first = tree
                .range(..=range.start)
                .next_back()
                .filter(|(offset, extent)| **offset + extent.length > range.start)
                .map_or(range.start, |(offset, _)| *offset);
            // An empty or reversed range has no order that `BTreeMap::range` would accept.
            tree.range(first..range.end.max(first)).map(|(offset, extent)| (*offset, extent))
        });
        one.into_iter().chain(many)
    }

    /// Works on the extents as a tree, and folds them back where one or none is left. Afterwards
    /// they cover so many bytes.
    fn with_tree(&mut self, covered_bytes: u64, change: impl FnOnce(&mut BTreeMap<u64, Extent>)) {
        let mut tree = match std::mem::take(&mut self.store) {
            OneOrMany::One(one) => one.into_iter().collect(),
            OneOrMany::Many(tree, _) => tree,
        };
        change(&mut tree);
        self.store = if tree.len() > 1 {
            OneOrMany::Many(tree, covered_bytes)
        } else {
            OneOrMany::One(tree.pop_first())
        };
    }
}

/// Takes everything inside a range out of the tree, and cuts what reaches over its ends.
fn cut(tree: &mut BTreeMap<u64, Extent>, range: Range<u64>) {
    if let Some((&offset, extent)) = tree.range_mut(..range.start).next_back() {
        let end = offset + extent.length;
        if end > range.start {
            let tail =
                (end > range.end).then(|| extent.slice_to_keep(range.end - offset, extent.length));
            *extent = extent.slice_to_keep(0, range.start - offset);
            if let Some(tail) = tail {
                tree.insert(range.end, tail);
                return;
            }
        }
    }
    while let Some((&offset, _)) = tree.range(range.clone()).next() {
        let Some(extent) = tree.remove(&offset) else { return };
        if offset + extent.length > range.end {
            tree.insert(range.end, extent.slice_to_keep(range.end - offset, extent.length));
            return;
        }
    }
}

/// Puts an extent into a gap and joins it with its neighbours where they continue one another.
fn join(tree: &mut BTreeMap<u64, Extent>, offset: u64, mut extent: Extent) {
    let end = offset + extent.length;
    if let Some(next) = tree.get(&end)
        && extent.absorb(next)
    {
        tree.remove(&end);
    }
    if let Some((&before, previous)) = tree.range_mut(..offset).next_back()
        && before + previous.length == offset
        && previous.absorb(&extent)
    {
        return;
    }
    tree.insert(offset, extent);
}
