//! Content: every byte is a pure function of a seed and an address.

mod address;
mod compare;
mod key;
mod keystream;
mod locate;
mod parallel;

use std::ops::Range;

use aes::Block;
use aes::cipher::BlockCipherDecrypt;

use crate::dataset::Coordinates;

pub use address::{Address, Source};
pub use locate::Located;

use key::Key;

/// The size of a block: what one address is encrypted to.
pub const BLOCK_BYTES: usize = 16;

/// The longest content that a file can have: 2^48 blocks.
pub const MAX_FILE_BYTES: u64 = 1 << 52;

/// The content of all files under one seed.
///
/// It holds a key and nothing else: sharing it costs nothing, and no operation allocates.
///
/// Offsets are below [`MAX_FILE_BYTES`], and so is the end of every range that is asked for.
/// Beyond it there is no content. So that no caller's mistake can stop a filesystem, the offset
/// then counts modulo `MAX_FILE_BYTES`: the file's content begins again.
#[derive(Clone, Debug)]
pub struct Content {
    key: Key,
}

impl Content {
    /// The content under `seed`, which is taken as text: "42" and "042" are different seeds.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        Self { key: Key::new(seed) }
    }

    /// The AES-128 key, with which other tools can make the same bytes.
    #[must_use]
    pub fn key(&self) -> [u8; 16] {
        self.key.bytes()
    }

    /// Fills `out` with the content of `file` from `offset`.
    pub fn fill(&self, file: Coordinates, offset: u64, out: &mut [u8]) {
        keystream::fill(&self.key, file, offset, out);
    }

    /// As [`fill`](Self::fill), on the threads of the current rayon pool when `out` is long.
    pub fn fill_parallel(&self, file: Coordinates, offset: u64, out: &mut [u8]) {
        parallel::fill(&self.key, file, offset, out);
    }

    /// The index of the first byte of `data` that is not the content of `file` from `offset`.
    #[must_use]
    pub fn first_difference(&self, file: Coordinates, offset: u64, data: &[u8]) -> Option<usize> {
        compare::first_difference(&self.key, file, offset, data)
    }

    /// As [`first_difference`](Self::first_difference), on the threads of the current rayon pool
    /// when `data` is long.
    #[must_use]
    pub fn first_difference_parallel(
        &self,
        file: Coordinates,
        offset: u64,
        data: &[u8],
    ) -> Option<usize> {
        parallel::first_difference(&self.key, file, offset, data)
    }

    /// How many bytes at the end of `data` agree with the content of `file`, counted backwards
    /// until the first that does not. `offset` is that of the first byte of `data`.
    #[must_use]
    pub fn matching_suffix(&self, file: Coordinates, offset: u64, data: &[u8]) -> usize {
        compare::matching_suffix(&self.key, file, offset, data)
    }

    /// Calls `run` with each maximal range of `data` in which every byte differs from the content
    /// of `file` from `offset`, in order.
    ///
    /// Exact to the byte: foreign data agrees by chance in one byte of 256, and its runs end there.
    pub fn differing_runs(
        &self,
        file: Coordinates,
        offset: u64,
        data: &[u8],
        run: &mut dyn FnMut(Range<usize>),
    ) {
        compare::differing_runs(&self.key, file, offset, data, run);
    }

    /// The address whose content `block` is: the inverse of generating.
    ///
    /// Every block has exactly one. For bytes that are not content it is a random one.
    #[must_use]
    pub fn address_of(&self, block: &[u8; BLOCK_BYTES]) -> Address {
        let mut block = Block::from(*block);
        self.key.cipher().decrypt_block(&mut block);
        Address::from_bytes(block.into())
    }

    /// Calls `found` with every stretch of `data` that is content of some address, in order and
    /// without overlap.
    pub fn locate(
        &self,
        data: &[u8],
        is_known: &dyn Fn(&Address) -> bool,
        found: &mut dyn FnMut(Located),
    ) {
        locate::locate(&self.key, data, is_known, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_design_s_example() {
        let content = Content::new("42");
        assert_eq!(hex::encode(content.key()), "35b97e48db360a0cab85cad9f5e0afb3");
        let file = Coordinates { process: 1, ..Coordinates::default() };
        let mut bytes = [0; 32];
        content.fill(file, 0, &mut bytes);
        let expected = "7d6090ad7130bc18f7ee32e3d80472286b96cccc535c1f8556e34d63aa85ff12";
        assert_eq!(hex::encode(bytes), expected);
    }
}
