//! The dataset: which files there are, what they are called and how large they are.
//!
//! A dataset is a box of four dimensions: generations × nodes × processes × files. A file is a
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

mod choice;
mod coordinates;
mod file_content;
mod generations;
mod option_value;
mod options;
mod percent;
mod shape;
mod sizes;
mod tree;
mod validate;

pub use choice::{Choice, Purpose, RandomStream, below};
pub use coordinates::Coordinates;
pub use file_content::FileContent;
pub use generations::Generations;
pub use option_value::OptionValue;
pub use options::{DatasetConfig, DatasetOption, OPTIONS, OptionGroup};
pub use percent::Percent;
pub use shape::{
    ChangeRule, Dedup, FileChange, LAST_CHANGE_BLOCKS_MAX, Origin, Origins, SHARED_START, Scope,
    Shape, Template, TemplateFile,
};
pub use sizes::{
    DatasetPart, Decimal, MAX_SIZE_BYTES, SizeError, Sizes, Total, format_size, parse_size,
};
pub use tree::{DatasetEntry, Dimensions, Inode, Layout, LayoutError, MAX_INODES, Namespace};
pub use validate::{ConfigError, ConfigErrors, DEFAULT_SEED, DEFAULT_SIZE_BYTES};

use shape::{Sharing, common_sharing};

/// A dataset that can be: every part of it was accepted by [`DatasetConfig::validate`], which is
/// the only way to one.
#[derive(Clone, Debug)]
pub struct Dataset {
    seed: String,
    choice: Choice,
    sizes: Sizes,
    /// Their mean in generation 0, in 1024ths of a byte.
    mean_1024ths: u128,
    /// Whether iterations were asked for; `--iterations 1` has a directory that no option has not.
    has_iterations: bool,
    namespace: Namespace,
    shape: Shape,
    /// How many blocks are shared, where that is the same for all files.
    sharing: Option<Sharing>,
}

impl Dataset {
    fn new(
        seed: String,
        sizes: Sizes,
        has_iterations: bool,
        namespace: Namespace,
        shape: Shape,
    ) -> Self {
        let mean_1024ths = sizes.mean_1024ths();
        let files = namespace.generations().files;
        let dimensions = Dimensions { files, ..namespace.dimensions() };
        let sharing = shape.dedup.and_then(|dedup| {
            common_sharing(dedup, shape.change, &dimensions, |files| match sizes.equal() {
                Some(size_bytes) => files * u128::from(size_bytes / dedup.block_bytes),
                None => (files * mean_1024ths) / (u128::from(dedup.block_bytes) << 10),
            })
        });
        let choice = Choice::new(&seed);
        Self { seed, choice, sizes, mean_1024ths, has_iterations, namespace, shape, sharing }
    }

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

    /// Which generations there are, and how they grow.
    #[must_use]
    pub fn generations(&self) -> &Generations {
        self.namespace.generations()
    }

    /// How the sizes of the files are distributed in generation 0.
    #[must_use]
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// How well its data compresses and deduplicates, and what it is made of.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
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

    /// Whether there is such a file.
    #[must_use]
    pub fn contains(&self, file: Coordinates) -> bool {
        self.namespace.contains(file)
    }

    /// The size of a file.
    #[inline]
    #[must_use]
    pub fn size_bytes(&self, file: Coordinates) -> u64 {
        self.generations().size_at(self.first_size_bytes(file), file.generation)
    }

    /// Its size in generation 0.
    #[inline]
    fn first_size_bytes(&self, file: Coordinates) -> u64 {
        if let Some(size) = self.sizes.equal() {
            return size;
        }
        let first = Coordinates { generation: 0, ..file };
        self.sizes.size(self.choice.stream(Purpose::Size, first).draw(0))
    }

    /// The last generation, up to its own, in which a file changed: its modification time.
    #[must_use]
    pub fn last_change(&self, file: Coordinates) -> u16 {
        if file.generation == 0 {
            return 0;
        }
        self.generations().last_change(self.choice, file, self.first_size_bytes(file))
    }

    /// The last generation in which a directory of the dataset got another name.
    #[must_use]
    pub fn last_new_name(&self, directory: Inode) -> u16 {
        if !self.namespace.lists_files(directory) {
            return 0;
        }
        let generation = self.namespace.generation(directory);
        generation.map_or(0, |generation| self.generations().last_new_files(generation))
    }

    /// Whether there is such a block of sixteen bytes, in a file or among the shared blocks; or was
    /// in a generation before those that are shown: files keep blocks of those.
    #[must_use]
    pub fn has_block(&self, file: Coordinates, block: u64) -> bool {
        let generation = file.generation.max(self.generations().first());
        let now = Coordinates { generation, ..file };
        self.contains(now)
            && (block < self.size_bytes(now).div_ceil(16)
                || self
                    .shared_block(block.saturating_mul(16))
                    .is_some_and(|number| self.has_shared_block(file, number)))
    }
}
