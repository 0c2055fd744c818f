//! Which ranges of a file were written, in bounded memory.

use std::ops::Range;

/// How many ranges are remembered: with more, those with the smallest gaps between them are one.
const RANGES_MAX: usize = 1024;

/// Ranges that hold all that was written, and perhaps some bytes between them.
#[derive(Debug, Default)]
pub(in crate::storage) struct WrittenRanges {
    /// In order, without overlaps.
    ranges: Vec<Range<u64>>,
    bytes: u64,
}

impl WrittenRanges {
    /// Adds a range; none overlaps another one.
    pub(in crate::storage) fn add(&mut self, range: Range<u64>) {
        self.bytes += range.end - range.start;
        let at = self.ranges.partition_point(|other| other.start < range.start);
        // Where gaps were closed, it may lie in one of those.
        match at.checked_sub(1).and_then(|before| self.ranges.get_mut(before)) {
            Some(before) if before.end >= range.start => before.end = before.end.max(range.end),
            _ => self.ranges.insert(at, range),
        }
        if self.ranges.len() > RANGES_MAX {
            self.join();
        }
    }

    /// How many bytes were written.
    pub(in crate::storage) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Everything that was written lies in these.
    pub(in crate::storage) fn into_ranges(self) -> Vec<Range<u64>> {
        self.ranges
    }

    /// Closes the smaller half of the gaps.
    fn join(&mut self) {
        let gap = |pair: &[Range<u64>]| pair[1].start.saturating_sub(pair[0].end);
        let mut gaps: Vec<u64> = self.ranges.windows(2).map(gap).collect();
        let middle = gaps.len() / 2;
        let (_, middle, _) = gaps.select_nth_unstable(middle);
        let largest = *middle;
        let mut joined: Vec<Range<u64>> = Vec::with_capacity(RANGES_MAX);
        for range in self.ranges.drain(..) {
            match joined.last_mut() {
                Some(last) if range.start.saturating_sub(last.end) <= largest => {
                    last.end = last.end.max(range.end);
                }
                _ => joined.push(range),
            }
        }
        self.ranges = joined;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn everything_that_was_written_is_in_few_ranges(
            steps in prop::collection::vec((1..50_u64, 1..50_u64), 1..4000),
            seed in any::<u64>(),
        ) {
            let mut end = 0;
            let mut ranges: Vec<Range<u64>> = Vec::new();
            for (gap, length) in steps {
                ranges.push(end + gap..end + gap + length);
                end += gap + length;
            }
            // In any order, as threads bring them.
            ranges.sort_by_key(|range| (range.start ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut written = WrittenRanges::default();
            for range in &ranges {
                written.add(range.clone());
            }
            let total: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            prop_assert_eq!(written.bytes(), total);
            let kept = written.into_ranges();
            prop_assert!(kept.len() <= RANGES_MAX);
            prop_assert!(kept.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let held: BTreeSet<u64> = kept.iter().cloned().flatten().collect();
            prop_assert!(ranges.iter().cloned().flatten().all(|byte| held.contains(&byte)));
        }
    }
}
