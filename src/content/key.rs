//! From the seed that was typed to the cipher.

use std::array;

use aes::cipher::KeyInit;
use aes::{Aes128, Block};

use super::BLOCK_BYTES;

/// Says what the key is for, as BLAKE3 asks of each use; part of the format.
const CONTEXT: &str = "seedfs v1 content key";

/// The key of a seed, and the cipher under it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    bytes: [u8; BLOCK_BYTES],
    cipher: Aes128,
}

impl Key {
    pub(super) fn new(seed: &str) -> Self {
        let derived = blake3::derive_key(CONTEXT, seed.as_bytes());
        let bytes = array::from_fn(|at| derived[at]);
        Self { bytes, cipher: Aes128::new(&Block::from(bytes)) }
    }

    pub(super) const fn bytes(&self) -> [u8; BLOCK_BYTES] {
        self.bytes
    }

    pub(super) const fn cipher(&self) -> &Aes128 {
        &self.cipher
    }
}
