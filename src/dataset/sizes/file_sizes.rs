//! How large each file is: a draw in generation 0, and what each generation adds to it.
//!
//! ```text
//! size(G) = size(0) + floor(size(0) × G × grow / 10000)      grow in hundredths of a percent
//! ```

use super::distribution::Sizes;
use crate::dataset::{Choice, Coordinates, Percent, Purpose};

/// The size of every file. Whether there is such a file, it does not know.
#[derive(Clone, Debug)]
pub struct FileSizes {
    choice: Choice,
    distribution: Sizes,
    /// What each generation adds, of the size in generation 0.
    grow: Percent,
    /// The mean in generation 0, in 1024ths of a byte.
    mean_1024ths: u128,
}

impl FileSizes {
    pub(in crate::dataset) fn new(choice: Choice, distribution: Sizes, grow: Percent) -> Self {
        let mean_1024ths = distribution.mean_1024ths();
        Self { choice, distribution, grow, mean_1024ths }
    }

    /// How the sizes are distributed in generation 0.
    #[must_use]
    pub fn distribution(&self) -> &Sizes {
        &self.distribution
    }

    /// What is drawn by lot under the seed.
    #[must_use]
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    pub(in crate::dataset) fn grow(&self) -> Percent {
        self.grow
    }

    /// The size of a file.
    #[inline]
    #[must_use]
    pub fn of(&self, file: Coordinates) -> u64 {
        self.grown(self.first(file), file.generation)
    }

    /// Its size in generation 0.
    #[inline]
    #[must_use]
    pub fn first(&self, file: Coordinates) -> u64 {
        if let Some(size) = self.distribution.equal() {
            return size;
        }
        let first = Coordinates { generation: 0, ..file };
        self.distribution.size(self.choice.stream(Purpose::Size, first).draw(0))
    }

    /// The size in a generation of a file that had this size in generation 0.
    #[inline]
    pub(in crate::dataset) fn grown(&self, first_size_bytes: u64, generation: u16) -> u64 {
        self.grow.grown(first_size_bytes, generation)
    }

    /// The first generation in which such a file has this size or more; `None` if there is none.
    pub(in crate::dataset) fn first_reaching(
        &self,
        first_size_bytes: u64,
        size_bytes: u64,
    ) -> Option<u16> {
        match size_bytes.saturating_sub(first_size_bytes) {
            0 => Some(0),
            more => self.grow.first_adding(first_size_bytes, more.into()),
        }
    }

    /// The mean size in a generation, in 1024ths of a byte: of equal sizes to the byte.
    pub(super) fn mean_1024ths(&self, generation: u16) -> u128 {
        if let Some(size) = self.distribution.equal() {
            return u128::from(self.grown(size, generation)) << 10;
        }
        self.mean_1024ths + ((self.mean_1024ths * self.grow.of(1 << 20, generation)) >> 20)
    }

    /// How many whole blocks so many files have in generation 0; where sizes are drawn, by their
    /// mean.
    pub(in crate::dataset) fn blocks(&self, files: u128, block_bytes: u64) -> u128 {
        match self.distribution.equal() {
            Some(size_bytes) => files * u128::from(size_bytes / block_bytes),
            None => (files * self.mean_1024ths) / (u128::from(block_bytes) << 10),
        }
    }
}
