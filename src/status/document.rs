//! Which documents there are.

use crate::dataset::Inode;

/// One of the files under `.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Document {
    /// `summary.json`
    Summary,
    /// `config.json`
    Config,
    /// `mismatches.json`
    Mismatches,
    /// `others.json`
    Others,
    /// `report.json`
    Report,
    /// `metrics`, which is no JSON but text.
    Metrics,
    /// `map.json`
    Map,
    /// `nodes/node_<node>.json`
    Node(u16),
    /// `nodes/node_<node>/process_<process>.json`
    Process(u16, u16),
    /// `files/<path>.json`
    File(Inode),
}
