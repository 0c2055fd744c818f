//! Progress: a bar for people, lines for logs, JSON for machines.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use terminal_size::{Width, terminal_size_of};

use crate::dataset::format_size;
use crate::storage::{Progress, ProgressSnapshot};

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
            Form::Json => json_line(name, progress, &now, &now, true),
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
        let bar = (self.form == Form::Bar).then(bar);
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
                    bar.set_message(bar_line(columns(), self.name, self.progress, &now));
                    bar.tick();
                }
                None if self.form == Form::Json => {
                    json_line(self.name, self.progress, &now, &last, false);
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
        let mut line = format!("{}{:.1} %", self.name, percent(self.progress, now));
        let _ = write!(
            line,
            ", {} of {}, {}",
            format_size(now.bytes),
            format_size(u64::try_from(self.progress.bytes_total).unwrap_or(u64::MAX)),
            rates(self.progress, now, &now.since(last)),
        );
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// A line that is drawn again and again, and goes in the end.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The width of the terminal.
fn columns() -> usize {
    terminal_size_of(io::stderr()).map_or(80, |(Width(columns), _)| columns.into())
}

/// The widest that is drawn of a bar, and the narrowest.
const BAR_COLUMNS: (usize, usize) = (25, 8);

/// What fits into one line of so many columns: in less of them with less words, and the bar itself
/// in what is left. A line that is too long would leave its first half behind on the terminal.
fn bar_line(columns: usize, name: &str, progress: &Progress, now: &ProgressSnapshot) -> String {
    let room = columns.saturating_sub(1);
    let percent = format!("{:.0} %", percent(progress, now).min(100.0).floor());
    let total = format_size(u64::try_from(progress.bytes_total).unwrap_or(u64::MAX));
    let files = format!("{}/{} files", now.files, progress.files_total);
    let (speed, rate) = (now.gb_per_s(), now.files_per_s());
    let left = duration(seconds_left(progress, now));
    let done = format_size(now.bytes);
    let texts = [
        format!(
            "{percent}, {done} of {total}, {files}, {speed:.2} GB/s, {rate:.0} files/s, {left} left"
        ),
        format!("{percent} of {total}, {files}, {speed:.2} GB/s, {rate:.0} files/s, {left} left"),
        format!("{percent} of {total}, {files}, {speed:.2} GB/s, {rate:.0}/s, {left}"),
    ];
    let width = |text: &str| name.chars().count() + text.chars().count();
    let text = texts.iter().find(|text| width(text) <= room).unwrap_or(&texts[2]);
    let bar = room.saturating_sub(width(text) + "[] ".len()).min(BAR_COLUMNS.0);
    if bar < BAR_COLUMNS.1 {
        return format!("{name}{text}").chars().take(room).collect();
    }
    let share = u128::from(now.bytes).min(progress.bytes_total) * bar as u128;
    let full = usize::try_from(share / progress.bytes_total.max(1)).unwrap_or(bar);
    format!("{name}[{:<bar$}] {text}", "=".repeat(full))
}

/// Files, rates, and the time that is left if it goes on like this.
fn rates(progress: &Progress, now: &ProgressSnapshot, of_late: &ProgressSnapshot) -> String {
    format!(
        "{}/{} files, {:.2} GB/s, {:.0} files/s, {} left",
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

/// A time for people.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown rounded")]
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(progress: &Progress, now: &ProgressSnapshot) -> f64 {
    now.bytes as f64 / (progress.bytes_total as f64).max(1.0) * 100.0
}

fn json_line(
    name: &str,
    progress: &Progress,
    now: &ProgressSnapshot,
    last: &ProgressSnapshot,
    done: bool,
) {
    let of_late = if done { *now } else { now.since(last) };
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
        "done": done,
    });
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fits_its_line_and_says_what_there_is_room_for() {
        let large = Progress::new(1_000_000, 3 << 50);
        for (progress, files, bytes) in
            [(Progress::new(8, 8 << 30), 3, 3 << 30), (large, 999_999, 3 << 50)]
        {
            let now = ProgressSnapshot { files, bytes, failed: 0, seconds: 100_000.0 };
            for name in ["", "node-17: "] {
                for columns in 1..200 {
                    let line = bar_line(columns, name, &progress, &now);
                    assert!(line.chars().count() < columns.max(2), "{columns}: {line}");
                    // The time, and that at the end, are what is cut off first.
                    for word in [name, " % of ", " files, ", " GB/s, ", "/s, "] {
                        let long = line.replace("%, 3.0 GiB of", "% of");
                        let long = long.replace("%, 3.0 PiB of", "% of");
                        assert!(columns < 80 || long.contains(word), "{columns}, {word}: {line}");
                    }
                }
            }
        }
        let half = ProgressSnapshot { files: 1, bytes: 1 << 30, failed: 0, seconds: 1.0 };
        let line = |columns| bar_line(columns, "", &Progress::new(2, 2 << 30), &half);
        let wide = line(120);
        assert!(wide.starts_with("[====") && wide.ends_with("1 s left"), "{wide}");
        assert_eq!(line(62), "50 % of 2.0 GiB, 1/2 files, 1.07 GB/s, 1 files/s, 1 s left");
        assert_eq!(line(50), "50 % of 2.0 GiB, 1/2 files, 1.07 GB/s, 1/s, 1 s");
    }
}
