//! The reports of many nodes, merged.
//!
//! Merging is pure: the reports, and what time it is. Reports are of one run where command,
//! dataset, number of nodes and job agree. Of each command the run that was heard of last is the
//! one that counts; the others are named, and nothing of theirs is added up.

mod sums;

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::map::ProcessMap;
use super::named;
use super::run::{
    BytesDone, FileRange, FilesDone, Judged, Phase, RunCommand, RunErrors, RunIdentity, RunKey,
    RunRates, RunReport, hundredths, percent,
};
use super::views::SCHEMA;
use crate::verdict::Verdict;

use sums::{judged, rates, remaining_s, together, work};

/// A node that has not said anything for so long, and is not done, is stale.
pub const STALE_AFTER_S: f64 = 30.0;

/// How many wrong ranges a merged run names.
pub const CLUSTER_RANGES_MAX: usize = 1000;

/// How many other runs are named.
pub const OTHER_RUNS_MAX: usize = 100;

/// All that the reports in one place say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cluster {
    schema: u32,
    /// The verdict of all runs that judge; none where there is none.
    #[serde(serialize_with = "optional_verdict")]
    pub verdict: Option<Verdict>,
    /// The current run of each command.
    pub runs: Vec<ClusterRun>,
    /// Runs that are not the current one of their command, the latest of them first.
    pub other_runs: Vec<OtherRun>,
    /// How many there are.
    pub other_runs_total: u64,
    /// Reports that cannot be read or believed, the first of them, each with its reason.
    pub unreadable: Vec<String>,
    /// How many there are.
    pub unreadable_total: u64,
}

/// Many nodes' reports of one run.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterRun {
    /// Which command works.
    pub command: RunCommand,
    /// The digest of its dataset.
    pub dataset: Option<String>,
    /// The seed, or its beginning.
    pub seed: Option<String>,
    /// The job of a cluster's engine.
    pub job: Option<String>,
    /// The directory or mount point of the first node.
    pub target: String,
    /// How many nodes are to work.
    pub node_count: u32,
    /// How many of them are in which state.
    pub node_states: NodeStates,
    /// When one of them has spoken last, in seconds since 1970.
    pub updated: f64,
    /// Files of all nodes. Nodes that have not been heard of are taken to have as many as the one
    /// that has most.
    pub files: FilesDone,
    /// Bytes of all nodes, in the same way.
    pub bytes: BytesDone,
    /// How much is done, from 0 to 100.
    pub percent_complete: f64,
    /// Rates of the nodes that are not stale; those of the last second of the nodes that work.
    pub rates: RunRates,
    /// How long the slowest node still takes; none where one does not know.
    pub remaining_s: Option<f64>,
    /// Errors of all nodes; the first names its node.
    pub errors: RunErrors,
    /// The verdict, and what was counted.
    pub judged: Option<Judged>,
    /// Wrong ranges of all nodes.
    pub wrong: ClusterWrong,
    /// The map of all nodes.
    pub map: Option<ProcessMap>,
    /// One for each report, in the order of the nodes.
    pub nodes: Vec<ClusterNode>,
}

/// How many nodes are in which state. All but `missing` have been heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NodeStates {
    /// At work.
    pub working: u64,
    /// Done.
    pub done: u64,
    /// Ended before they were done.
    pub failed: u64,
    /// Neither done nor failed, and silent for too long.
    pub stale: u64,
    /// Not heard of.
    pub missing: u64,
}

/// A node's report, and what its age makes of it. As JSON it is one line without threads and map.
#[derive(Clone, Debug)]
pub struct ClusterNode {
    /// Seconds since it was written.
    pub age_s: f64,
    /// Silent for too long, and not done.
    pub stale: bool,
    /// What it says.
    pub report: RunReport,
}

/// Wrong ranges of all nodes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ClusterWrong {
    /// How many there are.
    pub total: u64,
    /// The first of each node, [`CLUSTER_RANGES_MAX`] at the most.
    pub ranges: Vec<NodeRange>,
}

/// A wrong range, and which node has found it.
#[derive(Clone, Debug, Serialize)]
pub struct NodeRange {
    /// The node's number.
    pub node: u32,
    /// The name of its machine.
    pub host: String,
    /// The range.
    #[serde(flatten)]
    pub range: FileRange,
}

/// A run that is not the current one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherRun {
    /// Which command works.
    pub command: RunCommand,
    /// The digest of its dataset.
    pub dataset: Option<String>,
    /// The seed, or its beginning.
    pub seed: Option<String>,
    /// The job of a cluster's engine.
    pub job: Option<String>,
    /// How many nodes are to work.
    pub node_count: u32,
    /// How many have been heard of.
    pub reports: u64,
    /// When one of them has spoken last, in seconds since 1970.
    pub updated: f64,
}

