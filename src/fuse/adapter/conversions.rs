//! Conversions between the kernel's types and those of the filesystem.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo, Request, TimeOrNow};

use crate::dataset::Inode;
use crate::fs::{InodeAttributes, InodeKind, NewEntry, TimeChange};
use crate::overlay::Timestamp;

pub(super) fn inode(number: INodeNo) -> Inode {
    Inode::new(number.0)
}

pub(super) fn new_entry<'a>(
    request: &Request,
    kind: InodeKind,
    mode: u32,
    target: Option<&'a [u8]>,
) -> NewEntry<'a> {
    NewEntry { kind, mode: permissions(mode), uid: request.uid(), gid: request.gid(), target }
}

pub(super) fn file_type(kind: InodeKind) -> FileType {
    match kind {
        InodeKind::Directory => FileType::Directory,
        InodeKind::File => FileType::RegularFile,
        InodeKind::Symlink => FileType::Symlink,
        InodeKind::Fifo => FileType::NamedPipe,
        InodeKind::Socket => FileType::Socket,
        InodeKind::CharacterDevice(_) => FileType::CharDevice,
        InodeKind::BlockDevice(_) => FileType::BlockDevice,
    }
}

/// The bits of a mode that are permissions.
pub(super) fn permissions(mode: u32) -> u16 {
    // The mask leaves twelve bits.
    u16::try_from(mode & 0o7777).unwrap_or_default()
}

pub(super) fn file_attr(attributes: &InodeAttributes) -> FileAttr {
    FileAttr {
        ino: INodeNo(attributes.inode.get()),
        size: attributes.size.size_bytes,
        blocks: attributes.size.allocated_bytes.div_ceil(512),
        atime: system_time(attributes.accessed),
        mtime: system_time(attributes.modified),
        ctime: system_time(attributes.changed),
        crtime: UNIX_EPOCH,
        kind: file_type(attributes.kind),
        perm: attributes.mode,
        nlink: attributes.links,
        uid: attributes.uid,
        gid: attributes.gid,
        rdev: match attributes.kind {
            InodeKind::CharacterDevice(number) | InodeKind::BlockDevice(number) => number,
            _ => 0,
        },
        blksize: IO_BYTES,
        flags: 0,
    }
}

/// What `stat` recommends for reads and writes: one request of the usual largest size.
const IO_BYTES: u32 = 1 << 20;

fn system_time(time: Timestamp) -> SystemTime {
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let second = if time.seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    second
        .and_then(|second| second.checked_add(Duration::from_nanos(time.nanoseconds.into())))
        .unwrap_or(UNIX_EPOCH)
}

pub(super) fn time_change(time: TimeOrNow) -> TimeChange {
    match time {
        TimeOrNow::Now => TimeChange::Now,
        TimeOrNow::SpecificTime(time) => TimeChange::To(timestamp(time)),
    }
}

/// A time that fuser read from a request.
///
/// Before 1970 it subtracts the nanoseconds where they are to be added, so they are found mirrored
/// here (fuser 0.18, `system_time_from_time`): 1.25 s before the epoch means -1 s and 0.25 s.
fn timestamp(time: SystemTime) -> Timestamp {
    let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => {
            Timestamp { seconds: signed(after.as_secs()), nanoseconds: after.subsec_nanos() }
        }
        Err(before) => {
            let before = before.duration();
            Timestamp { seconds: -signed(before.as_secs()), nanoseconds: before.subsec_nanos() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_survive_the_library() {
        // What fuser makes of -2 s and 0.75 s after.
        let read = UNIX_EPOCH - Duration::new(2, 750_000_000);
        let time = timestamp(read);
        assert_eq!(time, Timestamp { seconds: -2, nanoseconds: 750_000_000 });
        assert_eq!(system_time(time), UNIX_EPOCH - Duration::new(1, 250_000_000));
    }

    #[test]
    fn no_time_panics() {
        for seconds in [i64::MIN, -1, 0, 1, i64::MAX] {
            for nanoseconds in [0, 1, 999_999_999] {
                let _ = system_time(Timestamp { seconds, nanoseconds });
            }
        }
    }
}
