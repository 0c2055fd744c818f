//! Replies: what an operation's outcome is to the kernel.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use fuser::{
    Errno, FileAttr, FileHandle, FopenFlags, Generation, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs,
    ReplyWrite, ReplyXattr,
};

use super::super::errno::{errno, errno_by_number};
use crate::fs::{CachePolicy, Error, FilesystemSpace, Opened, Result};
use crate::sync::background;

/// Inode numbers are never used twice.
pub(super) const GENERATION: Generation = Generation(0);

/// What the kernel is told of an inode, and for how long it may remember that.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) attr: FileAttr,
    pub(super) attr_remembered: Duration,
    /// That it has the name by which it was asked for.
    pub(super) name_remembered: Duration,
}

/// The value of an extended attribute, for a caller who has room for so many bytes. One who has
/// none asks for the size.
#[derive(Debug)]
pub(super) struct XattrValue(pub(super) Vec<u8>, pub(super) u32);

/// A reply with two doors, one for an outcome and one for an errno.
pub(super) trait ReplyWith<T> {
    fn with(self, value: T);
    fn refuse(self, errno: Errno);
}

macro_rules! replies {
    ($(($reply:ident: $kind:ty, $value:pat => $type:ty) $send:expr;)*) => {$(
        impl ReplyWith<$type> for $kind {
            fn with(self, $value: $type) {
                let $reply = self;
                $send;
            }

            fn refuse(self, errno: Errno) {
                self.error(errno);
            }
        }
    )*};
}

replies! {
    (reply: ReplyEmpty, () => ()) reply.ok();
    (reply: ReplyDirectory, () => ()) reply.ok();
    (reply: ReplyDirectoryPlus, () => ()) reply.ok();
    (reply: ReplyWrite, length => u32) reply.written(length);
    (reply: ReplyLseek, offset => i64) reply.offset(offset);
    (reply: ReplyData, bytes => &[u8]) reply.data(bytes);
    (reply: ReplyData, bytes => Box<[u8]>) reply.data(&bytes);
    (reply: ReplyOpen, it => Opened) reply.opened(FileHandle(it.handle), open_flags(it.cache));
    (reply: ReplyOpen, directory => FileHandle) reply.opened(directory, FopenFlags::empty());
    (reply: ReplyAttr, it => Told) reply.attr(&it.attr_remembered, &it.attr);
    (reply: ReplyEntry, it => Told)
        reply.entry_with_ttls(&it.attr_remembered, &it.name_remembered, &it.attr, GENERATION);
    (reply: ReplyCreate, (it, opened) => (Told, Opened)) {
        let (handle, flags) = (FileHandle(opened.handle), open_flags(opened.cache));
        // One time for both: the shorter.
        let remembered = it.name_remembered.min(it.attr_remembered);
        reply.created(&remembered, &it.attr, GENERATION, handle, flags);
    };
    (reply: ReplyXattr, XattrValue(value, room) => XattrValue) match u32::try_from(value.len()) {
        Ok(length) if room == 0 => reply.size(length),
        Ok(length) if length <= room => reply.data(&value),
        _ => reply.error(Errno::ERANGE),
    };
    (reply: ReplyStatfs, it => FilesystemSpace) reply.statfs(
        it.blocks,
        it.blocks_free,
        it.blocks_free,
        it.files,
        it.files_free,
        it.block_bytes,
        it.name_bytes_max,
        it.block_bytes,
    );
}

/// Runs an operation and sends its outcome.
pub(super) fn answer<T, R: ReplyWith<T>>(
    operation: &'static str,
    reply: R,
    run: impl FnOnce() -> Result<T>,
) {
    guarded(operation, || conclude(operation, reply, run()));
}

/// The same for an operation that finds an inode by its number alone: see [`errno_by_number`].
pub(super) fn answer_by_number<T, R: ReplyWith<T>>(
    operation: &'static str,
    reply: R,
    run: impl FnOnce() -> Result<T>,
) {
    guarded(operation, || match run() {
        Ok(value) => reply.with(value),
        Err(error) => reply.refuse(errno_by_number(error)),
    });
}

/// Sends an outcome.
pub(super) fn conclude<T, R: ReplyWith<T>>(operation: &'static str, reply: R, outcome: Result<T>) {
    match outcome {
        Ok(value) => reply.with(value),
        Err(error) => {
            log_failure(operation, error);
            reply.refuse(errno(error));
        }
    }
}

/// Runs one operation. Should it ever panic, the reply is dropped, which answers EIO, and the event
/// loop goes on: one system call must not end the mount.
pub(super) fn guarded(operation: &'static str, run: impl FnOnce()) {
    background::note_request();
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!(operation, "a bug in seedfs: the operation panicked and was answered EIO");
    }
}

/// Loud where somebody will want to know why a tool failed, quiet where failing is ordinary.
fn log_failure(operation: &'static str, error: Error) {
    match error {
        // A store that fails is logged by the thread that gives back, once.
        Error::Mismatch | Error::NoSpace => tracing::warn!(operation, %error),
        _ => tracing::trace!(operation, %error),
    }
}

fn open_flags(cache: CachePolicy) -> FopenFlags {
    match cache {
        CachePolicy::Direct => {
            FopenFlags::FOPEN_DIRECT_IO
                | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES
                | FopenFlags::FOPEN_NOFLUSH
        }
        CachePolicy::Page => FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH,
        CachePolicy::Frozen => FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH,
        CachePolicy::Commands => FopenFlags::FOPEN_DIRECT_IO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_said_to_have_come() {
        let _alone = background::REQUESTS.lock();
        background::give_way();
        assert!(!background::give_way(), "nobody has asked since");
        guarded("read", || {});
        assert!(background::give_way());
    }
}
