//! Opening, reading, writing and seeking.

use std::ops::Range;

use super::asked::{Allocate, CachePolicy, Opened, Seek};
use super::attributes::FILE_BYTES_MAX;
use super::{CacheMode, Error, Filesystem, OnMismatch, Place, Result, judged, now};
use crate::content::Stop;
use crate::dataset::Coordinates;
use crate::dataset::Inode;
use crate::overlay::{Base, Expectation, Extent, ExtentMap, Piece, Recogniser, Written};
use crate::status::{StatusNode, WrongRanges};
use crate::sync::atomic::Ordering;
use crate::verdict::Judge;

impl Filesystem {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::IsDirectory`], [`Error::ReadOnly`] for writing to a status
    /// file, and [`Error::TooManyOpen`] where the open documents hold as much as they may.
    pub fn open(&self, inode: Inode, for_writing: bool) -> Result<Opened> {
        self.open_unless(inode, for_writing, Stop::NEVER)
    }

    /// The same; making a [document](Self::document_work) can be stopped.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and [`Error::Interrupted`] where `stop` says so.
    pub fn open_unless(&self, inode: Inode, for_writing: bool, stop: Stop<'_>) -> Result<Opened> {
        match self.place(inode)? {
            Place::Status(StatusNode::Document(_) | StatusNode::Manifest) if for_writing => {
                Err(Error::ReadOnly)
            }
            Place::Status(StatusNode::Document(document)) => {
                let handle = self.open_status(document, stop)?;
                Ok(Opened { handle, cache: CachePolicy::Frozen })
            }
            Place::Status(StatusNode::Manifest) => {
                Ok(Opened { handle: self.open_manifest(), cache: CachePolicy::Frozen })
            }
            Place::Status(StatusNode::Control) => {
                Ok(Opened { handle: 0, cache: CachePolicy::Frozen })
            }
            Place::Directory | Place::Status(_) => Err(Error::IsDirectory),
            // The kernel opens those itself.
            Place::Special(_) => Err(Error::Invalid),
            Place::File(_) => {
                let cache = match self.options.cache {
                    CacheMode::Direct => CachePolicy::Direct,
                    CacheMode::Page => CachePolicy::Page,
                };
                Ok(Opened { handle: 0, cache })
            }
        }
    }

    /// Closes what [`open`](Self::open) opened.
    pub fn release(&self, inode: Inode, handle: u64) {
        self.close_status(handle);
        self.read_ahead.forget(inode);
    }

    /// Reads into `out` and says how many bytes there were: fewer than asked for only at the end.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::IsDirectory`], [`Error::BadHandle`].
    pub fn read(&self, inode: Inode, handle: u64, offset: u64, out: &mut [u8]) -> Result<usize> {
        let base = match self.place(inode)? {
            Place::File(base) => base,
            Place::Status(StatusNode::Document(_)) => {
                return self.read_status(handle, offset, out);
            }
            Place::Status(StatusNode::Manifest) => {
                return self.read_manifest(handle, offset, out, true, &|| false);
            }
            Place::Status(StatusNode::Control) => return Ok(0),
            Place::Special(_) => return Err(Error::Invalid),
            Place::Directory | Place::Status(_) => return Err(Error::IsDirectory),
        };
        let end = offset.saturating_add(out.len() as u64);
        let view = self.overlay.get(inode).and_then(|record| record.view(offset..end));
        let size_bytes = match &view {
            Some(view) => view.size_bytes,
            None => base.map_or(0, |base| base.size_bytes),
        };
        let length = end.min(size_bytes).saturating_sub(offset);
        // No longer than `out`, so it fits.
        let length = usize::try_from(length).unwrap_or(out.len());
        let out = &mut out[..length];
        match (view, base) {
            (Some(view), _) => {
                view.read(&self.content, offset, out).map_err(Error::Store)?;
            }
            (None, Some(base)) => self.content.fill(base.file, offset, out),
            // A file that was made always has a view.
            (None, None) => {}
        }
        self.counters.read(length as u64);
        Ok(length)
    }

    /// Writes all of `data`, or nothing. Whoever has not the privilege to keep them drops the
    /// set-id bits; says whether there were any.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] for a wrong byte where mismatches are rejected, [`Error::NoSpace`] where
    /// the bytes would have to be kept and there is no room, [`Error::TooLarge`] past the largest
    /// offset, [`Error::ReadOnly`] under `.status`, [`Error::NotFound`], [`Error::IsDirectory`].
    pub fn write(&self, inode: Inode, offset: u64, data: &[u8], drop_set_id: bool) -> Result<bool> {
        let base = self.writable(inode)?;
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > FILE_BYTES_MAX) {
            return Err(Error::TooLarge);
        }
        let record = self.overlay.get(inode);
        let expectation = self.expectation(judged(base, record.as_ref()));
        let recogniser = Recogniser {
            content: &self.content,
            is_known: &|at| self.dataset.has_block(at.file, at.block),
        };
        let mut pieces = recogniser
            .recognise(expectation, offset, data, || record.as_ref()?.continuation(offset));
        self.store(inode, base, expectation, &mut pieces, Stop::NEVER)?;
        self.counters.wrote(data.len() as u64);
        Ok(drop_set_id && self.drop_set_id(inode))
    }

    /// What an inode that can be written to is before anybody does.
    fn writable(&self, inode: Inode) -> Result<Option<Base>> {
        match self.place(inode)? {
            Place::File(base) => Ok(base),
            Place::Directory => Err(Error::IsDirectory),
            Place::Special(_) => Err(Error::Invalid),
            Place::Status(_) => Err(Error::ReadOnly),
        }
    }

    fn expectation(&self, file: Option<Coordinates>) -> Option<Expectation> {
        file.map(|file| Expectation { file, size_bytes: self.dataset.size_bytes(file) })
    }

    /// Puts pieces into a file, and remembers what is wrong in them.
    fn store(
        &self,
        inode: Inode,
        base: Option<Base>,
        expectation: Option<Expectation>,
        pieces: &mut [(u64, Extent)],
        stop: Stop<'_>,
    ) -> Result<()> {
        if let Some(expectation) = expectation
            && !is_right(expectation, pieces)
        {
            self.note_wrong(expectation, pieces, stop)?;
        }
        let stored =
            self.overlay.keep(pieces).map_err(Error::from).and_then(|()| {
                Ok(self.overlay.get_or_insert(inode)?.write(base, pieces, now())?)
            });
        if stored == Err(Error::NoSpace) {
            self.counters.no_space.fetch_add(1, Ordering::Relaxed);
        }
        stored
    }

    /// Remembers what is wrong in a write, and refuses it where the mount does that.
    fn note_wrong(
        &self,
        expectation: Expectation,
        pieces: &[(u64, Extent)],
        stop: Stop<'_>,
    ) -> Result<()> {
        let mut extents = ExtentMap::default();
        for (offset, extent) in pieces {
            extents.insert(*offset, extent.clone());
        }
        let size_bytes = pieces.last().map_or(0, |(offset, extent)| offset + extent.length);
        let mut ranges = WrongRanges::default();
        let written = Written { size_bytes, extents };
        let judge = Judge { content: &self.content, expectation };
        if !judge.judge_pieces(&written, stop, &mut |range| ranges.add(range)) {
            return Err(Error::Interrupted);
        }
        if ranges.is_empty() {
            return Ok(());
        }
        self.events.add(expectation.file, ranges);
        self.refuse()
    }

    /// Refuses to grow a file past its expected end where mismatches are rejected.
    pub(super) fn refuse_growth(
        &self,
        inode: Inode,
        base: Option<Base>,
        size_bytes: u64,
    ) -> Result<()> {
        let record = self.overlay.get(inode);
        match self.expectation(judged(base, record.as_ref())) {
            Some(expectation) if size_bytes > expectation.size_bytes => self.refuse(),
            _ => Ok(()),
        }
    }

    fn refuse(&self) -> Result<()> {
        match self.options.on_mismatch {
            OnMismatch::Record => Ok(()),
            OnMismatch::Reject => {
                self.counters.rejected.fetch_add(1, Ordering::Relaxed);
                Err(Error::Mismatch)
            }
        }
    }

    /// Changes a range without writing to it.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] past the largest offset, [`Error::Invalid`] for an empty range,
    /// [`Error::Mismatch`] where that would be wrong and mismatches are rejected,
    /// [`Error::NoSpace`], [`Error::ReadOnly`], [`Error::NotFound`], [`Error::IsDirectory`].
    pub fn allocate(&self, inode: Inode, range: Range<u64>, how: Allocate) -> Result<()> {
        self.allocate_unless(inode, range, how, Stop::NEVER)
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
        stop: Stop<'_>,
    ) -> Result<()> {
        let base = self.writable(inode)?;
        if range.is_empty() {
            return Err(Error::Invalid);
        }
        if range.end > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let size_bytes = self.attributes(inode)?.size.size_bytes;
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
                self.overlay.get_or_insert(inode)?.resize(base, end, now());
            }
            Allocate::Hole if !inside.is_empty() => {
                let record = self.overlay.get_or_insert(inode)?;
                record.punch(base, inside, size_bytes, now())?;
            }
            Allocate::Zeros { .. } if !inside.is_empty() => {
                let length = inside.end - inside.start;
                let mut pieces = [(inside.start, Extent { length, piece: Piece::Zeros })];
                let record = self.overlay.get(inode);
                let expectation = self.expectation(judged(base, record.as_ref()));
                self.store(inode, base, expectation, &mut pieces, stop)?;
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
        self.copy_range_unless(from, to, length, Stop::NEVER)
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
        stop: Stop<'_>,
    ) -> Result<u64> {
        let (from_inode, from_offset) = from;
        let (to_inode, to_offset) = to;
        let from_base = match self.place(from_inode)? {
            Place::File(base) => base,
            // It has no extents to share: the kernel reads and writes instead.
            Place::Status(_) => return Err(Error::NotSupported),
            Place::Directory => return Err(Error::IsDirectory),
            Place::Special(_) => return Err(Error::Invalid),
        };
        let to_base = self.writable(to_inode)?;
        let from_size = self.attributes(from_inode)?.size.size_bytes;
        let length = length.min(from_size.saturating_sub(from_offset)).min(COPY_BYTES_MAX);
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
        let from_record = self.overlay.get(from_inode);
        let view = from_record.and_then(|it| it.view_beginning(range.clone(), COPY_EXTENTS_MAX));
        let (extents, end) = match view {
            Some((view, end)) => (view.extents, end),
            None => (Written::of(from_base).extents.range(range.clone()).collect(), range.end),
        };
        let (range, length) = (from_offset..end, end - from_offset);
        let mut pieces = shifted(&extents, range, to_offset);
        let record = self.overlay.get(to_inode);
        let expectation = self.expectation(judged(to_base, record.as_ref()));
        self.store(to_inode, to_base, expectation, &mut pieces, stop)?;
        self.counters.wrote(length);
        Ok(length)
    }

    /// The next data or hole from an offset on.
    ///
    /// # Errors
    ///
    /// [`Error::PastEnd`] where there is none, [`Error::NotFound`], [`Error::NotSupported`] for
    /// what is not a file of the dataset.
    pub fn seek(&self, inode: Inode, offset: u64, seek: Seek) -> Result<u64> {
        let Place::File(base) = self.place(inode)? else { return Err(Error::NotSupported) };
        let data = seek == Seek::Data;
        let written = self.overlay.get(inode).and_then(|record| record.seek(offset, data));
        let found = written.unwrap_or_else(|| {
            let size_bytes = base.map_or(0, |base| base.size_bytes);
            (offset < size_bytes).then_some(if data { offset } else { size_bytes })
        });
        found.ok_or(Error::PastEnd)
    }
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
        (to + (start - range.start), Extent { length: end - start, piece: Piece::Zeros })
    };
    for (offset, extent) in extents {
        if done < *offset {
            pieces.push(zeros(done, *offset));
        }
        let mut extent = extent.clone();
        if let Piece::Seed { written, .. } = &mut extent.piece {
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

/// Whether a write is one run of exactly what belongs there.
fn is_right(expectation: Expectation, pieces: &[(u64, Extent)]) -> bool {
    match pieces {
        [] => true,
        [(offset, Extent { length, piece: Piece::Seed { source, .. } })] => {
            *source == expectation.source(*offset) && offset + length <= expectation.size_bytes
        }
        _ => false,
    }
}
