//! Node status: who writes how much, for everybody who sees the directory.
//!
//! Each node has a file of its own, `.dummy_data_status_node{K}.json` in the target directory, and
//! replaces it whole every second, so that no reader ever sees half of one. The fields are those
//! that the monitoring of an older generator reads; times are seconds since 1970, `mb` are 10^6
//! bytes and `gb` of memory 2^30.
//!
//! Whoever may write to the directory may write such a file, so what one says is believed only
//! where it could be so, and is bounded. One that cannot be read is named, and is not fine.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Root;
use super::publish::{EarlierReport, has_done_nothing};
use crate::disk::{Durability, Faults, Links, Sound};
use crate::report::{
    BytesDone, Cluster, ClusterNode, FilesDone, LastSecond, Machine, Phase, RunCommand,
    RunIdentity, RunRates, RunReport,
};

const PREFIX: &str = ".dummy_data_status_node";
const SUFFIX: &str = ".json";

/// Whether a name in the target directory is that of a node status, or of one on its way.
pub(super) fn is_node_status_name(name: &str) -> bool {
    let Some(on_its_way) = name.strip_suffix(".tmp") else { return node_of(name).is_some() };
    let is_unique = |unique: &str| unique.bytes().all(|byte| byte.is_ascii_hexdigit());
    match on_its_way.rsplit_once('.') {
        Some((name, unique)) if is_unique(unique) => node_of(name).is_some(),
        // As earlier versions called it.
        _ => node_of(on_its_way).is_some(),
    }
}

/// The node of a node status: its number as we write it.
pub(super) fn node_of(name: &str) -> Option<u32> {
    let text = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    text.parse().ok().filter(|node: &u32| node.to_string() == text)
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The node's number.
    pub node_id: u32,
    /// Files that are whole.
    pub files_created: u64,
    /// Of the node's files, by bytes.
    pub percent_complete: f64,
    /// When this was written.
    pub last_update: f64,
    /// 10^6 bytes a second since the start.
    pub throughput_mb_s: f64,
    /// Files a second since the start.
    pub files_per_sec: f64,
    /// What does not change.
    pub node_metadata: NodeMetadata,
}

/// What does not change while a node writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeMetadata {
    node_id: u32,
    /// How many nodes there are.
    pub node_count: u32,
    thread_count: usize,
    /// The mean.
    file_size_kb: f64,
    /// How many files the node is to write.
    pub target_files: u64,
    start_time: f64,
    #[serde(flatten)]
    machine: Machine,
}

/// Keeps the node status of this node.
#[derive(Debug)]
pub struct StatusKeeper<'a, F = Sound> {
    root: &'a Root<F>,
    name: OsString,
    keeps_earlier: bool,
}

impl<'a, F: Faults> StatusKeeper<'a, F> {
    /// The keeper for a node; for the share of all nodes that is node 0.
    #[must_use]
    pub fn new(root: &'a Root<F>, node: u32, earlier: EarlierReport) -> Self {
        let name = OsString::from(format!("{PREFIX}{node}{SUFFIX}"));
        let is_there = root.disk.stat_at(&root.directory, Path::new(&name), Links::Refuse).is_ok();
        Self { root, keeps_earlier: earlier == EarlierReport::KeepUntilWork && is_there, name }
    }

    /// Writes the file anew, and replaces the old one in one step.
    ///
    /// # Errors
    ///
    /// Those of the filesystem.
    pub fn update(&self, report: &RunReport) -> io::Result<()> {
        if self.keeps_earlier && has_done_nothing(report) {
            return Ok(());
        }
        let mut json = serde_json::to_vec_pretty(&NodeStatus::from(report))?;
        json.push(b'\n');
        let Root { disk, directory, .. } = self.root;
        disk.replace(directory, &self.name, &json, (0o666, Durability::Later))
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &Path {
        Path::new(&self.name)
    }
}

impl From<&RunReport> for NodeStatus {
    fn from(report: &RunReport) -> Self {
        let run = &report.run;
        #[expect(clippy::cast_precision_loss, reason = "a size for people")]
        let file_size_kb = report.bytes.total as f64 / report.files.total.max(1) as f64 / 1024.0;
        Self {
            node_id: run.node_id,
            files_created: report.files.done,
            percent_complete: report.percent_complete(),
            last_update: report.updated,
            throughput_mb_s: hundredths(report.rates.bytes_per_s / 1e6),
            files_per_sec: hundredths(report.rates.files_per_s),
            node_metadata: NodeMetadata {
                node_id: run.node_id,
                node_count: run.node_count,
                thread_count: usize::try_from(run.thread_count).unwrap_or(usize::MAX),
                file_size_kb,
                target_files: report.files.total,
                start_time: run.started,
                machine: report.machine.clone().unwrap_or_default(),
            },
        }
    }
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// The merged status of a directory: all reports, and before them what the write of all nodes was
/// called in earlier versions.
#[derive(Debug, Serialize)]
pub struct ClusterStatus<'a> {
    #[serde(flatten)]
    write: Option<WriteStatus>,
    #[serde(flatten)]
    cluster: &'a Cluster,
}

/// The nodes of a write together.
#[derive(Debug, Serialize)]
struct WriteStatus {
    node_count: u32,
    /// Nodes that are done, or have been heard of lately.
    active_nodes: u64,
    /// Nodes that are neither.
    stale_nodes: u64,
    files_created: u64,
    target_files: u64,
    percent_complete: f64,
    throughput_mb_s: f64,
    files_per_sec: f64,
    nodes: Vec<NodeLine>,
}

/// One node of a cluster's status.
#[derive(Debug, Serialize)]
struct NodeLine {
    age_s: f64,
    stale: bool,
    #[serde(flatten)]
    status: NodeStatus,
}

impl<'a> ClusterStatus<'a> {
    /// That of a directory's reports.
    #[must_use]
    pub fn new(cluster: &'a Cluster) -> Self {
        let write = cluster.run(RunCommand::Write).map(|run| WriteStatus {
            node_count: run.node_count,
            active_nodes: run.nodes.len() as u64 - run.node_states.stale,
            stale_nodes: run.node_states.stale,
            files_created: run.files.done,
            target_files: run.files.total,
            percent_complete: run.percent_complete,
            throughput_mb_s: hundredths(run.rates.bytes_per_s / 1e6),
            files_per_sec: hundredths(run.rates.files_per_s),
            nodes: run
                .nodes
                .iter()
                .map(|ClusterNode { age_s, stale, report }| NodeLine {
                    age_s: *age_s,
                    stale: *stale,
                    status: NodeStatus::from(report),
                })
                .collect(),
        });
        Self { write, cluster }
    }
}

/// A node status is a few hundred bytes.
pub(super) const STATUS_BYTES_MAX: usize = 64 << 10;
/// The most nodes that a dataset can have.
const NODES_MAX: u32 = 1 << 16;
/// More files than a dataset can have.
const FILES_MAX: u64 = 1 << 61;
/// A year so far away that a clock that says so is wrong.
const TIME_MAX_S: f64 = 1e11;

impl NodeStatus {
    /// A node status that somebody has written.
    pub(super) fn parse(json: &[u8], node: u32) -> io::Result<Self> {
        let status: Self = serde_json::from_slice(json)?;
        match status.contradiction(node) {
            None => Ok(status),
            Some(what) => Err(io::Error::new(ErrorKind::InvalidData, what)),
        }
    }

