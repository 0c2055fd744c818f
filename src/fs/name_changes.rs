//! Making, removing and renaming names.
//!
//! What a path is judged against is its name, what it has is its extents. So these operations move
//! inodes between names and tell each file whose content belongs in it now; no content is touched.

use std::sync::Arc;

use super::attributes::InodeAttributes;
use super::{
    Error, Filesystem, InodeKind, OpenFor, Opened, Resolved, Result, STATUS_NAME, StatusEntry, now,
};
use crate::dataset::Inode;
use crate::overlay::{ChangedNames, Created, JudgedBy, Record, Timestamp};

/// What is to be made.
#[derive(Clone, Debug)]
pub struct NewEntry<'a> {
    /// Its kind.
    pub kind: InodeKind,
    /// Permission bits, the caller's umask already taken off.
    pub mode: u16,
    /// The caller.
    pub uid: u32,
    /// The caller's group.
    pub gid: u32,
    /// Where a symbolic link points.
    pub target: Option<&'a [u8]>,
}

/// What is removed.
#[derive(Clone, Copy)]
enum Removal {
    /// A name that is not a directory's.
    Name,
    /// An empty directory.
    Directory,
}

/// A name in a directory.
pub(super) type At<'a> = (Inode, &'a [u8]);

/// `NAME_MAX` of Linux.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// `PATH_MAX` of Linux, without the NUL.
const TARGET_BYTES_MAX: usize = 4095;

const SET_GID: u16 = 0o2000;

impl Filesystem {
    /// Makes a file, a directory, a symbolic link or a device under a new name, for somebody who
    /// remembers it until [`forget`](Self::forget) says otherwise.
    ///
    /// In a directory with the set-group-ID bit it belongs to the directory's group, and a
    /// directory inherits the bit.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`], [`Error::NotFound`] and [`Error::NotDirectory`] of the parent,
    /// [`Error::NameTooLong`], [`Error::ReadOnly`] under `.status`, [`Error::NoSpace`].
    pub fn make(&self, parent: Inode, name: &[u8], new: &NewEntry<'_>) -> Result<InodeAttributes> {
        self.check_directory(parent, name)?;
        if new.target.is_some_and(|target| target.len() > TARGET_BYTES_MAX) {
            return Err(Error::NameTooLong);
        }
        let time = now();
        let inode = self.overlay.new_inode();
        let to = Some((inode, new.kind));
        let growth = |tree: &ChangedNames| tree.growth(&self.dataset, &[(parent, name, to)]);
        let record = self.overlay.change_names(growth, |tree| {
            let directory = self.changeable_directory(tree, parent)?;
            if tree.lookup(&self.dataset, parent, name).is_some() {
                return Err(Error::Exists);
            }
            let record = self.overlay.create(inode, self.created(&directory, new, time))?;
            tree.set(&self.dataset, parent, name, to);
            if new.kind == InodeKind::Directory {
                tree.set_place(&self.dataset, inode, parent, name);
            }
            record.set_judged_by(self.judged_at(tree, parent, name, (inode, new.kind)));
            record.add_link(time);
            touch(&directory, time);
            self.lookups.remember(inode);
            Ok::<_, Error>(record)
        })?;
        Ok(self.made_attributes(inode, new.kind, &record))
    }

    /// What is made in a directory.
    fn created(&self, directory: &Record, new: &NewEntry<'_>, time: Timestamp) -> Created {
        let set = directory.attributes();
        let inherits = set.mode.is_some_and(|mode| mode & SET_GID != 0);
        let is_directory = new.kind == InodeKind::Directory;
        Created {
            kind: new.kind,
            mode: new.mode | if inherits && is_directory { SET_GID } else { 0 },
            uid: new.uid,
            gid: if inherits { set.gid.unwrap_or(self.options.gid) } else { new.gid },
            time,
            target: new.target.map(Into::into),
        }
    }

    /// Makes a file and opens it, for writing too.
    ///
    /// # Errors
    ///
    /// As for [`make`](Self::make).
    pub fn create(
        &self,
        parent: Inode,
        name: &[u8],
        new: &NewEntry<'_>,
    ) -> Result<(InodeAttributes, Opened)> {
        let attributes = self.make(parent, name, new)?;
        Ok((attributes, self.opened(attributes.inode, OpenFor::Writing)))
    }

