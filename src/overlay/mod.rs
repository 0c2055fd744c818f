//! The overlay: all that differs from the dataset, which is names, attributes and extents.
//!
//! A file that nobody has touched has no record here at all. The first change to it makes a
//! [`Record`], and from then on the record says what the file *has*; what it *should* have stays
//! arithmetic. A record is a size and a list of extents:
//!
//! ```text
//!   offset 0            12345 12346                    1 GiB        size
//!          |  Content ────▶|B|  Content ────────────────▶|  (hole)    |
//!
//!   Content  equal to the content of some address: the address is kept, 24 bytes for any length
//!   Zeros    zeros that somebody wrote: no storage either
//!   Bytes    anything else, kept as it came, within the budget
//!   Stored   the same, in the store's file on disk
//!   (none)   a hole: nobody wrote it, it reads as zeros
//! ```
//!
//! A `Content` extent also says whether somebody *wrote* it. The first record of a file is one
//! unwritten `Content` extent over its whole length: it reads as it did before, but it does not
//! count as arrived. That flag is the coverage, kept to the byte: no byte can count twice, because
//! no byte can be in two extents.
//!
//! Neighbours that continue one another are joined, so a file written whole, in any order, ends as
//! one extent, whether its bytes are its own or another file's.
//!
//! Names are kept in the same way ([`ChangedNames`]): a directory has an entry here only for a name
//! that differs from the dataset's. The [`Budget`] bounds all of it.
//!
//! This layer never generates content while a lock is held: `recognise` turns the bytes of a
//! write into pieces before any lock is taken, and [`Record::view`] hands out what a read needs so
//! that it can be filled afterwards. It does not judge either: that is the next layer's.

mod attributes;
mod budget;
mod changed_names;
mod cleared;
mod dirty;
mod extent;
mod extent_map;
mod kept_bytes;
mod rare;
mod recognise;
mod record;
mod returns;
mod runs;
mod shrink;
mod store;
mod written;
mod xattrs;

use record::{Books, RecordOwner};

use std::sync::Arc;

use crate::dataset::{Inode, MAX_INODES};
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{DashEntry, DashMap, Mutex};

pub use attributes::{
    ChangedAttributes, Created, InodeKind, JudgedBy, RecordStat, Size, Timestamp,
};
pub use budget::{Budget, BudgetFull, BudgetLimits, EXTENT_BYTES, Usage};
pub use changed_names::{
    ChangedDirectory, ChangedEntry, ChangedNames, DEPTH_MAX, Name, NameChange, dataset_lookup,
    own_name,
};
pub use cleared::Cleared;
pub use dirty::{Dirty, MARKS_MAX, MovedDirectory, TakenMarks};
pub use extent::{Extent, ExtentData};
pub use extent_map::ExtentMap;
pub use kept_bytes::KeptBytes;
pub use recognise::{Recognised, Recogniser};
pub use record::Record;
pub use returns::Returns;
pub use runs::{FLIPPED_BITS_MAX, GAP_BYTES_MAX, differing_bits, differing_groups, group_range};
pub use store::{Store, StoreError, StoreFailure, Stored};
pub use written::{Seek, Written, WrittenPart};

/// What is left to be done after [`Overlay::give_back`].
#[derive(Debug)]
pub struct GivenBack {
    /// Whether so much memory was freed that the allocator should give it to the system.
    pub memory: bool,
    /// How the store has failed, each way once.
    pub failures: Vec<StoreFailure>,
}

/// After how many removals the table of records is looked at.
const LOOK_EVERY: usize = 256;

/// Why an inode has no record and gets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// There is no room for one.
    #[error(transparent)]
    Full(#[from] BudgetFull),
    /// It was made since the mount, and is gone.
    #[error("the inode is gone")]
    Gone,
}

/// All that differs from the dataset: records by inode number, names, and what bounds them.
#[derive(Debug)]
pub struct Overlay {
    /// One that was made before the latest reset is void: nobody is handed it.
    records: DashMap<Inode, Arc<Record>>,
    /// How often everything was reset. Counting it on is the moment of a reset: names and records
    /// change for everybody at once.
    resets: AtomicU64,
    /// Void records that others have replaced before the reset came to them.
    replaced: Mutex<Vec<(Inode, Arc<Record>)>>,
    /// Whether there has been a record: until then no look-up needs to look.
    has_records: AtomicBool,
    names: changed_names::LockedNames,
    books: Arc<Books>,
    store: Option<Arc<Store>>,
    returns: Arc<Returns>,
    /// How many records were removed.
    removals: AtomicUsize,
    /// The number of the next inode that is made. Never used twice, so a handle from before a file
    /// was removed can never mean another file.
    next_inode: AtomicU64,
}

