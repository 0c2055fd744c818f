//! Inode numbers, and who may hand out which.

use std::fmt;

/// The end of the dataset's inode numbers: they are 1 (the root) up to, and not with, this.
///
/// The whole range of `u64` is divided once, here:
///
/// | numbers | whose |
/// |---|---|
/// | 0 | nobody's: the kernel means "no inode" by it |
/// | `1..2^61` | the dataset's, computed from the layout; see [`Namespace`](super::Namespace) |
/// | `2^61..2^63` | names made after the mount, which the dataset does not know |
/// | `2^63..2^64` | `.status` |
pub const MAX_INODES: u64 = 1 << 61;

/// The number of a file or directory.
///
/// Any `u64` may stand in it, because any may come from the kernel; whether there is such an inode
/// is answered by whoever owns the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inode(u64);

impl Inode {
    /// The root of the mount.
    pub const ROOT: Self = Self(1);

    /// The inode with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Inode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
