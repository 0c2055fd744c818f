//! The BLAKE3 hash of a file that nobody has stored.
//!
//! BLAKE3 is a tree: the hash of a long input is made of the chaining values of its two parts, of
//! which the left one is the largest power of two that leaves something on the right. So a part is
//! generated and hashed by one thread in a buffer that stays in its cache, the parts of a file need
//! no order, and no byte of the file ever reaches main memory.

use std::cell::RefCell;

use blake3::hazmat::{self, ChainingValue, HasherExt, Mode};

use super::threads::Threads;
use super::{Content, Coordinates};
use crate::sync::background;

/// What is hashed at a time: a power of two of BLAKE3's chunks, so that each is a whole subtree,
/// and little enough for the second-level cache.
const LEAF_BYTES: u64 = 128 * 1024;

thread_local! {
    static LEAF: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What all threads hash together before the next begins. Hashes that are made at the same time
/// take turns at it: a pool gives its threads work that is new only when they have none, so a short
/// one would else wait for the end of a long one.
const TURN_BYTES: u64 = 1 << 30;

/// See [`Content::blake3_unless`](super::Content::blake3_unless).
pub(super) fn blake3(
    content: &Content,
    (file, size_bytes): (Coordinates, u64),
    threads: Threads,
    stop: &(dyn Fn() -> bool + Sync),
) -> Option<[u8; 32]> {
    if stop() {
        return None;
    }
    let tree = HashTree { content, file, threads, stop };
    if size_bytes <= LEAF_BYTES {
        return Some(tree.leaf(0, size_bytes).finalize().into());
    }
    let (left, right) = tree.children(0, size_bytes)?;
    Some(hazmat::merge_subtrees_root(&left, &right, Mode::Hash).into())
}

struct HashTree<'a> {
    content: &'a Content,
    file: Coordinates,
    threads: Threads,
    stop: &'a (dyn Fn() -> bool + Sync),
}

impl HashTree<'_> {
    fn children(&self, offset: u64, length: u64) -> Option<(ChainingValue, ChainingValue)> {
        let middle = hazmat::left_subtree_len(length);
        let left = || self.subtree(offset, middle);
        let right = || self.subtree(offset + middle, length - middle);
        if length > TURN_BYTES {
            return Some((left()?, right()?));
        }
        let (left, right) = self.threads.join(left, right);
        Some((left?, right?))
    }

    fn subtree(&self, offset: u64, length: u64) -> Option<ChainingValue> {
        if (self.stop)() {
            return None;
        }
        if length <= LEAF_BYTES {
            return Some(self.leaf(offset, length).finalize_non_root());
        }
        let (left, right) = self.children(offset, length)?;
        Some(hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash))
    }

    /// A hasher that has taken in one leaf.
    fn leaf(&self, offset: u64, length: u64) -> blake3::Hasher {
        if matches!(self.threads, Threads::Background) {
            background::give_way();
        }
        LEAF.with_borrow_mut(|bytes| {
            // No longer than LEAF_BYTES, so it fits.
            bytes.resize(usize::try_from(length).unwrap_or_default(), 0);
            self.content.fill(self.file, offset, bytes);
            let mut hasher = blake3::Hasher::new();
            hasher.set_input_offset(offset).update(bytes);
            hasher
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::sync::Mutex;

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

    #[test]
    fn what_can_be_stopped_is_hashed_in_the_background() {
        let content = Content::new("42");
        let names = Mutex::new(std::collections::BTreeSet::new());
        let note = || {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            names.lock().insert(name.split('-').next().unwrap().to_owned());
            false
        };
        let file = Coordinates::default();
        let sum = content.blake3_unless(file, 40 * LEAF_BYTES, &note);
        assert_eq!(sum, Some(content.blake3(file, 40 * LEAF_BYTES)));
        let mut names = names.into_inner();
        // This thread asks once, before it begins.
        names.remove(std::thread::current().name().unwrap());
        assert_eq!(names, ["background".to_owned()].into());
    }

    #[test]
    fn what_is_hashed_in_the_background_gives_way_at_each_leaf() {
        let _alone = background::REQUESTS.lock();
        let content = Content::new("42");
        // One leaf is hashed by this thread itself.
        let hash = || content.blake3_unless(Coordinates::default(), LEAF_BYTES, &|| false);
        background::give_way();
        background::note_request();
        assert!(hash().is_some());
        assert!(!background::give_way(), "the hash has given way to it already");
    }

    #[test]
    fn it_stops_when_it_is_asked() {
        let content = Content::new("42");
        let asked = AtomicU64::new(0);
        // A petabyte: it would take days.
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 100;
        assert_eq!(content.blake3_unless(Coordinates::default(), 1 << 50, &stop), None);
        let asked = asked.into_inner();
        assert!(asked < 10_000, "asked {asked} times");
    }
}
