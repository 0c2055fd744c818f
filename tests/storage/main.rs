//! `write`, `verify`, `sums` and `status DIR` on real directories.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed; the numbers are small"
)]

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod damage;
mod device;
mod full;
mod hostile;
mod raid;
mod repair;
mod reports;
mod targets;
