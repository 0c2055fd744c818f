//! The command line: what was typed, what it means, and the exit code.
//!
//! One file for each subcommand. What clap reads stays text until the dataset has been validated
//! whole, so that everything that is wrong is said at once, in our words.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | fine |
//! | 1 | the verdict is mismatch or incomplete; for verify also untouched |
//! | 2 | wrong usage: nothing was done |
//! | 3 | the system failed |
//! | 130 | it was interrupted (Ctrl-C) |

#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    reason = "what stands beside an option is its help, which is read in a terminal"
)]

mod after_crash;
mod cat;
mod cluster_status;
mod completions;
#[cfg(feature = "dashboard")]
mod dashboard;
mod dataset_args;
mod device;
mod journal_args;
mod kernel_args;
mod locate;
mod log;
mod man;
mod mount;
mod mount_target;
mod numa_args;
mod pool;
mod progress;
mod publishing;
mod queue_args;
mod raid;
mod raid_args;
mod repair;
mod reporting;
mod reset;
mod status;
mod storage_args;
mod sums;
mod target_lines;
mod top;
mod umount;
mod values;
mod verify;
mod write;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::watch::plain;

/// A FUSE filesystem whose files take no storage, and a judge of what is written to it.
///
/// Every byte of a seedfs dataset is a pure function of a seed and of its address, generated when
/// it is read. What is written to it is compared with what belongs there, and the verdict, down to
/// the wrong byte and where it came from, is read as JSON from files under .status in the mount.
#[derive(Debug, Parser)]
#[command(
    name = "seedfs",
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_long_help = EXIT_CODES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  fine
  1  the verdict is mismatch or incomplete; for verify, also untouched
  2  wrong usage: nothing was done
  3  the system failed; for write, verify and repair, also where it failed for some files only
  130  it was interrupted

Sizes are in bytes (4096) or have a unit, which is always binary: 1M, 1MB and 1MiB are 2^20 bytes.
Numbers of anything else may end in K, M, G or T, which are decimal: 1M files are 10^6.";

#[derive(Debug, Subcommand)]
enum Command {
    Mount(mount::MountArguments),
    Umount(umount::UmountArguments),
    Status(status::StatusArguments),
    Reset(reset::ResetArguments),
    Cat(cat::CatArguments),
    Locate(locate::LocateArguments),
    Write(write::WriteArguments),
    Verify(verify::VerifyArguments),
    Repair(repair::RepairArguments),
    Sums(sums::SumsArguments),
    Top(top::TopArguments),
    #[cfg(feature = "dashboard")]
    Dashboard(dashboard::DashboardArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
enum Failure {
    /// It was asked for something that cannot be: nothing was done.
    Usage(String),
    /// The system did not let it.
    System(String),
}

impl Failure {
    fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    fn system(message: impl Display) -> Self {
        Self::System(message.to_string())
    }

    /// A failure to write to standard output; that a reader has had enough is none.
    fn output(error: &io::Error) -> Result<ExitCode, Self> {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Ok(ExitCode::SUCCESS);
        }
        Err(Self::system(format!("cannot write to standard output: {error}")))
    }
}

/// Two outcomes, or what is wrong with both.
fn both<A, B>(a: Result<A, Failure>, b: Result<B, Failure>) -> Result<(A, B), Failure> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(Failure::Usage(first)), Err(Failure::Usage(second))) => {
            Err(Failure::Usage(format!("{first}\n{second}")))
        }
        (Err(failure), _) | (_, Err(failure)) => Err(failure),
    }
}

/// The exit code of a verdict that is mismatch or incomplete.
const BAD_VERDICT: u8 = 1;
const WRONG_USAGE: u8 = 2;
const SYSTEM_FAILED: u8 = 3;
/// 128 and the number of SIGINT, as shells count.
const INTERRUPTED: u8 = 130;

/// Parses the command line, runs the command and says how it went.
#[must_use]
pub fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Mount(arguments) => mount::run(&arguments),
        Command::Umount(arguments) => umount::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Reset(arguments) => reset::run(&arguments),
        Command::Cat(arguments) => cat::run(&arguments),
        Command::Locate(arguments) => locate::run(&arguments),
        Command::Write(arguments) => write::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Repair(arguments) => repair::run(&arguments),
        Command::Sums(arguments) => sums::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        #[cfg(feature = "dashboard")]
        Command::Dashboard(arguments) => dashboard::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, &mut Cli::command()),
        Command::Man(arguments) => man::run(&arguments, Cli::command()),
    };
    let (code, message) = match outcome {
        Ok(code) => return code,
        Err(Failure::Usage(message)) => (WRONG_USAGE, message),
        Err(Failure::System(message)) => (SYSTEM_FAILED, message),
    };
    let mut stderr = io::stderr().lock();
    for line in message.lines() {
        // There is nobody left to tell.
        let _ = writeln!(stderr, "seedfs: {line}");
    }
    code.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }
}
