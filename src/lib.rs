//! seedfs: a filesystem whose files are generated from a seed, and a judge of what is written.
//!
//! What runs on several threads takes its locks from `sync`, where tests have others.
//!
//! The layers, each of which may use only those before it:
//!
//! | layer | what lives there |
//! |---|---|
//! | [`dataset`] | coordinates, layout, sizes, the configuration and its validation |
//! | [`content`] | the bytes: generate, compare, locate |
//! | [`disk`] | the system calls on real files, each of which a test can let fail |
//! | [`overlay`] | what was written, as extents |
//! | [`verdict`] | extents against expectation |
//! | [`status`] | the verdict as JSON |
//! | [`fs`] | the filesystem's operations on plain types |
//! | [`fuse`] | the kernel's side: convert, call, reply |
//! | [`storage`] | real directories: write, verify, sums; the nodes of a cluster |
//! | [`cli`] | the command line |
//!
//! `docs/architecture.md` says what each layer never does.

pub mod cli;
pub mod content;
pub mod dataset;
pub mod disk;
pub mod fs;
pub mod fuse;

pub mod overlay;
pub mod status;
pub mod storage;
mod sync;
pub mod verdict;
