use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::report::run::tests::example;
use crate::report::{ByteTotals, ClassCounts, FileTally, MapCell};

#[test]
fn nodes_are_added_up_and_a_silent_one_is_stale() {
    let reports = (0..2).map(|node| example(RunCommand::Write, node)).collect();
    let mut cluster = Cluster::merge(reports, 1020.0);
    let run = cluster.runs.remove(0);
    assert_eq!(run.node_states, NodeStates { working: 2, missing: 1, ..NodeStates::default() });
    assert_eq!(run.files, FilesDone { total: 60, done: 8, failed: 2 });
    assert_eq!(run.bytes, BytesDone { total: 6000, done: 900 });
    assert!((run.percent_complete - 15.0).abs() < 1e-9);
    assert!((run.rates.bytes_per_s - 200.0).abs() < 1e-9);
    assert_eq!(run.errors.first.unwrap(), "node 0: node_0/process_1: No space left");
    assert_eq!(cluster.verdict, None);

    let mut silent = example(RunCommand::Write, 1);
    silent.updated -= 100.0;
    let cluster = Cluster::merge(vec![silent, example(RunCommand::Write, 0)], 1020.0);
    let run = &cluster.runs[0];
    assert_eq!((run.node_states.working, run.node_states.stale), (1, 1));
    assert!((run.rates.bytes_per_s - 100.0).abs() < 1e-9);
    assert_eq!(run.nodes.iter().map(|node| node.stale).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn another_run_is_named_and_not_added_up() {
    let mut other = example(RunCommand::Write, 1);
    other.run.dataset = Some("0".repeat(32));
    other.updated -= 1.0;
    let cluster = Cluster::merge(vec![other, example(RunCommand::Write, 0)], 1020.0);
    assert_eq!(cluster.runs[0].nodes.len(), 1);
    assert_eq!((cluster.other_runs.len(), cluster.other_runs_total), (1, 1));
    assert_eq!(cluster.other_runs[0].dataset, Some("0".repeat(32)));
}

/// What a mount has seen of each file, all of one process before those of the next.
#[derive(Clone, Debug)]
struct Seen {
    node: u32,
    files: Vec<Verdict>,
    age_s: u8,
    phase: Phase,
}

impl Seen {
    fn is_stale(&self) -> bool {
        self.phase != Phase::Done && self.age_s > 30
    }

    /// The mount's own report: files of 10 bytes, so many in each process.
    fn report(&self, (nodes, processes, per_process): (u32, u32, usize)) -> RunReport {
        let mut tally = FileTally::default();
        let mut bytes = ByteTotals::default();
        for file in &self.files {
            tally.add(*file);
            let (matched, wrong) = match file {
                Verdict::Untouched => (0, 0),
                Verdict::Incomplete => (5, 0),
                Verdict::Verified => (10, 0),
                Verdict::Mismatch => (2, 8),
            };
            bytes.add_all(&ByteTotals { expected: 10, matched, wrong, extra: 0 });
        }
        let cells = self.files.chunks(per_process).map(|files| (cell(files), 1));
        let map = ProcessMap::new((0, nodes, processes), cells, 4096);
        let mut report = example(RunCommand::Mount, 0);
        (report.run.node_id, report.run.node_count) = (self.node, nodes);
        report.phase = self.phase;
        report.updated = NOW - f64::from(self.age_s);
        report.judged = Some(Judged {
            verdict: tally.verdict(),
            files: tally,
            bytes,
            estimated: false,
            classes: ClassCounts::default(),
            unexpected: 0,
        });
        report.map = Some(map);
        assert_eq!(report.contradiction(), None);
        report
    }
}

const NOW: f64 = 2000.0;

/// The verdict on the files of one process.
fn cell(files: &[Verdict]) -> MapCell {
    let mut tally = FileTally::default();
    for file in files {
        tally.add(*file);
    }
    tally.verdict().into()
}

/// The verdict over mounts, from each file of each of them.
fn verdict_over(mounts: &[Seen], per_process: usize, is_whole: bool) -> Verdict {
    let files = || mounts.iter().flat_map(|mount| &mount.files);
    if files().any(|file| *file == Verdict::Mismatch) {
        return Verdict::Mismatch;
    }
    if files().all(|file| *file == Verdict::Untouched) {
        return Verdict::Untouched;
    }
    let count = mounts[0].files.len() / per_process;
    let all_verified = (0..count).all(|process| {
        let seen = || {
            let part = process * per_process..(process + 1) * per_process;
            mounts.iter().map(move |mount| cell(&mount.files[part.clone()]))
        };
        seen().any(|it| it == MapCell::Verified) && seen().all(|it| it != MapCell::Incomplete)
    });
    if all_verified && is_whole { Verdict::Verified } else { Verdict::Incomplete }
}

/// Files of one dataset, the worst first, as far as there is room.
fn files_over(mounts: &[Seen]) -> FileTally {
    let mut files: Vec<Verdict> = Vec::new();
    for wanted in [Verdict::Mismatch, Verdict::Incomplete, Verdict::Verified] {
        files.extend(mounts.iter().flat_map(|it| &it.files).filter(|it| **it == wanted));
    }
    files.resize(mounts[0].files.len(), Verdict::Untouched);
    let mut tally = FileTally::default();
    for file in files {
        tally.add(file);
    }
    tally
}

/// Mostly right files, so that all of them often are.
fn file() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        10 => Just(Verdict::Verified),
        8 => Just(Verdict::Untouched),
        1 => Just(Verdict::Incomplete),
        1 => Just(Verdict::Mismatch),
    ]
}

