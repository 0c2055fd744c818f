//! Rates of reads and writes: as sparklines over the last minutes, and in figures.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Sparkline, Widget};

use super::head::label;
use super::theme::Colours;
use crate::report::{ClusterRun, RunCommand};
use crate::watch::{History, NodeCounters, counted, events, throughput};

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
    colours: Colours,
) -> Vec<Direction> {
    let of = |counter: fn(&NodeCounters) -> f64| {
        let samples = history.into_iter().flat_map(History::samples);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "drawn")]
        samples.map(|sample| counter(&sample.per_s) as u64).collect::<Vec<u64>>()
    };
    let latest = history.and_then(|history| history.samples().next_back());
    let read = |counters: &NodeCounters| counters.read_bytes;
    let written = |counters: &NodeCounters| counters.written_bytes;
    let last_second = run.rates.last_second;
    let average = format!("{} on average", throughput(run.rates.bytes_per_s));
    match run.command {
        RunCommand::Mount => {
            let mut reads = (0_u64, 0_u64, 0_u64);
            let mut writes = (0_u64, 0_u64, 0_u64);
            for operations in run.nodes.iter().filter_map(|node| node.report.operations) {
                for (sum, meter) in
                    [(&mut reads, operations.reads), (&mut writes, operations.writes)]
                {
                    sum.0 = sum.0.saturating_add(meter.operations);
                    sum.1 = sum.1.saturating_add(meter.bytes);
                    sum.2 = sum.2.saturating_add(meter.bytes_per_s);
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let figures = |rate: Option<(f64, f64)>, of_late: u64| match rate {
                Some((bytes, operations)) => {
                    format!("{}  {}", throughput(bytes), events(operations, "ops"))
                }
                // Until there were two looks, what the mount says of its last seconds.
                None => throughput(of_late as f64),
            };
            let in_all = |(operations, bytes, _): (u64, u64, u64)| {
                format!("{} in {}", size(bytes.into()), counted(operations, "op"))
            };
            let rate_of = |counters: fn(&NodeCounters) -> (f64, f64)| {
                latest.map(|sample| counters(&sample.per_s))
            };
            let reading = rate_of(|counters| (counters.read_bytes, counters.reads));
            let writing = rate_of(|counters| (counters.written_bytes, counters.writes));
            vec![
                Direction {
                    name: "reads",
                    style: colours.reads(),
                    figures: figures(reading, reads.2),
                    in_all: in_all(reads),
                    bytes_per_s: of(read),
                },
                Direction {
                    name: "writes",
                    style: colours.writes(),
                    figures: figures(writing, writes.2),
                    in_all: in_all(writes),
                    bytes_per_s: of(written),
                },
            ]
        }
        RunCommand::Write => vec![Direction {
            name: "writes",
            style: colours.writes(),
            figures: throughput(last_second.bytes_per_s),
            in_all: average,
            bytes_per_s: of(written),
        }],
        RunCommand::Verify => vec![Direction {
            name: "reads",
            style: colours.reads(),
            figures: throughput(last_second.bytes_per_s),
            in_all: average,
            bytes_per_s: of(read),
        }],
    }
}

impl Direction {
    /// As a line with its label, for small terminals and for text.
    pub(super) fn line(&self, columns: usize, colours: Colours) -> Line<'static> {
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

    fn draw(&self, buffer: &mut Buffer, area: Rect, colours: Colours) {
        let peak = self.bytes_per_s.iter().copied().max().unwrap_or_default();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let peak_said = format!(" peak {} ", throughput(peak as f64));
        let title = vec![
            Span::styled(format!(" {} ", self.name), colours.label()),
            Span::styled(format!("{} ", self.figures), colours.strong()),
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
    colours: Colours,
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
