//! From a name to its inode, and what the kernel remembers: how often each inode was handed to it.
//!
//! Every answer that carries an inode is counted here, and the kernel gives all of them back by and
//! by (`FORGET`, with a number). It sends that whenever it likes, and several threads read what it
//! sends: a `FORGET` may arrive behind the answer to a later look-up. Only where the count is zero
//! can nobody come back to an inode.
//!
//! A count is a byte, in runs of [`RUN`] inodes with neighbouring numbers, as a listing or a walk
//! meets them; there is no run in which the kernel remembers nothing. So this costs one to three
//! bytes for each inode that the kernel holds about a kilobyte for, and nothing for all others.

use std::collections::HashMap;
use std::ops::DerefMut;

use super::name_changes::NAME_BYTES_MAX;
use super::{Error, Filesystem, InodeAttributes, Resolved, Result, STATUS_NAME, StatusEntry};
use crate::dataset::Inode;
use crate::overlay::ChangedNames;
use crate::sync::Mutex;

const SHARDS: usize = 64;

/// How many counts stand together.
const RUN: usize = 32;

/// What one byte counts up to; the rest is counted aside.
const BYTE: u64 = 256;

/// How often the kernel was handed each inode, less what it has forgotten.
#[derive(Debug)]
pub(super) struct Lookups {
    shards: Box<[Mutex<Shard>]>,
}

#[derive(Debug, Default)]
struct Shard {
    runs: HashMap<u64, [u8; RUN]>,
    /// How often a count went beyond its byte.
    beyond: HashMap<u64, u64>,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Lookups {
    /// The kernel is handed an inode once more.
    pub(super) fn remember(&self, inode: Inode) {
        if is_counted(inode) {
            let mut shard = self.shard(inode);
            let count = shard.count(inode);
            shard.set(inode, count.saturating_add(1));
        }
    }

    /// The kernel has forgotten an inode so many times; whether it remembers it no more.
    pub(super) fn forget(&self, inode: Inode, times: u64) -> bool {
        if !is_counted(inode) {
            return false;
        }
        let mut shard = self.shard(inode);
        let count = shard.count(inode).saturating_sub(times);
        shard.set(inode, count);
        count == 0
    }

    /// Whether the kernel remembers an inode.
    pub(super) fn is_remembered(&self, inode: Inode) -> bool {
        !is_counted(inode) || self.shard(inode).count(inode) > 0
    }

    fn shard(&self, inode: Inode) -> impl DerefMut<Target = Shard> + use<'_> {
        // No more than 64.
        let shard = usize::try_from(run(inode) % SHARDS as u64).unwrap_or_default();
        self.shards[shard].lock()
    }
}

impl Shard {
    fn count(&self, inode: Inode) -> u64 {
        let byte = self.runs.get(&run(inode)).map_or(0, |counts| counts[slot(inode)]);
        let beyond = self.beyond.get(&inode.get()).copied().unwrap_or(0);
        beyond.saturating_mul(BYTE).saturating_add(byte.into())
    }

    fn set(&mut self, inode: Inode, count: u64) {
        // Less than 256.
        let byte = u8::try_from(count % BYTE).unwrap_or_default();
        if byte == 0 {
            if let Some(counts) = self.runs.get_mut(&run(inode)) {
                counts[slot(inode)] = 0;
                if *counts == [0; RUN] {
                    self.runs.remove(&run(inode));
                    shrink(&mut self.runs);
                }
            }
        } else {
            self.runs.entry(run(inode)).or_insert([0; RUN])[slot(inode)] = byte;
        }
        if count < BYTE {
            if self.beyond.remove(&inode.get()).is_some() {
                shrink(&mut self.beyond);
            }
        } else {
            self.beyond.insert(inode.get(), count / BYTE);
        }
    }
}

/// Gives memory back when the kernel has dropped most of what it remembered.
fn shrink<T>(map: &mut HashMap<u64, T>) {
    if map.capacity() > 64 && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}

