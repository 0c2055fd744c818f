//! `seedfs umount`

use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::Failure;
use super::mount_target::{self, Accepted};
use crate::fuse::InUse;

/// Unmount a dataset
///
/// What was written is gone with the mount: read the verdict before. Also removes what is left of a
/// mount whose daemon has ended.
#[derive(Debug, Args)]
pub(super) struct UmountArguments {
    /// Take it out of sight at once, and serve the files that are open until they are closed
    #[arg(long)]
    lazy: bool,

    /// Where it is mounted
    #[arg(value_name = "MOUNT")]
    mount: PathBuf,
}

/// How long the name may take to go after the kernel has agreed.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(arguments: &UmountArguments) -> Result<ExitCode, Failure> {
    let mounted = mount_target::find(Some(&arguments.mount), Accepted::Root)?;
    let fail = |reason: &dyn Display| {
        Failure::system(format!("cannot unmount '{}': {reason}", mounted.path().display()))
    };
    let in_use = if arguments.lazy { InUse::Detach } else { InUse::Stays };
    mounted.unmount(in_use).map_err(|obstacle| fail(&obstacle))?;
    let start = Instant::now();
    while mounted.is_there().map_err(Failure::system)? {
        if start.elapsed() >= PATIENCE {
            return Err(fail(&"the kernel still shows it"));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(ExitCode::SUCCESS)
}
