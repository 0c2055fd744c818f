//! The status files of the nodes: who writes how much, for everybody who sees the directory.
//!
//! Each node has one, `.dummy_data_status_node{K}.json` in the target directory, and replaces it
//! whole every second, so that no reader ever sees half of one. The fields are those that the
//! monitoring of an older generator reads; times are seconds since 1970, `mb` are 10^6 bytes and
//! `gb` of memory 2^30.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::{Existing, Progress, Share, WriteOptions};

const PREFIX: &str = ".dummy_data_status_node";
const SUFFIX: &str = ".json";

/// Whether a name in the target directory is that of a status file, or of one on its way.
pub(super) fn is_status_name(name: &str) -> bool {
    node_of(name.strip_suffix(".tmp").unwrap_or(name)).is_some()
}

fn node_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
}

/// One status file.
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

impl NodeMetadata {
    /// The name of the node's machine.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.machine.hostname
    }
}

/// Keeps the status file of this node.
#[derive(Debug)]
pub struct StatusKeeper {
    path: PathBuf,
    /// What an earlier run has left there stays until this one has done something.
    keeps_earlier: bool,
    metadata: NodeMetadata,
}

impl StatusKeeper {
    /// The keeper for a share of so many bytes: for that of all nodes, one node of one.
    ///
    /// A run that leaves existing files alone may find all of them there, and then has nothing to
    /// say that is truer than what the run before has said.
    #[must_use]
    pub fn new(root: &Path, share: Share<'_>, total_bytes: u128, options: &WriteOptions) -> Self {
        let node_id = share.node().map_or(0, u32::from);
        let node_count = share.node().map_or(1, |_| share.dataset().dimensions().nodes);
        #[expect(clippy::cast_precision_loss, reason = "a size for people")]
        let file_size_kb = total_bytes as f64 / share.file_count().max(1) as f64 / 1024.0;
        let path = root.join(format!("{PREFIX}{node_id}{SUFFIX}"));
        Self {
            keeps_earlier: options.existing == Existing::Refuse && path.exists(),
            path,
            metadata: NodeMetadata {
                node_id,
                node_count,
                thread_count: options.threads,
                file_size_kb,
                target_files: share.file_count(),
                start_time: unix_s(),
                machine: Machine::here(),
            },
        }
    }

    /// The name of the node's machine.
    #[must_use]
    pub fn hostname(&self) -> &str {
        self.metadata.hostname()
    }

    /// Writes the file anew, and replaces the old one in one step.
    ///
    /// # Errors
    ///
    /// Those of the filesystem.
    pub fn update(&self, progress: &Progress) -> io::Result<()> {
        let now = progress.snapshot();
        if self.keeps_earlier && now.files == 0 && now.bytes == 0 {
            return Ok(());
        }
        let status = NodeStatus {
            node_id: self.metadata.node_id,
            files_created: now.files,
            percent_complete: percent(now.files, now.bytes, progress),
            last_update: unix_s(),
            throughput_mb_s: hundredths(now.gb_per_s() * 1000.0),
            files_per_sec: hundredths(now.files_per_s()),
            node_metadata: self.metadata.clone(),
        };
        let mut json = serde_json::to_vec_pretty(&status)?;
        json.push(b'\n');
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".tmp");
        fs::write(&temporary, json)?;
        fs::rename(&temporary, &self.path)
    }
}

/// By bytes, except that only the last file makes it 100.
#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
fn percent(files: u64, bytes: u64, progress: &Progress) -> f64 {
    if files >= progress.files_total {
        return 100.0;
    }
    let percent = bytes as f64 / (progress.bytes_total as f64).max(1.0) * 100.0;
    hundredths(percent).min(99.99)
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}

/// A node that has not said anything for so long, and is not done, is stale.
pub const STALE_AFTER_S: f64 = 30.0;

/// The nodes together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterStatus {
    schema: u32,
    /// How many nodes there are to be.
    pub node_count: u32,
    /// Nodes that are done, or have been heard of lately.
    pub active_nodes: u64,
    /// Nodes that are neither.
    pub stale_nodes: u64,
    /// Files that are whole.
    pub files_created: u64,
    /// Files of all nodes that there are to be.
    pub target_files: u64,
    /// Of all nodes' files; a node that has not begun counts as 0.
    pub percent_complete: f64,
    /// 10^6 bytes a second, of the nodes that are not stale.
    pub throughput_mb_s: f64,
    /// Files a second, of the nodes that are not stale.
    pub files_per_sec: f64,
    /// One for each status file, in the order of their numbers.
    pub nodes: Vec<NodeLine>,
    /// Status files that cannot be read.
    pub unreadable: Vec<String>,
}

