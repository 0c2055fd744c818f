//! Other people's memory: objects with Python's buffer protocol, and tensors that have only DLPack.
//!
//! Nothing is copied. A buffer is held as long as the value lives, so its owner cannot move or free
//! it meanwhile, also while other Python threads run. What they write into it meanwhile is their
//! business, as it is with `readinto` of a file.
#![allow(unsafe_code, reason = "memory that Python owns")]

mod dlpack;

use std::ffi::c_int;
use std::ptr::NonNull;
use std::slice;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

/// Memory that somebody lends.
pub(crate) struct Lent {
    start: NonNull<u8>,
    length: usize,
    /// Gives it back when it is dropped.
    owner: Owner,
}

#[expect(dead_code, reason = "held to be dropped")]
enum Owner {
    Buffer(View),
    Tensor(Py<PyCapsule>, Element),
}

/// What stands in memory, as far as anybody here asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Byte,
    /// In the machine's byte order.
    Float32,
    Other,
}

// SAFETY: the memory stays where it is until the value is dropped, whichever thread looks at it;
// both owners may be dropped by any thread.
unsafe impl Send for Lent {}
// SAFETY: as above; a shared one is only read.
unsafe impl Sync for Lent {}

impl Lent {
    /// Memory to read from.
    pub(crate) fn readable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::new(object, false)
    }

    /// Memory to fill. A read-only one is refused.
    pub(crate) fn writable(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::new(object, true)
    }

    fn new(object: &Bound<'_, PyAny>, to_write: bool) -> PyResult<Self> {
        // SAFETY: it looks at the object's type.
        if unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } == 0 {
            return Self::of_tensor(object, to_write);
        }
        let flags = if to_write { ffi::PyBUF_WRITABLE } else { ffi::PyBUF_SIMPLE };
        let view = View::get(object, flags).map_err(|error| {
            let is_refused = !error.is_instance_of::<PyTypeError>(object.py());
            match View::get(object, ffi::PyBUF_SIMPLE) {
                _ if !is_refused => error,
                // It can be had, but not to be written.
                Ok(_) => read_only(),
                Err(_) => strided(),
            }
        })?;
        let start = NonNull::new(view.0.buf.cast()).unwrap_or(NonNull::dangling());
        let length = usize::try_from(view.0.len)?;
        Ok(Self { start, length, owner: Owner::Buffer(view) })
    }

    /// Torch's tensors, for one, have no buffer protocol.
    fn of_tensor(object: &Bound<'_, PyAny>, to_write: bool) -> PyResult<Self> {
        if !object.hasattr("__dlpack__")? {
            let name = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "a bytes-like object or a tensor in main memory is required, not '{name}'"
            )));
        }
        let (device, _): (i32, i32) = object.call_method0("__dlpack_device__")?.extract()?;
        if device != dlpack::DEVICE_CPU {
            return Err(PyBufferError::new_err(
                "the tensor is not in main memory: expected one on the CPU",
            ));
        }
        let capsule = lend(object).map_err(|error| {
            // Each library has its own word for a tensor that it does not lend.
            let refused = PyBufferError::new_err(format!("the tensor is not lent: {error}"));
            refused.set_cause(object.py(), Some(error));
            refused
        })?;
        let (tensor, flags) = dlpack::tensor_of(&capsule)?;
        let shape = tensor.shape();
        if !is_contiguous(shape, tensor.strides()) {
            return Err(strided());
        }
        if to_write && flags & dlpack::READ_ONLY != 0 {
            return Err(read_only());
        }
        if to_write && flags & dlpack::IS_COPIED != 0 {
            return Err(PyBufferError::new_err(
                "the tensor's library lends a copy: expected memory that can be filled in place",
            ));
        }
        let items = shape.iter().try_fold(1_usize, |items, length| {
            usize::try_from(*length).ok().and_then(|length| items.checked_mul(length))
        });
        let bits = tensor.element_bits();
        let length = items.and_then(|items| items.checked_mul(bits)).map(|bits| bits / 8);
        let Some(length) = length.filter(|_| bits.is_multiple_of(8)) else {
            return Err(PyBufferError::new_err("the tensor's elements are not whole bytes"));
        };
        let start = NonNull::new(tensor.start()).unwrap_or(NonNull::dangling());
        let element = tensor.element();
        Ok(Self { start, length, owner: Owner::Tensor(capsule.unbind(), element) })
    }

    /// What stands there, as the object says from which it was lent.
    pub(crate) fn element(&self, object: &Bound<'_, PyAny>) -> PyResult<Element> {
        match &self.owner {
            Owner::Tensor(_, element) => Ok(*element),
            Owner::Buffer(_) => {
                let typed = PyUntypedBuffer::get(object)?;
                Ok(match typed.format().to_bytes() {
                    b"B" | b"b" | b"c" => Element::Byte,
                    b"f" | b"@f" | b"=f" => Element::Float32,
                    b"<f" if cfg!(target_endian = "little") => Element::Float32,
                    b">f" | b"!f" if cfg!(target_endian = "big") => Element::Float32,
                    _ => Element::Other,
                })
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the owner keeps so many bytes there.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    /// Of one that was asked for to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the owner keeps so many bytes there and lets them be written.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

/// What an object shows of its memory: bytes in a row, whatever they are to it.
struct View(Box<ffi::Py_buffer>);

impl View {
    fn get(object: &Bound<'_, PyAny>, flags: c_int) -> PyResult<Self> {
        let mut view = Self(Box::new(ffi::Py_buffer::new()));
        // SAFETY: the view is where it stays until it is released, by the `drop` of ours. One that
        // was not filled has no object, and releasing it does nothing.
        let result = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view.0, flags) };
        if result == 0 { Ok(view) } else { Err(PyErr::fetch(object.py())) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: as above; the interpreter is there as long as somebody calls us.
        Python::attach(|_| unsafe { ffi::PyBuffer_Release(&raw mut *self.0) });
    }
}

fn read_only() -> PyErr {
    PyBufferError::new_err("the buffer is read-only: expected one that can be written")
}

fn strided() -> PyErr {
    PyBufferError::new_err("the buffer has gaps or another order (strides): expected C-contiguous")
}

/// Asks a tensor for its memory in the form of DLPack 1.0, which says whether it may be written;
/// libraries that do not know it yet have no such argument.
fn lend<'py>(tensor: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyCapsule>> {
    let py = tensor.py();
    let options = PyDict::new(py);
    options.set_item("max_version", (1, 0))?;
    let capsule = match tensor.call_method("__dlpack__", (), Some(&options)) {
        Err(error) if error.is_instance_of::<PyTypeError>(py) => tensor.call_method0("__dlpack__"),
        lent => lent,
    };
    Ok(capsule?.cast_into()?)
}

/// Whether elements stand one behind the other, in the order of the indices. No strides say so too.
fn is_contiguous(shape: &[i64], strides: &[i64]) -> bool {
    let mut expected = 1;
    shape.contains(&0)
        || shape.iter().zip(strides).rev().all(|(length, stride)| {
            let fits = *length == 1 || *stride == expected;
            expected *= length;
            fits
        })
}
