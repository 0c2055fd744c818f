//! Changing a range of a file without writing its bytes, and copying one.

use std::ops::Range;
use std::sync::Arc;

use super::asked::Allocate;
use super::attributes::FILE_BYTES_MAX;
use super::{Error, Filesystem, Resolved, Result, now};
use crate::content::StopCheck;
use crate::dataset::{FileContent, Inode};
use crate::overlay::{Extent, ExtentData, Record, Written};
use crate::status::Begun;

impl Filesystem {
    /// Changes a range without writing to it.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] past the largest offset, [`Error::Invalid`] for an empty range,
    /// [`Error::Mismatch`] where that would be wrong and mismatches are rejected,
    /// [`Error::NoSpace`], [`Error::ReadOnly`], [`Error::NotFound`], [`Error::IsDirectory`].
    pub fn allocate(&self, inode: Inode, range: Range<u64>, how: Allocate) -> Result<()> {
        self.allocate_unless(inode, range, how, StopCheck::NEVER)
    }

    /// The same, unless `stop` says so while it is judged: then nothing was done.
    ///
    /// # Errors
    ///
    /// As for [`allocate`](Self::allocate), and [`Error::Interrupted`].
    pub fn allocate_unless(
        &self,
        inode: Inode,
        range: Range<u64>,
        how: Allocate,
        stop: StopCheck<'_>,
    ) -> Result<()> {
        let base = self.writable(inode)?;
        if range.is_empty() {
            return Err(Error::Invalid);
        }
        if range.end > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        // One record for all of it: a reset in between takes it, and with it what was done.
        let record = self.overlay.get(inode);
        let size_bytes = size_of(base, record.as_ref());
        let the_record = || match &record {
            Some(record) => Ok::<_, Error>(Arc::clone(record)),
            None => Ok(self.overlay.get_or_insert(inode)?),
        };
        let keeps_size = match how {
            Allocate::Space { keep_size } | Allocate::Zeros { keep_size } => keep_size,
            Allocate::Hole => true,
        };
        if !keeps_size {
            self.refuse_growth(inode, base, range.end)?;
        }
        let end = if keeps_size { range.end.min(size_bytes) } else { range.end };
        let inside = range.start..end;
        match how {
            Allocate::Space { .. } if end > size_bytes => {
                the_record()?.grow(base, end, now());
            }
            Allocate::Hole if !inside.is_empty() => {
                the_record()?.punch(base, inside, size_bytes, now())?;
            }
            Allocate::Zeros { .. } if !inside.is_empty() => {
                let length = inside.end - inside.start;
                let mut pieces = [(inside.start, Extent { length, data: ExtentData::Zeros })];
                let expectation = self.expectation(self.judged(inode, base, record.as_ref()));
                self.store(|| Ok(Some(the_record()?)), base, expectation, &mut pieces, stop)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Copies a range from one file to another, or within one, and says how many bytes there were.
    /// Extents are shared: nothing is copied but bytes that are nobody's content are counted twice.
    /// May copy less than was asked for, as the system call may.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write), and [`Error::Invalid`] for ranges of one file that overlap.
    pub fn copy_range(&self, from: (Inode, u64), to: (Inode, u64), length: u64) -> Result<u64> {
        self.copy_range_unless(from, to, length, StopCheck::NEVER)
    }

    /// The same, unless `stop` says so while it is judged: then nothing was done.
    ///
    /// # Errors
    ///
    /// As for [`copy_range`](Self::copy_range), and [`Error::Interrupted`].
    pub fn copy_range_unless(
        &self,
        from: (Inode, u64),
        to: (Inode, u64),
        length: u64,
        stop: StopCheck<'_>,
    ) -> Result<u64> {
        let (from_inode, from_offset) = from;
        let (to_inode, to_offset) = to;
        let from_base = match self.resolve(from_inode)? {
            Resolved::File(base) => base,
            // It has no extents to share: the kernel reads and writes instead.
            Resolved::Status(_) => return Err(Error::NotSupported),
            Resolved::Directory => return Err(Error::IsDirectory),
            Resolved::Special(_) => return Err(Error::Invalid),
        };
        let to_base = self.writable(to_inode)?;
        // Size and extents of one moment: a cut in between would be copied as zeros.
        let wanted = from_offset..from_offset.saturating_add(length.min(COPY_BYTES_MAX));
        let from_record = self.overlay.get(from_inode);
        let view = from_record.and_then(|it| it.view_beginning(wanted.clone(), COPY_EXTENTS_MAX));
        let (from_size, end) = match &view {
            Some((view, end)) => (view.size_bytes, *end),
            None => (from_base.map_or(0, |base| base.size_bytes), wanted.end),
        };
        let length = end.min(from_size).saturating_sub(from_offset);
        if to_offset.checked_add(length).is_none_or(|end| end > FILE_BYTES_MAX) {
            return Err(Error::TooLarge);
        }
        if length == 0 {
            return Ok(0);
        }
        if from_inode == to_inode && from_offset.abs_diff(to_offset) < length {
            return Err(Error::Invalid);
        }
        let range = from_offset..from_offset + length;
        let extents = match view {
            Some((view, _)) => view.extents,
            None => Written::of(from_base).extents.range(range.clone()).collect(),
        };
        let mut pieces = shifted(&extents, range, to_offset);
        let record = self.overlay.get(to_inode);
        let expectation = self.expectation(self.judged(to_inode, to_base, record.as_ref()));
        let record_to = || Ok(Some(self.overlay.get_or_insert(to_inode)?));
        self.store(record_to, to_base, expectation, &mut pieces, stop)?;
        // One copy may be of a gigabyte: it says nothing about the time of a write.
        self.counters.wrote(length, Begun::default());
        Ok(length)
    }
}

/// How large a file is.
fn size_of(base: Option<FileContent>, record: Option<&Arc<Record>>) -> u64 {
    let changed = record.and_then(|record| record.stat().size);
    changed.map_or_else(|| base.map_or(0, |base| base.size_bytes), |size| size.size_bytes)
}

/// The most that one copy moves: what a reply can say.
const COPY_BYTES_MAX: u64 = 1 << 30;

/// The most extents that one copy moves: they are held twice meanwhile, beside the limits. Twice as
/// many as so many kept bytes have.
const COPY_EXTENTS_MAX: usize = 1 << 15;

/// The extents of a range as pieces that somebody writes elsewhere; holes become zeros.
fn shifted(extents: &[(u64, Extent)], range: Range<u64>, to: u64) -> Vec<(u64, Extent)> {
    let mut pieces = Vec::with_capacity(extents.len());
    let mut done = range.start;
    let zeros = |start: u64, end: u64| {
        (to + (start - range.start), Extent { length: end - start, data: ExtentData::Zeros })
    };
    for (offset, extent) in extents {
        if done < *offset {
            pieces.push(zeros(done, *offset));
        }
        let mut extent = extent.clone();
        if let ExtentData::Content { written, .. } = &mut extent.data {
            *written = true;
        }
        done = offset + extent.length;
        pieces.push((to + (offset - range.start), extent));
    }
    if done < range.end {
        pieces.push(zeros(done, range.end));
    }
    pieces
}
