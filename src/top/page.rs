//! A page: what stands where, for as many rows and columns as there are.
//!
//! From top to bottom: a title, the tabs where there are several, the lines of the head, the rates,
//! the lists, and what the keys do. A small terminal has the rates as lines, leaves out the lines
//! that matter least, and shows one list at a time.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding, Paragraph, Widget, Wrap};

use super::head::{HeadOf, LineRank, RankedLine};
use super::rates::{Direction, directions, draw_rates};
use super::rows::ListKind;
use super::tables::{FRAME_ROWS, draw_list};
use super::theme::verdict_sign;
use super::view::{Input, Tab, View};
use crate::report::{ClusterRun, RunCommand};
use crate::verdict::Verdict;
use crate::watch::{duration, grouped, plain};

/// Where less is, there is a sentence.
const COLUMNS_MIN: u16 = 30;
const ROWS_MIN: u16 = 6;
/// From so many rows on the rates have boxes.
const ROWS_TALL: u16 = 20;
/// How many rows the lists have at the least, where the head has more lines than fit.
const LIST_ROWS_TALL: u16 = 7;
const LIST_ROWS_SHORT: u16 = 4;
/// From so many rows on all lists are seen at once.
const ROWS_OF_LISTS: u16 = 16;
/// How many rows of a list the text of `--once` has.
const TEXT_ROWS_MAX: usize = 20;

/// Draws the page that is chosen.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, view: &mut View) {
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        too_small(view).render(area, buffer);
        return;
    }
    let is_tall = area.height >= ROWS_TALL;
    let directions = shown_directions(view);
    let rates_rows = match area.height {
        _ if !is_tall || directions.is_empty() => 0,
        0..30 => 4,
        30..45 => 6,
        _ => 8,
    };
    let mut lines = head(view, area.width);
    if !is_tall {
        add_rates(&mut lines, &directions, view, area.width);
    }
    let has_lists = !view.lists().is_empty();
    let list_rows = match area.height {
        _ if !has_lists => 0,
        ROWS_TALL.. => LIST_ROWS_TALL,
        9.. => LIST_ROWS_SHORT,
        _ => 0,
    };
    let tabs_rows = u16::from(view.tabs().len() > 1);
    let rest = area.height.saturating_sub(2 + tabs_rows + rates_rows + list_rows);
    let lines = most_important(lines, rest.into());
    let [title, tabs, head, rates, lists, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(tabs_rows),
        Constraint::Length(u16::try_from(lines.len()).unwrap_or(rest)),
        Constraint::Length(rates_rows),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_title(title, buffer, view);
    draw_tabs(tabs, buffer, view);
    Paragraph::new(lines).render(head, buffer);
    if rates_rows > 0 {
        draw_rates(buffer, rates, &directions, view.colours);
    }
    if list_rows > 0 {
        draw_lists(lists, buffer, view);
    }
    footer_line(view).render(footer, buffer);
    if view.input == Input::Help {
        draw_help(area, buffer, view);
    }
}

/// The page of a tab as text, as wide as that and as high as it is.
pub(super) fn text(view: &mut View, tab: Tab, columns: u16) -> String {
    view.show(tab);
    let mut lines = head(view, columns);
    let directions = shown_directions(view);
    add_rates(&mut lines, &directions, view, columns);
    let lines: Vec<Line<'_>> = lines.into_iter().map(|(_, line)| line).collect();
    let lists: Vec<(ListKind, u16)> = view
        .lists()
        .into_iter()
        .map(|list| (list, view.rows(list).min(TEXT_ROWS_MAX)))
        .filter(|(_, rows)| *rows > 0)
        .map(|(list, rows)| (list, FRAME_ROWS + u16::try_from(rows).unwrap_or_default()))
        .collect();
    let head_rows = u16::try_from(lines.len()).unwrap_or_default();
    let all = 1 + head_rows + lists.iter().map(|(_, rows)| rows).sum::<u16>();
    let area = Rect::new(0, 0, columns, all);
    let mut buffer = Buffer::empty(area);
    draw_title(Rect { height: 1, ..area }, &mut buffer, view);
    Paragraph::new(lines).render(Rect { y: 1, height: head_rows, ..area }, &mut buffer);
    let mut y = 1 + head_rows;
    for (list, height) in lists {
        draw_list(&mut buffer, Rect { y, height, ..area }, view, (list, &[list]));
        y += height;
    }
    rows_of(&buffer)
}

