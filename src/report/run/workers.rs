//! What works in a run, and on what: threads and targets.

use serde::{Deserialize, Serialize};

use super::{BytesDone, FilesDone};

/// What one thread does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThreadReport {
    /// The file that it is at.
    pub doing: Option<String>,
    /// The number of the target that the file is on, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<u64>,
    /// Bytes that it has written or read so far.
    pub bytes: u64,
    /// Bytes a second since it began.
    #[serde(default)]
    pub bytes_per_s: f64,
    /// The share of its time since the start in which it had nothing to do, from 0 to 1.
    pub idle_share: f64,
}

/// One of several targets of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetReport {
    /// Its number in the spread.
    pub target: u64,
    /// Its directory, as it was given.
    pub directory: String,
    /// Its files: of each file, every copy.
    pub files: FilesDone,
    /// Their bytes.
    pub bytes: BytesDone,
    /// Bytes a second from the start to the last of them.
    pub bytes_per_s: f64,
    /// The share of the time since the start in which no thread was at work on it, from 0 to 1.
    pub idle_share: f64,
    /// How often something was tried again.
    pub retries: u64,
    /// Copies that went to other targets, because this one has failed.
    pub moved: u64,
    /// Why it has failed; none where it has not.
    pub failed: Option<String>,
}