    /// Gives an inode another name, for somebody who then remembers it once more.
    ///
    /// # Errors
    ///
    /// [`Error::NotPermitted`] for directories, [`Error::Exists`], [`Error::NotFound`],
    /// [`Error::TooManyLinks`], [`Error::NoSpace`], [`Error::ReadOnly`] under `.status`.
    pub fn link(&self, inode: Inode, parent: Inode, name: &[u8]) -> Result<InodeAttributes> {
        self.check_directory(parent, name)?;
        let kind = self.linkable(inode)?;
        let time = now();
        let to = Some((inode, kind));
        let growth = |tree: &ChangedNames| tree.growth(&self.dataset, &[(parent, name, to)]);
        let record = self.overlay.change_names(growth, |tree| {
            let directory = self.changeable_directory(tree, parent)?;
            // It may be gone by now.
            self.linkable(inode)?;
            if tree.lookup(&self.dataset, parent, name).is_some() {
                return Err(Error::Exists);
            }
            let record = self.named_record(tree, inode)?;
            if record.links() == u32::MAX {
                return Err(Error::TooManyLinks);
            }
            tree.set(&self.dataset, parent, name, to);
            if self.judged_in(tree, inode, &record).is_none() {
                record.set_judged_by(self.judged_at(tree, parent, name, (inode, kind)));
            }
            record.add_link(time);
            touch(&directory, time);
            self.lookups.remember(inode);
            Ok(record)
        })?;
        Ok(self.made_attributes(inode, kind, &record))
    }

    /// The kind of an inode that can have several names.
    fn linkable(&self, inode: Inode) -> Result<InodeKind> {
        match self.resolve(inode)? {
            Resolved::Directory => Err(Error::NotPermitted),
            Resolved::Status(_) => Err(Error::ReadOnly),
            Resolved::File(_) => Ok(InodeKind::File),
            Resolved::Special(kind) => Ok(kind),
        }
    }

    /// The record of an inode that has a name; made, if there is none.
    fn named_record(&self, tree: &ChangedNames, inode: Inode) -> Result<Arc<Record>> {
        let is_there = match self.overlay.get(inode) {
            Some(record) => record.links() > 0,
            None => tree.is_in_place(&self.dataset, inode),
        };
        if is_there { Ok(self.overlay.get_or_insert(inode)?) } else { Err(Error::NotFound) }
    }

