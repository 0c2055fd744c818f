//! The sizes of the files: one for all, or drawn from a distribution.
//!
//! A size is a pure function of the seed and the file's coordinates: `d`, one draw of 64 bits of
//! the file's stream of purpose 1, goes through the quantile function of the distribution. All of
//! it is whole numbers, so every machine comes to the same size.
//!
//! ```text
//! min..max     min + floor(d × (max - min + 1) / 2^64)
//! buckets      b = floor(d × 10000 / 2^64), in hundredths of a percent, along the shares as typed
//! pareto       scaled(min, floor(y × round(2^32 / alpha) / 2^32))
//!              y = -log2((2^64 - 1 - d) / 2^64)
//! lognormal    scaled(median, floor(z × round(2^32 × sigma × log2 e) / 2^28))   z normal, of d
//! scaled(m, x) = floor(m × 2^(x / 2^32)), between 1 and max
//! ```
//!
//! The logarithm, the power and the normal quantile are tables with straight lines between their
//! entries; `docs/format.md` has them to the bit. A straight line is off by less than 0.1 % of a
//! standard deviation, which in a size is sigma times that.
//!
//! The draws beyond 2^-41 are those at 2^-41: of a lognormal distribution no size is further out
//! than 7.14 sigma.

mod tables;
mod text;

use crate::dataset::below;
use crate::dataset::percent::{BASIS_POINTS, Percent};
use tables::{EXP2, LOG2, NORMAL};

/// How the sizes of files are distributed. Every size is 1 byte to [`MAX_SIZE_BYTES`].
///
/// [`Display`](std::fmt::Display) gives the canonical spelling, with sizes in bytes.
///
/// [`MAX_SIZE_BYTES`]: crate::dataset::MAX_SIZE_BYTES
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// All are of one size.
    Equal(u64),
    /// Each size from the first to the last is as likely as any other.
    Uniform {
        /// The smallest.
        min: u64,
        /// The largest, which may be drawn too.
        max: u64,
    },
    /// The logarithm of the size is distributed normally.
    Lognormal {
        /// Half of the files are smaller.
        median: u64,
        /// The standard deviation of the natural logarithm.
        sigma: Decimal,
        /// Larger sizes are cut to this.
        max: u64,
    },
    /// A power law: `P(size > s) = (min / s)^alpha`.
    Pareto {
        /// The smallest.
        min: u64,
        /// The exponent: the smaller it is, the more weight is in the large files.
        alpha: Decimal,
        /// Larger sizes are cut to this.
        max: u64,
    },
    /// Some sizes, each with its share of the files; the shares are 100 % together.
    Buckets(Vec<(u64, Percent)>),
}

/// A number with up to three decimals, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(u32);

/// `round(2^32 × log2 e)`
const LOG2_E: u64 = 6_196_328_019;

impl Sizes {
    /// The size that a draw gives.
    #[inline]
    #[must_use]
    pub fn size(&self, draw: u64) -> u64 {
        match self {
            Self::Equal(size) => *size,
            Self::Uniform { min, max } => min + below(draw, max - min + 1),
            Self::Lognormal { median, sigma, max } => scaled(
                *median,
                (i128::from(normal(draw)) * i128::from(sigma.octaves())) >> 28,
                *max,
            ),
            Self::Pareto { min, alpha, max } => {
                let exponent = (u128::from(minus_log2(!draw)) * u128::from(alpha.inverse())) >> 32;
                scaled(*min, i128::try_from(exponent).unwrap_or(i128::MAX), *max)
            }
            Self::Buckets(buckets) => bucket(buckets, below(draw, BASIS_POINTS)),
        }
    }

    /// The one size of all, where they are equal.
    #[must_use]
    pub fn equal(&self) -> Option<u64> {
        match self {
            Self::Equal(size) => Some(*size),
            _ => None,
        }
    }

    /// The largest size that can be drawn.
    #[must_use]
    pub fn largest(&self) -> u64 {
        match self {
            Self::Equal(max)
            | Self::Uniform { max, .. }
            | Self::Lognormal { max, .. }
            | Self::Pareto { max, .. } => *max,
            Self::Buckets(buckets) => buckets.iter().map(|(size, _)| *size).max().unwrap_or(0),
        }
    }

    /// The mean size, in 1024ths of a byte. For power laws and lognormal sizes it is that of some
    /// thousand quantiles, ever closer together towards the large ones, and off by less than 1 %.
    #[must_use]
    pub(in crate::dataset) fn mean_1024ths(&self) -> u128 {
        match self {
            Self::Equal(size) => u128::from(*size) << 10,
            Self::Uniform { min, max } => (u128::from(*min) + u128::from(*max)) << 9,
            Self::Buckets(buckets) => {
                let weighted = |(size, share): &(u64, Percent)| {
                    u128::from(*size) * u128::from(share.basis_points())
                };
                (buckets.iter().map(weighted).sum::<u128>() << 10) / u128::from(BASIS_POINTS)
            }
            Self::Lognormal { .. } | Self::Pareto { .. } => self.mean_of_quantiles(),
        }
    }

