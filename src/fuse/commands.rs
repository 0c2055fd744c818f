//! What is left to do after a reset was answered: the kernel is told what to forget.
//!
//! To drop a name the kernel waits for the lock of its directory. Whoever holds that may be waiting
//! for another directory, and its holder for `.status/control`, which is locked by whoever writes
//! to it until the write is answered. So a command is answered when it has been carried out here,
//! and the kernel is told afterwards, on a thread that nobody waits for who holds a lock. Closing
//! the file waits for it: `close` holds none.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use fuser::{INodeNo, Notifier, ReplyEmpty};

use crate::dataset::Inode;
use crate::fs::{Filesystem, Reset};
use crate::sync::{Condvar, Mutex};

/// How long the end of the session waits for what is under way: without a mount it fails at once.
const END: Duration = Duration::from_secs(5);

/// What is done one after the other.
#[derive(Debug)]
enum Task {
    /// Telling the kernel to ask again for all that a reset has changed.
    Tell(Box<Reset>),
    /// An answer to whoever waits for what came before it.
    Answer(ReplyEmpty),
}

/// What is left to do. What a reset hands on counts against the budget, so this is bounded by it.
#[derive(Debug)]
pub(super) struct Commands(Arc<CommandWorker>);

#[derive(Debug)]
struct CommandWorker {
    filesystem: Arc<Filesystem>,
    notifier: Arc<OnceLock<Notifier>>,
    tasks: Mutex<Tasks>,
    /// There is nothing to do any more.
    done: Condvar,
}

#[derive(Debug, Default)]
struct Tasks {
    queue: VecDeque<Task>,
    /// A thread is there and looks at the queue again.
    running: bool,
}

impl Commands {
    pub(super) fn new(filesystem: Arc<Filesystem>, notifier: Arc<OnceLock<Notifier>>) -> Self {
        let (tasks, done) = (Mutex::default(), Condvar::new());
        Self(Arc::new(CommandWorker { filesystem, notifier, tasks, done }))
    }

    /// A handle for another thread.
    pub(super) fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Tells the kernel that the mode of an inode is another one than it remembers. On this thread:
    /// without pages to drop it waits for no lock that a request may hold.
    pub(super) fn mode_changed(&self, inode: Inode) {
        if let Some(notifier) = self.0.notifier.get() {
            const NO_PAGES: i64 = -1;
            let _ = notifier.inval_inode(INodeNo(inode.get()), NO_PAGES, 0);
        }
    }

    /// Tells the kernel by and by.
    pub(super) fn tell(&self, reset: Reset) {
        self.add(Task::Tell(Box::new(reset)));
    }

    /// Answers when the kernel knows of all that was handed over before.
    pub(super) fn answer(&self, reply: ReplyEmpty) {
        if self.0.tasks.lock().running {
            self.add(Task::Answer(reply));
        } else {
            reply.ok();
        }
    }

    fn add(&self, task: Task) {
        let mut tasks = self.0.tasks.lock();
        tasks.queue.push_back(task);
        if tasks.running {
            return;
        }
        tasks.running = true;
        drop(tasks);
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("commands".to_owned());
        if let Err(error) = thread.spawn(move || shared.work()) {
            tracing::error!(%error, "cannot tell the kernel what has changed: it shows the old");
            let mut tasks = self.0.tasks.lock();
            tasks.running = false;
            // The replies go with them, and were answered EIO.
            let lost = std::mem::take(&mut tasks.queue);
            drop(tasks);
            drop(lost);
        }
    }

    /// The mount is gone: returns when nothing is under way.
    pub(super) fn end(&self) {
        let deadline = Instant::now() + END;
        let mut tasks = self.0.tasks.lock();
        while tasks.running && !self.0.done.wait_until(&mut tasks, deadline).timed_out() {}
    }
}

impl CommandWorker {
    fn work(&self) {
        while let Some(task) = self.next() {
            if catch_unwind(AssertUnwindSafe(|| self.run(task))).is_err() {
                tracing::error!("a bug in seedfs: telling the kernel of a reset panicked");
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let mut tasks = self.tasks.lock();
        let next = tasks.queue.pop_front();
        if next.is_none() {
            tasks.running = false;
            self.done.notify_all();
        }
        next
    }

    fn run(&self, task: Task) {
        match (task, self.notifier.get()) {
            (Task::Tell(mut reset), Some(notifier)) => self.tell(notifier, &mut reset),
            (Task::Tell(_), None) => {}
            (Task::Answer(reply), _) => reply.ok(),
        }
    }

    /// What the kernel does not remember, it need not forget: no error counts.
    fn tell(&self, notifier: &Notifier, reset: &mut Reset) {
        let drop_pages = |inode: Inode| {
            let _ = notifier.inval_inode(INodeNo(inode.get()), 0, 0);
        };
        reset.inodes().for_each(drop_pages);
        for inode in reset.open() {
            drop_pages(*inode);
            // Who appends does so where the kernel takes the end to be, and it does not ask.
            if let Some((offset, byte)) = self.filesystem.last_byte(*inode) {
                let _ = notifier.store(INodeNo(inode.get()), offset, &[byte]);
                drop_pages(*inode);
            }
        }
        reset.settle();
        for (parent, name) in reset.names(self.filesystem.dataset()) {
            let _ = notifier.inval_entry(INodeNo(parent.get()), OsStr::from_bytes(&name));
        }
    }
}