/// Whole processes are alike more often than not.
fn files(processes: usize, per_process: usize) -> impl Strategy<Value = Vec<Verdict>> {
    let process = prop_oneof![
        4 => file().prop_map(move |file| vec![file; per_process]),
        1 => vec(file(), per_process),
    ];
    vec(process, processes).prop_map(|processes| processes.concat())
}

type Shape = (u32, u32, usize);

fn mounts() -> impl Strategy<Value = (Shape, Vec<Seen>)> {
    (1_u32..4, 1_u32..3, 1_usize..3).prop_flat_map(|(nodes, processes, per_process)| {
        let phase = prop_oneof![Just(Phase::Reading), Just(Phase::Writing), Just(Phase::Done)];
        let age_s = prop_oneof![4 => 0_u8..20, 1 => 40_u8..90];
        let files = files((nodes * processes) as usize, per_process);
        let seen = (files, phase, age_s, prop::bool::weighted(0.9));
        // One mount more than there are nodes.
        let seen = vec(seen, nodes as usize + 1).prop_map(|seen| {
            let heard = (0..).zip(seen).filter(|(_, (.., heard))| *heard);
            heard
                .map(|(node, (files, phase, age_s, _))| Seen { node, files, age_s, phase })
                .collect()
        });
        (Just((nodes, processes, per_process)), seen)
    })
}

/// A report of one of some runs, as node, and when: no two at once.
fn speaker() -> impl Strategy<Value = (RunCommand, u8, u32)> {
    (select(&RunCommand::ALL[..]), 0_u8..5, 0_u32..3)
}

