//! Other people's memory: objects with Python's buffer protocol, and tensors that have only DLPack.
//!
//! Nothing is copied. A buffer is held as long as the value lives, so its owner cannot move or free
//! it meanwhile, also while other Python threads run. What they write into it meanwhile is their
//! business, as it is with `readinto` of a file.
#![allow(unsafe_code, reason = "memory that Python owns")]

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::slice;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
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
    Buffer(PyUntypedBuffer),
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
        match PyUntypedBuffer::get(object) {
            Ok(buffer) => Self::of_buffer(buffer, to_write),
            Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => {
                Self::of_tensor(object, to_write)
            }
            Err(error) => Err(error),
        }
    }

    fn of_buffer(buffer: PyUntypedBuffer, to_write: bool) -> PyResult<Self> {
        if to_write && buffer.readonly() {
            return Err(read_only());
        }
        if !buffer.is_c_contiguous() {
            return Err(strided());
        }
        let start = NonNull::new(buffer.buf_ptr().cast()).unwrap_or(NonNull::dangling());
        Ok(Self { start, length: buffer.len_bytes(), _owner: Owner::Buffer(buffer) })
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
        let capsule = object.call_method0("__dlpack__")?.cast_into::<PyCapsule>()?;
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
