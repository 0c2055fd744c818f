//! Which content a file has, and how much of it.

use super::{Coordinates, Dataset};

/// The whole content of a file of the dataset: what the file shows until somebody writes to it, and
/// what belongs under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// The file.
    pub file: Coordinates,
    /// Its size.
    pub size_bytes: u64,
}

impl Dataset {
    /// The content of a file.
    #[inline]
    #[must_use]
    pub fn file_content(&self, file: Coordinates) -> FileContent {
        FileContent { file, size_bytes: self.size_bytes(file) }
    }
}
