//! Attributes: what `stat` shows, and what may be set.

use super::{Error, Filesystem, InodeKind, Resolved, Result, StatusEntry, now};
use crate::dataset::{DatasetEntry, Inode};
use crate::overlay::{ChangedDirectory, Record, Size, Timestamp};

/// What `stat` shows of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InodeAttributes {
    /// The inode number.
    pub inode: Inode,
    /// Directory or file.
    pub kind: InodeKind,
    /// Size and allocation; 0 for directories.
    pub size: Size,
    /// Permission bits, set-id and sticky bits included.
    pub mode: u16,
    /// Number of links; for directories 2 and one for each directory in it, saturating.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last read, as far as somebody set it.
    pub accessed: Timestamp,
    /// Time of the last change of the content.
    pub modified: Timestamp,
    /// Time of the last change of content or attributes.
    pub changed: Timestamp,
    /// Whether this may be remembered: it changes only through the mount. Not so under `.status`.
    pub cacheable: bool,
}

/// A time to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeChange {
    /// The time of the call.
    Now,
    /// This time.
    To(Timestamp),
}

/// Attributes to be set; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttributes {
    /// Permission bits.
    pub mode: Option<u16>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Size: cuts, or grows by a hole.
    pub size_bytes: Option<u64>,
    /// Time of the last read.
    pub accessed: Option<TimeChange>,
    /// Time of the last change of the content.
    pub modified: Option<TimeChange>,
    /// Whether the set-id bits go: the caller is not privileged to change such a file.
    pub drop_set_id: bool,
}

/// What a caller wants to do with an inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessMask {
    /// Read it.
    pub read: bool,
    /// Write to it.
    pub write: bool,
    /// Execute or search it.
    pub execute: bool,
}

/// All times of generation 0 until somebody changes something: the same on every mount and machine,
/// so that backup tools, which remember them, see the same files. 2020-01-01 00:00:00 UTC.
pub(super) const DATASET_TIME: Timestamp = Timestamp { seconds: 1_577_836_800, nanoseconds: 0 };

/// What each generation is later than the one before it: a day.
const GENERATION_SECONDS: i64 = 86_400;

/// The largest file: offsets are signed in the kernel.
pub(super) const FILE_BYTES_MAX: u64 = i64::MAX as u64;

const DIRECTORY_MODE: u16 = 0o755;
const FILE_MODE: u16 = 0o644;
/// The modes under `.status`, and what is taken off them where they are the owner's alone.
const STATUS_DIRECTORY_MODE: u16 = 0o555;
const STATUS_FILE_MODE: u16 = 0o444;
const OTHERS_MASK: u16 = 0o077;
const CONTROL_MODE: u16 = 0o200;

impl Filesystem {
    /// The attributes of an inode.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] where there is no such inode.
    pub fn attributes(&self, inode: Inode) -> Result<InodeAttributes> {
        let resolved = self.resolve(inode)?;
        Ok(self.attributes_with(inode, resolved, self.overlay.get(inode).as_deref()))
    }

    /// Those of an inode that was just given a name, whatever has become of it since.
    pub(super) fn made_attributes(
        &self,
        inode: Inode,
        kind: InodeKind,
        record: &Record,
    ) -> InodeAttributes {
        let resolved = match kind {
            InodeKind::Directory => Resolved::Directory,
            InodeKind::File => match self.dataset.namespace().entry(inode) {
                Some(DatasetEntry::File(file)) => {
                    Resolved::File(Some(self.dataset.file_content(file)))
                }
                _ => Resolved::File(None),
            },
            kind => Resolved::Special(kind),
        };
        self.attributes_with(inode, resolved, Some(record))
    }

    fn attributes_with(
        &self,
        inode: Inode,
        resolved: Resolved,
        record: Option<&Record>,
    ) -> InodeAttributes {
        let (kind, mode, size) = match resolved {
            Resolved::Status(entry) => return self.status_attributes(inode, entry),
            Resolved::File(base) => {
                let size_bytes = base.map_or(0, |base| base.size_bytes);
                let size = Size { size_bytes, allocated_bytes: size_bytes };
                (InodeKind::File, FILE_MODE, size)
            }
            Resolved::Special(kind) => (kind, FILE_MODE, Size::default()),
            Resolved::Directory => (InodeKind::Directory, DIRECTORY_MODE, Size::default()),
        };
        let time = self.dataset_time(inode, resolved);
        let record = record.map(Record::stat);
        let links = record.map_or(1, |record| record.links);
        let set = record.map(|record| record.attributes).unwrap_or_default();
        InodeAttributes {
            inode,
            kind,
            size: record.and_then(|record| record.size).unwrap_or(size),
            mode: set.mode.unwrap_or(mode),
            links: if kind == InodeKind::Directory {
                self.directory_links(inode, links)
            } else {
                links
            },
            uid: set.uid.unwrap_or(self.options.uid),
            gid: set.gid.unwrap_or(self.options.gid),
            accessed: set.accessed.unwrap_or(time),
            modified: set.modified.unwrap_or(time),
            changed: set.changed.unwrap_or(time),
            cacheable: true,
        }
    }

    /// All times of what nobody has changed: those of the generation in which the dataset last
    /// changed it.
    fn dataset_time(&self, inode: Inode, resolved: Resolved) -> Timestamp {
        let generation = match resolved {
            Resolved::File(Some(base)) => self.dataset.last_change(base.file),
            Resolved::Directory => self.dataset.last_new_name(inode),
            _ => 0,
        };
        let seconds = DATASET_TIME.seconds + i64::from(generation) * GENERATION_SECONDS;
        Timestamp { seconds, ..DATASET_TIME }
    }

