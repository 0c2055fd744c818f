//! What is drawn, at several sizes, and what keys do to it.

use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::page;
use super::rows::ListKind;
use super::theme::Palette;
use super::view::{Asked, Input, SeenTarget, View};
use crate::report::{
    ByteTotals, BytesDone, ClassCounts, Cluster, FileRange, FileTally, FilesDone, Judged, KeptView,
    LastSecond, MeterView, Phase, RefusedView, RunCommand, RunErrors, RunIdentity, RunOperations,
    RunRates, RunReport, ThreadReport,
};
use crate::verdict::{Class, Verdict};
use crate::watch::{Look, Watched};

const NOW: f64 = 1000.0;

fn report(command: RunCommand, node_id: u32, node_count: u32) -> RunReport {
    let run = RunIdentity {
        node_id,
        node_count,
        host: format!("n{node_id:03}"),
        started: 900.0,
        ..RunIdentity::default()
    };
    RunReport {
        updated: NOW - 1.0,
        elapsed_s: 99.0,
        files: FilesDone { total: 100, done: 40, failed: 0 },
        bytes: BytesDone { total: 1 << 30, done: 400 << 20 },
        ..RunReport::begin(command, run, "/scratch/test".into())
    }
}

fn range(path: &str, offset: u64, class: &str) -> FileRange {
    let json = format!(
        r#"{{"path": "{path}", "offset": {offset}, "length": 4096, "class": "{class}",
        "expected": "00", "actual": "ff", "source": {{"path": "node_2/process_1", "generation": 0,
        "node": 2, "process": 1, "file": 0, "offset": 8192}}}}"#
    );
    serde_json::from_str(&json).unwrap()
}

fn mount() -> RunReport {
    let mut report = report(RunCommand::Mount, 0, 1);
    let classes = ClassCounts::of(|class| match class {
        Class::Misplaced => 2,
        Class::Foreign => 1,
        _ => 0,
    });
    report.judged = Some(Judged {
        verdict: Verdict::Mismatch,
        files: FileTally { untouched: 87, incomplete: 0, verified: 12, mismatch: 1 },
        bytes: ByteTotals { expected: 1 << 30, matched: 400 << 20, wrong: 4096, extra: 0 },
        estimated: false,
        classes,
        unexpected: 0,
    });
    let of = |operations, bytes, bytes_per_s| MeterView { operations, bytes, bytes_per_s };
    report.operations = Some(RunOperations {
        reads: of(12_345, 3 << 30, 1_230_000_000),
        writes: of(20, 1 << 20, 0),
        refused: RefusedView { rejected: 2, no_space: 1 },
        ..RunOperations::default()
    });
    report.kept =
        Some(KeptView { bytes: 1 << 20, bytes_limit: 1 << 30, extents: 7, ..KeptView::default() });
    report.wrong.total = 3;
    report.wrong.ranges = vec![
        range("node_0/process_0", 0, "misplaced"),
        range("node_0/process_1", 8192, "foreign"),
        range("node_0/process_2", 1 << 20, "misplaced"),
    ];
    report
}

fn cluster() -> Vec<RunReport> {
    let mut reports: Vec<RunReport> =
        (0..5).map(|node| report(RunCommand::Write, node, 6)).collect();
    for report in &mut reports {
        report.phase = Phase::Writing;
        report.remaining_s = Some(42.0);
        report.rates = RunRates {
            bytes_per_s: 1e9,
            files_per_s: 4.0,
            last_second: LastSecond { bytes_per_s: 1.5e9, files_per_s: 5.0 },
        };
        let thread = |file: u32| ThreadReport {
            doing: Some(format!("node_0/process_{file}")),
            bytes: 1 << 30,
            idle_share: 0.25,
            ..ThreadReport::default()
        };
        report.threads = (0..4).map(thread).collect();
    }
    reports[1].phase = Phase::Failed;
    reports[1].errors =
        RunErrors { total: 2, first: Some("node_1/process_7: No space left on device".into()) };
    reports[2].updated = NOW - 200.0;
    reports[4].phase = Phase::Done;
    reports[4].files.done = 100;
    reports
}

fn view_of(targets: Vec<(&str, Vec<RunReport>)>, colours: Palette) -> View {
    let seen = targets
        .iter()
        .map(|(name, _)| SeenTarget { name: (*name).to_owned(), look: Look::default() });
    let mut view = View::new(seen.collect(), colours);
    view.observe(targets.into_iter().map(|(_, reports)| look_at(reports)));
    view
}

