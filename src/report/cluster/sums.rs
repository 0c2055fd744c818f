//! What many nodes say, added up.

use super::{CLUSTER_RANGES_MAX, ClusterNode, ClusterWrong, NodeRange, NodeStates};
use crate::report::map::MapCell;
use crate::report::{
    ByteTotals, BytesDone, ClassCounts, FileTally, FilesDone, Judged, LastSecond, Phase,
    ProcessMap, RunCommand, RunRates,
};
use crate::verdict::Verdict;

impl NodeStates {
    pub(super) fn of(nodes: &[ClusterNode], node_count: u32) -> Self {
        let count =
            |is: &dyn Fn(&ClusterNode) -> bool| nodes.iter().filter(|node| is(node)).count() as u64;
        // Mounts may have numbers past that of the nodes.
        let heard = count(&|node| node.report.run.node_id < node_count);
        Self {
            working: count(&ClusterNode::works),
            done: count(&|node| node.report.phase == Phase::Done),
            failed: count(&ClusterNode::failed),
            stale: count(&|node| node.stale),
            missing: u64::from(node_count).saturating_sub(heard),
        }
    }
}

impl ClusterWrong {
    pub(super) fn of(nodes: &[ClusterNode]) -> Self {
        let total = nodes.iter().map(|node| node.report.wrong.total).fold(0, u64::saturating_add);
        // Each node has its part of the list: no node's many push out another's only one.
        let share = CLUSTER_RANGES_MAX.div_ceil(nodes.len().max(1));
        let of_node = |node: &ClusterNode| {
            let run = &node.report.run;
            let (node_id, host) = (run.node_id, run.host.clone());
            let ranges = node.report.wrong.ranges.iter().take(share).cloned();
            ranges
                .map(|range| NodeRange { node: node_id, host: host.clone(), range })
                .collect::<Vec<_>>()
        };
        let ranges = nodes.iter().flat_map(of_node).take(CLUSTER_RANGES_MAX).collect();
        Self { total, ranges }
    }
}

/// Files and bytes of all nodes.
pub(super) fn work(
    nodes: &[ClusterNode],
    command: RunCommand,
    missing: u64,
) -> (FilesDone, BytesDone) {
    let (mut files, mut bytes) = (FilesDone::default(), BytesDone::default());
    let (mut most_files, mut most_bytes) = (0, 0);
    for ClusterNode { report, .. } in nodes {
        files.done = files.done.saturating_add(report.files.done);
        files.failed = files.failed.saturating_add(report.files.failed);
        files.total = files.total.saturating_add(report.files.total);
        bytes.done = bytes.done.saturating_add(report.bytes.done);
        bytes.total = bytes.total.saturating_add(report.bytes.total);
        most_files = most_files.max(report.files.total);
        most_bytes = most_bytes.max(report.bytes.total);
    }
    if command == RunCommand::Mount {
        // Each mount has all of the dataset; what is done on two of them is not done twice.
        let done = files.done.min(most_files);
        files = FilesDone { total: most_files, done, failed: files.failed.min(most_files - done) };
        bytes = BytesDone { total: most_bytes, done: bytes.done.min(most_bytes) };
    } else {
        files.total = files.total.saturating_add(missing.saturating_mul(most_files));
        bytes.total = bytes.total.saturating_add(u128::from(missing).saturating_mul(most_bytes));
    }
    (files, bytes)
}

pub(super) fn rates(nodes: &[ClusterNode]) -> RunRates {
    let sum = |counts: &dyn Fn(&ClusterNode) -> bool, rate: &dyn Fn(&RunRates) -> f64| {
        let counted = nodes.iter().filter(|node| counts(node));
        counted.map(|node| rate(&node.report.rates)).sum::<f64>() + 0.0
    };
    let fresh = |node: &ClusterNode| !node.stale;
    RunRates {
        bytes_per_s: sum(&fresh, &|rates| rates.bytes_per_s),
        files_per_s: sum(&fresh, &|rates| rates.files_per_s),
        last_second: LastSecond {
            bytes_per_s: sum(&ClusterNode::works, &|rates| rates.last_second.bytes_per_s),
            files_per_s: sum(&ClusterNode::works, &|rates| rates.last_second.files_per_s),
        },
    }
}

