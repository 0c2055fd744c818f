//! Status files: frozen when they are opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use super::{Error, Filesystem, Result};
use crate::status::Document;

/// The open status files. As many as the kernel has open files of them: its limits bound the table,
/// and the bounds on each document bound its memory.
#[derive(Debug, Default)]
pub(super) struct StatusFiles {
    open: DashMap<u64, OpenStatus>,
    last_handle: AtomicU64,
}

#[derive(Clone, Debug)]
struct OpenStatus {
    document: Document,
    json: Arc<[u8]>,
}

impl Filesystem {
    pub(super) fn open_status(&self, document: Document) -> Result<u64> {
        let json = self.snapshot().document(document).ok_or(Error::NotFound)?.into();
        // Handle 0 is that of all files that need none.
        let handle = self.status_files.last_handle.fetch_add(1, Ordering::Relaxed) + 1;
        self.status_files.open.insert(handle, OpenStatus { document, json });
        Ok(handle)
    }

    pub(super) fn close_status(&self, handle: u64) {
        self.status_files.open.remove(&handle);
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
