//! The kernel's ring of requests, `io_uring`.
#![allow(unsafe_code, reason = "the kernel is given addresses, and uses them after the call")]

use std::io;
use std::os::fd::AsRawFd;

use io_uring::{IoUring, Probe, opcode, squeue, types};
use nix::libc;

use super::{AlignedBuffer, DiskRequest, Operation};

/// A ring that the kernel has set up.
pub(super) struct Ring {
    uring: IoUring,
    /// Requests that the kernel may know of, and has not answered.
    pushed: usize,
}

impl Ring {
    /// Sets up a ring for so many requests at a time.
    ///
    /// # Errors
    ///
    /// Those of the system; `ENOSYS` where it is older than the requests that we make.
    pub(super) fn new(depth: u32) -> io::Result<Self> {
        let uring = IoUring::new(depth)?;
        let mut probe = Probe::new();
        uring.submitter().register_probe(&mut probe)?;
        let needed = [
            opcode::Read::CODE,
            opcode::Write::CODE,
            opcode::ReadFixed::CODE,
            opcode::WriteFixed::CODE,
        ];
        if !uring.params().is_feature_nodrop()
            || !needed.into_iter().all(|code| probe.is_supported(code))
        {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        Ok(Self { uring, pushed: 0 })
    }

    /// Has the kernel pin these buffers, so that it need not for each request.
    ///
    /// # Errors
    ///
    /// Those of the system: `ENOMEM` where a process may not lock so much memory.
    pub(super) fn register(&self, buffers: &mut [AlignedBuffer]) -> io::Result<()> {
        let addresses: Vec<libc::iovec> = buffers
            .iter_mut()
            .map(|buffer| {
                let bytes = buffer.bytes_mut();
                libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() }
            })
            .collect();
        // SAFETY: the addresses are those of memory that is ours now. The kernel pins its pages, so
        // they stay its own whatever becomes of the buffers, and only requests make it touch them.
        unsafe { self.uring.submitter().register_buffers(&addresses)? };
        for (number, buffer) in (0..).zip(buffers) {
            buffer.registered = Some(number);
        }
        Ok(())
    }

    /// Puts a request where the kernel will find it, if there is room: the first bytes of its
    /// range.
    ///
    /// # Safety
    ///
    /// Nobody may touch the request's buffer, nor let go of it or of the file, until
    /// [`Ring::next_answer`] has returned the number.
    pub(super) unsafe fn push<T>(
        &mut self,
        number: u64,
        request: &mut DiskRequest<T>,
        length: usize,
    ) -> bool {
        let file = types::Fd(request.file.0.as_raw_fd());
        let registered = request.buffer.registered;
        let bytes = &mut request.buffer.bytes_mut()[request.range.clone()][..length];
        let at = bytes.as_mut_ptr();
        // Far more than a buffer has: the kernel itself does at most 2 GiB at a time.
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let offset = request.offset;
        let entry: squeue::Entry = match (request.operation, registered) {
            (Operation::Read, None) => opcode::Read::new(file, at, length).offset(offset).build(),
            (Operation::Write, None) => opcode::Write::new(file, at, length).offset(offset).build(),
            (Operation::Read, Some(buffer)) => {
                opcode::ReadFixed::new(file, at, length, buffer).offset(offset).build()
            }
            (Operation::Write, Some(buffer)) => {
                opcode::WriteFixed::new(file, at, length, buffer).offset(offset).build()
            }
        };
        // SAFETY: the caller keeps file and buffer, and the range lies within the buffer.
        let is_pushed = unsafe { self.uring.submission().push(&entry.user_data(number)) }.is_ok();
        self.pushed += usize::from(is_pushed);
        is_pushed
    }

    /// Has the kernel begin what was pushed, and waits for so many answers.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn enter(&self, answers: usize) -> io::Result<usize> {
        self.uring.submit_and_wait(answers)
    }

    /// The next answer: the number of the request, and what its system call would have returned.
    pub(super) fn next_answer(&mut self) -> Option<(u64, i32)> {
        let answer = self.uring.completion().next()?;
        self.pushed -= 1;
        Some((answer.user_data(), answer.result()))
    }

    /// How many pushed requests the kernel has not taken up.
    pub(super) fn untaken(&mut self) -> usize {
        let mut submission = self.uring.submission();
        submission.sync();
        submission.len()
    }

    /// How many requests the kernel has taken up, and not answered.
    pub(super) fn taken(&mut self) -> usize {
        self.pushed - self.untaken()
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("pushed", &self.pushed).finish_non_exhaustive()
    }
}