fn look_at(reports: Vec<RunReport>) -> Look {
    for report in &reports {
        assert_eq!(report.contradiction(), None);
    }
    let cluster = Cluster::merge(reports, NOW);
    let watched = Watched::seen(NOW, cluster, None);
    Look { watched: Some(Arc::new(watched)), silent_s: None }
}

fn screen(view: &mut View, (columns, rows): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| page::draw(frame.area(), frame.buffer_mut(), view)).unwrap();
    terminal
}

fn drawn(view: &mut View, size: (u16, u16)) -> String {
    page::rows_of(screen(view, size).backend().buffer())
}

fn press(view: &mut View, keys: &str) {
    for key in keys.chars() {
        view.press(KeyCode::Char(key).into());
    }
}

/// The row of the first column of a list's selected line, by what it says.
fn selected(view: &mut View) -> String {
    let focus = view.focus().unwrap();
    let row = view.position(focus).selected;
    match focus {
        ListKind::Nodes => view.node_at(row).unwrap().report.run.host.clone(),
        ListKind::Threads => view.threads()[row].doing.clone().unwrap(),
        ListKind::Ranges => row.to_string(),
    }
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is not in\n{text}");
    }
}

#[test]
fn a_mount_at_every_size_says_what_matters_most() {
    let mut view = view_of(vec![("/mnt/seedfs", vec![mount()])], Palette::None);
    for size in [(80, 24), (200, 60)] {
        let text = drawn(&mut view, size);
        has(&text, &["seedfs top  /mnt/seedfs", "mount · n000 · up 1 min 39 s", "✗ mismatch"]);
        has(&text, &["39.1 % of 1.0 GiB", "█ 400.0 MiB matched", "╳ 4.0 KiB wrong"]);
        has(&text, &["12 verified · 1 mismatch · 0 incomplete · 87 untouched"]);
        has(&text, &["3 ranges: 2 misplaced · 1 foreign", "1.23 GB/s", "12,345 ops"]);
        has(&text, &["Wrong ranges (3)", "1,048,576", "node_2/process_1 at 8192", "q quit"]);
        let first = text.find("node_0/process_2").unwrap();
        assert!(first < text.find("node_0/process_0").unwrap(), "the latest is first\n{text}");
    }
    let text = drawn(&mut view, (40, 10));
    has(&text, &["seedfs top  /mnt/seedfs", "✗ mismatch", "bytes", "reads", "writes", "process_2"]);
    assert_eq!(
        drawn(&mut view, (20, 5)),
        "mount mismatch 39 %.\nseedfs top needs\n30×6; q quits.\n\n\n"
    );
}

#[test]
fn no_size_panics_or_writes_past_the_edge() {
    let several = vec![("/mnt/a", vec![mount()]), ("/scratch", cluster()), ("/gone", Vec::new())];
    let mut view = view_of(several, Palette::Ansi);
    for _ in 0..view.tabs().len() {
        for input in [Input::Browse, Input::Help, Input::Search("node".into())] {
            view.input = input;
            for columns in [1, 29, 30, 49, 71, 101, 130] {
                for rows in [1, 5, 6, 8, 9, 12, 19, 20, 31, 48] {
                    drawn(&mut view, (columns, rows));
                }
            }
        }
        view.input = Input::Browse;
        view.press(KeyCode::Tab.into());
    }
}

#[test]
fn a_cluster_has_a_table_with_trouble_first() {
    let mut view = view_of(vec![("/scratch", cluster())], Palette::None);
    let text = drawn(&mut view, (120, 30));
    has(&text, &["write · 6 nodes", "2 working · 1 done · 1 failed · 1 stale · 1 not heard of"]);
    has(&text, &["2, the first: node 1: node_1/process_7: No space left on device"]);
    has(&text, &["STATE▼", "silent for 3 min 20 s", "42 s left", "1.50 GB/s"]);
    let order: Vec<usize> =
        ["n001", "n002", "n000", "n003", "n004"].iter().map(|n| text.find(n).unwrap()).collect();
    assert!(order.is_sorted(), "{text}");
    // At 40 columns the state is what remains.
    let text = drawn(&mut view, (40, 24));
    has(&text, &["failed", "stale", "writing"]);
}

