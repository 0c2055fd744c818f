//! Repairing the files of a directory.

mod in_place;

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::slice;
use std::sync::Arc;

use super::mend::Mended;
use super::{RepairLog, RepairOptions, Repairs};
use crate::content::Content;
use crate::dataset::{FileContent, Inode};
use crate::disk::{AlignedBuffer, Faults, FileType, Links, OpenDirectory, OpenFile, Stat, Taken};
use crate::overlay::ExtentMap;
use crate::report::{FileRepair, JudgedFile, Phase};
use crate::storage::block_file::{NewFile, open_to_read};
use crate::storage::blocks::{block_buffer, write_block};
use crate::storage::crew::{CrewNotes, TargetQueue, Work, work_through};
use crate::storage::file_judge::{FileJudge, absent};
use crate::storage::in_order::InOrder;
use crate::storage::target::{Parents, split};
use crate::storage::targets::Counting;
use crate::storage::{Progress, Root, Share, StopFlag};
use crate::sync::Mutex;
use crate::verdict::Judge;

/// Repairs the files of a share below `root`, or those of these numbers, until all are done or a
/// stop.
pub fn repair<F: Faults>(
    root: &Root<F>,
    share: Share<'_>,
    files: Option<&[u64]>,
    options: RepairOptions,
    (progress, stop): (&Progress, &StopFlag),
) -> Repairs {
    progress.set_phase(Phase::Reading);
    let (content, log) = (Content::of(share.dataset()), RepairLog::default());
    let run = RepairRun { options, content: &content, log: &log, stop };
    let mut repairer = Repairer::new(root, share, Counting::of(progress), run);
    repairer.files = files;
    work_through(&[repairer.queue()], (options.threads, options.placement), stop);
    drop(repairer);
    log.into_repairs(!stop.is_set())
}

/// What all targets of a repair have in common.
#[derive(Clone, Copy)]
pub(in crate::storage) struct RepairRun<'a> {
    pub(in crate::storage) options: RepairOptions,
    pub(in crate::storage) content: &'a Content,
    pub(in crate::storage) log: &'a RepairLog,
    pub(in crate::storage) stop: &'a StopFlag,
}

/// Repairs the files of one directory.
pub(in crate::storage) struct Repairer<'a, F> {
    root: &'a Root<F>,
    parents: Parents<'a, F>,
    share: Share<'a>,
    /// The numbers of those that are looked at; none where all are.
    files: Option<&'a [u64]>,
    counting: Counting<'a>,
    run: RepairRun<'a>,
}

/// A file that is being repaired.
pub(in crate::storage) struct Mending<'a> {
    number: u64,
    path: String,
    expectation: FileContent,
    stage: RepairStage<'a>,
}

enum RepairStage<'a> {
    /// It is there.
    InPlace(Box<InPlace<'a>>),
    /// It is not, and is made.
    Making {
        new: NewFile,
        parent: Arc<OpenDirectory>,
        name: OsString,
        failure: Mutex<Option<io::Error>>,
    },
}

struct InPlace<'a> {
    file: OpenFile,
    /// When it was opened.
    stat: Stat,
    judging: InOrder<ExtentMap, FileJudge<'a>>,
    /// Opened at the first wrong byte.
    writer: Mutex<Option<Arc<OpenFile>>>,
    unreadable: Mutex<Option<io::Error>>,
    mended: Mutex<Mended>,
}

/// What a thread works with.
pub(in crate::storage) struct RepairTools {
    block: AlignedBuffer,
    right: Vec<u8>,
}

impl<'a, F: Faults> Work for Repairer<'a, F> {
    type OpenFile = Mending<'a>;
    type Tools = RepairTools;

    fn tools(&self) -> RepairTools {
        RepairTools { block: block_buffer(self.run.options.transfer), right: Vec::new() }
    }

    fn open(&self, position: u64, _: &mut RepairTools) -> Option<(Mending<'a>, u64)> {
        let number = self.number(position);
        let file = self.share.file(number);
        let (path, expectation) = (self.share.path(file), self.share.dataset().file_content(file));
        let opened = self.open_there(&path).and_then(|there| match there {
            Some((file, stat)) => Ok(Some((self.in_place(expectation, file, stat), stat.length))),
            None if self.run.options.is_dry => Ok(None),
            None => Ok(Some((self.make(expectation, &path)?, expectation.size_bytes))),
        });
        match opened {
            Ok(Some((stage, length))) => {
                Some((Mending { number, path, expectation, stage }, length))
            }
            Ok(None) => {
                self.note(number, path, &absent(expectation), |repair| {
                    repair.is_made = true;
                    repair.appended_bytes = expectation.size_bytes;
                });
                None
            }
            Err(error) => {
                self.fail(path, &error);
                None
            }
        }
    }

