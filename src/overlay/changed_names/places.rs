//! The way up from a directory: its path, and what it is in.

use super::ChangedNames;
use crate::dataset::{Dataset, Inode};

/// How deep a directory may lie to which another is moved: the way up from there is looked at under
/// the lock, to see that no directory comes to be below itself.
pub const DEPTH_MAX: usize = 4096;

/// `PATH_MAX` of Linux, without the NUL.
const PATH_BYTES_MAX: usize = 4095;

impl ChangedNames {
    /// The path of a directory; `None` where it has none any more. Of a path that no system call
    /// would take, `PATH_MAX` and more, only the end, with `.../` in front of it: directories can
    /// be nested without a limit, and nobody is to wait for that.
    #[must_use]
    pub fn path(&self, dataset: &Dataset, directory: Inode) -> Option<Vec<u8>> {
        let mut names: Vec<&[u8]> = Vec::new();
        let (mut at, mut length) = (directory, 0);
        while let Some((parent, name)) = self.place(at) {
            names.push(name);
            at = *parent;
            length += name.len() + 1;
            if length > PATH_BYTES_MAX {
                names.push(b"...");
                break;
            }
        }
        let is_whole = length <= PATH_BYTES_MAX;
        let top = if is_whole { dataset.namespace().path(at)? } else { String::new() };
        names.extend((!top.is_empty()).then_some(top.as_bytes()));
        names.reverse();
        Some(names.join(&b'/'))
    }

    /// Whether a directory is another one or below it; `None` where it lies more than
    /// [`DEPTH_MAX`] deep and it is not found so far.
    #[must_use]
    pub fn is_within(&self, dataset: &Dataset, directory: Inode, other: Inode) -> Option<bool> {
        let mut at = directory;
        for _ in 0..DEPTH_MAX {
            if at == other {
                return Some(true);
            }
            match self.parent(dataset, at) {
                Some(parent) if parent != at => at = parent,
                _ => return Some(false),
            }
        }
        None
    }
}
