//! Addresses become content: the keystream.
//!
//! Everything that generates goes through [`encrypt_from`]: counters are laid out where the
//! content shall stand and encrypted in place, a piece that stays in the first-level cache at a
//! time. It is the one place where a second kernel would be chosen.

use aes::Block;
use aes::cipher::BlockCipherEncrypt;

use super::address::Address;
use super::key::Key;
use super::{BLOCK_BYTES, Coordinates};

/// A piece: large enough that the cipher runs at its full width, small enough that the counters
/// are still in the first-level cache when they are encrypted.
pub(super) const PIECE_BYTES: usize = 4096;
const PIECE_BLOCKS: usize = PIECE_BYTES / BLOCK_BYTES;

/// Fills `out` with the content of `file` from `offset`; see [`Content::fill`](super::Content).
pub(super) fn fill(key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
    let (head, body) = out.split_at_mut(bytes_to_boundary(offset).min(out.len()));
    ragged(key, file, offset, head);
    let offset = offset.wrapping_add(head.len() as u64);
    let (blocks, tail) = Block::slice_as_chunks_mut(body);
    encrypt_from(key, Address::containing(file, offset), blocks);
    ragged(key, file, offset.wrapping_add(16 * blocks.len() as u64), tail);
}

/// How many bytes lie before the next block boundary.
fn bytes_to_boundary(offset: u64) -> usize {
    (offset.wrapping_neg() % 16) as usize
}

/// Fills `out`, which lies within one block.
fn ragged(key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
    if out.is_empty() {
        return;
    }
    let mut block = [Block::default()];
    encrypt_from(key, Address::containing(file, offset), &mut block);
    let skip = (offset % 16) as usize;
    out.copy_from_slice(&block[0][skip..skip + out.len()]);
}

/// The kernel: `blocks` become the content of `first` and the blocks after it.
fn encrypt_from(key: &Key, first: Address, blocks: &mut [Block]) {
    let mut address = first;
    for piece in blocks.chunks_mut(PIECE_BLOCKS) {
        for block in piece.iter_mut() {
            *block = address.to_bytes().into();
            address.block = address.block.wrapping_add(1);
        }
        key.cipher().encrypt_blocks(piece);
    }
}

/// A piece of content on the stack, to compare with.
pub(super) struct Piece {
    blocks: [Block; PIECE_BLOCKS],
}

impl Piece {
    pub(super) fn new() -> Self {
        Self { blocks: [Block::default(); PIECE_BLOCKS] }
    }

    /// The content at `offset`: `wanted` bytes, or as many as the piece holds from there. It
    /// holds whole blocks, so that after one odd start the pieces that follow are aligned.
    pub(super) fn at(&mut self, key: &Key, file: Coordinates, offset: u64, wanted: usize) -> &[u8] {
        let skip = (offset % 16) as usize;
        let end = wanted.saturating_add(skip).min(PIECE_BYTES);
        let blocks = &mut self.blocks[..end.div_ceil(BLOCK_BYTES)];
        encrypt_from(key, Address::containing(file, offset), blocks);
        &Block::slice_as_flattened(blocks)[skip..end]
    }
}