/// One node of a cluster's status.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeLine {
    /// Seconds since its last update.
    pub age_s: f64,
    /// Silent for too long, and not done.
    pub stale: bool,
    /// What it says.
    #[serde(flatten)]
    pub status: NodeStatus,
}

/// Reads the status files in a directory and merges them; `None` where there are none.
///
/// # Errors
///
/// Where the directory cannot be read.
pub fn read_cluster_status(root: &Path) -> io::Result<Option<ClusterStatus>> {
    let mut nodes = Vec::new();
    let mut unreadable = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().filter(|name| node_of(name).is_some()) else { continue };
        let read = fs::read(root.join(name))
            .and_then(|json| serde_json::from_slice(&json).map_err(io::Error::from));
        match read {
            Ok(status) => nodes.push(status),
            Err(error) => unreadable.push(format!("{name}: {error}")),
        }
    }
    if nodes.is_empty() && unreadable.is_empty() {
        return Ok(None);
    }
    let mut merged = merge(nodes, unix_s());
    merged.unreadable = unreadable;
    Ok(Some(merged))
}

fn merge(mut nodes: Vec<NodeStatus>, now: f64) -> ClusterStatus {
    nodes.sort_by_key(|status| status.node_id);
    let nodes: Vec<NodeLine> = nodes
        .into_iter()
        .map(|status| {
            // The clocks of nodes differ: one that is ahead of ours has just spoken.
            let age_s = hundredths((now - status.last_update).max(0.0));
            let done = status.percent_complete >= 100.0;
            NodeLine { age_s, stale: !done && age_s > STALE_AFTER_S, status }
        })
        .collect();
    let seen = nodes.len() as u64;
    let node_count = nodes.iter().map(|node| node.status.node_metadata.node_count).max();
    let node_count = node_count.unwrap_or_default().max(u32::try_from(seen).unwrap_or(u32::MAX));
    let stale_nodes = nodes.iter().filter(|node| node.stale).count() as u64;
    let fresh = || nodes.iter().filter(|node| !node.stale).map(|node| &node.status);
    let all = || nodes.iter().map(|node| &node.status);
    // All shares have as many files: nodes that have not begun have as many to write as the others.
    let target = all().map(|status| status.node_metadata.target_files).max().unwrap_or_default();
    let percent =
        all().map(|status| status.percent_complete).sum::<f64>() / f64::from(node_count.max(1));
    ClusterStatus {
        schema: 1,
        node_count,
        active_nodes: seen - stale_nodes,
        stale_nodes,
        files_created: all().map(|status| status.files_created).sum(),
        target_files: target.saturating_mul(node_count.into()),
        percent_complete: hundredths(percent),
        throughput_mb_s: hundredths(
            fresh().map(|status| status.throughput_mb_s).fold(0.0, |sum, rate| sum + rate),
        ),
        files_per_sec: hundredths(
            fresh().map(|status| status.files_per_sec).fold(0.0, |sum, rate| sum + rate),
        ),
        nodes,
        unreadable: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(node_id: u32, percent_complete: f64, last_update: f64) -> NodeStatus {
        let machine = Machine::default();
        NodeStatus {
            node_id,
            files_created: 10,
            percent_complete,
            last_update,
            throughput_mb_s: 100.0,
            files_per_sec: 5.0,
            node_metadata: NodeMetadata {
                node_id,
                node_count: 4,
                thread_count: 2,
                file_size_kb: 1.0,
                target_files: 20,
                start_time: 0.0,
                machine,
            },
        }
    }

    #[test]
    fn a_silent_node_is_stale_unless_it_is_done() {
        let merged = merge(
            vec![status(2, 50.0, 900.0), status(0, 100.0, 1.0), status(1, 30.0, 999.0)],
            1000.0,
        );
        let lines: Vec<_> =
            merged.nodes.iter().map(|node| (node.status.node_id, node.stale, node.age_s)).collect();
        assert_eq!(lines, [(0, false, 999.0), (1, false, 1.0), (2, true, 100.0)]);
        assert_eq!((merged.active_nodes, merged.stale_nodes, merged.node_count), (2, 1, 4));
        assert_eq!((merged.files_created, merged.target_files), (30, 80));
        assert!((merged.percent_complete - 45.0).abs() < 1e-9);
        assert!((merged.throughput_mb_s - 200.0).abs() < 1e-9);
    }

    #[test]
    fn only_status_files_have_their_names() {
        assert!(is_status_name(".dummy_data_status_node12.json"));
        assert!(is_status_name(".dummy_data_status_node12.json.tmp"));
        for name in [".dummy_data_status_node.json", ".dummy_data_status_nodex.json", "node0.json"]
        {
            assert!(!is_status_name(name), "{name}");
        }
    }
}
