//! A mount that is known by more than its path, and its end.
//!
//! Linux unmounts by path: whatever is on top there goes. By the time that a daemon ends, something
//! else may stand at the path that it once mounted on, and somebody's data with it. So a mount is
//! known by its number, and is unmounted only where it is what the path leads to and nothing is
//! mounted on it. Between that look and the call some microseconds pass, which no system call of
//! Linux closes: there is none that unmounts by number.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, statx};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use rustix::process::geteuid;

use super::mount_table::{Mount, MountTable, descriptor_path, mount_id, path_of};

/// A seedfs that is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mounted {
    id: u32,
    /// A number that is never given to another mount; since Linux 6.8.
    unique: Option<u64>,
    device: String,
    path: PathBuf,
    owner: Option<u32>,
    allows_others: bool,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountPlace {
    /// The root of a mounted seedfs.
    Root(Mounted),
    /// Something below the root, or what would be there if its daemon answered.
    Inside(Mounted),
    /// Another filesystem, of this type, that is mounted over a seedfs.
    Over(Mounted, String),
    /// A mount that was taken out of sight: nothing is known of it.
    OutOfSight,
    /// Anything else, also nothing.
    Elsewhere,
}

/// What an unmount does where the mount is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InUse {
    /// Nothing: it stays.
    Stays,
    /// It goes out of sight, and ends when nobody uses it any more.
    Detach,
}

/// Why a mount stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A file or a directory in it is used.
    #[error("it is in use: end what uses it (fuser -m shows it), or use --lazy")]
    InUse,
    /// Something is mounted on its root.
    #[error("another filesystem ({0}) is mounted over it: unmount that first")]
    Over(String),
    /// Something is mounted below its root.
    #[error("another filesystem ({1}) is mounted in it, on '{0}': unmount that first")]
    Inner(PathBuf, String),
    /// Its path leads elsewhere.
    #[error("another mount hides it: unmount that first")]
    Hidden,
    /// Somebody else has mounted it.
    #[error("it was mounted by user {0}: only that user and root can unmount it")]
    OfUser(u32),
    /// The system says so.
    #[error("{0}")]
    System(String),
}

impl Mounted {
    fn of(mount: &Mount, file: Option<&impl AsFd>) -> Self {
        Self {
            id: mount.id,
            unique: file.and_then(unique_id),
            device: mount.device.clone(),
            path: mount.path.clone(),
            owner: mount.owner(),
            allows_others: mount.allows_others(),
        }
    }

    /// The seedfs that an open file is on, where it is in the table of mounts.
    pub(super) fn on(file: &impl AsFd) -> io::Result<Option<Self>> {
        let (table, id) = (MountTable::read()?, mount_id(file)?);
        let mount = table.with_id(id).filter(|mount| mount.is_seedfs());
        Ok(mount.map(|mount| Self::of(mount, Some(file))))
    }

    /// Whether its number is never given to another mount.
    pub(super) fn is_unique(&self) -> bool {
        self.unique.is_some()
    }

    /// Where it was mounted when it was looked for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The user who mounted it, where nobody else may use it.
    #[must_use]
    pub fn only_user(&self) -> Option<u32> {
        self.owner.filter(|_| !self.allows_others)
    }

    /// The device number of its filesystem, like `0:42`.
    pub(super) fn device(&self) -> &str {
        &self.device
    }

    /// Whether both are one mount, looked at while it was there.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.id, &self.device) == (other.id, &other.device)
    }

    /// The mount that this number means now, and the same filesystem.
    fn find<'a>(&self, table: &'a MountTable) -> Option<&'a Mount> {
        table.with_id(self.id).filter(|mount| mount.device == self.device && mount.is_seedfs())
    }

    /// Whether it is still in the table of mounts.
    ///
    /// # Errors
    ///
    /// Where `/proc` cannot be read.
    pub fn is_there(&self) -> io::Result<bool> {
        MountTable::read().map(|table| self.find(&table).is_some())
    }

    /// Unmounts it and nothing else. It is no failure if it has
    /// gone already.
    ///
    /// # Errors
    ///
    /// Says what keeps it.
    pub fn unmount(&self, in_use: InUse) -> Result<(), Obstacle> {
        self.unmount_if(in_use, || true)
    }

    /// `is_ours` is asked while the mount is held, so that its numbers are nobody else's.
    pub(super) fn unmount_if(
        &self,
        in_use: InUse,
        is_ours: impl FnOnce() -> bool,
    ) -> Result<(), Obstacle> {
        let system = |error: &dyn std::fmt::Display| Obstacle::System(error.to_string());
        let table = MountTable::read().map_err(|error| system(&error))?;
        let Some(mount) = self.find(&table) else { return Ok(()) };
        if let Some(other) = table.mounted_on(mount.id) {
            let fs_type = other.fs_type.clone();
            return Err(if other.path == mount.path {
                Obstacle::Over(fs_type)
            } else {
                Obstacle::Inner(other.path.clone(), fs_type)
            });
        }
        let held = open_path(&mount.path).map_err(|error| match error {
            Errno::NOENT | Errno::NOTDIR => Obstacle::Hidden,
            error => system(&error),
        })?;
        if mount_id(&held).map_err(|error| system(&error))? != self.id {
            return Err(Obstacle::Hidden);
        }
        if !is_ours() || (self.unique.is_some() && unique_id(&held) != self.unique) {
            return Ok(());
        }
        let unmounted = if in_use == InUse::Detach {
            rustix::mount::unmount(descriptor_path(&held), UnmountFlags::DETACH)
        } else {
            // Who holds it is in its way.
            drop(held);
            rustix::mount::unmount(&mount.path, UnmountFlags::NOFOLLOW)
        };
        match unmounted {
            // It has gone meanwhile.
            Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
            Err(Errno::BUSY) => Err(Obstacle::InUse),
            Err(Errno::PERM) => unmount_as_user(mount, in_use),
            Err(error) => Err(system(&error)),
        }
    }
}

