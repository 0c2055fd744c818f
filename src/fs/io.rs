//! Opening, reading, writing and seeking.

use std::sync::atomic::Ordering;

use super::attributes::FILE_BYTES_MAX;
use super::{CacheMode, Error, Filesystem, OnMismatch, Place, Result, now};
use crate::content::{Address, BLOCK_BYTES};
use crate::dataset::Inode;
use crate::overlay::{Base, Expectation, Extent, ExtentMap, Piece, Recogniser, Written};
use crate::status::StatusNode;
use crate::verdict::Judge;

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the operations on it name; 0 for files that need none.
    pub handle: u64,
    /// How its bytes may be cached.
    pub cache: CachePolicy,
}

/// How the kernel may cache the bytes of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachePolicy {
    /// Not at all: every read and write arrives here.
    Direct,
    /// In the page cache, also from one open to the next.
    Page,
    /// Not at all: the bytes were fixed when the file was opened.
    Frozen,
}

/// What to look for from an offset on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// The next byte that is not in a hole.
    Data,
    /// The next hole; the end of the file is one.
    Hole,
}

impl Filesystem {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::IsDirectory`], and [`Error::ReadOnly`] for writing to a status
    /// file.
    pub fn open(&self, inode: Inode, for_writing: bool) -> Result<Opened> {
        match self.place(inode)? {
            Place::Status(StatusNode::Document(_)) if for_writing => Err(Error::ReadOnly),
            Place::Status(StatusNode::Document(document)) => {
                let handle = self.open_status(document)?;
                Ok(Opened { handle, cache: CachePolicy::Frozen })
            }
            Place::Directory | Place::Status(_) => Err(Error::IsDirectory),
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
    pub fn release(&self, handle: u64) {
        self.close_status(handle);
    }

    /// Reads into `out` and says how many bytes there were: fewer than asked for only at the end.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::IsDirectory`], [`Error::BadHandle`].
    pub fn read(&self, inode: Inode, handle: u64, offset: u64, out: &mut [u8]) -> Result<usize> {
        let file = match self.place(inode)? {
            Place::File(file) => file,
            Place::Status(StatusNode::Document(_)) => {
                return self.read_status(handle, offset, out);
            }
            Place::Directory | Place::Status(_) => return Err(Error::IsDirectory),
        };
        let end = offset.saturating_add(out.len() as u64);
        let view = self.overlay.get(inode).and_then(|record| record.view(offset..end));
        let size_bytes =
            view.as_ref().map_or_else(|| self.dataset.size_bytes(file), |view| view.size_bytes);
        let length = end.min(size_bytes).saturating_sub(offset);
        // No longer than `out`, so it fits.
        let length = usize::try_from(length).unwrap_or(out.len());
        let out = &mut out[..length];
        match view {
            None => self.content.fill(file, offset, out),
            Some(view) => view.read(&self.content, offset, out),
        }
        self.counters.read(length as u64);
        Ok(length)
    }

    /// Writes all of `data`, or nothing. `drop_set_id` is for callers who are not the owner.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] for a wrong byte where mismatches are rejected, [`Error::NoSpace`] where
    /// the bytes would have to be kept and there is no room, [`Error::TooLarge`] past the largest
    /// offset, [`Error::ReadOnly`] under `.status`, [`Error::NotFound`], [`Error::IsDirectory`].
    pub fn write(&self, inode: Inode, offset: u64, data: &[u8], drop_set_id: bool) -> Result<()> {
        let file = match self.place(inode)? {
            Place::File(file) => file,
            Place::Directory => return Err(Error::IsDirectory),
            Place::Status(_) => return Err(Error::ReadOnly),
        };
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > FILE_BYTES_MAX) {
            return Err(Error::TooLarge);
        }
        let size_bytes = self.dataset.size_bytes(file);
        let expectation = Expectation { file, size_bytes };
        let recogniser =
            Recogniser { content: &self.content, is_known: &|address| self.is_known(address) };
        let pieces = recogniser.recognise(Some(expectation), offset, data, || {
            self.overlay.get(inode)?.continuation(offset)
        });
        if !is_right(expectation, &pieces) {
            self.note_wrong(inode, expectation, &pieces)?;
        }
        self.overlay
            .get_or_insert(inode)
            .and_then(|record| record.write(Base { file, size_bytes }, &pieces, now()))
            .inspect_err(|_| {
                self.counters.no_space.fetch_add(1, Ordering::Relaxed);
            })?;
        if drop_set_id {
            self.drop_set_id(inode);
        }
        self.counters.wrote(data.len() as u64);
        Ok(())
    }

    /// Remembers what is wrong in a write, and refuses it where the mount does that.
    fn note_wrong(
        &self,
        inode: Inode,
        expectation: Expectation,
        pieces: &[(u64, Extent)],
    ) -> Result<()> {
        let mut extents = ExtentMap::default();
        for (offset, extent) in pieces {
            extents.insert(*offset, extent.clone());
        }
        let size_bytes = pieces.last().map_or(0, |(offset, extent)| offset + extent.length);
        let mut ranges = Vec::new();
        Judge { content: &self.content, expectation }
            .judge(&Written { size_bytes, extents }, &mut |range| ranges.push(range));
        if ranges.is_empty() {
            return Ok(());
        }
        self.events.add(inode, ranges);
        self.refuse()
    }

    /// Refuses to grow a file past its expected end where mismatches are rejected.
    pub(super) fn refuse_growth(&self) -> Result<()> {
        self.refuse()
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

    /// The next data or hole from an offset on.
    ///
    /// # Errors
    ///
    /// [`Error::PastEnd`] where there is none, [`Error::NotFound`], [`Error::NotSupported`] for what
    /// is not a file of the dataset.
    pub fn seek(&self, inode: Inode, offset: u64, seek: Seek) -> Result<u64> {
        let Place::File(file) = self.place(inode)? else { return Err(Error::NotSupported) };
        let data = seek == Seek::Data;
        let written = self.overlay.get(inode).and_then(|record| record.seek(offset, data));
        let found = written.unwrap_or_else(|| {
            let size_bytes = self.dataset.size_bytes(file);
            (offset < size_bytes).then_some(if data { offset } else { size_bytes })
        });
        found.ok_or(Error::PastEnd)
    }

    /// Whether the dataset has the block at an address.
    fn is_known(&self, address: &Address) -> bool {
        self.dataset.contains(address.file)
            && address.block < self.dataset.size_bytes(address.file).div_ceil(BLOCK_BYTES as u64)
    }
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
