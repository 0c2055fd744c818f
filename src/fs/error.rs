//! What can go wrong in an operation.

use crate::overlay::{BudgetFull, NoRecord, StoreError, StoreFailure};

/// Why an operation failed. Which errno that becomes is decided where the kernel is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing of this name, or no inode of this number.
    #[error("no such file or directory")]
    NotFound,
    /// A file where a directory is needed.
    #[error("not a directory")]
    NotDirectory,
    /// A directory where a file is needed.
    #[error("is a directory")]
    IsDirectory,
    /// The name is taken.
    #[error("file exists")]
    Exists,
    /// The directory has entries.
    #[error("directory not empty")]
    NotEmpty,
    /// A name of more than 255 bytes.
    #[error("file name too long")]
    NameTooLong,
    /// An extended attribute whose name or value is longer than Linux has them.
    #[error("the attribute is too long")]
    ValueTooLong,
    /// A directory of the dataset stays where it is; tools move its content instead.
    #[error("a directory of the dataset cannot be renamed")]
    FixedDirectory,
    /// A directory would come to lie deeper than directories can be moved.
    #[error("too many levels of directories")]
    TooDeep,
    /// Nobody may: directories have one name.
    #[error("operation not permitted")]
    NotPermitted,
    /// As many names as an inode can have.
    #[error("too many links")]
    TooManyLinks,
    /// Status files cannot be written to.
    #[error("status files are read-only")]
    ReadOnly,
    /// The caller's user may not.
    #[error("permission denied")]
    Permission,
    /// What was written is not what belongs there, and the mount rejects that.
    #[error("the bytes are not what belongs there")]
    Mismatch,
    /// More than the mount may hold.
    #[error("no room for what was written")]
    NoSpace,
    /// Kept bytes cannot be written to the store or read from it.
    #[error("{0}")]
    Store(StoreFailure),
    /// Past the largest offset that a file can have.
    #[error("file too large")]
    TooLarge,
    /// There is neither data nor a hole past the end.
    #[error("offset past the end of the file")]
    PastEnd,
    /// No extended attribute of this name.
    #[error("no such attribute")]
    NoAttribute,
    /// The operation does not exist for this kind of file.
    #[error("operation not supported")]
    NotSupported,
    /// A value that the operation does not take.
    #[error("invalid argument")]
    Invalid,
    /// The caller has ended before it had an answer.
    #[error("interrupted")]
    Interrupted,
    /// More documents are open than may be held.
    #[error("too many open documents")]
    TooManyOpen,
    /// The handle was closed, or never opened.
    #[error("bad file handle")]
    BadHandle,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::NoSpace,
            StoreError::Failed(failure) => Self::Store(failure),
        }
    }
}

impl From<NoRecord> for Error {
    fn from(error: NoRecord) -> Self {
        match error {
            NoRecord::Full(full) => full.into(),
            NoRecord::Gone => Self::NotFound,
        }
    }
}

impl From<BudgetFull> for Error {
    fn from(_: BudgetFull) -> Self {
        Self::NoSpace
    }
}
