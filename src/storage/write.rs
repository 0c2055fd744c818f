//! Writing the dataset into a directory.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::statvfs::statvfs;

use super::block_file::{Buffer, NewFile, open_to_read, read_block};
use super::crew::{Work, work_through};
use super::outcome::{Failures, FileFailure, Findings};
use super::{Progress, Share, Stop, Transfer};
use crate::content::Content;
use crate::dataset::{Coordinates, Inode};

/// What becomes of a file that is already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and counts as a failure.
    #[default]
    Refuse,
    /// It stays if it is whole and right; otherwise it is made again.
    Resume,
    /// It is made again.
    Overwrite,
}

/// How to write.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions {
    /// Threads.
    pub threads: usize,
    /// Through the page cache or past it.
    pub transfer: Transfer,
    /// What to do with files that are there.
    pub existing: Existing,
    /// Whether each file is on the storage before it gets its name.
    pub fsync: bool,
}

/// Writes the files of a share below `root`, until all are done or a stop.
pub fn write(
    root: &Path,
    share: Share<'_>,
    options: WriteOptions,
    progress: &Progress,
    stop: &Stop,
) -> Findings<FileFailure> {
    let content = Content::of(share.dataset());
    let failures = Failures::default();
    let writer = Writer { root, share, options, content, progress, failures: &failures, stop };
    work_through(&writer, 0..share.file_count(), options.threads, stop);
    failures.into_findings()
}

/// The name of a file until it is whole, in the directory where it will be.
///
/// It follows from the file and the node, so that the next run of the node finds it; and it is
/// short whatever the layout's names are.
#[must_use]
pub fn temporary_name(share: Share<'_>, file: Coordinates) -> String {
    let inode = share.dataset().namespace().inode(file).map_or(0, Inode::get);
    match share.node() {
        Some(node) => format!(".seedfs-tmp-node{node}-{inode}"),
        None => format!(".seedfs-tmp-all-{inode}"),
    }
}

/// The free bytes of the filesystem that a directory is on, or will be on.
///
/// # Errors
///
/// Those of `statvfs`.
pub fn free_bytes(directory: &Path) -> io::Result<u128> {
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let space = statvfs(there)?;
    Ok(u128::from(space.blocks_available()) * u128::from(space.fragment_size()))
}

/// How many of a share's bytes are in files that are already there.
#[must_use]
pub fn existing_bytes(root: &Path, share: Share<'_>) -> u128 {
    (0..share.file_count())
        .filter_map(|index| fs::metadata(root.join(share.path(share.file(index)))).ok())
        .map(|metadata| u128::from(metadata.len()))
        .sum()
}

struct Writer<'a> {
    root: &'a Path,
    share: Share<'a>,
    options: WriteOptions,
    content: Content,
    progress: &'a Progress,
    failures: &'a Failures,
    stop: &'a Stop,
}

/// A file on its way.
struct Target {
    coordinates: Coordinates,
    path: PathBuf,
    temporary: PathBuf,
    file: NewFile,
    failed: AtomicBool,
}

impl Work for Writer<'_> {
    type File = Target;
    type Tools = Buffer;

    fn tools(&self) -> Buffer {
        Buffer::new(self.options.transfer)
    }

    fn open(&self, index: u64, buffer: &mut Buffer) -> Option<(Target, u64)> {
        let coordinates = self.share.file(index);
        match self.begin(coordinates, buffer) {
            Ok(Some(target)) => Some((target, self.size_bytes(coordinates))),
            Ok(None) => None,
            Err(error) => {
                self.fail(coordinates, &error);
                None
            }
        }
    }

    fn part(&self, target: &Target, part: Range<u64>, buffer: &mut Buffer) {
        let mut offset = part.start;
        while offset < part.end && !self.stop.is_set() && !target.failed.load(Ordering::Relaxed) {
            let block = within(buffer.as_mut(), part.end - offset);
            self.content.fill(target.coordinates, offset, block);
            if let Err(error) = target.file.write(offset, block) {
                // One failure a file, however many threads work on it.
                if !target.failed.swap(true, Ordering::Relaxed) {
                    self.fail(target.coordinates, &error);
                }
                return;
            }
            offset += block.len() as u64;
            self.progress.bytes(block.len() as u64);
        }
    }

    fn close(&self, target: Target) {
        let Target { coordinates, path, temporary, file, failed } = target;
        if failed.into_inner() || self.stop.is_set() {
            // What cannot be removed now, the next run replaces.
            let _ = fs::remove_file(&temporary);
            return;
        }
        match self.finish(&file, &temporary, &path) {
            Ok(()) => self.progress.file(),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                self.fail(coordinates, &error);
            }
        }
    }
}

