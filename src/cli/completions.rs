//! `seedfs completions`

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use super::Failure;

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  seedfs completions bash > /usr/share/bash-completion/completions/seedfs")]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(
    arguments: &CompletionsArguments,
    command: &mut clap::Command,
) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "seedfs", &mut script);
    match io::stdout().write_all(&script) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Failure::output(&error),
    }
}
