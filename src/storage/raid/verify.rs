//! Reading the members of arrays, and judging them together.

use std::io;
use std::ops::Range;

use super::arrays::{ArrayImage, FoundMember, RaidMembers, shown};
use super::earlier::Earlier;
use super::findings::{MemberRange, RaidFindings, TornRange};
use super::judge::{MemberFault, PAGE_BYTES, RowJudge};
use super::mend::mend;
use super::window::{Kept, OpenMember, WINDOW_BYTES, Windows};
use crate::content::Content;
use crate::disk::{Disk, Durability, Faults};
use crate::numa::Placement;
use crate::raid::Geometry;
use crate::report::Phase;
use crate::storage::block_file::drop_cache;
use crate::storage::crew::{CrewNotes, TargetQueue, Work, work_through};
use crate::storage::image::Image;
use crate::storage::{FileFailure, Progress, Share, StopFlag, Transfer};
use crate::sync::Mutex;

/// How to read arrays.
#[derive(Clone, Copy, Debug)]
pub struct RaidOptions<'a> {
    /// How the arrays are kept.
    pub geometry: Geometry,
    /// Threads.
    pub threads: usize,
    /// Near which memory they stay.
    pub placement: Placement,
    /// Through the page cache or past it.
    pub transfer: Transfer,
    /// Whether the kernel is to forget each member before it is read.
    pub drop_cache: bool,
    /// The content of the same dataset under other seeds, of which something may be left.
    pub seeds: &'a [Content],
    /// What becomes of what is wrong.
    pub purpose: RaidPurpose,
}

/// What arrays are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaidPurpose {
    /// To be judged.
    Judge,
    /// To be judged, and what is wrong is written anew in place.
    Mend(Durability),
}

/// Judges every byte of the members that were asked for, until all are done or a stop.
pub fn raid_verify<F: Faults>(
    members: &RaidMembers<'_, F>,
    share: Share<'_>,
    options: RaidOptions<'_>,
    progress: &Progress,
    stop: &StopFlag,
) -> RaidFindings {
    progress.set_phase(Phase::Reading);
    let content = Content::of(share.dataset());
    let count = options.geometry.members() as usize;
    let found = Mutex::new(RaidFindings::new(count));
    let verifier =
        RaidVerifier { members, share, options, content: &content, found, progress, stop };
    let by = (options.threads, options.placement);
    let queue = TargetQueue { work: &verifier, target: 0, files: 0..members.count(share) };
    work_through(&[queue], by, stop);
    let mut found = verifier.found.into_inner();
    found.ranges.settle();
    found.torn.settle();
    found.complete = !stop.is_set();
    found
}

struct RaidVerifier<'a, F> {
    members: &'a RaidMembers<'a, F>,
    share: Share<'a>,
    options: RaidOptions<'a>,
    content: &'a Content,
    found: Mutex<RaidFindings>,
    progress: &'a Progress,
    stop: &'a StopFlag,
}

/// An array that is being read.
struct OpenArray<'a> {
    number: u64,
    image: ArrayImage<'a>,
    files: Vec<Option<OpenMember>>,
    found: Mutex<RaidFindings>,
}

impl<'a, F: Faults> Work for RaidVerifier<'a, F> {
    type OpenFile = OpenArray<'a>;
    type Tools = Windows;

    fn tools(&self) -> Windows {
        Windows::new(self.options.geometry)
    }

    fn open(&self, number: u64, _: &mut Windows) -> Option<(OpenArray<'a>, u64)> {
        let geometry = self.options.geometry;
        let image = self.members.image((self.share, self.content), geometry, number);
        let kept = Kept { array: &image, geometry };
        let length = kept.length();
        let count = geometry.members() as usize;
        let mut found = RaidFindings::new(count);
        let mut files = Vec::with_capacity(count);
        for member in 0..count {
            let expected = kept.member(member).length();
            let file = self.open_member(&mut found, (number, member), expected);
            files.push(file);
        }
        let found = Mutex::new(found);
        Some((OpenArray { number, image, files, found }, length))
    }

    fn part(&self, array: &OpenArray<'a>, part: Range<u64>, windows: &mut Windows) {
        let Some(disk) = self.disk() else { return };
        let kept = Kept { array: &array.image, geometry: self.options.geometry };
        let mut offset = part.start;
        while offset < part.end && !self.stop.is_set() {
            let range = offset..part.end.min(offset + WINDOW_BYTES as u64);
            offset = range.end;
            let mut failed = |member: usize, error: &io::Error| {
                self.fail(&mut array.found.lock(), (array.number, member), error);
            };
            let read = windows.read(disk, kept, &array.files, (range.clone(), &mut failed));
            self.progress.bytes(read);
            if !windows.is_right(kept) {
                let found = self.judge(array, windows);
                array.found.lock().append(found);
                if self.mends() {
                    let windows = (&mut *windows, range);
                    mend(disk, kept, &array.files, windows, &mut failed);
                }
            }
        }
    }

