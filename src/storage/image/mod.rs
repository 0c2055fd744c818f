//! Images: what stands on a device, known from the seed to the last byte.
//!
//! An [`Image`] is a line of bytes without gaps. [`DeviceLayout`] is the one of a dataset: its
//! files one after another. Others are made of it, as the member of a RAID is. Whoever writes,
//! judges or repairs a device asks an image what belongs at an offset and whose bytes those are,
//! and needs to know nothing else of it.
//!
//! Images are pure: they open nothing, and two machines have the same one.

mod layout;

pub use layout::{DeviceLayout, ImageError, SLOT_ALIGNMENT};

use crate::content::Source;

/// A line of bytes that is known from the seed.
///
/// Offsets that are asked for, and the ends of ranges, must not lie behind its length.
pub trait Image: Sync {
    /// How many bytes it has.
    fn length(&self) -> u64;

    /// Fills `bytes` with those that stand at `offset` and behind it.
    fn fill(&self, offset: u64, bytes: &mut [u8]);

    /// What stands at an offset, which is less than the length.
    fn stretch(&self, offset: u64) -> Stretch;

    /// Where a byte of content belongs; `None` where that is not here.
    fn offset_of(&self, source: Source) -> Option<u64>;
}

/// What stands at an offset of an image, and for how long it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// What it is.
    pub kind: StretchKind,
    /// For so many bytes from the offset on, at least 1.
    pub length: u64,
}

/// What a stretch of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StretchKind {
    /// Content of a file, from this byte of it on. It may lie behind the file's end: a file's
    /// content goes on up to where the next file begins.
    Content(Source),
    /// The parity of a stripe, which is counted from 0.
    Parity {
        /// Which one.
        stripe: u64,
    },
}
