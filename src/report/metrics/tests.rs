use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::report::{
    ByteTotals, ClassCounts, FileTally, Judged, KeptView, RunIdentity, RunOperations, ThreadReport,
};

fn report(command: RunCommand, node_id: u32, target: &str) -> RunReport {
    let run = RunIdentity { node_id, node_count: 3, ..RunIdentity::default() };
    let mut report = RunReport::begin(command, run, target.into());
    report.operations = Some(RunOperations::default());
    report.kept = Some(KeptView { stored_bytes: Some(1), ..KeptView::default() });
    report.threads = vec![ThreadReport { idle_share: 0.5, ..ThreadReport::default() }];
    report.remaining_s = Some(2.5);
    report.judged = Some(Judged {
        verdict: Verdict::Mismatch,
        files: FileTally { mismatch: 2, ..FileTally::default() },
        bytes: ByteTotals { expected: 1 << 70, matched: 5, wrong: 7, extra: 9 },
        estimated: false,
        classes: ClassCounts::of(|class| u64::from(class == Class::Stale)),
        unexpected: 0,
    });
    report
}

/// A counter's samples end in `_total`, a unit is a family's last word, and each family is
/// announced before its samples, which are together.
#[test]
fn families_are_what_the_formats_ask_for() {
    let reports = [report(RunCommand::Verify, 0, "/a"), report(RunCommand::Mount, 1, "/b")];
    for format in [MetricsFormat::OpenMetrics, MetricsFormat::Prometheus] {
        let text = metrics(&reports, format);
        assert_eq!(text.ends_with("\n# EOF\n"), format == MetricsFormat::OpenMetrics);
        let mut kinds = BTreeMap::new();
        let mut series = BTreeSet::new();
        let mut announced = "";
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(rest) = line.strip_prefix("# ") {
                let (keyword, rest) = rest.split_once(' ').unwrap();
                let (name, rest) = rest.split_once(' ').unwrap();
                match keyword {
                    "HELP" => assert!(rest.ends_with('.') && name != announced, "{line}"),
                    "TYPE" => assert!(kinds.insert(name, rest).is_none(), "{line}"),
                    "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                    _ => panic!("{line}"),
                }
                announced = name;
                continue;
            }
            let (of, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().unwrap() >= 0.0, "{line}");
            assert!(series.insert(of), "{line} is there twice");
            let name = of.split_once('{').unwrap().0;
            let suffix = match (kinds[announced], format) {
                ("counter", MetricsFormat::OpenMetrics) => "_total",
                _ => "",
            };
            assert_eq!(name, format!("{announced}{suffix}"), "{line}");
            assert_eq!(name.ends_with("_total"), kinds[announced] == "counter", "{line}");
        }
        assert_eq!(kinds.len(), FAMILIES.len());
        assert!(series.len() > 2 * 30, "{}", series.len());
    }
}

#[test]
fn numbers_are_whole_whatever_their_size() {
    let text = metrics([&report(RunCommand::Mount, 1, "/b")], MetricsFormat::OpenMetrics);
    let missing = (1_u128 << 70) - 12;
    let labels = r#"command="mount",node="1",target="/b""#;
    for line in [
        format!(r#"seedfs_judged_bytes{{{labels},state="missing"}} {missing}"#),
        format!(r#"seedfs_judged_bytes{{{labels},state="wrong"}} 7"#),
        format!(r#"seedfs_wrong_ranges_total{{{labels},class="stale"}} 1"#),
        format!("seedfs_run_remaining_seconds{{{labels}}} 2.5"),
        format!("seedfs_threads_idle_ratio{{{labels}}} 0.5"),
    ] {
        assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
    }
}

/// Somebody else may have written what a label says.
#[test]
fn a_hostile_label_is_one_label() {
    let mut hostile = report(RunCommand::Write, 0, "/a\" 1\nseedfs_verdict{x=\"\\");
    hostile.run.host = "\u{1b}[2J\r\0".into();
    let text = metrics([&hostile], MetricsFormat::OpenMetrics);
    let info = text.lines().find(|line| line.starts_with("seedfs_run_info{")).unwrap();
    assert!(info.contains(r#"target="/a\" 1�seedfs_verdict{x=\"\\",host="�[2J��""#), "{info}");
}

/// A scrape fails where a series is there twice, as when two mounts are at one path of two hosts.
#[test]
fn of_two_reports_with_the_same_labels_the_newer_one_counts() {
    let mut reports = [1, 2, 3].map(|_| report(RunCommand::Mount, 0, "/a"));
    for (report, (updated, total)) in reports.iter_mut().zip([(1.0, 10), (3.0, 30), (2.0, 20)]) {
        (report.updated, report.files.total) = (updated, total);
    }
    let text = metrics(&reports, MetricsFormat::Prometheus);
    let files: Vec<&str> =
        text.lines().filter(|line| line.starts_with("seedfs_run_files{")).collect();
    assert_eq!(files, [r#"seedfs_run_files{command="mount",node="0",target="/a"} 30"#]);
}
