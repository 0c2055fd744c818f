//! Progress: a bar for people, lines for logs, JSON for machines.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::dataset::format_size;
use crate::report::{LastSecond, RunRates};
use crate::storage::{Figures, Progress};
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
        let figures = progress.figures(&now, &now);
        match self.form() {
            Form::Nothing => {}
            Form::Json => json_line(name, &figures, LineOf::All),
            Form::Bar | Form::Lines => {
                let line = format!(
                    "{what} {} files, {} bytes in {:.2} s: {:.2} GB/s, {:.0} files/s",
                    figures.files.done,
                    figures.bytes.done,
                    figures.elapsed_s,
                    figures.rates.bytes_per_s / 1e9,
                    figures.rates.files_per_s,
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
            let figures = self.progress.figures(&now, &last);
            match &bar {
                Some(bar) => {
                    let RunRates { bytes_per_s, files_per_s, .. } = figures.rates;
                    bar.set_message(rates(&figures, LastSecond { bytes_per_s, files_per_s }));
                    bar.set_position(now.bytes);
                }
                None if self.form == Form::Json => json_line(self.name, &figures, LineOf::Second),
                None => self.line(&figures),
            }
            last = now;
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, figures: &Figures) {
        let rates = rates(figures, figures.rates.last_second);
        let _ = writeln!(io::stderr(), "{}{:.1} %, {rates}", self.name, percent(figures));
    }
}

/// A bar that is drawn again and again, as wide as its words leave room on the terminal, and goes
/// in the end.
fn bar(name: &str, progress: &Progress) -> ProgressBar {
    let total = u64::try_from(progress.bytes_total()).unwrap_or(u64::MAX);
    let bar = ProgressBar::new(total).with_prefix(name.to_owned());
    match ProgressStyle::with_template("{prefix}[{wide_bar}] {percent} %, {msg}") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

/// What is done, how fast, and the time that is left if it goes on like this.
fn rates(figures: &Figures, rates: LastSecond) -> String {
    let left = figures.remaining_s.map_or_else(|| "unknown time".to_owned(), duration);
    format!(
        "{} of {}, {}/{} files, {:.2} GB/s, {:.0} files/s, {left} left",
        format_size(u64::try_from(figures.bytes.done).unwrap_or(u64::MAX)),
        format_size(u64::try_from(figures.bytes.total).unwrap_or(u64::MAX)),
        figures.files.done,
        figures.files.total,
        rates.bytes_per_s / 1e9,
        rates.files_per_s,
    )
}

#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(figures: &Figures) -> f64 {
    figures.bytes.done as f64 / (figures.bytes.total as f64).max(1.0) * 100.0
}

/// What a line of JSON is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineOf {
    /// The last second, as to its rates.
    Second,
    /// The whole run, at its end.
    All,
}

/// One line of JSON.
fn json_line(name: &str, figures: &Figures, of: LineOf) {
    let Figures { elapsed_s, files, bytes, rates, .. } = figures;
    let (bytes_per_s, files_per_s) = match of {
        LineOf::Second => (rates.last_second.bytes_per_s, rates.last_second.files_per_s),
        LineOf::All => (rates.bytes_per_s, rates.files_per_s),
    };
    let line = json!({
        "schema": 1,
        "node": name.trim_end_matches(": "),
        "files": files.done,
        "files_total": files.total,
        "bytes": u64::try_from(bytes.done).unwrap_or(u64::MAX),
        "bytes_total": u64::try_from(bytes.total).unwrap_or(u64::MAX),
        "failed": files.failed,
        "seconds": elapsed_s,
        "gb_per_s": bytes_per_s / 1e9,
        "files_per_s": files_per_s,
        "done": of == LineOf::All,
    });
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::ProgressSnapshot;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let snapshot =
            |files, bytes, seconds| ProgressSnapshot { files, bytes, failed: 0, seconds };
        let (earlier, half) = (snapshot(0, 1 << 29, 1.5), snapshot(1, 1 << 30, 2.0));
        let figures = Progress::new(2, 2 << 30).figures(&half, &earlier);
        assert_eq!(
            rates(&figures, figures.rates.last_second),
            "1.0 GiB of 2.0 GiB, 1/2 files, 1.07 GB/s, 2 files/s, 2 s left"
        );
        let nothing = snapshot(0, 0, 0.0);
        let figures = Progress::new(0, 0).figures(&nothing, &nothing);
        assert_eq!(
            rates(&figures, figures.rates.last_second),
            "0 B of 0 B, 0/0 files, 0.00 GB/s, 0 files/s, 0 s left"
        );
        let figures = Progress::new(1, 5).figures(&nothing, &nothing);
        assert!(rates(&figures, figures.rates.last_second).ends_with("unknown time left"));
    }
}
