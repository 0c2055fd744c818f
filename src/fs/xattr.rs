//! Extended attributes: what a file is, for whoever holds only the file, and what users add.

use std::ops::RangeInclusive;

use super::{Error, Filesystem, Resolved, Result, now};
use crate::content::{Address, StopCheck};
use crate::dataset::{Coordinates, Inode};

/// The coordinates of a file, as JSON.
const ADDRESS: &str = "user.seedfs.address";
/// The command that makes the same bytes.
const OPENSSL: &str = "user.seedfs.openssl";
/// The verdict on the file, one word.
const VERDICT: &str = "user.seedfs.verdict";

/// The BLAKE3 hash of what belongs into the file, in hexadecimal digits.
const BLAKE3: &str = "user.seedfs.blake3";

/// The attributes that every file with a name of the dataset has, and that a list of names has. The
/// hash is not listed: tools that copy what is listed would hash all of a dataset.
const COMPUTED: [&str; 3] = [ADDRESS, OPENSSL, VERDICT];

/// The digits of a hash.
const HASH_DIGITS: usize = 64;

/// Names that begin like this are computed or nothing.
const RESERVED: &[u8] = b"user.seedfs.";

/// Access lists would have to be obeyed, and are not.
const ACCESS_LISTS: &[u8] = b"system.posix_acl_";

/// `XATTR_NAME_MAX` and `XATTR_SIZE_MAX` of Linux.
const NAME_BYTES_MAX: usize = 255;
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Whether an attribute that is set must be new or must not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetXattr {
    /// Either.
    #[default]
    Any,
    /// It must be new.
    Create,
    /// It must be there.
    Replace,
}

/// The value of an attribute, where it can be had at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XattrAnswer {
    /// The value.
    Now(Vec<u8>),
    /// Making it may take long; so many bytes it will have.
    Slow(RangeInclusive<usize>),
}

/// The shortest and the longest verdict.
const VERDICT_BYTES: RangeInclusive<usize> = 8..=10;

impl Filesystem {
    /// The value of an extended attribute, however long it takes.
    ///
    /// # Errors
    ///
    /// [`Error::NoAttribute`], [`Error::NotFound`].
    pub fn xattr(&self, inode: Inode, name: &[u8]) -> Result<Vec<u8>> {
        match self.xattr_now(inode, name)? {
            XattrAnswer::Now(value) => Ok(value),
            XattrAnswer::Slow(_) => self.slow_xattr(inode, name, &|| false),
        }
    }

    /// The value, or that [`slow_xattr`](Self::slow_xattr) makes it.
    ///
    /// # Errors
    ///
    /// [`Error::NoAttribute`], [`Error::NotFound`].
    pub fn xattr_now(&self, inode: Inode, name: &[u8]) -> Result<XattrAnswer> {
        // Nobody else can have set one of these.
        if name.starts_with(RESERVED) {
            let file = self.judged_file(inode)?.ok_or(Error::NoAttribute)?;
            let computed = self.computed(file).find(|known| known.as_bytes() == name);
            if computed.is_none() && name != BLAKE3.as_bytes() {
                return Err(Error::NoAttribute);
            }
            return Ok(match computed {
                Some(VERDICT) => match self.status().quick_verdict(file) {
                    Some(verdict) => XattrAnswer::Now(verdict.name().into()),
                    None => XattrAnswer::Slow(VERDICT_BYTES),
                },
                Some(computed) => XattrAnswer::Now(self.computed_xattr(file, computed)),
                None => XattrAnswer::Slow(HASH_DIGITS..=HASH_DIGITS),
            });
        }
        let value = self.overlay.get(inode).and_then(|record| record.xattr(name));
        value.map(|value| XattrAnswer::Now(value.to_vec())).ok_or(Error::NoAttribute)
    }

    /// Whether an attribute is the hash of what belongs into the file.
    #[must_use]
    pub fn is_hash(&self, name: &[u8]) -> bool {
        name == BLAKE3.as_bytes()
    }

