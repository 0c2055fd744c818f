//! `seedfs man`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;

/// Write the manual pages
///
/// seedfs.1 and a page for each subcommand, made from the definitions that the program itself
/// reads.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The directory to write them to
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

pub(super) fn run(arguments: &ManArguments, command: clap::Command) -> Result<ExitCode, Failure> {
    if !arguments.directory.is_dir() {
        return Err(Failure::usage(format!(
            "'{}' is not a directory; expected an existing directory",
            arguments.directory.display()
        )));
    }
    clap_mangen::generate_to(command, &arguments.directory).map_err(|error| {
        Failure::system(format!("cannot write to '{}': {error}", arguments.directory.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}
