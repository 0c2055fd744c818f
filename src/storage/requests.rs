//! How large requests to storage are, and how many are under way.

use thiserror::Error;

use crate::disk::ALIGNMENT;

use super::Transfer;
use super::crew::PART_BYTES;

/// What is read or written in one request, and how many of these each thread has under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests {
    pub(super) block_bytes: usize,
    pub(super) depth: u32,
}

/// Requests that there is no memory for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{threads} threads with {buffers} buffers of {block_bytes} bytes each need {} MiB: expected at \
     most {} MiB together; fewer threads, a smaller depth or smaller blocks need less",
    *.needed_bytes >> 20,
    BUFFER_BYTES_MAX >> 20
)]
pub struct TooManyBuffers {
    threads: usize,
    buffers: usize,
    block_bytes: usize,
    needed_bytes: u128,
}

/// One request through the page cache: it fits the second-level cache, where it is made or
/// compared, and a call costs little against it.
const CACHED_BLOCK_BYTES: usize = 256 << 10;
/// The same past the page cache, where each is a request to the storage.
const DIRECT_BLOCK_BYTES: usize = 1 << 20;
/// How many of those are under way, as measured: `docs/performance.md`.
const DIRECT_DEPTH: u32 = 16;
/// What the buffers of all threads may take.
const BUFFER_BYTES_MAX: u128 = 4 << 30;

impl Requests {
    /// The sizes that blocks may have, all multiples of the first.
    pub const BLOCK_BYTES: std::ops::RangeInclusive<u64> = ALIGNMENT as u64..=PART_BYTES;
    /// How many requests a thread may have under way.
    pub const DEPTH: std::ops::RangeInclusive<u32> = 1..=1024;

    /// Whether blocks may have this size.
    #[must_use]
    pub fn is_block(bytes: usize) -> bool {
        Self::BLOCK_BYTES.contains(&(bytes as u64)) && bytes.is_multiple_of(ALIGNMENT)
    }

    /// What serves best where nobody has said anything else.
    ///
    /// # Errors
    ///
    /// Where the buffers of so many threads take too much memory.
    pub fn new(
        transfer: Transfer,
        threads: usize,
        block_bytes: Option<usize>,
        depth: Option<u32>,
    ) -> Result<Self, TooManyBuffers> {
        let standard = Self::standard(transfer);
        let block_bytes = block_bytes.unwrap_or(standard.block_bytes);
        let asked = |depth| Self { block_bytes, depth };
        // A depth that nobody has asked for is as large as the memory allows.
        let mut requests = asked(depth.unwrap_or(standard.depth));
        while depth.is_none() && requests.are_many() && requests.check(threads).is_err() {
            requests = asked(requests.depth / 2);
        }
        requests.check(threads).map(|()| requests)
    }

    /// What serves best.
    #[must_use]
    pub fn standard(transfer: Transfer) -> Self {
        match transfer {
            Transfer::Cached => Self { block_bytes: CACHED_BLOCK_BYTES, depth: 1 },
            Transfer::Direct => Self { block_bytes: DIRECT_BLOCK_BYTES, depth: DIRECT_DEPTH },
        }
    }

    /// What one request takes at most.
    #[must_use]
    pub fn write_bytes(self) -> u64 {
        self.block_bytes as u64
    }

    /// Whether several are under way at a time.
    pub(super) fn are_many(self) -> bool {
        self.depth > 1
    }

    /// How many buffers a thread has: while all requests are under way, one more block is made or
    /// compared. One request at a time needs no second.
    pub(super) fn buffers(self) -> usize {
        if self.depth == 1 { 1 } else { usize::try_from(self.depth).unwrap_or(1) + 1 }
    }

    fn check(self, threads: usize) -> Result<(), TooManyBuffers> {
        let (buffers, block_bytes) = (self.buffers(), self.block_bytes);
        let needed_bytes = threads as u128 * buffers as u128 * block_bytes as u128;
        if needed_bytes > BUFFER_BYTES_MAX {
            return Err(TooManyBuffers { threads, buffers, block_bytes, needed_bytes });
        }
        Ok(())
    }
}
