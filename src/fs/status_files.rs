//! Status files: frozen when they are opened; and the readers of the one that is made as it is
//! read.

use std::sync::Arc;

use super::{Error, Filesystem, Result};
use crate::status::{Document, KnownSum};
use crate::sync::DashMap;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The open status files. As many as the kernel has open files of them: its limits bound the table,
/// and the bounds on each document bound its memory.
#[derive(Debug, Default)]
pub(super) struct StatusFiles {
    /// Those that are frozen.
    open: DashMap<u64, OpenStatus>,
    /// The readers of the manifest: of each, the line that it has come to.
    manifests: DashMap<u64, Option<KnownSum>>,
    last_handle: AtomicU64,
}

impl StatusFiles {
    /// Handle 0 is that of all files that need none.
    fn new_handle(&self) -> u64 {
        self.last_handle.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The line that a reader of the manifest has come to.
    pub(super) fn manifest_line(&self, handle: u64) -> Result<Option<KnownSum>> {
        self.manifests.get(&handle).map(|line| *line).ok_or(Error::BadHandle)
    }

    /// Remembers where it is now, unless the handle was closed meanwhile.
    pub(super) fn set_manifest_line(&self, handle: u64, line: Option<KnownSum>) {
        if let Some(mut known) = self.manifests.get_mut(&handle) {
            *known = line;
        }
    }
}

#[derive(Clone, Debug)]
struct OpenStatus {
    document: Document,
    json: Arc<[u8]>,
}

impl Filesystem {
    pub(super) fn open_status(&self, document: Document) -> Result<u64> {
        let json = self.snapshot().document(document).ok_or(Error::NotFound)?.into();
        let handle = self.status_files.new_handle();
        self.status_files.open.insert(handle, OpenStatus { document, json });
        Ok(handle)
    }

    pub(super) fn open_manifest(&self) -> u64 {
        let handle = self.status_files.new_handle();
        self.status_files.manifests.insert(handle, None);
        handle
    }

    pub(super) fn close_status(&self, handle: u64) {
        self.status_files.open.remove(&handle);
        self.status_files.manifests.remove(&handle);
    }

    pub(super) fn read_status(&self, handle: u64, offset: u64, out: &mut [u8]) -> Result<usize> {
        let json = {
            let open = self.status_files.open.get(&handle).ok_or(Error::BadHandle)?;
            Arc::clone(&open.json)
        };
        let rest = usize::try_from(offset).ok().and_then(|offset| json.get(offset..));
        let rest = rest.unwrap_or_default();
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    /// The size that `stat` shows: that of the version that was opened last, as long as it is open,
    /// because `fstat` does not say which open file it asks about; else that of a new one.
    pub(super) fn status_size_bytes(&self, document: Document) -> Result<u64> {
        let latest = self
            .status_files
            .open
            .iter()
            .filter(|open| open.document == document)
            .max_by_key(|open| *open.key())
            .map(|open| open.json.len());
        let length = match latest {
            Some(length) => length,
            None => self.snapshot().document(document).ok_or(Error::NotFound)?.len(),
        };
        Ok(length as u64)
    }
}
