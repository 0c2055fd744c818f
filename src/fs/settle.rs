//! What a reset leaves to be done: the kernel remembers names, attributes and pages from before.
//!
//! Pages that programs have mapped and changed are written back when the kernel likes. One that is
//! written back after a reset holds what was there before it, so from the moment of a reset until
//! the kernel has dropped its pages, what it writes back counts as written before the reset. Bytes
//! that a program writes itself count in any case.

use std::sync::Arc;

use super::{Filesystem, Resolved};
use crate::dataset::{Dataset, Inode};
use crate::overlay::{Cleared, Name, Record};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{DashEntry, DashMap, RwLock};

/// The files that are open for writing, and the resets that the kernel has not been told of.
#[derive(Debug, Default)]
pub(super) struct Writers {
    /// How often each is open. As many as the kernel has open files: its limits bound the table.
    open: DashMap<Inode, u32>,
    settling: Arc<Settling>,
}

/// The resets that are not settled.
#[derive(Debug, Default)]
pub(super) struct Settling {
    /// How many resets of everything are.
    settled: AtomicU64,
    /// The directories and files of the dataset that are being reset, with all below them.
    tops: RwLock<Vec<Inode>>,
}

impl Writers {
    pub(super) fn open(&self, inode: Inode) {
        *self.open.entry(inode).or_default() += 1;
    }

    pub(super) fn close(&self, inode: Inode) {
        if let DashEntry::Occupied(mut entry) = self.open.entry(inode) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    /// The files that are open for writing now.
    pub(super) fn inodes(&self) -> Vec<Inode> {
        self.open.iter().map(|entry| *entry.key()).collect()
    }

    /// A reset of everything that has happened; it is the `resets`th.
    pub(super) fn unsettled(&self, resets: u64) -> Unsettled {
        Unsettled { settling: Arc::clone(&self.settling), resets, top: None }
    }

    /// A reset of a file or directory, and all below it, that is about to happen.
    pub(super) fn unsettled_below(&self, top: Inode) -> Unsettled {
        self.settling.tops.write().push(top);
        Unsettled { settling: Arc::clone(&self.settling), resets: 0, top: Some(top) }
    }
}

/// A reset that the kernel has not been told of in full; dropping it says that it has.
#[derive(Debug)]
pub struct Unsettled {
    settling: Arc<Settling>,
    resets: u64,
    top: Option<Inode>,
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.settling.settled.fetch_max(self.resets, Ordering::AcqRel);
        if let Some(top) = self.top {
            let mut tops = self.settling.tops.write();
            if let Some(index) = tops.iter().position(|other| *other == top) {
                tops.swap_remove(index);
            }
        }
    }
}

/// What a reset has changed, so that whoever remembers it can be told.
#[derive(Debug)]
pub struct Reset {
    /// Names that may stand for something else now, beside those in `cleared`.
    pub(super) names: Vec<(Inode, Name)>,
    /// Inodes whose attributes and content may have changed, beside those in `cleared`.
    pub(super) inodes: Vec<Inode>,
    /// Those that are open for writing: the kernel works out itself where their ends are.
    pub(super) open: Vec<Inode>,
    /// What is gone; it counts as held until this is dropped.
    pub(super) cleared: Option<Cleared>,
    pub(super) gone: Vec<Arc<Record>>,
    pub(super) unsettled: Option<Unsettled>,
}

impl Reset {
    pub(super) fn new(unsettled: Unsettled) -> Self {
        Self {
            names: Vec::new(),
            inodes: Vec::new(),
            open: Vec::new(),
            cleared: None,
            gone: Vec::new(),
            unsettled: Some(unsettled),
        }
    }

    /// Names that may stand for something else now.
    pub fn names(&self, dataset: &Dataset) -> impl Iterator<Item = (Inode, Name)> {
        let cleared = self.cleared.iter().flat_map(|cleared| cleared.names(dataset));
        self.names.iter().cloned().chain(cleared)
    }

    /// Inodes whose attributes and content may have changed.
    pub fn inodes(&self) -> impl Iterator<Item = Inode> {
        self.inodes.iter().copied().chain(self.cleared.iter().flat_map(Cleared::inodes))
    }

    /// The inodes that are open for writing, wherever the kernel takes their ends to be.
    #[must_use]
    pub fn open(&self) -> &[Inode] {
        &self.open
    }

    /// The kernel has dropped all pages of the inodes: what it writes back from now on is new.
    pub fn settle(&mut self) {
        self.unsettled = None;
    }
}

impl Filesystem {
    /// Whether what the kernel writes back to an inode may be from before a reset.
    pub(super) fn is_unsettled(&self, inode: Inode) -> bool {
        let settling = &self.writers.settling;
        settling.settled.load(Ordering::Acquire) < self.overlay.resets()
            || settling.tops.read().iter().any(|top| self.is_below(inode, *top))
    }

    /// The last byte of a file of the dataset and its offset: who stores that in the kernel's
    /// memory of a file tells it where the file ends. `None` for all else, and for empty files.
    pub fn last_byte(&self, inode: Inode) -> Option<(u64, u8)> {
        let Ok(Resolved::File(base)) = self.resolve(inode) else { return None };
        let mut byte = [0];
        let view = self.overlay.get(inode).and_then(|record| {
            let size_bytes = record.stat().size?.size_bytes;
            record.view(size_bytes.checked_sub(1)?..size_bytes)
        });
        match (view, base) {
            (Some(view), _) => {
                let offset = view.size_bytes.checked_sub(1)?;
                view.read(&self.content, offset, &mut byte).ok()?;
                Some((offset, byte[0]))
            }
            (None, Some(base)) => {
                let offset = base.size_bytes.checked_sub(1)?;
                self.content.fill(base.file, offset, &mut byte);
                Some((offset, byte[0]))
            }
            (None, None) => None,
        }
    }
}
