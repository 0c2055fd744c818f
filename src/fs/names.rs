//! Making, removing and renaming names.
//!
//! What a path is judged against is its name, what it has is its extents. So these operations move
//! inodes between names and tell each file whose content belongs in it now; no content is touched.

use std::sync::Arc;

use super::attributes::Attributes;
use super::{Error, Filesystem, Kind, Place, Result, now};
use crate::dataset::Inode;
use crate::overlay::{Created, Entry, Judged, Record, Timestamp, Tree};
use crate::status::{STATUS_NAME, StatusNode};

/// What is to be made.
#[derive(Clone, Debug)]
pub struct NewNode<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits, the caller's umask already taken off.
    pub mode: u16,
    /// The caller.
    pub uid: u32,
    /// The caller's group.
    pub gid: u32,
    /// Where a symbolic link points.
    pub target: Option<&'a [u8]>,
}

/// A name in a directory.
pub(super) type At<'a> = (Inode, &'a [u8]);

/// `NAME_MAX` of Linux.
const NAME_BYTES_MAX: usize = 255;

/// `PATH_MAX` of Linux, without the NUL.
const TARGET_BYTES_MAX: usize = 4095;

const SET_GID: u16 = 0o2000;

impl Filesystem {
    /// Makes a file, a directory, a symbolic link or a device under a new name.
    ///
    /// In a directory with the set-group-ID bit it belongs to the directory's group, and a
    /// directory inherits the bit.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`], [`Error::NotFound`] and [`Error::NotDirectory`] of the parent,
    /// [`Error::NameTooLong`], [`Error::ReadOnly`] under `.status`, [`Error::NoSpace`].
    pub fn make(&self, parent: Inode, name: &[u8], new: &NewNode<'_>) -> Result<Attributes> {
        let parent_record = self.changeable_directory(parent, name)?;
        if new.target.is_some_and(|target| target.len() > TARGET_BYTES_MAX) {
            return Err(Error::NameTooLong);
        }
        let directory = self.attributes(parent)?;
        let inherits = directory.mode & SET_GID != 0;
        let is_directory = new.kind == Kind::Directory;
        let time = now();
        let (inode, record) = self.overlay.create(Created {
            kind: new.kind,
            mode: new.mode | if inherits && is_directory { SET_GID } else { 0 },
            uid: new.uid,
            gid: if inherits { directory.gid } else { new.gid },
            time,
            target: new.target.map(Into::into),
        })?;
        let to = Some((inode, new.kind));
        let growth = |tree: &Tree| tree.growth(&self.dataset, &[(parent, name, to)]);
        let made = self.overlay.change_names(growth, |tree| {
            if tree.lookup(&self.dataset, parent, name).is_some() {
                return Err(Error::Exists);
            }
            tree.set(&self.dataset, parent, name, to);
            if is_directory {
                tree.set_place(inode, parent, name);
            }
            record.set_judged(self.judged_at(tree, parent, name, inode));
            Ok(())
        });
        if let Err(error) = made {
            self.overlay.remove(inode);
            return Err(error);
        }
        record.add_link(true, time);
        touch(&parent_record, time);
        self.attributes(inode)
    }

    /// Gives an inode another name.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] for directories, [`Error::Exists`], [`Error::NotFound`],
    /// [`Error::TooManyLinks`], [`Error::NoSpace`], [`Error::ReadOnly`] under `.status`.
    pub fn link(&self, inode: Inode, parent: Inode, name: &[u8]) -> Result<Attributes> {
        let parent_record = self.changeable_directory(parent, name)?;
        let kind = match self.place(inode)? {
            Place::Directory => return Err(Error::NotPermitted),
            Place::Status(_) => return Err(Error::ReadOnly),
            Place::File(_) => Kind::File,
            Place::Special(kind) => kind,
        };
        let record = self.overlay.get_or_insert(inode)?;
        match record.links() {
            0 => return Err(Error::NotFound),
            u32::MAX => return Err(Error::TooManyLinks),
            _ => {}
        }
        let time = now();
        let to = Some((inode, kind));
        let growth = |tree: &Tree| tree.growth(&self.dataset, &[(parent, name, to)]);
        self.overlay.change_names(growth, |tree| {
            if tree.lookup(&self.dataset, parent, name).is_some() {
                return Err(Error::Exists);
            }
            tree.set(&self.dataset, parent, name, to);
            if record.judged() == Judged::Nowhere {
                record.set_judged(self.judged_at(tree, parent, name, inode));
            }
            Ok(())
        })?;
        record.add_link(true, time);
        touch(&parent_record, time);
        self.attributes(inode)
    }