    /// The value of an attribute whose making takes long.
    ///
    /// # Errors
    ///
    /// [`Error::NoAttribute`], [`Error::NotFound`], and [`Error::Interrupted`] where `stop` says
    /// so.
    pub fn slow_xattr(
        &self,
        inode: Inode,
        name: &[u8],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<u8>> {
        let file = self.judged_file(inode)?.ok_or(Error::NoAttribute)?;
        if name == BLAKE3.as_bytes() {
            let sum = self.content.blake3_unless(file, self.dataset.size_bytes(file), stop);
            return Ok(hex::encode(sum.ok_or(Error::Interrupted)?).into_bytes());
        }
        let verdict = self.status().verdict(file, StopCheck::when(stop));
        Ok(verdict.map_err(|_| Error::Interrupted)?.name().into())
    }

    /// The names of the extended attributes.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn xattr_names(&self, inode: Inode) -> Result<Vec<Box<[u8]>>> {
        let mut names = Vec::new();
        if let Some(file) = self.judged_file(inode)? {
            names.extend(self.computed(file).map(|name| name.as_bytes().into()));
        }
        if let Some(record) = self.overlay.get(inode) {
            names.extend(record.xattr_names());
        }
        Ok(names)
    }

    /// Sets an extended attribute, or with `None` removes it.
    ///
    /// Computed ones can be set to anything, which changes nothing: archives that carry them come
    /// back without an error.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] and [`Error::NoAttribute`] as `how` says, [`Error::ValueTooLong`],
    /// [`Error::NotSupported`] for access lists, [`Error::ReadOnly`] under `.status`,
    /// [`Error::NotPermitted`] for removing a computed one, [`Error::NoSpace`],
    /// [`Error::NotFound`].
    pub fn set_xattr(
        &self,
        inode: Inode,
        name: &[u8],
        value: Option<&[u8]>,
        how: SetXattr,
    ) -> Result<()> {
        if let Resolved::Status(_) = self.resolve(inode)? {
            return Err(Error::ReadOnly);
        }
        if name.starts_with(RESERVED) {
            return if value.is_some() { Ok(()) } else { Err(Error::NotPermitted) };
        }
        if name.starts_with(ACCESS_LISTS) {
            return Err(Error::NotSupported);
        }
        if name.len() > NAME_BYTES_MAX || value.is_some_and(|it| it.len() > VALUE_BYTES_MAX) {
            return Err(Error::ValueTooLong);
        }
        let record = self.overlay.get_or_insert(inode)?;
        record.set_xattr(name, value, now(), |exists| match (how, exists) {
            (SetXattr::Create, true) => Err(Error::Exists),
            (SetXattr::Replace, false) => Err(Error::NoAttribute),
            _ if value.is_none() && !exists => Err(Error::NoAttribute),
            _ => Ok(()),
        })
    }

    /// The computed attributes of a file of the dataset: `openssl` makes only the plain keystream.
    fn computed(&self, file: Coordinates) -> impl Iterator<Item = &'static str> {
        let is_plain = self.dataset.shape(file).is_plain();
        COMPUTED.into_iter().filter(move |name| is_plain || *name != OPENSSL)
    }

    fn computed_xattr(&self, file: Coordinates, name: &str) -> Vec<u8> {
        match name {
            OPENSSL => self.openssl_command(file),
            // Four integers: this cannot fail.
            _ => serde_json::to_string(&file).unwrap_or_default(),
        }
        .into_bytes()
    }

    /// The file of the dataset whose name an inode has.
    pub(super) fn judged_file(&self, inode: Inode) -> Result<Option<Coordinates>> {
        Ok(match self.resolve(inode)? {
            Resolved::File(base) => self.judged(inode, base, self.overlay.get(inode).as_ref()),
            _ => None,
        })
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
