//! Sizes: as they are written, as they are drawn, and many of them together.
//!
//! A size is typed as a number with a unit ([`parse_size`]) or as a distribution ([`Sizes`]), of
//! which each file gets what its draw says, and more with each generation ([`FileSizes`]). What
//! many files take together ([`Total`]) is arithmetic where all are of one size; where sizes are
//! drawn it is a sum that somebody has to decide to pay for, and an estimate until then.

mod distribution;
mod file_sizes;
mod size_totals;
mod totals;
mod units;

pub use distribution::{Decimal, Sizes};
pub use file_sizes::FileSizes;
pub use size_totals::SizeTotals;
pub use totals::{DatasetPart, Total};
pub use units::{MAX_SIZE_BYTES, SizeError, format_size, parse_count, parse_size};
