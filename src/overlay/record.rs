//! What one inode has that differs from the dataset: its attributes and its extents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
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

/// The kind of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device, with its number.
    CharacterDevice(u32),
    /// A block device, with its number.
    BlockDevice(u32),
}

impl Kind {
    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::CharacterDevice(_) => "character device",
            Self::BlockDevice(_) => "block device",
        }
    }
}

/// What the content of a file is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judged {
    /// The file of the dataset that its inode number stands for: it has the name it began with.
    #[default]
    ByNumber,
    /// The file of the dataset whose name it has got.
    As(Coordinates),
    /// Nothing: its name is not the dataset's.
    Nowhere,
}

/// What makes an inode.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its kind, for ever.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When.
    pub time: Timestamp,
    /// Where a symbolic link points.
    pub target: Option<Box<[u8]>>,
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

/// What a record says of an inode's attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordStat {
    /// The size, where it is not what the dataset says.
    pub size: Option<Size>,
    /// The attributes that somebody set.
    pub attributes: Attributes,
    /// How many names it has.
    pub links: u32,
}

/// What a file has: its size and its extents. Bytes past the last extent, or between two, are holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The file's size. No extent reaches past it.
    pub size_bytes: u64,
    /// What stands where.
    pub extents: ExtentMap,
}