/// The signs of a buffer, without the spaces at the ends of its rows.
pub(super) fn rows_of(buffer: &Buffer) -> String {
    let area = buffer.area();
    let mut text = String::new();
    for y in area.rows().map(|row| row.y) {
        let mut row = String::new();
        let mut x = area.left();
        while x < area.right() {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            // A wide sign covers the cells behind it.
            x += u16::try_from(Span::raw(symbol).width()).unwrap_or(1).max(1);
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn head(view: &View, columns: u16) -> Vec<RankedLine> {
    let Some((target, run)) = view.at(view.tab()) else { return Vec::new() };
    HeadOf { target, run, columns: columns.into(), colours: view.colours }.lines()
}

fn shown_directions(view: &View) -> Vec<Direction> {
    let Some((target, Some(run))) = view.at(view.tab()) else { return Vec::new() };
    let history = target.watched().and_then(|watched| watched.history(run.command));
    directions(run, history, view.colours)
}

/// The rates as lines, behind the most important ones.
fn add_rates(lines: &mut Vec<RankedLine>, directions: &[Direction], view: &View, columns: u16) {
    let rates = directions
        .iter()
        .map(|direction| (LineRank::Rates, direction.line(columns.into(), view.colours)));
    lines.extend(rates);
}

/// As many lines as there is room for, in their order.
fn most_important(lines: Vec<RankedLine>, room: usize) -> Vec<Line<'static>> {
    let mut ranks: Vec<(LineRank, usize)> =
        lines.iter().enumerate().map(|(at, (rank, _))| (*rank, at)).collect();
    ranks.sort_unstable();
    ranks.truncate(room);
    let is_kept = |at: usize| ranks.iter().any(|(_, kept)| *kept == at);
    let lines = lines.into_iter().enumerate();
    lines.filter(|(at, _)| is_kept(*at)).map(|(_, (_, line))| line).collect()
}

fn draw_title(area: Rect, buffer: &mut Buffer, view: &View) {
    let style = view.colours.title();
    buffer.set_style(area, style);
    let Some((target, run)) = view.at(view.tab()) else { return };
    let right = Line::styled(run.map_or_else(String::new, about), style).right_aligned();
    let room = usize::from(area.width).saturating_sub(right.width());
    let left = format!(" seedfs top  {} ", target.name);
    if Span::raw(&left).width() <= room {
        right.render(area, buffer);
    }
    Line::styled(left, style).render(area, buffer);
}

/// What a run is, for the title.
fn about(run: &ClusterRun) -> String {
    let mut said = vec![run.command.name().to_owned()];
    match run.nodes.as_slice() {
        [only] if run.node_count <= 1 => {
            let host = plain(&only.report.run.host).into_owned();
            said.extend(Some(host).filter(|host| !host.is_empty()));
            let up = if run.command == RunCommand::Mount { "up " } else { "" };
            said.push(format!("{up}{}", duration(only.report.elapsed_s)));
        }
        nodes => {
            said.push(format!("{} nodes", grouped(run.node_count.into())));
            let longest = nodes.iter().map(|node| node.report.elapsed_s).fold(0.0, f64::max);
            said.push(duration(longest));
        }
    }
    format!("{} ", said.join(" · "))
}

/// The tabs, from one on from which the chosen one can be seen.
fn draw_tabs(area: Rect, buffer: &mut Buffer, view: &View) {
    if area.height == 0 {
        return;
    }
    let tabs = view.tabs();
    let chosen = tabs.iter().position(|tab| *tab == view.tab()).unwrap_or_default();
    let spans: Vec<Span<'_>> = tabs.iter().map(|tab| tab_span(view, *tab)).collect();
    let width = |from: usize| spans[from..=chosen].iter().map(|span| span.width() + 1).sum();
    let from = (0..chosen).find(|from| {
        let taken: usize = width(*from);
        taken <= area.width.into()
    });
    let mut line = Line::default();
    for span in spans.into_iter().skip(from.unwrap_or(chosen)) {
        line.push_span(span);
        line.push_span(Span::raw(" "));
    }
    line.render(area, buffer);
}

fn tab_span(view: &View, tab: Tab) -> Span<'static> {
    let colours = view.colours;
    let Some((target, run)) = view.at(tab) else { return Span::default() };
    let command = tab.command.filter(|command| *command != RunCommand::Mount);
    let command = command.map_or_else(String::new, |command| format!(" {}", command.name()));
    let is_silent = target.look.silent_s.is_some();
    let is_absent = target.watched().is_some_and(|watched| watched.absent.is_some());
    let verdict = run.and_then(ClusterRun::verdict);
    let sign = match verdict {
        _ if is_silent || is_absent => "!",
        Some(verdict) => verdict_sign(verdict),
        None => "▶",
    };
    let style = match verdict {
        _ if tab == view.tab() => colours.title(),
        _ if is_silent || is_absent => colours.trouble(),
        Some(Verdict::Mismatch) => colours.trouble(),
        _ => colours.normal(),
    };
    Span::styled(format!(" {sign} {}{command} ", target.name), style)
}

/// All lists where there is room for them; else the one that the keys move in.
fn draw_lists(area: Rect, buffer: &mut Buffer, view: &mut View) {
    let Some(focus) = view.focus() else { return };
    let lists = view.lists();
    if area.height < ROWS_OF_LISTS || lists.len() < 2 {
        draw_list(buffer, area, view, (focus, &lists));
        return;
    }
    let wanted: Vec<u16> = lists
        .iter()
        .map(|list| u16::try_from(view.rows(*list)).unwrap_or(u16::MAX).max(1))
        .map(|rows| rows.saturating_add(FRAME_ROWS))
        .collect();
    let share = area.height / u16::try_from(lists.len()).unwrap_or(1);
    let last_focus = lists.iter().position(|list| *list == focus);
    let places = Layout::vertical(wanted.iter().enumerate().map(|(at, wanted)| {
        if Some(at) == last_focus {
            Constraint::Fill(1)
        } else {
            Constraint::Length((*wanted).min(share))
        }
    }))
    .split(area);
    for (list, place) in lists.into_iter().zip(places.iter()) {
        draw_list(buffer, *place, view, (list, &[list]));
    }
}

fn footer_line(view: &View) -> Line<'static> {
    let colours = view.colours;
    if let Input::Search(typed) = &view.input {
        let nothing = if view.finds_nothing() { "   found nowhere" } else { "" };
        return Line::from(vec![
            Span::styled(format!(" /{}", plain(typed)), colours.strong()),
            Span::styled("▏", colours.label()),
            Span::styled(nothing, colours.warning()),
        ]);
    }
    let mut keys = vec![("q", "quit"), ("?", "help")];
    let lists = view.lists();
    if !lists.is_empty() {
        keys.push(("↑↓", "move"));
    }
    if lists.len() > 1 {
        keys.push(("←→", "list"));
    }
    if !lists.is_empty() {
        keys.push(("/", "search"));
    }
    if lists.contains(&ListKind::Nodes) {
        keys.push(("s", "sort"));
    }
    if view.tabs().len() > 1 {
        keys.push(("Tab", "next"));
    }
    let mut line = Line::default();
    for (key, does) in keys {
        line.push_span(Span::styled(format!(" {key}"), colours.strong()));
        line.push_span(Span::styled(format!(" {does} "), colours.dim()));
    }
    line
}

