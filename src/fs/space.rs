//! Sizes and counts of the whole filesystem.

use super::Filesystem;
use crate::content::StopCheck;
use crate::overlay::{ChangedNames, GivenBack, Returns, Store};

/// What `statfs` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilesystemSpace {
    /// The unit of the block counts, in bytes.
    pub block_bytes: u32,
    /// Blocks of the dataset and of all bytes that may be kept.
    pub blocks: u64,
    /// Blocks of bytes that may still be kept.
    pub blocks_free: u64,
    /// Files of the dataset, and those that were made, less those that were removed, by their
    /// names; and those that are free.
    pub files: u64,
    /// How many more records and extents may be kept.
    pub files_free: u64,
    /// The longest name, in bytes.
    pub name_bytes_max: u32,
}

/// The block size that everything reports.
const BLOCK_BYTES: u32 = 4096;

/// Tools multiply by the block size, and count bytes in signed 64 bits.
const BLOCKS_MAX: u64 = i64::MAX as u64 / BLOCK_BYTES as u64;

/// `NAME_MAX` of Linux.
const NAME_BYTES_MAX: u32 = 255;

impl Filesystem {
    /// Sizes and counts; the sizes are an estimate while they are being summed. A dataset of 8 EiB
    /// or more is shown as that.
    ///
    /// Programs look at what is free before they write, and fill it. So it is what can be written
    /// of any bytes. The dataset's own content needs none of it: as on any filesystem, its files
    /// are there, and are overwritten in place.
    #[must_use]
    pub fn space(&self) -> FilesystemSpace {
        let budget = self.overlay.budget();
        let store = self.overlay.store();
        let stored = store.map_or(0, Store::used_bytes);
        let kept = budget.usage().kept_bytes.saturating_add(stored);
        let may_be_kept = budget
            .limits()
            .kept_bytes
            .saturating_add(stored)
            .saturating_add(store.map_or(0, Store::free_bytes));
        let dataset = self.sizes.total(&self.dataset).bytes;
        let more = self.overlay.with_names(ChangedNames::files_more);
        let files = self.dataset.file_count().saturating_add_signed(more);
        let files_free = budget.limits().extents.saturating_sub(budget.usage().extents);
        FilesystemSpace {
            block_bytes: BLOCK_BYTES,
            blocks: blocks(dataset.saturating_add(may_be_kept.into())),
            blocks_free: blocks(may_be_kept.saturating_sub(kept).into()),
            files: files.saturating_add(files_free),
            files_free,
            name_bytes_max: NAME_BYTES_MAX,
        }
    }

    /// Sums the sizes of some more files for [`space`](Self::space) and the status, less than a
    /// millisecond's work; false where there is no more to do. Any number of threads may call it.
    pub fn sum_sizes(&self) -> bool {
        self.sizes.step(&self.dataset)
    }

    /// Says when there is something to [give back](Self::give_back).
    #[must_use]
    pub fn returns(&self) -> &Returns {
        self.overlay.returns()
    }

    /// Gives back to the store's disk what was freed, and says what else is to be done. A thread of
    /// its own does that: it may take a while.
    #[must_use]
    pub fn give_back(&self) -> GivenBack {
        self.overlay.give_back()
    }

    /// Counts what has changed for the documents of the status, so that whoever opens one need not
    /// wait for that. The same thread does it.
    pub fn count_changes(&self) {
        let is_over = || self.returns().is_over();
        // What is left is counted with the next.
        let _ = self.status().catch_up(StopCheck::when(&is_over));
    }
}

fn blocks(bytes: u128) -> u64 {
    let blocks = bytes.div_ceil(u128::from(BLOCK_BYTES));
    u64::try_from(blocks).map_or(BLOCKS_MAX, |blocks| blocks.min(BLOCKS_MAX))
}
