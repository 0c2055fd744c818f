//! What only few records have.

use std::collections::BTreeMap;

use super::attributes::{InodeKind, JudgedBy};
use super::budget::Usage;

/// What a file of the dataset needs only when its name changes or somebody gives it an attribute,
/// and what every inode needs that was made.
#[derive(Debug)]
pub(super) struct Rare {
    /// Of an inode that was made; `None` for one of the dataset's.
    pub(super) created: Option<(InodeKind, Option<Box<[u8]>>)>,
    /// How many names it has. For directories only whether it has one.
    pub(super) links: u32,
    pub(super) judged_by: JudgedBy,
    pub(super) xattrs: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// Whether it ever had more than one.
    pub(super) had_several_names: bool,
}

impl Default for Rare {
    fn default() -> Self {
        Self {
            created: None,
            links: 1,
            judged_by: JudgedBy::Number,
            xattrs: BTreeMap::new(),
            had_several_names: false,
        }
    }
}

impl Rare {
    /// What it takes: extended attributes, and where a link points. The rest is in the record's.
    pub(super) fn usage(&self) -> Usage {
        let target = self.created.as_ref().and_then(|(_, target)| target.as_ref());
        let mut usage = Usage { kept_bytes: target.map_or(0, |it| it.len() as u64), extents: 0 };
        for (name, value) in &self.xattrs {
            let one = xattr_usage(name, value);
            usage.kept_bytes += one.kept_bytes;
            usage.extents += one.extents;
        }
        usage
    }
}

/// What an extended attribute takes: its bytes, and its place in the tree of them.
pub(super) fn xattr_usage(name: &[u8], value: &[u8]) -> Usage {
    Usage { kept_bytes: (name.len() + value.len()) as u64, extents: 1 }
}
