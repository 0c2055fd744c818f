//! The names in a directory.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;

use nix::dir::{Dir, OwningIter, Type};
use nix::errno::Errno;

use super::{Disk, Faults, FileType, ListingEntry, SystemCall};

/// The entries of a directory. After an error it ends.
#[derive(Debug)]
pub struct Listing<F> {
    disk: Disk<F>,
    names: OwningIter,
    ended: bool,
}

impl<F> Listing<F> {
    pub(super) fn new(disk: Disk<F>, names: Dir) -> Self {
        Self { disk, names: names.into_iter(), ended: false }
    }
}

impl<F: Faults> Iterator for Listing<F> {
    type Item = io::Result<ListingEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.ended {
                return None;
            }
            // Asked before, never after: an entry that was taken would be lost.
            let asked = self.disk.call(SystemCall::List, || Ok(()));
            let entry = match asked.map(|()| self.names.next()) {
                Ok(Some(Ok(entry))) => entry,
                Ok(Some(Err(Errno::EINTR))) => continue,
                Ok(None) => {
                    self.ended = true;
                    return None;
                }
                Ok(Some(Err(errno))) => {
                    self.ended = true;
                    return Some(Err(errno.into()));
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                let name: OsString = OsStr::from_bytes(name).to_owned();
                return Some(Ok(ListingEntry { name, kind: entry.file_type().map(kind) }));
            }
        }
    }
}

fn kind(kind: Type) -> FileType {
    match kind {
        Type::File => FileType::File,
        Type::Directory => FileType::Directory,
        Type::Symlink => FileType::Link,
        Type::Fifo | Type::CharacterDevice | Type::BlockDevice | Type::Socket => FileType::Special,
    }
}
