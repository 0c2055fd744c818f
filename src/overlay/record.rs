//! What one inode has that differs from the dataset: its attributes and its extents.

mod owner;
mod state;

use std::ops::Range;

use smallvec::SmallVec;

use super::attributes::{
    ChangedAttributes, Created, InodeKind, JudgedBy, PackedAttributes, RecordStat, Size, Timestamp,
};
use super::budget::{BudgetFull, Usage};
use super::extent::Extent;
use super::rare::Rare;
use super::written::{Seek, Written, WrittenPart};
use crate::content::Source;
use crate::dataset::FileContent;
use crate::sync::Mutex;

pub(super) use owner::{Books, RecordOwner};
pub(super) use state::RecordState;

/// The record of one inode.
///
/// One short lock each: it is held for moving extents about, never while content is made.
#[derive(Debug)]
pub struct Record {
    pub(super) owner: RecordOwner,
    pub(super) state: Mutex<RecordState>,
    /// How often everything had been reset when it was made: a later reset makes it void.
    resets: u64,
}

/// What a record takes from the budget: itself with all that every file has, and its first extent.
const RECORD: Usage = Usage { kept_bytes: 0, extents: 2 };

impl Record {
    pub(super) fn new(owner: RecordOwner, resets: u64) -> Result<Self, BudgetFull> {
        owner.books.budget.exchange(Usage::default(), RECORD)?;
        Ok(Self { owner, state: Mutex::default(), resets })
    }

    /// How often everything had been reset when it was made.
    pub(super) fn resets(&self) -> u64 {
        self.resets
    }

    /// The record of an inode that is made now, with no name yet.
    pub(super) fn create(
        owner: RecordOwner,
        resets: u64,
        created: Created,
    ) -> Result<Self, BudgetFull> {
        let record = Self::new(owner, resets)?;
        {
            let state = &mut *record.state.lock();
            let Created { kind, mode, uid, gid, time, target } = created;
            let kept_bytes = target.as_ref().map_or(0, |target| target.len() as u64);
            record
                .owner
                .books
                .budget
                .exchange(Usage::default(), Usage { kept_bytes, extents: 0 })?;
            state.attributes = PackedAttributes::from(ChangedAttributes {
                accessed: Some(time),
                modified: Some(time),
                changed: Some(time),
                mode: Some(mode),
                uid: Some(uid),
                gid: Some(gid),
            });
            if kind == InodeKind::File {
                state.written = Some(Written::default());
            }
            (state.made, state.links, state.judged_by) = (Some(kind), 0, JudgedBy::Nothing);
            if target.is_some() {
                state.rare = Some(Box::new(Rare { target, ..Rare::default() }));
            }
        }
        Ok(record)
    }

    /// The kind of an inode that was made; `None` for one of the dataset's.
    #[must_use]
    pub fn created_kind(&self) -> Option<InodeKind> {
        self.state.lock().made
    }

    /// Where a symbolic link points.
    #[must_use]
    pub fn target(&self) -> Option<Box<[u8]>> {
        self.state.lock().rare.as_ref()?.target.clone()
    }

    /// How many names the inode has.
    #[must_use]
    pub fn links(&self) -> u32 {
        self.state.lock().links
    }

    /// Counts one more name.
    pub fn add_link(&self, time: Timestamp) {
        self.change_links(time, |links| links.saturating_add(1));
    }

    /// Counts one name less.
    pub fn remove_link(&self, time: Timestamp) {
        self.change_links(time, |links| links.saturating_sub(1));
    }

    fn change_links(&self, time: Timestamp, change: impl FnOnce(u32) -> u32) {
        let state = &mut *self.state.lock();
        state.links = change(state.links);
        state.had_several_names |= state.links > 1;
        state.attributes.change(|attributes| attributes.changed = Some(time));
    }

    /// Whether it ever had more than one name: then not each is known to [`Self::judged_by`].
    #[must_use]
    pub fn had_several_names(&self) -> bool {
        self.state.lock().had_several_names
    }

    /// Somebody is about to look at the content: the next change is [noted](super::Dirty) again.
    pub fn clear_dirty(&self) {
        self.state.lock().is_dirty = false;
    }

