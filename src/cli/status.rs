//! `seedfs status`

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::mount_target::{self, Accepted, explained};
use super::{BAD_VERDICT, Failure, cluster_status};
use crate::dataset::format_size;
use crate::fs::STATUS_NAME;
use crate::fuse::Mounted;
use crate::report::SourceView;

/// Show the verdict and the totals of a mount, or of all runs that report in a directory
///
/// Exits with 1 where a verdict is mismatch or incomplete. For a directory that 'seedfs write',
/// 'verify' or 'mount --publish' reports to it merges what all nodes say; a node that has been
/// silent for 30 seconds is shown as stale. It exits with 3 where a node has failed or its report
/// cannot be read.
#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Print .status/summary.json as it is, or the merged status as one line of JSON
    #[arg(long)]
    pub(super) json: bool,

    /// For a directory: show it again every second until all nodes are done
    #[arg(long)]
    pub(super) watch: bool,

    /// Where it is mounted, or the directory that runs report to, or the several that the files are
    /// spread over; without it, the only seedfs that is mounted
    #[arg(value_name = "MOUNT|DIR")]
    places: Vec<PathBuf>,
}

/// How many wrong ranges are shown.
const SHOWN_RANGES: usize = 5;

pub(super) fn run(arguments: &StatusArguments) -> Result<ExitCode, Failure> {
    let places = &arguments.places[..];
    let named = places.first().map(PathBuf::as_path);
    let is_directory = |path: &Path| {
        Ok::<_, Failure>(
            mount_target::named_mount(path, Accepted::Inside)?.is_none() && path.is_dir(),
        )
    };
    if let Some(first) = named
        && (places.len() > 1 || is_directory(first)?)
    {
        let cluster = cluster_status::read(places)?;
        if cluster.is_empty() {
            return Err(Failure::usage(format!(
                "'{}' is not a mounted seedfs; expected the mount point of a seedfs, or a \
                 directory that 'seedfs write', 'verify' or 'mount --publish' reports to",
                cluster_status::shown(places)
            )));
        }
        return cluster_status::run(places, cluster, arguments);
    }
    let mount = mount_target::find(named, Accepted::Inside)?;
    let (text, summary) = read(&mount, "summary.json")?;
    let report = if arguments.json {
        text
    } else {
        let (_, mismatches) = read(&mount, "mismatches.json")?;
        describe(mount.path(), &summary, &mismatches)
    };
    if let Err(error) = io::stdout().write_all(report.as_bytes()) {
        Failure::output(&error)?;
    }
    match summary["verdict"].as_str() {
        Some("mismatch" | "incomplete") => Ok(BAD_VERDICT.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn read(mount: &Mounted, name: &str) -> Result<(String, Value), Failure> {
    let path = mount.path().join(STATUS_NAME).join(name);
    let refuse =
        |error: String| Failure::system(format!("cannot read '{}': {error}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| refuse(explained(mount, &error)))?;
    let value = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    Ok((text, value))
}

/// The summary for people. Writing to a string does not fail.
fn describe(mount: &Path, summary: &Value, mismatches: &Value) -> String {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    // Sums over a whole dataset may be larger than 64 bits, which JSON readers round.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown rounded")]
    let size = |value: &Value| match value.as_u64() {
        Some(bytes) => format_size(bytes),
        None => format_size(value.as_f64().unwrap_or_default() as u64),
    };
    let mut text = String::new();
    let _ = writeln!(text, "{}: {}", mount.display(), summary["verdict"].as_str().unwrap_or("?"));
    let files = &summary["files"];
    let _ = writeln!(
        text,
        "  files    {} in all: {} verified, {} incomplete, {} mismatch, {} untouched",
        count(&files["total"]),
        count(&files["verified"]),
        count(&files["incomplete"]),
        count(&files["mismatch"]),
        count(&files["untouched"]),
    );
    let bytes = &summary["bytes"];
    let _ = writeln!(
        text,
        "  bytes    {}{} expected: {} matched, {} missing, {} wrong, {} extra",
        if bytes["estimated"] == true { "about " } else { "" },
        size(&bytes["expected"]),
        size(&bytes["matched"]),
        size(&bytes["missing"]),
        size(&bytes["wrong"]),
        size(&bytes["extra"]),
    );
    for name in ["reads", "writes"] {
        let meter = &summary[name];
        let _ = writeln!(
            text,
            "  {name:<8} {} operations, {}, now {}/s",
            count(&meter["operations"]),
            size(&meter["bytes"]),
            size(&meter["bytes_per_s"]),
        );
    }
    let kept = &summary["kept"];
    let _ = writeln!(
        text,
        "  kept     {} of {}, {} of {} extents",
        size(&kept["bytes"]),
        size(&kept["bytes_limit"]),
        count(&kept["extents"]),
        count(&kept["extents_limit"]),
    );
    describe_latest(&mut text, mismatches);
    text
}

fn describe_latest(text: &mut String, mismatches: &Value) {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let ranges = mismatches["ranges"].as_array().map_or(&[][..], Vec::as_slice);
    if !ranges.is_empty() {
        let _ = writeln!(text, "  the latest wrong ranges that were written:");
    }
    for range in ranges.iter().rev().take(SHOWN_RANGES) {
        let _ = write!(
            text,
            "    {} at {}, {} bytes: {}",
            range["path"].as_str().unwrap_or("?"),
            count(&range["offset"]),
            count(&range["length"]),
            range["class"].as_str().unwrap_or("?"),
        );
        if let Ok(source) = serde_json::from_value::<SourceView>(range["source"].clone()) {
            let _ = write!(text, ", from {source}");
        }
        text.push('\n');
    }
}
