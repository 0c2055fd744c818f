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
    stage: Stage,
    failed: AtomicBool,
}

enum Stage {
    /// One of the right size is there already, and is read.
    Checking(File),
    Writing(NewFile),
}

impl Work for Writer<'_> {
    type File = Target;
    type Tools = Buffer;

    fn tools(&self) -> Buffer {
        Buffer::new(self.options.transfer)
    }

    fn open(&self, index: u64, _: &mut Buffer) -> Option<(Target, u64)> {
        let coordinates = self.share.file(index);
        self.unless_failed(coordinates, self.begin(coordinates))
    }

    fn part(&self, target: &Target, part: Range<u64>, buffer: &mut Buffer) {
        let mut offset = part.start;
        while offset < part.end && !self.stop.is_set() && !target.failed.load(Ordering::Relaxed) {
            let done = match &target.stage {
                Stage::Checking(existing) => {
                    if !self.is_right(existing, target.coordinates, offset..part.end, buffer) {
                        target.failed.store(true, Ordering::Relaxed);
                        return;
                    }
                    within(buffer.as_mut(), part.end - offset).len() as u64
                }
                Stage::Writing(new) => {
                    let block = within(buffer.as_mut(), part.end - offset);
                    self.content.fill(target.coordinates, offset, block);
                    if let Err(error) = new.write(offset, block) {
                        // One failure a file, however many threads work on it.
                        if !target.failed.swap(true, Ordering::Relaxed) {
                            self.fail(target.coordinates, &error);
                        }
                        return;
                    }
                    block.len() as u64
                }
            };
            offset += done;
            self.progress.bytes(done);
        }
    }

    fn may_go_on(&self, target: &Target) -> bool {
        matches!(target.stage, Stage::Checking(_))
    }

    fn close(&self, target: Target) -> Option<(Target, u64)> {
        let Target { coordinates, path, temporary, stage, failed } = target;
        let failed = failed.into_inner();
        let new = match stage {
            Stage::Checking(_) if self.stop.is_set() => return None,
            Stage::Checking(_) if failed => {
                return self.unless_failed(coordinates, self.create(coordinates, path, temporary));
            }
            Stage::Checking(_) => {
                // Left by a run that was to overwrite this file, and was killed.
                let _ = fs::remove_file(&temporary);
                self.progress.file();
                return None;
            }
            Stage::Writing(new) => new,
        };
        if failed || self.stop.is_set() {
            // What cannot be removed now, the next run replaces.
            let _ = fs::remove_file(&temporary);
            return None;
        }
        match self.finish(&new, &temporary, &path) {
            Ok(()) => self.progress.file(),
            Err(error) => {
                let _ = fs::remove_file(&temporary);
                self.fail(coordinates, &error);
            }
        }
        None
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

    fn unless_failed(
        &self,
        file: Coordinates,
        target: io::Result<Target>,
    ) -> Option<(Target, u64)> {
        match target {
            Ok(target) => Some((target, self.size_bytes(file))),
            Err(error) => {
                self.fail(file, &error);
                None
            }
        }
    }

    /// What is to be done with a file: that which is there is checked, or a new one is made.
    fn begin(&self, file: Coordinates) -> io::Result<Target> {
        let path = self.root.join(self.share.path(file));
        let temporary = path.with_file_name(temporary_name(self.share, file));
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(_) if self.options.existing == Existing::Refuse => return Err(already_there()),
            Ok(metadata)
                if self.options.existing == Existing::Resume
                    && metadata.is_file()
                    && metadata.len() == self.size_bytes(file) =>
            {
                let stage = Stage::Checking(open_to_read(&path, self.options.transfer)?);
                let failed = AtomicBool::new(false);
                return Ok(Target { coordinates: file, path, temporary, stage, failed });
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.create(file, path, temporary)
    }

    /// Opens the temporary file.
    fn create(&self, file: Coordinates, path: PathBuf, temporary: PathBuf) -> io::Result<Target> {
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
        Ok(Target { coordinates: file, path, temporary, stage: Stage::Writing(new), failed })
    }

    /// Whether an existing file has the right bytes in the first block of a range. Bytes that
    /// cannot be read are not right.
    fn is_right(
        &self,
        existing: &File,
        file: Coordinates,
        range: Range<u64>,
        buffer: &mut Buffer,
    ) -> bool {
        // Past the page cache a block is read whole: its length must be aligned.
        let block = buffer.as_mut();
        let Ok(length) = read_block(existing, range.start, block) else { return false };
        let wanted = within(block, range.end - range.start).len();
        length >= wanted
            && self.content.first_difference(file, range.start, &block[..wanted]).is_none()
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