    /// What decides what the content is held against.
    #[must_use]
    pub fn judged_by(&self) -> JudgedBy {
        self.state.lock().judged_by.clone()
    }

    /// Says what decides that from now on.
    pub fn set_judged_by(&self, judged_by: JudgedBy) {
        self.state.lock().judged_by = judged_by;
    }

    /// The attributes that somebody set.
    #[must_use]
    pub fn attributes(&self) -> ChangedAttributes {
        self.state.lock().attributes.into()
    }

    /// Changes attributes.
    pub fn set_attributes(&self, change: impl FnOnce(&mut ChangedAttributes)) {
        self.state.lock().attributes.change(change);
    }

    /// What `stat` needs, as it was at one moment.
    #[must_use]
    pub fn stat(&self) -> RecordStat {
        let state = self.state.lock();
        let target = state.rare.as_ref().and_then(|rare| rare.target.as_ref());
        let size = match (&state.written, target) {
            (Some(written), _) => Some(Size {
                size_bytes: written.size_bytes,
                allocated_bytes: written.extents.covered_bytes(),
            }),
            (None, Some(target)) => {
                Some(Size { size_bytes: target.len() as u64, allocated_bytes: 0 })
            }
            (None, None) => None,
        };
        RecordStat { size, attributes: state.attributes.into(), links: state.links }
    }

    /// The next byte that is data, or that is in a hole, from an offset on; `Some(None)` where the
    /// file ends before, `None` where nobody ever wrote to the file.
    #[must_use]
    pub fn seek(&self, offset: u64, seek: Seek) -> Option<Option<u64>> {
        let state = self.state.lock();
        let written = state.written.as_ref()?;
        if offset >= written.size_bytes {
            return Some(None);
        }
        Some(match seek {
            Seek::Data => written.extents.next_data(offset),
            Seek::Hole => Some(written.extents.next_hole(offset).min(written.size_bytes)),
        })
    }

    /// What stands in a range, or `None` where nobody ever wrote to the file.
    #[must_use]
    pub fn view(&self, range: Range<u64>) -> Option<WrittenPart> {
        self.view_beginning(range, usize::MAX).map(|(view, _)| view)
    }

    /// The same for the beginning of a range that has at most `extents_max` extents, and where that
    /// ends.
    #[must_use]
    pub fn view_beginning(
        &self,
        range: Range<u64>,
        extents_max: usize,
    ) -> Option<(WrittenPart, u64)> {
        let state = self.state.lock();
        let written = state.written.as_ref()?;
        let mut end = range.end;
        let mut extents = SmallVec::new();
        for (offset, extent) in written.extents.range(range) {
            if extents.len() == extents_max {
                end = offset;
                break;
            }
            extents.push((offset, extent));
        }
        Some((WrittenPart { size_bytes: written.size_bytes, extents }, end))
    }

