//! seedfs: a filesystem whose files are generated from a seed, and a judge of what is written.
//!
//! The program mounts a dataset, or writes it to a directory; the library can also be used without
//! either. A dataset is described by its options, and
//! [`DatasetConfig::validate`](dataset::DatasetConfig::validate) turns them into one. Here are the
//! bytes of one of its files:
//!
//! ```
//! use seedfs::content::Content;
//! use seedfs::dataset::DatasetConfig;
//!
//! let options =
//!     DatasetConfig { nodes: Some("4".into()), seed: Some("42".into()), ..Default::default() };
//! let dataset = options.validate()?;
//! let content = Content::of(&dataset);
//!
//! // The bytes of a file, from any offset.
//! let file = dataset.namespace().coordinates("node_2/process_0").ok_or("no such file")?;
//! let mut bytes = vec![0; 4096];
//! content.fill(file, 1 << 20, &mut bytes);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Bytes that came back from somewhere are judged as `seedfs verify` judges a file:
//!
//! ```
//! # use seedfs::content::Content;
//! # use seedfs::dataset::{Coordinates, DatasetConfig};
//! use seedfs::storage::judge_bytes;
//! use seedfs::verdict::{Class, Verdict};
//!
//! # let dataset = DatasetConfig { size: Some("1M".into()), ..Default::default() }.validate()?;
//! # let (content, file) = (Content::of(&dataset), Coordinates::default());
//! # let mut bytes = vec![0; 8192];
//! # content.fill(file, 0, &mut bytes);
//! let judged = judge_bytes(&dataset, &content, file, Some(0), &bytes);
//! assert_eq!(judged.tally.verdict(), Verdict::Verified);
//!
//! bytes[4096..].fill(0);
//! let judged = judge_bytes(&dataset, &content, file, Some(0), &bytes);
//! assert_eq!((judged.ranges[0].offset, judged.ranges[0].class), (4096, Class::Zeroed));
//! # Ok::<(), seedfs::dataset::ConfigErrors>(())
//! ```
//!
//! Bytes of which nothing is known are located, because content says where it comes from:
//!
//! ```
//! # use seedfs::content::Content;
//! # use seedfs::dataset::{Coordinates, DatasetConfig};
//! # let dataset = DatasetConfig::default().validate()?;
//! # let (content, file) = (Content::of(&dataset), Coordinates::default());
//! let mut found_somewhere = vec![0; 1000];
//! content.fill(file, 123_456, &mut found_somewhere[100..]);
//!
//! content.locate(&found_somewhere, &dataset, &mut |run| {
//!     assert_eq!((run.at, run.len), (100, 900));
//!     assert_eq!((run.source.file, run.source.offset), (file, 123_456));
//! });
//! # Ok::<(), seedfs::dataset::ConfigErrors>(())
//! ```
//!
//! The layer `fuse` needs the feature `mount`, and `watch`, `top` and `cli` the feature `cli`; both
//! are on by default.
//!
//! The layers, each of which may use only those before it:
//!
//! | layer | what lives there |
//! |---|---|
//! | [`framing`] | headers, checksums and footers of file formats |
//! | [`raid`] | which byte of an array is which byte of which member, as Linux md has it |
//! | [`numa`] | processors near memory, and threads that stay there |
//! | [`dataset`] | coordinates, layout, sizes, the configuration and its validation |
//! | [`content`] | the bytes: generate, compare, locate |
//! | [`manifest`] | the list of all files with their checksums |
//! | [`disk`] | the system calls on real files, each of which a test can let fail |
//! | [`overlay`] | what was written, as extents |
//! | [`verdict`] | extents against expectation |
//! | [`report`] | tallies over many files, as JSON; what `verify` found |
//! | [`status`] | the documents of a mount |
//! | [`fs`] | the filesystem's operations on plain types |
//! | [`fuse`] | the kernel's side: convert, call, reply |
//! | [`storage`] | real directories: write, verify, sums; the nodes of a cluster |
//! | [`watch`] | what can be watched while it works, for every view of it |
//! | [`top`] | the view in a terminal |
//! | [`dashboard`] | the page in the browser: HTTP and the stream of reports |
//! | [`cli`] | the command line |
//!
//! They take their locks and threads from the private module `sync`, where tests have others.
//! `docs/architecture.md` says what each layer never does.

#[cfg(feature = "cli")]
pub mod cli;
pub mod content;
#[cfg(feature = "dashboard")]
pub mod dashboard;
pub mod dataset;
pub mod disk;
pub mod framing;
pub mod fs;
#[cfg(feature = "mount")]
pub mod fuse;
pub mod manifest;
pub mod numa;
pub mod overlay;
pub mod raid;
pub mod report;
pub mod status;
pub mod storage;
mod sync;
#[cfg(feature = "cli")]
pub mod top;
pub mod verdict;
#[cfg(feature = "cli")]
pub mod watch;
