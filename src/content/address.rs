//! The address of a block, and of a byte.

use crate::dataset::{Coordinates, Dataset, Dimensions, FileContent};

use super::BLOCK_BYTES;

/// The bits of an address that hold the block.
pub(super) const BLOCK_MASK: u64 = (1 << 48) - 1;

/// The address of one block of content: what is encrypted to make it.
///
/// Every value of the sixteen bytes is an address, and two addresses never have the same bytes.
/// `block` must be below 2^48, the width of its field; a larger one counts modulo 2^48.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The file that the block belongs to.
    pub file: Coordinates,
    /// The block of that file, counted from 0; below 2^48.
    pub block: u64,
}

impl Address {
    /// The block of `file` in which the byte at `offset` stands.
    ///
    /// The offset counts modulo [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
    #[inline]
    #[must_use]
    pub const fn containing(file: Coordinates, offset: u64) -> Self {
        Self { file, block: (offset / BLOCK_BYTES as u64) & BLOCK_MASK }
    }

    /// The sixteen bytes of the address, as the drawing in [`content`](super) has them.
    #[inline]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; BLOCK_BYTES] {
        let Coordinates { generation, node, process, file } = self.file;
        let head = ((generation as u128) << 112) | ((node as u128) << 96);
        let middle = ((process as u128) << 80) | ((file as u128) << 48);
        (head | middle | (self.block & BLOCK_MASK) as u128).to_be_bytes()
    }

    /// The address that these sixteen bytes stand for. Total: each value is an address.
    #[inline]
    #[must_use]
    pub const fn from_bytes(bytes: [u8; BLOCK_BYTES]) -> Self {
        let [g0, g1, n0, n1, p0, p1, f0, f1, f2, f3, b0, b1, b2, b3, b4, b5] = bytes;
        Self {
            file: Coordinates {
                generation: u16::from_be_bytes([g0, g1]),
                node: u16::from_be_bytes([n0, n1]),
                process: u16::from_be_bytes([p0, p1]),
                file: u32::from_be_bytes([f0, f1, f2, f3]),
            },
            block: u64::from_be_bytes([0, 0, b0, b1, b2, b3, b4, b5]),
        }
    }

    /// The first eight bytes as a big-endian number: all but the file's low bits and the block.
    pub(super) const fn head(self) -> u64 {
        let Coordinates { generation, node, process, file } = self.file;
        let head = ((generation as u64) << 48) | ((node as u64) << 32);
        head | ((process as u64) << 16) | (file >> 16) as u64
    }

    /// The next block of the same file; `None` after the last one.
    #[inline]
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        if self.block < BLOCK_MASK {
            Some(Self { file: self.file, block: self.block + 1 })
        } else {
            None
        }
    }

    /// The first byte of the block.
    #[inline]
    #[must_use]
    pub const fn source(self) -> Source {
        Source { file: self.file, offset: (self.block & BLOCK_MASK) * BLOCK_BYTES as u64 }
    }
}

/// The address of one byte: a file, and an offset in its content.
///
/// `offset` is below [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The file whose content it is.
    pub file: Coordinates,
    /// The byte of that content, counted from 0; below 2^52.
    pub offset: u64,
}

/// Which blocks there are, so that sixteen bytes are enough to believe one.
///
/// A question for each place of the data; nearly all get their answer from
/// [`head_bits`](Self::head_bits), where it leaves bits out.
pub trait KnownBlocks {
    /// Whether there is this one.
    fn has(&self, block: &Address) -> bool;

    /// The bits that may be set in the first eight bytes of such an address, as a big-endian
    /// number.
    fn head_bits(&self) -> u64 {
        u64::MAX
    }
}

impl<F: Fn(&Address) -> bool> KnownBlocks for F {
    fn has(&self, block: &Address) -> bool {
        self(block)
    }
}

/// Those of its files, and the shared ones.
impl KnownBlocks for Dataset {
    fn has(&self, block: &Address) -> bool {
        self.has_block(block.file, block.block)
    }

    fn head_bits(&self) -> u64 {
        // All bits up to the highest of a number.
        let up_to = |number: u64| number.checked_ilog2().map_or(0, |bit| u64::MAX >> (63 - bit));
        let Dimensions { nodes, processes, files, extensions, .. } = self.dimensions();
        let files = files.saturating_mul(extensions.into());
        up_to(self.generations().last().into()) << 48
            | up_to(u64::from(nodes) - 1) << 32
            | up_to(u64::from(processes) - 1) << 16
            | up_to(files - 1) >> 16
    }
}

impl FileContent {
    /// A byte of it.
    #[inline]
    #[must_use]
    pub const fn source(self, offset: u64) -> Source {
        Source { file: self.file, offset }
    }
}

impl Source {
    /// The byte `by` bytes further on in the same content.
    #[must_use]
    pub const fn advance(self, by: u64) -> Self {
        Self { file: self.file, offset: self.offset.saturating_add(by) }
    }
}
