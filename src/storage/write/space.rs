//! The room that there is, and what is in it.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::storage::Share;

/// The free bytes of the filesystem that a directory is on, or will be on.
///
/// # Errors
///
/// Those of `statvfs`.
pub fn free_bytes(directory: &Path) -> io::Result<u128> {
    let there = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let space = statvfs(there)?;
    Ok(u128::from(space.blocks_available()) * u128::from(space.fragment_size()))
}

/// How many of a share's bytes are in files that are already there.
#[must_use]
pub fn existing_bytes(root: &Path, share: Share<'_>) -> u128 {
    (0..share.file_count())
        .filter_map(|index| fs::metadata(root.join(share.path(share.file(index)))).ok())
        .map(|metadata| u128::from(metadata.len()))
        .sum()
}
