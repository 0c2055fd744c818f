//! From the seed that was typed to the cipher.

use std::array;

use aes::cipher::KeyInit;
use aes::{Aes128, Block};

use super::BLOCK_BYTES;
use super::cipher::{CipherKernel, Counter, CounterRun};
use crate::dataset::Coordinates;

/// Says what the key is for, as BLAKE3 asks of each use; part of the format.
const CONTEXT: &str = "seedfs v1 content key";

/// The key of a seed, and the cipher under it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    bytes: [u8; BLOCK_BYTES],
    cipher: Aes128,
    kernel: CipherKernel,
}

impl Key {
    pub(super) fn new(seed: &str) -> Self {
        let derived = blake3::derive_key(CONTEXT, seed.as_bytes());
        let bytes = array::from_fn(|at| derived[at]);
        let cipher = Aes128::new(&Block::from(bytes));
        let kernel = CipherKernel::choose(bytes, &cipher);
        Self { bytes, cipher, kernel }
    }

    pub(super) const fn bytes(&self) -> [u8; BLOCK_BYTES] {
        self.bytes
    }

    pub(super) const fn cipher(&self) -> &Aes128 {
        &self.cipher
    }

    /// The name of the cipher kernel that generates.
    pub(super) fn cipher_kernel(&self) -> &'static str {
        self.kernel.name()
    }

    /// Fills `out`, which is made of whole blocks, with the content of `file` from a block on.
    #[inline]
    pub(super) fn fill_blocks(&self, file: Coordinates, block: u64, out: &mut [u8]) {
        self.kernel.fill(&self.cipher, Counter::new(file, block), out);
    }

    /// Fills `out` with runs, one behind the other.
    #[inline]
    pub(super) fn fill_runs(&self, runs: &[CounterRun], out: &mut [u8]) {
        self.kernel.fill_runs(&self.cipher, runs, out);
    }

    /// How many bytes at the beginning of `data` are known to be the content of `file` from a
    /// block on: a number of whole blocks, and less than all where the kernel leaves the rest to
    /// others.
    #[inline]
    pub(super) fn matching_blocks(&self, file: Coordinates, block: u64, data: &[u8]) -> usize {
        self.kernel.matching(Counter::new(file, block), data)
    }

    /// How many windows at the beginning of `data` are known not to be content; `head_bits` are
    /// those that the first eight bytes of a known address may have set.
    #[inline]
    pub(super) fn windows_ruled_out(&self, data: &[u8], head_bits: u64) -> usize {
        self.kernel.windows_ruled_out(data, head_bits)
    }
}
