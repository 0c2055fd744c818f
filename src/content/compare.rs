//! Data against the content that belongs at its place.
//!
//! Whether all is right is asked first, and answered by the cipher kernel without storing a byte.
//! To say what is wrong, a piece of content is generated into the first-level cache and compared
//! there, so that never costs much more than generating and touches main memory once.

use std::ops::Range;

use super::address::Address;
use super::key::Key;
use super::keystream::{self, KeystreamPiece, place_in_block};
use super::{BLOCK_BYTES, Coordinates};

/// The right bytes of one file, made as they are asked for.
pub(super) trait Right {
    /// How much is made at a time.
    const PIECE_BYTES: usize;

    /// The bytes at `offset`: `wanted` of them, or fewer, but at least [`Self::PIECE_BYTES`] -
    /// [`BLOCK_BYTES`].
    fn at(&mut self, offset: u64, wanted: usize) -> &[u8];
}

/// The plain keystream.
pub(super) struct Plain<'a> {
    pub(super) key: &'a Key,
    pub(super) piece: KeystreamPiece,
}

impl Right for Plain<'_> {
    const PIECE_BYTES: usize = keystream::PIECE_BYTES;

    #[inline]
    fn at(&mut self, offset: u64, wanted: usize) -> &[u8] {
        self.piece.at(self.key, offset, wanted)
    }
}

/// Bytes that somebody fills in, so many at a time.
pub(super) struct Filled<F, const PIECE_BYTES: usize> {
    fill: F,
    piece: [u8; PIECE_BYTES],
}

impl<F: Fn(u64, &mut [u8]), const PIECE_BYTES: usize> Filled<F, PIECE_BYTES> {
    pub(super) fn new(fill: F) -> Self {
        Self { fill, piece: [0; PIECE_BYTES] }
    }
}

impl<F: Fn(u64, &mut [u8]), const PIECE_BYTES: usize> Right for Filled<F, PIECE_BYTES> {
    const PIECE_BYTES: usize = PIECE_BYTES;

    fn at(&mut self, offset: u64, wanted: usize) -> &[u8] {
        let piece = &mut self.piece[..wanted.min(PIECE_BYTES)];
        (self.fill)(offset, piece);
        piece
    }
}

/// What is compared first. Data that is not the content at all shows it at once, and should not
/// cost a whole piece.
const FIRST_STEP_BYTES: usize = 256;

/// See [`Content::first_difference`](super::Content::first_difference).
pub(super) fn first_difference(
    key: &Key,
    file: Coordinates,
    offset: u64,
    data: &[u8],
) -> Option<usize> {
    let to_boundary = place_in_block(offset.wrapping_neg()).min(data.len());
    let (head, body) = data.split_at(to_boundary);
    let mut piece = Plain { key, piece: KeystreamPiece::new(file) };
    if let Some(at) = difference_in_pieces(&mut piece, offset, head) {
        return Some(at);
    }
    // The cipher kernel does most of it without storing what it compares with. Where it stops,
    // there is a difference near, or a rest that is too short for it, or the file begins again.
    let mut at = to_boundary;
    let blocks = body.len() - body.len() % BLOCK_BYTES;
    let address = Address::containing(file, offset.wrapping_add(at as u64));
    at += key.matching_blocks(file, address.block, &body[..blocks]);
    difference_in_pieces(&mut piece, offset.wrapping_add(at as u64), &data[at..])
        .map(|more| at + more)
}

/// The first difference, by generating piece by piece and comparing.
pub(super) fn difference_in_pieces<R: Right>(
    piece: &mut R,
    offset: u64,
    data: &[u8],
) -> Option<usize> {
    let mut at = 0;
    let mut step = FIRST_STEP_BYTES;
    while at < data.len() {
        let wanted = step.min(data.len() - at);
        let right = piece.at(offset.wrapping_add(at as u64), wanted);
        let have = &data[at..at + right.len()];
        if have != right {
            return Some(at + equal_prefix(have, right));
        }
        at += right.len();
        step = R::PIECE_BYTES;
    }
    None
}

/// See [`Content::matching_suffix`](super::Content::matching_suffix).
pub(super) fn matching_suffix<R: Right>(piece: &mut R, offset: u64, data: &[u8]) -> usize {
    let mut end = data.len();
    let mut step = FIRST_STEP_BYTES;
    while end > 0 {
        let start = end.saturating_sub(step);
        let right = piece.at(offset.wrapping_add(start as u64), end - start);
        let have = &data[start..end];
        if have != right {
            return data.len() - end + equal_suffix(have, right);
        }
        end = start;
        // What begins within a block finds up to 15 bytes less room in a piece.
        step = R::PIECE_BYTES - BLOCK_BYTES;
    }
    data.len()
}

/// See [`Content::differing_runs`](super::Content::differing_runs).
pub(super) fn differing_runs(
    piece: &mut impl Right,
    offset: u64,
    data: &[u8],
    run: &mut dyn FnMut(Range<usize>),
) {
    // Where the run that is still open began: a run may cross the borders of pieces.
    let mut open: Option<usize> = None;
    let mut at = 0;
    while at < data.len() {
        let right = piece.at(offset.wrapping_add(at as u64), data.len() - at);
        let have = &data[at..at + right.len()];
        if have == right {
            if let Some(start) = open.take() {
                run(start..at);
            }
        } else {
            open = walk(have, right, at, open, run);
        }
        at += have.len();
    }
    if let Some(start) = open {
        run(start..data.len());
    }
}

/// Steps from border to border of the runs in one piece, which begins at `base`. Takes the start
/// of the run that is open before it, and gives that of the one open behind it.
fn walk(
    have: &[u8],
    right: &[u8],
    base: usize,
    mut open: Option<usize>,
    run: &mut dyn FnMut(Range<usize>),
) -> Option<usize> {
    let mut at = 0;
    while at < have.len() {
        if let Some(start) = open {
            at += different_prefix(&have[at..], &right[at..]);
            if at < have.len() {
                run(start..base + at);
                open = None;
            }
        } else {
            at += equal_prefix(&have[at..], &right[at..]);
            if at < have.len() {
                open = Some(base + at);
            }
        }
    }
    open
}

/// What is compared at once before single bytes are looked at: a vector register or two.
const CHUNK: usize = 32;

/// How many bytes agree from the beginning. `a` and `b` are equally long, here and below.
pub(super) fn equal_prefix(a: &[u8], b: &[u8]) -> usize {
    let chunks = a.as_chunks::<CHUNK>().0.iter().zip(b.as_chunks::<CHUNK>().0);
    let whole = CHUNK * chunks.take_while(|(a, b)| a == b).count();
    whole + a[whole..].iter().zip(&b[whole..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes agree, counted backwards from the end.
fn equal_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// How many bytes differ from the beginning.
fn different_prefix(a: &[u8], b: &[u8]) -> usize {
    let chunks = a.as_chunks::<CHUNK>().0.iter().zip(b.as_chunks::<CHUNK>().0);
    let whole = CHUNK * chunks.take_while(|(a, b)| all_differ(a, b)).count();
    whole + a[whole..].iter().zip(&b[whole..]).take_while(|(a, b)| a != b).count()
}

/// Looks at all bytes whatever the first ones say, which the compiler turns into vector code.
fn all_differ(a: &[u8; CHUNK], b: &[u8; CHUNK]) -> bool {
    a.iter().zip(b).fold(0, |equal, (a, b)| equal | u8::from(a == b)) == 0
}
