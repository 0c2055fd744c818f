//! `seedfs.dgen`: the calls of dgen-py 0.3, with bytes of ours.

#![allow(clippy::similar_names, reason = "dgen-py has numa_mode and numa_node")]

mod bytes_view;
mod generator;
mod numbers;
mod one_shot;
mod pool;

use std::ffi::CString;

use pyo3::exceptions::{PyBufferError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use seedfs::content::Content;
use seedfs::dataset::{Dataset, DatasetConfig, OptionValue};

pub(crate) use bytes_view::BytesView;
pub(crate) use generator::Generator;
pub(crate) use numbers::{generate_uniform, generate_uniform_vectors, normalize_rows};
pub(crate) use one_shot::{
    bench_rolling_pool, create_bytearrays, generate_buffer, generate_into_buffer, get_numa_info,
};
pub(crate) use pool::BufferPool;

use crate::buffer::Lent;
use crate::json::refuse;

/// How data is to look: whole ratios, as dgen-py has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ratios {
    pub(crate) dedup: u32,
    pub(crate) compress: u32,
}

impl Ratios {
    /// A fraction is cut off with a warning, and what is below 1 is 1: as dgen-py does.
    pub(crate) fn new(py: Python<'_>, dedup: f64, compress: f64) -> PyResult<Self> {
        warn_of_fraction(py, "dedup_ratio", dedup)?;
        warn_of_fraction(py, "compress_ratio", compress)?;
        Self::silently(dedup, compress)
    }

    /// The same without a warning.
    pub(crate) fn silently(dedup: f64, compress: f64) -> PyResult<Self> {
        let dedup = whole("dedup_ratio", dedup)?;
        Ok(Self { dedup, compress: whole("compress_ratio", compress)? })
    }

    fn is_plain(self) -> bool {
        self == Self { dedup: 1, compress: 1 }
    }

    /// A ratio of 4 to 1 takes three of four away: 75 percent.
    fn set(self, config: &mut DatasetConfig) {
        let percent = |ratio: u32| (ratio > 1).then(|| percent_of(ratio));
        config.dedup = percent(self.dedup);
        config.compress = percent(self.compress);
    }
}

fn percent_of(ratio: u32) -> OptionValue {
    let hundredths = 10_000 - 10_000 / u64::from(ratio);
    // Where hardly anything may be left, a little is.
    let hundredths = hundredths.min(9_900);
    OptionValue::from(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

/// The highest that makes a difference.
const RATIO_MAX: f64 = 10_000.0;

fn whole(name: &str, ratio: f64) -> PyResult<u32> {
    if !ratio.is_finite() || ratio < 0.0 {
        return Err(PyValueError::new_err(format!("{name}: expected a ratio of 1 or more")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
    Ok(ratio.clamp(1.0, RATIO_MAX) as u32)
}

fn warn_of_fraction(py: Python<'_>, name: &str, ratio: f64) -> PyResult<()> {
    let cut = ratio.trunc();
    if cut >= ratio {
        return Ok(());
    }
    let text =
        format!("{name}={ratio:.2} truncated to integer {cut} (fractional ratios not supported)");
    PyErr::warn(py, &py.get_type::<PyUserWarning>(), &CString::new(text)?, 1)
}

/// A dataset of one file, which is the stream of a seed.
fn stream_of(seed: &str, ratios: Ratios, size_bytes: u64) -> PyResult<(Dataset, Content)> {
    let mut config = DatasetConfig {
        seed: Some(seed.into()),
        size: Some(size_bytes.max(1).into()),
        ..DatasetConfig::default()
    };
    ratios.set(&mut config);
    let dataset = config.validate().map_err(refuse)?;
    let content = Content::of(&dataset);
    Ok((dataset, content))
}

/// A seed that nobody has.
fn new_seed(py: Python<'_>) -> PyResult<String> {
    py.import("secrets")?.call_method1("token_hex", (16,))?.extract()
}

/// A buffer to fill. What cannot be filled is a `ValueError` there.
fn writable(buffer: &Bound<'_, PyAny>) -> PyResult<Lent> {
    let py = buffer.py();
    Lent::writable(buffer).map_err(|error| {
        let is_refused = error.is_instance_of::<PyBufferError>(py);
        if is_refused { PyValueError::new_err(error.value(py).to_string()) } else { error }
    })
}
