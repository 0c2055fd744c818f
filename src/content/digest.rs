//! The BLAKE3 hash of a file that nobody has stored.
//!
//! BLAKE3 is a tree: the hash of a long input is made of the chaining values of its two parts, of
//! which the left one is the largest power of two that leaves something on the right. So a part is
//! generated and hashed by one thread in a buffer that stays in its cache, the parts of a file need
//! no order, and no byte of the file ever reaches main memory.

use std::cell::RefCell;

use blake3::hazmat::{self, ChainingValue, HasherExt, Mode};

use super::{Content, Coordinates};

/// What is hashed at a time: a power of two of BLAKE3's chunks, so that each is a whole subtree,
/// and little enough for the second-level cache.
const LEAF_BYTES: u64 = 128 * 1024;

thread_local! {
    static LEAF: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// See [`Content::blake3`](super::Content::blake3).
pub(super) fn blake3(content: &Content, file: Coordinates, size_bytes: u64) -> [u8; 32] {
    if size_bytes <= LEAF_BYTES {
        return leaf(content, file, 0, size_bytes).finalize().into();
    }
    let (left, right) = children(content, file, 0, size_bytes);
    hazmat::merge_subtrees_root(&left, &right, Mode::Hash).into()
}

fn children(
    content: &Content,
    file: Coordinates,
    offset: u64,
    length: u64,
) -> (ChainingValue, ChainingValue) {
    let left = hazmat::left_subtree_len(length);
    rayon::join(
        || subtree(content, file, offset, left),
        || subtree(content, file, offset + left, length - left),
    )
}

fn subtree(content: &Content, file: Coordinates, offset: u64, length: u64) -> ChainingValue {
    if length <= LEAF_BYTES {
        return leaf(content, file, offset, length).finalize_non_root();
    }
    let (left, right) = children(content, file, offset, length);
    hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash)
}

/// A hasher that has taken in one leaf.
fn leaf(content: &Content, file: Coordinates, offset: u64, length: u64) -> blake3::Hasher {
    LEAF.with_borrow_mut(|bytes| {
        // No longer than LEAF_BYTES, so it fits.
        bytes.resize(usize::try_from(length).unwrap_or_default(), 0);
        content.fill(file, offset, bytes);
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(offset).update(bytes);
        hasher
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hash_of_the_bytes() {
        let content = Content::new("42");
        let file = Coordinates { node: 3, file: 9, ..Coordinates::default() };
        let leaf = usize::try_from(LEAF_BYTES).unwrap();
        for length in
            [0, 1, 1024, 1025, leaf - 1, leaf, leaf + 1, 2 * leaf, 3 * leaf + 7, 9 * leaf - 1]
        {
            let mut bytes = vec![0; length];
            content.fill(file, 0, &mut bytes);
            let expected: [u8; 32] = blake3::hash(&bytes).into();
            assert_eq!(content.blake3(file, length as u64), expected, "{length} bytes");
        }
    }
}
