//! A window on the members of an array: the same bytes of each, as they are and as they should be.

use std::io;
use std::ops::Range;

use super::judge::{PAGE_BYTES, PageRow};
use super::member::RaidMember;
use crate::disk::{AlignedBuffer, Disk, Faults, OpenFile};
use crate::raid::{Geometry, RaidLevel, xor_into};
use crate::storage::blocks::read_block;
use crate::storage::image::Image;

/// How many bytes of each member are looked at together.
pub(super) const WINDOW_BYTES: usize = 256 << 10;

/// A member's file or device.
#[derive(Debug)]
pub(super) struct OpenMember {
    pub(super) file: OpenFile,
    /// Where its data begin.
    pub(super) data_offset: u64,
}

/// An array, and how it is kept.
#[derive(Debug)]
pub(super) struct Kept<'a, I: ?Sized> {
    pub(super) array: &'a I,
    pub(super) geometry: Geometry,
}

impl<I: ?Sized> Clone for Kept<'_, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: ?Sized> Copy for Kept<'_, I> {}

impl<'a, I: Image + ?Sized> Kept<'a, I> {
    pub(super) fn member(self, member: usize) -> RaidMember<'a, I> {
        let member = u32::try_from(member).unwrap_or(u32::MAX);
        RaidMember::new(self.array, self.geometry, member)
    }

    /// How long the longest member is.
    pub(super) fn length(self) -> u64 {
        (0..self.geometry.members() as usize)
            .map(|member| self.member(member).length())
            .max()
            .unwrap_or_default()
    }
}

/// The buffers of one thread.
pub(super) struct Windows {
    offset: u64,
    members: Vec<MemberWindow>,
}

/// What was read of a member, and what it should be.
struct MemberWindow {
    actual: AlignedBuffer,
    expected: Vec<u8>,
    /// How many bytes the member should have here.
    known: usize,
    /// How many were there; `None` where it was not read.
    got: Option<usize>,
    /// The beginnings of the pages that could not be read.
    unreadable: Vec<usize>,
}

impl MemberWindow {
    fn new() -> Self {
        let actual = AlignedBuffer::new(WINDOW_BYTES);
        let expected = vec![0; WINDOW_BYTES];
        Self { actual, expected, known: 0, got: None, unreadable: Vec::new() }
    }

    fn is_read_whole(&self) -> bool {
        self.got.is_none_or(|got| got == self.known) && self.unreadable.is_empty()
    }

    /// Reads one member; the error is that of the first page that could not be read.
    fn read<F: Faults>(
        &mut self,
        disk: &Disk<F>,
        member: &OpenMember,
        offset: u64,
    ) -> io::Result<()> {
        let at = member.data_offset + offset;
        let bytes = self.actual.bytes_mut();
        // Past the page cache a request must have whole units.
        let wanted = self.known.next_multiple_of(PAGE_BYTES).min(bytes.len());
        let error = match read_block(disk, &member.file, at, &mut bytes[..wanted]) {
            Ok(got) => {
                self.got = Some(got.min(self.known));
                return Ok(());
            }
            Err(error) => error,
        };
        // One page may be bad, and the others not.
        let mut got = 0;
        for page in (0..wanted).step_by(PAGE_BYTES) {
            let bytes = &mut bytes[page..][..PAGE_BYTES];
            let read = read_block(disk, &member.file, at + page as u64, bytes);
            got = page + read.as_ref().map_or(PAGE_BYTES, |length| *length);
            if read.is_err() {
                self.unreadable.push(page);
            }
            if got < page + PAGE_BYTES {
                break;
            }
        }
        self.got = Some(got.min(self.known));
        Err(error)
    }
}

/// Hears which member could not be read, and why.
type OnReadError<'a> = &'a mut dyn FnMut(usize, &io::Error);

impl Windows {
    pub(super) fn new(geometry: Geometry) -> Self {
        let members = (0..geometry.members()).map(|_| MemberWindow::new()).collect();
        Self { offset: 0, members }
    }

