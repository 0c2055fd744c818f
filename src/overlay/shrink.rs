//! Tables that give back their room when they are emptied.

use std::collections::HashMap;
use std::hash::Hash;

/// Tables smaller than this are not worth it.
const TABLE_MIN: usize = 28;

/// Gives back a table's room where most of it is empty. What is moved for that is less than what
/// was taken out since the last time.
pub(super) fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V>) {
    if table.capacity() > TABLE_MIN && table.len() < table.capacity() / 3 {
        table.shrink_to(table.len() / 2 * 3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emptied_table_is_small() {
        let mut table: HashMap<u32, u32> = (0..10_000).map(|key| (key, key)).collect();
        for key in 0..9_990 {
            table.remove(&key);
            shrink(&mut table);
            assert!(table.len() >= table.capacity() / 3 || table.capacity() <= TABLE_MIN);
        }
        assert!((9_990..10_000).all(|key| table[&key] == key));
    }
}
