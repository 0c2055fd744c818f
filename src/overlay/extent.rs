//! One run of bytes of a written file, and what stands in it.

use super::kept_bytes::KeptBytes;
use super::store::Stored;
use crate::content::Source;

/// What stands in an extent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtentData {
    /// The content of some address, beginning at this byte of it.
    Content {
        /// Where the first byte of the extent comes from.
        source: Source,
        /// Whether somebody wrote it. The base of a file's first record is not written: it reads
        /// as it always did, and has yet to arrive.
        written: bool,
    },
    /// Zeros that somebody wrote.
    Zeros,
    /// Anything else, exactly as it was written.
    Bytes(KeptBytes),
    /// The same, on disk.
    Stored(Stored),
}

/// A run of bytes and what stands in it. Never empty; `Bytes` are exactly `length` long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How many bytes.
    pub length: u64,
    /// What they are.
    pub data: ExtentData,
}

impl ExtentData {
    /// Content that somebody wrote.
    #[must_use]
    pub fn written(source: Source) -> Self {
        Self::Content { source, written: true }
    }
}

impl Extent {
    /// Bytes that this extent takes from the budget.
    pub(super) fn kept_bytes(&self) -> u64 {
        match &self.data {
            ExtentData::Bytes(bytes) => bytes.len() as u64,
            ExtentData::Content { .. } | ExtentData::Zeros | ExtentData::Stored(_) => 0,
        }
    }

    /// The part from `start` to `end`, counted from the extent's own beginning.
    ///
    /// Must hold: `start < end <= self.length`.
    #[must_use]
    pub fn slice(&self, start: u64, end: u64) -> Self {
        let data = match &self.data {
            ExtentData::Content { source, written } => {
                ExtentData::Content { source: source.advance(start), written: *written }
            }
            ExtentData::Zeros => ExtentData::Zeros,
            ExtentData::Bytes(bytes) => {
                ExtentData::Bytes(bytes.slice(to_index(start), to_index(end)))
            }
            ExtentData::Stored(stored) => ExtentData::Stored(stored.slice(start, end)),
        };
        Self { length: end - start, data }
    }

    /// The same part, for keeping: it does not hold on to much more than it shows.
    pub(super) fn slice_to_keep(&self, start: u64, end: u64) -> Self {
        let mut part = self.slice(start, end);
        part.let_go();
        part
    }

    /// Lets go of memory that is held for bytes which the extent does not show.
    pub(super) fn let_go(&mut self) {
        if let ExtentData::Bytes(bytes) = &mut self.data {
            bytes.let_go();
        }
    }

    /// Takes in the extent that follows this one, where the two are one run of the same thing.
    pub(super) fn absorb(&mut self, next: &Self) -> bool {
        let joined = match (&mut self.data, &next.data) {
            (
                ExtentData::Content { source, written },
                ExtentData::Content { source: next_source, written: next_written },
            ) => *written == *next_written && source.advance(self.length) == *next_source,
            (ExtentData::Zeros, ExtentData::Zeros) => true,
            (ExtentData::Bytes(bytes), ExtentData::Bytes(next_bytes))
                if bytes.len() + next_bytes.len() <= JOINED_BYTES_MAX =>
            {
                *bytes = bytes.joined(next_bytes);
                true
            }
            _ => false,
        };
        if joined {
            self.length += next.length;
        }
        joined
    }
}

/// Kept pieces are joined up to this size: larger, and a stream of small writes would copy the same
/// bytes again and again; smaller, and each of those writes would cost an extent.
const JOINED_BYTES_MAX: usize = 4096;

/// Kept bytes lie in memory, so their lengths fit.
pub(super) fn to_index(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
