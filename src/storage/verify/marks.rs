//! The marks of files that were judged before, as they are now.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Verifier;
use crate::disk::{Faults, Links};
use crate::storage::resume_state::Marks;
use crate::sync::{Mutex, together};

impl<F: Faults> Verifier<'_, F> {
    /// What the system says of a file that was not opened, or no more.
    fn mark(&self, index: u64) -> Marks {
        let path = self.part.share.path(self.part.share.file(index));
        let stat = if self.part.is_nowhere {
            Err(io::Error::from_raw_os_error(libc::ENOENT))
        } else {
            let root = self.part.root;
            root.disk.stat_at(&root.directory, Path::new(&path), Links::Follow)
        };
        Marks::of(index, &stat)
    }

    /// The marks of the files before one, as they are now, but for some, in their order.
    pub(super) fn marks_below(&self, end: u64, but: &[u64]) -> Marks {
        let next = AtomicU64::new(0);
        let sum = Mutex::new(Marks::default());
        let work = || {
            let mut own = Marks::default();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= end || self.run.stop.is_set() {
                    break;
                }
                if but.binary_search(&index).is_err() && self.chosen.has(index) {
                    own.add(self.mark(index));
                }
            }
            sum.lock().add(own);
        };
        let files = usize::try_from(end).unwrap_or(usize::MAX);
        together(self.run.options.threads.min(files), work);
        sum.into_inner()
    }
}
