//! The way up from a directory: its path, and what it is in.

use super::{ChangedNames, Name};
use crate::dataset::{Dataset, Inode};

/// How deep a directory may lie to which another is moved: the way up from there is looked at under
/// the lock, to see that no directory comes to be below itself.
pub const DEPTH_MAX: usize = 4096;

impl ChangedNames {
    /// The path of a name in a directory, where it has at most so many bytes; `None` where the
    /// directory has none any more.
    #[must_use]
    pub fn path_up_to(
        &self,
        dataset: &Dataset,
        (mut directory, name): (Inode, &Name),
        bytes_max: usize,
    ) -> Option<Vec<u8>> {
        let mut names = vec![Name::clone(name)];
        let mut bytes = name.len();
        while let Some((parent, name)) = self.place(directory) {
            bytes += name.len() + 1;
            if bytes > bytes_max {
                return None;
            }
            names.push(Name::clone(name));
            directory = *parent;
        }
        let mut path = dataset.namespace().path(directory)?.into_bytes();
        for name in names.iter().rev() {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
        }
        (path.len() <= bytes_max).then_some(path)
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
