//! The targets and threads of a run, as lines for people.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::plain;
use super::progress::ProgressArguments;
use crate::report::{RunReport, TargetReport};

/// How many threads are shown.
const SHOWN_THREADS: usize = 16;

/// Says on standard error how the targets of a run that has ended did, where progress is shown.
pub(super) fn print_targets(progress: ProgressArguments, indent: &str, report: &RunReport) {
    if !progress.quiet && !progress.json_progress {
        let mut text = String::new();
        describe_targets(&mut text, indent, report);
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// A line for each target, and one for the threads; nothing of a run in one directory. Writing to a
/// string does not fail.
pub(super) fn describe_targets(text: &mut String, indent: &str, report: &RunReport) {
    if report.targets.is_empty() {
        return;
    }
    for target in &report.targets {
        text.push_str(indent);
        describe(text, target);
    }
    let _ = write!(text, "{indent}threads:");
    for (number, thread) in report.threads.iter().take(SHOWN_THREADS).enumerate() {
        let separator = if number == 0 { "" } else { "," };
        let (rate, idle) = (thread.bytes_per_s / 1e9, thread.idle_share * 100.0);
        let _ = write!(text, "{separator} {rate:.2} GB/s, {idle:.0} % idle");
    }
    let more = report.threads.len().saturating_sub(SHOWN_THREADS);
    if more > 0 {
        let _ = write!(text, ", and {more} more");
    }
    text.push('\n');
}

fn describe(text: &mut String, target: &TargetReport) {
    #[expect(clippy::cast_precision_loss, reason = "shown rounded")]
    let _ = write!(
        text,
        "target {} {}: {} of {} files, {:.2} GB, {:.2} GB/s, {:.0} % idle",
        target.target,
        plain(&target.directory),
        target.files.done,
        target.files.total,
        target.bytes.done as f64 / 1e9,
        target.bytes_per_s / 1e9,
        target.idle_share * 100.0,
    );
    for (count, what) in [
        (target.files.failed, "files failed"),
        (target.retries, "tries again"),
        (target.moved, "copies made elsewhere"),
    ] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    if let Some(why) = &target.failed {
        let _ = write!(text, ", it has failed: {}", plain(why));
    }
    text.push('\n');
}