    /// The number of the content that the file has now: another one after each change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.state.lock().version
    }

    /// How many extents the file has; 0 where nobody ever wrote to it.
    #[must_use]
    pub fn extent_count(&self) -> usize {
        self.state.lock().written.as_ref().map_or(0, |written| written.extents.len())
    }

    /// Whether somebody ever wrote to the file.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.state.lock().written.is_some()
    }

    /// All that the file has, or `None` where nobody ever wrote to it.
    #[must_use]
    pub fn written(&self) -> Option<Written> {
        self.state.lock().written.clone()
    }

    /// Where the bytes at `offset` come from if the run before them goes on.
    #[must_use]
    pub fn continuation(&self, offset: u64) -> Option<Source> {
        self.state.lock().written.as_ref()?.extents.continuation(offset)
    }

    /// Puts pieces, in order and without gaps between them, over what stood there, and grows the
    /// file to hold them. `now` becomes the time of the change.
    ///
    /// # Errors
    ///
    /// [`BudgetFull`]: nothing was changed.
    pub fn write(
        &self,
        base: Option<FileContent>,
        pieces: &[(u64, Extent)],
        now: Timestamp,
    ) -> Result<(), BudgetFull> {
        let (Some((start, _)), Some((last, extent))) = (pieces.first(), pieces.last()) else {
            return Ok(());
        };
        let range = *start..*last + extent.length;
        let needed = |covered: Usage| Usage {
            kept_bytes: pieces.iter().map(|(_, extent)| extent.kept_bytes()).sum(),
            // Each piece may stay an extent, and one that is split leaves two; all but the outer
            // two of those that are covered go away.
            extents: (pieces.len() as u64 + 1).saturating_sub(covered.extents.saturating_sub(2)),
        };
        self.replace(base, &range, now, needed, |written| {
            for (offset, extent) in pieces {
                written.extents.insert(*offset, extent.clone());
            }
            written.size_bytes = written.size_bytes.max(range.end);
        })
    }

    /// Makes a hole, and grows the file to `size_bytes` if it is smaller.
    ///
    /// # Errors
    ///
    /// [`BudgetFull`] where cutting an extent in two is one too many; nothing was changed.
    pub fn punch(
        &self,
        base: Option<FileContent>,
        range: Range<u64>,
        size_bytes: u64,
        now: Timestamp,
    ) -> Result<(), BudgetFull> {
        let needed =
            |covered: Usage| Usage { kept_bytes: 0, extents: u64::from(covered.extents == 1) };
        self.replace(base, &range, now, needed, |written| {
            written.extents.remove(range.clone());
            written.size_bytes = written.size_bytes.max(size_bytes);
        })
    }

    /// Does `change` to a range where the budget has room for what it needs beside what it frees;
    /// `needed` is asked with what the range takes before.
    fn replace(
        &self,
        base: Option<FileContent>,
        range: &Range<u64>,
        now: Timestamp,
        needed: impl FnOnce(Usage) -> Usage,
        change: impl FnOnce(&mut Written),
    ) -> Result<(), BudgetFull> {
        let state = &mut *self.state.lock();
        let counted = state.extents();
        let fresh = state.written.is_none();
        let written = state.written.get_or_insert_with(|| Written::of(base));
        let covered = written.extents.usage_in(range);
        let needed = needed(covered);
        let freed = Usage { kept_bytes: covered.kept_bytes, extents: 0 };
        if let Err(full) = self.owner.books.budget.exchange(freed, needed) {
            if fresh {
                state.written = None;
            }
            return Err(full);
        }
        change(written);
        let surplus = (counted + needed.extents).saturating_sub(state.extents());
        self.owner.books.budget.release(Usage { kept_bytes: 0, extents: surplus });
        state.content_changed(now, &self.owner);
        Ok(())
    }

    /// Grows the file by a hole, if it is smaller.
    pub fn grow(&self, base: Option<FileContent>, size_bytes: u64, now: Timestamp) {
        let state = &mut *self.state.lock();
        let written = state.written.get_or_insert_with(|| Written::of(base));
        if written.size_bytes < size_bytes {
            written.size_bytes = size_bytes;
            state.content_changed(now, &self.owner);
        }
    }

    /// Cuts the file to a size, or grows it by a hole.
    pub fn resize(&self, base: Option<FileContent>, size_bytes: u64, now: Timestamp) {
        let state = &mut *self.state.lock();
        let counted = state.extents();
        let written = state.written.get_or_insert_with(|| Written::of(base));
        let cut = size_bytes..u64::MAX;
        let kept_bytes = written.extents.usage_in(&cut).kept_bytes;
        written.extents.remove(cut);
        written.size_bytes = size_bytes;
        let extents = counted.saturating_sub(state.extents());
        self.owner.books.budget.release(Usage { kept_bytes, extents });
        state.content_changed(now, &self.owner);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let rare = state.rare.as_ref().map_or(Usage::default(), |rare| rare.usage());
        let kept_bytes = state
            .written
            .as_ref()
            .map_or(0, |written| written.extents.usage_in(&(0..u64::MAX)).kept_bytes);
        self.owner.books.budget.release(Usage {
            kept_bytes: kept_bytes + rare.kept_bytes,
            extents: RECORD.extents - 1 + state.extents() + rare.extents,
        });
    }
}

#[cfg(test)]
mod tests;