/// The kernel never forgets the root; nothing is kept for what is under `.status`.
fn is_counted(inode: Inode) -> bool {
    inode != Inode::ROOT && inode.get() >> 63 == 0
}

fn run(inode: Inode) -> u64 {
    inode.get() / RUN as u64
}

fn slot(inode: Inode) -> usize {
    // Less than 32.
    usize::try_from(inode.get() % RUN as u64).unwrap_or_default()
}

impl Filesystem {
    /// The inode of a name in a directory; also of `.` and `..`, by which a server that exports the
    /// mount finds its way back to an inode that the kernel has forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NameTooLong`], and [`Error::NotDirectory`] where the parent is
    /// none.
    pub fn find(&self, parent: Inode, name: &[u8]) -> Result<Inode> {
        self.overlay.look(|tree| self.find_in(tree, parent, name))
    }

    /// Looks a name up for somebody who remembers the inode until [`forget`](Self::forget) says
    /// that he does no more: until then it can be used, also when its last name is gone.
    ///
    /// # Errors
    ///
    /// As for [`find`](Self::find).
    pub fn look_up(&self, parent: Inode, name: &[u8]) -> Result<InodeAttributes> {
        loop {
            let resets = self.overlay.resets();
            let inode = self.remember(parent, name)?;
            match self.attributes(inode) {
                Ok(attributes) => return Ok(attributes),
                Err(error) => {
                    self.forget(inode, 1);
                    // Where a reset came in between, the name stands for something else.
                    if self.overlay.resets() == resets {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Finds a name, and counts that its inode is remembered before the name can go.
    fn remember(&self, parent: Inode, name: &[u8]) -> Result<Inode> {
        if !self.overlay.names_changed() {
            let inode = self.find_in(&ChangedNames::default(), parent, name)?;
            self.lookups.remember(inode);
            if !self.overlay.names_changed() {
                return Ok(inode);
            }
            self.forget(inode, 1);
        }
        self.overlay.with_names(|tree| {
            let inode = self.find_in(tree, parent, name)?;
            self.lookups.remember(inode);
            Ok(inode)
        })
    }

    fn find_in(&self, tree: &ChangedNames, parent: Inode, name: &[u8]) -> Result<Inode> {
        let resolved = self.resolve(parent)?;
        match name {
            b"." if self.has_name(tree, parent, resolved) => return Ok(parent),
            b".." if self.has_name(tree, parent, resolved) => {
                return Ok(self.parent(tree, parent, resolved));
            }
            b"." | b".." => return Err(Error::NotFound),
            _ if name.len() > NAME_BYTES_MAX => return Err(Error::NameTooLong),
            _ => {}
        }
        let found = match resolved {
            Resolved::File(_)
            | Resolved::Special(_)
            | Resolved::Status(
                StatusEntry::Document(_) | StatusEntry::Control | StatusEntry::Manifest,
            ) => {
                return Err(Error::NotDirectory);
            }
            Resolved::Status(entry) => entry.lookup(&self.dataset, name).map(StatusEntry::inode),
            Resolved::Directory if parent == Inode::ROOT && name == STATUS_NAME.as_bytes() => {
                Some(StatusEntry::Root.inode())
            }
            Resolved::Directory if self.is_removed(parent) => None,
            Resolved::Directory => tree.lookup(&self.dataset, parent, name).map(|(inode, _)| inode),
        };
        found.ok_or(Error::NotFound)
    }

    /// The kernel has forgotten an inode as often as it was handed it in `lookups` answers. When
    /// those were all, and it has no name either, nobody can come back to it.
    pub fn forget(&self, inode: Inode, lookups: u64) {
        if !self.lookups.forget(inode, lookups) {
            return;
        }
        if self.overlay.get(inode).is_none_or(|record| record.links() > 0) {
            return;
        }
        // Whoever finds it by a name looks at the names, and is counted meanwhile. The record is
        // asked for again: after a reset it may be another one.
        let _gone = self.overlay.with_names(|_| {
            let record = self.overlay.get(inode)?;
            let is_gone = record.links() == 0 && !self.lookups.is_remembered(inode);
            if is_gone { self.overlay.remove(inode) } else { None }
        });
    }

    /// The directory in which a directory stands.
    pub(super) fn parent(&self, tree: &ChangedNames, inode: Inode, resolved: Resolved) -> Inode {
        match resolved {
            Resolved::Status(entry) => {
                entry.parent(&self.dataset).map_or(Inode::ROOT, StatusEntry::inode)
            }
            Resolved::Directory | Resolved::File(_) | Resolved::Special(_) => {
                tree.parent(&self.dataset, inode).unwrap_or(Inode::ROOT)
            }
        }
    }

    /// Whether an inode was removed and is still open somewhere.
    pub(super) fn is_removed(&self, inode: Inode) -> bool {
        self.overlay.get(inode).is_some_and(|record| record.links() == 0)
    }

    /// Whether an inode can still be found by a name.
    fn has_name(&self, tree: &ChangedNames, inode: Inode, resolved: Resolved) -> bool {
        if matches!(resolved, Resolved::Status(_)) {
            return true;
        }
        if let Some(record) = self.overlay.get(inode) {
            return record.links() > 0;
        }
        // Of the dataset, and never changed: it is where it always was, unless something on the way
        // there is gone.
        tree.is_in_place(&self.dataset, inode)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Remember(u64),
        Forget(u64, u64),
    }

    fn steps() -> impl Strategy<Value = Step> {
        let inode =
            || prop_oneof![2..70_u64, (1_u64 << 61)..(1 << 61) + 40, Just(1), Just((1 << 63) + 5)];
        prop_oneof![
            3 => inode().prop_map(Step::Remember),
            2 => (inode(), prop_oneof![1..4_u64, Just(u64::MAX)])
                .prop_map(|(inode, times)| Step::Forget(inode, times)),
        ]
    }

    proptest! {
        #[test]
        fn counts_are_a_map_of_numbers(steps in prop::collection::vec(steps(), 1..400)) {
            let lookups = Lookups::default();
            let mut model: HashMap<u64, u64> = HashMap::new();
            for step in steps {
                match step {
                    Step::Remember(number) => {
                        // Past what a byte holds, too.
                        for _ in 0..100 {
                            lookups.remember(Inode::new(number));
                        }
                        *model.entry(number).or_default() += 100;
                    }
                    Step::Forget(number, times) => {
                        let count = model.entry(number).or_default();
                        *count = count.saturating_sub(times);
                        let counted = is_counted(Inode::new(number));
                        let gone = lookups.forget(Inode::new(number), times);
                        prop_assert_eq!(gone, counted && *count == 0);
                    }
                }
                for (number, count) in &model {
                    let inode = Inode::new(*number);
                    let expected = !is_counted(inode) || *count > 0;
                    prop_assert_eq!(lookups.is_remembered(inode), expected);
                }
            }
            for (number, _) in model {
                lookups.forget(Inode::new(number), u64::MAX);
            }
            for shard in &lookups.shards {
                let shard = shard.lock();
                prop_assert!(shard.runs.is_empty() && shard.beyond.is_empty());
            }
        }
    }

    #[test]
    fn a_walk_costs_few_bytes_an_inode_and_gives_them_back() {
        let lookups = Lookups::default();
        let held = || -> usize {
            let bytes = |shard: &Mutex<Shard>| shard.lock().runs.capacity() * (8 + RUN + 1);
            lookups.shards.iter().map(bytes).sum()
        };
        for number in 2..1_000_002 {
            lookups.remember(Inode::new(number));
        }
        assert!(held() < 4_000_000, "{} bytes", held());
        for number in 2..1_000_002 {
            assert!(lookups.forget(Inode::new(number), 1));
        }
        assert!(held() < 400_000, "{} bytes", held());
    }
}
