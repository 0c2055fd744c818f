//! Which documents there are.

use crate::dataset::Inode;

/// One of the files under `.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Document {
    /// `summary.json`
    Summary,
    /// `config.json`
    Config,
    /// `mismatches.json`
    Mismatches,
    /// `others.json`
    Others,
    /// `nodes/node_<node>.json`
    Node(u16),
    /// `files/<path>.json`
    File(Inode),
}
