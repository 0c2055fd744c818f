//! Addresses become content: the keystream.
//!
//! Everything that generates in bulk goes through [`Counters::encrypt`]: the addresses of a piece
//! are laid out in the first-level cache and encrypted from there to where the content shall
//! stand. It is the kernel, and the one place where a second one would be chosen.

use aes::Block;
use aes::cipher::BlockCipherEncrypt;

use super::address::{Address, BLOCK_MASK};
use super::key::Key;
use super::{BLOCK_BYTES, Coordinates};

/// A piece: large enough that the cipher runs at its full width; small enough that its addresses
/// and its content stay in the first-level cache, and that laying out the first half of its
/// addresses does not weigh on a read of 4 KiB. Pieces of 4 KiB fill long buffers 5 % faster, and
/// those of 4 KiB 15 % slower.
pub(super) const PIECE_BYTES: usize = 1024;
const PIECE_BLOCKS: usize = PIECE_BYTES / BLOCK_BYTES;

/// See [`Content::fill`](super::Content::fill).
pub(super) fn fill(key: &Key, file: Coordinates, offset: u64, out: &mut [u8]) {
    let to_boundary = place_in_block(offset.wrapping_neg());
    let (head, body) = out.split_at_mut(to_boundary.min(out.len()));
    fill_within_block(key, file, offset, head);

    let offset = offset.wrapping_add(head.len() as u64);
    let (blocks, tail) = Block::slice_as_chunks_mut(body);
    if !blocks.is_empty() {
        let mut counters = Counters::new(file);
        let mut address = Address::containing(file, offset);
        for piece in blocks.chunks_mut(PIECE_BLOCKS) {
            counters.encrypt(key, address.block, piece);
            address.block += PIECE_BLOCKS as u64;
        }
    }

    let offset = offset.wrapping_add((blocks.len() * BLOCK_BYTES) as u64);
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

/// The addresses of one piece, ready to be encrypted.
///
/// Those of one file share their first half, which is written once; from piece to piece only the
/// second half changes. Writing it is all that content costs beside the cipher.
struct Counters {
    /// The addresses, of which [`encrypt`](Self::encrypt) writes the second half.
    addresses: [Block; PIECE_BLOCKS],
    /// The second half of the address of block 0.
    half: u64,
}

impl Counters {
    fn new(file: Coordinates) -> Self {
        let address = Address { file, block: 0 }.to_bytes();
        let half = u64::from(file.file & 0xffff) << 48;
        Self { addresses: [address.into(); PIECE_BLOCKS], half }
    }

    /// Fills `out`, at most one piece, with the content of `first` and the blocks after it.
    fn encrypt(&mut self, key: &Key, first: u64, out: &mut [Block]) {
        let addresses = &mut self.addresses[..out.len()];
        for (address, block) in addresses.iter_mut().zip(first..) {
            let half = self.half | (block & BLOCK_MASK);
            address[8..].copy_from_slice(&half.to_be_bytes());
        }
        let done = key.cipher().encrypt_blocks_b2b(addresses, out);
        debug_assert!(done.is_ok(), "there are as many addresses as blocks");
    }
}

/// A piece of a file's content on the stack, to compare with.
pub(super) struct Piece {
    counters: Counters,
    file: Coordinates,
    blocks: [Block; PIECE_BLOCKS],
}

impl Piece {
    pub(super) fn new(file: Coordinates) -> Self {
        let blocks = [Block::default(); PIECE_BLOCKS];
        Self { counters: Counters::new(file), file, blocks }
    }

    /// The content at `offset`: `wanted` bytes, or as many as the piece holds from there. It
    /// holds whole blocks, so that after one odd start the pieces that follow are aligned.
    pub(super) fn at(&mut self, key: &Key, offset: u64, wanted: usize) -> &[u8] {
        let skip = place_in_block(offset);
        let end = wanted.saturating_add(skip).min(PIECE_BYTES);
        let blocks = &mut self.blocks[..end.div_ceil(BLOCK_BYTES)];
        self.counters.encrypt(key, Address::containing(self.file, offset).block, blocks);
        &Block::slice_as_flattened(blocks)[skip..end]
    }
}
