//! The report of `verify --after-crash`.

use serde::Serialize;
use serde_json::Value;

use super::write_json;

/// Bytes, or files, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AftermathFates<T = u128> {
    /// What was written last is there.
    pub right: T,
    /// Nobody has said that it was written.
    pub unwritten: T,
    /// An older generation is there, and the newer one was never synced.
    pub stale: T,
    /// A part of a write is there, and this is not.
    pub torn: T,
    /// It was written, never synced, and is gone.
    pub lost_never_synced: T,
    /// It was synced, and is gone.
    pub lost_though_synced: T,
}

impl AftermathFates {
    /// Adds those of a file.
    pub fn add(&mut self, other: &Self) {
        self.right += other.right;
        self.unwritten += other.unwritten;
        self.stale += other.stale;
        self.torn += other.torn;
        self.lost_never_synced += other.lost_never_synced;
        self.lost_though_synced += other.lost_though_synced;
    }
}

/// What stands in place of bytes that were lost though they were synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AftermathLosses {
    /// Nothing: the file ends before, or is not there.
    pub missing: u128,
    /// Zeros.
    pub zeroed: u128,
    /// An older generation.
    pub stale: u128,
    /// Anything else.
    pub foreign: u128,
}

impl AftermathLosses {
    /// Adds those of a file.
    pub fn add(&mut self, other: &Self) {
        self.missing += other.missing;
        self.zeroed += other.zeroed;
        self.stale += other.stale;
        self.foreign += other.foreign;
    }
}

/// All files together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AftermathTotals {
    /// How many files were looked for.
    pub files: u64,
    /// How many are there.
    pub there: u64,
    /// Their names, by what became of them.
    pub names: AftermathFates<u64>,
    /// Their bytes.
    pub bytes: AftermathFates,
    /// What stands in place of what was lost though it was synced.
    pub lost_though_synced: AftermathLosses,
}

impl AftermathTotals {
    /// Whether the storage has lost what it had acknowledged.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.names.lost_though_synced > 0 || self.bytes.lost_though_synced > 0
    }
}

/// A file that is not all right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AftermathFile {
    /// Its number, to sort by.
    #[serde(skip)]
    pub index: u64,
    /// Its path in the dataset.
    pub path: String,
    /// Whether it is there.
    pub exists: bool,
    /// What became of its name.
    pub name: &'static str,
    /// What became of its bytes.
    pub bytes: AftermathFates,
    /// The first ranges that are not right.
    pub ranges: Vec<AftermathRange>,
    /// How many there are.
    pub ranges_total: u64,
}

/// Bytes that are not right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AftermathRange {
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
    /// What became of them.
    pub fate: &'static str,
    /// What stands there.
    pub standing: &'static str,
    /// The newest generation that has it there.
    pub generation: Option<u16>,
}

/// What the journal says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AftermathJournal {
    /// Its path.
    pub path: String,
    /// How many generations were to be written.
    pub passes: u16,
    /// The one that the run was at.
    pub generation: u16,
    /// Whether the run had come to its end.
    pub done: bool,
    /// Bytes at the end of the journal that are part of an append that was cut.
    pub torn_bytes: u64,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AftermathReport {
    /// The version of the document's form.
    pub schema: u32,
    /// `kept`, `broken`, or `incomplete` where not everything could be read.
    pub verdict: &'static str,
    /// The directory.
    pub directory: String,
    /// What was known.
    pub journal: AftermathJournal,
    /// All files together.
    #[serde(flatten)]
    pub totals: AftermathTotals,
    /// Files that are not all right.
    pub problems: Vec<AftermathFile>,
    /// How many there are.
    pub problems_total: u64,
    /// What could not be read.
    pub failures: Value,
    /// How much of it.
    pub failures_total: u64,
    /// Since the start.
    pub seconds: f64,
}

impl AftermathReport {
    /// The version of the document's form that this program writes.
    pub const SCHEMA: u32 = 1;

    /// The report as JSON.
    #[must_use]
    pub fn document(&self) -> Vec<u8> {
        let mut json = Vec::new();
        // Memory takes all that is written.
        let _ = write_json(self, &mut json);
        json
    }
}
