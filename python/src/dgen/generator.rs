//! `seedfs.dgen.Generator`

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use seedfs::content::Content;
use seedfs::dataset::Coordinates;

use super::bytes_view::{BytesView, room};
use super::{Ratios, new_seed, stream_of, writable};
use crate::filling::{Threads, detached};

/// The chunk that fills fastest, as dgen-py says.
const CHUNK_BYTES: usize = 32 << 20;

/// A stream of `size` bytes that follow from a seed.
///
/// The calls are those of dgen_py.Generator. The bytes are those of the only file of
/// ``seedfs.Dataset(seed=str(seed), size=size)``, so any of them can be had again, and judged:
/// ``dataset`` is that dataset.
///
/// `size` is in bytes. `dedup_ratio` and `compress_ratio` of 2 let half of the data be taken away.
/// `numa_mode` is "auto", "force" or "disabled", `numa_node` the only NUMA node to work on,
/// `max_threads` a bound (None or 0: all processors). `seed` is a whole number below 2^64; without
/// one, it is another stream each time. `block_size` and `method` are accepted and change nothing.
///
/// Raises ValueError for values that cannot be, and OverflowError for negative sizes.
#[pyclass(module = "seedfs.dgen", frozen)]
#[derive(Debug)]
pub(crate) struct Generator {
    size: usize,
    ratios: Ratios,
    chunk_size: usize,
    threads: Threads,
    stream: Mutex<Stream>,
}

#[derive(Clone, Debug)]
struct Stream {
    seed: String,
    content: Arc<Content>,
    position: usize,
}

#[pymethods]
impl Generator {
    #[new]
    #[pyo3(signature = (
        size, dedup_ratio=1.0, compress_ratio=1.0, numa_mode="auto", max_threads=None,
        numa_node=None, chunk_size=None, block_size=None, seed=None, method="parallel",
    ))]
    #[expect(clippy::too_many_arguments, reason = "those of dgen-py")]
    #[expect(unused_variables, reason = "accepted, as they are there")]
    fn new(
        py: Python<'_>,
        size: usize,
        dedup_ratio: f64,
        compress_ratio: f64,
        numa_mode: &str,
        max_threads: Option<usize>,
        numa_node: Option<u32>,
        chunk_size: Option<usize>,
        block_size: Option<usize>,
        seed: Option<u64>,
        method: &str,
    ) -> PyResult<Self> {
        let threads = Threads::of_dgen(numa_mode, max_threads, numa_node)?;
        let ratios = Ratios::new(py, dedup_ratio, compress_ratio)?;
        let stream = Stream::new(py, seed, ratios, size)?;
        Ok(Self {
            size,
            ratios,
            chunk_size: chunk_size.unwrap_or(CHUNK_BYTES),
            threads,
            stream: Mutex::new(stream),
        })
    }

    /// The size of a chunk that fills fast, in bytes: 32 MiB, or what was given.
    #[getter]
    fn chunk_size(&self) -> usize {
        self.chunk_size
    }

    /// The dataset whose only file these bytes are.
    #[getter]
    fn dataset<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let options = PyDict::new(py);
        let seed = self.stream.lock().seed.clone();
        let (files, _) = stream_of(&seed, self.ratios, self.size as u64)?;
        let config = serde_json::to_value(files.to_config()).map_err(crate::json::refuse)?;
        options.update(crate::json::to_python(py, &config)?.cast::<PyDict>()?.as_mapping())?;
        py.import("seedfs")?.getattr("Dataset")?.call((), Some(&options))
    }

    /// Fills a buffer with the next bytes, in place, and returns how many: fewer than it holds at
    /// the end of the stream, and 0 behind it.
    ///
    /// Raises ValueError for a buffer that is read-only or has gaps, TypeError for what is none.
    fn fill_chunk(&self, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let mut lent = writable(buffer)?;
        let (content, position, length) = self.advance(lent.len());
        self.fill(buffer.py(), &content, position, &mut lent.bytes_mut()[..length]);
        Ok(length)
    }

    /// The next `chunk_size` bytes, or those that are left; None where there are none.
    fn get_chunk(&self, py: Python<'_>, chunk_size: usize) -> PyResult<Option<BytesView>> {
        let length = chunk_size.min(self.size.saturating_sub(self.position()));
        let mut bytes = room(length)?;
        let (content, position, length) = self.advance(length);
        bytes.truncate(length);
        self.fill(py, &content, position, &mut bytes);
        Ok((length > 0).then(|| BytesView::new(bytes)))
    }

    /// Begins again, with the same bytes.
    fn reset(&self) {
        self.stream.lock().position = 0;
    }

    /// How many bytes have been taken.
    fn position(&self) -> usize {
        self.stream.lock().position
    }

    /// How many bytes there are.
    fn total_size(&self) -> usize {
        self.size
    }

    /// Whether all have been taken.
    fn is_complete(&self) -> bool {
        self.position() >= self.size
    }

    /// Goes on, from the same position, with the bytes of another seed; without one, with those of
    /// a new one.
    fn set_seed(&self, py: Python<'_>, seed: Option<u64>) -> PyResult<()> {
        let new = Stream::new(py, seed, self.ratios, self.size)?;
        let mut stream = self.stream.lock();
        *stream = Stream { position: stream.position, ..new };
        Ok(())
    }
}

impl Generator {
    /// Takes the next bytes, up to so many: another range for each thread that asks.
    fn advance(&self, most: usize) -> (Arc<Content>, usize, usize) {
        let mut stream = self.stream.lock();
        let position = stream.position;
        let length = most.min(self.size.saturating_sub(position));
        stream.position += length;
        (Arc::clone(&stream.content), position, length)
    }

    fn fill(&self, py: Python<'_>, content: &Content, position: usize, out: &mut [u8]) {
        detached(py, out.len(), || {
            self.threads.fill(content, (Coordinates::default(), position as u64), out);
        });
    }
}

impl Stream {
    fn new(py: Python<'_>, seed: Option<u64>, ratios: Ratios, size: usize) -> PyResult<Self> {
        let seed = seed.map_or_else(|| new_seed(py), |seed| Ok(seed.to_string()))?;
        let (_, content) = stream_of(&seed, ratios, size as u64)?;
        Ok(Self { seed, content: Arc::new(content), position: 0 })
    }
}
