//! Other people's memory: objects with Python's buffer protocol, and tensors that have only DLPack.
//!
//! Nothing is copied. A buffer is held as long as the value lives, so its owner cannot move or free
//! it meanwhile, also while other Python threads run. What they write into it meanwhile is their
//! business, as it is with `readinto` of a file.
#![allow(unsafe_code, reason = "memory that Python owns")]

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::slice;

use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

/// Memory that somebody lends.
pub(crate) struct Lent {
    start: NonNull<u8>,
    length: usize,
    /// Gives it back when it is dropped.
    _owner: Owner,
}

#[expect(dead_code, reason = "held to be dropped")]
enum Owner {
    Buffer(View),
    Tensor(Py<PyCapsule>),
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
        Ok(Self { start, length, _owner: Owner::Buffer(view) })
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
        if device != DEVICE_CPU {
            return Err(PyBufferError::new_err(
                "the tensor is not in main memory: expected one on the CPU",
            ));
        }
        let capsule = object.call_method0("__dlpack__").map_err(|error| {
            // Each library has its own word for a tensor that it does not lend.
            let refused = PyBufferError::new_err(format!("the tensor is not lent: {error}"));
            refused.set_cause(object.py(), Some(error));
            refused
        })?;
        let capsule = capsule.cast_into::<PyCapsule>()?;
        let managed = capsule.pointer_checked(Some(c"dltensor"))?.cast::<Tensor>();
        // SAFETY: a capsule of this name holds a pointer to such a tensor, and the capsule's
        // destructor, which we leave to it, frees it.
        let tensor = unsafe { managed.as_ref() };
        let shape = tensor.numbers(tensor.shape);
        if !is_contiguous(shape, tensor.numbers(tensor.strides)) {
            return Err(strided());
        }
        if to_write && object.getattr("flags").is_ok_and(|flags| is_read_only(&flags)) {
            return Err(read_only());
        }
        let bits = usize::from(tensor.bits) * usize::from(tensor.lanes);
        let items = shape.iter().try_fold(1_usize, |items, length| {
            usize::try_from(*length).ok().and_then(|length| items.checked_mul(length))
        });
        let length = items.and_then(|items| items.checked_mul(bits)).map(|bits| bits / 8);
        let Some(length) = length.filter(|_| bits.is_multiple_of(8)) else {
            return Err(PyBufferError::new_err("the tensor's elements are not whole bytes"));
        };
        let start = tensor.data.cast::<u8>().wrapping_add(tensor.byte_offset);
        let start = NonNull::new(start).unwrap_or(NonNull::dangling());
        Ok(Self { start, length, _owner: Owner::Tensor(capsule.unbind()) })
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

/// NumPy's arrays of old versions hand read-only ones over as if they could be written.
fn is_read_only(flags: &Bound<'_, PyAny>) -> bool {
    flags.getattr("writeable").is_ok_and(|writeable| writeable.is_truthy().is_ok_and(|yes| !yes))
}

/// `kDLCPU`.
const DEVICE_CPU: i32 = 1;

/// `DLManagedTensor` of DLPack's C interface, up to where we look.
#[repr(C)]
struct Tensor {
    data: *mut c_void,
    device: c_int,
    device_id: c_int,
    dimensions: c_int,
    code: u8,
    bits: u8,
    lanes: u16,
    shape: *const i64,
    strides: *const i64,
    byte_offset: usize,
}

impl Tensor {
    /// A number for each dimension; none where there is no list.
    fn numbers(&self, list: *const i64) -> &[i64] {
        let Ok(length) = usize::try_from(self.dimensions) else { return &[] };
        if list.is_null() {
            return &[];
        }
        // SAFETY: DLPack promises as many as there are dimensions.
        unsafe { slice::from_raw_parts(list, length) }
    }
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
