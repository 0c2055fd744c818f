//! The daemon's log: where it goes, and how much of it.
//!
//! Whoever uses a mount can make it log, as often as they like: each write that is refused is
//! worth a line, but a million of them are not. So of lines that say the same a few are written at
//! a time, and the rest is counted and said in one line later.
//!
//! Lines are written by a thread of their own. What answers system calls must not wait for a disk,
//! or for a terminal whose user has stopped it; where the thread cannot follow, lines are lost, and
//! counted too.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, fmt as lines};

use crate::sync::Mutex;

/// So many lines that say the same are written in a [`PERIOD`].
const LINES_MAX: u64 = 10;
const PERIOD: Duration = Duration::from_secs(10);
/// So many kinds of lines are told apart; beyond them, those from one place in the code are alike.
const KINDS_MAX: usize = 64;
/// So many lines wait to be written.
const WAITING_MAX: usize = 1024;
/// How often it is looked whether a period is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the end of the program waits for its last lines.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// A log that is written to. Its last lines are written when it is told to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Option<Running>);

#[derive(Clone, Debug)]
struct Running {
    lines: SyncSender<Message>,
    limits: Arc<LineLimits>,
}

/// Whether lines have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    /// They are for people.
    Terminal,
    /// They are for a file.
    None,
}

enum Message {
    Line(Vec<u8>),
    /// Everything before it has been written when it is dropped.
    End(SyncSender<()>),
}

impl Log {
    /// Begins to log to `out`, what `filter` lets through.
    pub(super) fn start(
        filter: EnvFilter,
        colours: Colours,
        out: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let limits = Arc::new(LineLimits::default());
        let written_by = Arc::clone(&limits);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&receiver, &written_by, out))?;
        let running = Running { lines: sender, limits };
        let writer = running.clone();
        lines()
            .with_env_filter(filter)
            .with_ansi(colours == Colours::Terminal)
            .event_format(Limited { format: Format::default(), limits: running.limits.clone() })
            .with_writer(move || writer.clone())
            .init();
        Ok(Self(Some(running)))
    }

    /// Says what was left out, and waits a moment until all is written.
    pub(super) fn end(&self) {
        let Some(running) = &self.0 else { return };
        running.limits.say_left_out(Instant::now() + PERIOD);
        let (done, until_done) = sync_channel(1);
        // Where too many lines wait, the reader has stopped.
        if running.lines.try_send(Message::End(done)).is_ok() {
            let _ = until_done.recv_timeout(END_PATIENCE);
        }
    }
}

impl Write for Running {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Message::Line(line.to_vec())).is_err() {
            self.limits.lose_line();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(lines: &Receiver<Message>, limits: &LineLimits, mut out: impl Write) {
    let mut looked = Instant::now();
    loop {
        match lines.recv_timeout(LOOK_EVERY) {
            // A log that cannot be written to cannot be complained about.
            Ok(Message::Line(line)) => drop(out.write_all(&line)),
            Ok(Message::End(done)) => drop(done),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            limits.say_left_out(looked);
        }
    }
}

/// How often each kind of line was wanted of late.
#[derive(Debug, Default)]
struct LineLimits {
    kinds: Mutex<HashMap<u64, LineKind>>,
    lost: Mutex<u64>,
}

#[derive(Clone, Debug)]
struct LineKind {
    began: Instant,
    wanted: u64,
    level: Level,
    text: String,
}

impl LineLimits {
    /// Whether a line is written.
    fn admits(&self, callsite: &Identifier, level: Level, text: String, now: Instant) -> bool {
        let key = |text: &str| {
            let mut hasher = DefaultHasher::new();
            (callsite, text).hash(&mut hasher);
            hasher.finish()
        };
        let mut kinds = self.kinds.lock();
        let mut known = key(&text);
        if kinds.len() >= KINDS_MAX && !kinds.contains_key(&known) {
            known = key("");
        }
        let kind = kinds.entry(known).or_insert(LineKind { began: now, wanted: 0, level, text });
        kind.wanted += 1;
        kind.wanted <= LINES_MAX
    }

    fn lose_line(&self) {
        *self.lost.lock() += 1;
    }