impl Writer<'_> {
    fn size_bytes(&self, file: Coordinates) -> u64 {
        self.share.dataset().size_bytes(file)
    }

    fn fail(&self, file: Coordinates, error: &io::Error) {
        self.progress.failure();
        self.failures.add(self.share.path(file), error.to_string());
    }

    /// Opens the temporary file, or says that there is nothing to do.
    fn begin(&self, file: Coordinates, buffer: &mut Buffer) -> io::Result<Option<Target>> {
        let path = self.root.join(self.share.path(file));
        let temporary = path.with_file_name(temporary_name(self.share, file));
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(_) if self.options.existing == Existing::Refuse => return Err(already_there()),
            Ok(metadata) if self.options.existing == Existing::Resume => {
                let whole = metadata.is_file() && metadata.len() == self.size_bytes(file);
                if whole && self.is_right(&path, file, buffer)? {
                    // Left by a run that was to overwrite this file, and was killed.
                    let _ = fs::remove_file(&temporary);
                    self.progress.file();
                    return Ok(None);
                }
                if self.stop.is_set() {
                    return Ok(None);
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let create = || NewFile::create(&temporary, self.options.transfer);
        let created = match create() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(parent) = temporary.parent() {
                    fs::create_dir_all(parent)?;
                }
                create()
            }
            created => created,
        };
        let new = created.inspect_err(|error| {
            if error.kind() != ErrorKind::ResourceBusy {
                let _ = fs::remove_file(&temporary);
            }
        })?;
        let failed = AtomicBool::new(false);
        Ok(Some(Target { coordinates: file, path, temporary, file: new, failed }))
    }

    /// Whether a file of the right size has the right bytes. Bytes that cannot be read are not
    /// right.
    fn is_right(&self, path: &Path, file: Coordinates, buffer: &mut Buffer) -> io::Result<bool> {
        let existing = open_to_read(path, self.options.transfer)?;
        let mut offset = 0;
        while offset < self.size_bytes(file) && !self.stop.is_set() {
            let block = within(buffer.as_mut(), u64::MAX);
            let Ok(length) = read_block(&existing, offset, block) else { return Ok(false) };
            let block = &block[..length];
            if block.is_empty() || self.content.first_difference(file, offset, block).is_some() {
                return Ok(false);
            }
            offset += block.len() as u64;
            self.progress.bytes(block.len() as u64);
        }
        Ok(offset == self.size_bytes(file))
    }

    fn finish(&self, file: &NewFile, temporary: &Path, path: &Path) -> io::Result<()> {
        if self.options.fsync {
            file.sync()?;
        }
        if self.options.existing == Existing::Refuse {
            rename_new(temporary, path)?;
        } else {
            fs::rename(temporary, path)?;
        }
        if self.options.fsync
            && let Some(parent) = path.parent()
        {
            // The name is part of what is to last.
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    }
}

/// Renames to a name that nobody must have taken meanwhile.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EEXIST) => Err(already_there()),
        // A filesystem that cannot promise it; we have looked a moment ago.
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::ENOTSUP) => fs::rename(from, to),
        Err(error) => Err(error.into()),
    }
}

fn already_there() -> io::Error {
    let error = "it is already there: --resume keeps it if it is right, --overwrite replaces it";
    io::Error::new(ErrorKind::AlreadyExists, error)
}

/// The first bytes of a block, no more than are left.
fn within(block: &mut [u8], left: u64) -> &mut [u8] {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
    &mut block[..length]
}
