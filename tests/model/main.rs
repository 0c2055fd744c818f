//! The filesystem without a mount: random operations against slow obvious models, and what happens
//! at its limits. Only `names_model` mounts besides, to compare the kernel's view with tmpfs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed; the numbers are small"
)]

#[path = "../common/mod.rs"]
mod common;
mod fs_model;
mod limits;
mod long_sums;
mod maps;
mod marks;
mod names_model;
mod read_streams;
mod reset_and_forget;
mod shapes;
mod status_model;
mod store;
mod sums;
