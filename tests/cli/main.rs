//! The command line from outside: what is printed, refused and documented.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod examples;
mod man_pages;
