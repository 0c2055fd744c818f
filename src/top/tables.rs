//! The lists of a page: nodes, wrong ranges, threads. Only the rows that are seen are made.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{
    Block, BorderType, Cell, Padding, Paragraph, Row, Scrollbar, ScrollbarOrientation,
    ScrollbarState, StatefulWidget, Table, Widget,
};

use super::bar::size;
use super::rows::{ListKind, NodeColumn, origin, range_at};
use super::theme::{Palette, verdict_sign};
use super::view::View;
use crate::report::{ClusterNode, ClusterRun, NodeRange};
use crate::watch::{grouped, plain};

/// How many rows are no rows of the list: the borders and the titles of the columns.
pub(super) const FRAME_ROWS: u16 = 3;

/// Draws a list. Its title names it, and those that have the same place.
pub(super) fn draw_list(
    buffer: &mut Buffer,
    area: Rect,
    view: &mut View,
    (list, in_place): (ListKind, &[ListKind]),
) {
    let visible = usize::from(area.height.saturating_sub(FRAME_ROWS));
    let position = view.fit(list, visible);
    let rows = view.rows(list);
    let has_focus = view.focus() == Some(list);
    let colours = view.colours;
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(colours.border(has_focus))
        .padding(Padding::horizontal(1))
        .title_top(title(view, list, in_place));
    let inner = block.inner(area);
    if rows == 0 {
        let said = Line::styled(nothing(list), colours.dim());
        Paragraph::new(said).block(block).render(area, buffer);
        return;
    }
    let seen = position.offset..rows.min(position.offset + visible);
    let selected = has_focus.then_some(position.selected);
    let table = match list {
        ListKind::Nodes => nodes(view, seen, inner.width),
        ListKind::Ranges => ranges(view, seen, inner.width),
        ListKind::Threads => Some(threads(view, seen)),
    };
    let Some((titles, widths, drawn)) = table else { return };
    let drawn = drawn.into_iter().enumerate().map(|(at, row)| {
        let is_selected = selected == Some(position.offset + at);
        if is_selected { row.style(colours.selected()) } else { row }
    });
    let header = Row::new(titles).style(colours.label());
    Widget::render(Table::new(drawn, widths).header(header).block(block), area, buffer);
    if rows > visible && area.height > 2 {
        let mut state = ScrollbarState::new(rows.saturating_sub(visible) + 1)
            .position(position.offset)
            .viewport_content_length(visible);
        let bar = Scrollbar::new(ScrollbarOrientation::VerticalRight)
            .begin_symbol(None)
            .end_symbol(None)
            .track_symbol(Some("│"))
            .thumb_symbol("┃");
        let place = Rect { y: area.y + 1, height: area.height - 2, ..area };
        bar.render(place, buffer, &mut state);
    }
}

fn nothing(list: ListKind) -> &'static str {
    match list {
        ListKind::Nodes => "No node has reported.",
        ListKind::Ranges => "Nothing wrong has been seen.",
        ListKind::Threads => "This node has no threads to show.",
    }
}

/// The names of the lists in a place, that of the one that is seen so that one knows.
fn title(view: &View, list: ListKind, in_place: &[ListKind]) -> Line<'static> {
    let colours = view.colours;
    let mut line = Line::default();
    for other in in_place.iter().copied() {
        let count = match (other, view.run()) {
            (ListKind::Ranges, Some(run)) => grouped(run.wrong.total),
            _ => grouped(view.rows(other) as u64),
        };
        let name = match other {
            ListKind::Nodes => format!(" Nodes ({count}) "),
            ListKind::Ranges => format!(" Wrong ranges ({count}) "),
            ListKind::Threads => match view.selected_node() {
                Some(node) if view.lists().contains(&ListKind::Nodes) => {
                    format!(" Threads of node {} ({count}) ", node.report.run.node_id)
                }
                _ => format!(" Threads ({count}) "),
            },
        };
        let style = match (other == list, view.focus() == Some(list)) {
            (true, true) => colours.title(),
            (true, false) => colours.strong(),
            (false, _) => colours.dim(),
        };
        if line.width() > 0 {
            line.push_span(Span::raw("─"));
        }
        line.push_span(Span::styled(name, style));
    }
    line
}

type Drawn = (Vec<Cell<'static>>, Vec<Constraint>, Vec<Row<'static>>);

/// The columns of nodes, with their widths and how much each matters, the most being 0.
const NODE_COLUMNS: [(NodeColumn, u16, u8); 9] = [
    (NodeColumn::Node, 5, 0),
    (NodeColumn::Host, 12, 4),
    (NodeColumn::State, 8, 0),
    (NodeColumn::Done, 8, 1),
    (NodeColumn::Rate, 10, 2),
    (NodeColumn::Files, 15, 7),
    (NodeColumn::Verdict, 12, 3),
    (NodeColumn::Age, 11, 6),
    (NodeColumn::Note, 16, 5),
];

/// The columns that there is room for.
fn fitting(run: &ClusterRun, columns: u16) -> Vec<(NodeColumn, u16)> {
    let says = |column: NodeColumn| column != NodeColumn::Verdict || run.judged.is_some();
    let mut by_rank: Vec<_> = NODE_COLUMNS.into_iter().filter(|(of, ..)| says(*of)).collect();
    by_rank.sort_by_key(|(.., rank)| *rank);
    let mut left = columns;
    let taken = by_rank.into_iter().map_while(|(column, width, _)| {
        left = left.checked_sub(width + 1)?;
        Some(column)
    });
    let taken: Vec<NodeColumn> = taken.collect();
    let all = NODE_COLUMNS.into_iter().map(|(column, width, _)| (column, width));
    all.filter(|(column, _)| taken.contains(column)).collect()
}

