//! The shape of the data: how well it compresses and deduplicates, how much of it changes from one
//! generation to the next, and what it is made of.
//!
//! A byte of a file was made somewhere: in an earlier generation of the file, or in a block that
//! others show too. Its [`Origin`] is arithmetic: [`change`](mod@change) says which generation made
//! a block, [`origin`] which places show a shared one, and [`agreement`] where two places show
//! bytes that were made in the same one. What the bytes made there are, `content` says.

mod agreement;
mod change;
mod origin;

use std::fmt;
use std::sync::Arc;

use crate::dataset::Percent;

pub use change::{FileChange, LAST_CHANGE_BLOCKS_MAX};
pub use origin::{Origin, Origins, SHARED_START};

pub(super) use origin::{Sharing, common_sharing};

/// The shape of a dataset's data. The default is plain: all bytes random, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// What the bytes are made of.
    pub template: Template,
    /// How much a compressor takes away; at most [`COMPRESS_MAX`](Self::COMPRESS_MAX).
    pub compress: Percent,
    /// Blocks that are there more than once.
    pub dedup: Option<Dedup>,
    /// What changes from one generation to the next; without it, all.
    pub change: Option<ChangeRule>,
}

impl Shape {
    /// The most that all compressors reach in every 4 KiB.
    pub const COMPRESS_MAX: Percent = Percent::of_basis_points(9500);

    /// Whether the bytes are the plain keystream.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What the bytes of a dataset are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// The keystream: each block says where it was made.
    #[default]
    Random,
    /// Zeros.
    Zero,
    /// Lines of words, chosen by the keystream.
    Text,
    /// A local file, over and over.
    File(TemplateFile),
}

impl Template {
    /// Whether its bytes depend on the file that they are in. Where they do not, all files hold the
    /// same.
    #[must_use]
    pub fn differs_by_file(&self) -> bool {
        matches!(self, Self::Random | Self::Text)
    }
}

/// A local file whose bytes a dataset repeats; never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Its path, as the configuration has it.
    path: String,
    bytes: Arc<Vec<u8>>,
    hash: blake3::Hash,
}

impl TemplateFile {
    /// A file with these bytes; `None` if there are none.
    #[must_use]
    pub fn new(path: String, bytes: Vec<u8>) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        let hash = blake3::hash(&bytes);
        Some(Self { path, bytes: Arc::new(bytes), hash })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its bytes, at least one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The BLAKE3 hash of its bytes, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash.to_hex().to_string()
    }
}

impl fmt::Debug for TemplateFile {
    /// Without the bytes, which may be many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateFile")
            .field("path", &self.path)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

/// Blocks that are there more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dedup {
    /// The share of all blocks that a deduplicator takes away.
    pub share: Percent,
    /// The size of a block: a power of two.
    pub block_bytes: u64,
    /// Where the same block may stand again.
    pub scope: Scope,
}

/// Within what blocks are shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All files of a generation.
    #[default]
    Dataset,
    /// The files of a node.
    Node,
    /// Each file for itself.
    File,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dataset, Self::Node, Self::File];

    /// The name that users see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Node => "node",
            Self::File => "file",
        }
    }
}

/// How much changes from one generation to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeRule {
    /// The share of the blocks; less than all.
    pub share: Percent,
    /// The size of a block: a power of two.
    pub block_bytes: u64,
}
