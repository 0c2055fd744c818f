//! Where something is wrong.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Class;
use crate::content::Source;

/// A run of wrong bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongRange {
    /// The offset of its first byte in the file.
    pub offset: u64,
    /// How many bytes, from the first wrong one to the last.
    pub length: u64,
    /// What kind of wrong.
    pub class: Class,
    /// The first bytes that belong there, [`HEAD_BYTES`] at the most; none past the expected end.
    pub expected: Head,
    /// The bytes that stand there instead.
    pub actual: Head,
    /// Whose content the first of them is, where it is somebody's.
    pub source: Option<Source>,
    /// The seed under which it is that, where it is another one's than the dataset's.
    pub seed: Option<Arc<str>>,
}

/// The first bytes of a range.
pub type Head = SmallVec<[u8; HEAD_BYTES]>;

/// How many bytes of a wrong range are shown.
pub const HEAD_BYTES: usize = 16;
