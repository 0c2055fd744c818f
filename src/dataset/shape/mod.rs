//! The shape of the data: how well it compresses and deduplicates, how much of it changes from one
//! generation to the next, and what it is made of.
//!
//! A byte of a file was made somewhere: in an earlier generation of the file, or in a block that
//! others show too. Its [`Origin`] is arithmetic: `change` says which generation made a block,
//! `sharing` which places show a shared one, and `agreement` where two places show bytes that were
//! made in the same one. What the bytes made there are, `content` says.

mod agreement;
mod change;
mod origin;
mod sharing;
mod template;

use crate::dataset::Percent;

pub use change::{ChangeRule, LAST_CHANGE_BLOCKS_MAX};
pub use origin::{FileOrigins, Origin, Origins};
pub use sharing::{Dedup, SHARED_START, Scope};
pub use template::{Template, TemplateFile};

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
