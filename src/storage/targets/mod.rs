//! Several directories as one place: the files of a dataset, spread over *targets*.
//!
//! ```text
//!   Spread: file number ─→ places, a set of targets        (arithmetic, `spread`)
//!     │
//!     ├─ .seedfs/spread.json in each target: the spread, which of its targets this one is, and
//!     │  which of them have failed                                       (`document`)
//!     ├─ Targets: directories that were named, each at its number        (`opening`)
//!     └─ Selection: the files of one target, counted from 0              (`numbers`)
//!          │
//!          └─ a queue for each target, and threads that are bound to one (`crew`)
//! ```
//!
//! A target is known by its number in `spread.json`, not by where it is mounted or in which order
//! it is named. What a file's places are follows from the spread and from the set of targets that
//! have failed. That set only grows, and a file's places with it; so files that say different
//! things of it do not contradict one another, and together they know of all.

mod counting;
mod document;
mod numbers;
mod opening;
mod repair;
mod space;
mod spread;
mod tally;
mod verify;
mod write;

pub(super) use counting::Counting;
pub use document::DocumentError;
pub use numbers::Selection;
pub use opening::{OpenTarget, Targets, TargetsError, WantedRule, WantedSpread};
pub use repair::{repair_targets, target_of_others};
pub use space::{SpaceNeeded, space_needed};
pub use spread::{Spread, SpreadError, SpreadRule, TARGETS_MAX, TargetSet};
pub use tally::TargetTally;
pub use verify::{TargetFiles, TargetStates, verify_targets};
pub use write::write_to_targets;

#[cfg(test)]
mod tests;
