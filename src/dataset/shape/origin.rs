//! Where the bytes of a file were made.
//!
//! In a plain dataset each byte is made where it stands. With `--change` a block of a later
//! generation may be one that an earlier generation made; with `--dedup` it may be a shared block.
//! Both are arithmetic: no table exists, and any byte costs the same.
//!
//! A place shows a shared block of the generation in which it changed last. Only blocks that lie
//! wholly within the file's size are shared: those of the generation that is looked at, not of the
//! one that made the block.

use std::ops::Range;

use super::Shape;
use super::change::FileChange;
use super::sharing::{Dedup, SHARED_START, Scope, SharedBlocks, Sharing};
use crate::dataset::sizes::FileSizes;
use crate::dataset::{Coordinates, Dimensions};

/// Where the content of a file ends.
pub(super) const CONTENT_END: u64 = 1 << 52;

/// Where bytes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file in whose content they stand.
    pub file: Coordinates,
    /// The byte of that content.
    pub offset: u64,
    /// How many bytes from there on are known to go on in the same place; at least 1.
    pub length: u64,
}

/// The origins of all files, or of those with one extension: the shape of the data, and what it
/// decides about each place.
///
/// It knows how large a file is, but not which files there are.
#[derive(Clone, Debug)]
pub struct Origins {
    shape: Shape,
    sizes: FileSizes,
    /// How many blocks are shared, where that is the same for all files.
    sharing: Option<Sharing>,
    /// How many extensions there are; at least 1.
    extensions: u32,
}

impl Origins {
    /// `files` says how many there are in generation 0.
    pub(in crate::dataset) fn new(shape: Shape, sizes: FileSizes, files: &Dimensions) -> Self {
        let common = |dedup| Sharing::common(dedup, shape.change, &sizes, files);
        let sharing = shape.dedup.and_then(common);
        Self { shape, sizes, sharing, extensions: files.extensions }
    }

    /// How well the data compresses and deduplicates, and what it is made of.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The sizes of the files, which decide where blocks can be shared.
    #[must_use]
    pub fn sizes(&self) -> &FileSizes {
        &self.sizes
    }

    /// Where the bytes of a file were made.
    #[must_use]
    pub fn of(&self, file: Coordinates) -> FileOrigins {
        let change = self.shape.change.map(|change| change.of_file(*self.sizes.choice(), file));
        let shared = self.shape.dedup.map(|dedup| {
            let owner = self.owner(dedup, Coordinates { generation: 0, ..file });
            SharedBlocks::new((dedup, owner), self.sharing(dedup, file), &self.sizes, file)
        });
        FileOrigins { file, change, shared }
    }

    /// The last generation in which a file has the same bytes in a range as in its own generation;
    /// `None` where each generation has others.
    #[must_use]
    pub fn last_generation(&self, file: Coordinates, range: Range<u64>) -> Option<u16> {
        self.shape.change?;
        Some(self.of(file).last_generation(&self.sizes, range))
    }

    /// Which shared block a byte of content is in, counted from 0; `None` where it is in none.
    #[must_use]
    pub fn shared_block(&self, offset: u64) -> Option<u64> {
        let dedup = self.shape.dedup?;
        Some(offset.checked_sub(SHARED_START)? / dedup.block_bytes)
    }

    /// Whether a file is its scope's first one, and has this shared block.
    pub(in crate::dataset) fn has_shared_block(&self, file: Coordinates, number: u64) -> bool {
        self.shape.dedup.is_some_and(|dedup| {
            self.owner(dedup, file) == file
                && number < self.sharing(dedup, file).count(file.generation)
        })
    }

    /// The file that owns the shared blocks of a file's scope, in the same generation.
    fn owner(&self, dedup: Dedup, file: Coordinates) -> Coordinates {
        let extension = file.file % self.extensions;
        let Coordinates { generation, node, .. } = file;
        let first = Coordinates { generation, file: extension, ..Coordinates::default() };
        match dedup.scope {
            Scope::Dataset => first,
            Scope::Node => Coordinates { node, ..first },
            Scope::File => file,
        }
    }

    fn sharing(&self, dedup: Dedup, file: Coordinates) -> Sharing {
        self.sharing.unwrap_or_else(|| {
            let blocks = self.sizes.first(file) / dedup.block_bytes;
            Sharing::new(dedup, self.shape.change, blocks.into())
        })
    }
}

/// The origins of one file's bytes.
#[derive(Clone, Copy, Debug)]
pub struct FileOrigins {
    pub(super) file: Coordinates,
    pub(super) change: Option<FileChange>,
    pub(super) shared: Option<SharedBlocks>,
}

impl FileOrigins {
    /// Where the byte at `offset` was made, and how far that goes on. Offsets count modulo 2^52.
    #[inline]
    #[must_use]
    pub fn at(&self, offset: u64) -> Origin {
        let offset = offset % CONTENT_END;
        let mut file = self.file;
        let mut end = CONTENT_END;
        if self.shared.is_some() {
            if offset >= SHARED_START {
                return Origin { file, offset, length: CONTENT_END - offset };
            }
            end = SHARED_START;
        }
        if let Some(change) = &self.change {
            file.generation = change.made(file.generation, offset);
            end = change.block_end(offset);
        }
        if let Some(shared) = &self.shared {
            if let Some(origin) = shared.origin(file.generation, offset) {
                return origin;
            }
            if offset < shared.whole_end {
                end = end.min(((offset >> shared.shift) + 1) << shared.shift);
            }
        }
        Origin { file, offset, length: end - offset }
    }

    /// The last generation in which the file has the same bytes in a range as in this one, as far
    /// as it is that long then. The range ends within the content.
    fn last_generation(&self, sizes: &FileSizes, range: Range<u64>) -> u16 {
        let own = self.file.generation;
        match (&self.change, &self.shared) {
            (None, _) => own,
            (Some(change), None) => change.last(own, range),
            // Shared blocks are of one generation.
            (Some(_), Some(_)) if range.end > SHARED_START => own,
            (Some(change), Some(shared)) => {
                change.last(own, range.clone()).min(shared.last(sizes, range))
            }
        }
    }
}

#[cfg(test)]
mod tests;
