//! Many requests under way at a time.
//!
//! A [`RequestQueue`] is one thread's. It takes requests with the buffers that they concern, and
//! gives them back with their answers, in whatever order these come. Whoever has a buffer may touch
//! it, and nobody else: while a request is under way the queue owns the buffer and holds the file
//! open, also where the queue is dropped, which waits for the answers first.
//!
//! Where the kernel has `io_uring` and allows it, requests go through a ring, which is faster the
//! more of them storage can do at a time. Elsewhere each is a plain call, made when somebody asks
//! for an answer; the same holds from then on when a ring breaks. So callers need not know which it
//! is, and a ring that fails is no failure of theirs.
//!
//! Faults are asked for each request as for each plain call: one that fails before it is made never
//! reaches the kernel, one that fails afterwards does. `EINTR` makes a request again. `EAGAIN`,
//! from filesystems that cannot do without waiting, makes it a plain call.

mod buffer;
mod files;
mod ring;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use super::calls::errno;
use super::{Disk, Fault, Faults, OpenFile, SystemCall};
pub use buffer::{ALIGNMENT, AlignedBuffer};
use ring::Ring;

/// What is to be done with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is filled from the file.
    Read,
    /// It is written to the file.
    Write,
}

/// Something to do, once: it may be done in part.
#[derive(Debug)]
pub struct DiskRequest<T> {
    /// What.
    pub operation: Operation,
    /// With which file.
    pub file: Arc<OpenFile>,
    /// Where in the file.
    pub offset: u64,
    /// With which memory.
    pub buffer: AlignedBuffer,
    /// Which bytes of it.
    pub range: Range<usize>,
    /// What the caller knows it by.
    pub ticket: T,
}

/// What became of a request.
#[derive(Debug)]
pub struct DiskAnswer<T> {
    /// The request.
    pub request: DiskRequest<T>,
    /// How many bytes were transferred; 0 for a read at the end of the file.
    pub result: io::Result<usize>,
}

/// A queue of requests to files.
#[derive(Debug)]
pub struct RequestQueue<F: Faults, T> {
    disk: Disk<F>,
    depth: usize,
    carrier: Carrier,
    refusal: Option<io::Error>,
    /// Requests by number, and the numbers that no request has.
    requests: Vec<Option<QueuedRequest<T>>>,
    free: Vec<usize>,
    /// Those that nobody has begun.
    waiting: VecDeque<usize>,
    /// Those that are done, and what the system call has returned.
    done: VecDeque<(usize, i32)>,
    /// Bytes that the ring has been given and the kernel does not know of.
    untold_bytes: usize,
}

/// Who carries requests to the kernel.
#[derive(Debug)]
enum Carrier {
    /// A call for each.
    Calls,
    /// A ring.
    Ring(Box<Ring>),
}

#[derive(Debug)]
struct QueuedRequest<T> {
    request: DiskRequest<T>,
    /// It is done, and fails all the same.
    failing: Option<i32>,
}

/// The kernel hears of requests when they have so many bytes together, or somebody waits: telling
/// it of each costs more than small ones themselves.
const TOLD_BYTES: usize = 128 << 10;

/// How often somebody looks for answers of a ring that is broken.
const LOOK: Duration = Duration::from_micros(200);

impl<F: Faults, T> RequestQueue<F, T> {
    /// A queue for so many requests at a time. At depth 1 they are plain calls: a ring has nothing
    /// to gain from one request.
    #[must_use]
    pub fn new(disk: Disk<F>, depth: u32) -> Self {
        let (mut carrier, mut refusal) = (Carrier::Calls, None);
        if depth > 1 {
            match disk
                .once(SystemCall::SetUpQueue, || Ring::new(depth).map_err(|error| errno(&error)))
            {
                Ok(ring) => carrier = Carrier::Ring(Box::new(ring)),
                Err(error) => refusal = Some(error.into()),
            }
        }
        let depth = usize::try_from(depth).unwrap_or(1).max(1);
        Self {
            disk,
            depth,
            carrier,
            refusal,
            requests: Vec::new(),
            free: Vec::new(),
            waiting: VecDeque::new(),
            done: VecDeque::new(),
            untold_bytes: 0,
        }
    }

    /// How many requests may be under way: one where they are plain calls.
    #[must_use]
    pub fn depth(&self) -> usize {
        let are_chosen = || self.disk.faults.choose(1).is_some();
        if matches!(self.carrier, Carrier::Ring(_)) || are_chosen() { self.depth } else { 1 }
    }

    /// Why there is no ring, where one was asked for.
    #[must_use]
    pub fn refusal(&self) -> Option<&io::Error> {
        self.refusal.as_ref()
    }

    /// Makes buffers for this queue. Where a ring can have them registered, the kernel need not
    /// look up their pages for each request; where it may not, they serve as they are.
    #[must_use]
    pub fn buffers(&mut self, count: usize, length: usize) -> Vec<AlignedBuffer> {
        let mut buffers: Vec<_> = (0..count).map(|_| AlignedBuffer::new(length)).collect();
        if let Carrier::Ring(ring) = &self.carrier {
            let register = || ring.register(&mut buffers).map_err(|error| errno(&error));
            let _ = self.disk.call(SystemCall::RegisterBuffers, register);
        }
        buffers
    }

