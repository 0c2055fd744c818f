//! Sizes and counts of the whole filesystem.

use super::Filesystem;
use crate::overlay::Tree;

/// What `statfs` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The unit of the block counts, in bytes.
    pub block_bytes: u32,
    /// Blocks of the dataset.
    pub blocks: u64,
    /// Blocks that are free: the dataset takes no storage, so all but the kept bytes.
    pub blocks_free: u64,
    /// Files of the dataset, and those that were made, less those that were removed, by their
    /// names.
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
    #[must_use]
    pub fn space(&self) -> Space {
        let blocks = self.sizes.total(&self.dataset).bytes.div_ceil(u128::from(BLOCK_BYTES));
        let blocks = u64::try_from(blocks).unwrap_or(BLOCKS_MAX).min(BLOCKS_MAX);
        let kept = self.overlay.budget().usage().kept_bytes.div_ceil(u64::from(BLOCK_BYTES));
        let more = self.overlay.with_names(Tree::files_more);
        let files = self.dataset.file_count().saturating_add_signed(more);
        let budget = self.overlay.budget();
        Space {
            block_bytes: BLOCK_BYTES,
            blocks,
            blocks_free: blocks.saturating_sub(kept),
            files,
            // No more than there are, or tools would show that less than none are in use.
            files_free: budget.limits().extents.saturating_sub(budget.usage().extents).min(files),
            name_bytes_max: NAME_BYTES_MAX,
        }
    }
}
