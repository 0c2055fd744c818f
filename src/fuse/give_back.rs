//! Gives back to the system what was freed, on a thread of its own.
//!
//! Bytes are freed under locks and by event loops, where no system call is to be made for that. So
//! the filesystem says when there is something to give back, and this thread does it: it punches
//! holes into the store's file, and asks the allocator for the pages that it has no use for.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::fs::{Filesystem, GivenBack};

/// How long freed memory is left to be used again: what is freed now is often the first of many.
const FREED_WAITS: Duration = Duration::from_millis(500);

/// The thread. It ends when this is dropped.
pub(super) struct GivingBack {
    filesystem: Arc<Filesystem>,
    thread: Option<JoinHandle<()>>,
}

impl GivingBack {
    pub(super) fn begin(filesystem: &Arc<Filesystem>) -> Self {
        let filesystem = Arc::clone(filesystem);
        let work = {
            let filesystem = Arc::clone(&filesystem);
            move || give_back(&filesystem)
        };
        let thread = thread::Builder::new().name("give-back".to_owned()).spawn(work);
        let thread = thread.map_err(|error| {
            tracing::warn!(%error, "what is freed stays with the mount until it ends");
        });
        Self { filesystem, thread: thread.ok() }
    }
}

impl Drop for GivingBack {
    fn drop(&mut self) {
        self.filesystem.returns().end();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn give_back(filesystem: &Filesystem) {
    while filesystem.returns().wait() {
        filesystem.count_changes();
        let GivenBack { memory, failures } = filesystem.give_back();
        for failure in failures {
            tracing::error!("{failure}; this is said once");
        }
        if memory {
            filesystem.returns().pause(FREED_WAITS);
            trim_memory();
        }
    }
}

/// By itself the allocator keeps free pages that lie between others. After foreign bytes are
/// removed, these can be most of them.
fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointers, and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}
