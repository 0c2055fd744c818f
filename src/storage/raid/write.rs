//! Writing the members of arrays into directories: each from the seed, at the same time.
//!
//! A member needs none of the others, as its parity is made from the seed too. So a slow disk does
//! not hold up a fast one, and one that fails takes no other member with it.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::member::{FileImage, RaidMember};
use crate::content::Content;
use crate::dataset::Inode;
use crate::disk::{AlignedBuffer, Durability, Faults, FileType, Links, OpenDirectory, Taken};
use crate::numa::Placement;
use crate::raid::Geometry;
use crate::report::Phase;
use crate::storage::block_file::NewFile;
use crate::storage::blocks::write_block;
use crate::storage::crew::{CrewNotes, TargetQueue, Work, work_through};
use crate::storage::image::Image;
use crate::storage::target::{Parents, split};
use crate::storage::{
    FailureLog, FileFailure, Findings, Progress, Requests, Root, Share, StopFlag, Transfer,
};

/// What becomes of a member of a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentMember {
    /// It stays, and counts as a failure.
    Refused,
    /// It stays, whatever is in it.
    Kept,
    /// It is made again.
    Replaced,
}

/// How to write arrays.
#[derive(Clone, Copy, Debug)]
pub struct RaidWriteOptions {
    /// How the arrays are kept.
    pub geometry: Geometry,
    /// Threads.
    pub threads: usize,
    /// Near which memory they stay.
    pub placement: Placement,
    /// Through the page cache or past it.
    pub transfer: Transfer,
    /// What becomes of members that are there.
    pub present: PresentMember,
    /// What each member has to be before it gets its name.
    pub durability: Durability,
}

/// Writes the members of all files of a share, each below its root, until all are done or a stop.
pub fn raid_write<F: Faults>(
    roots: &[Root<F>],
    share: Share<'_>,
    options: RaidWriteOptions,
    progress: &Progress,
    stop: &StopFlag,
) -> Findings<FileFailure> {
    let roots: Vec<&Root<F>> = roots.iter().collect();
    raid_write_members(&roots, share, options, progress, stop).1
}

/// The same; says also how many members of files were made.
pub(super) fn raid_write_members<F: Faults>(
    roots: &[&Root<F>],
    share: Share<'_>,
    options: RaidWriteOptions,
    progress: &Progress,
    stop: &StopFlag,
) -> (u64, Findings<FileFailure>) {
    progress.set_phase(Phase::Writing);
    let content = Content::of(share.dataset());
    let failures = FailureLog::default();
    let writer = MemberWriter {
        members: roots
            .iter()
            .map(|root| (*root, Parents::new(root, options.durability, share.node())))
            .collect(),
        share,
        options,
        content: &content,
        progress,
        made: AtomicU64::new(0),
        failures: &failures,
        stop,
    };
    let by = (options.threads, options.placement);
    let queue =
        TargetQueue { work: &writer, target: 0, files: 0..share.file_count() * roots.len() as u64 };
    work_through(&[queue], by, stop);
    let made = writer.made.load(Ordering::Relaxed);
    (made, failures.into_findings())
}

/// How many bytes of each member all files of a share have together.
#[must_use]
pub fn raid_member_bytes(share: Share<'_>, geometry: Geometry) -> u128 {
    let each = |size_bytes: u64| u128::from(geometry.member_bytes(size_bytes));
    if let Some(size_bytes) = share.equal_size_bytes() {
        return each(size_bytes) * u128::from(share.file_count());
    }
    let mut total = 0;
    share.each_size(0..share.file_count(), |size_bytes| total += each(size_bytes));
    total
}

struct MemberWriter<'a, F> {
    members: Vec<(&'a Root<F>, Parents<'a, F>)>,
    share: Share<'a>,
    options: RaidWriteOptions,
    content: &'a Content,
    progress: &'a Progress,
    made: AtomicU64,
    failures: &'a FailureLog,
    stop: &'a StopFlag,
}

/// A member on its way.
struct PendingMember<'a> {
    number: u64,
    image: FileImage<'a>,
    parent: Arc<OpenDirectory>,
    name: OsString,
    new: NewFile,
    failed: AtomicBool,
}

impl<'a, F: Faults> Work for MemberWriter<'a, F> {
    type OpenFile = PendingMember<'a>;
    type Tools = AlignedBuffer;

    fn tools(&self) -> AlignedBuffer {
        AlignedBuffer::new(Requests::standard(self.options.transfer).block_bytes)
    }

    fn open(&self, number: u64, _: &mut AlignedBuffer) -> Option<(PendingMember<'a>, u64)> {
        match self.begin(number) {
            Ok(pending) => {
                let pending = pending?;
                let length = self.image_of(&pending).length();
                Some((pending, length))
            }
            Err(error) => {
                self.fail(number, &error);
                None
            }
        }
    }

