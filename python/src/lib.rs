//! seedfs for Python: conversion, buffers, and when the interpreter's lock is let go of. What bytes
//! are and what is wrong with them is the library's business.
#![allow(
    clippy::doc_markdown,
    clippy::doc_link_with_quotes,
    reason = "the comments are Python's docstrings"
)]
#![allow(
    clippy::needless_pass_by_value,
    clippy::unused_self,
    reason = "Python calls, and hands over what it has"
)]

mod buffer;
mod dataset;
mod dgen;
mod file;
mod filling;
mod json;
mod tree;

use pyo3::prelude::*;

/// What `seedfs` is made of. Import `seedfs` instead.
#[pymodule(gil_used = false)]
mod _seedfs {
    #[pymodule_export]
    use super::dataset::{Dataset, Paths};
    #[pymodule_export]
    use super::dgen::{
        BufferPool, BytesView, Generator, bench_rolling_pool, create_bytearrays, generate_buffer,
        generate_into_buffer, generate_uniform, generate_uniform_vectors, get_numa_info,
        normalize_rows,
    };
    #[pymodule_export]
    use super::file::{File, Judge};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
