//! Repairing the files of a directory.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::slice;
use std::sync::Arc;

use super::mend::{Mended, first_wrong, wrong_ranges};
use super::written_ranges::WrittenRanges;
use super::{RepairLog, RepairOptions, Repairs};
use crate::content::{Address, Content};
use crate::dataset::{FileContent, Inode};
use crate::disk::{
    Access, Durability, Faults, FileType, Links, OpenDirectory, OpenFile, Stat, Taken,
};
use crate::overlay::{ExtentMap, Recogniser};
use crate::report::{FileRepair, JudgedFile, Phase};
use crate::storage::block_file::{NewFile, drop_cache, open_to_read};
use crate::storage::blocks::{Buffer, CACHED_BYTES, read_block, write_block};
use crate::storage::crew::{CrewNotes, PART_BYTES, Work, work_through};
use crate::storage::file_judge::{FileJudge, absent, recognise_block};
use crate::storage::in_order::InOrder;
use crate::storage::target::{Parents, split};
use crate::storage::{Progress, Root, Share, StopFlag};
use crate::sync::Mutex;
use crate::verdict::{Judge, Verdict};

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
    let content = Content::of(share.dataset());
    let log = RepairLog::default();
    let parents = Parents::that_leave_all(root, options.durability, share.node());
    let count = files.map_or(share.file_count(), |files| files.len() as u64);
    let repairer =
        Repairer { root, parents, share, files, options, content: &content, log, progress, stop };
    work_through(&repairer, 0..count, (options.threads, options.placement), stop);
    repairer.log.into_repairs(!stop.is_set())
}

struct Repairer<'a, F> {
    root: &'a Root<F>,
    parents: Parents<'a, F>,
    share: Share<'a>,
    files: Option<&'a [u64]>,
    options: RepairOptions,
    content: &'a Content,
    log: RepairLog,
    progress: &'a Progress,
    stop: &'a StopFlag,
}

/// A file that is being repaired.
struct Mending<'a> {
    number: u64,
    path: String,
    expectation: FileContent,
    stage: Stage<'a>,
}

enum Stage<'a> {
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
struct Tools {
    block: Buffer,
    right: Vec<u8>,
}

impl<'a, F: Faults> Work for Repairer<'a, F> {
    type OpenFile = Mending<'a>;
    type Tools = Tools;

    fn tools(&self) -> Tools {
        Tools { block: Buffer::new(self.options.transfer), right: Vec::new() }
    }