    fn close(&self, array: OpenArray<'a>) -> Option<(OpenArray<'a>, u64)> {
        self.settle_mended(&array);
        if !self.stop.is_set() {
            self.progress.file();
        }
        self.found.lock().append(array.found.into_inner());
        None
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.progress.crew)
    }
}

impl<'a, F: Faults> RaidVerifier<'a, F> {
    /// All members are on the same system.
    fn disk(&self) -> Option<&'a Disk<F>> {
        let members = 0..self.options.geometry.members() as usize;
        members.into_iter().find_map(|member| self.members.root(member)).map(|root| &root.disk)
    }

    fn mends(&self) -> bool {
        self.options.purpose != RaidPurpose::Judge
    }

    /// Has what was mended on the storage, where that is asked for.
    fn settle_mended(&self, array: &OpenArray<'a>) {
        let is_wanted = self.options.purpose == RaidPurpose::Mend(Durability::Synced);
        let Some(disk) = self.disk().filter(|_| is_wanted) else { return };
        for (member, open) in array.files.iter().enumerate() {
            if let Some(open) = open
                && let Err(error) = disk.sync(&open.file)
            {
                self.fail(&mut array.found.lock(), (array.number, member), &error);
            }
        }
    }

    /// Opens a member, and notes what can be said of it already.
    fn open_member(
        &self,
        found: &mut RaidFindings,
        (number, member): (u64, usize),
        expected: u64,
    ) -> Option<OpenMember> {
        if !self.members.is_asked(member) {
            return None;
        }
        found.members[member].expected += expected;
        let note = |found: &mut RaidFindings, range: Range<u64>, fault| {
            let (offset, length) = (range.start, range.end - range.start);
            let (array, consistent) = (number, false);
            let member = u32::try_from(member).unwrap_or(u32::MAX);
            found.range(MemberRange { array, member, offset, length, fault, consistent });
        };
        let how = (self.options.transfer, self.mends());
        match self.members.open(self.share, (number, member), how) {
            Ok(Some(FoundMember { open, length })) => {
                if let Some(length) = length.filter(|length| *length > expected) {
                    note(found, expected..length, MemberFault::Extra);
                    if let (true, Some(disk)) = (self.mends(), self.disk())
                        && let Err(error) = disk.truncate(&open.file, expected)
                    {
                        self.fail(found, (number, member), &error);
                    }
                }
                if let (true, Some(disk)) = (self.options.drop_cache, self.disk())
                    && let Err(error) = drop_cache(disk, &open.file)
                {
                    self.fail(found, (number, member), &error);
                }
                Some(open)
            }
            Ok(None) => {
                note(found, 0..expected, MemberFault::Missing);
                None
            }
            Err(error) => {
                self.fail(found, (number, member), &error);
                None
            }
        }
    }

    /// Goes through the pages of a window.
    fn judge(&self, array: &OpenArray<'a>, windows: &mut Windows) -> RaidFindings {
        let geometry = self.options.geometry;
        let dataset = self.share.dataset();
        let earlier = Earlier { content: self.content, seeds: self.options.seeds };
        let judge = RowJudge { array: &array.image, geometry, earlier, known: dataset };
        let mut found = RaidFindings::new(geometry.members() as usize);
        let mut lost = Vec::new();
        windows.each_page(
            |row| {
                let judged = judge.judge(row);
                for fault in judged.faults {
                    found.range(MemberRange {
                        array: array.number,
                        member: fault.member,
                        offset: row.offset + fault.span.start as u64,
                        length: fault.span.len() as u64,
                        fault: fault.fault,
                        consistent: judged.consistent,
                    });
                }
                if let Some(page) = judged.torn {
                    found.torn.add(TornRange {
                        array: array.number,
                        stripe: row.offset / geometry.chunk_bytes(),
                        offset: row.offset,
                        length: PAGE_BYTES as u64,
                        page,
                    });
                }
            },
            |member, range, is_unreadable| lost.push((member, range, is_unreadable)),
        );
        for (member, range, is_unreadable) in lost {
            let fault = if is_unreadable { MemberFault::Unreadable } else { MemberFault::Missing };
            let (offset, length) = (range.start, range.end - range.start);
            let array = array.number;
            found.range(MemberRange { array, member, offset, length, fault, consistent: false });
        }
        found
    }

    fn fail(&self, found: &mut RaidFindings, at: (u64, usize), error: &io::Error) {
        let path = self.members.path(self.share, at);
        let path = self.members.root(at.1).map_or_else(String::new, |root| shown(root, &path));
        self.progress.failure(&path, error);
        found.failures.add(FileFailure { path, target: None, error: error.to_string() });
    }
}
