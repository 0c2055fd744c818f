//! The dataset: which files there are, what they are called and how large they are.
//!
//! A dataset is a box of four dimensions: generations × nodes × processes × files. A file is a
//! point in it, its [`Coordinates`]; the content of the file follows from them and the seed. The
//! [`Layout`] says what path each point has, and the [`Namespace`] computes paths, inode numbers
//! and coordinates from one another, so that no table of files exists and a trillion files cost
//! what one costs.
//!
//! Each question has a room of its own, and none looks into another's arithmetic:
//!
//! | room | answers |
//! |---|---|
//! | `configuration` | what was asked for, whether that can be, and how it is written down |
//! | `tree` | which path and inode a file has, and which file a path or an inode |
//! | `generations` | which generations there are, and how many files each has |
//! | `sizes` | how large a file is, and many of them together |
//! | `shape` | where each byte of a file was made |
//! | `choice` | what is drawn by lot, the same on every machine |
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

mod by_extension;
mod choice;
mod configuration;
mod coordinates;
mod file_content;
mod generations;
mod percent;
mod shape;
mod sizes;
mod tree;

pub use by_extension::ByExtension;
pub use choice::{Choice, Purpose, RandomStream, below};
pub use configuration::{
    ConfigError, ConfigErrors, DEFAULT_SEED, DEFAULT_SIZE_BYTES, DatasetConfig, DatasetOption,
    OPTIONS, OptionGroup, OptionValue,
};
pub use coordinates::Coordinates;
pub use file_content::FileContent;
pub use generations::Generations;
pub use percent::Percent;
pub use shape::{
    ChangeRule, Dedup, FileOrigins, LAST_CHANGE_BLOCKS_MAX, Origin, Origins, SHARED_START, Scope,
    Shape, Template, TemplateFile,
};
pub use sizes::{
    DatasetPart, Decimal, FileSizes, MAX_SIZE_BYTES, SizeError, SizeTotals, Sizes, Total,
    format_size, parse_count, parse_size,
};
pub use tree::{
    DatasetEntry, Dimensions, Extensions, Inode, Layout, LayoutError, MAX_INODES, Namespace,
};

use crate::framing::Framing;

/// A dataset that can be: every part of it was accepted by [`DatasetConfig::validate`], which is
/// the only way to one.
#[derive(Clone, Debug)]
pub struct Dataset {
    seed: String,
    /// Whether iterations were asked for; `--iterations 1` has a directory that no option has not.
    has_iterations: bool,
    namespace: Namespace,
    origins: ByExtension<Origins>,
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
        self.shaped_origins().sizes().choice()
    }

    /// Which generations there are, and how many files each has.
    #[must_use]
    pub fn generations(&self) -> &Generations {
        self.namespace.generations()
    }

    /// How the sizes of the files are distributed in generation 0; where there are extensions, of
    /// those files whose size does not follow from their format, if any.
    #[must_use]
    pub fn sizes(&self) -> &Sizes {
        self.shaped_origins().sizes().distribution()
    }

    /// How well the data of a file compresses and deduplicates, and what it is made of.
    #[must_use]
    pub fn shape(&self, file: Coordinates) -> &Shape {
        self.origins(file).shape()
    }

    /// Where the bytes of a file were made, and of all others with its extension.
    #[inline]
    #[must_use]
    pub fn origins(&self, file: Coordinates) -> &Origins {
        self.origins.of(file)
    }

    /// The same for each extension.
    #[must_use]
    pub fn all_origins(&self) -> &ByExtension<Origins> {
        &self.origins
    }

    /// The format of a file, where it has one.
    #[must_use]
    pub fn framing(&self, file: Coordinates) -> Option<&Framing> {
        self.shape(file).template.framing()
    }

    /// What the names of the files end with, where they have extensions.
    #[must_use]
    pub fn extensions(&self) -> &Extensions {
        self.namespace.extensions()
    }

    /// Whether the size of every file follows from its format.
    fn all_are_framed(&self) -> bool {
        self.shaped_origins().shape().template.framing().is_some()
    }

    /// Those that the options about sizes and data speak of: the ones without a format, if any.
    fn shaped_origins(&self) -> &Origins {
        let mut all = self.origins.iter();
        let shaped = all.find(|origins| origins.shape().template.framing().is_none());
        shaped.unwrap_or(self.origins.of(Coordinates::default()))
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
        self.origins(file).sizes().of(file)
    }

    /// The last generation, up to its own, in which a file changed in any way: a block of it or its
    /// size did, or it was new. That is its modification time.
    #[must_use]
    pub fn last_change(&self, file: Coordinates) -> u16 {
        let generation = file.generation;
        let Some(change) = self.shape(file).change else { return generation };
        let sizes = self.origins(file).sizes();
        let grew = sizes.grow().last_growth(sizes.first(file), generation);
        if grew == generation {
            return grew;
        }
        let changed = change.of_file(*self.choice(), file).last_change(generation, sizes.of(file));
        changed.max(grew).max(self.generations().birth(file)).min(generation)
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
                    .origins(file)
                    .shared_block(block.saturating_mul(16))
                    .is_some_and(|number| self.origins(file).has_shared_block(file, number)))
    }
}
