//! Status files: frozen when they are opened; and the readers of the one that is made as it is
//! read.
//!
//! Versions of a document that say the same are one, and all versions together hold no more than
//! [`OPEN_BYTES_MAX`], however many are open: the next open fails then.

use std::io::{self, Write};
use std::sync::{Arc, Weak};

use super::attributes::FILE_BYTES_MAX;
use super::{Error, Filesystem, Fill, Result, StatusEntry};
use crate::content::StopCheck;
use crate::dataset::Inode;
use crate::manifest::{KnownSum, Manifest};
use crate::report::RunReport;
use crate::status::{Document, DocumentView, NoDocument};
use crate::sync::DashMap;
use crate::sync::atomic::{AtomicU64, Ordering};

/// How many bytes the open versions of all documents have together: five of the largest, that of a
/// node with 65536 processes.
pub const OPEN_BYTES_MAX: u64 = 128 << 20;

/// What it takes to make a document: it can be [stopped](Filesystem::open_unless).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentWork {
    /// All files that were changed are judged, which may take long.
    Totals,
    /// One file is judged, which may take long.
    File,
    /// What is known is listed.
    List,
}

/// The open status files. As many as the kernel has open files of them: its limits bound the table.
#[derive(Debug, Default)]
pub(super) struct StatusFiles {
    /// Those that are frozen.
    open: DashMap<u64, (Document, Arc<FrozenDocument>)>,
    /// The latest version of each document that is open.
    latest: DashMap<Document, Weak<FrozenDocument>>,
    /// The bytes of all versions.
    held_bytes: Arc<AtomicU64>,
    /// The readers of the manifest: of each, the line that it has come to.
    manifests: DashMap<u64, Option<KnownSum>>,
    last_handle: AtomicU64,
}

/// What a document said at some time.
#[derive(Debug)]
struct FrozenDocument {
    json: Box<[u8]>,
    /// What it is counted in.
    held_bytes: Arc<AtomicU64>,
}

impl Drop for FrozenDocument {
    fn drop(&mut self) {
        self.held_bytes.fetch_sub(self.json.len() as u64, Ordering::Relaxed);
    }
}

