//! `seedfs.Dataset`

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::{
    PyFileNotFoundError, PyIndexError, PyKeyError, PyNotADirectoryError, PyOverflowError,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use seedfs::content::Content;
use seedfs::dataset::{Coordinates, Dataset as Files, DatasetEntry};
use seedfs::report::SourceView;
use seedfs::storage::{Share, read_template};

use crate::buffer::Lent;
use crate::file::File;
use crate::filling::detached;
use crate::json::{refuse, refuse_options, to_config, to_python};
use crate::tree::{How, verify};

/// The system's numbers of these errors: Linux has the same ones on every architecture.
const ENOENT: i32 = 2;
const ENOTDIR: i32 = 20;

/// A dataset and what makes its bytes.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) files: Files,
    pub(crate) content: Content,
    /// The options in their canonical spelling, as JSON: what pickles hold, and what is compared.
    pub(crate) config: String,
}

impl Inner {
    pub(crate) fn path(&self, file: Coordinates) -> String {
        Share::new(&self.files, None).path(file)
    }
}

/// Dataset(seed="0", nodes=1, processes=1, files=1, size="1G", **options)
/// --
///
/// The files that a seed and a few options describe, and the judge of what became of them.
///
/// No file is stored or listed: a dataset of 10^12 files costs what one of one file costs. The
/// bytes are those that ``seedfs mount`` shows with the same options.
///
/// Every option of the command line is a keyword, with ``_`` for ``-``: ``seed``, ``nodes``,
/// ``processes``, ``files``, ``size`` (bytes, or text like ``"64K"``, ``"10G"``, ``"4K..1M"`` or
/// ``"lognormal:median=64K,sigma=2,max=1G"``), ``iterations``, ``generation``, ``grow``,
/// ``new_files``, ``layout``, ``content``, ``compress``, ``dedup``, ``dedup_block``,
/// ``dedup_scope``, ``change``, ``change_block``. ``None`` is the default. ``content`` may be a
/// dict of contents by their extensions.
/// ``seedfs mount --help`` says what each means.
///
/// A dataset cannot be changed, may be used by any number of threads, and can be pickled: only its
/// options travel.
///
/// Raises ValueError for a value that cannot be, naming the option and what was expected, and
/// TypeError for an option that does not exist.
///
/// >>> ds = seedfs.Dataset(seed="42", nodes=4, processes=8, size="1G")
/// >>> len(ds)
/// 32
/// >>> ds["node_2/process_1"].read(0, 4).hex()
/// 'f86e695c'
#[pyclass(module = "seedfs", frozen)]
#[derive(Debug)]
pub(crate) struct Dataset(pub(crate) Arc<Inner>);

#[pymethods]
impl Dataset {
    #[new]
    #[pyo3(signature = (**options))]
    fn new(options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut config = options.map(to_config).transpose()?.unwrap_or_default();
        read_template(&mut config).map_err(refuse)?;
        let files = config.validate().map_err(|errors| refuse_options(&errors))?;
        let content = Content::of(&files);
        let config = serde_json::to_string(&files.to_config()).map_err(refuse)?;
        Ok(Self(Arc::new(Inner { files, content, config })))
    }

