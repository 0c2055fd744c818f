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
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::machine::this_machine;
use super::{Existing, FILES_LISTED_MAX, Progress, Root, Share, WriteOptions};
use crate::disk::{Durability, Faults, Links, Sound};
use crate::report::{
    BytesDone, FilesDone, LastSecond, Machine, Phase, RunCommand, RunIdentity, RunRates, RunReport,
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

impl NodeMetadata {
    /// The name of the node's machine.
    #[must_use]
    pub fn hostname(&self) -> &str {
        &self.machine.hostname
    }
}

/// Keeps the node status of this node.
#[derive(Debug)]
pub struct StatusKeeper<'a, F = Sound> {
    root: &'a Root<F>,
    name: OsString,
    /// What an earlier run has left there stays until this one has done something.
    keeps_earlier: bool,
    metadata: NodeMetadata,
}

impl<'a, F: Faults> StatusKeeper<'a, F> {
    /// The keeper for a share of so many bytes: for that of all nodes, one node of one.
    ///
    /// A run that leaves existing files alone may find all of them there, and then has nothing to
    /// say that is truer than what the run before has said.
    #[must_use]
    pub fn new(
        root: &'a Root<F>,
        share: Share<'_>,
        total_bytes: u128,
        options: &WriteOptions,
    ) -> Self {
        let node_id = share.node().map_or(0, u32::from);
        let node_count = share.node().map_or(1, |_| share.dataset().dimensions().nodes);
        #[expect(clippy::cast_precision_loss, reason = "a size for people")]
        let file_size_kb = total_bytes as f64 / share.file_count().max(1) as f64 / 1024.0;
        let name = OsString::from(format!("{PREFIX}{node_id}{SUFFIX}"));
        let earlier = root.disk.stat_at(&root.directory, Path::new(&name), Links::Refuse);
        Self {
            root,
            keeps_earlier: options.existing == Existing::Refuse && earlier.is_ok(),
            name,
            metadata: NodeMetadata {
                node_id,
                node_count,
                thread_count: options.threads,
                file_size_kb,
                target_files: share.file_count(),
                start_time: unix_s(),
                machine: this_machine(),
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
        let Root { disk, directory, .. } = self.root;
        disk.replace(directory, &self.name, &json, (0o666, Durability::Later))
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &Path {
        Path::new(&self.name)
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
    /// One for each node status, in the order of their numbers.
    pub nodes: Vec<NodeLine>,
    /// Status files that cannot be read or believed, the first of them.
    pub unreadable: Vec<String>,
    /// How many there are.
    pub unreadable_total: u64,
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

/// A node status is a few hundred bytes.
pub(super) const STATUS_BYTES_MAX: usize = 64 << 10;
/// The most nodes that a dataset can have.
const NODES_MAX: u32 = 1 << 16;
/// More files than a dataset can have.
const FILES_MAX: u64 = 1 << 61;
/// A year so far away that a clock that says so is wrong.
const TIME_MAX_S: f64 = 1e11;

/// Reads the node statuses in a directory and merges them; `None` where there are none.
///
/// # Errors
///
/// Where the directory cannot be read.
pub fn read_cluster_status<F: Faults>(root: &Root<F>) -> io::Result<Option<ClusterStatus>> {
    let mut nodes = Vec::new();
    let (mut unreadable, mut unreadable_total) = (Vec::new(), 0);
    for entry in root.disk.list(&root.directory)? {
        let name = entry?.name;
        let Some((name, node)) = name.to_str().and_then(|name| Some((name, node_of(name)?))) else {
            continue;
        };
        match read_status(root, name, node) {
            Ok(status) => nodes.push(status),
            // Removed since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                unreadable_total += 1;
                if unreadable.len() < FILES_LISTED_MAX {
                    unreadable.push(format!("{name}: {error}"));
                }
            }
        }
    }
    if nodes.is_empty() && unreadable.is_empty() {
        return Ok(None);
    }
    let merged = merge(nodes, unix_s());
    Ok(Some(ClusterStatus { unreadable, unreadable_total, ..merged }))
}

fn read_status<F: Faults>(root: &Root<F>, name: &str, node: u32) -> io::Result<NodeStatus> {
    let Root { disk, directory, .. } = root;
    let path = Path::new(name);
    let json = disk.read_whole(directory, path, Links::Refuse, STATUS_BYTES_MAX)?;
    NodeStatus::parse(&json, node)
}

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
            remaining_s: remaining.is_finite().then_some(remaining),
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
        all().map(|status| status.percent_complete).fold(0.0, |sum, percent| sum + percent)
            / f64::from(node_count.max(1));
    ClusterStatus {
        schema: 1,
        node_count,
        active_nodes: seen - stale_nodes,
        stale_nodes,
        files_created: all().map(|status| status.files_created).fold(0, u64::saturating_add),
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
        unreadable_total: 0,
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
