//! Sizes and counts as people write and read them. The units of a size are binary throughout, `G`
//! is `GiB`; those of a count are decimal.

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
    #[error("a byte has no fraction; expected a unit, like 1.5M")]
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
    let unit = unit.trim_start();
    if !is_unit(unit) {
        return Err(SizeError::Syntax);
    }
    if number.contains('.') && matches!(unit, "" | "b" | "B") {
        return Err(SizeError::Fraction);
    }
    // The grammar is ours, and stricter than the crate's; what is left to it is the arithmetic.
    parse_size::Config::new().with_binary().parse_size(text).map_err(|error| match error {
        parse_size::Error::PosOverflow => SizeError::TooLarge,
        _ => SizeError::Syntax,
    })
}

fn is_unit(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix(['k', 'm', 'g', 't', 'p', 'e']) {
        Some(suffix) => matches!(suffix, "" | "b" | "i" | "ib"),
        None => matches!(lower.as_str(), "" | "b"),
    }
}

/// Reads how many of something there are: `1000`, `64K`, `1.5M`.
///
/// `K`, `M`, `G` and `T` are 10^3, 10^6, 10^9 and 10^12, in either case. `None` for anything else,
/// signs, spaces and what is not whole among it.
#[must_use]
pub fn parse_count(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let zeros = match unit {
        "" => 0,
        "k" | "K" => 3,
        "m" | "M" => 6,
        "g" | "G" => 9,
        "t" | "T" => 12,
        _ => return None,
    };
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = decimals.len() <= zeros;
    if !is_number(whole) || !is_whole || (number.contains('.') && !is_number(decimals)) {
        return None;
    }
    format!("{whole}{decimals:0<zeros$}").parse().ok()
}

/// Writes a size for people: `10.0 GiB`, `512 B`.
///
/// It is rounded; a size that a program shall read is written in bytes.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_binary() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("4096B", 4096),
            ("1k", 1 << 10),
            ("1MiB", 1 << 20),
            ("10G", 10 << 30),
            ("10GB", 10 << 30),
            ("10GiB", 10 << 30),
            ("10gib", 10 << 30),
            (" 10 GiB ", 10 << 30),
            ("2T", 2 << 40),
            ("4P", 4 << 50),
            ("15E", 15 << 60),
            ("1.5M", 3 << 19),
            ("0.5KiB", 512),
            ("0.3K", 307),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", " ", "G", "-1", "+1", "-10G", "ten", "10X", "10Gi B", "1i", "1iB", "10GG", "1e3",
            "0x10", "1_000", "1,5M", "1.M", ".5M", "1.2.3M", "1 0", "10G 5M", "٣", "10\0", "∞",
        ] {
            assert_eq!(parse_size(text), Err(SizeError::Syntax), "{text:?}");
        }
        for text in ["1.5", "1.0B", "0.1 b"] {
            assert_eq!(parse_size(text), Err(SizeError::Fraction), "{text:?}");
        }
        for text in ["16E", "18446744073709551616", "99999999999999999999999999999P"] {
            assert_eq!(parse_size(text), Err(SizeError::TooLarge), "{text:?}");
        }
    }

    #[test]
    fn units_of_a_count_are_decimal() {
        for (text, count) in [
            ("0", 0),
            ("007", 7),
            ("1k", 1000),
            ("64K", 64_000),
            ("1M", 1_000_000),
            ("1.5m", 1_500_000),
            ("0.25G", 250_000_000),
            ("2T", 2_000_000_000_000),
            ("1.234K", 1234),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_count(text), Some(count), "{text}");
        }
        for text in [
            "",
            "K",
            ".5K",
            "1.K",
            "1.",
            "1.0",
            "1.5",
            "1.2345K",
            "1.2.3M",
            "-1",
            "+1",
            " 1",
            "1 K",
            "1KiB",
            "1KB",
            "1P",
            "1e3",
            "1_000",
            "٣",
            "18446744073709551616",
            "99999999T",
        ] {
            assert_eq!(parse_count(text), None, "{text:?}");
        }
    }

    #[test]
    fn people_read_binary_units() {
        assert_eq!(format_size(0), "0 B");
        assert_eq!(format_size(512), "512 B");
        assert_eq!(format_size(10 << 30), "10.0 GiB");
        assert_eq!(format_size(3 << 19), "1.5 MiB");
    }

    proptest! {
        #[test]
        fn bytes_are_read_as_they_are_written(bytes in any::<u64>()) {
            prop_assert_eq!(parse_size(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn any_text_is_read_or_refused(text in r"[0-9.]{0,25} ?[kMGTPEiBx]{0,3}|\PC{0,12}") {
            let _ = parse_size(&text);
            let _ = format_size(text.len() as u64);
        }
    }
}
