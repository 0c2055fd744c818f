//! The framing of file formats: headers, checksums and footers, as functions of a description.
//!
//! A file of a format is its *framing* around *payload*. The payload is content as ever: at an
//! offset of the file stands the content of that offset, which where the format has floats or text
//! is made into an [`Element`] of the same bytes. The framing follows from the format's description
//! alone, and stands in the way of as much content as it has bytes:
//!
//! ```text
//!   offset 0          128                                                        size
//!          | header    | the content of 128 ..                                    |     npy
//!          | head | payload | sum | head | payload | sum | ..  | payload | sum    |     tfrecord
//! ```
//!
//! So all that holds of content goes on to hold: any range is made by itself, in any order, on any
//! machine, and nothing is kept for each file. Only a checksum over payload needs more than its own
//! place, and its [`Plan`] says which bytes those are.
//!
//! A description (`npy:f4,1000x1000`) is parsed into a [`Framing`], which cannot be invalid, and a
//! framing has a plan. What was typed may leave the first dimension open; the size of the file
//! chooses it then.
//!
//! This layer knows no seed, no dataset and no content: it says what bytes are there, and where
//! content is to stand.

#![allow(clippy::little_endian_bytes, reason = "the formats are, and say so byte by byte")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "the fields of formats are narrow; a description that does not fit them is refused"
)]
#![allow(clippy::doc_markdown, reason = "NumPy and others write themselves so")]

mod arrow;
mod checksum;
mod count;
mod element;
mod flatbuffer;
mod hdf5;
mod image;
mod lines;
mod npy;
mod npz;
mod parquet;
mod plan;
mod stencil;
mod sum;
mod table;
mod text;
mod tfrecord;
mod tfrecord_index;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

pub use checksum::Checksum;
pub use count::Count;
pub use element::Element;
pub use plan::{PartKind, Parts, Plan, Span};
pub use sum::{PartialSum, Sum, SumBytes, Summing};

/// A file's format, with all that decides its framing.
///
/// [`Display`](fmt::Display) gives the canonical description, which says the whole of it.
#[derive(Clone)]
pub struct Framing {
    text: String,
    plan: Arc<Plan>,
}

/// Why a description is refused, and what would do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FramingError {
    /// It is no description.
    #[error("{0}")]
    Description(String),
    /// No file of this description has the size.
    #[error("{0}")]
    Size(String),
}

/// The largest size of a file.
const SIZE_MAX: u64 = 1 << 52;

/// The most bytes that one sum covers: whoever reads the sum waits until they are made.
const SUMMED_BYTES_MAX: u64 = 16 << 30;

/// The size that an open first dimension fills as far as it goes, where none is given.
const SIZE_DEFAULT: u64 = 1 << 30;

/// A format whose rows are not counted yet: steps along the first dimension, records, lines.
trait Format: fmt::Debug {
    /// The size of a file, which grows with the rows.
    fn size_bytes(&self, rows: u64) -> u128;

    /// The most rows that a file of the format can have.
    fn rows_max(&self) -> u64 {
        u64::MAX
    }

    /// The file's parts, where its size was seen to be no more than [`SIZE_MAX`].
    fn plan(&self, rows: u64) -> Plan;

    /// The description, with the rows as they are given or a word for them.
    fn text(&self, rows: &str) -> String;
}

/// The rows, where they were given, and the rest of a description.
type Parsed = (Option<u64>, Box<dyn Format>);

/// Reads what stands behind the word of a format.
type Parse = fn(&str) -> Result<Parsed, String>;

/// The formats by the words with which their descriptions begin.
const FORMATS: [(&str, Parse); 11] = [
    ("npy", npy::Npy::parse),
    ("npz", npz::Npz::parse),
    ("tfrecord", tfrecord::Tfrecord::parse),
    ("tfrecord-index", tfrecord_index::TfrecordIndex::parse),
    ("hdf5", hdf5::Hdf5::parse),
    ("arrow", arrow::Arrow::parse),
    ("parquet", parquet::Parquet::parse),
    ("jsonl", lines::Lines::parse_jsonl),
    ("csv", lines::Lines::parse_csv),
    ("bmp", image::Bmp::parse),
    ("png", image::Png::parse),
];

