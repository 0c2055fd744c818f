//! `seedfs.File`

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use seedfs::content::{Address, MAX_FILE_BYTES};
use seedfs::dataset::Coordinates;
use seedfs::report::{JudgedFile, RANGES_MAX};
use seedfs::storage::{StreamJudge, judge_bytes};
use self_cell::self_cell;

use crate::buffer::Lent;
use crate::dataset::{Dataset, Inner};
use crate::filling::{Threads, detached, judging, on_pool};
use crate::json::to_verdict;

/// A file of a dataset: ``ds["node_2/process_1"]``.
///
/// It holds no bytes: they are made when they are asked for, at any offset.
#[pyclass(module = "seedfs", frozen)]
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) of: Arc<Inner>,
    pub(crate) file: Coordinates,
}

#[pymethods]
impl File {
    /// The path in the dataset.
    #[getter]
    fn path(&self) -> String {
        self.of.path(self.file)
    }

    /// The size in bytes.
    #[getter]
    fn size(&self) -> u64 {
        self.of.files.size_bytes(self.file)
    }

    /// The 16 bytes whose encryption is the first block of plain content: with the dataset's
    /// ``key``, what ``openssl enc -aes-128-ctr -iv`` takes.
    #[getter]
    fn address(&self) -> [u8; 16] {
        Address { file: self.file, block: 0 }.to_bytes()
    }

    /// Which file it is, whatever its path: (generation, node, process, file), each from 0.
    #[getter]
    fn coordinates(&self) -> (u16, u16, u16, u32) {
        let Coordinates { generation, node, process, file } = self.file;
        (generation, node, process, file)
    }

    /// The dataset.
    #[getter]
    fn dataset(&self) -> Dataset {
        Dataset(Arc::clone(&self.of))
    }

    /// Up to `length` bytes from `offset` on, both in bytes; all that follow without a length.
    /// Past the end there are none. ``readinto`` spares the memory for a new object.
    ///
    /// Raises ValueError for an offset that is negative, and MemoryError where so many bytes do not
    /// fit.
    #[pyo3(signature = (offset=0, length=None, *, threads=None))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        offset: i128,
        length: Option<u64>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (offset, threads) = (check_offset(offset)?, Threads::new(threads)?);
        let length = self.left(offset).min(length.unwrap_or(u64::MAX));
        let length = usize::try_from(length)?;
        PyBytes::new_with(py, length, |out| {
            detached(py, length, || threads.fill(&self.of.content, (self.file, offset), out));
            Ok(())
        })
    }

    /// Fills a buffer with the bytes from `offset` on and returns how many that were: fewer than
    /// it holds at the end of the file.
    ///
    /// Anything with the buffer protocol that can be written and has no gaps is filled in place:
    /// bytearray, memoryview, mmap, array, NumPy arrays of any type; and so are tensors in main
    /// memory, by DLPack. Nothing is copied, the interpreter's lock is let go of, and from 2 MiB on
    /// all processors take part, or `threads` of them.
    ///
    /// Raises BufferError for a buffer that is read-only or has gaps, TypeError for what is none,
    /// and ValueError for a negative offset.
    #[pyo3(signature = (buffer, offset=0, *, threads=None))]
    fn readinto(
        &self,
        buffer: &Bound<'_, PyAny>,
        offset: i128,
        threads: Option<usize>,
    ) -> PyResult<usize> {
        let (offset, threads) = (check_offset(offset)?, Threads::new(threads)?);
        let mut lent = Lent::writable(buffer)?;
        let length = usize::try_from(self.left(offset)).unwrap_or(usize::MAX).min(lent.len());
        detached(buffer.py(), length, || {
            let out = &mut lent.bytes_mut()[..length];
            threads.fill(&self.of.content, (self.file, offset), out);
        });
        Ok(length)
    }

    /// Judges bytes that should be those of this file from `offset` on, and returns a Verdict.
    ///
    /// Without an offset the buffer is the whole file: what is missing makes it ``incomplete``.
    /// With one, only the bytes that are there are judged, so an empty buffer is ``verified``: check
    /// its length where you know how many there should be. The ranges that are wrong, their
    /// classes and sources are those that a mount shows for the same bytes.
    ///
    /// The interpreter's lock is let go of, and a long buffer is judged on all processors.
    ///
    /// Raises TypeError for what is no buffer, BufferError for one with gaps, and ValueError for a
    /// negative offset.
    ///
    /// >>> data = bytearray(file.read(4096, 8192))
    /// >>> data[100] ^= 1
    /// >>> file.verify(data, 4096).ranges[0]["class"]
    /// 'flipped'
    #[pyo3(signature = (buffer, offset=None))]
    fn verify(&self, buffer: &Bound<'_, PyAny>, offset: Option<i128>) -> PyResult<Py<PyAny>> {
        let offset = offset.map(check_offset).transpose()?;
        let data = Lent::readable(buffer)?;
        let Inner { files, content, .. } = &*self.of;
        let judged = detached(buffer.py(), data.len(), || {
            judging(data.len(), || judge_bytes(files, content, self.file, offset, data.bytes()))
        });
        self.verdict(buffer.py(), &judged?)
    }

    /// A Judge for bytes that come piece by piece, from the first of the file on.
    fn judge(&self) -> Judge {
        let stream = Stream::new(Arc::clone(&self.of), |of| {
            Some(StreamJudge::new(&of.files, &of.content, self.file))
        });
        let file = Self { of: Arc::clone(&self.of), file: self.file };
        Judge { file, stream: Mutex::new(stream) }
    }

    /// Opens the file for reading: an ``io.RawIOBase`` that seeks. Wrap it in
    /// ``io.BufferedReader`` for many small reads.
    fn open<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("seedfs._raw")?.getattr("RawFile")?.call1((slf,))
    }

    /// The BLAKE3 hash of all bytes as 64 hexadecimal digits, as in the mount's manifest.
    fn blake3(&self, py: Python<'_>) -> PyResult<String> {
        let hash = || self.of.content.blake3(self.file, self.size());
        Ok(hex::encode(py.detach(|| on_pool(hash))?))
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.size())?)
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| {
            let other = other.get();
            other.file == self.file && other.of.config == self.of.config
        })
    }

    fn __hash__(&self) -> u64 {
        let Coordinates { generation, node, process, file } = self.file;
        let high = u64::from(generation) ^ (u64::from(node) << 16) ^ (u64::from(process) << 32);
        high.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(file)
    }

    fn __repr__(&self) -> String {
        format!("<seedfs.File '{}' of {} bytes>", self.path(), self.size())
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<(Py<PyAny>, (Dataset, String))> {
        let get = slf.py().import("operator")?.getattr("getitem")?;
        Ok((get.unbind(), (slf.get().dataset(), slf.get().path())))
    }
}