    /// A directory's name, its own `.` and the `..` of each directory in it.
    fn directory_links(&self, directory: Inode, names: u32) -> u32 {
        if names == 0 {
            return 0;
        }
        let of_dataset = self.dataset.namespace().subdirectory_count(directory);
        let more = if self.overlay.names_changed() {
            self.overlay.with_names(|tree| {
                tree.directory(directory).map_or(0, ChangedDirectory::extra_subdirectories)
            })
        } else {
            0
        };
        u32::try_from((2 + of_dataset).saturating_add_signed(more)).unwrap_or(u32::MAX)
    }

    fn status_attributes(&self, inode: Inode, entry: StatusEntry) -> InodeAttributes {
        let (kind, mode, size_bytes) = match entry {
            // Only making it would tell the size: as of files of /proc.
            StatusEntry::Document(_) => (InodeKind::File, STATUS_FILE_MODE, 0),
            StatusEntry::Manifest => {
                (InodeKind::File, STATUS_FILE_MODE, self.manifest_size_bytes())
            }
            StatusEntry::Control => (InodeKind::File, CONTROL_MODE, 0),
            _ => (InodeKind::Directory, STATUS_DIRECTORY_MODE, 0),
        };
        let time = now();
        InodeAttributes {
            inode,
            kind,
            size: Size { size_bytes, allocated_bytes: size_bytes },
            mode: if self.options.share_status { mode } else { mode & !OTHERS_MASK },
            // What filesystems say that do not count the directories in a directory.
            links: 1,
            uid: self.options.uid,
            gid: self.options.gid,
            accessed: time,
            modified: time,
            changed: time,
            cacheable: false,
        }
    }

    /// Sets attributes, all or none, and returns what they are now.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`] under `.status`, [`Error::IsDirectory`] for the size of a directory,
    /// [`Error::TooLarge`] past the largest size, [`Error::Mismatch`] for a size past the expected
    /// one where mismatches are rejected, [`Error::NoSpace`] where no record can be made.
    pub fn set_attributes(&self, inode: Inode, set: &SetAttributes) -> Result<InodeAttributes> {
        let resolved = self.resolve(inode)?;
        let resize = match (resolved, set.size_bytes) {
            // The shell cuts it before it writes to it.
            (Resolved::Status(StatusEntry::Control), Some(0)) => return self.attributes(inode),
            (Resolved::Status(_), _) => return Err(Error::ReadOnly),
            (_, None) => None,
            (Resolved::Directory, Some(_)) => return Err(Error::IsDirectory),
            (Resolved::Special(_), Some(_)) => return Err(Error::Invalid),
            (_, Some(size_bytes)) if size_bytes > FILE_BYTES_MAX => return Err(Error::TooLarge),
            (Resolved::File(base), Some(size_bytes)) => {
                self.refuse_growth(inode, base, size_bytes)?;
                Some((base, size_bytes))
            }
        };
        let record = self.overlay.get_or_insert(inode)?;
        let time = now();
        if let Some((base, size_bytes)) = resize {
            record.resize(base, size_bytes, time);
        }
        let at = |change| match change {
            TimeChange::Now => time,
            TimeChange::To(time) => time,
        };
        record.set_attributes(|attributes| {
            attributes.mode = set.mode.map(|mode| mode & 0o7777).or(attributes.mode);
            attributes.uid = set.uid.or(attributes.uid);
            attributes.gid = set.gid.or(attributes.gid);
            attributes.accessed = set.accessed.map(at).or(attributes.accessed);
            attributes.modified = set.modified.map(at).or(attributes.modified);
            attributes.changed = Some(time);
        });
        // A new owner must not inherit the power that the old one gave the file.
        let chown = (set.uid.is_some() || set.gid.is_some()) && set.mode.is_none();
        if (chown || set.drop_set_id) && !matches!(resolved, Resolved::Directory) {
            self.drop_set_id(inode);
        }
        if chown {
            record.drop_capability();
        }
        self.attributes(inode)
    }

    /// Whether a user may do something to an inode, by its permission bits.
    ///
    /// On a mount with `default_permissions` the kernel decides this by itself; this is for callers
    /// without one. Of the user's groups only `gid` counts.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], and [`Error::Permission`] where the answer is no.
    pub fn access(&self, inode: Inode, mask: AccessMask, uid: u32, gid: u32) -> Result<()> {
        let attributes = self.attributes(inode)?;
        let bits = if uid == attributes.uid {
            attributes.mode >> 6
        } else if gid == attributes.gid {
            attributes.mode >> 3
        } else {
            attributes.mode
        };
        let root = uid == 0;
        // Root may read and write anything, and execute what anybody may.
        let executable = attributes.kind == InodeKind::Directory || attributes.mode & 0o111 != 0;
        let allowed = (!mask.read || bits & 4 != 0 || root)
            && (!mask.write || bits & 2 != 0 || root)
            && (!mask.execute || bits & 1 != 0 || (root && executable));
        if allowed { Ok(()) } else { Err(Error::Permission) }
    }

    /// Drops the set-id bits, as a change of the content by a caller without privileges must. Says
    /// whether there were any: whoever remembers the mode must be told.
    pub fn drop_set_id(&self, inode: Inode) -> bool {
        let Some(record) = self.overlay.get(inode) else { return false };
        let mut dropped = false;
        record.set_attributes(|attributes| {
            if let Some(mode) = &mut attributes.mode {
                // Where the group may not execute, its set-id bit means something else: locking.
                let group = if *mode & 0o010 == 0 { 0 } else { 0o2000 };
                let left = *mode & !(0o4000 | group);
                dropped = left != *mode;
                *mode = left;
            }
        });
        dropped
    }
}
