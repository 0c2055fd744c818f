//! Which mount a command is about.

use std::path::{Path, PathBuf, absolute};

use super::Failure;
use crate::fuse;

/// The path of a mounted seedfs: the one that was named, or the only one there is.
pub(super) fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return check(path);
    }
    let mut mounts = fuse::mounts().map_err(Failure::system)?;
    match (mounts.pop(), mounts.as_slice()) {
        (None, _) => Err(Failure::usage("no seedfs is mounted: name one, or see 'seedfs mount'")),
        (Some(only), []) => Ok(only),
        (Some(last), others) => {
            let all: Vec<String> =
                others.iter().chain([&last]).map(|path| path.display().to_string()).collect();
            Err(Failure::usage(format!(
                "several seedfs are mounted, name one of them: {}",
                all.join(", ")
            )))
        }
    }
}

/// The absolute path of a mount. A dead mount cannot be looked at, so only what leads to it is
/// resolved.
fn check(path: &Path) -> Result<PathBuf, Failure> {
    let refuse = |reason: &str| {
        Failure::usage(format!(
            "'{}' {reason}: the mount point of a seedfs is needed",
            path.display()
        ))
    };
    let lexical = absolute(path).map_err(|error| refuse(&error.to_string()))?;
    let resolved = path.canonicalize().unwrap_or_else(|_| {
        let parent = lexical.parent().and_then(|parent| parent.canonicalize().ok());
        match (parent, lexical.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => lexical,
        }
    });
    match fuse::is_seedfs(&resolved) {
        Ok(true) => Ok(resolved),
        Ok(false) => Err(refuse("is not a mounted seedfs")),
        Err(error) => Err(Failure::system(error)),
    }
}
