//! `seedfs top`

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::mount_target::{self, Accepted};
use super::storage_args::Interruption;
use super::values::number;
use super::{Failure, INTERRUPTED, SYSTEM_FAILED, both};
use crate::top::{self, Palette, TEXT_COLUMNS_MIN, TextLook};
use crate::watch::{Target, TargetError, WantedMap};

/// Watch mounts, and runs of 'seedfs write' and 'verify', in the terminal
///
/// Shows verdict, bytes by state, rates, the latest wrong ranges and where they come from, and of
/// many nodes a table. Press ? for the keys. A target that ends or does not answer is said to, and
/// what was seen last is shown on until it comes back.
#[derive(Debug, Args)]
pub(super) struct TopArguments {
    /// Print what is seen once, as text, and exit: with 3 where a target did not answer
    #[arg(long)]
    once: bool,

    /// Columns of that text [default: COLUMNS of the environment, or 100]
    #[arg(
        long,
        value_name = "N",
        requires = "once",
        value_parser = number(TEXT_COLUMNS_MIN..=TEXT_COLUMNS_MAX),
        allow_hyphen_values = true
    )]
    width: Option<u16>,

    /// Seconds between two looks, 0.1 to 3600
    #[arg(
        long,
        value_name = "S",
        default_value = "1",
        value_parser = interval,
        allow_hyphen_values = true
    )]
    interval: Duration,

    /// Mount points of seedfs, and directories that runs report to; without any, the only seedfs
    /// that is mounted
    #[arg(value_name = "TARGET")]
    targets: Vec<PathBuf>,
}

const TEXT_COLUMNS_MAX: u16 = 1000;
const TEXT_COLUMNS: u16 = 100;

pub(super) fn run(arguments: &TopArguments) -> Result<ExitCode, Failure> {
    let targets = open(&arguments.targets)?;
    if arguments.once {
        return print_once(targets, arguments.width);
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::usage(
            "standard output is no terminal; expected one, or the option --once",
        ));
    }
    let interruption = Interruption::new()?;
    // As https://no-color.org says: whatever it is, unless it is empty.
    let has_colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let colours = if has_colours { Palette::Ansi } else { Palette::None };
    top::run(targets, arguments.interval, colours, interruption.stop())
        .map_err(|error| Failure::system(format!("cannot use the terminal: {error}")))?;
    if interruption.stop().is_set() {
        return Ok(INTERRUPTED.into());
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens all targets, or says of each what is wrong with it.
fn open(paths: &[PathBuf]) -> Result<Vec<Target>, Failure> {
    let open = |path: &PathBuf| {
        Target::open(path, WantedMap::Beginning).map_err(|error| match error {
            TargetError::Neither(_) | TargetError::OutOfReach(..) => Failure::usage(error),
            TargetError::System(..) => Failure::system(error),
        })
    };
    if paths.is_empty() {
        let only = mount_target::find(None, Accepted::Root)?;
        return Ok(vec![open(&only.path().to_owned())?]);
    }
    let mut opened = Ok(Vec::new());
    for target in paths.iter().map(open) {
        opened = both(opened, target).map(|(mut opened, target)| {
            opened.push(target);
            opened
        });
    }
    opened
}

fn print_once(targets: Vec<Target>, width: Option<u16>) -> Result<ExitCode, Failure> {
    let columns = || env::var("COLUMNS").ok()?.parse().ok();
    let columns = width.or_else(columns).unwrap_or(TEXT_COLUMNS).min(TEXT_COLUMNS_MAX);
    let TextLook { text, complete } = top::look_once(targets, columns).map_err(Failure::system)?;
    if let Err(error) = io::stdout().write_all(text.as_bytes()) {
        return Failure::output(&error);
    }
    Ok(if complete { ExitCode::SUCCESS } else { SYSTEM_FAILED.into() })
}

/// Reads the seconds between two looks.
fn interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "expected a number of seconds from 0.1 to 3600".into())
}