    /// How many requests are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.requests.len() - self.free.len()
    }

    /// Begins a request.
    pub fn submit(&mut self, request: DiskRequest<T>) {
        let queued = Some(QueuedRequest { request, failing: None });
        let number = if let Some(free) = self.free.pop() {
            self.requests[free] = queued;
            free
        } else {
            self.requests.push(queued);
            self.requests.len() - 1
        };
        self.waiting.push_back(number);
        self.push_waiting();
        if self.untold_bytes >= TOLD_BYTES {
            self.enter(0);
        }
    }

    /// Waits for an answer; `None` where no request is under way.
    pub fn answer(&mut self) -> Option<DiskAnswer<T>> {
        loop {
            self.take_answers();
            if let Some(at) = self.next_of(self.done.len()) {
                let done =
                    self.done.remove(at).and_then(|(number, result)| self.conclude(number, result));
                if done.is_some() {
                    return done;
                }
            } else if matches!(self.carrier, Carrier::Ring(_)) && self.under_way() > 0 {
                self.push_waiting();
                if self.done.is_empty() {
                    self.enter(1);
                }
            } else {
                let at = self.next_of(self.waiting.len())?;
                let number = self.waiting.remove(at)?;
                return self.call(number);
            }
        }
    }

    /// Which of so many comes next: the first, unless a test chooses.
    fn next_of(&self, count: usize) -> Option<usize> {
        (count > 0).then(|| self.disk.faults.choose(count).unwrap_or(0).min(count - 1))
    }

    /// Makes a request as a plain call.
    fn call(&mut self, number: usize) -> Option<DiskAnswer<T>> {
        let mut request = self.release(number)?;
        let (file, offset, range) = (&request.file, request.offset, request.range.clone());
        let result = match request.operation {
            Operation::Read => {
                self.disk.read_at(file, &mut request.buffer.bytes_mut()[range], offset)
            }
            Operation::Write => self.disk.write_at(file, &request.buffer.bytes()[range], offset),
        };
        Some(DiskAnswer { request, result })
    }

    /// A request that is not under way any more.
    fn release(&mut self, number: usize) -> Option<DiskRequest<T>> {
        let QueuedRequest { request, .. } = self.requests.get_mut(number)?.take()?;
        self.free.push(number);
        Some(request)
    }

    /// Gives the ring what it has room for.
    fn push_waiting(&mut self) {
        let Carrier::Ring(ring) = &mut self.carrier else { return };
        while let Some(&number) = self.waiting.front() {
            let Some(Some(queued)) = self.requests.get_mut(number) else { return };
            let operation = match queued.request.operation {
                Operation::Read => SystemCall::Read,
                Operation::Write => SystemCall::Write,
            };
            let mut length = queued.request.range.len();
            match self.disk.faults.fault(operation) {
                None => {}
                // At least one byte: none would be the end of a file.
                Some(Fault::Short) => length = length.div_ceil(2),
                Some(Fault::After(errno)) => queued.failing = Some(errno),
                Some(Fault::Before(errno)) => {
                    self.waiting.pop_front();
                    self.done.push_back((number, -errno));
                    continue;
                }
            }
            // SAFETY: the request stays in `requests`, where nobody touches it, until its answer is
            // taken from the ring; so it does when the ring breaks, and when this is dropped.
            if !unsafe { ring.push(number as u64, &mut queued.request, length) } {
                return;
            }
            self.untold_bytes += length;
            self.waiting.pop_front();
        }
    }

    /// Tells the kernel what was pushed, and waits for so many answers.
    fn enter(&mut self, answers: usize) {
        let Carrier::Ring(ring) = &self.carrier else { return };
        self.untold_bytes = 0;
        let enter = || ring.enter(answers).map_err(|error| errno(&error));
        match self.disk.once(SystemCall::EnterQueue, enter) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                // There may be answers that the kernel wants to be rid of first.
                self.take_answers();
                if self.done.is_empty() {
                    self.give_up(error);
                }
            }
        }
    }

    /// Takes all answers that are there.
    fn take_answers(&mut self) {
        let Carrier::Ring(ring) = &mut self.carrier else { return };
        while let Some((number, result)) = ring.next_answer() {
            self.done.push_back((usize::try_from(number).unwrap_or(usize::MAX), result));
        }
    }

    /// Goes on without the ring. The kernel answers what it has taken up; the rest waits for calls.
    fn give_up(&mut self, error: Errno) {
        while let Carrier::Ring(ring) = &mut self.carrier
            && ring.taken() > 0
        {
            thread::sleep(LOOK);
            self.take_answers();
        }
        self.carrier = Carrier::Calls;
        self.refusal = Some(error.into());
        let is_done = |number| self.done.iter().any(|(done, _)| *done == number);
        let begun = (0..self.requests.len())
            .filter(|number| self.requests[*number].is_some() && !is_done(*number));
        self.waiting = begun.collect();
    }

    /// What became of a request that the ring has answered; `None` where it is made again.
    fn conclude(&mut self, number: usize, result: i32) -> Option<DiskAnswer<T>> {
        let queued = self.requests.get_mut(number)?.as_mut()?;
        let result = match queued.failing.take() {
            Some(errno) if result >= 0 => -errno,
            _ => result,
        };
        let result = match usize::try_from(result) {
            Ok(count) => Ok(count),
            Err(_) if result == -libc::EINTR => {
                self.waiting.push_front(number);
                return None;
            }
            Err(_) if result == -libc::EAGAIN => return self.call(number),
            Err(_) => Err(io::Error::from_raw_os_error(-result)),
        };
        let request = self.release(number)?;
        Some(DiskAnswer { request, result })
    }
}

impl<F: Faults, T> Drop for RequestQueue<F, T> {
    /// The kernel may still write to the buffers of requests that it has taken up.
    fn drop(&mut self) {
        self.waiting.clear();
        while let Carrier::Ring(ring) = &mut self.carrier
            && ring.taken() > 0
        {
            if ring.enter(1).is_err() {
                thread::sleep(LOOK);
            }
            self.take_answers();
        }
    }
}
