//! Where a file stands in the dataset.

use serde::{Deserialize, Serialize};

/// The coordinates of one file: with a byte offset they are the address of a byte.
///
/// The fields are as wide as the content format stores them, so every value is a valid address;
/// whether a *dataset* has such a file is another question.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Coordinates {
    /// The generation of the content, counted from 0; `{iteration}` in a layout.
    pub generation: u16,
    /// The node that writes the file, counted from 0.
    pub node: u16,
    /// The process of that node, counted from 0.
    pub process: u16,
    /// The file of that process, counted from 0.
    pub file: u32,
}
