//! `tfrecord-index:BYTES,RECORDS`: where the records of a file of [`tfrecord`](super::tfrecord)
//! are, as `tfrecord2idx` writes it.
//!
//! ```text
//! offset of a record, a space, its length, a newline          both in decimal digits
//! ```
//!
//! All records are equally long, so the offsets are multiples of that; lines whose offsets have
//! equally many digits are equally long, and one section.

use super::count::Count;
use super::plan::{Plan, Unit};
use super::tfrecord::Tfrecord;
use super::{Format, Parsed};

/// An index of records of one length.
#[derive(Debug)]
pub(super) struct TfrecordIndex {
    records: Tfrecord,
}

/// Lines whose offsets have equally many digits.
struct LineGroup {
    first: u64,
    count: u64,
    digits: u64,
}

impl TfrecordIndex {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        if text.is_empty() {
            return Err("there are no TFRecord files beside it; expected --content EXT=tfrecord:\
                        BYTES,RECORDS for them, or tfrecord-index:BYTES,RECORDS"
                .to_owned());
        }
        let (rows, records) = Tfrecord::read(text)?;
        Ok((rows, Box::new(Self { records })))
    }

    /// What follows the offset in each line.
    fn end(&self) -> String {
        format!(" {}\n", self.records.record_length())
    }

    /// The lines of so many records, with more and more digits.
    fn lines(&self, rows: u64) -> impl Iterator<Item = LineGroup> {
        let length = u128::from(self.records.record_length());
        let mut first = 0;
        (1..).map_while(move |digits| {
            if first >= rows {
                return None;
            }
            // The first offset with more digits is that of this line.
            let end = 10_u128.pow(digits).div_ceil(length);
            let end = u64::try_from(end).unwrap_or(u64::MAX).min(rows);
            let lines = LineGroup { first, count: end - first, digits: digits.into() };
            first = end;
            Some(lines)
        })
    }
}

impl Format for TfrecordIndex {
    fn size_bytes(&self, rows: u64) -> u128 {
        let end = self.end().len() as u128;
        let of_lines =
            |lines: LineGroup| u128::from(lines.count) * (u128::from(lines.digits) + end);
        self.lines(rows).map(of_lines).sum()
    }

    /// As many as the file that it is of can have.
    fn rows_max(&self) -> u64 {
        super::SIZE_MAX / self.records.record_length()
    }

    fn plan(&self, rows: u64) -> Plan {
        let length = self.records.record_length();
        let mut plan = Plan::default();
        for lines in self.lines(rows) {
            let mut unit = Unit::default();
            let count = Count { first: lines.first * length, step: length };
            unit.count(lines.digits, count).framing(self.end());
            plan.section(lines.count, unit);
        }
        plan
    }

    fn text(&self, rows: &str) -> String {
        format!("tfrecord-index:{}", self.records.arguments(rows))
    }
}
