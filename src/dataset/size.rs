//! Sizes as people write and read them: binary units throughout, `G` is `GiB`.

use bytesize::ByteSize;
use thiserror::Error;

/// The largest size of a file: the address of a byte has 48 bits for its block of 16 bytes.
pub const MAX_SIZE_BYTES: u64 = 1 << 52;

/// Why a text is not a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SizeError {
    /// Not a number with an optional unit.
    #[error("this is not a number with a unit")]
    Syntax,
    /// A fraction of bytes, like `1.5`.
    #[error("a byte has no fraction; accepted with a unit, like 1.5M")]
    Fraction,
    /// More than 64 bits can count.
    #[error("this is 16 EiB or more")]
    TooLarge,
}

/// Reads a size in bytes: `4096`, `10G`, `1MiB`, `1.5M`, `100 kB`.
///
/// `K`, `M`, `G`, `T`, `P` and `E` are powers of 1024, with or without `i` and `B`, in either case.
/// A fraction of a unit is rounded to the nearest byte. Spaces may surround the text and stand
/// between number and unit. Zero is a size.
///
/// # Errors
///
/// When the text is anything else: signs, exponents and digit separators are not accepted.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(SizeError::Syntax);
    }
    if is_bytes(unit.trim_start())? && number.contains('.') {
        return Err(SizeError::Fraction);
    }
    // The grammar is ours, and stricter than the crate's; what is left to it is the arithmetic.
    parse_size::Config::new().with_binary().parse_size(text).map_err(|error| match error {
        parse_size::Error::PosOverflow => SizeError::TooLarge,
        _ => SizeError::Syntax,
    })
}

/// Whether the unit is the byte itself.
fn is_bytes(unit: &str) -> Result<bool, SizeError> {
    match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Ok(true),
        unit => {
            let mut letters = unit.chars();
            let prefix = letters.next().is_some_and(|c| "kmgtpe".contains(c));
            let suffix = matches!(letters.as_str(), "" | "i" | "b" | "ib");
            if prefix && suffix { Ok(false) } else { Err(SizeError::Syntax) }
        }
    }
}

/// Writes a size for people: `10.0 GiB`, `512 B`.
///
/// It is rounded; a size that a program shall read is written in bytes.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}
