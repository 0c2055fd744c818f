//! Runs of zeros, against content that may have zeros itself.

use std::ops::Range;

use super::{Judge, Judgement, ZERO_RANGE_BYTES_MIN};
use crate::verdict::Class;
use crate::verdict::edges::{to_index, trim, zero_head};

impl Judgement<'_> {
    /// Many zeros.
    pub(super) fn zeros(&mut self, range: Range<u64>) {
        let content = self.judge.content;
        if content.is_zeros() {
            self.tally.matched += range.end - range.start;
        } else if content.has_zeros() {
            self.zeros_where_zeros_may_belong(range);
        } else {
            // Nowhere do enough zeros belong to end a range of wrong ones.
            self.zeros_inside(range);
        }
    }

    fn zeros_inside(&mut self, range: Range<u64>) {
        let length = range.end - range.start;
        let Judge { content, expectation } = self.judge;
        if !self.ends_have_sums(expectation.source(range.start), length) {
            return;
        }
        let wrong = trim(content, expectation, range, |_, actual| actual.fill(0));
        self.tally.matched += length - (wrong.end - wrong.start);
        self.wrong(wrong.clone(), Class::Zeroed, zero_head(wrong), None);
    }

    /// The same where the content itself has zeros.
    fn zeros_where_zeros_may_belong(&mut self, range: Range<u64>) {
        let zeros = [0; ZERO_RANGE_BYTES_MIN];
        let mut offset = range.start;
        while offset < range.end && !self.stopped {
            let end = range.end.min(offset + zeros.len() as u64);
            self.bytes(offset, &zeros[..to_index(end - offset)], end);
            offset = end;
        }
        self.close_group();
    }
}
