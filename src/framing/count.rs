//! Numbers that go on from unit to unit, like the offsets in an index.

use super::plan::Span;

/// A number that has as many digits as its part has bytes, in each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The number in the first unit.
    pub(super) first: u64,
    /// What each unit adds to it.
    pub(super) step: u64,
}

impl Count {
    /// Writes those digits of the number that a span has, at the beginning of `out`.
    pub fn write(self, span: &Span<'_>, out: &mut [u8]) {
        let number = self.first.wrapping_add(self.step.wrapping_mul(span.number));
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).bytes();
        let skipped = usize::try_from(span.range.start - span.part).unwrap_or(usize::MAX);
        let of_span = usize::try_from(span.length()).unwrap_or(usize::MAX);
        for (out, digit) in out.iter_mut().zip(digits.skip(skipped).take(of_span)) {
            *out = digit;
        }
    }
}
