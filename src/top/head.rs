//! The lines at the top of a page: verdict, progress, bytes by state, files, nodes, errors.
//!
//! Each line knows how much it matters, so that a small terminal shows those that matter most.

use ratatui::text::{Line, Span};

use super::bar::{byte_bar, progress_bar, shown_percent, size};
use super::theme::{BarPart, Palette, verdict_sign};
use super::view::SeenTarget;
use crate::report::{
    ByteTotals, Cluster, ClusterRun, FileTally, Judged, NodeStates, Phase, RunCommand, RunReport,
};
use crate::verdict::{Class, Verdict};
use crate::watch::{counted, duration, events, grouped, plain, throughput};

/// How much a line matters, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LineRank {
    Vital,
    Main,
    Rates,
    More,
    Rest,
}

pub(super) type RankedLine = (LineRank, Line<'static>);

/// How wide the labels are.
const LABEL_COLUMNS: usize = 10;

/// What the lines are made of.
#[derive(Clone, Copy)]
pub(super) struct HeadOf<'a> {
    pub(super) target: &'a SeenTarget,
    pub(super) run: Option<&'a ClusterRun>,
    pub(super) columns: usize,
    pub(super) colours: Palette,
}

/// A label, in its width.
pub(super) fn label(text: &str, colours: Palette) -> Span<'static> {
    Span::styled(format!(" {text:<width$}", width = LABEL_COLUMNS - 1), colours.label())
}