    /// The report that a node of an earlier version would have written.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it has told no more than a mean and a percentage"
    )]
    pub(super) fn into_report(self, target: &Path) -> RunReport {
        let metadata = self.node_metadata;
        let is_done = self.percent_complete >= 100.0;
        let total = metadata.file_size_kb * 1024.0 * metadata.target_files as f64;
        let elapsed_s = (self.last_update - metadata.start_time).max(0.0);
        let run = RunIdentity {
            node_id: self.node_id,
            node_count: metadata.node_count,
            host: metadata.machine.hostname.clone(),
            started: metadata.start_time,
            thread_count: metadata.thread_count as u64,
            ..RunIdentity::default()
        };
        let remaining = elapsed_s * (100.0 - self.percent_complete) / self.percent_complete;
        RunReport {
            phase: if is_done { Phase::Done } else { Phase::Writing },
            updated: self.last_update,
            elapsed_s,
            files: FilesDone { total: metadata.target_files, done: self.files_created, failed: 0 },
            bytes: BytesDone {
                total: total as u128,
                done: (total * self.percent_complete / 100.0) as u128,
            },
            rates: RunRates {
                bytes_per_s: self.throughput_mb_s * 1e6,
                files_per_s: self.files_per_sec,
                last_second: LastSecond::default(),
            },
            remaining_s: Some(remaining).filter(|seconds| (0.0..1e9).contains(seconds)),
            machine: Some(metadata.machine),
            ..RunReport::begin(RunCommand::Write, run, target.display().to_string())
        }
    }

    /// What cannot be so in a node status.
    fn contradiction(&self, node: u32) -> Option<&'static str> {
        let NodeMetadata { node_id, node_count, file_size_kb, target_files, start_time, .. } =
            self.node_metadata;
        let is_time = |time: f64| (0.0..=TIME_MAX_S).contains(&time);
        let is_rate = |rate: f64| rate >= 0.0 && rate.is_finite();
        [
            (self.node_id == node && node_id == node, "its node is not that of its name"),
            (node < node_count && node_count <= NODES_MAX, "its number of nodes cannot be"),
            (
                self.files_created <= target_files && target_files <= FILES_MAX,
                "its numbers of files cannot be",
            ),
            ((0.0..=100.0).contains(&self.percent_complete), "its percentage cannot be"),
            (is_time(self.last_update) && is_time(start_time), "its times cannot be"),
            (
                [self.throughput_mb_s, self.files_per_sec, file_size_kb].into_iter().all(is_rate),
                "its rates or sizes cannot be",
            ),
        ]
        .into_iter()
        .find_map(|(is_possible, what)| (!is_possible).then_some(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_status_files_have_their_names() {
        assert!(is_node_status_name(".dummy_data_status_node12.json"));
        assert!(is_node_status_name(".dummy_data_status_node12.json.tmp"));
        assert!(is_node_status_name(".dummy_data_status_node12.json.0123456789abcdef.tmp"));
        for name in [
            ".dummy_data_status_node012.json",
            ".dummy_data_status_node12.json.mine.tmp",
            ".dummy_data_status_node12.jsonx.tmp",
            ".dummy_data_status_node.json",
            ".dummy_data_status_nodex.json",
            "node0.json",
        ] {
            assert!(!is_node_status_name(name), "{name}");
        }
    }
}
