//! Which mount a command is about.

use std::path::Path;

use super::Failure;
use crate::fuse::{self, MountPlace, Mounted};
pub(super) use crate::watch::explained;

/// Which paths stand for a mount.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// Its root.
    Root,
    /// Everything in it too.
    Inside,
}

/// A mounted seedfs: the one that was named, or the only one there is.
pub(super) fn find(named: Option<&Path>, accepted: Accepted) -> Result<Mounted, Failure> {
    match named {
        Some(path) => match named_mount(path, accepted)? {
            Some(mounted) => Ok(mounted),
            None => Err(refuse(path, "is not a mounted seedfs")),
        },
        None => only_mount(),
    }
}

fn only_mount() -> Result<Mounted, Failure> {
    let mut mounts = fuse::mounts().map_err(Failure::system)?;
    match (mounts.pop(), mounts.as_slice()) {
        (None, _) => Err(Failure::usage("no seedfs is mounted: mount one with 'seedfs mount'")),
        (Some(only), []) => Ok(only),
        (Some(last), others) => {
            let all: Vec<String> = others
                .iter()
                .chain([&last])
                .map(|mounted| mounted.path().display().to_string())
                .collect();
            Err(Failure::usage(format!(
                "several seedfs are mounted; expected one of these: {}",
                all.join(", ")
            )))
        }
    }
}

/// The mount that a path stands for; nothing where the path has nothing to do with seedfs.
pub(super) fn named_mount(path: &Path, accepted: Accepted) -> Result<Option<Mounted>, Failure> {
    match fuse::mount_place(path)
        .map_err(|error| refuse(path, &format!("cannot be followed: {error}")))?
    {
        MountPlace::Root(mounted) => Ok(Some(mounted)),
        MountPlace::Inside(mounted) if accepted == Accepted::Inside => Ok(Some(mounted)),
        MountPlace::Inside(mounted) => {
            let root = mounted.path().display();
            Err(refuse(path, &format!("is inside the seedfs that is mounted on '{root}'")))
        }
        MountPlace::Over(_, fs_type) => {
            let reason = format!("is hidden: another filesystem ({fs_type}) is mounted over it");
            Err(Failure::usage(format!("the seedfs on '{}' {reason}", path.display())))
        }
        MountPlace::OutOfSight => Err(refuse(path, "is in a mount that was taken out of sight")),
        MountPlace::Elsewhere => Ok(None),
    }
}

fn refuse(path: &Path, reason: &str) -> Failure {
    Failure::usage(format!("'{}' {reason}; expected the mount point of a seedfs", path.display()))
}
