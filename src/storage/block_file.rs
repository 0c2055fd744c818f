//! Real files that are read and written, through the page cache or past it.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Access, Disk, Durability, Faults, Links, OpenDirectory, OpenFile, Taken};

/// How bytes go to storage and come from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transfer {
    /// Through the page cache.
    #[default]
    Cached,
    /// Past it, `O_DIRECT`.
    Direct,
}

/// Opens a file to read; it never waits for the other end of a pipe.
pub(super) fn open_to_read<F: Faults>(
    disk: &Disk<F>,
    at: &OpenDirectory,
    path: &Path,
    (transfer, links): (Transfer, Links),
) -> io::Result<OpenFile> {
    let access = match transfer {
        Transfer::Cached => Access::Read,
        Transfer::Direct => Access::ReadDirect,
    };
    disk.open(at, path, access, links).map_err(|error| say(transfer, error))
}

/// A file that is being written, under a name that no other run uses.
#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) file: Arc<OpenFile>,
    /// The same file past the page cache.
    pub(super) direct: Option<Arc<OpenFile>>,
    temporary: OsString,
}

/// How often a file is made again that another run has taken for one that was left.
const TRIES_MAX: u32 = 16;

impl NewFile {
    /// Makes a file whose name begins with `prefix`.
    pub(super) fn create<F: Faults>(
        disk: &Disk<F>,
        at: &OpenDirectory,
        prefix: &str,
        transfer: Transfer,
    ) -> io::Result<Self> {
        let mut tries = 0;
        let (file, temporary) = loop {
            let (file, temporary) = disk.create_temporary(at, (prefix, ""), 0o666)?;
            // The lock tells other runs that somebody is at work here. One that was faster has
            // removed the file, or is about to. Not every filesystem has locks.
            let is_ours = disk.try_lock(&file).unwrap_or(true)
                && disk.stat(&file).map_or(true, |stat| stat.links > 0);
            if is_ours {
                break (file, temporary);
            }
            let _ = disk.unlink(at, &temporary);
            tries += 1;
            if tries == TRIES_MAX {
                let error = "other runs of this node keep removing its temporary file";
                return Err(io::Error::new(ErrorKind::ResourceBusy, error));
            }
        };
        let mut new = Self { file: Arc::new(file), direct: None, temporary };
        if transfer == Transfer::Direct {
            let path = Path::new(&new.temporary);
            let opened = disk.open(at, path, Access::WriteDirect, Links::Refuse);
            match opened.and_then(|file| disk.let_wait(&file).map(|()| file)) {
                Ok(direct) => new.direct = Some(Arc::new(direct)),
                Err(error) => {
                    new.discard(disk, at);
                    return Err(say(transfer, error));
                }
            }
        }
        Ok(new)
    }

    /// Takes room for the whole file, past the page cache: filesystems write to different places of
    /// a file at a time only where it does not become longer.
    pub(super) fn make_room<F: Faults>(&self, disk: &Disk<F>, bytes: u64) -> io::Result<()> {
        if self.direct.is_none() || bytes == 0 {
            return Ok(());
        }
        disk.allocate(&self.file, bytes)
    }

    /// One that has its name already and is written in place: it is neither finished nor discarded.
    pub(super) fn in_place(file: OpenFile, direct: Option<OpenFile>) -> Self {
        Self { file: Arc::new(file), direct: direct.map(Arc::new), temporary: OsString::new() }
    }

    /// Has what was written on the storage.
    pub(super) fn sync<F: Faults>(&self, disk: &Disk<F>) -> io::Result<()> {
        disk.sync(&self.file)
    }

    /// Asks what closing it would say.
    pub(super) fn flush<F: Faults>(&self, disk: &Disk<F>) -> io::Result<()> {
        if let Some(direct) = &self.direct {
            disk.flush(direct)?;
        }
        disk.flush(&self.file)
    }

    /// Gives the file its name.
    pub(super) fn finish<F: Faults>(
        &self,
        disk: &Disk<F>,
        at: &OpenDirectory,
        name: &OsStr,
        how: (Taken, Durability),
    ) -> io::Result<()> {
        if let Some(direct) = &self.direct {
            disk.flush(direct)?;
        }
        disk.publish(&self.file, at, (&self.temporary, name), how)
    }

    /// Removes it. What cannot be removed now, the next run removes.
    pub(super) fn discard<F: Faults>(&self, disk: &Disk<F>, at: &OpenDirectory) {
        let _ = disk.unlink(at, &self.temporary);
    }
}

/// Asks the kernel to forget what it has cached of a file. What is not yet on the storage it cannot
/// forget, so that goes there first.
pub(super) fn drop_cache<F: Faults>(disk: &Disk<F>, file: &OpenFile) -> io::Result<()> {
    disk.sync(file)?;
    disk.forget_cached(file)
}

/// What `EINVAL` means where direct requests are asked for.
pub(super) fn say(transfer: Transfer, error: io::Error) -> io::Error {
    if transfer == Transfer::Direct && error.kind() == ErrorKind::InvalidInput {
        let reason = "this filesystem does not take direct I/O (O_DIRECT): leave out --direct-io";
        return io::Error::new(ErrorKind::Unsupported, reason);
    }
    error
}
