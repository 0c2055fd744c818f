//! Opening, reading, writing and seeking.

use std::sync::Arc;

use super::asked::{CachePolicy, OpenFor, Opened};
use super::attributes::FILE_BYTES_MAX;
use super::{
    CacheMode, Error, Filesystem, Fill, OnMismatch, Resolved, Result, Seek, StatusEntry, now,
};
use crate::content::{Source, StopCheck};
use crate::dataset::{Coordinates, FileContent, Inode};
use crate::overlay::{Extent, ExtentData, ExtentMap, Recogniser, Record, Written};
use crate::status::WrongRanges;
use crate::sync::atomic::Ordering;
use crate::verdict::Judge;

/// The handle of all files that are open for writing: they need none, but are counted.
const FOR_WRITING: u64 = 1 << 63;

impl Filesystem {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::IsDirectory`], [`Error::ReadOnly`] for writing to a status
    /// file, and [`Error::TooManyOpen`] where the open documents hold as much as they may.
    pub fn open(&self, inode: Inode, wanted: OpenFor) -> Result<Opened> {
        self.open_unless(inode, wanted, StopCheck::NEVER)
    }

    /// The same; making a [document](Self::document_work) can be stopped.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and [`Error::Interrupted`] where `stop` says so.
    pub fn open_unless(
        &self,
        inode: Inode,
        wanted: OpenFor,
        stop: StopCheck<'_>,
    ) -> Result<Opened> {
        match self.resolve(inode)? {
            Resolved::Status(StatusEntry::Document(_) | StatusEntry::Manifest)
                if wanted == OpenFor::Writing =>
            {
                Err(Error::ReadOnly)
            }
            Resolved::Status(StatusEntry::Document(document)) => {
                let handle = self.open_status(document, stop)?;
                Ok(Opened { handle, cache: CachePolicy::Frozen })
            }
            Resolved::Status(StatusEntry::Manifest) => {
                Ok(Opened { handle: self.status_files.open_manifest(), cache: CachePolicy::Frozen })
            }
            Resolved::Status(StatusEntry::Control) => {
                Ok(Opened { handle: 0, cache: CachePolicy::Commands })
            }
            Resolved::Directory | Resolved::Status(_) => Err(Error::IsDirectory),
            // The kernel opens those itself.
            Resolved::Special(_) => Err(Error::Invalid),
            Resolved::File(_) => Ok(self.opened(inode, wanted)),
        }
    }

    /// A file of the dataset, or one that was made, that is open now.
    pub(super) fn opened(&self, inode: Inode, wanted: OpenFor) -> Opened {
        let cache = match self.options.cache {
            CacheMode::Direct => CachePolicy::Direct,
            CacheMode::Page => CachePolicy::Page,
        };
        let handle = match wanted {
            OpenFor::Reading => 0,
            OpenFor::Writing => {
                self.writers.open(inode);
                FOR_WRITING
            }
        };
        Opened { handle, cache }
    }

    /// Closes what [`open`](Self::open) opened.
    pub fn release(&self, inode: Inode, handle: u64) {
        if handle == FOR_WRITING {
            self.writers.close(inode);
        } else {
            self.status_files.close(handle);
        }
        self.read_ahead.forget(inode);
    }

    /// Reads into `out` and says how many bytes there were: fewer than asked for only at the end.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::IsDirectory`], [`Error::BadHandle`].
    pub fn read(&self, inode: Inode, handle: u64, offset: u64, out: &mut [u8]) -> Result<usize> {
        self.read_unless((inode, handle), offset, out, StopCheck::NEVER)
    }

    /// The same, unless `stop` says so while sums over much of a file are made.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read), and [`Error::Interrupted`].
    pub fn read_unless(
        &self,
        (inode, handle): (Inode, u64),
        offset: u64,
        out: &mut [u8],
        stop: StopCheck<'_>,
    ) -> Result<usize> {
        let base = match self.resolve(inode)? {
            Resolved::File(base) => base,
            Resolved::Status(StatusEntry::Document(_)) => {
                return self.status_files.read(handle, offset, out);
            }
            Resolved::Status(StatusEntry::Manifest) => {
                return self.read_manifest(handle, offset, out, Fill::Whole, &|| false);
            }
            Resolved::Status(StatusEntry::Control) => return Ok(0),
            Resolved::Special(_) => return Err(Error::Invalid),
            Resolved::Directory | Resolved::Status(_) => return Err(Error::IsDirectory),
        };
        let begun = self.counters.reads.begin();
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
                view.make_sums(&self.content, stop).map_err(|_| Error::Interrupted)?;
                view.read(&self.content, offset, out).map_err(Error::Store)?;
            }
            (None, Some(base)) => {
                self.make_sums(base.source(offset), length as u64, stop)?;
                self.content.fill(base.file, offset, out);
            }
            // A file that was made always has a view.
            (None, None) => {}
        }
        self.counters.read(length as u64, begun);
        Ok(length)
    }

    /// Writes all of `data`, or nothing. Whoever has not the privilege to keep the set-id bits
    /// [drops](Self::drop_set_id) them afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] for a wrong byte where mismatches are rejected, [`Error::NoSpace`] where
    /// the bytes would have to be kept and there is no room, [`Error::TooLarge`] past the largest
    /// offset, [`Error::ReadOnly`] under `.status`, [`Error::NotFound`], [`Error::IsDirectory`].
    pub fn write(&self, inode: Inode, offset: u64, data: &[u8]) -> Result<()> {
        self.write_unless(inode, offset, data, StopCheck::NEVER)
    }

    /// The same, unless `stop` says so while it is judged: then nothing was written.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write), and [`Error::Interrupted`].
    pub fn write_unless(
        &self,
        inode: Inode,
        offset: u64,
        data: &[u8],
        stop: StopCheck<'_>,
    ) -> Result<()> {
        let record_to = || Ok(Some(self.overlay.get_or_insert(inode)?));
        self.write_to(inode, (offset, data), stop, record_to)
    }

    /// Writes what the kernel had in its page cache because a program changed a shared mapping.
    /// That may have been before a reset that has happened since: then it is gone with all else.
    ///
    /// # Errors
    ///
    /// As for [`write_unless`](Self::write_unless).
    pub fn write_back(
        &self,
        inode: Inode,
        offset: u64,
        data: &[u8],
        stop: StopCheck<'_>,
    ) -> Result<()> {
        if self.is_unsettled(inode) {
            return Ok(());
        }
        self.write_to(inode, (offset, data), stop, || {
            let record = self.overlay.get_or_insert(inode)?;
            // A reset that came in between has taken the record that there was before it.
            Ok((!self.is_unsettled(inode)).then_some(record))
        })
    }

    fn write_to(
        &self,
        inode: Inode,
        (offset, data): (u64, &[u8]),
        stop: StopCheck<'_>,
        record_to: impl FnOnce() -> Result<Option<Arc<Record>>>,
    ) -> Result<()> {
        let begun = self.counters.writes.begin();
        let base = self.writable(inode)?;
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > FILE_BYTES_MAX) {
            return Err(Error::TooLarge);
        }
        let record = self.overlay.get(inode);
        let expectation = self.expectation(self.judged(inode, base, record.as_ref()));
        let recogniser = Recogniser { content: &self.content, known: &self.dataset };
        let length = data.len() as u64;
        if let Some(expectation) = expectation {
            self.make_sums(expectation.source(offset), length, stop)?;
        }
        let mut made = Ok(());
        let mut pieces = recogniser.recognise(expectation, offset, data, || {
            let source = record.as_ref()?.continuation(offset)?;
            made = self.make_sums(source, length, stop);
            made.is_ok().then_some(source)
        });
        made?;
        self.store(record_to, base, expectation, &mut pieces, stop)?;
        self.counters.wrote(data.len() as u64, begun);
        Ok(())
    }

    /// Has sums made that take long, before the bytes from a place on are made or compared.
    fn make_sums(&self, from: Source, length: u64, stop: StopCheck<'_>) -> Result<()> {
        let range = from.offset..from.offset.saturating_add(length);
        self.content.make_sums(from.file, range, stop).map_err(|_| Error::Interrupted)
    }

    /// What an inode that can be written to is before anybody does.
    pub(super) fn writable(&self, inode: Inode) -> Result<Option<FileContent>> {
        match self.resolve(inode)? {
            Resolved::File(base) => Ok(base),
            Resolved::Directory => Err(Error::IsDirectory),
            Resolved::Special(_) => Err(Error::Invalid),
            Resolved::Status(_) => Err(Error::ReadOnly),
        }
    }

    pub(super) fn expectation(&self, file: Option<Coordinates>) -> Option<FileContent> {
        file.map(|file| self.dataset.file_content(file))
    }

    /// Puts pieces into a file, and remembers what is wrong in them. Without a record to put them
    /// into, they are dropped.
    pub(super) fn store(
        &self,
        record_to: impl FnOnce() -> Result<Option<Arc<Record>>>,
        base: Option<FileContent>,
        expectation: Option<FileContent>,
        pieces: &mut [(u64, Extent)],
        stop: StopCheck<'_>,
    ) -> Result<()> {
        if let Some(expectation) = expectation
            && !is_right(expectation, pieces)
        {
            self.note_wrong(expectation, pieces, stop)?;
        }
        let stored =
            self.overlay.keep(pieces).map_err(Error::from).and_then(|()| match record_to()? {
                Some(record) => Ok(record.write(base, pieces, now())?),
                None => Ok(()),
            });
        if stored == Err(Error::NoSpace) {
            self.counters.no_space.fetch_add(1, Ordering::Relaxed);
        }
        stored
    }

    /// Remembers what is wrong in a write, and refuses it where the mount does that.
    fn note_wrong(
        &self,
        expectation: FileContent,
        pieces: &[(u64, Extent)],
        stop: StopCheck<'_>,
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
        base: Option<FileContent>,
        size_bytes: u64,
    ) -> Result<()> {
        let record = self.overlay.get(inode);
        match self.expectation(self.judged(inode, base, record.as_ref())) {
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

    /// The next data or hole from an offset on.
    ///
    /// # Errors
    ///
    /// [`Error::PastEnd`] where there is none, [`Error::NotFound`], [`Error::NotSupported`] for
    /// what is not a file of the dataset.
    pub fn seek(&self, inode: Inode, offset: u64, seek: Seek) -> Result<u64> {
        let Resolved::File(base) = self.resolve(inode)? else { return Err(Error::NotSupported) };
        let written = self.overlay.get(inode).and_then(|record| record.seek(offset, seek));
        let found = written.unwrap_or_else(|| {
            let size_bytes = base.map_or(0, |base| base.size_bytes);
            let next = match seek {
                Seek::Data => offset,
                Seek::Hole => size_bytes,
            };
            (offset < size_bytes).then_some(next)
        });
        found.ok_or(Error::PastEnd)
    }
}

/// Whether a write is one run of exactly what belongs there.
fn is_right(expectation: FileContent, pieces: &[(u64, Extent)]) -> bool {
    match pieces {
        [] => true,
        [(offset, Extent { length, data: ExtentData::Content { source, .. } })] => {
            *source == expectation.source(*offset) && offset + length <= expectation.size_bytes
        }
        _ => false,
    }
}
