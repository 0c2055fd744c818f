//! What is open, and what is known of it.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::stat::FileStat;

/// An open file.
#[derive(Debug)]
pub struct OpenFile(pub(super) std::fs::File);

/// An open directory. It stands for the same directory whatever happens to the path that led to it.
#[derive(Debug)]
pub struct OpenDirectory(pub(super) OwnedFd);

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for OpenDirectory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To read, through the page cache.
    Read,
    /// To read past it.
    ReadDirect,
    /// To write, through the page cache.
    Write,
    /// To write past it.
    WriteDirect,
    /// To read and to write, through the page cache.
    ReadWrite,
    /// The same, and of a block device nobody else may: not a mount, not another device.
    ReadWriteAlone,
    /// The same past the page cache.
    ReadWriteAloneDirect,
}

/// What becomes of a link at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// It is what is meant.
    Refuse,
    /// What it points to is.
    Follow,
}

/// What becomes of a name that somebody else has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It stays: `AlreadyExists`.
    Refuse,
    /// It stands for the new file from now on.
    Replace,
}

/// What a file has to be before it counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// In the kernel, which stores it by and by.
    Later,
    /// On the storage, with its name.
    Synced,
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Special,
}

impl FileType {
    pub(super) fn of_mode(mode: libc::mode_t) -> Self {
        match mode & libc::S_IFMT {
            libc::S_IFREG => Self::File,
            libc::S_IFDIR => Self::Directory,
            libc::S_IFLNK => Self::Link,
            _ => Self::Special,
        }
    }
}

/// The attributes that we look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileType,
    /// The device of its filesystem.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Its length.
    pub length: u64,
    /// Its own number, where it is a block device.
    pub block_device: Option<u64>,
    /// Whose it is.
    pub owner: u32,
    /// When its content changed, in nanoseconds since 1970.
    pub modified_ns: i128,
    /// When anything of it changed, in nanoseconds since 1970.
    pub changed_ns: i128,
    /// The bytes that it takes on the storage.
    pub stored_bytes: u64,
}

impl Stat {
    /// Whether both are the same file or directory.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl From<FileStat> for Stat {
    fn from(stat: FileStat) -> Self {
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Self {
            kind: FileType::of_mode(stat.st_mode),
            device: stat.st_dev,
            inode: stat.st_ino,
            links: links(&stat),
            length: u64::try_from(stat.st_size).unwrap_or_default(),
            block_device: (stat.st_mode & libc::S_IFMT == libc::S_IFBLK).then_some(stat.st_rdev),
            owner: stat.st_uid,
            modified_ns: ns(stat.st_mtime, stat.st_mtime_nsec),
            changed_ns: ns(stat.st_ctime, stat.st_ctime_nsec),
            stored_bytes: u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512),
        }
    }
}

/// The type differs between processors.
#[allow(clippy::useless_conversion, reason = "not on all processors")]
fn links(stat: &FileStat) -> u64 {
    stat.st_nlink.into()
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingEntry {
    /// The name.
    pub name: OsString,
    /// What it is, where the filesystem says so.
    pub kind: Option<FileType>,
}
