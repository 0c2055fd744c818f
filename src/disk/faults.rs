//! Failures that are asked for.

use std::fmt::Debug;

/// A system call, as far as faults tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemCall {
    /// Opening what is there.
    Open,
    /// Making a file.
    Create,
    /// Making a directory.
    MakeDirectory,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Taking room for a file.
    Allocate,
    /// Punching a hole.
    Punch,
    /// Setting the length of a file.
    Truncate,
    /// Having a file or a directory on the storage.
    Sync,
    /// Closing a duplicate of a descriptor, to hear what was not stored.
    Flush,
    /// Giving a file another name.
    Rename,
    /// Giving a file one more name.
    Link,
    /// Removing a name.
    Unlink,
    /// Asking for attributes.
    Stat,
    /// Reading a directory.
    List,
    /// Locking a file.
    Lock,
    /// Asking the kernel to forget what it has cached.
    ForgetCached,
    /// Asking the kernel for a queue of requests.
    SetUpQueue,
    /// Having buffers registered for a queue.
    RegisterBuffers,
    /// Telling the kernel of the requests in a queue, and waiting for it.
    EnterQueue,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this errno, and nothing is done.
    Before(i32),
    /// It is done, and fails with this errno all the same, as where the answer of a server is lost.
    After(i32),
    /// A read or a write ends early, as they may. Other calls have nothing that could be short.
    Short,
}

impl Fault {
    /// One of each kind that callers may tell apart.
    pub const EACH: [Self; 8] = [
        Self::Before(libc::EIO),
        Self::Before(libc::ENOSPC),
        Self::Before(libc::EDQUOT),
        Self::Before(libc::ESTALE),
        Self::After(libc::EIO),
        Self::Before(libc::EINTR),
        Self::After(libc::EINTR),
        Self::Short,
    ];

    /// Whether the disk goes on by itself, so that nobody may notice.
    #[must_use]
    pub fn is_harmless(self) -> bool {
        matches!(self, Self::Short | Self::Before(libc::EINTR) | Self::After(libc::EINTR))
    }
}

/// Who is asked before each system call whether it is to fail.
pub trait Faults: Clone + Debug + Send + Sync + 'static {
    /// What is to happen to this call; `None`: nothing.
    fn fault(&self, call: SystemCall) -> Option<Fault>;

    /// Which of so many requests of a queue comes next, where a test chooses.
    #[inline]
    fn choose(&self, _count: usize) -> Option<usize> {
        None
    }
}

/// No faults but those that the system has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sound;

impl Faults for Sound {
    #[inline]
    fn fault(&self, _: SystemCall) -> Option<Fault> {
        None
    }
}
