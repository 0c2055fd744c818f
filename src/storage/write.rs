//! Writing the dataset into a directory.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::statvfs::statvfs;

use super::block_file::{NewFile, open_to_read};
use super::crew::{CrewNotes, Work, work_through};
use super::journal::Recorder;
use super::outcome::{FailureLog, FileFailure, Findings};
use super::pipeline::Pipeline;
use super::target::{Parents, split};
use super::{Progress, Requests, Root, Share, StopFlag, Transfer};
use crate::content::Content;
use crate::dataset::{Coordinates, Inode};
use crate::disk::{Durability, Faults, FileType, Links, OpenDirectory, OpenFile, Taken};
use crate::numa::Placement;
use crate::report::Phase;

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
    /// Near which memory they stay.
    pub placement: Placement,
    /// Through the page cache or past it.
    pub transfer: Transfer,
    /// In requests of which size, and how many at a time.
    pub requests: Requests,
    /// What to do with files that are there.
    pub existing: Existing,
    /// What each file has to be before it gets its name.
    pub durability: Durability,
}

/// Writes the files of a share below `root`, until all are done or a stop.
pub fn write<F: Faults>(
    root: &Root<F>,
    share: Share<'_>,
    options: WriteOptions,
    progress: &Progress,
    stop: &StopFlag,
) -> Findings<FileFailure> {
    let failures = FailureLog::default();
    write_recorded(root, share, options, Recorder::NOBODY, (progress, stop, &failures));
    failures.into_findings()
}

/// The same, and `recorder` hears of each step.
pub(super) fn write_recorded<F: Faults>(
    root: &Root<F>,
    share: Share<'_>,
    options: WriteOptions,
    recorder: Recorder<'_, F>,
    (progress, stop, failures): (&Progress, &StopFlag, &FailureLog),
) {
    progress.set_phase(Phase::Writing);
    let content = Content::of(share.dataset());
    let parents = Parents::new(root, options.durability, share.node());
    let writer =
        Writer { root, parents, share, options, recorder, content, progress, failures, stop };
    let by = (options.threads, options.placement);
    work_through(&writer, 0..share.file_count(), by, stop);
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

struct Writer<'a, F: Faults> {
    root: &'a Root<F>,
    parents: Parents<'a, F>,
    share: Share<'a>,
    options: WriteOptions,
    recorder: Recorder<'a, F>,
    content: Content,
    progress: &'a Progress,
    failures: &'a FailureLog,
    stop: &'a StopFlag,
}

/// A file on its way.
struct PendingFile {
    index: u64,
    coordinates: Coordinates,
    parent: Arc<OpenDirectory>,
    name: OsString,
    stage: Stage,
    /// Bytes that were written since the file was last synced.
    unsynced: AtomicU64,
    failed: AtomicBool,
}

enum Stage {
    /// One of the right size is there already, and is read.
    Checking(Arc<OpenFile>),
    Writing(NewFile),
}

