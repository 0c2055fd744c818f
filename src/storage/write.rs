//! Writing the dataset into a directory.

mod pending;
mod space;
mod trouble;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block_file::{NewFile, open_to_read};
use super::crew::{CrewNotes, TargetQueue, Work, work_through};
use super::journal::Recorder;
use super::outcome::{FailureLog, FileFailure, Findings};
use super::patience::Patience;
use super::pipeline::Pipeline;
use super::target::{Parents, split};
use super::targets::Counting;
use super::{Progress, Requests, Root, Share, StopFlag, Transfer};
use crate::content::Content;
use crate::dataset::{Coordinates, Inode};
use crate::disk::{Durability, Faults, FileType, Links, OpenDirectory, Taken};
use crate::numa::Placement;
use crate::report::Phase;
use pending::{PendingFile, Stage};

pub use space::{existing_bytes, free_bytes};

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
    /// How often a file is tried again.
    pub patience: Patience,
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
    let counting = Counting::of(progress);
    let run = WriteRun { options, content: &content, failures, stop };
    let writer = Writer::new(root, share, (counting, CopiesElsewhere::No), run);
    let writer = Writer { recorder, ..writer };
    work_through(&[writer.queue()], (options.threads, options.placement), stop);
}

/// What all targets of a run have in common.
#[derive(Clone, Copy)]
pub(super) struct WriteRun<'a> {
    pub(super) options: WriteOptions,
    pub(super) content: &'a Content,
    pub(super) failures: &'a FailureLog,
    pub(super) stop: &'a StopFlag,
}

/// Whether files that a failed target does not take are made on others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopiesElsewhere {
    No,
    Yes,
}

/// Writes the files of one target.
pub(super) struct Writer<'a, F: Faults> {
    root: &'a Root<F>,
    parents: Parents<'a, F>,
    share: Share<'a>,
    counting: Counting<'a>,
    elsewhere: CopiesElsewhere,
    options: WriteOptions,
    recorder: Recorder<'a, F>,
    content: &'a Content,
    progress: &'a Progress,
    failures: &'a FailureLog,
    stop: &'a StopFlag,
}

impl<'a, F: Faults> Writer<'a, F> {
    pub(super) fn new(
        root: &'a Root<F>,
        share: Share<'a>,
        (counting, elsewhere): (Counting<'a>, CopiesElsewhere),
        WriteRun { options, content, failures, stop }: WriteRun<'a>,
    ) -> Self {
        let parents = Parents::new(root, options.durability, share.node());
        let progress = counting.run;
        Self {
            root,
            parents,
            share,
            counting,
            elsewhere,
            options,
            recorder: Recorder::NOBODY,
            content,
            progress,
            failures,
            stop,
        }
    }

    /// All of its files.
    pub(super) fn queue(&self) -> TargetQueue<'_, Self> {
        let files = 0..self.share.file_count();
        TargetQueue { work: self, target: self.counting.number(), files }
    }
}

impl<F: Faults> Work for Writer<'_, F> {
    type OpenFile = PendingFile;
    type Tools = Pipeline<F>;

    fn tools(&self) -> Pipeline<F> {
        Pipeline::new(&self.root.disk, self.options.transfer, self.options.requests)
    }

    fn open(&self, index: u64, _: &mut Pipeline<F>) -> Option<(PendingFile, u64)> {
        let coordinates = self.share.file(index);
        if let Some(target) = self.counting.target.filter(|target| target.has_failed()) {
            let why = target.why_failed().unwrap_or_default();
            self.give_up(coordinates, &format_args!("the target has failed: {why}"));
            return None;
        }
        let mut tries = 0;
        loop {
            match self.begin(coordinates) {
                Err(error) if self.tries_again(&mut tries, &error) => {}
                begun => {
                    let begun = begun.map(|target| PendingFile { tries, ..target });
                    return self.unless_failed(coordinates, begun);
                }
            }
        }
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
                    target.note_failure(written);
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
                target.note_failure(written);
            }
        }
        self.progress.note_queue(blocks.refusal());
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.progress.crew)
    }

    fn number(&self, index: u64) -> u64 {
        self.share.index_in_whole(index)
    }

    fn enter(&self) {
        self.counting.enter();
    }

    fn leave(&self) {
        self.counting.leave();
    }

    fn close(&self, target: PendingFile) -> Option<(PendingFile, u64)> {
        let PendingFile { coordinates, parent, name, stage, failed, error, tries, .. } = target;
        let failed = failed.into_inner();
        let disk = &self.root.disk;
        let is_new = matches!(stage, Stage::Writing(_));
        let finished = match stage {
            Stage::Checking(_) if self.stop.is_set() => return None,
            Stage::Checking(_) if failed => {
                return self.unless_failed(coordinates, self.create(coordinates, parent, name));
            }
            // What an earlier run has only written is to last from now on.
            Stage::Checking(existing) if self.options.durability == Durability::Synced => {
                disk.sync(&existing).and_then(|()| disk.sync_directory(&parent))
            }
            Stage::Checking(_) => Ok(()),
            Stage::Writing(new) if failed || self.stop.is_set() => {
                new.discard(disk, &parent);
                match error.into_inner() {
                    Some(error) => Err(error),
                    None => return None,
                }
            }
            Stage::Writing(new) => self.finish(&new, &parent, &name),
        };
        let durability = self.options.durability;
        let completed = || self.recorder.completed(self.index_of(coordinates), durability);
        match finished.and_then(|()| completed()) {
            Ok(()) => {
                self.counting.file();
                if is_new {
                    let path = || self.share.path(coordinates);
                    self.progress.created(path, self.size_bytes(coordinates));
                }
                None
            }
            Err(error) => self.make_again((coordinates, parent, name), tries, error),
        }
    }
}