#[test]
fn keys_move_as_in_htop() {
    let mut view = view_of(vec![("/scratch", cluster())], Palette::None);
    drawn(&mut view, (80, 24));
    assert_eq!(selected(&mut view), "n001");
    view.press(KeyCode::Down.into());
    assert_eq!(selected(&mut view), "n002");
    view.press(KeyCode::End.into());
    assert_eq!(selected(&mut view), "n004");
    view.press(KeyCode::Home.into());
    view.press(KeyCode::PageDown.into());
    assert_ne!(selected(&mut view), "n001");
    press(&mut view, "gjk");
    assert_eq!(selected(&mut view), "n001");
    // The threads are those of the node that is selected.
    view.press(KeyCode::Right.into());
    assert_eq!(view.focus(), Some(ListKind::Threads));
    has(&drawn(&mut view, (80, 24)), &["Threads of node 1 (4)", "25 %", "node_0/process_3"]);
    view.press(KeyCode::Left.into());
    assert_eq!(view.focus(), Some(ListKind::Nodes));
    assert_eq!(view.press(KeyCode::Char('q').into()), Asked::Quit);
    let control = |key| KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL);
    assert_eq!(view.press(control('c')), Asked::Interrupt);
    assert_eq!(view.press(control('z')), Asked::Suspend);
}

#[test]
fn sorting_keeps_the_selected_node_and_the_same_comes_in_order() {
    let mut view = view_of(vec![("/scratch", cluster())], Palette::None);
    press(&mut view, "jj");
    assert_eq!(selected(&mut view), "n000");
    press(&mut view, "s");
    has(&drawn(&mut view, (120, 30)), &["NODE▼"]);
    assert_eq!(selected(&mut view), "n000");
    press(&mut view, "S");
    let text = drawn(&mut view, (120, 30));
    has(&text, &["NODE▲"]);
    assert!(text.find("n004").unwrap() < text.find("n000").unwrap(), "{text}");
    assert_eq!(selected(&mut view), "n000");
    // New reports do not move it either.
    let mut reports = cluster();
    reports.remove(1);
    view.observe([look_at(reports)]);
    assert_eq!(selected(&mut view), "n000");
}

#[test]
fn a_search_finds_while_it_is_typed_and_again() {
    let mut view = view_of(vec![("/mnt/seedfs", vec![mount()])], Palette::None);
    press(&mut view, "/MISP");
    has(&drawn(&mut view, (80, 24)), &[" /MISP"]);
    assert_eq!(selected(&mut view), "0");
    view.press(KeyCode::Enter.into());
    press(&mut view, "n");
    assert_eq!(selected(&mut view), "2");
    press(&mut view, "n");
    assert_eq!(selected(&mut view), "0");
    press(&mut view, "N");
    assert_eq!(selected(&mut view), "2");
    press(&mut view, "/nowhere");
    has(&drawn(&mut view, (80, 24)), &["found nowhere"]);
    view.press(KeyCode::Esc.into());
    assert_eq!(view.input, Input::Browse);
    assert_eq!(selected(&mut view), "2", "what is not found moves nothing");
}

#[test]
fn the_help_covers_the_page_until_a_key() {
    let mut view = view_of(vec![("/mnt/seedfs", vec![mount()])], Palette::None);
    press(&mut view, "?");
    has(&drawn(&mut view, (80, 24)), &["the keys", "PgUp PgDn", "Any key closes it."]);
    press(&mut view, "q");
    assert!(!drawn(&mut view, (80, 24)).contains("the keys"));
}

#[test]
fn tabs_are_the_runs_of_all_targets() {
    let mut both = cluster();
    both.push(report(RunCommand::Verify, 0, 1));
    let targets = vec![("/mnt/a", vec![mount()]), ("/scratch", both), ("/silent", Vec::new())];
    let mut view = view_of(targets, Palette::None);
    let text = drawn(&mut view, (80, 24));
    has(&text, &["✗ /mnt/a", "▶ /scratch write", "▶ /scratch verify", "/silent"]);
    for title in ["write · 6 nodes", "verify · n000", "seedfs top  /silent", "mount · n000"] {
        view.press(KeyCode::Tab.into());
        has(&drawn(&mut view, (80, 24)), &[title]);
    }
    view.press(KeyCode::BackTab.into());
    has(&drawn(&mut view, (80, 24)), &["seedfs top  /silent"]);
}