    fn part(&self, pending: &PendingMember<'a>, part: Range<u64>, buffer: &mut AlignedBuffer) {
        let (root, _) = self.member(pending.number);
        let mut offset = part.start;
        while offset < part.end && !self.stop.is_set() && !pending.failed.load(Ordering::Relaxed) {
            let left = usize::try_from(part.end - offset).unwrap_or(usize::MAX);
            let block = buffer.bytes_mut();
            let length = left.min(block.len());
            let block = &mut block[..length];
            self.image_of(pending).fill(offset, block);
            if let Err(error) = write_block(&root.disk, &pending.new, offset, block) {
                // One failure a file, however many threads work on it.
                if !pending.failed.swap(true, Ordering::Relaxed) {
                    self.fail(pending.number, &error);
                }
                return;
            }
            offset += length as u64;
            self.progress.bytes(length as u64);
        }
    }

    fn close(&self, pending: PendingMember<'a>) -> Option<(PendingMember<'a>, u64)> {
        let (root, _) = self.member(pending.number);
        let disk = &root.disk;
        let PendingMember { number, parent, name, new, failed, image } = pending;
        if failed.into_inner() || self.stop.is_set() {
            new.discard(disk, &parent);
            return None;
        }
        let taken = match self.options.present {
            PresentMember::Replaced => Taken::Replace,
            PresentMember::Refused | PresentMember::Kept => Taken::Refuse,
        };
        let how = (taken, self.options.durability);
        match new.finish(disk, &parent, &name, how) {
            Ok(()) => {
                self.progress.file();
                self.made.fetch_add(1, Ordering::Relaxed);
                let path = || self.path(number);
                self.progress.created(path, self.length(number, image));
            }
            Err(error) => {
                new.discard(disk, &parent);
                let is_there = error.kind() == ErrorKind::AlreadyExists;
                self.fail(number, &if is_there { already_there() } else { error });
            }
        }
        None
    }

    fn number(&self, number: u64) -> u64 {
        number / self.members.len() as u64
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.progress.crew)
    }
}

impl<'a, F: Faults> MemberWriter<'a, F> {
    /// The number of a member among those of its array.
    fn member_of(&self, number: u64) -> u32 {
        u32::try_from(number % self.members.len() as u64).unwrap_or_default()
    }

    fn member(&self, number: u64) -> &(&'a Root<F>, Parents<'a, F>) {
        &self.members[self.member_of(number) as usize]
    }

    fn image_of<'b>(&self, pending: &'b PendingMember<'a>) -> RaidMember<'b, FileImage<'a>> {
        RaidMember::new(&pending.image, self.options.geometry, self.member_of(pending.number))
    }

    fn length(&self, number: u64, image: FileImage<'_>) -> u64 {
        RaidMember::new(&image, self.options.geometry, self.member_of(number)).length()
    }

    /// `None` where it is there and stays.
    fn begin(&self, number: u64) -> io::Result<Option<PendingMember<'a>>> {
        let file = self.share.file(number / self.members.len() as u64);
        let path = self.share.path(file);
        let (parent, name) = split(&path);
        let (_, parents) = self.member(number);
        match self.begin_in(number, parents.enter(parent)?, name.clone()) {
            // The directory that is kept open was removed: make it again, once.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                parents.forget(parent);
                self.begin_in(number, parents.enter(parent)?, name)
            }
            begun => begun,
        }
    }

    fn begin_in(
        &self,
        number: u64,
        parent: Arc<OpenDirectory>,
        name: OsString,
    ) -> io::Result<Option<PendingMember<'a>>> {
        let (root, parents) = self.member(number);
        let disk = &root.disk;
        match disk.stat_at(&parent, Path::new(&name), Links::Refuse) {
            Ok(stat) if stat.kind == FileType::Directory => {
                return Err(ErrorKind::IsADirectory.into());
            }
            Ok(_) => match self.options.present {
                PresentMember::Refused => return Err(already_there()),
                PresentMember::Kept => return Ok(None),
                PresentMember::Replaced => {}
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let dataset = self.share.dataset();
        let file = self.share.file(number / self.members.len() as u64);
        let inode = dataset.namespace().inode(file).map_or(0, Inode::get);
        let prefix = parents.temporary_prefix(inode);
        let new = NewFile::create(disk, &parent, &prefix, self.options.transfer)?;
        let file = dataset.file_content(file);
        let image = FileImage::new(self.content, file, self.options.geometry);
        let failed = AtomicBool::new(false);
        Ok(Some(PendingMember { number, image, parent, name, new, failed }))
    }

    fn path(&self, number: u64) -> String {
        let (root, _) = self.member(number);
        let file = self.share.file(number / self.members.len() as u64);
        root.path().join(self.share.path(file)).to_string_lossy().into_owned()
    }

    fn fail(&self, number: u64, error: &io::Error) {
        let path = self.path(number);
        self.progress.failure(&path, error);
        self.failures.add(FileFailure { path, target: None, error: error.to_string() });
    }
}

fn already_there() -> io::Error {
    let error = "it is already there: --overwrite replaces it";
    io::Error::new(ErrorKind::AlreadyExists, error)
}
