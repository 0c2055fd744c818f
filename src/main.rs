//! The `seedfs` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    seedfs::cli::run()
}
