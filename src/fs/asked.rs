//! What can be asked of an open file.

use crate::dataset::Inode;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFor {
    /// To be read only.
    Reading,
    /// To be written to, perhaps read as well.
    Writing,
}

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the operations on it name; 0 for files that need none.
    pub handle: u64,
    /// How its bytes may be cached.
    pub cache: CachePolicy,
}

/// How the kernel may cache the bytes of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachePolicy {
    /// Not at all: every read and write arrives here.
    Direct,
    /// In the page cache, also from one open to the next.
    Page,
    /// Not at all: the bytes were fixed when the file was opened, or follow from the dataset.
    Frozen,
    /// Not at all: what is written are commands, and closing waits until they are carried out.
    Commands,
}

/// The bytes that a read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The inode.
    pub inode: Inode,
    /// That of the open file.
    pub handle: u64,
    /// Where they begin.
    pub offset: u64,
    /// How many there are at the most.
    pub size: usize,
}

/// What `fallocate` does to a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocate {
    /// Grows the file to its end, or with `keep_size` nothing: there is nothing to reserve.
    Space {
        /// Whether the size stays as it is.
        keep_size: bool,
    },
    /// Makes a hole. The size stays as it is.
    Hole,
    /// Writes zeros.
    Zeros {
        /// Whether the size stays as it is.
        keep_size: bool,
    },
}

/// Ranges that are longer than this may take long to judge when they are changed without being
/// written: find a thread for that.
pub const QUICK_BYTES_MAX: u64 = 16 << 20;