impl StatusFiles {
    /// Handle 0 is that of all files that need none.
    fn new_handle(&self) -> u64 {
        self.last_handle.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The version of a document that says this: the latest one, or a new one.
    fn version(&self, document: Document, view: &DocumentView) -> Result<Arc<FrozenDocument>> {
        let latest = self.latest.get(&document).and_then(|latest| latest.upgrade());
        let same = latest.as_ref().map(|latest| &latest.json[..]);
        let mut measured = Measured { length: 0, same };
        view.write(&mut measured).map_err(|_| Error::Invalid)?;
        let Measured { length, same } = measured;
        if let Some(latest) = latest.as_ref().filter(|_| same == Some(&[])) {
            return Ok(Arc::clone(latest));
        }
        let version = Arc::new(self.new_version(length, view)?);
        self.latest.insert(document, Arc::downgrade(&version));
        Ok(version)
    }

    fn new_version(&self, length: u64, view: &DocumentView) -> Result<FrozenDocument> {
        let take = |held: u64| held.checked_add(length).filter(|held| *held <= OPEN_BYTES_MAX);
        self.held_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map_err(|_| Error::TooManyOpen)?;
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        // From here on it gives back what was taken.
        let mut version = FrozenDocument {
            json: vec![0; bytes].into(),
            held_bytes: Arc::clone(&self.held_bytes),
        };
        // It says the same as when it was measured, so it fills its bytes.
        view.write(&mut &mut version.json[..]).map_err(|_| Error::Invalid)?;
        Ok(version)
    }

    /// Opens what a document says now.
    fn open(&self, document: Document, view: &DocumentView) -> Result<u64> {
        let version = self.version(document, view)?;
        let handle = self.new_handle();
        self.open.insert(handle, (document, version));
        Ok(handle)
    }

    /// Opens the manifest.
    pub(super) fn open_manifest(&self) -> u64 {
        let handle = self.new_handle();
        self.manifests.insert(handle, None);
        handle
    }

    /// Closes either of them.
    pub(super) fn close(&self, handle: u64) {
        if let Some((_, (document, version))) = self.open.remove(&handle) {
            drop(version);
            self.latest.remove_if(&document, |_, latest| latest.strong_count() == 0);
        }
        self.manifests.remove(&handle);
    }

    /// Reads from an open document.
    pub(super) fn read(&self, handle: u64, offset: u64, out: &mut [u8]) -> Result<usize> {
        let version = {
            let open = self.open.get(&handle).ok_or(Error::BadHandle)?;
            Arc::clone(&open.1)
        };
        let rest = usize::try_from(offset).ok().and_then(|offset| version.json.get(offset..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    /// The line that a reader of the manifest has come to.
    fn manifest_line(&self, handle: u64) -> Result<Option<KnownSum>> {
        self.manifests.get(&handle).map(|line| *line).ok_or(Error::BadHandle)
    }

    /// Remembers where it is now, unless the handle was closed meanwhile.
    fn set_manifest_line(&self, handle: u64, line: Option<KnownSum>) {
        if let Some(mut known) = self.manifests.get_mut(&handle) {
            *known = line;
        }
    }
}

/// Counts what is written, and compares it.
struct Measured<'a> {
    length: u64,
    /// What is to come if it is the same; `None` once it is not.
    same: Option<&'a [u8]>,
}

impl Write for Measured<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.length += bytes.len() as u64;
        self.same = self.same.and_then(|same| same.strip_prefix(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Filesystem {
    /// What opening an inode takes, where it makes a document; `None` where it makes none.
    #[must_use]
    pub fn document_work(&self, inode: Inode) -> Option<DocumentWork> {
        match StatusEntry::of(&self.dataset, inode)? {
            StatusEntry::Document(
                Document::Summary
                | Document::Map
                | Document::Report
                | Document::Metrics
                | Document::Node(_)
                | Document::Process(..),
            ) => Some(DocumentWork::Totals),
            StatusEntry::Document(Document::File(_)) => Some(DocumentWork::File),
            StatusEntry::Document(_) => Some(DocumentWork::List),
            _ => None,
        }
    }

    /// How many bytes the open versions of all documents have.
    #[must_use]
    pub fn open_document_bytes(&self) -> u64 {
        self.status_files.held_bytes.load(Ordering::Relaxed)
    }

    /// The report of the mount as it is now, for whoever publishes it.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] where `stop` says so.
    pub fn report(&self, stop: StopCheck<'_>) -> Result<RunReport> {
        self.status().report(stop).map_err(|_| Error::Interrupted)
    }

    pub(super) fn open_status(&self, document: Document, stop: StopCheck<'_>) -> Result<u64> {
        let view = self.status().document(document, stop).map_err(|error| match error {
            NoDocument::Missing => Error::NotFound,
            NoDocument::Stopped => Error::Interrupted,
        })?;
        self.status_files.open(document, &view)
    }

    /// Whether reading an inode hashes files: [`read_manifest`](Self::read_manifest) does, and can
    /// be stopped.
    #[must_use]
    pub fn is_manifest(&self, inode: Inode) -> bool {
        inode == StatusEntry::Manifest.inode()
    }

    /// Reads from the manifest, as [`read`](Self::read) does. Where `fill` allows it, fewer bytes
    /// than asked for can come in the middle too: at the end of a line, where hashing what belongs
    /// into the next ones would keep the reader waiting. No lock is held meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::BadHandle`], and [`Error::Interrupted`] where `stop` says so.
    pub fn read_manifest(
        &self,
        handle: u64,
        offset: u64,
        out: &mut [u8],
        fill: Fill,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<usize> {
        let mut line = self.status_files.manifest_line(handle)?;
        let read = self.manifest().read(offset, out, fill, &mut line, stop);
        self.status_files.set_manifest_line(handle, line);
        read.map_err(|_| Error::Interrupted)
    }

    /// The size of the whole manifest, or what a file can have at the most.
    pub(super) fn manifest_size_bytes(&self) -> u64 {
        u64::try_from(self.manifest().size_bytes()).unwrap_or(u64::MAX).min(FILE_BYTES_MAX)
    }

    fn manifest(&self) -> Manifest<'_> {
        Manifest::new(&self.dataset, &self.content)
    }
}

#[cfg(all(test, feature = "shuttle"))]
mod scheduled_tests;
