//! Paths that are not longer than they may be.

use super::{ChangedNames, Name};
use crate::dataset::{Dataset, Inode};

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
        while let Some((parent, name)) =
            self.directories.get(&directory).and_then(|it| it.place.as_ref())
        {
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
}