/// Only root may call umount(2): fusermount3 is set-uid root for this.
fn unmount_as_user(mount: &Mount, in_use: InUse) -> Result<(), Obstacle> {
    if let Some(owner) = mount.owner().filter(|owner| *owner != geteuid().as_raw()) {
        return Err(Obstacle::OfUser(owner));
    }
    let mut command = Command::new("fusermount3");
    command.arg("-u").args((in_use == InUse::Detach).then_some("-z")).arg("--").arg(&mount.path);
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let busy = said.contains("busy");
            Err(if busy { Obstacle::InUse } else { Obstacle::System(said) })
        }
        Err(error) => Err(Obstacle::System(format!(
            "fusermount3 cannot be run ({error}): it is in package fuse3"
        ))),
    }
}

/// Where seedfs is mounted on this machine, as far as this process sees.
///
/// # Errors
///
/// Where `/proc` cannot be read.
pub fn mounts() -> io::Result<Vec<Mounted>> {
    let table = MountTable::read()?;
    let seedfs = table.all().filter(|mount| mount.is_seedfs());
    Ok(seedfs
        .map(|mount| {
            let top = open_path(&mount.path).ok();
            let top = top.filter(|top| mount_id(top).is_ok_and(|id| id == mount.id));
            Mounted::of(mount, top.as_ref())
        })
        .collect())
}

/// What a path leads to: relative or not, through links, and with any slashes. No filesystem is
/// asked more than the way takes, so the mount may be dead, or another user's.
///
/// # Errors
///
/// Where the path cannot be followed, or `/proc` cannot be read.
pub fn mount_place(path: &Path) -> io::Result<MountPlace> {
    let (file, whole) = match open_path(path) {
        Ok(file) => (file, true),
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(MountPlace::Elsewhere),
        // What does not let us further may be a seedfs that is dead or another user's.
        Err(error @ (Errno::NOTCONN | Errno::ACCESS | Errno::CONNABORTED)) => {
            (nearest(path).ok_or(error)?, false)
        }
        Err(error) => return Err(error.into()),
    };
    let table = MountTable::read()?;
    let Some(mount) = table.with_id(mount_id(&file)?) else { return Ok(MountPlace::OutOfSight) };
    if mount.is_seedfs() {
        let is_root = whole && path_of(&file)? == mount.path;
        let mounted = Mounted::of(mount, Some(&file));
        return Ok(if is_root { MountPlace::Root(mounted) } else { MountPlace::Inside(mounted) });
    }
    match table.seedfs_under(mount) {
        Some(seedfs) if whole => {
            Ok(MountPlace::Over(Mounted::of(seedfs, None::<&OwnedFd>), mount.fs_type.clone()))
        }
        None if !whole => Err(Errno::ACCESS.into()),
        _ => Ok(MountPlace::Elsewhere),
    }
}

/// The last thing on the way to a path that can be reached.
fn nearest(path: &Path) -> Option<OwnedFd> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|ancestor| open_path(ancestor).ok())
}

/// Holds what a path leads to. Neither rights to it nor an answer of its filesystem are needed.
pub(super) fn open_path(path: &Path) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// The number that no other mount ever gets, where the kernel has such numbers.
pub(super) fn unique_id(file: impl AsFd) -> Option<u64> {
    // STATX_MNT_ID_UNIQUE, which the libraries do not have.
    const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    // The kernel answers by itself.
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let said = statx(file, "", flags, UNIQUE).ok()?;
    (said.stx_mask & UNIQUE.bits() != 0).then_some(said.stx_mnt_id)
}
