//! What only few records have.

use std::collections::BTreeMap;

use super::budget::Usage;

/// What only few records have.
#[derive(Debug, Default)]
pub(super) struct Rare {
    /// Where a symbolic link points.
    pub(super) target: Option<Box<[u8]>>,
    /// Extended attributes.
    pub(super) xattrs: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

impl Rare {
    /// What it takes: extended attributes, and where a link points. The rest is in the record's.
    pub(super) fn usage(&self) -> Usage {
        let target_bytes = self.target.as_ref().map_or(0, |target| target.len() as u64);
        let mut usage = Usage { kept_bytes: target_bytes, extents: 0 };
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
