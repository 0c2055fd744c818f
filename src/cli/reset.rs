//! `seedfs reset`

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::mount_target::{self, Accepted, explained};
use crate::fs::STATUS_NAME;

/// Put a mount back to untouched
///
/// Everything that was written is forgotten, and every name is the dataset's again; with a path,
/// only what is under that name. The counters go on. Without this command: echo reset >
/// MOUNT/.status/control.
#[derive(Debug, Args)]
pub(super) struct ResetArguments {
    /// Where it is mounted
    #[arg(value_name = "MOUNT")]
    mount: PathBuf,

    /// A file or directory of the dataset, like node_2/process_1
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

pub(super) fn run(arguments: &ResetArguments) -> Result<ExitCode, Failure> {
    let mount = mount_target::find(Some(&arguments.mount), Accepted::Root)?;
    let control = mount.path().join(STATUS_NAME).join("control");
    let command = match &arguments.path {
        None => "reset".to_owned(),
        Some(path) => format!("reset {path}"),
    };
    let written = OpenOptions::new()
        .write(true)
        .open(&control)
        .and_then(|mut control| control.write_all(command.as_bytes()));
    match written {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::usage(format!(
            "path '{}': not in this dataset; expected the path of a file or directory of it",
            arguments.path.as_deref().unwrap_or_default()
        ))),
        Err(error) => {
            let (control, reason) = (control.display(), explained(&mount, &error));
            Err(Failure::system(format!("cannot write to '{control}': {reason}")))
        }
    }
}