impl<F: Faults> Writer<'_, F> {
    fn size_bytes(&self, file: Coordinates) -> u64 {
        self.share.dataset().size_bytes(file)
    }

    /// The number by which a journal knows a file.
    fn index_of(&self, file: Coordinates) -> u64 {
        self.share.number_of(file).unwrap_or_default()
    }

    fn begin(&self, file: Coordinates) -> io::Result<PendingFile> {
        let path = self.share.path(file);
        let (parent, name) = split(&path);
        match self.begin_in(file, self.parents.enter(parent)?, name.clone()) {
            // The directory that is kept open was removed: make it again, once.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.parents.forget(parent);
                self.begin_in(file, self.parents.enter(parent)?, name)
            }
            begun => begun,
        }
    }

    /// What is to be done with a file: that which is there is checked, or a new one is made.
    fn begin_in(
        &self,
        file: Coordinates,
        parent: Arc<OpenDirectory>,
        name: OsString,
    ) -> io::Result<PendingFile> {
        let disk = &self.root.disk;
        let path = Path::new(&name);
        match disk.stat_at(&parent, path, Links::Refuse) {
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
                return Ok(PendingFile::new(file, parent, name, stage));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.create(file, parent, name)
    }

    /// Makes the file that is to get the name.
    fn create(
        &self,
        file: Coordinates,
        parent: Arc<OpenDirectory>,
        name: OsString,
    ) -> io::Result<PendingFile> {
        self.progress.set_phase(Phase::Writing);
        let disk = &self.root.disk;
        self.recorder.making(self.index_of(file), || {
            self.options.existing != Existing::Refuse
                && disk.stat_at(&parent, Path::new(&name), Links::Refuse).is_ok()
        })?;
        let inode = self.share.dataset().namespace().inode(file).map_or(0, Inode::get);
        let prefix = self.parents.temporary_prefix(inode);
        let new = NewFile::create(disk, &parent, &prefix, self.options.transfer)?;
        if self.options.requests.are_many() {
            new.make_room(disk, self.size_bytes(file))
                .inspect_err(|_| new.discard(disk, &parent))?;
        }
        Ok(PendingFile::new(file, parent, name, Stage::Writing(new)))
    }

    /// Looks whether an existing file has the right bytes in a range. Bytes that cannot be read are
    /// not right.
    fn check_block(&self, target: &PendingFile, range: Range<u64>, read: io::Result<&[u8]>) {
        let is_right = read.is_ok_and(|bytes| {
            bytes.len() as u64 == range.end - range.start
                && self.content.first_difference(target.coordinates, range.start, bytes).is_none()
        });
        if is_right {
            self.counting.bytes(range.end - range.start);
        } else {
            target.failed.store(true, Ordering::Relaxed);
        }
    }

    /// Counts what was written, and has it recorded.
    fn written(&self, target: &PendingFile, new: &NewFile) -> impl FnMut(Range<u64>) {
        |range| {
            self.counting.bytes(range.end - range.start);
            let index = self.index_of(target.coordinates);
            let sync = || new.sync(&self.root.disk);
            let noted = self.recorder.wrote(index, range, &target.unsynced, sync);
            target.note_failure(noted);
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

fn already_there() -> io::Error {
    let error = "it is already there: --resume keeps it if it is right, --overwrite replaces it";
    io::Error::new(ErrorKind::AlreadyExists, error)
}