impl<F: Faults> Work for Writer<'_, F> {
    type OpenFile = PendingFile;
    type Tools = Pipeline<F>;

    fn tools(&self) -> Pipeline<F> {
        Pipeline::new(&self.root.disk, self.options.transfer, self.options.requests)
    }

    fn open(&self, index: u64, _: &mut Pipeline<F>) -> Option<(PendingFile, u64)> {
        let coordinates = self.share.file(index);
        self.unless_failed(coordinates, self.begin(index, coordinates))
    }

    fn part(&self, target: &PendingFile, part: Range<u64>, blocks: &mut Pipeline<F>) {
        let mut left = part;
        while !left.is_empty() && !self.stop.is_set() && !target.failed.load(Ordering::Relaxed) {
            let block = blocks.first_block(&left);
            left.start = block.end;
            match &target.stage {
                Stage::Checking(existing) => blocks.read(existing, block, &mut |range, read| {
                    self.check_block(target, range, read);
                }),
                Stage::Writing(new) => {
                    let fill = |bytes: &mut [u8]| {
                        self.content.fill(target.coordinates, block.start, bytes);
                    };
                    let written =
                        blocks.write(new, block.clone(), fill, &mut self.written(target, new));
                    self.note_failure(target, written);
                }
            }
        }
    }

    fn settle(&self, target: &PendingFile, blocks: &mut Pipeline<F>) {
        match &target.stage {
            Stage::Checking(_) => {
                blocks.finish_reads(&mut |range, read| self.check_block(target, range, read));
            }
            Stage::Writing(new) => {
                let written = blocks.finish_writes(&mut self.written(target, new));
                self.note_failure(target, written);
            }
        }
        self.progress.note_queue(blocks.refusal());
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.progress.crew)
    }

    fn may_go_on(&self, target: &PendingFile) -> bool {
        matches!(target.stage, Stage::Checking(_))
    }

    fn close(&self, target: PendingFile) -> Option<(PendingFile, u64)> {
        let PendingFile { index, coordinates, parent, name, stage, failed, .. } = target;
        let failed = failed.into_inner();
        let disk = &self.root.disk;
        let is_new = matches!(stage, Stage::Writing(_));
        let finished = match stage {
            Stage::Checking(_) if self.stop.is_set() => return None,
            Stage::Checking(_) if failed => {
                let again = self.create((index, coordinates), parent, name, IS_THERE);
                return self.unless_failed(coordinates, again);
            }
            // What an earlier run has only written is to last from now on.
            Stage::Checking(existing) if self.options.durability == Durability::Synced => {
                disk.sync(&existing).and_then(|()| disk.sync_directory(&parent))
            }
            Stage::Checking(_) => Ok(()),
            Stage::Writing(new) if failed || self.stop.is_set() => {
                new.discard(disk, &parent);
                return None;
            }
            Stage::Writing(new) => self.finish(&new, &parent, &name),
        };
        let durability = self.options.durability;
        match finished.and_then(|()| self.recorder.completed(index, durability)) {
            Ok(()) => {
                self.progress.file();
                if is_new {
                    let path = || self.share.path(coordinates);
                    self.progress.created(path, self.size_bytes(coordinates));
                }
            }
            Err(error) => self.fail(coordinates, &error),
        }
        None
    }
}

