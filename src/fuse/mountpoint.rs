//! Directories to mount on, and what is mounted.

use std::io;
use std::path::{Path, PathBuf};

use procfs::ProcError;
use procfs::process::Process;

/// The type that the kernel's list of mounts shows.
const TYPE: &str = "fuse.seedfs";

/// A directory that can be mounted on: it is there, and nothing is mounted there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mountpoint(PathBuf);

/// Why a path cannot be mounted on.
#[derive(Debug, thiserror::Error)]
pub enum MountpointError {
    /// There is nothing.
    #[error("mount point '{0}' does not exist: make the directory first (mkdir -p '{0}')")]
    Missing(PathBuf),
    /// It is something else.
    #[error("mount point '{0}' is not a directory: a directory is needed")]
    NotDirectory(PathBuf),
    /// Something is mounted there.
    #[error(
        "mount point '{0}' is already mounted ({1}): a directory is needed on which nothing is \
         mounted, or unmount it first"
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
    /// Looks at a path.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub fn new(path: &Path) -> Result<Self, MountpointError> {
        let owned = || path.to_owned();
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) => {
                return Err(match error.raw_os_error() {
                    Some(libc::ENOENT) => MountpointError::Missing(owned()),
                    Some(libc::ENOTDIR) => MountpointError::NotDirectory(owned()),
                    Some(libc::ENOTCONN) => MountpointError::Dead(owned()),
                    _ => MountpointError::Unreadable(owned(), error),
                });
            }
        };
        if !metadata.is_dir() {
            return Err(MountpointError::NotDirectory(owned()));
        }
        let path = match path.canonicalize() {
            Ok(path) => path,
            Err(error) => return Err(MountpointError::Unreadable(owned(), error)),
        };
        match all_mounts() {
            Ok(mounts) => match mounts.into_iter().rfind(|mount| mount.path == path) {
                Some(mount) => Err(MountpointError::Mounted(owned(), mount.fs_type)),
                None => Ok(Self(path)),
            },
            Err(error) => Err(MountpointError::Unreadable(owned(), error)),
        }
    }

    /// The absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

struct Mount {
    path: PathBuf,
    fs_type: String,
    device: String,
}

fn all_mounts() -> io::Result<Vec<Mount>> {
    let mounts =
        Process::myself().and_then(|process| process.mountinfo()).map_err(|error| match error {
            ProcError::Io(error, _) => error,
            error => io::Error::other(error),
        })?;
    Ok(mounts
        .into_iter()
        .map(|mount| Mount {
            path: mount.mount_point,
            fs_type: mount.fs_type,
            device: mount.majmin,
        })
        .collect())
}

/// Where seedfs is mounted on this machine, as far as this process sees.
///
/// # Errors
///
/// Where `/proc` cannot be read.
pub fn mounts() -> io::Result<Vec<PathBuf>> {
    let mounts = all_mounts()?;
    Ok(mounts.into_iter().filter(|mount| mount.fs_type == TYPE).map(|mount| mount.path).collect())
}

/// The device number of the topmost mount at a path, as the kernel's list has it: `0:42`. The mount
/// itself is not asked.
pub(super) fn device_number(path: &Path) -> io::Result<String> {
    let mount = all_mounts()?.into_iter().rfind(|mount| mount.path == path);
    mount.map(|mount| mount.device).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Whether the topmost mount at a path is a seedfs. The path must be absolute and free of links; it
/// is not looked at, so the mount may be dead.
///
/// # Errors
///
/// Where `/proc` cannot be read.
pub fn is_seedfs(path: &Path) -> io::Result<bool> {
    let mount = all_mounts()?.into_iter().rfind(|mount| mount.path == path);
    Ok(mount.is_some_and(|mount| mount.fs_type == TYPE))
}