pub(super) fn remaining_s(nodes: &[ClusterNode]) -> Option<f64> {
    let working = nodes.iter().filter(|node| node.works());
    working
        .map(|node| node.report.remaining_s)
        .try_fold(0.0, |most, left| left.map(|left| f64::max(most, left)))
}

/// Two verdicts as one: where they differ it is the worst, but verified and untouched together are
/// incomplete.
pub(super) fn together(a: Verdict, b: Verdict) -> Verdict {
    match (a, b) {
        (a, b) if a == b => a,
        (Verdict::Mismatch, _) | (_, Verdict::Mismatch) => Verdict::Mismatch,
        _ => Verdict::Incomplete,
    }
}

/// The verdict over all nodes and what they have counted.
pub(super) fn judged(
    nodes: &[ClusterNode],
    command: RunCommand,
    states: &NodeStates,
    map: Option<&ProcessMap>,
) -> Option<Judged> {
    let all: Vec<&Judged> = nodes.iter().filter_map(|node| node.report.judged.as_ref()).collect();
    let verdict = all.iter().map(|judged| judged.verdict).reduce(together)?;
    let is_mount = command == RunCommand::Mount;
    let verdict = if is_mount && verdict == Verdict::Incomplete {
        // Each mount has seen a part of what was written; together they may have seen all.
        let maps = nodes.iter().filter(|node| node.report.map.is_some()).count();
        let all_verified = map.is_some_and(|map| map.is_all(MapCell::Verified));
        if maps == nodes.len() && all_verified { Verdict::Verified } else { verdict }
    } else {
        verdict
    };
    // What a run that ended early, or has not ended, says of its files is not all. A mount says all
    // at any time, but one that is silent may have seen other bytes since.
    let is_up_to_date =
        if is_mount { states.stale == 0 } else { states.done == nodes.len() as u64 };
    let is_whole = states.missing == 0 && all.len() == nodes.len() && is_up_to_date;
    let verdict = match verdict {
        Verdict::Verified if !is_whole => Verdict::Incomplete,
        verdict => verdict,
    };
    let mut sum = Judged {
        verdict,
        files: FileTally::default(),
        bytes: ByteTotals::default(),
        estimated: all.iter().any(|judged| judged.estimated),
        classes: ClassCounts::default(),
        unexpected: all.iter().map(|judged| judged.unexpected).fold(0, u64::saturating_add),
    };
    for Judged { files, bytes, classes, .. } in &all {
        sum.files.add_all(files);
        sum.bytes.add_all(bytes);
        sum.classes.add_all(classes);
    }
    if is_mount {
        within_one_dataset(&mut sum, &all);
    }
    Some(sum)
}

/// Mounts have the same files each: what they have counted, as of one dataset. A file of which two
/// mounts have a verdict counts with both, as far as there is room.
fn within_one_dataset(sum: &mut Judged, all: &[&Judged]) {
    let total = all.iter().filter_map(|judged| judged.files.total()).max().unwrap_or_default();
    let mut left = total;
    let mut take = |count: u64| {
        let taken = count.min(left);
        left -= taken;
        taken
    };
    let FileTally { mismatch, incomplete, verified, .. } = sum.files;
    let (mismatch, incomplete, verified) = (take(mismatch), take(incomplete), take(verified));
    sum.files = FileTally { mismatch, incomplete, verified, untouched: left };
    sum.bytes.expected = all.iter().map(|judged| judged.bytes.expected).max().unwrap_or_default();
    sum.bytes.wrong = sum.bytes.wrong.min(sum.bytes.expected);
    sum.bytes.matched = sum.bytes.matched.min(sum.bytes.expected - sum.bytes.wrong);
}
