//! Rates of reads and writes: as sparklines over the last minutes, and in figures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Sparkline, Widget};

use super::head::label;
use super::theme::Palette;
use crate::report::{ClusterRun, MeterView, RunCommand};
use crate::watch::{History, NodeCounters, counted, events, latency, throughput};

use super::bar::size;

/// One direction of a run: what it is called, and its rates.
#[derive(Clone, Debug)]
pub(super) struct Direction {
    name: &'static str,
    style: Style,
    /// Now.
    figures: String,
    /// Since the beginning.
    in_all: String,
    /// Over the last minutes, the oldest first.
    bytes_per_s: Vec<u64>,
}

/// The directions that a run has: a mount is read and written, `verify` reads, `write` writes.
pub(super) fn directions(
    run: &ClusterRun,
    history: Option<&History>,
    colours: Palette,
) -> Vec<Direction> {
    let read: CountersOf = |now| (now.read_bytes, now.reads, now.read_s());
    let written: CountersOf = |now| (now.written_bytes, now.writes, now.write_s());
    let ways = match run.command {
        RunCommand::Mount => vec![Way::Reads, Way::Writes],
        RunCommand::Write => vec![Way::Writes],
        RunCommand::Verify => vec![Way::Reads],
    };
    ways.into_iter()
        .map(|way| {
            let (name, style, counter) = match way {
                Way::Reads => ("reads", colours.reads(), read),
                Way::Writes => ("writes", colours.writes(), written),
            };
            let (figures, in_all) = match run.command {
                RunCommand::Mount => of_mount(run, history, way, counter),
                _ => (
                    throughput(run.rates.last_second.bytes_per_s),
                    format!("{} on average", throughput(run.rates.bytes_per_s)),
                ),
            };
            let samples = history.into_iter().flat_map(History::samples);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "drawn")]
            let bytes_per_s = samples.map(|sample| counter(&sample.per_s).0 as u64).collect();
            Direction { name, style, figures, in_all, bytes_per_s }
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Way {
    Reads,
    Writes,
}

/// Bytes, operations, and how long one takes.
type CountersOf = fn(&NodeCounters) -> (f64, f64, Option<f64>);

/// What a mount does now, and what it has done since the beginning.
fn of_mount(
    run: &ClusterRun,
    history: Option<&History>,
    way: Way,
    counter: CountersOf,
) -> (String, String) {
    let meters = run.nodes.iter().filter_map(|node| {
        node.report.operations.map(|operations| match way {
            Way::Reads => operations.reads,
            Way::Writes => operations.writes,
        })
    });
    let sum = meters.fold(MeterView::default(), |sum, meter| MeterView {
        operations: sum.operations.saturating_add(meter.operations),
        bytes: sum.bytes.saturating_add(meter.bytes),
        bytes_per_s: sum.bytes_per_s.saturating_add(meter.bytes_per_s),
    });
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let figures = match history.and_then(|history| history.samples().next_back()) {
        Some(latest) => {
            let (bytes, operations, took_s) = counter(&latest.per_s);
            let took = took_s.map_or_else(String::new, |took_s| format!("  {}", latency(took_s)));
            format!("{}  {}{took}", throughput(bytes), events(operations, "ops"))
        }
        // Until there were two looks, what the mount says of its last seconds.
        None => throughput(sum.bytes_per_s as f64),
    };
    (figures, format!("{} in {}", size(sum.bytes.into()), counted(sum.operations, "op")))
}

impl Direction {
    /// As a line with its label, for small terminals and for text.
    pub(super) fn line(&self, columns: usize, colours: Palette) -> Line<'static> {
        let said = format!("{:<22} {}", self.figures, self.in_all);
        let name = label(self.name, colours);
        let room = columns.saturating_sub(name.width() + said.chars().count() + 2).min(40);
        let mut line = Line::from(name);
        // A line of a few columns says nothing.
        if room >= 8 && self.bytes_per_s.iter().any(|rate| *rate > 0) {
            line.push_span(Span::styled(spark(&self.bytes_per_s, room), self.style));
            line.push_span(Span::raw(" "));
        }
        line.push_span(Span::raw(said));
        line
    }

    fn draw(&self, buffer: &mut Buffer, area: Rect, colours: Palette) {
        let peak = self.bytes_per_s.iter().copied().max().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let peak_said = format!(" peak {} ", throughput(peak as f64));
        let title = vec![
            Span::styled(format!(" {} ", self.name), colours.label()),
            // Not in the colour of the border.
            Span::styled(format!("{} ", self.figures), colours.strong().fg(Color::Reset)),
        ];
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(colours.dim())
            .title_top(Line::from(title))
            .title_bottom(Line::styled(format!(" {} ", self.in_all), colours.dim()))
            .title_bottom(Line::styled(peak_said, colours.dim()).right_aligned());
        let columns = usize::from(block.inner(area).width);
        // The latest stands at the right, where one looks for it.
        let latest = self.bytes_per_s.iter().copied().rev().take(columns);
        let mut data: Vec<u64> = latest.collect();
        data.resize(columns, 0);
        data.reverse();
        let sparkline =
            Sparkline::default().data(data).max(peak.max(1)).style(self.style).block(block);
        sparkline.render(area, buffer);
    }
}

/// Draws the directions beside each other.
pub(super) fn draw_rates(
    buffer: &mut Buffer,
    area: Rect,
    directions: &[Direction],
    colours: Palette,
) {
    let places = Layout::horizontal(directions.iter().map(|_| Constraint::Fill(1))).split(area);
    for (direction, place) in directions.iter().zip(places.iter()) {
        direction.draw(buffer, *place, colours);
    }
}

/// The latest rates, each as high as it was, in one line.
fn spark(rates: &[u64], columns: usize) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let rates = &rates[rates.len().saturating_sub(columns)..];
    let peak = rates.iter().copied().max().unwrap_or_default().max(1);
    let height = |rate: &u64| {
        let eighths = u128::from(*rate) * 7 / u128::from(peak);
        HEIGHTS[usize::try_from(eighths).unwrap_or_default().min(7)]
    };
    let drawn: String = rates.iter().map(height).collect();
    format!("{drawn:>columns$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spark_is_as_high_as_its_rate_and_the_latest_is_at_the_right() {
        assert_eq!(spark(&[0, 50, 100], 5), "  ▁▄█");
        assert_eq!(spark(&[9, 9, 0, 7, 7, 7], 4), "▁███");
        assert_eq!(spark(&[], 3), "   ");
        assert_eq!(spark(&[u64::MAX, 0], 2), "█▁");
    }
}