#[test]
fn what_has_gone_is_said_and_shown_on() {
    let mut view = view_of(vec![("/mnt/seedfs", vec![mount()])], Palette::None);
    let mut gone = Watched::clone(view.targets[0].look.watched.as_ref().unwrap());
    gone.absent = Some("it is not mounted any more".into());
    view.observe([Look { watched: Some(Arc::new(gone)), silent_s: None }]);
    let text = drawn(&mut view, (80, 24));
    has(&text, &["! it is not mounted any more: what was seen before is shown", "✗ mismatch"]);
    let silent = Look { silent_s: Some(75.0), ..view.targets[0].look.clone() };
    view.observe([silent]);
    has(&drawn(&mut view, (40, 10)), &["! no answer for 1 min 15 s"]);
    // It came back.
    view.observe([look_at(vec![mount()])]);
    assert!(!drawn(&mut view, (80, 24)).contains('!'));
}

#[test]
fn nothing_that_others_have_written_is_obeyed() {
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}<script>";
    let mut reports = cluster();
    reports[0].run.host = hostile.into();
    reports[0].threads[0].doing = Some(hostile.into());
    reports[1].errors.first = Some(format!("{hostile}{}", "x".repeat(5000)));
    let mut wrong = mount();
    wrong.wrong.ranges[2].path = hostile.into();
    wrong.target = hostile.into();
    let mut view = view_of(vec![("/scratch", reports), ("/mnt", vec![wrong])], Palette::Ansi);
    for keys in ["", "jj", "s", "/script"] {
        press(&mut view, keys);
        for size in [(80, 24), (200, 60), (40, 10)] {
            let text = drawn(&mut view, size);
            assert!(!text.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{202e}')));
        }
    }
    let tab = view.tabs()[1];
    let text = page::text(&mut view, tab, 200);
    has(&text, &["\\u{1b}[2J\\u{202e}<script>"]);
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_mount_says_what_it_holds_and_which_it_is() {
    let mut mount = mount();
    (mount.run.seed, mount.run.pid) = (Some("\u{1b}[2Jseed".into()), 4711);
    let mut view = view_of(vec![("/mnt/a", vec![mount])], Palette::None);
    let text = drawn(&mut view, (100, 40));
    has(&text, &["memory   1.0 MiB of 1.0 GiB kept · 7 of 0 extents"]);
    has(&text, &["2 writes rejected · 1 write without room"]);
    has(&text, &["run      seed \\u{1b}[2Jseed · pid 4711"]);
}

#[test]
fn without_colours_nothing_has_a_colour_and_with_them_nothing_is_said_by_colour_alone() {
    let targets = || vec![("/scratch", cluster()), ("/mnt/a", vec![mount()])];
    let mut plain = view_of(targets(), Palette::None);
    let mut coloured = view_of(targets(), Palette::Ansi);
    for _ in 0..2 {
        let size = (120, 40);
        let without = screen(&mut plain, size);
        let cells = without.backend().buffer().content();
        assert!(cells.iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
        let with = screen(&mut coloured, size);
        assert!(with.backend().buffer().content().iter().any(|cell| cell.fg == Color::Red));
        let texts = [without, with].map(|screen| page::rows_of(screen.backend().buffer()));
        assert_eq!(texts[0], texts[1]);
        plain.press(KeyCode::Tab.into());
        coloured.press(KeyCode::Tab.into());
    }
}

#[test]
fn a_page_as_text_has_all_lines_and_no_keys() {
    let mut view = view_of(vec![("/scratch", cluster())], Palette::None);
    let tab = view.tab();
    let text = page::text(&mut view, tab, 100);
    has(&text, &["write · 6 nodes", "nodes", "errors", "n004", "Threads of node 1 (4)"]);
    assert!(!text.contains("quit"), "{text}");
    assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
}

#[test]
fn of_a_thousand_nodes_only_those_are_made_that_are_seen() {
    let many = |count| (0..count).map(|node| report(RunCommand::Write, node, count)).collect();
    let mut view = view_of(vec![("/scratch", many(1000))], Palette::Ansi);
    press(&mut view, "G");
    let text = drawn(&mut view, (120, 40));
    has(&text, &["Nodes (1,000)", "n999"]);
    let rows = text.lines().filter(|line| line.contains("reading")).count();
    assert!(rows < 40, "only what is seen is made");
}
