//! The names of one level of the tree, as a mixed-radix number: written, and read backwards.

use super::dimensions::{Axis, Dimensions};
use super::extensions::Extensions;
use super::layout::LayoutPart;
use crate::dataset::Coordinates;

/// All names that a path component can have, in a fixed order: position 0, 1, … up to the fan-out.
///
/// A position is a number whose digits are the component's placeholders, the first the most
/// significant, each with its dimension as radix. So `{node}-{file}` with 2 nodes and 3 files has
/// the names `0-0 0-1 0-2 1-0 1-1 1-2`.
#[derive(Clone, Debug)]
pub(super) struct LevelNames {
    parts: Vec<NamePart>,
    fan_out: u64,
    /// How many extensions the dataset has, whether they are told here or not; at least 1.
    extensions: u32,
}

#[derive(Clone, Debug)]
enum NamePart {
    Literal(String),
    Number(Number),
    Extension(Digit, Extensions),
}

/// A digit that is written in decimal digits.
#[derive(Clone, Debug)]
struct Number {
    digit: Digit,
    /// Padded with zeros to this, at least 1.
    min_width: usize,
    /// Whether it always has `min_width` digits, whatever follows them.
    is_fixed: bool,
}

/// One digit of the mixed-radix position.
#[derive(Clone, Debug)]
struct Digit {
    axis: Axis,
    /// What the first of its values stands for: the first generation, or 0.
    first: u64,
    /// How many values it has, at least 1.
    radix: u64,
    /// What one step of it adds to the position: the product of the radices after it.
    stride: u64,
}

impl LevelNames {
    /// The one name of the root: empty.
    pub(super) fn root() -> Self {
        Self { parts: Vec::new(), fan_out: 1, extensions: 1 }
    }

    /// The names of a component, which must have fewer than 2^64 of them; see [`fan_out`].
    pub(super) fn new(
        component: &[LayoutPart],
        dimensions: &Dimensions,
        extensions: &Extensions,
        first_generation: u16,
    ) -> Self {
        let mut fan_out = 1;
        let mut next_digit = |axis: Axis| {
            let (stride, radix) = (fan_out, dimensions.along(axis));
            fan_out *= radix;
            let first = if axis == Axis::Generation { first_generation.into() } else { 0 };
            Digit { axis, first, radix, stride }
        };
        let mut parts: Vec<NamePart> = component
            .iter()
            .rev()
            .map(|part| match part {
                LayoutPart::Literal(text) => NamePart::Literal(text.clone()),
                LayoutPart::Number(placeholder) => NamePart::Number(Number {
                    digit: next_digit(placeholder.axis),
                    min_width: placeholder.width.max(1),
                    is_fixed: placeholder.is_fixed(dimensions),
                }),
                LayoutPart::Extension => {
                    NamePart::Extension(next_digit(Axis::Extension), extensions.clone())
                }
            })
            .collect();
        parts.reverse();
        Self { parts, fan_out, extensions: dimensions.extensions }
    }

    /// How many names there are, at least 1.
    pub(super) fn fan_out(&self) -> u64 {
        self.fan_out
    }

    /// Appends the name at a position.
    pub(super) fn write(&self, position: u64, name: &mut String) {
        for part in &self.parts {
            match part {
                NamePart::Literal(text) => name.push_str(text),
                NamePart::Number(number) => number.write(position, name),
                NamePart::Extension(digit, extensions) => {
                    let number = usize::try_from(digit.value(position)).unwrap_or(usize::MAX);
                    name.push_str(extensions.names().get(number).map_or("", String::as_str));
                }
            }
        }
    }

    /// The position of a name; `None` for whatever [`write`](Self::write) does not write.
    pub(super) fn read(&self, name: &[u8]) -> Option<u64> {
        let mut rest = name;
        let mut position = 0;
        for part in &self.parts {
            match part {
                NamePart::Literal(text) => rest = rest.strip_prefix(text.as_bytes())?,
                NamePart::Number(number) => {
                    let (value, after) = number.read(rest)?;
                    position += value * number.digit.stride;
                    rest = after;
                }
                NamePart::Extension(digit, extensions) => {
                    let (value, after) = extensions.read(rest)?;
                    position += value * digit.stride;
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(position)
    }

    /// The position of the name that a file of the dataset, or a directory above it, has.
    pub(super) fn position(&self, file: Coordinates) -> u64 {
        let value = |digit: &Digit| digit.axis.of(file, self.extensions) - digit.first;
        self.digits().map(|digit| value(digit) * digit.stride).sum()
    }

    /// Sets the coordinates that the name at a position gives.
    pub(super) fn set_coordinates(&self, position: u64, file: &mut Coordinates) -> Option<()> {
        self.digits().try_for_each(|digit| {
            digit.axis.set(file, digit.first + digit.value(position), self.extensions)
        })
    }

    /// The digit of the files' numbers, where the names tell them: its stride and its radix.
    pub(super) fn file_digit(&self) -> Option<(u64, u64)> {
        let digit = self.digits().find(|digit| digit.axis == Axis::File)?;
        Some((digit.stride, digit.radix))
    }

    /// Whether the names tell this coordinate.
    pub(super) fn has(&self, axis: Axis) -> bool {
        self.digits().any(|digit| digit.axis == axis)
    }

    fn digits(&self) -> impl Iterator<Item = &Digit> {
        self.parts.iter().filter_map(|part| match part {
            NamePart::Number(number) => Some(&number.digit),
            NamePart::Extension(digit, _) => Some(digit),
            NamePart::Literal(_) => None,
        })
    }
}

impl Digit {
    fn value(&self, position: u64) -> u64 {
        position / self.stride % self.radix
    }
}

impl Number {
    fn write(&self, position: u64, name: &mut String) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(self.digit.value(position));
        for _ in digits.len()..self.min_width {
            name.push('0');
        }
        name.push_str(digits);
    }

    /// The value at the beginning of `name`, and what follows it.
    fn read<'a>(&self, name: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let run = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let width = if self.is_fixed { run.min(self.min_width) } else { run };
        let (digits, after) = name.split_at_checked(width)?;
        let has_needless_zero = width > self.min_width && digits.starts_with(b"0");
        if width < self.min_width || has_needless_zero {
            return None;
        }
        let value = digits.iter().try_fold(0_u64, |value, digit| {
            value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })?;
        (value < self.digit.radix).then_some((value, after))
    }
}

/// How many names a component has; wide enough for all dimensions at their largest (2^80).
pub(super) fn fan_out(component: &[LayoutPart], dimensions: &Dimensions) -> u128 {
    component
        .iter()
        .map(|part| match part {
            LayoutPart::Literal(_) => 1,
            LayoutPart::Number(placeholder) => u128::from(dimensions.along(placeholder.axis)),
            LayoutPart::Extension => u128::from(dimensions.extensions),
        })
        .product()
}
