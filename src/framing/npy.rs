//! `npy:DTYPE,SHAPE`: one NumPy array, format version 1.0, as `numpy.save` writes it.

use super::plan::{Plan, Unit};
use super::text::{Axes, Dtype};
use super::{Format, Parsed};

/// The bytes before the data are a multiple of this.
const ALIGN: usize = 64;
/// NumPy leaves room for this many digits of the first dimension.
const GROWTH_DIGITS: usize = 21;

/// An array, but for its first dimension.
#[derive(Debug)]
pub(super) struct Npy {
    dtype: Dtype,
    axes: Axes,
}

impl Npy {
    pub(super) fn parse(text: &str) -> Result<Parsed, String> {
        let (dtype, axes) = text.split_once(',').unwrap_or((text, ""));
        let npy = Self { dtype: Dtype::parse(dtype)?, axes: Axes::parse(axes)? };
        Ok((npy.axes.first, Box::new(npy)))
    }

    fn unit(&self, rows: u64) -> Unit {
        let mut unit = Unit::default();
        unit.framing(header(self.dtype, &self.axes, rows));
        unit.payload(self.dtype.element(), self.row_bytes() * rows);
        unit
    }

    fn row_bytes(&self) -> u64 {
        // It was seen to be no more than 2^52 elements.
        self.axes.row_elements().unwrap_or(1) * self.dtype.width()
    }
}

impl Format for Npy {
    fn size_bytes(&self, rows: u64) -> u128 {
        header(self.dtype, &self.axes, rows).len() as u128
            + u128::from(rows) * u128::from(self.row_bytes())
    }

    fn plan(&self, rows: u64) -> Plan {
        let mut plan = Plan::default();
        plan.section(1, self.unit(rows));
        plan
    }

    fn text(&self, rows: &str) -> String {
        format!("npy:{},{}", self.dtype.name(), self.axes.text(rows))
    }
}

/// All bytes before the data.
pub(super) fn header(dtype: Dtype, axes: &Axes, rows: u64) -> Vec<u8> {
    let descr = match dtype {
        Dtype::Bool => "|b1".to_owned(),
        Dtype::U1 | Dtype::I1 => format!("|{}", dtype.name()),
        _ => format!("<{}", dtype.name()),
    };
    let mut shape = rows.to_string();
    let room = GROWTH_DIGITS.saturating_sub(shape.len());
    for axis in &axes.rest {
        shape.push_str(", ");
        shape.push_str(&axis.to_string());
    }
    if axes.rest.is_empty() {
        shape.push(',');
    }
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    text.push_str(&" ".repeat(room));
    let before = MAGIC.len() + 2;
    let pad = ALIGN - (before + text.len() + 1) % ALIGN;
    text.push_str(&" ".repeat(pad));
    text.push('\n');
    // At most 32 dimensions of 16 digits.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [MAGIC, &length.to_le_bytes(), text.as_bytes()].concat()
}

/// And version 1.0.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