impl File {
    fn left(&self, offset: u64) -> u64 {
        self.size().saturating_sub(offset)
    }

    fn verdict(&self, py: Python<'_>, judged: &JudgedFile) -> PyResult<Py<PyAny>> {
        to_verdict(py, &judged.document(&self.of.files, self.path(), RANGES_MAX))
    }
}

fn check_offset(offset: i128) -> PyResult<u64> {
    let offset = u64::try_from(offset).ok().filter(|offset| *offset <= MAX_FILE_BYTES);
    offset.ok_or_else(|| PyValueError::new_err("offset: expected 0 to 2^52, in bytes"))
}

/// Empty once it has given its verdict.
type Slot<'a> = Option<StreamJudge<'a>>;

self_cell!(
    /// A judge, and the dataset by which it judges.
    struct Stream {
        owner: Arc<Inner>,
        #[covariant]
        dependent: Slot,
    }
);

/// Judges the bytes of a file piece by piece, and keeps none of them: ``file.judge()``.
#[pyclass(module = "seedfs", frozen)]
pub(crate) struct Judge {
    file: File,
    stream: Mutex<Stream>,
}

#[pymethods]
impl Judge {
    /// Judges the next bytes, and returns how many they are.
    ///
    /// Raises ValueError once ``finish`` was called, TypeError for what is no buffer, and
    /// BufferError for one with gaps.
    fn write(&self, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let data = Lent::readable(buffer)?;
        let judged = buffer.py().detach(|| {
            // Pieces have an order, so threads wait for each other: here and not on the pool, whose
            // threads take up another piece while they wait for their share of this one.
            let mut stream = self.stream.lock();
            let stream = &mut *stream;
            judging(data.len(), || {
                stream.with_dependent_mut(|_, judge| {
                    judge.as_mut()?.next(data.bytes());
                    Some(data.len())
                })
            })
        });
        judged?.ok_or_else(has_finished)
    }

    /// The Verdict on the whole file: what has not come is missing.
    ///
    /// Raises ValueError when it is called again.
    fn finish(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let judged = py.detach(|| {
            self.stream.lock().with_dependent_mut(|_, judge| Some(judge.take()?.finish()))
        });
        self.file.verdict(py, &judged.ok_or_else(has_finished)?)
    }
}

fn has_finished() -> PyErr {
    PyValueError::new_err("the judge has given its verdict")
}
