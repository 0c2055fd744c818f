//! What a run says of itself while it works: one form for `write`, `verify` and `mount`.
//!
//! Whoever can write to the directory that a report is in can write one. So the form is read into
//! types, and what contradicts itself is refused ([`RunReport::contradiction`]). Texts in it may be
//! anything: views show them without control characters.

mod checks;
mod judged;
mod workers;

use serde::{Deserialize, Serialize};

use super::map::ProcessMap;
use super::views::{KeptView, MeterView, RangeView, RefusedView, SCHEMA, TimedView};
use crate::dataset::Dataset;

pub use judged::Judged;
pub use workers::{TargetReport, ThreadReport};

/// How many wrong ranges a report names.
pub const REPORT_RANGES_MAX: usize = 100;
/// How many targets a report can have.
pub const REPORT_TARGETS_MAX: usize = 64;
/// How many threads a report names.
pub const REPORT_THREADS_MAX: usize = 256;
/// How many runs the map of a published report has.
pub const REPORT_MAP_RUNS_MAX: usize = 4096;
/// The most bytes of a published report.
pub const REPORT_BYTES_MAX: usize = 128 << 10;

/// Which command works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunCommand {
    /// `seedfs write`
    Write,
    /// `seedfs verify`
    Verify,
    /// `seedfs mount`
    Mount,
}

impl RunCommand {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Write, Self::Verify, Self::Mount];

    /// The name of the command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Verify => "verify",
            Self::Mount => "mount",
        }
    }
}

/// What a run is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It reads files, or a mount is read or idle.
    Reading,
    /// It writes files, or a mount is written to.
    Writing,
    /// It looks at what is there already, or at names that are none of the dataset's.
    Checking,
    /// It has done all that it was asked for.
    Done,
    /// It has ended before that: it was interrupted, or something could not be written or read.
    Failed,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Reading, Self::Writing, Self::Checking, Self::Done, Self::Failed];

    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Writing => "writing",
            Self::Checking => "checking",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing more will be heard of it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// Which run it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// The digest of the dataset's canonical configuration, 32 hexadecimal digits; none where an
    /// earlier version has not told.
    pub dataset: Option<String>,
    /// The seed, or its beginning.
    pub seed: Option<String>,
    /// The node's number, from 0.
    pub node_id: u32,
    /// How many nodes share the work. A run over all nodes is one node of one.
    pub node_count: u32,
    /// The job of a cluster's engine, where one has started it.
    pub job: Option<String>,
    /// The name of the machine.
    pub host: String,
    /// The number of the process there.
    pub pid: u32,
    /// When it began, in seconds since 1970.
    pub started: f64,
    /// How many threads work.
    pub thread_count: u64,
}

/// Which reports are of one run: command, dataset, number of nodes, job.
pub(super) type RunKey = (RunCommand, Option<String>, u32, Option<String>);

impl RunIdentity {
    /// A node's run on a dataset, or that of all nodes. Who and when is to be filled in.
    #[must_use]
    pub fn new(dataset: &Dataset, node: Option<u16>) -> Self {
        Self {
            dataset: Some(dataset_digest(dataset)),
            seed: Some(dataset.seed().chars().take(100).collect()),
            node_id: node.map_or(0, u32::from),
            node_count: node.map_or(1, |_| dataset.dimensions().nodes),
            ..Self::default()
        }
    }
}

/// What names a dataset: BLAKE3 of its canonical configuration, cut to 32 hexadecimal digits.
#[must_use]
pub fn dataset_digest(dataset: &Dataset) -> String {
    let mut config = dataset.to_config();
    if config.template_path().is_some() {
        // Nodes may have the same file in different places; its hash is in the configuration.
        config.set_template_path("");
    }
    let json = serde_json::to_vec(&config).unwrap_or_default();
    let mut digest = blake3::hash(&json).to_hex().to_string();
    digest.truncate(32);
    digest
}

/// Files of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesDone {
    /// That it is about.
    pub total: u64,
    /// Of them, those that are done; of a mount, those that are verified.
    pub done: u64,
    /// Of them, those that could not be written or read.
    pub failed: u64,
}

/// Bytes of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BytesDone {
    /// That it is about.
    pub total: u128,
    /// Written or read so far; of a mount, written and right.
    pub done: u128,
}

/// How fast it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRates {
    /// Bytes a second since the start.
    pub bytes_per_s: f64,
    /// Files a second since the start.
    pub files_per_s: f64,
    /// The same over the last second.
    pub last_second: LastSecond,
}

/// How fast it went in the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastSecond {
    /// Bytes a second.
    pub bytes_per_s: f64,
    /// Files a second.
    pub files_per_s: f64,
}

