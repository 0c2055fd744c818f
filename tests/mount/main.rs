//! Real mounts: what programs see through the kernel, and the life of a mount beside others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed; the numbers are small"
)]

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "dashboard")]
mod dashboard;
mod dataset;
mod extensions;
mod kernel;
mod life;
mod privileges;
mod publish;
mod reset;
mod schemas;
mod sizes;
mod status;
mod store;
mod stress;
mod sums;
mod verdict;
