//! The bytes and the sizes of format version 1, against vectors and a program that share no code
//! with the crate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed; the numbers are small"
)]

mod content;
mod extensions;
mod formats;
mod openssl;
mod shapes;
mod sizes;
