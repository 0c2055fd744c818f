//! What takes long: the manifest of the dataset, and the hash of one file.
//!
//! Both hash bytes that nobody has stored, as many as a file has, and a file may have a petabyte.
//! So the caller can ask beforehand whether an answer takes long, and stop it; and no lock is held
//! meanwhile.

use super::attributes::FILE_BYTES_MAX;
use super::{Error, Filesystem, Fill, Result, StatusNode};
use crate::dataset::Inode;
use crate::manifest::Manifest;

/// The digits of a hash.
pub(super) const HASH_DIGITS: usize = 64;

impl Filesystem {
    /// Whether reading an inode hashes files: [`read_manifest`](Self::read_manifest) does, and can
    /// be stopped.
    #[must_use]
    pub fn is_manifest(&self, inode: Inode) -> bool {
        inode == StatusNode::Manifest.inode()
    }

    /// Reads from the manifest, as [`read`](Self::read) does. Where
    /// `fill` allows it, fewer bytes than asked for can come in the middle too: at the end of a
    /// line, where hashing what belongs into the next ones would keep the reader waiting.
    ///
    /// # Errors
    ///
    /// [`Error::BadHandle`], and [`Error::Interrupted`] where `stop` says so.
    pub fn read_manifest(
        &self,
        handle: u64,
        offset: u64,
        out: &mut [u8],
        fill: Fill,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<usize> {
        let mut line = self.status_files.manifest_line(handle)?;
        let read = self.manifest().read(offset, out, fill, &mut line, stop);
        self.status_files.set_manifest_line(handle, line);
        read.map_err(|_| Error::Interrupted)
    }

    /// The hash of what belongs into a file of the dataset, whatever is in it.
    ///
    /// # Errors
    ///
    /// [`Error::NoAttribute`], [`Error::NotFound`], and [`Error::Interrupted`] where `stop` says
    /// so.
    pub(super) fn blake3_xattr(
        &self,
        inode: Inode,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<u8>> {
        let file = self.judged_file(inode)?.ok_or(Error::NoAttribute)?;
        let sum = self.content.blake3_unless(file, self.dataset.size_bytes(file), stop);
        Ok(hex::encode(sum.ok_or(Error::Interrupted)?).into_bytes())
    }

    /// That of the whole manifest, or what a file can have at the most.
    pub(super) fn manifest_size_bytes(&self) -> u64 {
        u64::try_from(self.manifest().size_bytes()).unwrap_or(u64::MAX).min(FILE_BYTES_MAX)
    }

    fn manifest(&self) -> Manifest<'_> {
        Manifest::new(&self.dataset, &self.content)
    }
}
