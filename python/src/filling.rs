//! Filling memory without the interpreter's lock, on as many threads as it is worth.

use std::num::NonZeroUsize;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use seedfs::content::Content;
use seedfs::dataset::Coordinates;
use seedfs::numa::{Pools, Workers};
use seedfs::storage::ALONE_BYTES_MAX;

/// From this length on a buffer is filled on several threads: below it waking them takes longer
/// than they save.
pub(crate) const PARALLEL_BYTES: usize = 2 << 20;

/// From this length on the interpreter's lock is let go of: below it that costs more than anybody
/// waits.
pub(crate) const DETACH_BYTES: usize = 4 << 10;

/// Which threads may work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    by: Workers,
    pinned: bool,
}

impl Threads {
    /// As many as somebody has said, or as there are processors.
    pub(crate) fn new(threads: Option<usize>) -> PyResult<Self> {
        let refuse = || PyValueError::new_err("threads: expected 1 or more, or None for all");
        let threads = threads.unwrap_or(usize::MAX);
        let threads_max = NonZeroUsize::new(threads).ok_or_else(refuse)?;
        Ok(Self { by: Workers { threads_max, ..Workers::default() }, pinned: true })
    }

    /// What the calls of dgen-py say: 0 threads are all, and a NUMA node that is not there is none.
    pub(crate) fn of_dgen(
        numa_mode: &str,
        threads: Option<usize>,
        node: Option<u32>,
    ) -> PyResult<Self> {
        let pinned = match numa_mode {
            "auto" | "force" => true,
            "disabled" => false,
            other => {
                return Err(PyValueError::new_err(format!(
                    "Invalid numa_mode '{other}': must be 'auto', 'force', or 'disabled'"
                )));
            }
        };
        let threads_max = threads.and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MAX);
        Ok(Self { by: Workers { threads_max, node, ..Workers::default() }, pinned })
    }

    /// The same, with parts that end where one of so many bytes ends.
    pub(crate) fn in_units_of(self, unit_bytes: NonZeroUsize) -> Self {
        Self { by: Workers { unit_bytes, ..self.by }, ..self }
    }

    /// Fills `out` with the content of a file from an offset on.
    pub(crate) fn fill(
        self,
        content: &Content,
        (file, offset): (Coordinates, u64),
        out: &mut [u8],
    ) {
        self.work(out, |at, part| content.fill(file, offset + at as u64, part));
    }

    /// Calls `fill` with the parts of `out`, and where in it they begin.
    pub(crate) fn work(self, out: &mut [u8], fill: impl Fn(usize, &mut [u8]) + Sync) {
        if out.len() < PARALLEL_BYTES || self.by.threads_max == NonZeroUsize::MIN {
            fill(0, out);
        } else if self.pinned {
            Pools::shared().fill(self.by, out, fill);
        } else {
            Pools::shared_unpinned().fill(self.by, out, fill);
        }
    }
}

/// Runs `work` where its jobs go to the threads that fill as well. The library would take those of
/// rayon's global pool, which a forked process has not got. The caller has let go of the
/// interpreter's lock, and holds no other that the work or the others in the pool wait for.
///
/// Raises OSError where the system has no threads.
pub(crate) fn on_pool<T: Send>(work: impl FnOnce() -> T + Send) -> PyResult<T> {
    let done = Pools::shared_unpinned().install(work);
    done.map_err(|error| PyOSError::new_err(error.to_string()))
}

/// The same for work that judges so many bytes; that on a few is done here.
pub(crate) fn judging<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    if bytes > ALONE_BYTES_MAX { on_pool(work) } else { Ok(work()) }
}

/// Runs `work` without the interpreter's lock, where so many bytes make it worth while.
pub(crate) fn detached<T: Send>(
    py: Python<'_>,
    bytes: usize,
    work: impl FnOnce() -> T + Send,
) -> T {
    if bytes < DETACH_BYTES { work() } else { py.detach(work) }
}
