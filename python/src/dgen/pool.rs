//! `seedfs.dgen.BufferPool`

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::Ratios;
use super::bytes_view::{BytesView, room};
use super::one_shot::fill_new;
use crate::filling::Threads;

/// How many bytes are made at a time.
const POOL_BYTES: usize = 1 << 20;

/// New bytes for many small objects: slices of 1 MiB that is made at once. Where less of it is left
/// than a slice takes, the rest is dropped and the next is made. A slice of more than 1 MiB is made
/// for itself, and the rest stays.
///
/// The calls are those of dgen_py.BufferPool.
#[pyclass(module = "seedfs.dgen", frozen)]
#[derive(Debug)]
pub(crate) struct BufferPool(Mutex<Pool>);

#[derive(Debug)]
struct Pool {
    ratios: Ratios,
    /// Empty until somebody wants bytes.
    bytes: Arc<Vec<u8>>,
    left: usize,
}

#[pymethods]
impl BufferPool {
    #[new]
    #[pyo3(signature = (dedup_ratio=1.0, compress_ratio=1.0))]
    fn new(dedup_ratio: f64, compress_ratio: f64) -> PyResult<Self> {
        Ok(Self::with(Ratios::silently(dedup_ratio, compress_ratio)?))
    }

    /// The next `size` bytes.
    ///
    /// Raises ValueError for a size of 0, OverflowError for a negative one.
    pub(crate) fn next_slice(&self, py: Python<'_>, size: usize) -> PyResult<BytesView> {
        if size == 0 {
            return Err(PyValueError::new_err("size must be > 0"));
        }
        let threads = Threads::new(None)?;
        let ratios = {
            let mut pool = self.0.lock();
            if size <= pool.left && !pool.bytes.is_empty() {
                return Ok(pool.take(size));
            }
            pool.ratios
        };
        // Made without the lock: who waits for it would hold the interpreter's.
        let mut bytes = room(size.max(POOL_BYTES))?;
        fill_new(py, threads, ratios, &mut bytes)?;
        if size > POOL_BYTES {
            return Ok(BytesView::new(bytes));
        }
        let mut made = Pool { ratios, left: bytes.len(), bytes: Arc::new(bytes) };
        let slice = made.take(size);
        let mut pool = self.0.lock();
        // Meanwhile somebody may have asked for other ratios, or made bytes of which more is left.
        if pool.ratios == ratios && (pool.bytes.is_empty() || pool.left < made.left) {
            *pool = made;
        }
        Ok(slice)
    }

    /// Other ratios, for all that is made from now on.
    #[pyo3(signature = (dedup_ratio=1.0, compress_ratio=1.0))]
    fn reconfigure(&self, dedup_ratio: f64, compress_ratio: f64) -> PyResult<()> {
        let ratios = Ratios::silently(dedup_ratio, compress_ratio)?;
        *self.0.lock() = Pool::new(ratios);
        Ok(())
    }

    /// How many bytes can be had before more are made.
    #[getter]
    fn remaining(&self) -> usize {
        self.0.lock().left
    }

    /// How many times as large the data is as what deduplication leaves.
    #[getter]
    fn dedup_ratio(&self) -> u32 {
        self.0.lock().ratios.dedup
    }

    /// How many times as large the data is as what compression leaves.
    #[getter]
    fn compress_ratio(&self) -> u32 {
        self.0.lock().ratios.compress
    }
}

impl BufferPool {
    /// Bytes that nothing takes away.
    pub(crate) fn plain() -> Self {
        Self::with(Ratios { dedup: 1, compress: 1 })
    }

    fn with(ratios: Ratios) -> Self {
        Self(Mutex::new(Pool::new(ratios)))
    }
}

impl Pool {
    fn new(ratios: Ratios) -> Self {
        Self { ratios, bytes: Arc::default(), left: POOL_BYTES }
    }

    fn take(&mut self, size: usize) -> BytesView {
        let start = self.bytes.len() - self.left;
        self.left -= size;
        BytesView::part(&self.bytes, start..start + size)
    }
}
