//! Directories to mount on.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::mount_table::{MountTable, mount_id, path_of};
use super::mounted::{Mounted, mounts, open_path};

/// A directory that can be mounted on: it is there, it is empty unless that does not matter, and
/// nothing is mounted there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mountpoint(PathBuf);

/// Why a path cannot be mounted on.
#[derive(Debug, thiserror::Error)]
pub enum MountpointError {
    /// There is nothing.
    #[error("mount point '{0}' does not exist: make the directory first (mkdir -p '{0}')")]
    Missing(PathBuf),
    /// It is something else.
    #[error("mount point '{0}' is not a directory; expected an empty one")]
    NotDirectory(PathBuf),
    /// Something is in it that the mount would hide.
    #[error(
        "mount point '{0}' is not empty, and the mount would hide what is in it: use an empty \
         directory, or -o nonempty"
    )]
    NotEmpty(PathBuf),
    /// Something is mounted there.
    #[error(
        "mount point '{0}' is already mounted ({1}); expected a directory on which nothing is \
         mounted: unmount it first"
    )]
    Mounted(PathBuf, String),
    /// A filesystem is mounted there whose daemon is gone.
    #[error(
        "mount point '{0}' is held by a filesystem whose daemon is gone: \
         clean up with 'seedfs umount {0}'"
    )]
    Dead(PathBuf),
    /// It cannot be looked at.
    #[error("mount point '{0}': {1}")]
    Unreadable(PathBuf, #[source] io::Error),
}

impl Mountpoint {
    /// Looks at a path; `nonempty` lets the directory hold something.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn new(path: &Path, nonempty: bool) -> Result<Self, MountpointError> {
        let owned = || path.to_owned();
        let unreadable = |error| match error {
            error if io::Error::raw_os_error(&error) == Some(libc::ENOTCONN) => {
                MountpointError::Dead(owned())
            }
            error => MountpointError::Unreadable(owned(), error),
        };
        let held = open_path(path).map_err(|error| match error.raw_os_error() {
            libc::ENOENT => MountpointError::Missing(owned()),
            libc::ENOTDIR => MountpointError::NotDirectory(owned()),
            _ => unreadable(error.into()),
        })?;
        // What is mounted comes first: it need not answer.
        let resolved = path_of(&held).map_err(unreadable)?;
        let table = MountTable::read().map_err(unreadable)?;
        let id = mount_id(&held).map_err(unreadable)?;
        if let Some(mount) = table.with_id(id).filter(|mount| mount.path == resolved) {
            let dead = path.metadata().is_err_and(|e| e.raw_os_error() == Some(libc::ENOTCONN));
            return Err(if dead {
                MountpointError::Dead(owned())
            } else {
                MountpointError::Mounted(owned(), mount.fs_type.clone())
            });
        }
        if !path.metadata().map_err(unreadable)?.is_dir() {
            return Err(MountpointError::NotDirectory(owned()));
        }
        if !nonempty && fs::read_dir(path).map_err(unreadable)?.next().is_some() {
            return Err(MountpointError::NotEmpty(owned()));
        }
        path.canonicalize().map(Self).map_err(unreadable)
    }

    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Holds the directory, or what is mounted on it by now.
    pub(super) fn hold(&self) -> io::Result<OwnedFd> {
        Ok(open_path(&self.0)?)
    }

    /// Every seedfs that is mounted on it.
    pub(super) fn seedfs_on_it(&self) -> io::Result<Vec<Mounted>> {
        Ok(mounts()?.into_iter().filter(|mounted| mounted.path() == self.0).collect())
    }
}