/// What each key does.
const HELP: [(&str, &str); 13] = [
    ("q  F10", "quit; also Ctrl-C"),
    ("↑ ↓  k j", "one row up, down"),
    ("PgUp PgDn", "one page up, down"),
    ("Home End", "the first row, the last"),
    ("← →", "the list before, the next"),
    ("Tab", "the next target or run; Shift-Tab: the one before"),
    ("/  F3", "search in the list; Enter keeps, Esc ends"),
    ("n N", "the next row that was searched for, the one before"),
    ("s  F6", "sort the nodes by the next column"),
    ("S", "the other way round"),
    ("Ctrl-Z", "suspend; fg brings it back"),
    ("?  F1", "this help"),
    ("", "Any key closes it."),
];

fn draw_help(area: Rect, buffer: &mut Buffer, view: &View) {
    let colours = view.colours;
    let lines: Vec<Line<'_>> = HELP
        .iter()
        .map(|(keys, does)| {
            Line::from(vec![
                Span::styled(format!("{keys:<11}"), colours.strong()),
                Span::raw(*does),
            ])
        })
        .collect();
    let width = lines.iter().map(Line::width).max().unwrap_or_default() + 4;
    let width = u16::try_from(width).unwrap_or(area.width).min(area.width);
    let height = u16::try_from(lines.len() + 2).unwrap_or(area.height).min(area.height);
    let place = area.centered(Constraint::Length(width), Constraint::Length(height));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(colours.border(true))
        .padding(Padding::horizontal(1))
        .title_top(Line::styled(" seedfs top: the keys ", colours.label()));
    Clear.render(place, buffer);
    Paragraph::new(lines).block(block).render(place, buffer);
}

/// What a terminal that is too small for a page says.
fn too_small(view: &View) -> Paragraph<'static> {
    let said = match view.run() {
        Some(run) => {
            let verdict = run.verdict().map_or("", Verdict::name);
            format!("{} {verdict} {:.0} %", run.command.name(), run.percent_complete.floor())
        }
        None => "no answer yet".to_owned(),
    };
    Paragraph::new(format!("{said}. seedfs top needs {COLUMNS_MIN}×{ROWS_MIN}; q quits."))
        .wrap(Wrap { trim: true })
}