fn spoken((command, run, node): (RunCommand, u8, u32), updated: f64) -> RunReport {
    let mut report = example(command, 0);
    report.run.node_id = node;
    report.updated = updated;
    match run {
        0 => {}
        1 => report.run.dataset = Some("0".repeat(32)),
        2 => report.run.dataset = None,
        3 => report.run.job = None,
        _ => report.run.node_count = 7,
    }
    // Told apart from all others in a sum.
    report.bytes.done = 1 << (3 * node);
    report
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mounts_are_one_dataset((shape, seen) in mounts()) {
        let (nodes, _, per_process) = shape;
        let reports = seen.iter().map(|seen| seen.report(shape)).collect();
        let cluster = Cluster::merge(reports, NOW);
        if seen.is_empty() {
            prop_assert!(cluster.is_empty());
            return Ok(());
        }
        let run = cluster.run(RunCommand::Mount).unwrap();
        let missing = (0..nodes).filter(|node| seen.iter().all(|it| it.node != *node)).count();
        prop_assert_eq!(run.node_states.missing, missing as u64);
        let is_whole = missing == 0 && !seen.iter().any(Seen::is_stale);
        let expected = verdict_over(&seen, per_process, is_whole);
        prop_assert_eq!(cluster.verdict, Some(expected));
        let judged = run.judged.as_ref().unwrap();
        prop_assert_eq!(judged.files, files_over(&seen));
        prop_assert_eq!(judged.bytes.expected, 10 * seen[0].files.len() as u128);
        prop_assert!(judged.bytes.matched + judged.bytes.wrong <= judged.bytes.expected);
        // Whatever is called verified was seen right by somebody, and wrong by nobody.
        if expected == Verdict::Verified {
            for file in 0..seen[0].files.len() {
                prop_assert!(seen.iter().any(|it| it.files[file] == Verdict::Verified));
                prop_assert!(seen.iter().all(|it| it.files[file] != Verdict::Mismatch));
            }
            prop_assert_eq!(judged.bytes.matched, judged.bytes.expected);
        }
    }

    #[test]
    fn only_the_run_that_spoke_last_counts(speakers in vec(speaker(), 0..20)) {
        let times = (0_u32..).map(|number| 1000.0 + f64::from(number));
        let all: Vec<_> =
            speakers.iter().zip(times).map(|(speaker, at)| spoken(*speaker, at)).collect();
        let cluster = Cluster::merge(all.clone(), 1020.0);
        let mut others = Vec::new();
        for command in RunCommand::ALL {
            let of_command = |(it, ..): &&(RunCommand, u8, u32)| *it == command;
            let last = speakers.iter().rfind(of_command);
            let merged = cluster.run(command);
            let Some((_, current, _)) = last else {
                prop_assert!(merged.is_none());
                continue;
            };
            let merged = merged.unwrap();
            let heard: BTreeSet<u32> = speakers
                .iter()
                .filter(|(of, run, _)| (of, run) == (&command, current))
                .map(|(.., node)| *node)
                .collect();
            let nodes: Vec<u32> = merged.nodes.iter().map(|it| it.report.run.node_id).collect();
            prop_assert_eq!(&nodes, &heard.iter().copied().collect::<Vec<_>>());
            // Of each node its last word, once.
            for node in &merged.nodes {
                let of_node = |report: &&RunReport| {
                    report.key() == node.report.key()
                        && report.run.node_id == node.report.run.node_id
                };
                let last = all.iter().rfind(of_node).unwrap();
                prop_assert!((last.updated - node.report.updated).abs() < 1e-9);
            }
            let sum: u128 = heard.iter().map(|node| 1 << (3 * node)).sum();
            prop_assert_eq!(merged.bytes.done, sum);
            let runs: BTreeSet<u8> = speakers
                .iter()
                .filter(|(of, run, _)| *of == command && run != current)
                .map(|(_, run, _)| *run)
                .collect();
            others.extend(runs.into_iter().map(|run| {
                let of = speakers.iter().filter(|(of, it, _)| (of, it) == (&command, &run));
                (command, of.count() as u64)
            }));
        }
        let mut named: Vec<_> =
            cluster.other_runs.iter().map(|other| (other.command, other.reports)).collect();
        named.sort_unstable();
        others.sort_unstable();
        prop_assert_eq!(cluster.other_runs_total, others.len() as u64);
        prop_assert_eq!(named, others);
    }
}

#[test]
fn a_map_of_nothing_verifies_nothing() {
    let mut report =
        Seen { node: 0, files: vec![Verdict::Incomplete], age_s: 0, phase: Phase::Done }
            .report((1, 1, 1));
    report.map = Some(ProcessMap::new((0, 0, 0), [], 4096));
    assert_eq!(Cluster::merge(vec![report], NOW).verdict, Some(Verdict::Incomplete));
}