/// What went wrong with the run itself: not what it has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunErrors {
    /// How many errors.
    pub total: u64,
    /// The first of them, with the path.
    pub first: Option<String>,
}

/// Wrong ranges, the first or the latest of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReportedRanges {
    /// How many there are.
    pub total: u64,
    /// Those that are named, [`REPORT_RANGES_MAX`] at the most: of `verify` the first, of a mount
    /// the latest, oldest first.
    pub ranges: Vec<FileRange>,
}

/// A wrong range, and the file that it is in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileRange {
    /// The file's path in the dataset.
    pub path: String,
    /// The directory of the target that it is on, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The range.
    #[serde(flatten)]
    pub range: RangeView,
}

/// What a mount was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunOperations {
    /// Reads of the dataset's files.
    pub reads: MeterView,
    /// Writes to them that succeeded.
    pub writes: MeterView,
    /// Writes that failed.
    #[serde(default)]
    pub refused: RefusedView,
    /// Those of the reads that were timed.
    #[serde(default)]
    pub timed_reads: TimedView,
    /// Those of the writes that were timed.
    #[serde(default)]
    pub timed_writes: TimedView,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub hostname: String,
    /// The system and its version.
    pub platform: String,
    /// Its processor.
    pub cpu_model: String,
    /// Cores.
    pub cpu_cores: u64,
    /// Hardware threads.
    pub cpu_threads: u64,
    /// 2^30 bytes of memory.
    pub system_memory_gb: f64,
    /// Those that were free when the run began.
    pub available_memory_gb: f64,
}

/// The report of one run on one node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of the form. Fields may be added under the same number.
    pub schema: u32,
    /// The version of seedfs.
    pub version: String,
    /// Which command works.
    pub command: RunCommand,
    /// Which run it is.
    pub run: RunIdentity,
    /// The directory or the mount point, as it was given.
    pub target: String,
    /// What it is at.
    pub phase: Phase,
    /// When it has said so, in seconds since 1970.
    pub updated: f64,
    /// Seconds since it began.
    pub elapsed_s: f64,
    /// Its files.
    pub files: FilesDone,
    /// Its bytes.
    pub bytes: BytesDone,
    /// How fast it goes.
    pub rates: RunRates,
    /// How many seconds it still takes if it goes on like this; none where that cannot be told.
    pub remaining_s: Option<f64>,
    /// What went wrong with it.
    pub errors: RunErrors,
    /// What was judged; none for `write`.
    pub judged: Option<Judged>,
    /// Which ranges are wrong.
    pub wrong: ReportedRanges,
    /// What a mount was asked for; none for the others.
    pub operations: Option<RunOperations>,
    /// What a mount holds in memory; none of the others.
    #[serde(default)]
    pub kept: Option<KeptView>,
    /// What the first [`REPORT_THREADS_MAX`] threads do; none of a mount.
    pub threads: Vec<ThreadReport>,
    /// The targets, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetReport>,
    /// How often something was tried again after an error that may pass.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u64,
    /// A verdict for each process; none where it is not known.
    pub map: Option<ProcessMap>,
    /// The machine, where it is told.
    pub machine: Option<Machine>,
}

impl RunReport {
    /// The report of a run that has done nothing yet.
    #[must_use]
    pub fn begin(command: RunCommand, run: RunIdentity, target: String) -> Self {
        let updated = run.started;
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command,
            run,
            target,
            phase: Phase::Reading,
            updated,
            elapsed_s: 0.0,
            files: FilesDone::default(),
            bytes: BytesDone::default(),
            rates: RunRates::default(),
            remaining_s: None,
            errors: RunErrors::default(),
            judged: None,
            wrong: ReportedRanges::default(),
            operations: None,
            kept: None,
            threads: Vec::new(),
            targets: Vec::new(),
            retries: 0,
            map: None,
            machine: None,
        }
    }

    pub(super) fn key(&self) -> RunKey {
        let RunIdentity { dataset, node_count, job, .. } = &self.run;
        (self.command, dataset.clone(), *node_count, job.clone())
    }

    /// How much is done, from 0 to 100: by bytes, except that only the last file makes it 100.
    #[must_use]
    pub fn percent_complete(&self) -> f64 {
        percent(self.files, self.bytes)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// By bytes, except that only the last file makes it 100.
#[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
pub(super) fn percent(files: FilesDone, bytes: BytesDone) -> f64 {
    if files.done >= files.total {
        return 100.0;
    }
    let percent = bytes.done as f64 / (bytes.total as f64).max(1.0) * 100.0;
    hundredths(percent).min(99.99)
}

pub(super) fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
pub(crate) mod tests;
