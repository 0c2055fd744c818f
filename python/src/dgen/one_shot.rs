//! Functions that make bytes which nobody asks for again.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyList};
use seedfs::content::{Content, MAX_FILE_BYTES};
use seedfs::dataset::Coordinates;
use seedfs::numa::Topology;

use super::bytes_view::{BytesView, room};
use super::pool::BufferPool;
use super::{Ratios, new_seed, stream_of, writable};
use crate::filling::{Threads, detached};

/// Fills with bytes that this process has not had before.
pub(super) fn fill_new(
    py: Python<'_>,
    threads: Threads,
    ratios: Ratios,
    out: &mut [u8],
) -> PyResult<()> {
    static STREAM: OnceLock<Content> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);

    if !ratios.is_plain() {
        // What is shared by deduplication is shared within one buffer.
        let (_, content) = stream_of(&new_seed(py)?, ratios, out.len() as u64)?;
        detached(py, out.len(), || threads.fill(&content, (Coordinates::default(), 0), out));
        return Ok(());
    }
    let content = if let Some(content) = STREAM.get() {
        content
    } else {
        let seed = new_seed(py)?;
        STREAM.get_or_init(|| Content::new(&seed))
    };
    let length = out.len() as u64;
    let start = NEXT.fetch_add(length.next_multiple_of(64), Ordering::Relaxed);
    // A process that was forked has the seed and the position of the one that it comes from.
    let offset = start % (MAX_FILE_BYTES / 2);
    let file = Coordinates { file: std::process::id(), ..Coordinates::default() };
    detached(py, out.len(), || threads.fill(content, (file, offset), out));
    Ok(())
}

/// `size` new bytes.
///
/// Raises ValueError for a size of 0 or values that cannot be, OverflowError for a negative size.
#[pyfunction]
#[pyo3(signature = (
    size, dedup_ratio=1.0, compress_ratio=1.0, numa_mode="auto", max_threads=None, numa_node=None,
    method="parallel",
))]
#[expect(clippy::too_many_arguments, reason = "those of dgen-py")]
#[expect(unused_variables, reason = "accepted, as it is there")]
pub(crate) fn generate_buffer(
    py: Python<'_>,
    size: usize,
    dedup_ratio: f64,
    compress_ratio: f64,
    numa_mode: &str,
    max_threads: Option<usize>,
    numa_node: Option<u32>,
    method: &str,
) -> PyResult<BytesView> {
    let threads = Threads::of_dgen(numa_mode, max_threads, numa_node)?;
    if size == 0 {
        return Err(PyValueError::new_err("size must be > 0"));
    }
    let ratios = Ratios::new(py, dedup_ratio, compress_ratio)?;
    let mut bytes = room(size)?;
    fill_new(py, threads, ratios, &mut bytes)?;
    Ok(BytesView::new(bytes))
}

/// Fills a buffer with new bytes, in place, and returns how many.
///
/// Raises ValueError for a buffer that is read-only or has gaps, TypeError for what is none.
#[pyfunction]
#[pyo3(signature = (
    buffer, dedup_ratio=1.0, compress_ratio=1.0, numa_mode="auto", max_threads=None,
    numa_node=None, method="parallel",
))]
#[expect(clippy::too_many_arguments, reason = "those of dgen-py")]
#[expect(unused_variables, reason = "accepted, as it is there")]
pub(crate) fn generate_into_buffer(
    buffer: &Bound<'_, PyAny>,
    dedup_ratio: f64,
    compress_ratio: f64,
    numa_mode: &str,
    max_threads: Option<usize>,
    numa_node: Option<u32>,
    method: &str,
) -> PyResult<usize> {
    let threads = Threads::of_dgen(numa_mode, max_threads, numa_node)?;
    let ratios = Ratios::new(buffer.py(), dedup_ratio, compress_ratio)?;
    let mut lent = writable(buffer)?;
    fill_new(buffer.py(), threads, ratios, lent.bytes_mut())?;
    Ok(lent.len())
}

/// `count` bytearrays of `size` bytes each, zeros, to be filled.
#[pyfunction]
pub(crate) fn create_bytearrays(
    py: Python<'_>,
    count: usize,
    size: usize,
) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for _ in 0..count {
        list.append(PyByteArray::new_with(py, size, |_| Ok(()))?)?;
    }
    Ok(list)
}

/// Takes slices of `obj_size` bytes from a BufferPool until they are `total_bytes`; returns how
/// many bytes that were and how many seconds it took.
#[pyfunction]
pub(crate) fn bench_rolling_pool(
    py: Python<'_>,
    obj_size: usize,
    total_bytes: usize,
) -> PyResult<(usize, f64)> {
    if obj_size == 0 {
        return Err(PyValueError::new_err("obj_size must be > 0"));
    }
    let pool = BufferPool::plain();
    let started = Instant::now();
    let mut done = 0;
    while done < total_bytes {
        pool.next_slice(py, obj_size)?;
        done += obj_size;
    }
    Ok((done, started.elapsed().as_secs_f64()))
}

/// The processors and the NUMA nodes of this machine, as far as this process may use them: a dict
/// with ``num_nodes``, ``physical_cores``, ``logical_cpus``, ``is_uma`` and ``deployment_type``,
/// and the ``nodes``, each with its ``node_id``, ``cpus`` and ``memory_bytes``.
#[pyfunction]
pub(crate) fn get_numa_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let topology = Topology::here();
    let nodes = PyList::empty(py);
    for node in topology.nodes() {
        let shown = PyDict::new(py);
        shown.set_item("node_id", node.number)?;
        shown.set_item("cpus", &node.cpus)?;
        shown.set_item("memory_bytes", node.memory_bytes)?;
        nodes.append(shown)?;
    }
    let info = PyDict::new(py);
    let is_uma = topology.nodes().len() == 1;
    info.set_item("num_nodes", topology.nodes().len())?;
    info.set_item("physical_cores", topology.physical_cores())?;
    info.set_item("logical_cpus", topology.cpu_count())?;
    info.set_item("is_uma", is_uma)?;
    let kind = if is_uma { "UMA (one NUMA node)" } else { "NUMA (several nodes)" };
    info.set_item("deployment_type", kind)?;
    info.set_item("nodes", nodes)?;
    Ok(info)
}