impl Written {
    /// What a file has before anybody wrote to it; one that was made has nothing.
    #[must_use]
    pub fn of(base: Option<Base>) -> Self {
        let Some(base) = base else { return Self::default() };
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
    /// What few files need.
    rare: Option<Box<Rare>>,
}

/// What a file of the dataset needs only when its name changes or somebody gives it an attribute,
/// and what every inode needs that was made.
#[derive(Debug)]
struct Rare {
    /// Of an inode that was made; `None` for one of the dataset's.
    created: Option<(Kind, Option<Box<[u8]>>)>,
    /// How many names it has. For directories only whether it has one.
    links: u32,
    judged: Judged,
    xattrs: BTreeMap<Box<[u8]>, Bytes>,
}

impl Default for Rare {
    fn default() -> Self {
        Self { created: None, links: 1, judged: Judged::ByNumber, xattrs: BTreeMap::new() }
    }
}

impl Rare {
    /// What it takes from the kept bytes: extended attributes, and where a link points.
    fn kept_bytes(&self) -> u64 {
        let xattrs: u64 = self.xattrs.iter().map(|(name, value)| xattr_bytes(name, value)).sum();
        let target = self.created.as_ref().and_then(|(_, target)| target.as_ref());
        xattrs + target.map_or(0, |target| target.len() as u64)
    }
}

/// What an extended attribute takes from the kept bytes.
fn xattr_bytes(name: &[u8], value: &[u8]) -> u64 {
    (name.len() + value.len()) as u64
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

    /// The record of an inode that is made now, with no name yet.
    pub(super) fn create(budget: Arc<Budget>, created: Created) -> Result<Self, BudgetFull> {
        let record = Self::new(budget)?;
        {
            let state = &mut *record.state.lock();
            let Created { kind, mode, uid, gid, time, target } = created;
            let kept_bytes = target.as_ref().map_or(0, |target| target.len() as u64);
            record.budget.exchange(Usage::default(), Usage { kept_bytes, extents: 0 })?;
            state.attributes = Attributes {
                accessed: Some(time),
                modified: Some(time),
                changed: Some(time),
                mode: Some(mode),
                uid: Some(uid),
                gid: Some(gid),
            };
            if kind == Kind::File {
                state.written = Some(Written::default());
            }
            state.rare = Some(Box::new(Rare {
                created: Some((kind, target)),
                links: 0,
                judged: Judged::Nowhere,
                xattrs: BTreeMap::new(),
            }));
        }
        Ok(record)
    }

    /// The kind of an inode that was made; `None` for one of the dataset's.
    #[must_use]
    pub fn created_kind(&self) -> Option<Kind> {
        self.state.lock().rare.as_ref()?.created.as_ref().map(|(kind, _)| *kind)
    }

    /// Where a symbolic link points.
    #[must_use]
    pub fn target(&self) -> Option<Box<[u8]>> {
        self.state.lock().rare.as_ref()?.created.as_ref()?.1.clone()
    }

    /// How many names the inode has.
    #[must_use]
    pub fn links(&self) -> u32 {
        self.state.lock().rare.as_ref().map_or(1, |rare| rare.links)
    }

    /// Counts a name more, or one less.
    pub fn add_link(&self, more: bool, time: Timestamp) {
        let state = &mut *self.state.lock();
        let rare = state.rare.get_or_insert_default();
        rare.links = if more { rare.links.saturating_add(1) } else { rare.links.saturating_sub(1) };
        state.attributes.changed = Some(time);
    }

    /// What the content is held against.
    #[must_use]
    pub fn judged(&self) -> Judged {
        self.state.lock().rare.as_ref().map_or(Judged::ByNumber, |rare| rare.judged)
    }

    /// Says what the content is held against from now on.
    pub fn set_judged(&self, judged: Judged) {
        let state = &mut *self.state.lock();
        if judged != Judged::ByNumber || state.rare.is_some() {
            state.rare.get_or_insert_default().judged = judged;
        }
    }

    /// The value of an extended attribute.
    #[must_use]
    pub fn xattr(&self, name: &[u8]) -> Option<Bytes> {
        self.state.lock().rare.as_ref()?.xattrs.get(name).cloned()
    }

    /// The names of the extended attributes.
    #[must_use]
    pub fn xattr_names(&self) -> Vec<Box<[u8]>> {
        let state = self.state.lock();
        state.rare.iter().flat_map(|rare| rare.xattrs.keys().cloned()).collect()
    }

    /// Sets an extended attribute, or removes it. `allowed` is asked whether, given that there is
    /// one already or not.
    ///
    /// # Errors
    ///
    /// What `allowed` says, and [`BudgetFull`]; nothing was changed.
    pub fn set_xattr<E: From<BudgetFull>>(
        &self,
        name: &[u8],
        value: Option<&[u8]>,
        time: Timestamp,
        allowed: impl FnOnce(bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let state = &mut *self.state.lock();
        let old = state.rare.as_ref().and_then(|rare| rare.xattrs.get(name));
        allowed(old.is_some())?;
        let bytes = |value: &[u8]| Usage { kept_bytes: xattr_bytes(name, value), extents: 0 };
        let freed = old.map_or(Usage::default(), |old| bytes(old));
        self.budget.exchange(freed, value.map_or(Usage::default(), bytes))?;
        let rare = state.rare.get_or_insert_default();
        match value {
            Some(value) => rare.xattrs.insert(name.into(), Bytes::copy_from_slice(value)),
            None => rare.xattrs.remove(name),
        };
        state.attributes.changed = Some(time);
        Ok(())
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

    /// What `stat` needs, as it was at one moment.
    #[must_use]
    pub fn stat(&self) -> RecordStat {
        let state = self.state.lock();
        let target = state.rare.as_ref().and_then(|rare| rare.created.as_ref()?.1.as_ref());
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
        let links = state.rare.as_ref().map_or(1, |rare| rare.links);
        RecordStat { size, attributes: state.attributes, links }
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

    /// Puts pieces, in order and without gaps between them, over what stood there, and grows the file
    /// to hold them. `now` becomes the time of the change.
    ///
    /// # Errors
    ///
    /// [`BudgetFull`]: nothing was changed.
    pub fn write(
        &self,
        base: Option<Base>,
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

    /// Makes a hole, and grows the file to `size_bytes` if it is smaller.
    ///
    /// # Errors
    ///
    /// [`BudgetFull`] where cutting an extent in two is one too many; nothing was changed.
    pub fn punch(
        &self,
        base: Option<Base>,
        range: Range<u64>,
        size_bytes: u64,
        now: Timestamp,
    ) -> Result<(), BudgetFull> {
        let state = &mut *self.state.lock();
        let counted = state.extents();
        let fresh = state.written.is_none();
        let written = state.written.get_or_insert_with(|| Written::of(base));
        let covered = written.extents.usage_in(&range);
        let grown = u64::from(covered.extents == 1);
        let freed = Usage { kept_bytes: covered.kept_bytes, extents: 0 };
        let needed = Usage { kept_bytes: 0, extents: grown };
        if let Err(full) = self.budget.exchange(freed, needed) {
            if fresh {
                state.written = None;
            }
            return Err(full);
        }
        written.extents.remove(range);
        written.size_bytes = written.size_bytes.max(size_bytes);
        state.attributes.modified = Some(now);
        state.attributes.changed = Some(now);
        let surplus = (counted + grown).saturating_sub(state.extents());
        self.budget.release(Usage { kept_bytes: 0, extents: surplus });
        Ok(())
    }

    /// Cuts the file to a size, or grows it by a hole.
    pub fn resize(&self, base: Option<Base>, size_bytes: u64, now: Timestamp) {
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
            .map_or(0, |written| written.extents.usage_in(&(0..u64::MAX)).kept_bytes)
            + state.rare.as_ref().map_or(0, |rare| rare.kept_bytes());
        self.budget.release(Usage { kept_bytes, extents: RECORD.extents - 1 + state.extents() });
    }
}

#[cfg(test)]
mod tests;
