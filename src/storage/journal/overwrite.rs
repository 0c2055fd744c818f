//! Writing a generation over the one before, in place.
//!
//! A file that is made anew never has stale bytes after a crash: it is there or it is not.
//! Databases, logs and images of machines are written in place, where a write that is lost leaves
//! what stood there before. So later passes of a run go over the files of the first.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::Recorder;
use crate::content::Content;
use crate::dataset::Coordinates;
use crate::disk::{Access, Durability, Faults, FileType, Links, OpenDirectory};
use crate::report::Phase;
use crate::storage::block_file::NewFile;
use crate::storage::crew::{CrewNotes, TargetQueue, Work, work_through};
use crate::storage::outcome::FailureLog;
use crate::storage::pipeline::Pipeline;
use crate::storage::target::{Parents, is_trusted, split};
use crate::storage::{FileFailure, Progress, Root, Share, StopFlag, Transfer, WriteOptions};

pub(super) struct Overwriter<'a, F: Faults> {
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

/// A file that is being written over.
pub(super) struct Overwritten {
    index: u64,
    coordinates: Coordinates,
    parent: Arc<OpenDirectory>,
    there: NewFile,
    unsynced: AtomicU64,
    failed: AtomicBool,
}

/// Writes a generation over the files that are there.
pub(super) fn overwrite<F: Faults>(
    root: &Root<F>,
    share: Share<'_>,
    options: WriteOptions,
    recorder: Recorder<'_, F>,
    (progress, stop, failures): (&Progress, &StopFlag, &FailureLog),
) {
    progress.set_phase(Phase::Writing);
    let overwriter = Overwriter {
        root,
        parents: Parents::new(root, Durability::Later, share.node()),
        share,
        options,
        recorder,
        content: Content::of(share.dataset()),
        progress,
        failures,
        stop,
    };
    let by = (options.threads, options.placement);
    let files = 0..share.file_count();
    work_through(&[TargetQueue { work: &overwriter, target: 0, files }], by, stop);
}

impl<F: Faults> Work for Overwriter<'_, F> {
    type OpenFile = Overwritten;
    type Tools = Pipeline<F>;

    fn tools(&self) -> Pipeline<F> {
        Pipeline::new(&self.root.disk, self.options.transfer, self.options.requests)
    }

    fn open(&self, index: u64, _: &mut Pipeline<F>) -> Option<(Overwritten, u64)> {
        let coordinates = self.share.file(index);
        match self.open_there(index, coordinates) {
            Ok(file) => Some((file, self.share.dataset().size_bytes(coordinates))),
            Err(error) => {
                self.fail(coordinates, &error);
                None
            }
        }
    }

    fn part(&self, file: &Overwritten, part: Range<u64>, blocks: &mut Pipeline<F>) {
        let mut left = part;
        while !left.is_empty() && !self.stop.is_set() && !file.failed.load(Ordering::Relaxed) {
            let block = blocks.first_block(&left);
            left.start = block.end;
            let make = |bytes: &mut [u8]| self.content.fill(file.coordinates, block.start, bytes);
            let written = blocks.write(&file.there, block.clone(), make, &mut self.written(file));
            self.note_failure(file, written);
        }
    }

    fn settle(&self, file: &Overwritten, blocks: &mut Pipeline<F>) {
        let written = blocks.finish_writes(&mut self.written(file));
        self.note_failure(file, written);
        self.progress.note_queue(blocks.refusal());
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.progress.crew)
    }

    fn close(&self, file: Overwritten) -> Option<(Overwritten, u64)> {
        if self.stop.is_set() || file.failed.load(Ordering::Relaxed) {
            return None;
        }
        match self.finish(&file) {
            Ok(()) => self.progress.file(),
            Err(error) => self.fail(file.coordinates, &error),
        }
        None
    }
}

impl<F: Faults> Overwriter<'_, F> {
    fn open_there(&self, index: u64, coordinates: Coordinates) -> io::Result<Overwritten> {
        let disk = &self.root.disk;
        let path = self.share.path(coordinates);
        let (parent, name) = split(&path);
        let parent = self.parents.enter(parent)?;
        let file = disk.open(&parent, Path::new(&name), Access::Write, Links::Refuse)?;
        let stat = disk.stat(&file)?;
        // Another name of the file, or another owner, would be a trap: what is behind it is not
        // ours to write over.
        if stat.kind != FileType::File || stat.links != 1 || !is_trusted(&stat) {
            let error = "it is not the file that the first pass has made";
            return Err(io::Error::new(ErrorKind::InvalidInput, error));
        }
        let direct = match self.options.transfer {
            Transfer::Cached => None,
            Transfer::Direct => {
                let direct =
                    disk.open(&parent, Path::new(&name), Access::WriteDirect, Links::Refuse)?;
                if !disk.stat(&direct)?.is_same(&stat) {
                    return Err(io::Error::other("another file has taken its place"));
                }
                disk.let_wait(&direct)?;
                Some(direct)
            }
        };
        let (unsynced, failed) = (AtomicU64::new(0), AtomicBool::new(false));
        let there = NewFile::in_place(file, direct);
        Ok(Overwritten { index, coordinates, parent, there, unsynced, failed })
    }

    /// Counts what was written, and has it recorded.
    fn written(&self, file: &Overwritten) -> impl FnMut(Range<u64>) {
        |range| {
            self.progress.bytes(range.end - range.start);
            let sync = || file.there.sync(&self.root.disk);
            let noted = self.recorder.wrote(file.index, range, &file.unsynced, sync);
            self.note_failure(file, noted);
        }
    }

    /// Notes one failure a file.
    fn note_failure(&self, file: &Overwritten, written: io::Result<()>) {
        if let Err(error) = written
            && !file.failed.swap(true, Ordering::Relaxed)
        {
            self.fail(file.coordinates, &error);
        }
    }

    fn finish(&self, file: &Overwritten) -> io::Result<()> {
        let disk = &self.root.disk;
        file.there.flush(disk)?;
        if self.options.durability == Durability::Synced {
            file.there.sync(disk)?;
            disk.sync_directory(&file.parent)?;
        }
        self.recorder.completed(file.index, self.options.durability)
    }

    fn fail(&self, file: Coordinates, error: &io::Error) {
        let path = self.share.path(file);
        self.progress.failure(&path, error);
        let error = error.to_string();
        self.failures.add(FileFailure { path, target: None, error });
    }
}
