//! Bytes that Python looks at where they were made.
#![allow(unsafe_code, reason = "the buffer protocol")]

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::sync::Arc;

use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Bytes without a copy: ``memoryview(view)`` and ``numpy.frombuffer(view)`` look at them where
/// they are, read-only, and ``bytes(view)`` copies them.
#[pyclass(module = "seedfs.dgen", frozen)]
#[derive(Debug)]
pub(crate) struct BytesView {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
}

impl BytesView {
    /// All of these.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self { bytes: Arc::new(bytes), range }
    }

    /// Some of bytes that others look at, too.
    pub(crate) fn part(bytes: &Arc<Vec<u8>>, range: Range<usize>) -> Self {
        Self { bytes: Arc::clone(bytes), range }
    }

    fn get(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

#[pymethods]
impl BytesView {
    fn __len__(&self) -> usize {
        self.range.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.get())
    }

    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let bytes = slf.get().get();
        let length = ffi::Py_ssize_t::try_from(bytes.len())?;
        let start = bytes.as_ptr().cast::<c_void>().cast_mut();
        // SAFETY: Python hands over a view to fill. It keeps the object, and with it the bytes,
        // which nobody changes any more: it is told that they are read-only.
        let result = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 1, flags) };
        if result == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}

/// So many bytes to fill. Fresh ones are the system's zeros, which nobody has touched yet.
pub(crate) fn room(size: usize) -> PyResult<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::new();
    bytes
        .try_reserve_exact(size)
        .map_err(|_| PyMemoryError::new_err(format!("no memory for {size} bytes")))?;
    drop(bytes);
    Ok(vec![0; size])
}
