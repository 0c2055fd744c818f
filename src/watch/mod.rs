//! What can be watched while it works, for every view of it.
//!
//! A [`Target`] is a mount, or a directory that nodes report to. What is seen of either has one
//! form, the [`Cluster`](crate::report::Cluster) of reports: a mount is a cluster of one. So the
//! terminal and the page in the browser draw the same thing, and neither computes anything: sums,
//! rates, verdicts and who is stale come from [`report`](crate::report), rates over time from
//! [`History`].
//!
//! ```text
//!   a mount: .status/summary.json, mismatches.json ─┐
//!                                                   ├─→ Cluster ─┬─→ Watched ─→ Watcher ─→ Look
//!   a directory: .seedfs/node{K}.{command}.json ────┘            └─→ History ─┘
//! ```
//!
//! Being watched must cost next to nothing. A mount is asked for its cheap documents, once for each
//! look, and for the list of wrong ranges only once there was one. What does not answer holds only
//! the thread of its [`Watcher`].

mod history;
mod mount;
mod target;
mod watcher;
mod words;

pub use history::{History, NodeCounters, NodeReading, RateSample, SAMPLES_MAX};
pub use target::{Target, TargetError, Watched, explained};
pub use watcher::{Look, Watcher};
pub use words::{counted, duration, events, grouped, plain, throughput};

/// The name of this machine.
fn host_name() -> String {
    nix::unistd::gethostname()
        .map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}
