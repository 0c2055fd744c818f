//! Addresses become content: the keystream.
//!
//! What begins or ends within a block is cut out of it; everything between is the cipher kernel's,
//! which makes whole blocks where the content shall stand.

use aes::Block;
use aes::cipher::BlockCipherEncrypt;

use super::address::Address;
use super::key::Key;
use super::{BLOCK_BYTES, Coordinates};

/// A piece to compare with: enough for the cipher kernel to run at its full width, and little
/// enough to stay in the first-level cache.
pub(super) const PIECE_BYTES: usize = 1024;

/// See [`Content::fill`](super::Content::fill).
pub(super) fn fill(key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
    let to_boundary = place_in_block(offset.wrapping_neg());
    let (head, body) = out.split_at_mut(to_boundary.min(out.len()));
    fill_within_block(key, file, offset, head);

    let offset = offset.wrapping_add(head.len() as u64);
    let (blocks, tail) = body.split_at_mut(body.len() - body.len() % BLOCK_BYTES);
    if !blocks.is_empty() {
        key.fill_blocks(file, Address::containing(file, offset).block, blocks);
    }

    let offset = offset.wrapping_add(blocks.len() as u64);
    fill_within_block(key, file, offset, tail);
}

/// Which byte of its block the byte at `offset` is.
pub(super) fn place_in_block(offset: u64) -> usize {
    const { assert!(BLOCK_BYTES == 16) };
    (offset % 16) as usize
}

/// Fills `out`, which does not reach past the block in which `offset` stands.
fn fill_within_block(key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
    if out.is_empty() {
        return;
    }
    let mut block = Block::from(Address::containing(file, offset).to_bytes());
    key.cipher().encrypt_block(&mut block);
    let skip = place_in_block(offset);
    out.copy_from_slice(&block[skip..skip + out.len()]);
}

/// A piece of a file's content on the stack, to compare with.
pub(super) struct KeystreamPiece {
    file: Coordinates,
    bytes: [u8; PIECE_BYTES],
}

impl KeystreamPiece {
    pub(super) fn new(file: Coordinates) -> Self {
        Self { file, bytes: [0; PIECE_BYTES] }
    }

    /// The content at `offset`: `wanted` bytes, or as many as the piece holds from there. It
    /// holds whole blocks, so that after one odd start the pieces that follow are aligned.
    pub(super) fn at(&mut self, key: &Key, offset: u64, wanted: usize) -> &[u8] {
        let skip = place_in_block(offset);
        let end = wanted.saturating_add(skip).min(PIECE_BYTES);
        let blocks = &mut self.bytes[..end.next_multiple_of(BLOCK_BYTES)];
        key.fill_blocks(self.file, Address::containing(self.file, offset).block, blocks);
        &blocks[skip..end]
    }
}
