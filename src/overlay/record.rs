//! What one inode has that differs from the dataset: its attributes and its extents.

use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;

use super::budget::{Budget, BudgetFull, Usage};
use super::extent::{Extent, Piece, to_index};
use super::extent_map::ExtentMap;
use crate::content::{Content, Source};
use crate::dataset::Coordinates;

/// A point in time: seconds since 1970 (negative before it) and nanoseconds after that second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Whole seconds since the epoch, rounded down.
    pub seconds: i64,
    /// 0 to 999,999,999 nanoseconds after `seconds`.
    pub nanoseconds: u32,
}

/// Attributes that somebody set; `None` is what the dataset gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Time of the last read, as far as somebody set it: reads do not change it.
    pub accessed: Option<Timestamp>,
    /// Time of the last change of the content.
    pub modified: Option<Timestamp>,
    /// Time of the last change of the content or the attributes.
    pub changed: Option<Timestamp>,
    /// Permission bits, set-id and sticky bits included.
    pub mode: Option<u16>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// What a file is before anybody wrote to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// The file whose content it shows.
    pub file: Coordinates,
    /// Its size.
    pub size_bytes: u64,
}

/// How large a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// The offset behind the last byte.
    pub size_bytes: u64,
    /// Bytes that are not in holes.
    pub allocated_bytes: u64,
}

/// What a file has: its size and its extents. Bytes past the last extent, or between two, are
/// holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The file's size. No extent reaches past it.
    pub size_bytes: u64,
    /// What stands where.
    pub extents: ExtentMap,
}

impl Written {
    fn of(base: Base) -> Self {
        let mut extents = ExtentMap::default();
        let source = Source { file: base.file, offset: 0 };
        let piece = Piece::Seed { source, written: false };
        extents.insert(0, Extent { length: base.size_bytes, piece });
        Self { size_bytes: base.size_bytes, extents }
    }
}

impl Written {
    /// Reads bytes, holes as zeros. What lies past the size reads as zeros too.
    pub fn read(&self, content: &Content, offset: u64, out: &mut [u8]) {
        let range = offset..offset.saturating_add(out.len() as u64);
        fill(content, self.extents.range(range), offset, out);
    }
}

/// Fills a buffer that begins at `offset` of the file from the extents that touch it.
fn fill(
    content: &Content,
    extents: impl Iterator<Item = (u64, Extent)>,
    offset: u64,
    out: &mut [u8],
) {
    let mut done = 0;
    for (start, extent) in extents {
        let start = to_index(start - offset);
        let end = start + to_index(extent.length);
        out[done..start].fill(0);
        match &extent.piece {
            Piece::Seed { source, .. } => {
                content.fill(source.file, source.offset, &mut out[start..end]);
            }
            Piece::Zeros => out[start..end].fill(0),
            Piece::Bytes(bytes) => out[start..end].copy_from_slice(bytes),
        }
        done = end;
    }
    out[done..].fill(0);
}

/// The extents of a range, and the size, as they were at one moment.
#[derive(Debug)]
pub struct View {
    /// The file's size.
    pub size_bytes: u64,
    /// The extents in the range, cut to it, in order; what is between them is a hole.
    pub extents: SmallVec<[(u64, Extent); 2]>,
}

impl View {
    /// Fills a buffer that begins at `offset`, where the view begins too; the caller cuts it to the
    /// size first.
    pub fn read(self, content: &Content, offset: u64, out: &mut [u8]) {
        fill(content, self.extents.into_iter(), offset, out);
    }
}

/// The record of one inode.
///
/// One short lock each: it is held for moving extents about, never while content is made.
#[derive(Debug)]
pub struct Record {
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    attributes: Attributes,
    /// `None` until somebody writes or resizes.
    written: Option<Written>,
}

impl State {
    /// How many extents the budget counts: the first one comes with the record.
    fn extents(&self) -> u64 {
        self.written.as_ref().map_or(1, |written| written.extents.len().max(1) as u64)
    }
}

/// What a record takes from the budget: itself and its first extent.
const RECORD: Usage = Usage { kept_bytes: 0, extents: 2 };

