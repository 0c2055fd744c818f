//! The tree: paths, inode numbers and coordinates, computed from one another.
//!
//! The [`Layout`] is the template of the paths: one component for each level of the tree, with the
//! coordinates in it as numbers. The [`Namespace`] reads the levels as the digits of one number, so
//! an [`Inode`] is arithmetic, and so are the name of an entry, its parent, its children and their
//! count. Nothing is stored for a file or a directory, however many there are.
//!
//! This room never asks how large a file is or what it holds.

mod dimensions;
mod extensions;
mod inode;
mod layout;
mod level_names;
mod namespace;
mod path_lengths;

pub use dimensions::Dimensions;
pub use extensions::Extensions;
pub use inode::{Inode, MAX_INODES};
pub use layout::{Layout, LayoutError};
pub use namespace::{DatasetEntry, Namespace};

pub(super) use dimensions::{MAX_FILES, MAX_U16_DIMENSION};
pub(super) use extensions::EXTENSIONS_MAX;
