//! Wrong bytes among kept ones, gathered into ranges.

use std::ops::Range;

use smallvec::SmallVec;

use super::edges::{head, head_length};
use super::judge::Judgement;
use super::{Class, HEAD_BYTES, Head, Judge};
use crate::overlay::{FLIPPED_BITS_MAX, GAP_BYTES_MAX, differing_bits};

/// Exact runs of differing bytes that lie close together.
#[derive(Debug)]
pub(super) struct Group {
    range: Range<u64>,
    /// The bytes from the beginning of the range on, right ones among them.
    actual: Head,
    bits: u32,
    zero: bool,
    /// The runs, as long as they can be flipped bits: no more than there are bits.
    runs: SmallVec<[(Range<u64>, Head); 2]>,
}

impl Judgement<'_> {
    /// Kept bytes follow on a group whose first bytes are not all known yet.
    pub(super) fn lengthen_head(&mut self, offset: u64, inside: &[u8]) {
        if let Some(group) = &mut self.group
            && group.range.start + group.actual.len() as u64 == offset
        {
            let room = HEAD_BYTES - group.actual.len();
            group.actual.extend_from_slice(&inside[..inside.len().min(room)]);
        }
    }

    pub(super) fn gather(
        &mut self,
        offset: u64,
        run: Range<usize>,
        expected: &[u8],
        inside: &[u8],
    ) {
        let actual = &inside[run.clone()];
        let range = offset + run.start as u64..offset + run.end as u64;
        if self.group.as_ref().is_some_and(|group| !self.belongs_to(group, range.start)) {
            self.close_group();
        }
        let group = self.group.get_or_insert_with(|| Group {
            range: range.clone(),
            actual: head(&inside[run.start..]),
            bits: 0,
            zero: true,
            runs: SmallVec::new(),
        });
        group.range.end = range.end;
        group.zero &= actual.iter().all(|byte| *byte == 0);
        if group.bits <= FLIPPED_BITS_MAX {
            group.bits += differing_bits(expected, actual);
            group.runs.push((range, head(actual)));
        }
    }

    /// Whether a wrong byte goes on with a group: few bytes lie between, or few beside filler,
    /// which agrees with that of any place.
    fn belongs_to(&self, group: &Group, start: u64) -> bool {
        let Judge { content, expectation } = self.judge;
        start - group.range.end <= GAP_BYTES_MAX as u64
            || (group.bits > FLIPPED_BITS_MAX
                && content.content_bytes(expectation.file, group.range.end..start)
                    <= GAP_BYTES_MAX as u64)
    }

    pub(super) fn close_group(&mut self) {
        let Some(mut group) = self.group.take() else { return };
        if group.bits <= FLIPPED_BITS_MAX {
            for (run, actual) in group.runs {
                self.kept_wrong(run, Class::Flipped, actual);
            }
        } else {
            let class = if group.zero { Class::Zeroed } else { Class::Foreign };
            group.actual.truncate(head_length(&group.range));
            self.kept_wrong(group.range, class, group.actual);
        }
    }

    /// Wrong bytes that `bytes` had counted as matched until they were gathered.
    fn kept_wrong(&mut self, range: Range<u64>, class: Class, actual: Head) {
        self.tally.matched -= range.end - range.start;
        self.wrong(range, class, actual, None);
    }
}