fn nodes(view: &View, seen: std::ops::Range<usize>, columns: u16) -> Option<Drawn> {
    let run = view.run()?;
    let page = view.page();
    let columns = fitting(run, columns);
    let titles = columns.iter().map(|(column, _)| {
        let sorted = match (*column == page.sort, page.is_reversed) {
            (true, false) => "▼",
            (true, true) => "▲",
            (false, _) => "",
        };
        aligned(*column, format!("{}{sorted}", column.title()), Style::new())
    });
    let widths = columns.iter().map(|(column, width)| match column {
        NodeColumn::Note => Constraint::Fill(1),
        _ => Constraint::Length(*width),
    });
    let row = |node: &ClusterNode| {
        Row::new(columns.iter().map(|(column, _)| node_cell(*column, node, view.colours)))
    };
    let rows = seen.filter_map(|at| view.node_at(at)).map(row).collect();
    Some((titles.collect(), widths.collect(), rows))
}

fn node_cell(column: NodeColumn, node: &ClusterNode, colours: Palette) -> Cell<'static> {
    let text = column.text(node);
    match (column, &node.report.judged) {
        (NodeColumn::State, _) => aligned(column, text, colours.node(node)),
        (NodeColumn::Verdict, Some(judged)) => {
            let sign = verdict_sign(judged.verdict);
            aligned(column, format!("{sign} {text}"), colours.verdict(judged.verdict))
        }
        (NodeColumn::Note, _) if node.stale || node.report.errors.total > 0 => {
            aligned(column, text, colours.warning())
        }
        _ => aligned(column, text, Style::new()),
    }
}

fn aligned(column: NodeColumn, text: String, style: Style) -> Cell<'static> {
    let text = Text::from(Line::styled(text, style));
    Cell::from(if column.is_numeric() { text.right_aligned() } else { text })
}

fn ranges(view: &View, seen: std::ops::Range<usize>, columns: u16) -> Option<Drawn> {
    let run = view.run()?;
    let colours = view.colours;
    let is_many = run.nodes.len() > 1;
    let has_origin = columns >= 70;
    let offset_columns = if columns < 100 { 11 } else { 18 };
    let mut widths = vec![
        Constraint::Fill(4),
        Constraint::Length(offset_columns),
        Constraint::Length(9),
        Constraint::Length(9),
    ];
    let mut titles = vec![
        Cell::from("PATH"),
        right("OFFSET".into()),
        right("LENGTH".into()),
        Cell::from("CLASS"),
    ];
    if columns < 50 {
        widths[1] = Constraint::Length(10);
        widths.remove(2);
        titles.remove(2);
    }
    if is_many {
        widths.insert(0, Constraint::Length(5));
        titles.insert(0, right("NODE".into()));
    }
    if has_origin {
        widths.push(Constraint::Fill(5));
        titles.push(Cell::from("FROM"));
    }
    // What the path may take: its share of what the other columns leave, and the spaces between.
    let others = offset_columns + 18 + 4 + if is_many { 6 } else { 0 };
    let rest = usize::from(columns.saturating_sub(others));
    let path_columns = if has_origin { rest * 4 / 9 } else { rest };
    let row = |found: &NodeRange| {
        let range = &found.range.range;
        let class = Span::styled(range.class.name(), colours.class(range.class));
        let mut cells = vec![
            Cell::from(tail(&plain(&found.range.path), path_columns.max(12))),
            right(grouped(range.offset)),
            right(size(range.length.into())),
            Cell::from(class),
        ];
        if columns < 50 {
            cells.remove(2);
        }
        if is_many {
            cells.insert(0, right(found.node.to_string()));
        }
        if has_origin {
            cells.push(Cell::from(origin(found)));
        }
        Row::new(cells)
    };
    let rows = seen.filter_map(|at| range_at(run, at)).map(row).collect();
    Some((titles, widths, rows))
}

fn threads(view: &View, seen: std::ops::Range<usize>) -> Drawn {
    let widths = vec![
        Constraint::Length(6),
        Constraint::Length(10),
        Constraint::Length(7),
        Constraint::Fill(1),
    ];
    let titles = vec![
        right("THREAD".into()),
        right("BYTES".into()),
        right("IDLE".into()),
        Cell::from("DOING"),
    ];
    let all = view.threads();
    let row = |at: usize| {
        let thread = all.get(at)?;
        let doing = match &thread.doing {
            Some(doing) => Span::raw(plain(doing).into_owned()),
            None => Span::styled("nothing", view.colours.dim()),
        };
        let idle = format!("{:.0} %", thread.idle_share * 100.0);
        let cells = [right(at.to_string()), right(size(thread.bytes.into())), right(idle)];
        Some(Row::new(cells.into_iter().chain([Cell::from(doing)])))
    };
    (titles, widths, seen.filter_map(row).collect())
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Text::from(text).right_aligned())
}

/// The end of a path that is too long: it says more than the beginning.
fn tail(text: &str, columns: usize) -> String {
    if Span::raw(text).width() <= columns {
        return text.to_owned();
    }
    let mut width = 1;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        width += Span::raw(c.encode_utf8(&mut [0; 4]) as &str).width();
        if width > columns {
            break;
        }
        from = at;
    }
    format!("…{}", &text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_shows_its_end() {
        assert_eq!(tail("node_0/process_1", 16), "node_0/process_1");
        assert_eq!(tail("node_0/process_1", 10), "…process_1");
        assert_eq!(tail("ab文字", 4), "…字");
        assert_eq!(tail("abc", 0), "…");
    }
}