impl<F: Faults> Writer<'_, F> {
    fn size_bytes(&self, file: Coordinates) -> u64 {
        self.share.dataset().size_bytes(file)
    }

    fn fail(&self, file: Coordinates, error: &io::Error) {
        let path = self.share.path(file);
        self.progress.failure(&path, error);
        self.failures.add(path, error.to_string());
    }

    fn unless_failed(
        &self,
        file: Coordinates,
        target: io::Result<PendingFile>,
    ) -> Option<(PendingFile, u64)> {
        match target {
            Ok(target) => Some((target, self.size_bytes(file))),
            Err(error) => {
                self.fail(file, &error);
                None
            }
        }
    }

    fn begin(&self, index: u64, file: Coordinates) -> io::Result<PendingFile> {
        let path = self.share.path(file);
        let (parent, name) = split(&path);
        match self.begin_in((index, file), self.parents.enter(parent)?, name.clone()) {
            // The directory that is kept open was removed: make it again, once.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.parents.forget(parent);
                self.begin_in((index, file), self.parents.enter(parent)?, name)
            }
            begun => begun,
        }
    }

    /// What is to be done with a file: that which is there is checked, or a new one is made.
    fn begin_in(
        &self,
        (index, file): (u64, Coordinates),
        parent: Arc<OpenDirectory>,
        name: OsString,
    ) -> io::Result<PendingFile> {
        let disk = &self.root.disk;
        let path = Path::new(&name);
        let is_there = match disk.stat_at(&parent, path, Links::Refuse) {
            Ok(stat) if stat.kind == FileType::Directory => {
                return Err(ErrorKind::IsADirectory.into());
            }
            Ok(_) if self.options.existing == Existing::Refuse => return Err(already_there()),
            Ok(stat)
                if self.options.existing == Existing::Resume
                    && stat.kind == FileType::File
                    && stat.length == self.size_bytes(file) =>
            {
                self.progress.set_phase(Phase::Checking);
                let how = (self.options.transfer, Links::Refuse);
                let stage = Stage::Checking(Arc::new(open_to_read(disk, &parent, path, how)?));
                return Ok(pending((index, file), parent, name, stage));
            }
            Ok(_) => IS_THERE,
            Err(error) if error.kind() == ErrorKind::NotFound => !IS_THERE,
            Err(error) => return Err(error),
        };
        self.create((index, file), parent, name, is_there)
    }

    /// Makes the file that is to get the name.
    fn create(
        &self,
        (index, file): (u64, Coordinates),
        parent: Arc<OpenDirectory>,
        name: OsString,
        is_there: bool,
    ) -> io::Result<PendingFile> {
        self.progress.set_phase(Phase::Writing);
        self.recorder.making(index, is_there)?;
        let inode = self.share.dataset().namespace().inode(file).map_or(0, Inode::get);
        let prefix = self.parents.temporary_prefix(inode);
        let disk = &self.root.disk;
        let new = NewFile::create(disk, &parent, &prefix, self.options.transfer)?;
        if self.options.requests.are_many() {
            new.make_room(disk, self.size_bytes(file))
                .inspect_err(|_| new.discard(disk, &parent))?;
        }
        Ok(pending((index, file), parent, name, Stage::Writing(new)))
    }

    /// Looks whether an existing file has the right bytes in a range. Bytes that cannot be read are
    /// not right.
    fn check_block(&self, target: &PendingFile, range: Range<u64>, read: io::Result<&[u8]>) {
        let is_right = read.is_ok_and(|bytes| {
            bytes.len() as u64 == range.end - range.start
                && self.content.first_difference(target.coordinates, range.start, bytes).is_none()
        });
        if is_right {
            self.progress.bytes(range.end - range.start);
        } else {
            target.failed.store(true, Ordering::Relaxed);
        }
    }

    /// Counts what was written, and has it recorded.
    fn written(&self, target: &PendingFile, new: &NewFile) -> impl FnMut(Range<u64>) {
        |range| {
            self.progress.bytes(range.end - range.start);
            let sync = || new.sync(&self.root.disk);
            let noted = self.recorder.wrote(target.index, range, &target.unsynced, sync);
            self.note_failure(target, noted);
        }
    }

    /// Notes one failure a file, however many blocks fail and threads work on it.
    fn note_failure(&self, target: &PendingFile, written: io::Result<()>) {
        if let Err(error) = written
            && !target.failed.swap(true, Ordering::Relaxed)
        {
            self.fail(target.coordinates, &error);
        }
    }

    fn finish(&self, new: &NewFile, parent: &OpenDirectory, name: &OsString) -> io::Result<()> {
        let taken = match self.options.existing {
            Existing::Refuse => Taken::Refuse,
            Existing::Resume | Existing::Overwrite => Taken::Replace,
        };
        let disk = &self.root.disk;
        new.finish(disk, parent, name, (taken, self.options.durability)).map_err(|error| {
            new.discard(disk, parent);
            match error.kind() {
                ErrorKind::AlreadyExists => already_there(),
                _ => error,
            }
        })
    }
}

/// Another file has the name of one that is about to be made.
const IS_THERE: bool = true;

fn pending(
    (index, coordinates): (u64, Coordinates),
    parent: Arc<OpenDirectory>,
    name: OsString,
    stage: Stage,
) -> PendingFile {
    let (unsynced, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    PendingFile { index, coordinates, parent, name, stage, unsynced, failed }
}

fn already_there() -> io::Error {
    let error = "it is already there: --resume keeps it if it is right, --overwrite replaces it";
    io::Error::new(ErrorKind::AlreadyExists, error)
}
