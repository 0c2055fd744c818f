//! A part of the files, chosen by lot.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Share;
use crate::content::Address;
use crate::dataset::Coordinates;

/// A part of the files, the same for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    percent: f64,
}

/// A percentage that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number above 0 and up to 100")]
pub struct SampleError;

impl Sample {
    /// All files.
    pub const ALL: Self = Self { percent: 100.0 };

    /// So many percent of the files.
    ///
    /// # Errors
    ///
    /// Where that is not more than 0 and at most 100.
    pub fn new(percent: f64) -> Result<Self, SampleError> {
        if percent > 0.0 && percent <= 100.0 { Ok(Self { percent }) } else { Err(SampleError) }
    }

    /// How many percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.percent
    }

    /// Whether a file that has drawn this number is chosen: a larger sample holds the smaller one.
    fn has(self, draw: u32) -> bool {
        f64::from(draw) < self.percent / 100.0 * 2f64.powi(32)
    }
}

impl FromStr for Sample {
    type Err = SampleError;

    /// Reads how many percent.
    fn from_str(text: &str) -> Result<Self, SampleError> {
        text.parse().map_err(|_| SampleError).and_then(Self::new)
    }
}

/// The lot of a file: a hash of the seed and its address, so that files do not depend on one
/// another.
fn draw(seed: &str, file: Coordinates) -> u32 {
    let mut hasher = blake3::Hasher::new_derive_key("seedfs v1 sample");
    hasher.update(&Address { file, block: 0 }.to_bytes()).update(seed.as_bytes());
    let [a, b, c, d, ..] = *hasher.finalize().as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Which files of a share a sample has: always one, so that it says something.
pub(super) struct Chosen<'a> {
    share: Share<'a>,
    sample: Sample,
    /// The first by lot, where the sample has none.
    only: Option<u64>,
}

/// Where a sample is to have so many files or more, it has one: none in e^100 samples has not.
const SURELY_FILES: f64 = 100.0;

impl<'a> Chosen<'a> {
    pub(super) fn new(share: Share<'a>, sample: Sample) -> Self {
        let mut chosen = Self { share, sample, only: None };
        #[expect(clippy::cast_precision_loss, reason = "far from where it matters")]
        let expected = share.file_count() as f64 * sample.percent() / 100.0;
        if expected < SURELY_FILES {
            let draws = || (0..share.file_count()).map(|index| (chosen.draw(index), index));
            if !draws().any(|(draw, _)| sample.has(draw)) {
                chosen.only = draws().min().map(|(_, index)| index);
            }
        }
        chosen
    }

    fn draw(&self, index: u64) -> u32 {
        draw(self.share.dataset().seed(), self.share.file(index))
    }

    pub(super) fn has(&self, index: u64) -> bool {
        self.sample == Sample::ALL || self.only == Some(index) || self.sample.has(self.draw(index))
    }
}