    fn mean_of_quantiles(&self) -> u128 {
        // In 2^-70ths of a byte. Octave k has the share 2^-(k + 1) of the draws, and 2^6 midpoints.
        let mut sum = 0;
        for octave in 0..64_u32 {
            let begin = 1_u64 << (63 - octave);
            let middle = |step: u64| {
                let inside = (u128::from(begin) * u128::from(2 * step + 1)) >> 7;
                self.size(!(begin + u64::try_from(inside).unwrap_or_default()))
            };
            sum += (0..64).map(middle).map(u128::from).sum::<u128>() << (63 - octave);
        }
        sum >> 60
    }
}

impl Decimal {
    /// So many thousandths.
    #[must_use]
    pub const fn of_thousandths(thousandths: u32) -> Self {
        Self(thousandths)
    }

    /// `round(2^32 × self × log2 e)`: a standard deviation in octaves.
    #[inline]
    fn octaves(self) -> u64 {
        (u64::from(self.0) * LOG2_E + 500) / 1000
    }

    /// `round(2^32 / self)`
    #[inline]
    fn inverse(self) -> u64 {
        let thousandths = u64::from(self.0.max(1));
        ((1000 << 32) + thousandths / 2) / thousandths
    }
}

fn bucket(buckets: &[(u64, Percent)], basis_point: u64) -> u64 {
    let mut end = 0;
    let found = buckets.iter().find(|(_, share)| {
        end += u64::from(share.basis_points());
        basis_point < end
    });
    // The shares are 100 % together, so one is found.
    found.or(buckets.last()).map_or(1, |(size, _)| *size)
}

/// The entry of a table and the next one, with a straight line between them at `rest / 2^bits`.
#[inline]
fn between(table: &[u64], index: usize, rest: u64, bits: u32) -> u64 {
    match table.get(index..) {
        Some([low, high, ..]) => low + (((high - low) * rest) >> bits),
        Some([last]) => *last,
        _ => 0,
    }
}

/// `floor(size × 2^(exponent / 2^32))`, but at least 1 and at most `max`.
#[inline]
fn scaled(size: u64, exponent: i128, max: u64) -> u64 {
    // Past 2^64 in either direction the bounds have it.
    let exponent = exponent.clamp(-(64 << 32), 64 << 32);
    let octave = i32::try_from(exponent >> 32).unwrap_or_default();
    let fraction = u64::try_from(exponent & 0xffff_ffff).unwrap_or_default();
    let power = between(&EXP2, (fraction >> 24) as usize, fraction & 0xff_ffff, 24);
    // Below 2^52 × 2^33.
    let product = u128::from(size) * u128::from(power);
    let scaled = match octave - 32 {
        left @ 1.. => product.checked_shl(left.unsigned_abs()).unwrap_or(u128::MAX),
        right => product >> right.unsigned_abs().min(127),
    };
    u64::try_from(scaled).unwrap_or(u64::MAX).clamp(1, max)
}

/// `-log2(w / 2^64)`, in 2^-32nds; a `w` of 0 counts as 1.
#[inline]
fn minus_log2(w: u64) -> u64 {
    let w = w.max(1);
    let zeros = w.leading_zeros();
    // The bits behind the first one: 8 choose the entry, and 24 lie between it and the next.
    let fraction = ((w << zeros) & (u64::MAX >> 1)) >> 31;
    let log = between(&LOG2, (fraction >> 24) as usize, fraction & 0xff_ffff, 24);
    (u64::from(zeros + 1) << 32) - log
}

/// The normal variate of a draw, in 2^-28ths.
#[inline]
fn normal(draw: u64) -> i64 {
    let is_positive = draw >= 1 << 63;
    // A draw is that many 2^-64ths from its end.
    let tail = if is_positive { !draw } else { draw };
    let octave = tail.leading_zeros().max(1) as usize - 1;
    // Behind the first bit 4 choose the step of the octave, and 32 lie within it.
    let fraction = (tail << (octave + 1).min(63)) & (u64::MAX >> 1);
    let (step, rest) = ((fraction >> 59) as usize, fraction >> 27 & 0xffff_ffff);
    let index = 16 * octave + 15 - step;
    let z = match NORMAL.get(index..) {
        Some([near, far, ..]) => u64::from(*far) - ((u64::from(far - near) * rest) >> 32),
        _ => NORMAL.last().copied().map_or(0, u64::from),
    };
    let z = z.cast_signed();
    if is_positive { z } else { -z }
}

#[cfg(test)]
mod tests;
