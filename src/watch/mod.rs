//! What can be watched while it works, for every view of it.
//!
//! A [`Target`] is a mount, or a directory that nodes report to. What is seen of either has one
//! form, the [`Cluster`](crate::report::Cluster) of reports: a mount is a cluster of one. So the
//! terminal and the page in the browser draw the same thing, and neither computes anything: sums,
//! rates, verdicts and who is stale come from [`report`](crate::report), rates over time from
//! [`History`].
//!
//! ```text
//!   a mount: .status/report.json ────────────────┐
//!                                                ├─→ Cluster ─┬─→ Watched ─→ Watcher ─→ Look
//!   a directory: .seedfs/node{K}.{command}.json ─┘            └─→ History ─┘
//! ```
//!
//! Being watched must cost next to nothing. A mount is asked for one document for each look, and
//! for the rest of a long map only where it is drawn and has changed. What does not answer holds
//! only the thread of its [`Watcher`].

mod history;
mod mount;
mod target;
mod watcher;
mod words;

use std::time::{SystemTime, UNIX_EPOCH};

pub use history::{History, NodeCounters, NodeReading, RateSample, SAMPLES_MAX};
pub use mount::WantedMap;
pub use target::{Target, TargetError, Watched, explained};
pub use watcher::{Look, Watcher};
pub use words::{counted, duration, events, grouped, latency, plain, throughput};

/// Now, in seconds since 1970.
fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64())
}