impl Record {
    pub(super) fn new(budget: Arc<Budget>) -> Result<Self, BudgetFull> {
        budget.exchange(Usage::default(), RECORD)?;
        Ok(Self { budget, state: Mutex::default() })
    }

    /// The attributes that somebody set.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        self.state.lock().attributes
    }

    /// Changes attributes.
    pub fn set_attributes(&self, change: impl FnOnce(&mut Attributes)) {
        change(&mut self.state.lock().attributes);
    }

    /// Size and attributes, as they were at one moment.
    #[must_use]
    pub fn size_and_attributes(&self) -> (Option<Size>, Attributes) {
        let state = self.state.lock();
        let size = state.written.as_ref().map(|written| Size {
            size_bytes: written.size_bytes,
            allocated_bytes: written.extents.covered_bytes(),
        });
        (size, state.attributes)
    }

    /// The next byte that is data, or that is in a hole, from an offset on; `Some(None)` where the
    /// file ends before, `None` where nobody ever wrote to the file.
    #[must_use]
    pub fn seek(&self, offset: u64, data: bool) -> Option<Option<u64>> {
        let state = self.state.lock();
        let written = state.written.as_ref()?;
        if offset >= written.size_bytes {
            return Some(None);
        }
        Some(if data {
            written.extents.next_data(offset)
        } else {
            Some(written.extents.next_hole(offset).min(written.size_bytes))
        })
    }

    /// What stands in a range, or `None` where nobody ever wrote to the file.
    #[must_use]
    pub fn view(&self, range: Range<u64>) -> Option<View> {
        let state = self.state.lock();
        let written = state.written.as_ref()?;
        Some(View {
            size_bytes: written.size_bytes,
            extents: written.extents.range(range).collect(),
        })
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
        base: Base,
        pieces: &[(u64, Extent)],
        now: Timestamp,
    ) -> Result<(), BudgetFull> {
        let (Some((start, _)), Some((last, extent))) = (pieces.first(), pieces.last()) else {
            return Ok(());
        };
        let range = *start..*last + extent.length;
        let mut state = self.state.lock();
        let state = &mut *state;
        let counted = state.extents();
        let fresh = state.written.is_none();
        let written = state.written.get_or_insert_with(|| Written::of(base));

        let covered = written.extents.usage_in(&range);
        // Each piece may stay an extent, and one that is split leaves two; all but the outer two of
        // those that are covered go away.
        let grown = (pieces.len() as u64 + 1).saturating_sub(covered.extents.saturating_sub(2));
        let needed = Usage {
            kept_bytes: pieces.iter().map(|(_, extent)| extent.kept_bytes()).sum(),
            extents: grown,
        };
        let freed = Usage { kept_bytes: covered.kept_bytes, extents: 0 };
        if let Err(full) = self.budget.exchange(freed, needed) {
            if fresh {
                state.written = None;
            }
            return Err(full);
        }
        for (offset, extent) in pieces {
            written.extents.insert(*offset, extent.clone());
        }
        written.size_bytes = written.size_bytes.max(range.end);
        state.attributes.modified = Some(now);
        state.attributes.changed = Some(now);
        let surplus = (counted + grown).saturating_sub(state.extents());
        self.budget.release(Usage { kept_bytes: 0, extents: surplus });
        Ok(())
    }

    /// Cuts the file to a size, or grows it by a hole.
    pub fn resize(&self, base: Base, size_bytes: u64, now: Timestamp) {
        let mut state = self.state.lock();
        let counted = state.extents();
        let written = state.written.get_or_insert_with(|| Written::of(base));
        let cut = size_bytes..u64::MAX;
        let kept_bytes = written.extents.usage_in(&cut).kept_bytes;
        written.extents.remove(cut);
        written.size_bytes = size_bytes;
        state.attributes.modified = Some(now);
        state.attributes.changed = Some(now);
        let extents = counted.saturating_sub(state.extents());
        self.budget.release(Usage { kept_bytes, extents });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let kept_bytes = state
            .written
            .as_ref()
            .map_or(0, |written| written.extents.usage_in(&(0..u64::MAX)).kept_bytes);
        self.budget.release(Usage { kept_bytes, extents: RECORD.extents - 1 + state.extents() });
    }
}