    /// Removes a name that is not a directory's. The content stays for those who have it open.
    ///
    /// # Errors
    ///
    /// [`Error::IsDirectory`], [`Error::NotFound`], [`Error::NotDirectory`] of the parent,
    /// [`Error::ReadOnly`] under `.status`, [`Error::NoSpace`] where the removal cannot be noted.
    pub fn unlink(&self, parent: Inode, name: &[u8]) -> Result<()> {
        self.remove_name(parent, name, false)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`], [`Error::NotDirectory`], and as for [`unlink`](Self::unlink).
    pub fn remove_directory(&self, parent: Inode, name: &[u8]) -> Result<()> {
        self.remove_name(parent, name, true)
    }

    fn remove_name(&self, parent: Inode, name: &[u8], directory: bool) -> Result<()> {
        let parent_record = self.changeable_directory(parent, name)?;
        let time = now();
        let growth = |tree: &Tree| tree.growth(&self.dataset, &[(parent, name, None)]);
        self.overlay.change_names(growth, |tree| {
            let (inode, kind) = tree.lookup(&self.dataset, parent, name).ok_or(Error::NotFound)?;
            match (kind == Kind::Directory, directory) {
                (true, false) => return Err(Error::IsDirectory),
                (false, true) => return Err(Error::NotDirectory),
                (true, true) if !tree.is_empty_directory(&self.dataset, inode) => {
                    return Err(Error::NotEmpty);
                }
                _ => {}
            }
            let record = self.overlay.get_or_insert(inode)?;
            tree.set(&self.dataset, parent, name, None);
            self.drop_name(tree, (parent, name), (inode, kind), &record, time);
            Ok(())
        })?;
        touch(&parent_record, time);
        Ok(())
    }

    /// Tells an inode that has got another name what is held against it now. Of several names it is
    /// the first that the dataset has; another one does not change that.
    pub(super) fn moved(
        &self,
        tree: &mut Tree,
        (old, new): (At<'_>, At<'_>),
        (inode, kind): (Inode, Kind),
        record: &Arc<Record>,
        time: Timestamp,
    ) {
        record.set_attributes(|attributes| attributes.changed = Some(time));
        if kind == Kind::Directory {
            tree.set_place(inode, new.0, new.1);
            self.judge_below(tree, inode);
        } else if record.links() < 2 || record.judged() == self.judged_at(tree, old.0, old.1, inode)
        {
            record.set_judged(self.judged_at(tree, new.0, new.1, inode));
        }
    }

    /// The same for all files below a directory that was moved; only one that was made can be.
    fn judge_below(&self, tree: &Tree, directory: Inode) {
        let Some(changed) = tree.directory(directory) else { return };
        for (name, entry) in changed.entries() {
            match entry {
                Entry::At(inode, Kind::Directory) => self.judge_below(tree, inode),
                Entry::At(inode, _) => {
                    if let Some(record) = self.overlay.get(inode) {
                        record.set_judged(self.judged_at(tree, directory, name, inode));
                    }
                }
                Entry::Removed => {}
            }
        }
    }

    fn judged_at(&self, tree: &Tree, parent: Inode, name: &[u8], inode: Inode) -> Judged {
        match tree.file_named(&self.dataset, parent, name) {
            Some((own, _)) if own == inode => Judged::ByNumber,
            Some((_, file)) => Judged::As(file),
            None => Judged::Nowhere,
        }
    }

    /// Takes a name off an inode. The last one leaves it to those who have it open; the kernel says
    /// when they are done.
    pub(super) fn drop_name(
        &self,
        tree: &mut Tree,
        (parent, name): At<'_>,
        (inode, kind): (Inode, Kind),
        record: &Arc<Record>,
        time: Timestamp,
    ) {
        record.add_link(false, time);
        let was_judged_here = record.judged() == self.judged_at(tree, parent, name, inode);
        if record.links() == 0 || was_judged_here {
            record.set_judged(Judged::Nowhere);
        }
        if record.links() == 0 && kind == Kind::Directory {
            tree.forget_directory(inode);
        }
    }

    /// The kernel has forgotten an inode: if it has no name either, nobody can come back to it.
    pub fn forget(&self, inode: Inode) {
        if self.overlay.get(inode).is_some_and(|record| record.links() == 0) {
            self.overlay.remove(inode);
        }
    }

    /// Where a symbolic link points.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is none, [`Error::NotFound`].
    pub fn read_link(&self, inode: Inode) -> Result<Box<[u8]>> {
        match self.place(inode)? {
            Place::Special(Kind::Symlink) => {
                self.overlay.get(inode).and_then(|record| record.target()).ok_or(Error::NotFound)
            }
            _ => Err(Error::Invalid),
        }
    }

    /// The record of a directory in which a name is to be changed.
    pub(super) fn changeable_directory(&self, parent: Inode, name: &[u8]) -> Result<Arc<Record>> {
        if name.len() > NAME_BYTES_MAX {
            return Err(Error::NameTooLong);
        }
        match self.place(parent)? {
            Place::Directory => {}
            Place::Status(StatusNode::Document(_) | StatusNode::Control | StatusNode::Manifest)
            | Place::File(_)
            | Place::Special(_) => return Err(Error::NotDirectory),
            Place::Status(_) => return Err(Error::ReadOnly),
        }
        if parent == Inode::ROOT && name == STATUS_NAME.as_bytes() {
            return Err(Error::ReadOnly);
        }
        let record = self.overlay.get_or_insert(parent)?;
        // A directory that was removed and is still open.
        if record.links() == 0 { Err(Error::NotFound) } else { Ok(record) }
    }
}

pub(super) fn touch(directory: &Arc<Record>, time: Timestamp) {
    directory.set_attributes(|attributes| {
        attributes.modified = Some(time);
        attributes.changed = Some(time);
    });
}
