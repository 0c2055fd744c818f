//! What a format's description is made of: element types, dimensions, lists of columns.

use super::Element;

/// The type of an element, as NumPy spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dtype {
    Bool,
    U1,
    I1,
    U2,
    I2,
    U4,
    I4,
    U8,
    I8,
    F2,
    F4,
    F8,
}

impl Dtype {
    pub(super) const ALL: [Self; 12] = [
        Self::Bool,
        Self::U1,
        Self::I1,
        Self::U2,
        Self::I2,
        Self::U4,
        Self::I4,
        Self::U8,
        Self::I8,
        Self::F2,
        Self::F4,
        Self::F8,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U1 => "u1",
            Self::I1 => "i1",
            Self::U2 => "u2",
            Self::I2 => "i2",
            Self::U4 => "u4",
            Self::I4 => "i4",
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::F2 => "f2",
            Self::F4 => "f4",
            Self::F8 => "f8",
        }
    }

    /// How many bytes an element has.
    pub(super) fn width(self) -> u64 {
        match self {
            Self::Bool | Self::U1 | Self::I1 => 1,
            Self::U2 | Self::I2 | Self::F2 => 2,
            Self::U4 | Self::I4 | Self::F4 => 4,
            Self::U8 | Self::I8 | Self::F8 => 8,
        }
    }

    /// What content is made into.
    pub(super) fn element(self) -> Element {
        match self {
            Self::Bool => Element::Bool,
            Self::F2 => Element::Half,
            Self::F4 => Element::Single,
            Self::F8 => Element::Double,
            _ => Element::Plain,
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::parse_one_of(text, &Self::ALL)
    }

    /// One of those that a format has; the refusal names the nearest.
    pub(super) fn parse_one_of(text: &str, accepted: &[Self]) -> Result<Self, String> {
        let found = accepted.iter().find(|dtype| dtype.name() == text);
        found.copied().ok_or_else(|| {
            let all: Vec<_> = accepted.iter().map(|dtype| dtype.name()).collect();
            let all = all.join(" ");
            let nearest = nearest(text, accepted).name();
            format!("there is no type '{text}' here; expected {nearest}, or another of {all}")
        })
    }
}

/// The type that was probably meant: of the same kind, and of the nearest width.
fn nearest(text: &str, accepted: &[Dtype]) -> Dtype {
    let lower = text.to_ascii_lowercase();
    let digits: String = lower.chars().filter(char::is_ascii_digit).collect();
    let number: u64 = digits.parse().unwrap_or(4);
    let width = if number > 8 || !lower.contains(|c: char| c.is_ascii_alphabetic()) {
        number / 8
    } else if lower.len() > 3 && number == 8 {
        // Like int8, in bits.
        1
    } else {
        number
    };
    let kind = match lower.trim_start_matches(['<', '>', '=', '|', 'n', 'p', '.']).chars().next() {
        Some('b') => 'b',
        Some('u') => 'u',
        Some('i' | 'l' | 's') => 'i',
        _ => 'f',
    };
    let distance = |dtype: &Dtype| {
        let other_kind = if dtype.name().starts_with(kind) { 0 } else { 100 };
        other_kind + dtype.width().abs_diff(width)
    };
    accepted.iter().copied().min_by_key(distance).unwrap_or(Dtype::U1)
}

/// The dimensions of an array, slowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axes {
    /// `None` where the size of the file chooses it.
    pub(super) first: Option<u64>,
    pub(super) rest: Vec<u64>,
}

/// As many as HDF5 has, and NumPy before version 2.
const AXES_MAX: usize = 32;

/// The largest number of elements, or of anything, that can be asked for.
const NUMBER_MAX: u64 = 1 << 52;

/// What stands for a first dimension that the size of the file chooses.
pub(super) const OPEN: &str = "N";

impl Axes {
    /// Reads `1000x1000`, or `Nx1000` for any number of rows. Nothing is `N`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut axes = Vec::new();
        let words: Vec<&str> = if text.is_empty() { vec![OPEN] } else { text.split('x').collect() };
        if words.len() > AXES_MAX {
            let count = words.len();
            return Err(format!("these are {count} dimensions; expected at most {AXES_MAX}"));
        }
        for (index, word) in words.iter().enumerate() {
            if index == 0 && *word == OPEN {
                axes.push(None);
                continue;
            }
            axes.push(Some(number(word, &format!("dimension {} of {text}", index + 1))?));
        }
        let mut axes = axes.into_iter();
        let first = axes.next().flatten();
        let rest: Vec<u64> = axes.flatten().collect();
        let axes = Self { first, rest };
        axes.row_elements()?;
        Ok(axes)
    }

    /// How many elements one step along the first dimension has.
    pub(super) fn row_elements(&self) -> Result<u64, String> {
        let product = self.rest.iter().try_fold(1_u64, |product, axis| product.checked_mul(*axis));
        product.filter(|product| *product <= NUMBER_MAX).ok_or_else(|| {
            format!("a row of {} has more than 2^52 elements; expected fewer", self.text(OPEN))
        })
    }

    /// The spelling with a first dimension.
    pub(super) fn text(&self, first: &str) -> String {
        let mut text = first.to_owned();
        for axis in &self.rest {
            text.push('x');
            text.push_str(&axis.to_string());
        }
        text
    }
}

/// A whole number of at least 1; `what` it is stands in the refusal.
pub(super) fn number(text: &str, what: &str) -> Result<u64, String> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(0) => Err(format!("{what} is 0; expected 1 or more")),
        Ok(number) if is_digits && number <= NUMBER_MAX => Ok(number),
        Err(_) if !is_digits => Err(format!("{what} is '{text}'; expected a whole number")),
        _ => Err(format!("{what} is '{text}'; expected at most 2^52")),
    }
}

/// How many rows there are, or records; `None` where the size of the file chooses it, as `N` does
/// and nothing. `what` it is stands in the refusal.
pub(super) fn rows(text: Option<&str>, what: &str) -> Result<Option<u64>, String> {
    match text {
        None | Some(OPEN) => Ok(None),
        Some(text) => number(text, what).map(Some),
    }
}

/// The name of an array or a column: letters, digits and `_`.
pub(super) fn name(text: &str) -> Result<String, String> {
    let is_name = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name {
        return Ok(text.to_owned());
    }
    Err(format!("'{text}' is no name; expected 1 to 64 letters, digits and _"))
}

/// Items that are separated by `+`, each `NAME:DESCRIPTION`, with names that differ.
pub(super) fn named<T>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<(String, T)>, String> {
    let mut items: Vec<(String, T)> = Vec::new();
    for item in text.split('+') {
        let Some((item_name, description)) = item.split_once(':') else {
            return Err(format!("'{item}' has no type; expected {item}:u1, for example"));
        };
        let item_name = name(item_name)?;
        if items.iter().any(|(other, _)| *other == item_name) {
            return Err(format!("'{item_name}' stands there twice; expected each name once"));
        }
        if items.len() == ITEMS_MAX {
            return Err(format!("these are more than {ITEMS_MAX} items; expected fewer"));
        }
        items.push((item_name, parse(description)?));
    }
    Ok(items)
}

/// Arrays of an archive, or columns of a table.
const ITEMS_MAX: usize = 1024;