    fn open(&self, position: u64, _: &mut Tools) -> Option<(Mending<'a>, u64)> {
        let number = self.number(position);
        let file = self.share.file(number);
        let (path, expectation) = (self.share.path(file), self.share.dataset().file_content(file));
        let opened = self.open_there(&path).and_then(|there| match there {
            Some((file, stat)) => Ok(Some((self.in_place(expectation, file, stat), stat.length))),
            None if self.options.is_dry => Ok(None),
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
        Some(&self.progress.crew)
    }

    fn part(&self, mending: &Mending<'a>, part: Range<u64>, tools: &mut Tools) {
        match &mending.stage {
            Stage::InPlace(there) => self.mend_part(mending, there, part, tools),
            Stage::Making { new, failure, .. } => {
                self.make_part(mending, new, part, tools).unwrap_or_else(|error| {
                    failure.lock().get_or_insert(error);
                });
            }
        }
    }

    fn close(&self, mending: Mending<'a>) -> Option<(Mending<'a>, u64)> {
        let Mending { number, path, expectation, stage } = mending;
        match stage {
            Stage::InPlace(there) => self.finish(number, path, expectation, *there),
            Stage::Making { new, parent, name, failure } => {
                let disk = &self.root.disk;
                let made = match failure.into_inner() {
                    Some(error) => Err(error),
                    None if self.stop.is_set() => Err(interrupted()),
                    None => self.prove(
                        &new.file,
                        expectation,
                        slice::from_ref(&(0..expectation.size_bytes)),
                    ),
                };
                let how = (Taken::Refuse, self.options.durability);
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
    fn fail(&self, path: String, error: &io::Error) {
        self.progress.failure(&path, error);
        self.log.fail(path, error.to_string());
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
            None => self.progress.file(),
            Some(error) => self.progress.failure(&repair.path, &io::Error::other(error.clone())),
        }
        self.log.note(number, repair);
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
        let how = (self.options.transfer, links);
        let file = open_to_read(disk, &self.root.directory, path, how)?;
        let stat = disk.stat(&file)?;
        check_kind(&stat)?;
        Ok(Some((file, stat)))
    }

    fn in_place(&self, expectation: FileContent, file: OpenFile, stat: Stat) -> Stage<'a> {
        let judge = FileJudge::new(Judge { content: self.content, expectation }.begin());
        Stage::InPlace(Box::new(InPlace {
            file,
            stat,
            judging: InOrder::new(0, self.options.threads as u64, judge),
            writer: Mutex::default(),
            unreadable: Mutex::default(),
            mended: Mutex::default(),
        }))
    }

    fn make(&self, expectation: FileContent, path: &str) -> io::Result<Stage<'a>> {
        let (parent, name) = split(path);
        let parent = self.parents.enter(parent)?;
        let inode = self.share.dataset().namespace().inode(expectation.file).map_or(0, Inode::get);
        let prefix = self.parents.temporary_prefix(inode);
        let new = NewFile::create(&self.root.disk, &parent, &prefix, self.options.transfer)?;
        Ok(Stage::Making { new, parent, name, failure: Mutex::default() })
    }

    fn make_part(
        &self,
        mending: &Mending<'_>,
        new: &NewFile,
        part: Range<u64>,
        tools: &mut Tools,
    ) -> io::Result<()> {
        let mut offset = part.start;
        while offset < part.end && !self.stop.is_set() {
            let block = tools.block.as_mut();
            let length = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            let block = &mut block[..length];
            self.content.fill(mending.expectation.file, offset, block);
            write_block(&self.root.disk, new, offset, block)?;
            offset += length as u64;
            self.progress.bytes(length as u64);
        }
        Ok(())
    }

    /// Judges a part, and writes the right bytes over the wrong ones.
    fn mend_part(
        &self,
        mending: &Mending<'_>,
        there: &InPlace<'_>,
        part: Range<u64>,
        tools: &mut Tools,
    ) {
        let dataset = self.share.dataset();
        let is_known = |address: &Address| dataset.has_block(address.file, address.block);
        let recogniser = Recogniser { content: self.content, is_known: &is_known };
        let (expectation, mut extents) = (mending.expectation, ExtentMap::default());
        let mut offset = part.start;
        while offset < part.end {
            if self.stop.is_set() {
                return;
            }
            let block = tools.block.as_mut();
            let wanted = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            let length = match read_block(&self.root.disk, &there.file, offset, block) {
                Ok(length) => length.min(wanted),
                Err(error) => {
                    there.unreadable.lock().get_or_insert(error);
                    return;
                }
            };
            if length == 0 {
                break;
            }
            let block = &block[..length];
            if !recognise_block(&recogniser, expectation, &mut extents, (offset, block)) {
                self.mend_block(mending, there, (offset, block), &mut tools.right);
            }
            offset += length as u64;
            self.progress.bytes(length as u64);
        }
        let number = part.start / PART_BYTES;
        there.judging.bring(number, extents, self.stop, |judge, _, extents| judge.add(&extents));
    }

    fn mend_block(
        &self,
        mending: &Mending<'_>,
        there: &InPlace<'_>,
        (offset, block): (u64, &[u8]),
        right: &mut Vec<u8>,
    ) {
        let FileContent { file, size_bytes } = mending.expectation;
        let inside = usize::try_from(size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let inside = &block[..inside.min(block.len())];
        for range in wrong_ranges(self.content, (file, offset), inside) {
            if there.mended.lock().failure.is_some() {
                return;
            }
            let at = offset + range.start as u64;
            right.resize(range.len(), 0);
            self.content.fill(file, at, right);
            let written = if self.options.is_dry {
                Ok(())
            } else {
                self.writer((&there.writer, there.stat), &mending.path)
                    .and_then(|writer| self.root.disk.write_all_at(&writer, right, at))
            };
            let mut mended = there.mended.lock();
            match written {
                Ok(()) => mended.written.add(at..at + range.len() as u64),
                Err(error) => mended.failure = Some(error),
            }
        }
    }

    /// The file, to write to: the same that is read, in a directory that nobody else has put there,
    /// and under no other name.
    fn writer(
        &self,
        (writer, read): (&Mutex<Option<Arc<OpenFile>>>, Stat),
        path: &str,
    ) -> io::Result<Arc<OpenFile>> {
        let mut writer = writer.lock();
        if let Some(writer) = &*writer {
            return Ok(Arc::clone(writer));
        }
        let (parent, name) = split(path);
        let parent = self.parents.enter(parent)?;
        let disk = &self.root.disk;
        let name = Path::new(&name);
        if disk.stat_at(&parent, name, Links::Refuse)?.kind == FileType::Link {
            return Err(refused("it is a link, through which nothing is written"));
        }
        let opened = disk.open(&parent, name, Access::ReadWrite, Links::Refuse)?;
        let stat = disk.stat(&opened)?;
        if !stat.is_same(&read) {
            return Err(refused("another file has taken its place meanwhile"));
        }
        if stat.links > 1 {
            let names = stat.links;
            return Err(refused(&format!("it has {names} names (hard links): all would change")));
        }
        let opened = Arc::new(opened);
        *writer = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// All has been read, and what is wrong inside was written.
    fn finish(&self, number: u64, path: String, expectation: FileContent, there: InPlace<'_>) {
        let InPlace { file: _, stat, judging, writer, unreadable, mended } = there;
        let Mended { written, failure } = mended.into_inner();
        if let Some(error) = unreadable.into_inner() {
            return self.fail(path, &error);
        }
        if self.stop.is_set() {
            if written.bytes() > 0 {
                self.fail(path, &interrupted());
            }
            return;
        }
        let judged = judging.into_consumer().0.finish(expectation.file, stat.length);
        if judged.tally.verdict() == Verdict::Verified {
            self.progress.file();
            return self.log.right();
        }
        let rewritten_bytes = written.bytes();
        let done = match failure {
            Some(error) => Err(error),
            None if self.options.is_dry => Ok(()),
            None => self
                .writer((&writer, stat), &path)
                .and_then(|writer| self.finish_mending(&writer, expectation, stat, written)),
        };
        self.note(number, path, &judged, |repair| {
            repair.rewritten_bytes = rewritten_bytes;
            match done {
                Ok(()) => {
                    repair.appended_bytes = expectation.size_bytes.saturating_sub(stat.length);
                    repair.cut_bytes = stat.length.saturating_sub(expectation.size_bytes);
                }
                Err(error) => repair.error = Some(error.to_string()),
            }
        });
    }

    /// The missing tail, what is too much, and the proof.
    fn finish_mending(
        &self,
        writer: &OpenFile,
        expectation: FileContent,
        stat: Stat,
        mut written: WrittenRanges,
    ) -> io::Result<()> {
        let disk = &self.root.disk;
        if disk.stat(writer)?.length != stat.length {
            return Err(refused("its length has changed while it was read"));
        }
        let (length, size_bytes) = (stat.length, expectation.size_bytes);
        if length < size_bytes {
            self.append(writer, expectation, length)?;
            written.add(length..size_bytes);
        } else if length > size_bytes {
            disk.truncate(writer, size_bytes)?;
        }
        if self.options.durability == Durability::Synced {
            disk.sync(writer)?;
        }
        // Some filesystems say only then what they could not store.
        disk.flush(writer)?;
        self.prove(writer, expectation, &written.into_ranges())
    }

    /// Writes what is missing, from the end of the file on: wherever that stops, what is there is
    /// right.
    fn append(&self, writer: &OpenFile, expectation: FileContent, from: u64) -> io::Result<()> {
        let mut block = vec![0; CACHED_BYTES];
        let mut offset = from;
        while offset < expectation.size_bytes {
            if self.stop.is_set() {
                return Err(interrupted());
            }
            let left = expectation.size_bytes - offset;
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            self.content.fill(expectation.file, offset, &mut block[..length]);
            self.root.disk.write_all_at(writer, &block[..length], offset)?;
            offset += length as u64;
        }
        Ok(())
    }

    /// Reads back what was written, from the storage where it has to be there.
    fn prove(
        &self,
        file: &OpenFile,
        FileContent { file: coordinates, size_bytes }: FileContent,
        ranges: &[Range<u64>],
    ) -> io::Result<()> {
        let disk = &self.root.disk;
        if self.options.durability == Durability::Synced {
            drop_cache(disk, file)?;
        }
        let right =
            |offset, block: &[u8]| self.content.first_difference(coordinates, offset, block);
        if let Some(offset) = first_wrong(disk, file, ranges, right)? {
            let error = format!("what was written reads back wrong at {offset}");
            return Err(io::Error::other(error));
        }
        if disk.stat(file)?.length != size_bytes {
            return Err(io::Error::other("what was written has another length"));
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
