//! What the page is sent each second, as JSON.
//!
//! A frame is a view of what is watched: it says the words of the reports, and of everything that
//! can be long only a beginning. The maps are not in it, because they are the longest and change
//! the least: each is an event of its own, sent when it is another one than before.

use std::cmp::Reverse;

use serde::Serialize;

use crate::report::{
    BytesDone, Cluster, ClusterNode, ClusterRun, FilesDone, Judged, KeptView, NodeRange,
    NodeStates, OtherRun, ProcessMap, RunCommand, RunErrors, RunOperations, RunRates, ThreadReport,
};
use crate::verdict::Verdict;
use crate::watch::{History, Look, RateSample, Target};

/// How many nodes a frame lists: those that have failed or fallen silent first.
const NODES_SHOWN: usize = 1000;
/// Of how many threads a frame says what they do.
const THREADS_SHOWN: usize = 256;
/// How many wrong ranges a frame names of each run: the latest.
const RANGES_SHOWN: usize = 100;
/// How many seconds of throughput are drawn.
const SECONDS_SHOWN: usize = 300;

/// All targets.
#[derive(Serialize)]
pub(super) struct Frame<'a> {
    version: &'static str,
    targets: Vec<TargetView<'a>>,
}

#[derive(Serialize)]
struct TargetView<'a> {
    name: &'a str,
    mount: bool,
    at: Option<f64>,
    absent: Option<&'a str>,
    silent_s: Option<f64>,
    verdict: Option<&'static str>,
    runs: Vec<RunView<'a>>,
    other_runs: &'a [OtherRun],
    unreadable: &'a [String],
    unreadable_total: u64,
}

#[derive(Serialize)]
struct RunView<'a> {
    command: RunCommand,
    dataset: Option<&'a str>,
    seed: Option<&'a str>,
    job: Option<&'a str>,
    target: &'a str,
    phase: &'static str,
    updated: f64,
    node_count: u32,
    node_states: &'a NodeStates,
    files: &'a FilesDone,
    bytes: &'a BytesDone,
    percent_complete: f64,
    rates: &'a RunRates,
    remaining_s: Option<f64>,
    errors: &'a RunErrors,
    judged: Option<&'a Judged>,
    wrong: WrongView<'a>,
    nodes: Vec<&'a ClusterNode>,
    nodes_total: usize,
    threads: Vec<NodeThreads<'a>>,
    threads_total: usize,
    /// Of a run that is one report: when it began, and what it was asked for and holds.
    alone: Option<AloneView<'a>>,
    history: HistoryView,
}

/// What is said of a run that is one report.
#[derive(Serialize)]
struct AloneView<'a> {
    started: f64,
    operations: Option<&'a RunOperations>,
    kept: Option<&'a KeptView>,
}

#[derive(Serialize)]
struct WrongView<'a> {
    total: u64,
    ranges: &'a [NodeRange],
}

#[derive(Serialize)]
struct NodeThreads<'a> {
    node: u32,
    host: &'a str,
    threads: &'a [ThreadReport],
}

/// Rates, the latest last: bytes and operations a second.
#[derive(Default, Serialize)]
struct HistoryView {
    step_s: u32,
    reads: Vec<f64>,
    writes: Vec<f64>,
    read_operations: Vec<f64>,
    write_operations: Vec<f64>,
    /// How long one took in the last second; none where none was timed.
    read_s: Option<f64>,
    write_s: Option<f64>,
}

/// The map of a run.
#[derive(Serialize)]
pub(super) struct MapEvent<'a> {
    pub(super) target: usize,
    pub(super) run: RunCommand,
    pub(super) map: &'a ProcessMap,
}

impl<'a> Frame<'a> {
    pub(super) fn new(looks: impl IntoIterator<Item = (&'a Target, &'a Look)>) -> Self {
        let targets = looks.into_iter().map(|(target, look)| TargetView::new(target, look));
        Self { version: env!("CARGO_PKG_VERSION"), targets: targets.collect() }
    }
}