    /// The dataset of a TOML or JSON file, like a mount's ``.status/config.json``.
    ///
    /// A file whose name ends in ``.toml`` is TOML, any other is JSON. Further options come before
    /// those of the file.
    ///
    /// Raises OSError where it cannot be read, and ValueError where it is something else.
    #[classmethod]
    #[pyo3(signature = (path, /, **options))]
    fn from_config<'py>(
        class: &Bound<'py, PyType>,
        path: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let read = class.py().import("seedfs._config")?.getattr("read")?;
        let merged = read.call1((path,))?.cast_into::<PyDict>()?;
        if let Some(options) = options {
            merged.update(options.as_mapping())?;
        }
        class.call((), Some(&merged))
    }

    /// The options in their canonical spelling: ``Dataset(**ds.options) == ds``.
    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &serde_json::from_str(&self.0.config).map_err(refuse)?)
    }

    /// The text from which all content follows.
    #[getter]
    fn seed(&self) -> &str {
        self.0.files.seed()
    }

    /// The AES-128 key of plain content, 16 bytes: ``openssl enc -aes-128-ctr -K`` takes it.
    #[getter]
    fn key(&self) -> [u8; 16] {
        self.0.content.key()
    }

    /// The name of what makes bytes on this machine: ``vaes512``, ``vaes256`` or ``portable``.
    #[getter]
    fn kernel(&self) -> &'static str {
        self.0.content.cipher_kernel()
    }

    /// The size of all files together, in bytes. Sizes that are drawn are summed file by file, up
    /// to 2^30 of them, without the interpreter's lock; for more it is an estimate.
    fn total_bytes(&self, py: Python<'_>) -> u128 {
        py.detach(|| Share::new(&self.0.files, None).total_bytes(1))
    }

    /// The path of a file, by its position from 0 in the order of iteration: another number for
    /// each, whatever the size of the dataset.
    ///
    /// Raises IndexError past the last.
    fn path_at(&self, index: u64) -> PyResult<String> {
        let share = Share::new(&self.0.files, None);
        if index >= share.file_count() {
            return Err(PyIndexError::new_err("there are fewer files"));
        }
        Ok(share.path(share.file(index)))
    }

    /// The entries of a directory, in its order: their names, and the size in bytes of those that
    /// are files. The root is "".
    ///
    /// Raises FileNotFoundError, and NotADirectoryError for a file.
    #[pyo3(signature = (path=PathBuf::new()))]
    fn listdir(&self, path: PathBuf) -> PyResult<Vec<(String, Option<u64>)>> {
        let namespace = self.0.files.namespace();
        let directory = path.to_str().and_then(|path| namespace.resolve(path.trim_matches('/')));
        let Some(directory) = directory else {
            return Err(PyFileNotFoundError::new_err((ENOENT, "no such directory", path)));
        };
        let Some(count) = namespace.entry_count(directory) else {
            return Err(PyNotADirectoryError::new_err((ENOTDIR, "it is a file", path)));
        };
        let mut entries = Vec::new();
        for index in 0..count {
            let mut name = String::new();
            let entry = namespace.entry_at(directory, index, &mut name);
            let size = match entry {
                Some((_, DatasetEntry::File(file))) => Some(self.0.files.size_bytes(file)),
                Some((_, DatasetEntry::Directory)) => None,
                None => break,
            };
            entries.push((name, size));
        }
        Ok(entries)
    }

    /// Whether a path is a directory of the dataset. The root is "".
    fn is_dir(&self, path: PathBuf) -> bool {
        let namespace = self.0.files.namespace();
        let inode = path.to_str().and_then(|path| namespace.resolve(path.trim_matches('/')));
        inode.is_some_and(|inode| namespace.entry_count(inode).is_some())
    }

    /// Says whose content bytes are, at any alignment: a list of runs in their order, each a dict
    /// with the ``offset`` and ``length`` in the buffer and the ``source``, as ``seedfs locate
    /// --json`` has it: ``path`` (None where the dataset has no such file), ``generation``,
    /// ``node``, ``process``, ``file`` and the ``offset`` in the file, in bytes.
    ///
    /// A run of 47 bytes is always found, and one of 31 where the dataset has the file. Bytes that
    /// are nobody's are in no run.
    ///
    /// Raises TypeError for what is no buffer, and BufferError for one with gaps.
    fn locate<'py>(&self, buffer: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let py = buffer.py();
        let data = Lent::readable(buffer)?;
        let Inner { files, content, .. } = &*self.0;
        let mut runs = Vec::new();
        detached(py, data.len(), || {
            content.locate(data.bytes(), files, &mut |run| runs.push(run));
        });
        let list = PyList::empty(py);
        for run in runs {
            let found = PyDict::new(py);
            found.set_item("offset", run.at)?;
            found.set_item("length", run.len)?;
            let source = serde_json::to_value(SourceView::new(files, run.source));
            let source = source.map_err(refuse)?;
            found.set_item("source", to_python(py, &source)?)?;
            list.append(found)?;
        }
        Ok(list)
    }

    /// Judges the files below a directory as ``seedfs verify`` does, on as many threads as there
    /// are processors unless `threads` says otherwise. Returns a Verdict with the whole report.
    ///
    /// With `node` only the files of this node are judged: the share of one machine. `sample`
    /// percent of the files are read, chosen by the seed. `direct_io` reads past the page cache;
    /// `drop_cache` has the kernel forget a file before it is read. `stop_after` so many bad files
    /// the rest is left out. Ctrl-C ends it early.
    ///
    /// Raises OSError where the directory cannot be read, and ValueError for options that cannot
    /// be. A file that cannot be read is in the report, below ``failures``.
    #[pyo3(signature = (
        directory, *, node=None, threads=None, direct_io=false, drop_cache=false, sample=100.0,
        stop_after=None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "keywords")]
    fn verify_tree(
        &self,
        py: Python<'_>,
        directory: PathBuf,
        node: Option<u16>,
        threads: Option<usize>,
        direct_io: bool,
        drop_cache: bool,
        sample: f64,
        stop_after: Option<u64>,
    ) -> PyResult<Py<PyAny>> {
        let how = How { node, threads, direct_io, drop_cache, sample, stop_after };
        verify(py, &self.0.files, &directory, &how)
    }

    fn __len__(&self) -> PyResult<usize> {
        let count = self.0.files.file_count();
        count.try_into().map_err(|_| PyOverflowError::new_err("more files than len() can say"))
    }

    fn __iter__(&self) -> Paths {
        Paths { of: Arc::clone(&self.0), next: AtomicU64::new(0) }
    }

    fn __contains__(&self, path: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.coordinates(path)?.is_some())
    }

    fn __getitem__(&self, path: &Bound<'_, PyAny>) -> PyResult<File> {
        match self.coordinates(path)? {
            Some(file) => Ok(File { of: Arc::clone(&self.0), file }),
            None => Err(PyKeyError::new_err(path.clone().unbind())),
        }
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().0.config == self.0.config)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.config.hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let options = self.options(py)?.cast_into::<PyDict>()?;
        options.del_item("schema")?;
        let mut typed = Vec::new();
        for (name, value) in options {
            typed.push(format!("{}={}", name.str()?, value.repr()?));
        }
        Ok(format!("seedfs.Dataset({})", typed.join(", ")))
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyAny>)> {
        Ok((PyTuple::empty(py), self.options(py)?))
    }

    /// The options are in `__getnewargs_ex__`, and there is nothing else.
    fn __getstate__(&self) {}
}

impl Dataset {
    fn coordinates(&self, path: &Bound<'_, PyAny>) -> PyResult<Option<Coordinates>> {
        let path: OsString = path.extract()?;
        let path = path.to_str().map(|path| path.trim_start_matches('/'));
        Ok(path.and_then(|path| self.0.files.namespace().coordinates(path)))
    }
}

/// The paths of a dataset, one after another.
#[pyclass(module = "seedfs", frozen)]
#[derive(Debug)]
pub(crate) struct Paths {
    of: Arc<Inner>,
    next: AtomicU64,
}

#[pymethods]
impl Paths {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self) -> Option<String> {
        let share = Share::new(&self.of.files, None);
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        (index < share.file_count()).then(|| share.path(share.file(index)))
    }
}
