//! What became of the bytes of one file: how many have which fate, and where.

use super::aftermath::{Fate, FateRange, Standing};
use crate::report::{AftermathFates, AftermathLosses, AftermathRange};

/// How many ranges are listed of one file.
const RANGES_LISTED_MAX: usize = 100;

/// What was found of a file so far. Threads add parts of it in any order.
#[derive(Debug, Default)]
pub(super) struct FileFates {
    pub(super) bytes: AftermathFates,
    pub(super) losses: AftermathLosses,
    /// What the storage had promised, and all else that is not right: a long list of the one must
    /// not hide the other.
    broken: Vec<AftermathRange>,
    others: Vec<AftermathRange>,
    pub(super) ranges_total: u64,
}

impl FileFates {
    pub(super) fn add(&mut self, judged: Vec<FateRange>) {
        for FateRange { range, fate, standing } in judged {
            let length = range.end - range.start;
            *slot(&mut self.bytes, fate) += u128::from(length);
            let list = if fate == Fate::LostThoughSynced {
                *loss(&mut self.losses, standing) += u128::from(length);
                &mut self.broken
            } else {
                &mut self.others
            };
            if fate == Fate::Right || fate == Fate::Unwritten && standing != Standing::Foreign {
                continue;
            }
            self.ranges_total += 1;
            if list.len() < RANGES_LISTED_MAX {
                let generation = match standing {
                    Standing::Content { last, .. } => Some(last),
                    _ => None,
                };
                let (fate, standing) = (fate.name(), standing.name());
                let offset = range.start;
                list.push(AftermathRange { offset, length, fate, standing, generation });
            }
        }
    }

    /// The ranges that are not right, in their order.
    pub(super) fn into_ranges(self) -> Vec<AftermathRange> {
        let mut ranges = self.broken;
        ranges.extend(self.others);
        ranges.truncate(RANGES_LISTED_MAX);
        ranges.sort_by_key(|range| range.offset);
        ranges
    }
}

/// The number of those that have a fate.
pub(super) fn slot<T>(of: &mut AftermathFates<T>, fate: Fate) -> &mut T {
    match fate {
        Fate::Right => &mut of.right,
        Fate::Unwritten => &mut of.unwritten,
        Fate::Stale => &mut of.stale,
        Fate::Torn => &mut of.torn,
        Fate::LostNeverSynced => &mut of.lost_never_synced,
        Fate::LostThoughSynced => &mut of.lost_though_synced,
    }
}

fn loss(of: &mut AftermathLosses, standing: Standing) -> &mut u128 {
    match standing {
        Standing::Content { .. } => &mut of.stale,
        Standing::Zeros => &mut of.zeroed,
        Standing::Foreign => &mut of.foreign,
        Standing::Missing => &mut of.missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_listed_after_however_many_other_ranges() {
        let mut found = FileFates::default();
        let ranges =
            |fate, at: u64| vec![FateRange { range: at..at + 1, fate, standing: Standing::Zeros }];
        for at in (0..500).rev() {
            found.add(ranges(Fate::Torn, at));
        }
        found.add(ranges(Fate::LostThoughSynced, 250));
        assert_eq!((found.ranges_total, found.bytes.torn, found.losses.zeroed), (501, 500, 1));
        let listed = found.into_ranges();
        assert_eq!(listed.len(), RANGES_LISTED_MAX);
        assert!(listed.is_sorted_by_key(|range| range.offset));
        assert!(listed.iter().any(|range| range.fate == Fate::LostThoughSynced.name()));
    }
}