impl Overlay {
    /// An overlay with nothing in it that may grow to `limits`.
    #[must_use]
    pub fn new(limits: BudgetLimits, store: Option<Store>) -> Self {
        let returns = store.as_ref().map(|store| Arc::clone(store.returns())).unwrap_or_default();
        Self {
            records: DashMap::new(),
            resets: AtomicU64::new(0),
            replaced: Mutex::default(),
            has_records: AtomicBool::new(false),
            names: changed_names::LockedNames::default(),
            books: Arc::new(Books {
                budget: Budget::new(limits, Arc::clone(&returns)),
                dirty: Dirty::new(Arc::clone(&returns)),
            }),
            store: store.map(Arc::new),
            returns,
            removals: AtomicUsize::new(0),
            next_inode: AtomicU64::new(MAX_INODES),
        }
    }

    fn owner(&self, inode: Inode) -> RecordOwner {
        RecordOwner { inode, books: Arc::clone(&self.books) }
    }

    /// What has changed since it was looked at last.
    #[must_use]
    pub fn dirty(&self) -> &Dirty {
        &self.books.dirty
    }

    /// Where large pieces of kept bytes are, if not in memory.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.store.as_deref()
    }

    /// Makes pieces ready to be kept, before they are written and under no lock: none holds on to
    /// more memory than it shows, and large ones go to the store, where there is one.
    ///
    /// # Errors
    ///
    /// Where the store is full or broken. What was moved is given back with the pieces.
    pub fn keep(&self, pieces: &mut [(u64, Extent)]) -> Result<(), StoreError> {
        for (_, extent) in pieces {
            extent.let_go();
            if let Some(store) = &self.store
                && let ExtentData::Bytes(bytes) = &extent.data
                && bytes.len() >= store::STORED_BYTES_MIN
            {
                extent.data = ExtentData::Stored(store.put(bytes)?);
            }
        }
        Ok(())
    }

    /// Says when there is something to [give back](Self::give_back).
    #[must_use]
    pub fn returns(&self) -> &Returns {
        &self.returns
    }

    /// Punches what was freed out of the store's file. Must be called under no lock.
    pub fn give_back(&self) -> GivenBack {
        let failures = self.store.as_ref().map_or_else(Vec::new, |store| {
            store.punch_freed();
            store.take_failures()
        });
        GivenBack { memory: self.books.budget.take_freed(), failures }
    }

    /// What is kept at the moment, and what may be.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.books.budget
    }

    /// The record of an inode, where there is one.
    #[must_use]
    pub fn get(&self, inode: Inode) -> Option<Arc<Record>> {
        if !self.has_records.load(Ordering::Acquire) {
            return None;
        }
        // The guard of the map's shard ends here: nothing slow happens under it.
        let record = self.records.get(&inode).map(|record| Arc::clone(&record));
        record.filter(|record| record.resets() == self.resets())
    }

    /// The record of an inode, made if there is none. One that was made since the mount has had its
    /// record from the beginning, or is gone.
    ///
    /// # Errors
    ///
    /// [`NoRecord`]: that is gone, or the limit of records is reached.
    pub fn get_or_insert(&self, inode: Inode) -> Result<Arc<Record>, NoRecord> {
        if let Some(record) = self.get(inode) {
            return Ok(record);
        }
        if inode.get() >= MAX_INODES {
            return Err(NoRecord::Gone);
        }
        self.has_records.store(true, Ordering::Release);
        let resets = self.resets();
        match self.records.entry(inode) {
            DashEntry::Occupied(entry) if entry.get().resets() >= resets => {
                Ok(Arc::clone(entry.get()))
            }
            DashEntry::Occupied(mut entry) => {
                let record = Arc::new(Record::new(self.owner(inode), resets)?);
                let void = entry.insert(Arc::clone(&record));
                self.replaced.lock().push((inode, void));
                Ok(record)
            }
            DashEntry::Vacant(entry) => {
                let record = Arc::new(Record::new(self.owner(inode), resets)?);
                Ok(Arc::clone(&entry.insert(record)))
            }
        }
    }

    /// The number of an inode that is to be made.
    #[must_use]
    pub fn new_inode(&self) -> Inode {
        Inode::new(self.next_inode.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes an inode that has no name yet. Whoever gives it one does both while the names are
    /// being changed: else a reset in between would take the record and leave the name.
    ///
    /// # Errors
    ///
    /// [`BudgetFull`] where the limit of records is reached.
    pub fn create(&self, inode: Inode, created: Created) -> Result<Arc<Record>, BudgetFull> {
        let record = Record::create(self.owner(inode), self.resets(), created)?;
        let record = Arc::new(record);
        self.has_records.store(true, Ordering::Release);
        self.records.insert(inode, Arc::clone(&record));
        Ok(record)
    }

    /// Forgets an inode that has no name any more. What it held is given back when the record that
    /// is returned is dropped: under no lock.
    #[must_use]
    pub fn remove(&self, inode: Inode) -> Option<Arc<Record>> {
        let (_, record) = self.records.remove(&inode)?;
        if inode.get() < MAX_INODES {
            // It is as the dataset has it again.
            self.books.dirty.note_inode(inode);
        }
        // Where most of the table is empty, its room is given back. To look takes the locks of all
        // shards, one after another.
        let removals = self.removals.fetch_add(1, Ordering::Relaxed);
        if removals.is_multiple_of(LOOK_EVERY) && self.records.len() < self.records.capacity() / 4 {
            self.records.shrink_to_fit();
        }
        Some(record)
    }

    /// How often everything was reset.
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::Acquire)
    }

    /// Whether any name differs from the dataset's.
    #[must_use]
    pub fn names_changed(&self) -> bool {
        self.names.is_changed()
    }

    /// Looks at the names as they are at one moment; they do not change meanwhile.
    pub fn with_names<T>(&self, look: impl FnOnce(&ChangedNames) -> T) -> T {
        look(&self.names.read())
    }

    /// Changes names, all or none as `change` does it; `growth` is the most that it may add, so
    /// that what gives back more than it takes can be done where there is no room left.
    ///
    /// # Errors
    ///
    /// What `change` says, and [`BudgetFull`] where there is no room for so many.
    pub fn change_names<T, E: From<BudgetFull>>(
        &self,
        growth: impl FnOnce(&ChangedNames) -> u64,
        change: impl FnOnce(&mut ChangedNames) -> Result<T, E>,
    ) -> Result<T, E> {
        self.names.change((&self.books.budget, &self.books.dirty), growth, change)
    }

    /// Looks at the names without waiting where none differs from the dataset's.
    pub fn look<T>(&self, look: impl FnOnce(&ChangedNames) -> T) -> T {
        if self.names.is_changed() { self.with_names(look) } else { look(&ChangedNames::default()) }
    }

    /// Forgets everything: from one moment to the next the dataset is as it was. What there was is
    /// returned, and counts against the budget until it is dropped.
    pub fn clear(&self) -> Cleared {
        let mut number = 0;
        let tree = self.names.take(|| {
            number = self.resets.fetch_add(1, Ordering::AcqRel) + 1;
            self.books.dirty.note_everything();
        });
        let mut records = Vec::new();
        self.records.retain(|inode, record| {
            let stays = record.resets() >= number;
            if !stays {
                records.push((*inode, Arc::clone(record)));
            }
            stays
        });
        records.append(&mut self.replaced.lock());
        self.records.shrink_to_fit();
        Cleared::new(Arc::clone(&self.books), number, tree, records)
    }

    /// The records there are at this moment, in no order.
    ///
    /// Copies the list of pointers (16 bytes a record), so that nobody who walks it holds up a
    /// write.
    #[must_use]
    pub fn records(&self) -> Vec<(Inode, Arc<Record>)> {
        let resets = self.resets();
        self.records
            .iter()
            .filter(|entry| entry.value().resets() == resets)
            .map(|entry| (*entry.key(), Arc::clone(entry.value())))
            .collect()
    }
}