impl HeadOf<'_> {
    /// All lines, in their order.
    pub(super) fn lines(&self) -> Vec<RankedLine> {
        let mut lines = Vec::new();
        lines.extend(self.absence().map(|line| (LineRank::Vital, line)));
        if let Some(run) = self.run {
            lines.push((LineRank::Vital, self.verdict(run)));
            if run.command != RunCommand::Mount {
                lines.push((LineRank::Main, self.progress(run)));
            }
            if let Some(judged) = &run.judged {
                self.judged(judged, &mut lines);
            }
            lines.push((LineRank::More, self.files(run)));
            lines.extend(self.nodes(run).map(|line| (LineRank::More, line)));
            lines.extend(self.errors(run).map(|line| (LineRank::Main, line)));
            if let [only] = run.nodes.as_slice() {
                lines.extend(self.held(&only.report).map(|line| (LineRank::Rest, line)));
                lines.extend(self.identity(&only.report).map(|line| (LineRank::Rest, line)));
            }
        }
        if let Some(watched) = self.target.watched() {
            self.strangers(&watched.cluster, &mut lines);
        }
        lines
    }

    fn line(&self, name: &str, spans: impl IntoIterator<Item = Span<'static>>) -> Line<'static> {
        let mut line = Line::from(label(name, self.colours));
        line.extend(spans);
        line
    }

    /// That there is no answer, and since when.
    fn absence(&self) -> Option<Line<'static>> {
        let look = &self.target.look;
        let style = self.colours.trouble();
        let said = match (look.silent_s, self.target.watched()) {
            (Some(silent), seen) => {
                let last = if seen.is_some() { ": what was seen before is shown" } else { "" };
                format!(" ! no answer for {}{last}", duration(silent))
            }
            (None, None) => return Some(Line::from(" Waiting for the first answer …")),
            (None, Some(watched)) => {
                let why = plain(watched.absent.as_ref()?).into_owned();
                let shown = self.run.map_or("", |_| ": what was seen before is shown");
                format!(" ! {why}{shown}")
            }
        };
        Some(Line::styled(said, style))
    }

    fn verdict(&self, run: &ClusterRun) -> Line<'static> {
        let mut line = match run.verdict() {
            Some(verdict) => Line::styled(
                format!(" {} {}", verdict_sign(verdict), verdict.name()),
                self.colours.verdict(verdict),
            ),
            None if run.node_states.failed > 0 => Line::styled(" ✗ failed", self.colours.trouble()),
            None if run.percent_complete >= 100.0 && run.node_states.working == 0 => {
                Line::styled(" ✓ written", self.colours.verdict(Verdict::Verified))
            }
            None => Line::styled(" ▶ writing", self.colours.strong()),
        };
        if run.command == RunCommand::Mount {
            return line;
        }
        let mut said = Vec::new();
        if run.node_states.working > 0 {
            let phase = run.nodes.iter().find(|node| node.works()).map(|node| node.report.phase);
            // What it writes it says already.
            said.extend(
                phase.filter(|phase| *phase != Phase::Writing).map(|p| p.name().to_owned()),
            );
            said.push(throughput(run.rates.last_second.bytes_per_s));
            said.push(events(run.rates.last_second.files_per_s, "files"));
            said.extend(run.remaining_s.map(|left| format!("{} left", duration(left))));
        } else {
            said.push(format!("{} on average", throughput(run.rates.bytes_per_s)));
            said.push(events(run.rates.files_per_s, "files"));
        }
        line.push_span(Span::raw(format!("   {}", said.join(" · "))));
        line
    }

    fn progress(&self, run: &ClusterRun) -> Line<'static> {
        let said = format!(
            " {:>5.1} %  {} of {}",
            shown_percent(run.percent_complete),
            size(run.bytes.done),
            size(run.bytes.total)
        );
        let room = self.columns.saturating_sub(LABEL_COLUMNS + said.chars().count() + 1);
        let mut spans = progress_bar(run.percent_complete, room, self.colours);
        spans.push(Span::raw(said));
        self.line("progress", spans)
    }

    fn judged(&self, judged: &Judged, lines: &mut Vec<RankedLine>) {
        let ByteTotals { expected, matched, wrong, extra } = judged.bytes;
        let missing = expected.saturating_sub(matched).saturating_sub(wrong);
        #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
        let percent = matched as f64 / (expected as f64).max(1.0) * 100.0;
        let about = if judged.estimated { "about " } else { "" };
        let percent = shown_percent(percent);
        let said = format!(" {percent:>5.1} % of {about}{}", size(expected));
        let room = self.columns.saturating_sub(LABEL_COLUMNS + said.chars().count() + 1);
        let mut spans = byte_bar(judged.bytes, room, self.colours);
        spans.push(Span::raw(said));
        lines.push((LineRank::Main, self.line("bytes", spans)));

        let mut spans = Vec::new();
        for (state, bytes) in [
            (BarPart::Matched, matched),
            (BarPart::Wrong, wrong),
            (BarPart::Missing, missing),
            (BarPart::Extra, extra),
        ] {
            let style = self.colours.bytes(state);
            // Bytes past the ends are rare, and no part of the whole.
            if state != BarPart::Extra || bytes > 0 {
                spans.push(Span::styled(format!("{} ", state.sign()), style));
                spans.push(Span::raw(format!("{} {}  ", size(bytes), state.name())));
            }
        }
        lines.push((LineRank::More, self.line("", spans)));

        if judged.classes.total() > 0 {
            lines.push((LineRank::More, self.classes(judged)));
        }
        if judged.unexpected > 0 {
            let said =
                format!("{} that the dataset does not have", counted(judged.unexpected, "name"));
            lines.push((LineRank::More, self.line("unknown", [Span::raw(said)])));
        }
    }

    fn classes(&self, judged: &Judged) -> Line<'static> {
        let seen = Class::ALL.into_iter().map(|class| (class, judged.classes.get(class)));
        let seen: Vec<_> = seen.filter(|(_, count)| *count > 0).collect();
        let mut spans = vec![Span::raw(format!("{}: ", counted(judged.classes.total(), "range")))];
        for (position, (class, count)) in seen.into_iter().enumerate() {
            spans.push(Span::raw(if position > 0 { " · " } else { "" }));
            let said = format!("{} {}", grouped(count), class.name());
            spans.push(Span::styled(said, self.colours.class(class)));
        }
        self.line("wrong", spans)
    }

    fn files(&self, run: &ClusterRun) -> Line<'static> {
        let mut spans = Vec::new();
        let mut say = |text: String, style| {
            let between = if spans.is_empty() { "" } else { " · " };
            spans.push(Span::raw(between));
            spans.push(Span::styled(text, style));
        };
        let normal = self.colours.normal();
        if let Some(Judged { files, .. }) = &run.judged {
            let FileTally { untouched, incomplete, verified, mismatch } = *files;
            for (verdict, count) in [
                (Verdict::Verified, verified),
                (Verdict::Mismatch, mismatch),
                (Verdict::Incomplete, incomplete),
                (Verdict::Untouched, untouched),
            ] {
                let style = if count > 0 { self.colours.verdict(verdict) } else { normal };
                say(format!("{} {}", grouped(count), verdict.name()), style);
            }
        } else {
            say(format!("{} of {}", grouped(run.files.done), grouped(run.files.total)), normal);
        }
        if run.files.failed > 0 {
            say(format!("{} failed", grouped(run.files.failed)), self.colours.trouble());
        }
        self.line("files", spans)
    }

    /// In which state the nodes are, where there is more than one.
    fn nodes(&self, run: &ClusterRun) -> Option<Line<'static>> {
        if run.node_count <= 1 && run.nodes.len() <= 1 {
            return None;
        }
        let NodeStates { working, done, failed, stale, missing } = run.node_states;
        let mut spans = vec![Span::raw(format!("{}: ", grouped(run.node_count.into())))];
        let states = [
            (working, "working", self.colours.normal()),
            (done, "done", self.colours.verdict(Verdict::Verified)),
            (failed, "failed", self.colours.trouble()),
            (stale, "stale", self.colours.warning()),
            (missing, "not heard of", self.colours.warning()),
        ];
        for (count, word, style) in states.into_iter().filter(|(count, ..)| *count > 0) {
            spans.push(Span::raw(if spans.len() > 1 { " · " } else { "" }));
            spans.push(Span::styled(format!("{} {word}", grouped(count)), style));
        }
        Some(self.line("nodes", spans))
    }

    fn errors(&self, run: &ClusterRun) -> Option<Line<'static>> {
        if run.errors.total == 0 {
            return None;
        }
        let first = run.errors.first.as_deref().map_or_else(String::new, |first| {
            let before = if run.errors.total > 1 { ", the first: " } else { ": " };
            format!("{before}{}", plain(first))
        });
        let said = format!("{}{first}", grouped(run.errors.total));
        Some(self.line("errors", [Span::styled(said, self.colours.trouble())]))
    }

    /// What a mount holds in memory, and which writes it has refused.
    fn held(&self, report: &RunReport) -> Option<Line<'static>> {
        let (kept, refused) = (report.kept?, report.operations?.refused);
        let mut said = vec![
            format!("{} of {} kept", size(kept.bytes.into()), size(kept.bytes_limit.into())),
            format!("{} of {} extents", grouped(kept.extents), grouped(kept.extents_limit)),
        ];
        said.extend(kept.stored_bytes.map(|stored| format!("{} stored", size(stored.into()))));
        let refused = [("rejected", refused.rejected), ("without room", refused.no_space)];
        let refused = refused.into_iter().filter(|(_, count)| *count > 0);
        said.extend(refused.map(|(why, count)| format!("{} {why}", counted(count, "write"))));
        Some(self.line("memory", [Span::raw(said.join(" · "))]))
    }

    /// Which run it is.
    fn identity(&self, report: &RunReport) -> Option<Line<'static>> {
        let run = &report.run;
        let mut said = Vec::new();
        said.extend(run.seed.as_ref().map(|seed| format!("seed {}", plain(seed))));
        said.extend((run.pid > 0).then(|| format!("pid {}", run.pid)));
        said.extend(run.job.as_ref().map(|job| format!("job {}", plain(job))));
        said.extend(run.dataset.as_ref().map(|digest| format!("dataset {}", plain(digest))));
        (!said.is_empty()).then(|| self.line("run", [Span::raw(said.join(" · "))]))
    }

    /// Reports that are not added up, and why.
    fn strangers(&self, cluster: &Cluster, lines: &mut Vec<RankedLine>) {
        if cluster.unreadable_total > 0 {
            let first = cluster.unreadable.first().map_or("", String::as_str);
            let said = match cluster.unreadable_total {
                1 => format!("a report cannot be read: {}", plain(first)),
                many => format!("{} reports cannot be read, as {}", grouped(many), plain(first)),
            };
            let said = Span::styled(said, self.colours.warning());
            lines.push((LineRank::Rest, self.line("unread", [said])));
        }
        if let Some(other) = cluster.other_runs.first() {
            let dataset = other.dataset.as_deref().unwrap_or("another dataset");
            let said = format!(
                "{} not added up, as a {} of {} nodes on {}",
                grouped(cluster.other_runs_total),
                other.command.name(),
                other.node_count,
                plain(dataset),
            );
            lines.push((LineRank::Rest, self.line("others", [Span::raw(said)])));
        }
    }
}