impl Framing {
    /// The words with which descriptions begin.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        FORMATS.iter().map(|(name, _)| *name).collect()
    }

    /// Whether a content is described as a format, be it well or not.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        let word = text.split_once(':').map_or(text, |(word, _)| word);
        FORMATS.iter().any(|(name, _)| *name == word)
    }

    /// Whether a description leaves the first dimension to the size of the file.
    #[must_use]
    pub fn is_open(text: &str) -> bool {
        let (word, arguments) = text.split_once(':').unwrap_or((text, ""));
        let format = FORMATS.iter().find(|(name, _)| *name == word);
        format.is_some_and(|(_, parse)| matches!(parse(arguments), Ok((None, _))))
    }

    /// The format of an index of such a file, where there is one.
    #[must_use]
    pub fn index(&self) -> Option<Self> {
        let records = self.text.strip_prefix("tfrecord:")?;
        Self::parse(&format!("tfrecord-index:{records}"), None).ok()
    }

    /// Reads a description. `size_bytes` is the size of a file, where one was asked for: it chooses
    /// the first dimension if that is open.
    ///
    /// # Errors
    ///
    /// Where there is no such file, with the nearest that there is.
    pub fn parse(text: &str, size_bytes: Option<u64>) -> Result<Self, FramingError> {
        let (word, arguments) = text.split_once(':').unwrap_or((text, ""));
        let format = FORMATS.iter().find(|(name, _)| *name == word);
        let Some((_, parse)) = format else {
            let message = format!("there is no such format; expected {}", Self::names().join(", "));
            return Err(FramingError::Description(message));
        };
        let (rows, format) = parse(arguments).map_err(FramingError::Description)?;
        let rows = match rows {
            Some(rows) => given(&*format, rows, size_bytes)?,
            None => fitting(&*format, size_bytes)?,
        };
        let plan = format.plan(rows);
        debug_assert_eq!(u128::from(plan.size_bytes()), format.size_bytes(rows), "{text}");
        Ok(Self { text: format.text(&rows.to_string()), plan: Arc::new(plan) })
    }

    /// The parts of a file.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The size of a file.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.plan.size_bytes()
    }
}

/// The rows that were asked for, if such a file can be and has the size.
fn given(format: &dyn Format, rows: u64, size: Option<u64>) -> Result<u64, FramingError> {
    if rows > format.rows_max() {
        let message = format!(
            "such a file cannot be; expected at most {}",
            format.text(&format.rows_max().to_string())
        );
        return Err(FramingError::Description(message));
    }
    let bytes = format.size_bytes(rows);
    if bytes > u128::from(SIZE_MAX) {
        let message = match most(format, SIZE_MAX) {
            0 => {
                "not even one of its rows fits into 4 PiB (2^52); expected smaller ones".to_owned()
            }
            rows => format!(
                "such a file has {bytes} bytes; expected at most 4 PiB (2^52), as of {}",
                format.text(&rows.to_string())
            ),
        };
        return Err(FramingError::Description(message));
    }
    match size {
        Some(size) if u128::from(size) != bytes => {
            let (text, open) = (format.text(&rows.to_string()), format.text(text::OPEN));
            let or = if text == open { String::new() } else { format!(", or {open}") };
            Err(FramingError::Size(format!(
                "a file of {text} has {bytes} bytes; expected that, or none{or}"
            )))
        }
        _ => Ok(rows),
    }
}

/// The rows with which a file has the size; where none was asked for, with which it has no more
/// than the default.
fn fitting(format: &dyn Format, size: Option<u64>) -> Result<u64, FramingError> {
    let rows = most(format, size.unwrap_or(SIZE_DEFAULT).min(SIZE_MAX));
    let Some(size) = size else { return given(format, rows.max(1), None) };
    let of =
        |rows: u64| format!("{} ({})", format.size_bytes(rows), format.text(&rows.to_string()));
    if rows > 0 && format.size_bytes(rows) == u128::from(size) {
        return Ok(rows);
    }
    let next = rows < format.rows_max() && format.size_bytes(rows + 1) <= u128::from(SIZE_MAX);
    Err(match (rows, next) {
        (0, false) => given(format, 1, None).err().unwrap_or_else(|| {
            FramingError::Description("no file of this format can be".to_owned())
        }),
        (0, true) => FramingError::Size(format!("expected {} or more", of(1))),
        (_, true) => FramingError::Size(format!(
            "no file of this format has this size; expected {} or {}",
            of(rows),
            of(rows + 1)
        )),
        (_, false) => FramingError::Size(format!("expected {} at most", of(rows))),
    })
}

/// The most rows with which a file has at most this size; 0 where one row has more.
fn most(format: &dyn Format, size: u64) -> u64 {
    // A row has at least one byte.
    let (mut fits, mut beyond) = (0, size.min(format.rows_max()).saturating_add(1));
    while beyond - fits > 1 {
        let middle = fits + (beyond - fits) / 2;
        if format.size_bytes(middle) <= u128::from(size) {
            fits = middle;
        } else {
            beyond = middle;
        }
    }
    fits
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Framing").field(&self.text).finish()
    }
}

impl PartialEq for Framing {
    /// The description says the whole of it.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Framing {}

#[cfg(test)]
mod tests;
