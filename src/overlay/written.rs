//! What a file has: a size and extents.

use smallvec::SmallVec;

use super::extent::{Extent, ExtentData, to_index};
use super::extent_map::ExtentMap;
use super::store::StoreFailure;
use crate::content::{Content, StopCheck, Stopped};
use crate::dataset::FileContent;

/// What to look for from an offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// The next byte that is not in a hole.
    Data,
    /// The next hole; the end of the file is one.
    Hole,
}

/// What a file has: its size and its extents. Bytes past the last extent, or between two, are
/// holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The file's size. No extent reaches past it.
    pub size_bytes: u64,
    /// What stands where.
    pub extents: ExtentMap,
}

impl Written {
    /// What a file has before anybody wrote to it; one that was made has nothing.
    #[must_use]
    pub fn of(base: Option<FileContent>) -> Self {
        let Some(base) = base else { return Self::default() };
        let mut extents = ExtentMap::default();
        let data = ExtentData::Content { source: base.source(0), written: false };
        extents.insert(0, Extent { length: base.size_bytes, data });
        Self { size_bytes: base.size_bytes, extents }
    }

    /// Reads bytes, holes as zeros. What lies past the size reads as zeros too.
    ///
    /// # Errors
    ///
    /// Where kept bytes are on disk and cannot be read.
    pub fn read(&self, content: &Content, offset: u64, out: &mut [u8]) -> Result<(), StoreFailure> {
        let range = offset..offset.saturating_add(out.len() as u64);
        fill(content, self.extents.range(range), offset, out)
    }
}

/// Fills a buffer that begins at `offset` of the file from the extents that touch it.
fn fill(
    content: &Content,
    extents: impl Iterator<Item = (u64, Extent)>,
    offset: u64,
    out: &mut [u8],
) -> Result<(), StoreFailure> {
    let mut done = 0;
    for (start, extent) in extents {
        let start = to_index(start - offset);
        let end = start + to_index(extent.length);
        out[done..start].fill(0);
        match &extent.data {
            ExtentData::Content { source, .. } => {
                content.fill(source.file, source.offset, &mut out[start..end]);
            }
            ExtentData::Zeros => out[start..end].fill(0),
            ExtentData::Bytes(bytes) => out[start..end].copy_from_slice(bytes),
            ExtentData::Stored(stored) => stored.read(&mut out[start..end])?,
        }
        done = end;
    }
    out[done..].fill(0);
    Ok(())
}

/// The extents of a range, and the size, as they were at one moment.
#[derive(Debug)]
pub struct WrittenPart {
    /// The file's size.
    pub size_bytes: u64,
    /// The extents in the range, cut to it, in order; what is between them is a hole.
    pub extents: SmallVec<[(u64, Extent); 2]>,
}

impl WrittenPart {
    /// Has the sums made that take long, before it is read.
    ///
    /// # Errors
    ///
    /// [`Stopped`] where `stop` says so.
    pub fn make_sums(&self, content: &Content, stop: StopCheck<'_>) -> Result<(), Stopped> {
        self.extents.iter().try_for_each(|(_, extent)| match extent.data {
            ExtentData::Content { source, .. } => {
                let range = source.offset..source.offset.saturating_add(extent.length);
                content.make_sums(source.file, range, stop)
            }
            ExtentData::Zeros | ExtentData::Bytes(_) | ExtentData::Stored(_) => Ok(()),
        })
    }

    /// Fills a buffer that begins at `offset`, where the view begins too; the caller cuts it to the
    /// size first.
    ///
    /// # Errors
    ///
    /// Where kept bytes are on disk and cannot be read.
    pub fn read(self, content: &Content, offset: u64, out: &mut [u8]) -> Result<(), StoreFailure> {
        fill(content, self.extents.into_iter(), offset, out)
    }
}