    /// Reads the members that are there. Says how many bytes that were, and hands on errors.
    pub(super) fn read<F: Faults, I: Image + ?Sized>(
        &mut self,
        disk: &Disk<F>,
        kept: Kept<'_, I>,
        files: &[Option<OpenMember>],
        (range, failed): (Range<u64>, OnReadError<'_>),
    ) -> u64 {
        self.offset = range.start;
        let mut total = 0;
        for (number, (file, window)) in files.iter().zip(&mut self.members).enumerate() {
            let end = kept.member(number).length().min(range.end);
            window.known = usize::try_from(end.saturating_sub(range.start)).unwrap_or_default();
            window.got = None;
            window.unreadable.clear();
            let Some(file) = file else { continue };
            if let Err(error) = window.read(disk, file, range.start) {
                failed(number, &error);
            }
            total += window.got.unwrap_or_default() as u64;
        }
        total
    }

    /// Makes what should be here, and says whether it is. Where it is not, all members' bytes are
    /// made afterwards, also of those that were not read.
    pub(super) fn is_right<I: Image + ?Sized>(&mut self, kept: Kept<'_, I>) -> bool {
        self.fill(kept, |window| window.got.is_some());
        let mirrored = kept.geometry.level() == RaidLevel::Mirrored;
        let common = mirrored.then(|| &self.members[0].expected);
        let all_right = self.members.iter().all(|window| {
            let Some(got) = window.got else { return true };
            let expected = common.unwrap_or(&window.expected);
            window.is_read_whole() && window.actual.bytes()[..got] == expected[..got]
        });
        if !all_right {
            self.fill(kept, |_| true);
            if mirrored {
                let (first, rest) = self.members.split_at_mut(1);
                for window in rest {
                    window.expected.clone_from(&first[0].expected);
                }
            }
        }
        all_right
    }

    /// Hands on each page of the window, what is missing there, and what could not be read.
    pub(super) fn each_page(
        &self,
        mut page_row: impl FnMut(PageRow<'_>),
        mut lost: impl FnMut(u32, Range<u64>, bool),
    ) {
        let longest = self.members.iter().map(|window| window.known).max().unwrap_or_default();
        for page in (0..longest).step_by(PAGE_BYTES) {
            let mut expected = Vec::with_capacity(self.members.len());
            let mut actual = Vec::with_capacity(self.members.len());
            for window in &self.members {
                let end = window.known.min(page + PAGE_BYTES);
                expected.push(window.expected.get(page..end).unwrap_or_default());
                let got =
                    window.got.filter(|got| *got > page && !window.unreadable.contains(&page));
                actual.push(got.map(|got| &window.actual.bytes()[page..got.min(end)]));
            }
            let offset = self.offset + page as u64;
            page_row(PageRow { offset, expected: &expected, actual: &actual });
        }
        for (number, window) in (0..).zip(&self.members) {
            let Some(got) = window.got else { continue };
            if got < window.known {
                lost(number, self.offset + got as u64..self.offset + window.known as u64, false);
            }
            for page in &window.unreadable {
                let end = (page + PAGE_BYTES).min(window.known);
                lost(number, self.offset + *page as u64..self.offset + end as u64, true);
            }
        }
    }

    /// Hands on each run of pages of a member that was read and is not as it should be: the number
    /// of the member, where the run begins on it, and what should be there.
    pub(super) fn each_wrong_run(&mut self, mut run: impl FnMut(usize, u64, &[u8])) {
        for (number, window) in self.members.iter_mut().enumerate() {
            let MemberWindow { actual, expected, known, got, unreadable } = window;
            let Some(got) = *got else { continue };
            let actual = actual.bytes();
            let is_wrong = |page: usize| {
                let end = (*known).min(page + PAGE_BYTES);
                end > got || unreadable.contains(&page) || actual[page..end] != expected[page..end]
            };
            let mut begun = None;
            for page in (0..*known).step_by(PAGE_BYTES) {
                match (is_wrong(page), begun) {
                    (true, None) => begun = Some(page),
                    (false, Some(from)) => {
                        run(number, self.offset + from as u64, &expected[from..page]);
                        begun = None;
                    }
                    _ => {}
                }
            }
            if let Some(from) = begun {
                run(number, self.offset + from as u64, &expected[from..*known]);
            }
        }
    }

    fn fill<I: Image + ?Sized>(
        &mut self,
        kept: Kept<'_, I>,
        is_wanted: impl Fn(&MemberWindow) -> bool,
    ) {
        let first = self.members[0].known;
        let is_whole = self.members.iter().all(|window| window.known == first);
        let is_all = self.members.iter().all(&is_wanted);
        match kept.geometry.level() {
            RaidLevel::Parity if is_all && is_whole => self.fill_stripes(kept),
            RaidLevel::Mirrored => {
                kept.array.fill(self.offset, &mut self.members[0].expected[..first]);
            }
            _ => {
                for (number, window) in self.members.iter_mut().enumerate() {
                    if is_wanted(window) {
                        let bytes = &mut window.expected[..window.known];
                        kept.member(number).fill(self.offset, bytes);
                    }
                }
            }
        }
    }

    /// All data once, and the parity added up from them.
    fn fill_stripes<I: Image + ?Sized>(&mut self, Kept { array, geometry }: Kept<'_, I>) {
        let (chunk, data) = (geometry.chunk_bytes(), geometry.data_members());
        let known = self.members[0].known;
        let mut at = 0;
        while at < known {
            let place = self.offset + at as u64;
            let (stripe, within) = (place / chunk, place % chunk);
            let left = usize::try_from(chunk - within).unwrap_or(usize::MAX);
            let run = at..at + left.min(known - at);
            let Some(parity) = geometry.parity_member(stripe) else { return };
            let mut sum = std::mem::take(&mut self.members[parity as usize].expected);
            for index in 0..data {
                let member = geometry.data_member(stripe, index) as usize;
                let bytes = &mut self.members[member].expected[run.clone()];
                let number = stripe * u64::from(data) + u64::from(index);
                array.fill(number * chunk + within, bytes);
                let sum = &mut sum[run.clone()];
                if index == 0 { sum.copy_from_slice(bytes) } else { xor_into(sum, bytes) }
            }
            self.members[parity as usize].expected = sum;
            at = run.end;
        }
    }
}
