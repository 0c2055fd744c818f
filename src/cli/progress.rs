//! Progress: a bar for people, lines for logs, JSON for machines.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::dataset::format_size;
use crate::storage::{Progress, ProgressSnapshot};
pub(super) use crate::watch::duration;

/// What is shown while it goes on.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Progress")]
pub(super) struct ProgressArguments {
    /// Say nothing but what is wrong
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// Show progress as JSON, one line each second on standard error
    #[arg(long, conflicts_with = "quiet")]
    pub(super) json_progress: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    Bar,
    Lines,
    Json,
}

/// How often the bar moves.
const BAR_EVERY: Duration = Duration::from_millis(200);
/// How often there is a line, where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// How often there is a line of JSON, and how often a node status is replaced.
const SECOND: Duration = Duration::from_secs(1);

impl ProgressArguments {
    /// Does the work, and shows its progress meanwhile. `each_second` is called at the beginning,
    /// then every second, and at the end.
    pub(super) fn show<R>(
        self,
        name: &str,
        progress: &Progress,
        each_second: &(dyn Fn() + Sync),
        work: impl FnOnce() -> R,
    ) -> R {
        each_second();
        let watch = Watch { form: self.form(), name, progress, each_second };
        let outcome = thread::scope(|scope| {
            let (done, until_done) = channel::<()>();
            // Without it the work is done all the same, and nothing is shown.
            let _ = thread::Builder::new().spawn_scoped(scope, move || watch.run(&until_done));
            let outcome = work();
            drop(done);
            outcome
        });
        each_second();
        outcome
    }

    /// The last word: all in all.
    pub(super) fn conclude(self, name: &str, what: &str, progress: &Progress) {
        let now = progress.snapshot();
        match self.form() {
            Form::Nothing => {}
            Form::Json => json_line(name, progress, &now, None),
            Form::Bar | Form::Lines => {
                let line = format!(
                    "{what} {} files, {} bytes in {:.2} s: {:.2} GB/s, {:.0} files/s",
                    now.files,
                    now.bytes,
                    now.seconds,
                    now.gb_per_s(),
                    now.files_per_s(),
                );
                let _ = writeln!(io::stderr(), "{name}{line}");
            }
        }
    }

    fn form(self) -> Form {
        if self.quiet {
            Form::Nothing
        } else if self.json_progress {
            Form::Json
        } else if io::stderr().is_terminal() {
            Form::Bar
        } else {
            Form::Lines
        }
    }
}

struct Watch<'a> {
    form: Form,
    name: &'a str,
    progress: &'a Progress,
    each_second: &'a (dyn Fn() + Sync),
}

impl Watch<'_> {
    /// Returns when the other end of the channel is gone.
    fn run(&self, until_done: &Receiver<()>) {
        let bar = (self.form == Form::Bar).then(|| bar(self.name, self.progress));
        let mut shown = Instant::now();
        let mut second = Instant::now();
        let mut last = self.progress.snapshot();
        let wait = if bar.is_some() { BAR_EVERY } else { SECOND };
        while until_done.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            if second.elapsed() >= SECOND {
                (self.each_second)();
                second = Instant::now();
            }
            let every = match self.form {
                Form::Nothing => continue,
                Form::Bar => BAR_EVERY,
                Form::Json => SECOND,
                Form::Lines => LINE_EVERY,
            };
            if shown.elapsed() < every {
                continue;
            }
            shown = Instant::now();
            let now = self.progress.snapshot();
            match &bar {
                Some(bar) => {
                    bar.set_message(rates(self.progress, &now, &now));
                    bar.set_position(now.bytes);
                }
                None if self.form == Form::Json => {
                    json_line(self.name, self.progress, &now, Some(&last));
                }
                None => self.line(&now, &last),
            }
            last = now;
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, now: &ProgressSnapshot, last: &ProgressSnapshot) {
        let rates = rates(self.progress, now, &now.since(last));
        let percent = percent(self.progress, now);
        let _ = writeln!(io::stderr(), "{}{percent:.1} %, {rates}", self.name);
    }
}

/// A bar that is drawn again and again, as wide as its words leave room on the terminal, and goes
/// in the end.
fn bar(name: &str, progress: &Progress) -> ProgressBar {
    let total = u64::try_from(progress.bytes_total).unwrap_or(u64::MAX);
    let bar = ProgressBar::new(total).with_prefix(name.to_owned());
    match ProgressStyle::with_template("{prefix}[{wide_bar}] {percent} %, {msg}") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// What is done, how fast, and the time that is left if it goes on like this.
fn rates(progress: &Progress, now: &ProgressSnapshot, of_late: &ProgressSnapshot) -> String {
    format!(
        "{} of {}, {}/{} files, {:.2} GB/s, {:.0} files/s, {} left",
        format_size(now.bytes),
        format_size(u64::try_from(progress.bytes_total).unwrap_or(u64::MAX)),
        now.files,
        progress.files_total,
        of_late.gb_per_s(),
        of_late.files_per_s(),
        duration(seconds_left(progress, now)),
    )
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn seconds_left(progress: &Progress, now: &ProgressSnapshot) -> f64 {
    let left = progress.bytes_total.saturating_sub(now.bytes.into());
    left as f64 / (now.gb_per_s() * 1e9).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(progress: &Progress, now: &ProgressSnapshot) -> f64 {
    now.bytes as f64 / (progress.bytes_total as f64).max(1.0) * 100.0
}

/// One line of JSON: rates since the `last` one, and at the end all in all.
fn json_line(
    name: &str,
    progress: &Progress,
    now: &ProgressSnapshot,
    last: Option<&ProgressSnapshot>,
) {
    let of_late = last.map_or(*now, |last| now.since(last));
    let line = json!({
        "schema": 1,
        "node": name.trim_end_matches(": "),
        "files": now.files,
        "files_total": progress.files_total,
        "bytes": now.bytes,
        "bytes_total": u64::try_from(progress.bytes_total).unwrap_or(u64::MAX),
        "failed": now.failed,
        "seconds": now.seconds,
        "gb_per_s": of_late.gb_per_s(),
        "files_per_s": of_late.files_per_s(),
        "done": last.is_none(),
    });
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let half = ProgressSnapshot { files: 1, bytes: 1 << 30, failed: 0, seconds: 2.0 };
        let of_late = ProgressSnapshot { files: 1, bytes: 1 << 29, failed: 0, seconds: 0.5 };
        assert_eq!(
            rates(&Progress::new(2, 2 << 30), &half, &of_late),
            "1.0 GiB of 2.0 GiB, 1/2 files, 1.07 GB/s, 2 files/s, 2 s left"
        );
        let nothing = ProgressSnapshot { files: 0, bytes: 0, failed: 0, seconds: 0.0 };
        assert_eq!(
            rates(&Progress::new(0, 0), &nothing, &nothing),
            "0 B of 0 B, 0/0 files, 0.00 GB/s, 0 files/s, 0 s left"
        );
    }
}