impl Cluster {
    /// Merges reports, of which each was found to be free of contradictions. `now` is in seconds
    /// since 1970.
    #[must_use]
    pub fn merge(reports: Vec<RunReport>, now: f64) -> Self {
        let mut by_run: BTreeMap<RunKey, Vec<RunReport>> = BTreeMap::new();
        for report in reports {
            by_run.entry(report.key()).or_default().push(report);
        }
        let mut cluster = Self { schema: SCHEMA, ..Self::default() };
        for command in RunCommand::ALL {
            let last = |reports: &[RunReport]| {
                reports.iter().map(|report| report.updated).fold(0.0, f64::max)
            };
            let mut runs: Vec<(f64, Vec<RunReport>)> = by_run
                .iter_mut()
                .filter(|((of, ..), _)| *of == command)
                .map(|(_, reports)| (last(reports), std::mem::take(reports)))
                .collect();
            runs.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            let mut runs = runs.into_iter();
            let Some((updated, current)) = runs.next() else { continue };
            cluster.runs.push(ClusterRun::merge(current, updated, now));
            cluster.other_runs_total += runs.len() as u64;
            let others = runs.filter_map(|(updated, reports)| OtherRun::new(&reports, updated));
            cluster.other_runs.extend(others.take(OTHER_RUNS_MAX));
        }
        cluster.other_runs.sort_by(|a, b| b.updated.total_cmp(&a.updated));
        cluster.other_runs.truncate(OTHER_RUNS_MAX);
        let verdicts = cluster.runs.iter().filter_map(ClusterRun::verdict);
        cluster.verdict = verdicts.reduce(together);
        cluster
    }

    /// The current run of a command.
    #[must_use]
    pub fn run(&self, command: RunCommand) -> Option<&ClusterRun> {
        self.runs.iter().find(|run| run.command == command)
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.unreadable_total == 0
    }

    /// Whether every node of every current run was heard of, and has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let is_over = |states: &NodeStates| states.working + states.stale + states.missing == 0;
        !self.runs.is_empty() && self.runs.iter().all(|run| is_over(&run.node_states))
    }

    /// How many nodes have failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.runs.iter().map(|run| run.node_states.failed).sum()
    }
}

impl ClusterRun {
    /// The verdict over all nodes; none of `write`.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.judged.as_ref().map(|judged| judged.verdict)
    }

    fn merge(mut reports: Vec<RunReport>, updated: f64, now: f64) -> Self {
        // One for each node: the last that it has said.
        reports.sort_by(|a, b| {
            a.run.node_id.cmp(&b.run.node_id).then(b.updated.total_cmp(&a.updated))
        });
        reports.dedup_by_key(|report| report.run.node_id);
        let nodes: Vec<ClusterNode> =
            reports.into_iter().map(|report| ClusterNode::new(report, now)).collect();
        // There is one: a run is made of its reports.
        let first = nodes.first().map(|node| node.report.clone());
        let first = first.unwrap_or_else(|| {
            RunReport::begin(RunCommand::Write, RunIdentity::default(), String::new())
        });
        let node_states = NodeStates::of(&nodes, first.run.node_count);
        let (files, bytes) = work(&nodes, first.command, node_states.missing);
        let all = || nodes.iter().map(|node| &node.report);
        let maps = all().filter_map(|report| report.map.as_ref());
        let map = ProcessMap::merge(maps, first.run.node_count);
        Self {
            command: first.command,
            node_count: first.run.node_count,
            dataset: first.run.dataset,
            seed: first.run.seed,
            job: first.run.job,
            target: first.target,
            node_states,
            updated,
            files,
            bytes,
            percent_complete: percent(files, bytes),
            rates: rates(&nodes),
            remaining_s: remaining_s(&nodes),
            errors: RunErrors {
                total: all().map(|report| report.errors.total).fold(0, u64::saturating_add),
                first: all().find_map(|report| {
                    let node = report.run.node_id;
                    report.errors.first.as_ref().map(|error| format!("node {node}: {error}"))
                }),
            },
            judged: judged(&nodes, first.command, &node_states, map.as_ref()),
            wrong: ClusterWrong::of(&nodes),
            map,
            nodes,
        }
    }
}

impl OtherRun {
    fn new(reports: &[RunReport], updated: f64) -> Option<Self> {
        let first = reports.first()?;
        Some(Self {
            command: first.command,
            dataset: first.run.dataset.clone(),
            seed: first.run.seed.clone(),
            job: first.run.job.clone(),
            node_count: first.run.node_count,
            reports: reports.len() as u64,
            updated,
        })
    }
}

impl ClusterNode {
    fn new(report: RunReport, now: f64) -> Self {
        // The clocks of nodes differ: one that is ahead of ours has just spoken.
        let age_s = hundredths((now - report.updated).max(0.0));
        Self { age_s, stale: !report.phase.is_over() && age_s > STALE_AFTER_S, report }
    }

    /// Whether it has ended before it was done.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.report.phase == Phase::Failed
    }

    /// Whether it is at work.
    #[must_use]
    pub fn works(&self) -> bool {
        !self.stale && !self.report.phase.is_over()
    }
}

impl Serialize for ClusterNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { age_s, stale, report } = self;
        let verdict = report.judged.as_ref().map(|judged| judged.verdict.name());
        let mut line = serializer.serialize_struct("ClusterNode", 15)?;
        line.serialize_field("node", &report.run.node_id)?;
        line.serialize_field("host", &report.run.host)?;
        line.serialize_field("pid", &report.run.pid)?;
        line.serialize_field("target", &report.target)?;
        line.serialize_field("phase", &report.phase)?;
        line.serialize_field("age_s", age_s)?;
        line.serialize_field("stale", stale)?;
        line.serialize_field("failed", &self.failed())?;
        line.serialize_field("percent_complete", &report.percent_complete())?;
        line.serialize_field("files", &report.files)?;
        line.serialize_field("bytes", &report.bytes)?;
        line.serialize_field("rates", &report.rates)?;
        line.serialize_field("remaining_s", &report.remaining_s)?;
        line.serialize_field("verdict", &verdict)?;
        line.serialize_field("errors", &report.errors)?;
        line.end()
    }
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn optional_verdict<S: Serializer>(
    verdict: &Option<Verdict>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match verdict {
        Some(verdict) => named::serialize(verdict, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
