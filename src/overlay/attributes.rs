//! What an inode is, apart from its content.

mod packed;

use super::changed_names::Name;
use crate::dataset::{DatasetEntry, Inode};

pub(super) use packed::PackedAttributes;

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
pub enum InodeKind {
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

impl From<DatasetEntry> for InodeKind {
    fn from(entry: DatasetEntry) -> Self {
        match entry {
            DatasetEntry::Directory => Self::Directory,
            DatasetEntry::File(_) => Self::File,
        }
    }
}

impl InodeKind {
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

/// What decides what the content of a file is held against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum JudgedBy {
    /// Its inode number: it has the name it began with.
    #[default]
    Number,
    /// The name of this file of the dataset, in the directory that the dataset has it in: those do
    /// not move.
    File(Inode),
    /// This name in this directory, which was made. What that is in the dataset is asked for when
    /// it matters, because the directory or one above it may be renamed.
    Name(Box<(Inode, Name)>),
    /// It has no name by which it is judged.
    Nothing,
}

/// What makes an inode.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its kind, for ever.
    pub kind: InodeKind,
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
pub struct ChangedAttributes {
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
    pub attributes: ChangedAttributes,
    /// How many names it has.
    pub links: u32,
}
