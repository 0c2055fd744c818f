//! What Arrow and Parquet files have in common: columns of one type each, and rows in groups.

use super::Element;
use super::text::{Dtype, named, number, rows};

/// Columns, and how many rows a group has.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<(String, Dtype)>,
    pub(super) group: u64,
}

const GROUP_DEFAULT: u64 = 65536;

impl Table {
    /// Reads `NAME:DTYPE+..,ROWS,GROUP`: the number of rows where it is given, and the rest.
    pub(super) fn parse(text: &str, accepted: &[Dtype]) -> Result<(Option<u64>, Self), String> {
        let mut words = text.splitn(3, ',');
        let columns =
            named(words.next().unwrap_or_default(), |dtype| Dtype::parse_one_of(dtype, accepted))?;
        let rows = rows(words.next(), "the number of rows")?;
        let group = match words.next() {
            None => GROUP_DEFAULT,
            Some(group) => number(group, "the number of rows of a group")?,
        };
        // So that what a column has in a group is counted in four bytes.
        if group > GROUP_MAX {
            return Err(format!("a group has {group} rows; expected at most {GROUP_MAX}"));
        }
        Ok((rows, Self { columns, group }))
    }

    /// The groups of so many rows: how many, and of how many rows each. There are full ones, and a
    /// shorter one behind them.
    pub(super) fn groups(&self, rows: u64) -> impl Iterator<Item = (u64, u64)> + use<> {
        let last = rows % self.group;
        let groups = [(rows / self.group, self.group), (u64::from(last > 0), last)];
        groups.into_iter().filter(|(count, _)| *count > 0)
    }

    /// The footer tells each column of each group, so it must not become long.
    pub(super) fn rows_max(&self) -> u64 {
        let groups = (CHUNKS_MAX / self.columns.len().max(1) as u64).min(GROUPS_MAX);
        groups.saturating_mul(self.group)
    }

    pub(super) fn text(&self, word: &str, rows: &str) -> String {
        let columns = self.columns.iter().map(|(name, dtype)| format!("{name}:{}", dtype.name()));
        let columns: Vec<_> = columns.collect();
        format!("{word}:{},{rows},{}", columns.join("+"), self.group)
    }
}

const GROUP_MAX: u64 = 1 << 27;
/// As Parquet counts them.
const GROUPS_MAX: u64 = 32767;
/// Columns of groups: a footer of some megabytes.
const CHUNKS_MAX: u64 = 1 << 17;

/// The bytes of so many values of a column, and what they are made into. Truth values are bits.
pub(super) fn values(dtype: Dtype, rows: u64) -> (u64, Element) {
    match dtype {
        Dtype::Bool => (rows.div_ceil(8), Element::Plain),
        dtype => (rows * dtype.width(), dtype.element()),
    }
}
