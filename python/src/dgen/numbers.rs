//! Numbers instead of bytes: `float32`, evenly distributed.

use std::num::NonZeroUsize;

use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use seedfs::content::Content;
use seedfs::dataset::Coordinates;

use super::bytes_view::{BytesView, room};
use super::{new_seed, writable};
use crate::buffer::Element;
use crate::filling::{Threads, detached};

/// The size of a number.
const NUMBER_BYTES: usize = 4;

/// `count` numbers of type float32 in the machine's byte order, evenly distributed from `low` up to
/// `high`. The same seed gives the same numbers.
///
/// Raises ValueError unless low < high, and both and the range between them are finite.
#[pyfunction]
#[pyo3(signature = (count, low=0.0, high=1.0, max_threads=None, numa_mode="auto", seed=None))]
#[expect(clippy::too_many_arguments, reason = "those of dgen-py")]
pub(crate) fn generate_uniform(
    py: Python<'_>,
    count: usize,
    low: f32,
    high: f32,
    max_threads: Option<usize>,
    numa_mode: &str,
    seed: Option<u64>,
) -> PyResult<BytesView> {
    let numbers = Numbers::new(py, "generate_uniform", (low, high), seed)?;
    let threads = Threads::of_dgen(numa_mode, max_threads, None)?;
    let number = row_bytes("generate_uniform", 1)?;
    Ok(BytesView::new(numbers.make(py, (count, number), threads, |_| {})?))
}

/// `rows` vectors of `dim` such numbers, one behind the other; with `normalize`, each of length 1.
///
/// Raises ValueError unless low < high and dim > 0, and the range is finite.
#[pyfunction]
#[pyo3(signature = (
    rows, dim, low=0.0, high=1.0, normalize=true, max_threads=None, numa_mode="auto", seed=None,
))]
#[expect(clippy::too_many_arguments, reason = "those of dgen-py")]
pub(crate) fn generate_uniform_vectors(
    py: Python<'_>,
    rows: usize,
    dim: usize,
    low: f32,
    high: f32,
    normalize: bool,
    max_threads: Option<usize>,
    numa_mode: &str,
    seed: Option<u64>,
) -> PyResult<BytesView> {
    let row = row_bytes("generate_uniform_vectors", dim)?;
    let numbers = Numbers::new(py, "generate_uniform_vectors", (low, high), seed)?;
    let threads = Threads::of_dgen(numa_mode, max_threads, None)?;
    let scale = |part: &mut [u8]| {
        if normalize {
            part.chunks_exact_mut(row.get()).for_each(normalize_row);
        }
    };
    Ok(BytesView::new(numbers.make(py, (rows, row), threads, scale)?))
}

/// Scales each vector of `dim` float32 in a buffer to length 1, in place. Vectors of zeros stay.
///
/// Raises ValueError for a buffer that is read-only, has gaps, holds other numbers, or is not made
/// of whole vectors.
#[pyfunction]
#[pyo3(signature = (buffer, dim, max_threads=None))]
pub(crate) fn normalize_rows(
    buffer: &Bound<'_, PyAny>,
    dim: usize,
    max_threads: Option<usize>,
) -> PyResult<()> {
    let row = row_bytes("normalize_rows", dim)?;
    let mut lent = writable(buffer)?;
    if lent.element(buffer)? == Element::Other {
        return Err(PyValueError::new_err(
            "normalize_rows: buffer must be a writable float32 array or a raw byte buffer",
        ));
    }
    if !lent.len().is_multiple_of(row.get()) {
        let text = "normalize_rows: buffer length must be a multiple of dim * 4";
        return Err(PyValueError::new_err(text));
    }
    let threads = Threads::of_dgen("auto", max_threads, None)?.in_units_of(row);
    detached(buffer.py(), lent.len(), || {
        threads.work(lent.bytes_mut(), |_, part| {
            part.chunks_exact_mut(row.get()).for_each(normalize_row);
        });
    });
    Ok(())
}

/// What numbers are made of.
struct Numbers {
    content: Content,
    low: f32,
    range: f32,
}

impl Numbers {
    fn new(
        py: Python<'_>,
        name: &str,
        (low, high): (f32, f32),
        seed: Option<u64>,
    ) -> PyResult<Self> {
        let range = high - low;
        let what = if low.is_nan() || high.is_nan() || low >= high {
            "low must be < high"
        } else if range.is_infinite() {
            "high - low must be finite"
        } else {
            let seed = seed.map_or_else(|| new_seed(py), |seed| Ok(seed.to_string()))?;
            return Ok(Self { content: Content::new(&seed), low, range });
        };
        Err(PyValueError::new_err(format!("{name}: {what}")))
    }

    /// Makes rows of numbers where their bytes are made, and hands each part, which are whole rows,
    /// on while it is in the cache.
    fn make(
        &self,
        py: Python<'_>,
        (rows, row_bytes): (usize, NonZeroUsize),
        threads: Threads,
        then: impl Fn(&mut [u8]) + Sync,
    ) -> PyResult<Vec<u8>> {
        let mut bytes = room(rows.checked_mul(row_bytes.get()).ok_or_else(too_many)?)?;
        let threads = threads.in_units_of(row_bytes);
        detached(py, bytes.len(), || {
            threads.work(&mut bytes, |at, part| {
                self.content.fill(Coordinates::default(), at as u64, part);
                for bytes in part.as_chunks_mut::<NUMBER_BYTES>().0 {
                    set(bytes, self.low + self.range * fraction(*bytes));
                }
                then(part);
            });
        });
        Ok(bytes)
    }
}

/// A number from 0 up to 1: the 24 bits that a float32 has.
fn fraction(bytes: [u8; NUMBER_BYTES]) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
    let bits = (u32::from_be_bytes(bytes) >> 8) as f32;
    bits / 16_777_216.0
}

#[expect(clippy::host_endian_bytes, reason = "NumPy's float32 is the machine's")]
fn get(bytes: [u8; NUMBER_BYTES]) -> f32 {
    f32::from_ne_bytes(bytes)
}

#[expect(clippy::host_endian_bytes, reason = "NumPy's float32 is the machine's")]
fn set(bytes: &mut [u8; NUMBER_BYTES], number: f32) {
    *bytes = number.to_ne_bytes();
}

fn normalize_row(row: &mut [u8]) {
    let numbers = row.as_chunks_mut::<NUMBER_BYTES>().0;
    // In double precision: a sum of many squares loses nothing that shows.
    let squares: f64 = numbers.iter().map(|bytes| f64::from(get(*bytes)).powi(2)).sum();
    if squares > 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "as exact as what it is put into")]
        let scale = squares.sqrt().recip() as f32;
        for bytes in numbers {
            let number = get(*bytes) * scale;
            set(bytes, number);
        }
    }
}

fn row_bytes(name: &str, dim: usize) -> PyResult<NonZeroUsize> {
    let refuse = || PyValueError::new_err(format!("{name}: dim must be > 0"));
    let bytes = dim.checked_mul(NUMBER_BYTES).ok_or_else(too_many)?;
    NonZeroUsize::new(bytes).ok_or_else(refuse)
}

fn too_many() -> PyErr {
    PyOverflowError::new_err("more numbers than memory can have")
}