    /// Removes a name that is not a directory's. The content stays for those who have it open.
    ///
    /// # Errors
    ///
    /// [`Error::IsDirectory`], [`Error::NotFound`], [`Error::NotDirectory`] of the parent,
    /// [`Error::ReadOnly`] under `.status`, [`Error::NoSpace`] where the removal cannot be noted.
    pub fn unlink(&self, parent: Inode, name: &[u8]) -> Result<()> {
        self.remove_name(parent, name, Removal::Name)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// [`Error::NotEmpty`], [`Error::NotDirectory`], and as for [`unlink`](Self::unlink).
    pub fn remove_directory(&self, parent: Inode, name: &[u8]) -> Result<()> {
        self.remove_name(parent, name, Removal::Directory)
    }

    fn remove_name(&self, parent: Inode, name: &[u8], removal: Removal) -> Result<()> {
        self.check_directory(parent, name)?;
        let time = now();
        let growth = |tree: &ChangedNames| tree.growth(&self.dataset, &[(parent, name, None)]);
        // Dropped when the names can be used again: that may give much back.
        let _gone = self.overlay.change_names(growth, |tree| {
            let parent_record = self.changeable_directory(tree, parent)?;
            let (inode, kind) = tree.lookup(&self.dataset, parent, name).ok_or(Error::NotFound)?;
            match (removal, kind == InodeKind::Directory) {
                (Removal::Name, true) => return Err(Error::IsDirectory),
                (Removal::Directory, false) => return Err(Error::NotDirectory),
                (Removal::Directory, true) if !tree.is_empty_directory(&self.dataset, inode) => {
                    return Err(Error::NotEmpty);
                }
                _ => {}
            }
            let record = self.overlay.get_or_insert(inode)?;
            tree.set(&self.dataset, parent, name, None);
            self.drop_name(tree, (parent, name), (inode, kind), &record, time);
            touch(&parent_record, time);
            Ok(record)
        })?;
        Ok(())
    }

    /// Tells an inode that has got another name what is held against it now. Of several names it is
    /// the first that the dataset has; another one does not change that.
    pub(super) fn moved(
        &self,
        tree: &mut ChangedNames,
        (old, new): (At<'_>, At<'_>),
        (inode, kind): (Inode, InodeKind),
        record: &Arc<Record>,
        time: Timestamp,
    ) {
        record.set_attributes(|attributes| attributes.changed = Some(time));
        if kind == InodeKind::Directory {
            // What is below is judged by its names, so it has moved too.
            tree.set_place(&self.dataset, inode, new.0, new.1);
        } else if record.links() < 2 || self.is_judged_at(tree, old, inode, record) {
            record.set_judged_by(self.judged_at(tree, new.0, new.1, (inode, kind)));
        }
    }

    /// What decides what is held against an inode under a name, which it has.
    fn judged_at(
        &self,
        tree: &ChangedNames,
        parent: Inode,
        name: &[u8],
        (inode, kind): (Inode, InodeKind),
    ) -> JudgedBy {
        if kind != InodeKind::File {
            return JudgedBy::Nothing;
        }
        tree.judged_at(&self.dataset, parent, name, inode)
    }

    /// Whether what is held against an inode is what belongs under a name.
    fn is_judged_at(&self, tree: &ChangedNames, at: At<'_>, inode: Inode, record: &Record) -> bool {
        let belongs = tree.file_named(&self.dataset, at.0, at.1).map(|(_, file)| file);
        self.judged_in(tree, inode, record) == belongs
    }

    /// Takes a name off an inode. The last one leaves it to those who have it open; the kernel says
    /// when they are done. Where the kernel does not know it, nobody has.
    pub(super) fn drop_name(
        &self,
        tree: &mut ChangedNames,
        at: At<'_>,
        (inode, kind): (Inode, InodeKind),
        record: &Arc<Record>,
        time: Timestamp,
    ) {
        record.remove_link(time);
        if record.links() == 0 || self.is_judged_at(tree, at, inode, record) {
            record.set_judged_by(JudgedBy::Nothing);
        }
        if record.links() > 0 {
            return;
        }
        if kind == InodeKind::Directory {
            tree.forget_directory(inode);
        }
        if !self.lookups.is_remembered(inode) {
            // The caller has the record too.
            let _ = self.overlay.remove(inode);
        }
    }

    /// Where a symbolic link points.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for what is none, [`Error::NotFound`].
    pub fn read_link(&self, inode: Inode) -> Result<Box<[u8]>> {
        match self.resolve(inode)? {
            Resolved::Special(InodeKind::Symlink) => {
                self.overlay.get(inode).and_then(|record| record.target()).ok_or(Error::NotFound)
            }
            _ => Err(Error::Invalid),
        }
    }

    /// Whether a name may be changed in a directory, as far as that never changes.
    pub(super) fn check_directory(&self, parent: Inode, name: &[u8]) -> Result<()> {
        if name.len() > NAME_BYTES_MAX {
            return Err(Error::NameTooLong);
        }
        match self.resolve(parent)? {
            Resolved::Directory => {}
            Resolved::Status(
                StatusEntry::Document(_) | StatusEntry::Control | StatusEntry::Manifest,
            )
            | Resolved::File(_)
            | Resolved::Special(_) => return Err(Error::NotDirectory),
            Resolved::Status(_) => return Err(Error::ReadOnly),
        }
        if parent == Inode::ROOT && name == STATUS_NAME.as_bytes() {
            return Err(Error::ReadOnly);
        }
        Ok(())
    }

    /// The record of a directory in which a name is being changed. One that was removed and is
    /// still open, or that a reset has taken, is none.
    pub(super) fn changeable_directory(
        &self,
        tree: &ChangedNames,
        parent: Inode,
    ) -> Result<Arc<Record>> {
        self.resolve(parent)?;
        self.named_record(tree, parent)
    }
}

pub(super) fn touch(directory: &Arc<Record>, time: Timestamp) {
    directory.set_attributes(|attributes| {
        attributes.modified = Some(time);
        attributes.changed = Some(time);
    });
}

#[cfg(all(test, feature = "shuttle"))]
mod scheduled_tests;
