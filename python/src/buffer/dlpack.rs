//! The C interface of DLPack, up to where we look.

use std::ffi::{c_int, c_void};
use std::slice;

use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::Element;

/// `kDLCPU`.
pub(super) const DEVICE_CPU: i32 = 1;

/// `DLPACK_FLAG_BITMASK_READ_ONLY`.
pub(super) const READ_ONLY: u64 = 1;

/// `DLPACK_FLAG_BITMASK_IS_COPIED`.
pub(super) const IS_COPIED: u64 = 2;

/// `DLDataTypeCode`.
const INTEGER: u8 = 0;
const UNSIGNED: u8 = 1;
const FLOAT: u8 = 2;

/// The beginning of `DLManagedTensorVersioned`. Its older form, `DLManagedTensor`, begins with the
/// tensor.
#[repr(C)]
struct Versioned {
    major: u32,
    minor: u32,
    manager: *mut c_void,
    deleter: *mut c_void,
    flags: u64,
    tensor: Tensor,
}

/// `DLTensor`.
#[repr(C)]
pub(super) struct Tensor {
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

/// The tensor in a capsule of either form, and its flags, of which the older form has none.
///
/// The capsule keeps it: its destructor, which is left to it, frees the tensor.
pub(super) fn tensor_of<'a>(capsule: &'a Bound<'_, PyCapsule>) -> PyResult<(&'a Tensor, u64)> {
    if !capsule.is_valid_checked(Some(c"dltensor_versioned")) {
        let older = capsule.pointer_checked(Some(c"dltensor"))?.cast::<Tensor>();
        // SAFETY: a capsule of this name points to such a tensor, and keeps it.
        return Ok((unsafe { older.as_ref() }, 0));
    }
    let versioned = capsule.pointer_checked(Some(c"dltensor_versioned"))?.cast::<Versioned>();
    // SAFETY: as above. The version stands at the beginning in all versions.
    let major = unsafe { (&raw const (*versioned.as_ptr()).major).read() };
    if major != 1 {
        return Err(PyBufferError::new_err(format!(
            "the tensor is lent by DLPack {major}: expected version 1"
        )));
    }
    // SAFETY: of version 1, it is what is declared here.
    let Versioned { flags, tensor, .. } = unsafe { versioned.as_ref() };
    Ok((tensor, *flags))
}

impl Tensor {
    /// The length of each dimension, slowest first.
    pub(super) fn shape(&self) -> &[i64] {
        self.numbers(self.shape)
    }

    /// How many elements lie between neighbours of each dimension; nothing where there are no gaps.
    pub(super) fn strides(&self) -> &[i64] {
        self.numbers(self.strides)
    }

    /// The first byte; nowhere for a tensor without elements.
    pub(super) fn start(&self) -> *mut u8 {
        self.data.cast::<u8>().wrapping_add(self.byte_offset)
    }

    pub(super) fn element_bits(&self) -> usize {
        usize::from(self.bits) * usize::from(self.lanes)
    }

    pub(super) fn element(&self) -> Element {
        match (self.code, self.bits, self.lanes) {
            (FLOAT, 32, 1) => Element::Float32,
            (INTEGER | UNSIGNED, 8, 1) => Element::Byte,
            _ => Element::Other,
        }
    }

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
