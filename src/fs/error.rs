//! What can go wrong in an operation.

use crate::overlay::BudgetFull;

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
    /// The namespace is the dataset's: names are neither made nor removed.
    #[error("the names of the dataset cannot be changed")]
    FixedNames,
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
    /// Past the largest offset that a file can have.
    #[error("file too large")]
    TooLarge,
    /// There is neither data nor a hole past the end.
    #[error("offset past the end of the file")]
    PastEnd,
    /// No extended attribute of this name.
    #[error("no such attribute")]
    NoAttribute,
    /// The attribute is computed and cannot be set.
    #[error("the attribute is computed")]
    FixedAttribute,
    /// The operation does not exist for this kind of file.
    #[error("operation not supported")]
    NotSupported,
    /// A value that the operation does not take.
    #[error("invalid argument")]
    Invalid,
    /// The handle was closed, or never opened.
    #[error("bad file handle")]
    BadHandle,
}

impl From<BudgetFull> for Error {
    fn from(_: BudgetFull) -> Self {
        Self::NoSpace
    }
}