    fn number(&self, position: u64) -> u64 {
        let listed =
            |files: &[u64]| usize::try_from(position).ok().and_then(|at| files.get(at)).copied();
        self.files.map_or(position, |files| listed(files).unwrap_or(0))
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.counting.run.crew)
    }

    fn enter(&self) {
        self.counting.enter();
    }

    fn leave(&self) {
        self.counting.leave();
    }

    fn part(&self, mending: &Mending<'a>, part: Range<u64>, tools: &mut RepairTools) {
        match &mending.stage {
            RepairStage::InPlace(there) => self.mend_part(mending, there, part, tools),
            RepairStage::Making { new, failure, .. } => {
                self.make_part(mending, new, part, tools).unwrap_or_else(|error| {
                    failure.lock().get_or_insert(error);
                });
            }
        }
    }

    fn close(&self, mending: Mending<'a>) -> Option<(Mending<'a>, u64)> {
        let Mending { number, path, expectation, stage } = mending;
        match stage {
            RepairStage::InPlace(there) => self.finish(number, path, expectation, *there),
            RepairStage::Making { new, parent, name, failure } => {
                let disk = &self.root.disk;
                let made = match failure.into_inner() {
                    Some(error) => Err(error),
                    None if self.run.stop.is_set() => Err(interrupted()),
                    None => self.prove(
                        &new.file,
                        expectation,
                        slice::from_ref(&(0..expectation.size_bytes)),
                    ),
                };
                let how = (Taken::Refuse, self.run.options.durability);
                let made = made
                    .and_then(|()| new.finish(disk, &parent, &name, how))
                    .inspect_err(|_| new.discard(disk, &parent));
                self.note(number, path, &absent(expectation), |repair| match made {
                    Ok(()) => {
                        repair.is_made = true;
                        repair.appended_bytes = expectation.size_bytes;
                    }
                    Err(error) => repair.error = Some(error.to_string()),
                });
            }
        }
        None
    }
}

impl<'a, F: Faults> Repairer<'a, F> {
    pub(in crate::storage) fn new(
        root: &'a Root<F>,
        share: Share<'a>,
        counting: Counting<'a>,
        run: RepairRun<'a>,
    ) -> Self {
        let parents = Parents::that_leave_all(root, run.options.durability, share.node());
        Self { root, parents, share, files: None, counting, run }
    }

    /// The files to be worked on.
    pub(in crate::storage) fn queue(&self) -> TargetQueue<'_, Self> {
        let count = self.files.map_or(self.share.file_count(), |files| files.len() as u64);
        TargetQueue { work: self, target: self.counting.number(), files: 0..count }
    }

    fn fail(&self, path: String, error: &io::Error) {
        self.counting.failure(&path, error);
        self.run.log.fail(self.counting, path, error.to_string());
    }

    /// Notes a file that was not right.
    fn note(
        &self,
        number: u64,
        path: String,
        judged: &JudgedFile,
        done: impl FnOnce(&mut FileRepair),
    ) {
        let mut repair = FileRepair::new(self.share.dataset(), path, judged);
        done(&mut repair);
        match &repair.error {
            None => self.counting.file(),
            Some(error) => self.counting.failure(&repair.path, error),
        }
        self.run.log.note(self.counting, number, repair);
    }

    /// The file, to read, and its attributes; `None` where there is none.
    fn open_there(&self, path: &str) -> io::Result<Option<(OpenFile, Stat)>> {
        let (disk, path) = (&self.root.disk, Path::new(path));
        let stat = match disk.stat_at(&self.root.directory, path, Links::Refuse) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            stat => stat?,
        };
        let links = if stat.kind == FileType::Link { Links::Follow } else { Links::Refuse };
        let stat = match links {
            Links::Follow => disk.stat_at(&self.root.directory, path, links)?,
            Links::Refuse => stat,
        };
        check_kind(&stat)?;
        let how = (self.run.options.transfer, links);
        let file = open_to_read(disk, &self.root.directory, path, how)?;
        let stat = disk.stat(&file)?;
        check_kind(&stat)?;
        Ok(Some((file, stat)))
    }

    fn in_place(&self, expectation: FileContent, file: OpenFile, stat: Stat) -> RepairStage<'a> {
        let judge = FileJudge::new(Judge { content: self.run.content, expectation }.begin());
        RepairStage::InPlace(Box::new(InPlace {
            file,
            stat,
            judging: InOrder::new(0, self.run.options.threads as u64, judge),
            writer: Mutex::default(),
            unreadable: Mutex::default(),
            mended: Mutex::default(),
        }))
    }

    fn make(&self, expectation: FileContent, path: &str) -> io::Result<RepairStage<'a>> {
        let (parent, name) = split(path);
        let parent = self.parents.enter(parent)?;
        let inode = self.share.dataset().namespace().inode(expectation.file).map_or(0, Inode::get);
        let prefix = self.parents.temporary_prefix(inode);
        let new = NewFile::create(&self.root.disk, &parent, &prefix, self.run.options.transfer)?;
        Ok(RepairStage::Making { new, parent, name, failure: Mutex::default() })
    }

    fn make_part(
        &self,
        mending: &Mending<'_>,
        new: &NewFile,
        part: Range<u64>,
        tools: &mut RepairTools,
    ) -> io::Result<()> {
        let mut offset = part.start;
        while offset < part.end && !self.run.stop.is_set() {
            let block = tools.block.bytes_mut();
            let length = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            let block = &mut block[..length];
            self.run.content.fill(mending.expectation.file, offset, block);
            write_block(&self.root.disk, new, offset, block)?;
            offset += length as u64;
            self.counting.bytes(length as u64);
        }
        Ok(())
    }
}

fn interrupted() -> io::Error {
    io::Error::other("interrupted before it was whole")
}

fn refused(reason: &str) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, format!("{reason}; it was not touched"))
}

fn check_kind(stat: &Stat) -> io::Result<()> {
    let what = match stat.kind {
        FileType::File => return Ok(()),
        FileType::Directory => "it is a directory",
        FileType::Link | FileType::Special => "it is not a regular file",
    };
    Err(refused(what))
}
