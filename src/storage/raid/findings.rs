//! What was found on the members of arrays, in lists with a bound.

use super::judge::{MemberFault, TornPage};
use crate::storage::{FileFailure, Findings};

/// How many ranges are listed; of the others there is the number.
pub(crate) const RAID_RANGES_MAX: usize = 10_000;

/// A run of a member's bytes that are wrong in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberRange {
    /// The number of the array: of a file of the share, or 0 for devices.
    pub(crate) array: u64,
    pub(crate) member: u32,
    /// From the beginning of the member's data.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    /// Of the first byte, where it is misplaced.
    pub(crate) fault: MemberFault,
    /// The parity agrees with it.
    pub(crate) consistent: bool,
}

/// A run of pages that were torn in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TornRange {
    pub(crate) array: u64,
    pub(crate) stripe: u64,
    /// From the beginning of each member's data.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) page: TornPage,
}

/// What can be joined with what follows it.
trait Joins: Sized {
    /// What sorts it.
    fn place(&self) -> (u64, u32, u64);
    /// Takes in one that goes on where this one ends, or gives it back.
    fn join(&mut self, next: Self) -> Option<Self>;
}

impl Joins for MemberRange {
    fn place(&self) -> (u64, u32, u64) {
        (self.array, self.member, self.offset)
    }

    fn join(&mut self, next: Self) -> Option<Self> {
        let page = super::judge::PAGE_BYTES as u64;
        let of = (self.array, self.member, self.consistent);
        if of != (next.array, next.member, next.consistent) || next.offset < self.offset {
            return Some(next);
        }
        let distance = next.offset - self.offset;
        let is_next = next.offset / page <= (self.offset + self.length - 1) / page + 1;
        let is_same = match (&self.fault, &next.fault) {
            (MemberFault::Misplaced(one), MemberFault::Misplaced(other)) => {
                one.advance(distance) == *other
            }
            (one, other) => one == other,
        };
        if is_next && is_same {
            self.length = self.length.max(distance + next.length);
            return None;
        }
        Some(next)
    }
}

impl Joins for TornRange {
    fn place(&self) -> (u64, u32, u64) {
        (self.array, 0, self.offset)
    }

    fn join(&mut self, next: Self) -> Option<Self> {
        let is_next = next.offset == self.offset + self.length;
        let of = (self.array, self.stripe, &self.page);
        if is_next && of == (next.array, next.stripe, &next.page) {
            self.length += next.length;
            return None;
        }
        Some(next)
    }
}

/// Ranges in their order, no more of them than a bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RangeList<T> {
    listed: Vec<T>,
    /// How many were left out.
    pub(crate) dropped: u64,
}

impl<T> Default for RangeList<T> {
    fn default() -> Self {
        Self { listed: Vec::new(), dropped: 0 }
    }
}

#[expect(private_bounds, reason = "only the lists of this file have these methods")]
impl<T: Joins> RangeList<T> {
    pub(crate) fn add(&mut self, range: T) {
        // What comes in order is joined at once.
        let range = match self.listed.last_mut() {
            Some(last) if last.place() < range.place() => last.join(range),
            _ => Some(range),
        };
        self.listed.extend(range);
        if self.listed.len() >= 2 * RAID_RANGES_MAX {
            self.settle();
        }
    }

    pub(crate) fn append(&mut self, others: Self) {
        self.dropped += others.dropped;
        others.listed.into_iter().for_each(|range| self.add(range));
    }

    /// The ranges, in the order of arrays, members and offsets.
    pub(crate) fn listed(&self) -> &[T] {
        &self.listed
    }

    /// Sorts, joins and cuts the list.
    pub(crate) fn settle(&mut self) {
        let mut all = std::mem::take(&mut self.listed);
        all.sort_by_key(Joins::place);
        for range in all {
            let rest = match self.listed.last_mut() {
                Some(last) => last.join(range),
                None => Some(range),
            };
            self.listed.extend(rest);
        }
        self.dropped += self.listed.len().saturating_sub(RAID_RANGES_MAX) as u64;
        self.listed.truncate(RAID_RANGES_MAX);
    }
}

/// The bytes of one member, in all arrays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberTally {
    /// Those that it should have.
    pub(crate) expected: u64,
    pub(crate) wrong: u64,
    pub(crate) missing: u64,
    pub(crate) unreadable: u64,
    pub(crate) extra: u64,
    /// The wrong ones that another member should have there, by the members' numbers.
    pub(crate) of_others: Vec<u64>,
}