impl<'a> TargetView<'a> {
    fn new(target: &'a Target, look: &'a Look) -> Self {
        let begin = Self {
            name: target.name(),
            mount: target.mount().is_some(),
            at: None,
            absent: None,
            silent_s: look.silent_s,
            verdict: None,
            runs: Vec::new(),
            other_runs: &[],
            unreadable: &[],
            unreadable_total: 0,
        };
        let Some(watched) = &look.watched else { return begin };
        let Cluster { verdict, runs, other_runs, unreadable, unreadable_total, .. } =
            &watched.cluster;
        Self {
            at: Some(watched.at),
            absent: watched.absent.as_deref(),
            verdict: verdict.map(Verdict::name),
            runs: runs.iter().map(|run| RunView::new(run, watched.history(run.command))).collect(),
            other_runs,
            unreadable,
            unreadable_total: *unreadable_total,
            ..begin
        }
    }
}

impl<'a> RunView<'a> {
    fn new(run: &'a ClusterRun, history: Option<&History>) -> Self {
        let mut nodes: Vec<&ClusterNode> = run.nodes.iter().collect();
        // Stable: within each kind they stay in the order of their numbers.
        nodes.sort_by_key(|node| (Reverse(node.failed()), Reverse(node.stale)));
        let working = run.nodes.iter().filter(|node| node.works());
        let threads_total = working.map(|node| node.report.threads.len()).sum();
        let threads = threads(&nodes);
        nodes.truncate(NODES_SHOWN);
        let ranges = &run.wrong.ranges;
        let alone = match run.nodes.as_slice() {
            [ClusterNode { report, .. }] => Some(AloneView {
                started: report.run.started,
                operations: report.operations.as_ref(),
                kept: report.kept.as_ref(),
            }),
            _ => None,
        };
        Self {
            command: run.command,
            dataset: run.dataset.as_deref(),
            seed: run.seed.as_deref(),
            job: run.job.as_deref(),
            target: &run.target,
            phase: phase(run),
            updated: run.updated,
            node_count: run.node_count,
            node_states: &run.node_states,
            files: &run.files,
            bytes: &run.bytes,
            percent_complete: run.percent_complete,
            rates: &run.rates,
            remaining_s: run.remaining_s,
            errors: &run.errors,
            judged: run.judged.as_ref(),
            wrong: WrongView {
                total: run.wrong.total,
                ranges: &ranges[ranges.len().saturating_sub(RANGES_SHOWN)..],
            },
            nodes_total: run.nodes.len(),
            nodes,
            threads,
            threads_total,
            alone,
            history: history.map_or_else(HistoryView::default, HistoryView::new),
        }
    }
}

/// The phase of all nodes: that of one that works, else how they have ended.
fn phase(run: &ClusterRun) -> &'static str {
    let NodeStates { failed, stale, missing, .. } = run.node_states;
    let working = run.nodes.iter().find(|node| node.works()).map(|node| node.report.phase.name());
    working.unwrap_or(match (failed, stale + missing) {
        (0, 0) => "done",
        (0, _) => "unfinished",
        _ => "failed",
    })
}

/// What the threads of nodes that work do, of the first nodes that fit.
fn threads<'a>(nodes: &[&'a ClusterNode]) -> Vec<NodeThreads<'a>> {
    let mut room = THREADS_SHOWN;
    let mut shown = Vec::new();
    for node in nodes.iter().filter(|node| node.works()) {
        let report = &node.report;
        if report.threads.is_empty() {
            continue;
        }
        if report.threads.len() > room {
            break;
        }
        room -= report.threads.len();
        let (node, host) = (report.run.node_id, report.run.host.as_str());
        shown.push(NodeThreads { node, host, threads: &report.threads });
    }
    shown
}

impl HistoryView {
    fn new(history: &History) -> Self {
        let samples = history.samples();
        let skipped = samples.len().saturating_sub(SECONDS_SHOWN);
        let latest: Vec<&RateSample> = samples.skip(skipped).collect();
        // Whole bytes are as exact as anybody can see, and shorter.
        let rates = |rate: fn(&RateSample) -> f64| {
            latest.iter().map(|sample| rate(sample).round()).collect::<Vec<f64>>()
        };
        Self {
            step_s: 1,
            reads: rates(|sample| sample.per_s.read_bytes),
            writes: rates(|sample| sample.per_s.written_bytes),
            read_operations: rates(|sample| sample.per_s.reads),
            write_operations: rates(|sample| sample.per_s.writes),
            read_s: latest.last().and_then(|sample| sample.per_s.read_s()),
            write_s: latest.last().and_then(|sample| sample.per_s.write_s()),
        }
    }
}
