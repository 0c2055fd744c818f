//! Which errno each error becomes.

use fuser::Errno;

use crate::fs::Error;

/// The errno of an error of opening an inode, or of asking for its attributes. One that is gone was
/// found by a name that the kernel still had from before a reset: this word has it look the name up
/// again, which says what stands there now, and makes a file where that is asked for.
pub(super) fn errno_by_number(error: Error) -> Errno {
    match error {
        Error::NotFound => Errno::ESTALE,
        error => errno(error),
    }
}

/// The errno of an error.
///
/// The names follow what the manual pages of the system calls say; a row that one could argue about
/// has its reason beside it.
pub(super) fn errno(error: Error) -> Errno {
    match error {
        Error::NotFound => Errno::ENOENT,
        Error::NotDirectory => Errno::ENOTDIR,
        Error::IsDirectory => Errno::EISDIR,
        Error::Exists => Errno::EEXIST,
        Error::NotEmpty => Errno::ENOTEMPTY,
        Error::NameTooLong => Errno::ENAMETOOLONG,
        Error::ValueTooLong => Errno::E2BIG,
        // What overlayfs says of a directory of its lower layer: `mv` copies instead.
        Error::FixedDirectory => Errno::EXDEV,
        // The loop that the kernel means is of links; it is the one word for "too deep".
        Error::TooDeep => Errno::ELOOP,
        Error::NotPermitted => Errno::EPERM,
        Error::TooManyLinks => Errno::EMLINK,
        // Not EPERM: tools tell "this filesystem does not change" from "you may not".
        Error::ReadOnly => Errno::EROFS,
        // Of `access`. What may be attempted at all is checked by the kernel.
        Error::Permission => Errno::EACCES,
        // What a disk that notices it would say, and what every tool takes for lost data.
        Error::Mismatch => Errno::EIO,
        // What the disk of the store says: it is the disk that the caller writes to.
        Error::Store(failure) => Errno::from_i32(failure.errno()),
        Error::NoSpace => Errno::ENOSPC,
        Error::TooLarge => Errno::EFBIG,
        Error::PastEnd => Errno::ENXIO,
        Error::NoAttribute => Errno::ENODATA,
        Error::NotSupported => Errno::EOPNOTSUPP,
        Error::Invalid => Errno::EINVAL,
        // Nobody sees it: it is for callers that are being killed.
        Error::Interrupted => Errno::EINTR,
        Error::TooManyOpen => Errno::ENFILE,
        Error::BadHandle => Errno::EBADF,
    }
}
