//! Whether what is to be written to several targets has room there.

use std::collections::BTreeMap;
use std::io;

use super::opening::Targets;
use crate::dataset::Dataset;
use crate::disk::Faults;
use crate::storage::{Existing, Share, existing_bytes, free_bytes};

/// Targets on one filesystem, and what is to be written to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpaceNeeded {
    /// Their directories.
    pub directories: Vec<String>,
    /// What the filesystem has left.
    pub free_bytes: u128,
    /// What is to be written to it.
    pub needed_bytes: u128,
}

/// The space that each filesystem needs for the files of a node, or of all. Where sizes are drawn,
/// the share of a target is in proportion to its number of files.
///
/// # Errors
///
/// Those of the system, with the directory.
pub fn space_needed<F: Faults>(
    targets: &Targets<F>,
    (dataset, node): (&Dataset, Option<u16>),
    (threads, existing): (usize, Existing),
) -> io::Result<Vec<SpaceNeeded>> {
    let mut filesystems: BTreeMap<u64, SpaceNeeded> = BTreeMap::new();
    for target in targets.all() {
        let Some(root) = target.root() else { continue };
        let name = target.tally().name();
        let say = |error: io::Error| io::Error::new(error.kind(), format!("'{name}': {error}"));
        let selection = targets.files_of(dataset, node, target.tally().number());
        let share = Share::new(dataset, node).only(&selection);
        let device = root.disk.stat(&root.directory).map_err(say)?.device;
        let of = filesystems.entry(device).or_default();
        of.directories.push(name.to_owned());
        of.free_bytes = free_bytes(root.path()).map_err(say)?;
        let mut needed = share.total_bytes(threads);
        if needed > of.free_bytes && existing != Existing::Refuse {
            // What is there already takes its place again.
            needed = needed.saturating_sub(existing_bytes(root.path(), share));
        }
        of.needed_bytes += needed;
    }
    Ok(filesystems.into_values().collect())
}
