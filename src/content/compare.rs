//! Data against the content that belongs at its place.
//!
//! A piece of content is generated into the first-level cache and compared there, so comparing
//! costs little more than generating and never touches main memory twice.

use std::ops::Range;

use super::Coordinates;
use super::key::Key;
use super::keystream::{PIECE_BYTES, Piece};

/// See [`Content::first_difference`](super::Content::first_difference).
pub(super) fn first_difference(
    key: &Key,
    file: Coordinates,
    offset: u64,
    data: &[u8],
) -> Option<usize> {
    let mut piece = Piece::new();
    let mut at = 0;
    while at < data.len() {
        let right = piece.at(key, file, offset.wrapping_add(at as u64), data.len() - at);
        let have = &data[at..at + right.len()];
        if have != right {
            return Some(at + equal_prefix(have, right));
        }
        at += right.len();
    }
    None
}

/// See [`Content::matching_suffix`](super::Content::matching_suffix).
pub(super) fn matching_suffix(key: &Key, file: Coordinates, offset: u64, data: &[u8]) -> usize {
    let mut piece = Piece::new();
    let mut end = data.len();
    // Most callers ask about a short stretch: begin small.
    let mut step = 64;
    while end > 0 {
        let start = end.saturating_sub(step);
        let right = piece.at(key, file, offset.wrapping_add(start as u64), end - start);
        let have = &data[start..end];
        if have != right {
            return data.len() - end + equal_suffix(have, right);
        }
        end = start;
        // A piece that begins within a block holds up to 15 bytes less.
        step = (step * 2).min(PIECE_BYTES - 15);
    }
    data.len()
}

/// See [`Content::differing_runs`](super::Content::differing_runs).
pub(super) fn differing_runs(
    key: &Key,
    file: Coordinates,
    offset: u64,
    data: &[u8],
    run: &mut dyn FnMut(Range<usize>),
) {
    let mut piece = Piece::new();
    // Where the run that is still open began: runs cross the borders of pieces.
    let mut open: Option<usize> = None;
    let mut at = 0;
    while at < data.len() {
        let right = piece.at(key, file, offset.wrapping_add(at as u64), data.len() - at);
        let have = &data[at..at + right.len()];
        let mut seen = 0;
        while seen < have.len() {
            let (have, right) = (&have[seen..], &right[seen..]);
            if let Some(start) = open {
                let different = different_prefix(have, right);
                seen += different;
                if different < have.len() {
                    run(start..at + seen);
                    open = None;
                }
            } else {
                let equal = equal_prefix(have, right);
                seen += equal;
                if equal < have.len() {
                    open = Some(at + seen);
                }
            }
        }
        at += have.len();
    }
    if let Some(start) = open {
        run(start..data.len());
    }
}

/// How many bytes agree from the beginning.
fn equal_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// How many bytes agree, counted backwards from the end.
fn equal_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// How many bytes differ from the beginning.
fn different_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a != b).count()
}
