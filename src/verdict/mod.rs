//! The verdict: what a path has, against what it should have.
//!
//! Nothing is remembered here. A verdict is computed from the extents whenever somebody asks, so
//! writing the right bytes over wrong ones heals it, and there is no second book that could
//! disagree with the first.
//!
//! ```text
//!   untouched   never written
//!   incomplete  all that was written is right, something is missing or untouched
//!   verified    exactly the expected size, every byte written and right
//!   mismatch    something is wrong, or there are bytes past the expected end
//! ```
//!
//! Every expected byte is in exactly one of four states, and the tally keeps that sum:
//! `expected = untouched + matched + missing + wrong`. Bytes past the expected end are `extra`.
//!
//! Only what is not the expected address is looked at closely: kept bytes are compared with the
//! content that belongs there, runs of zeros and of other addresses only at their edges, where a
//! byte may agree by chance. The cost of a verdict is that of the wrong bytes, not of the file;
//! but in a shape other addresses are compared block by block where both may show the same block.

mod class;
mod edges;
mod groups;
mod judge;
mod range;
mod segments;

pub use class::Class;
pub use judge::{EarlierContent, Judge, Judgement};
pub use range::{HEAD_BYTES, Head, WrongRange};
pub use segments::{FileSegment, FileSegments, SegmentState};

/// The verdict on a path, or on a whole dataset. In the order of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Exactly the expected size, every byte written and right.
    Verified,
    /// Never written.
    Untouched,
    /// All that was written is right, some is missing.
    Incomplete,
    /// Something is wrong, or there are bytes past the expected end.
    Mismatch,
}

impl Verdict {
    /// All of them, as people list them.
    pub const ALL: [Self; 4] = [Self::Untouched, Self::Incomplete, Self::Verified, Self::Mismatch];

    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Untouched => "untouched",
            Self::Incomplete => "incomplete",
            Self::Mismatch => "mismatch",
        }
    }
}

/// What became of the bytes of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteTally {
    /// Bytes that the file should have.
    pub expected: u64,
    /// Expected bytes that nobody wrote and that still read as expected.
    pub untouched: u64,
    /// Expected bytes that were written and are right.
    pub matched: u64,
    /// Expected bytes that are gone: cut off, or in a hole.
    pub missing: u64,
    /// Expected bytes that were written and are wrong.
    pub wrong: u64,
    /// Bytes past the expected end.
    pub extra: u64,
}

impl ByteTally {
    /// The tally of a file that nobody has written to.
    #[must_use]
    pub fn untouched(expected: u64) -> Self {
        Self { expected, untouched: expected, ..Self::default() }
    }

    /// The verdict that follows.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.wrong > 0 || self.extra > 0 {
            Verdict::Mismatch
        } else if self.matched == self.expected {
            Verdict::Verified
        } else if self.untouched == self.expected {
            Verdict::Untouched
        } else {
            Verdict::Incomplete
        }
    }
}