impl MemberTally {
    fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.wrong += other.wrong;
        self.missing += other.missing;
        self.unreadable += other.unreadable;
        self.extra += other.extra;
        if self.of_others.len() < other.of_others.len() {
            self.of_others.resize(other.of_others.len(), 0);
        }
        self.of_others.iter_mut().zip(&other.of_others).for_each(|(sum, more)| *sum += more);
    }

    /// The member whose content most of this one's bytes are: the disks were exchanged.
    pub(crate) fn is_really(&self) -> Option<u32> {
        let found = (0..).zip(&self.of_others).find(|(_, bytes)| **bytes * 2 > self.expected);
        found.map(|(member, _)| member)
    }

    pub(crate) fn is_right(&self) -> bool {
        self.wrong + self.missing + self.unreadable + self.extra == 0
    }
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct RaidFindings {
    pub(crate) members: Vec<MemberTally>,
    pub(crate) ranges: RangeList<MemberRange>,
    pub(crate) torn: RangeList<TornRange>,
    pub(crate) failures: Findings<FileFailure>,
    /// Whether all was looked at.
    pub(crate) complete: bool,
}

impl RaidFindings {
    pub(crate) fn new(members: usize) -> Self {
        let tally = MemberTally { of_others: vec![0; members], ..MemberTally::default() };
        Self { members: vec![tally; members], ..Self::default() }
    }

    /// Adds a wrong range.
    pub(crate) fn range(&mut self, range: MemberRange) {
        if range.length == 0 {
            return;
        }
        if let Some(tally) = self.members.get_mut(range.member as usize) {
            match &range.fault {
                MemberFault::Missing => tally.missing += range.length,
                MemberFault::Unreadable => tally.unreadable += range.length,
                MemberFault::Extra => tally.extra += range.length,
                MemberFault::OtherMember(other) => {
                    tally.wrong += range.length;
                    if let Some(bytes) = tally.of_others.get_mut(*other as usize) {
                        *bytes += range.length;
                    }
                }
                _ => tally.wrong += range.length,
            }
        }
        self.ranges.add(range);
    }

    /// Adds all that was found elsewhere.
    pub(crate) fn append(&mut self, other: Self) {
        for (tally, more) in self.members.iter_mut().zip(&other.members) {
            tally.add(more);
        }
        self.ranges.append(other.ranges);
        self.torn.append(other.torn);
        self.failures.append(&other.failures);
    }

    /// Whether every byte of every member that was asked for is there and right.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.complete && self.failures.total == 0 && self.members.iter().all(MemberTally::is_right)
    }

    /// What could not be read.
    #[must_use]
    pub fn failures(&self) -> &Findings<FileFailure> {
        &self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(offset: u64, length: u64, fault: MemberFault) -> MemberRange {
        MemberRange { array: 0, member: 1, offset, length, fault, consistent: false }
    }

    #[test]
    fn ranges_that_go_on_are_one_also_where_they_come_out_of_order() {
        let mut list = RangeList::default();
        for (offset, length) in [(8192, 4096), (0, 4096), (4100, 4092), (20480, 5), (16384, 4000)] {
            list.add(range(offset, length, MemberFault::Foreign));
        }
        list.settle();
        let found: Vec<_> =
            list.listed().iter().map(|range| (range.offset, range.length)).collect();
        assert_eq!(found, [(0, 12288), (16384, 4101)]);
    }

    #[test]
    fn ranges_of_other_members_and_of_none_are_not_joined() {
        let mut list = RangeList::default();
        list.add(range(8192, 4096, MemberFault::Zeroed));
        list.add(MemberRange { member: 2, ..range(0, 4096, MemberFault::Zeroed) });
        list.add(range(4096, 4096, MemberFault::Foreign));
        list.settle();
        let found: Vec<_> =
            list.listed().iter().map(|range| (range.member, range.offset)).collect();
        assert_eq!(found, [(1, 4096), (1, 8192), (2, 0)]);
    }

    #[test]
    fn a_list_has_a_bound_and_keeps_the_first() {
        let mut list = RangeList::default();
        let count = 3 * RAID_RANGES_MAX as u64;
        for offset in (0..count).rev() {
            list.add(range(offset * 3 * 4096, 1, MemberFault::Zeroed));
        }
        list.settle();
        assert_eq!(list.listed().len(), RAID_RANGES_MAX);
        assert_eq!(list.listed().len() as u64 + list.dropped, count);
        assert_eq!(list.listed()[1].offset, 3 * 4096);
    }
}
