//! seedfs: a filesystem whose files are generated from a seed, and a judge of what is written.
//!
//! The layers, each of which may use only those above it: [`dataset`], [`content`].

pub mod content;
pub mod dataset;