    /// Forgets the kinds whose period is over.
    fn take_over(&self, now: Instant) -> Vec<LineKind> {
        let mut kinds = self.kinds.lock();
        let over: Vec<u64> = kinds
            .iter()
            .filter(|(_, kind)| now.saturating_duration_since(kind.began) >= PERIOD)
            .map(|(key, _)| *key)
            .collect();
        over.iter().filter_map(|key| kinds.remove(key)).collect()
    }

    /// Says of each kind whose period is over how many lines were left out.
    fn say_left_out(&self, now: Instant) {
        for LineKind { wanted, level, text, .. } in self.take_over(now) {
            let count = wanted.saturating_sub(LINES_MAX);
            if count > 0 {
                say(level, count, &text);
            }
        }
        let lost = std::mem::take(&mut *self.lost.lock());
        if lost > 0 {
            say(Level::WARN, lost, "lines that could not be written as fast as they came");
        }
    }
}

/// Where the lines that count others come from: they are not limited themselves.
const COUNTS: &str = "seedfs::log";

fn say(level: Level, count: u64, of: &str) {
    match level {
        Level::ERROR => tracing::error!(target: COUNTS, count, of, "lines left out"),
        Level::WARN => tracing::warn!(target: COUNTS, count, of, "lines left out"),
        Level::INFO => tracing::info!(target: COUNTS, count, of, "lines left out"),
        Level::DEBUG => tracing::debug!(target: COUNTS, count, of, "lines left out"),
        Level::TRACE => tracing::trace!(target: COUNTS, count, of, "lines left out"),
    }
}

/// Formats the lines that are admitted.
struct Limited {
    format: Format,
    limits: Arc<LineLimits>,
}

impl<S, N> FormatEvent<S, N> for Limited
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        if metadata.target() != COUNTS {
            let mut text = Text::default();
            event.record(&mut text);
            let (callsite, level) = (metadata.callsite(), *metadata.level());
            if !self.limits.admits(&callsite, level, text.0, Instant::now()) {
                return Ok(());
            }
        }
        self.format.format_event(context, writer, event)
    }
}

/// What an event says, without its time.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;

        let space = if self.0.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{space}{value:?}"),
            name => write!(self.0, "{space}{name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callsite() -> Identifier {
        struct Nowhere;
        impl tracing::callsite::Callsite for Nowhere {
            fn set_interest(&self, _: tracing::subscriber::Interest) {}
            fn metadata(&self) -> &tracing::Metadata<'_> {
                unreachable!("nobody asks")
            }
        }
        static NOWHERE: Nowhere = Nowhere;
        Identifier(&NOWHERE)
    }

    #[test]
    fn a_few_lines_of_a_kind_are_written_and_the_rest_is_counted() {
        let limits = LineLimits::default();
        let start = Instant::now();
        let admitted = |text: &str, now| limits.admits(&callsite(), Level::WARN, text.into(), now);
        assert_eq!((0..1000).filter(|_| admitted("a", start)).count(), 10);
        assert!(admitted("b", start), "another kind is not left out");
        assert!(limits.take_over(start + PERIOD / 2).is_empty());
        let mut over = limits.take_over(start + PERIOD);
        over.sort_by(|a, b| a.text.cmp(&b.text));
        let wanted: Vec<_> = over.iter().map(|kind| (kind.text.as_str(), kind.wanted)).collect();
        assert_eq!(wanted, [("a", 1000), ("b", 1)]);
        assert!(admitted("a", start + PERIOD), "a new period");
    }

    #[test]
    fn any_number_of_kinds_takes_a_bounded_number_of_lines() {
        let limits = LineLimits::default();
        let now = Instant::now();
        let admitted = |kind: u32| limits.admits(&callsite(), Level::WARN, kind.to_string(), now);
        let lines = (0..100_000).filter(|kind| admitted(*kind)).count();
        assert_eq!(lines, KINDS_MAX + 10);
        assert_eq!(limits.kinds.lock().len(), KINDS_MAX + 1);
        let wanted: u64 = limits.take_over(now + PERIOD).iter().map(|kind| kind.wanted).sum();
        assert_eq!(wanted, 100_000, "none is forgotten");
    }
}
