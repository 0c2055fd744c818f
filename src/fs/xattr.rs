//! Extended attributes: what a file is, for whoever holds only the file.

use super::{Error, Filesystem, Place, Result};
use crate::content::Address;
use crate::dataset::{Coordinates, Inode};

/// The coordinates of a file, as JSON.
const ADDRESS: &str = "user.seedfs.address";
/// The command that makes the same bytes.
const OPENSSL: &str = "user.seedfs.openssl";
/// The verdict on the file, one word.
const VERDICT: &str = "user.seedfs.verdict";

/// The attributes that every file of the dataset has.
const NAMES: [&str; 3] = [ADDRESS, OPENSSL, VERDICT];

impl Filesystem {
    /// The value of an extended attribute.
    ///
    /// # Errors
    ///
    /// [`Error::NoAttribute`], [`Error::NotFound`].
    pub fn xattr(&self, inode: Inode, name: &[u8]) -> Result<Vec<u8>> {
        let Place::File(file) = self.place(inode)? else { return Err(Error::NoAttribute) };
        let value = match NAMES.into_iter().find(|known| known.as_bytes() == name) {
            // Four integers: this cannot fail.
            Some(ADDRESS) => serde_json::to_string(&file).unwrap_or_default(),
            Some(OPENSSL) => self.openssl_command(file),
            Some(VERDICT) => {
                let verdict = self.snapshot().verdict(inode).ok_or(Error::NoAttribute)?;
                verdict.name().to_owned()
            }
            _ => return Err(Error::NoAttribute),
        };
        Ok(value.into_bytes())
    }

    /// The names of the extended attributes.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn xattr_names(&self, inode: Inode) -> Result<&'static [&'static str]> {
        Ok(match self.place(inode)? {
            Place::File(_) => &NAMES,
            Place::Directory | Place::Status(_) => &[],
        })
    }

    /// Why an extended attribute can be neither set nor removed.
    ///
    /// # Errors
    ///
    /// Always: [`Error::FixedAttribute`] for those that are computed, [`Error::NotSupported`] for
    /// others, [`Error::NotFound`].
    pub fn set_xattr(&self, inode: Inode, name: &[u8]) -> Result<()> {
        self.place(inode)?;
        if NAMES.iter().any(|known| known.as_bytes() == name) {
            Err(Error::FixedAttribute)
        } else {
            Err(Error::NotSupported)
        }
    }

    /// One line of shell that prints the file's content: AES-128 in counter mode over zeros, from
    /// the file's first address on. `openssl` complains when `head` has enough, hence the
    /// redirection.
    fn openssl_command(&self, file: Coordinates) -> String {
        let key = hex::encode(self.content.key());
        let iv = hex::encode(Address { file, block: 0 }.to_bytes());
        let size_bytes = self.dataset.size_bytes(file);
        format!(
            "openssl enc -aes-128-ctr -K {key} -iv {iv} -in /dev/zero 2>/dev/null \
             | head -c {size_bytes}"
        )
    }
}
