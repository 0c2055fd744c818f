//! The shape of the data: how well it compresses and deduplicates, how much of it changes from one
//! generation to the next, and what it is made of.
//!
//! All of it is validated here and decided by arithmetic elsewhere: [`origin`](super::origin) says
//! where a byte was made, `content` what the bytes made there are.

use std::fmt;
use std::sync::Arc;

/// A share in hundredths of a percent, from 0 to 100 percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const FULL: Self = Self(10_000);

    /// Reads `25`, `0.5` or `12.25`: at most two decimals, no sign, no exponent.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > 2 {
            return None;
        }
        let hundredths: u16 = decimals.parse().ok()?;
        let hundredths = if decimals.len() == 1 { hundredths * 10 } else { hundredths };
        let points = whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(hundredths)?;
        Some(Self(points)).filter(|share| *share <= Self::FULL)
    }

    /// In hundredths of a percent.
    #[must_use]
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// As a fraction of 2^32, rounded to the nearest.
    #[must_use]
    pub const fn of_2_32(self) -> u64 {
        (((self.0 as u64) << 32) + 5000) / 10_000
    }
}

impl fmt::Display for Percent {
    /// The shortest text that means it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / 100, self.0 % 100);
        match decimals {
            0 => write!(f, "{whole}"),
            _ if decimals % 10 == 0 => write!(f, "{whole}.{}", decimals / 10),
            _ => write!(f, "{whole}.{decimals:02}"),
        }
    }
}

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
    pub change: Option<Change>,
}

impl Shape {
    /// The most that all compressors reach in every 4 KiB.
    pub const COMPRESS_MAX: Percent = Percent(9500);

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
pub struct Change {
    /// The share of the blocks; less than all.
    pub share: Percent,
    /// The size of a block: a power of two.
    pub block_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_as_they_are_written() {
        for points in 0..=10_000 {
            let share = Percent(points);
            assert_eq!(Percent::parse(&share.to_string()), Some(share));
        }
        for (text, points) in
            [("12.5", 1250), ("12.50", 1250), ("012.05", 1205), ("100.00", 10_000)]
        {
            assert_eq!(Percent::parse(text), Some(Percent(points)), "{text}");
        }
        for text in ["", ".", "5.", ".5", "-1", "+1", "1e1", "100.01", "1.234", "70000", "5%", "٣"]
        {
            assert_eq!(Percent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_reach_both_ends() {
        assert_eq!(Percent::ZERO.of_2_32(), 0);
        assert_eq!(Percent::FULL.of_2_32(), 1 << 32);
        assert_eq!(Percent(5000).of_2_32(), 1 << 31);
    }
}
