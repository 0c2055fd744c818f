//! The dataset: which files there are, what they are called and how large they are.
//!
//! A dataset is a box of four dimensions: iterations × nodes × processes × files. A file is a
//! point in it, its [`Coordinates`]; the content of the file follows from them and the seed. The
//! [`Layout`] says what path each point has, and the [`Namespace`] computes paths, inode numbers
//! and coordinates from one another, so that no table of files exists and a trillion files cost
//! what one costs.
//!
//! What was typed becomes a dataset in one step and in one place:
//!
//! ```text
//!   command line ──┐
//!                  ├─ merged_over ─→ DatasetConfig ── validate ─→ Dataset ── to_config ─┐
//!   TOML or JSON ──┘    anything may stand in it        cannot be invalid               │
//!         ↑                                                                             │
//!         └─────────────────────────── .status/config.json ←────────────────────────────┘
//! ```
//!
//! ```
//! use seedfs::dataset::{Coordinates, DatasetConfig};
//!
//! let typed = DatasetConfig {
//!     nodes: Some("4".into()),
//!     processes: Some("8".into()),
//!     size: Some("10G".into()),
//!     ..DatasetConfig::default()
//! };
//! let dataset = typed.validate()?;
//! assert_eq!(dataset.file_count(), 32);
//!
//! let file = Coordinates { node: 2, process: 1, ..Coordinates::default() };
//! assert_eq!(dataset.namespace().coordinates("node_2/process_1"), Some(file));
//! assert_eq!(dataset.size_bytes(file), 10 << 30);
//! # Ok::<(), seedfs::dataset::ConfigErrors>(())
//! ```
//!
//! This layer is pure: it opens no file, logs nothing, and knows neither a filesystem nor the
//! verdict. Times, modes and owners are not its business.

mod change;
mod choice;
mod config;
mod coordinates;
mod dimensions;
mod inode;
mod layout;
mod names;
mod namespace;
mod percent;
mod size;
mod validate;

pub use change::{Change, DEFAULT_CHANGE_BLOCK_BYTES, FileChange, LAST_CHANGE_BLOCKS_MAX};
pub use choice::{Choice, Purpose, Stream, below};
pub use config::{DatasetConfig, Value};
pub use coordinates::Coordinates;
pub use dimensions::Dimensions;
pub use inode::{Inode, MAX_INODES};
pub use layout::{Layout, LayoutError};
pub use namespace::{Namespace, Node};
pub use percent::Percent;
pub use size::{MAX_SIZE_BYTES, SizeError, format_size, parse_size};
pub use validate::{ConfigError, ConfigErrors, DEFAULT_SEED, DEFAULT_SIZE_BYTES};

/// A dataset that can be: every part of it was accepted by [`DatasetConfig::validate`], which is
/// the only way to one.
#[derive(Clone, Debug)]
pub struct Dataset {
    seed: String,
    choice: Choice,
    size_bytes: u64,
    change: Option<Change>,
    /// Whether iterations were asked for; `--iterations 1` has a directory that no option has not.
    has_iterations: bool,
    namespace: Namespace,
}

impl Dataset {
    /// The text from which the content's key is derived.
    #[must_use]
    pub fn seed(&self) -> &str {
        &self.seed
    }

    /// What is drawn by lot under the seed.
    #[must_use]
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// Which blocks a generation changes; `None` for all of them.
    #[must_use]
    pub fn change(&self) -> Option<Change> {
        self.change
    }

    /// How many there are along each axis.
    #[must_use]
    pub fn dimensions(&self) -> Dimensions {
        self.namespace.dimensions()
    }

    /// The template of the paths.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.namespace.layout()
    }

    /// Paths, inode numbers and coordinates.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// How many files there are.
    #[must_use]
    pub fn file_count(&self) -> u64 {
        self.namespace.file_count()
    }

    /// The size of all files together.
    #[must_use]
    pub fn total_bytes(&self) -> u128 {
        u128::from(self.file_count()) * u128::from(self.size_bytes)
    }

    /// Whether there is such a file.
    #[must_use]
    pub fn contains(&self, file: Coordinates) -> bool {
        self.dimensions().contains(file)
    }

    /// The size of a file; today they are all of one size.
    #[must_use]
    pub fn size_bytes(&self, _file: Coordinates) -> u64 {
        self.size_bytes
    }

    /// Whether there is such a block of sixteen bytes.
    #[must_use]
    pub fn has_block(&self, file: Coordinates, block: u64) -> bool {
        self.contains(file) && block < self.size_bytes(file).div_ceil(16)
    }

    /// The whole of it in its canonical spelling, from which validation makes an equal dataset.
    ///
    /// Nothing is left to defaults but the absence of iterations, so it means the same to later
    /// versions.
    #[must_use]
    pub fn to_config(&self) -> DatasetConfig {
        let Dimensions { iterations, nodes, processes, files } = self.dimensions();
        let number = |number: u64| Some(Value::from(number));
        DatasetConfig {
            schema: number(validate::SCHEMA),
            seed: Some(Value::from(self.seed.as_str())),
            nodes: number(nodes.into()),
            processes: number(processes.into()),
            files: number(files),
            iterations: self.has_iterations.then(|| Value::from(u64::from(iterations))),
            size: number(self.size_bytes),
            change: self.change.map(|change| change.percent().into()),
            change_block: self.change.and_then(|change| number(change.block_bytes())),
            layout: Some(Value::from(self.layout().to_string())),
        }
    }
}
