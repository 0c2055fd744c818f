//! Blocks of files on their way to storage and back, several at a time.
//!
//! ```text
//!   write   idle ─→ make ─→ submit ─→ … ─→ answer ─┬─→ idle
//!                              ↑                   ├─→ the rest again, where the count was short
//!                              └───────────────────┘   or, unaligned at a file's end, by the cache
//!   read    idle ─→ submit ─→ … ─→ answer ─→ wait for those before ─→ take ─→ idle
//! ```
//!
//! There is one buffer more than requests may be under way: while the storage is at all of them,
//! the thread makes the next block, or compares the last one. Blocks are written in whatever order
//! the storage likes; those that are read are taken in their order, as a file's judge needs them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;

use super::block_file::{NewFile, say};
use super::{Requests, Transfer};
use crate::disk::{
    ALIGNMENT, AlignedBuffer, Disk, DiskAnswer, DiskRequest, Faults, OpenFile, Operation,
    RequestQueue,
};

/// One thread's blocks. All that are under way are of one file.
#[derive(Debug)]
pub(super) struct Pipeline<F: Faults> {
    disk: Disk<F>,
    transfer: Transfer,
    block_bytes: usize,
    queue: RequestQueue<F, PendingBlock>,
    idle: Vec<AlignedBuffer>,
    /// What was read, or is being read, in its order; those that are being read are `None`.
    reads: VecDeque<Option<ReadBlock>>,
    /// The number of the first of them.
    first_read: u64,
    /// Blocks whose last bytes are to be written through the page cache.
    rests: Vec<DiskRequest<PendingBlock>>,
}

/// A block that is under way.
#[derive(Debug)]
struct PendingBlock {
    /// Which bytes of the file.
    range: Range<u64>,
    /// How many of them are done.
    done: usize,
    work: BlockWork,
}

#[derive(Debug)]
enum BlockWork {
    /// Read, with the number of a place in the order.
    Read(u64),
    /// Written, and what remains through the page cache.
    Write(Arc<OpenFile>),
}

/// A block that was read.
#[derive(Debug)]
struct ReadBlock {
    range: Range<u64>,
    buffer: AlignedBuffer,
    /// How many of its bytes there are.
    result: io::Result<usize>,
}

/// Takes blocks that were read: which bytes of the file, and those that are there, fewer where the
/// file ends.
pub(super) type TakeBlock<'a> = dyn FnMut(Range<u64>, io::Result<&[u8]>) + 'a;

/// Hears which bytes were written.
pub(super) type BlockWritten<'a> = dyn FnMut(Range<u64>) + 'a;

impl<F: Faults> Pipeline<F> {
    pub(super) fn new(disk: &Disk<F>, transfer: Transfer, requests: Requests) -> Self {
        let mut queue = RequestQueue::new(disk.clone(), requests.depth);
        let count = if queue.depth() > 1 { requests.buffers() } else { 1 };
        let idle = queue.buffers(count, requests.block_bytes);
        Self {
            disk: disk.clone(),
            transfer,
            block_bytes: requests.block_bytes,
            queue,
            idle,
            reads: VecDeque::new(),
            first_read: 0,
            rests: Vec::new(),
        }
    }

    /// Why requests are made one at a time, where more were asked for.
    pub(super) fn refusal(&self) -> Option<&io::Error> {
        self.queue.refusal()
    }

    /// The first bytes of a range, as many as fit a block.
    pub(super) fn first_block(&self, range: &Range<u64>) -> Range<u64> {
        range.start..range.end.min(range.start + self.block_bytes as u64)
    }

    /// Begins to read a block, and hands over those that were read meanwhile, in their order.
    pub(super) fn read(
        &mut self,
        file: &Arc<OpenFile>,
        range: Range<u64>,
        take: &mut TakeBlock<'_>,
    ) {
        while self.queue.under_way() >= self.queue.depth() {
            self.await_read();
        }
        let buffer = loop {
            if let Some(buffer) = self.idle.pop() {
                break buffer;
            }
            if !self.hand_over(take) {
                self.await_read();
            }
        };
        let wanted = length(&range).min(self.block_bytes);
        // Past the page cache, a request has an aligned length also where the file ends.
        let asked = match self.transfer {
            Transfer::Cached => wanted,
            Transfer::Direct => wanted.next_multiple_of(ALIGNMENT).min(self.block_bytes),
        };
        let number = self.first_read + self.reads.len() as u64;
        self.reads.push_back(None);
        self.queue.submit(DiskRequest {
            operation: Operation::Read,
            file: Arc::clone(file),
            offset: range.start,
            buffer,
            range: 0..asked,
            ticket: PendingBlock { range, done: 0, work: BlockWork::Read(number) },
        });
        while self.hand_over(take) {}
    }

    /// Hands over all that are being read.
    pub(super) fn finish_reads(&mut self, take: &mut TakeBlock<'_>) {
        while !self.reads.is_empty() {
            if !self.hand_over(take) {
                self.await_read();
            }
        }
    }

    /// Hands over the block that is next, if it was read.
    fn hand_over(&mut self, take: &mut TakeBlock<'_>) -> bool {
        let Some(ReadBlock { range, buffer, result }) =
            self.reads.front_mut().and_then(Option::take)
        else {
            return false;
        };
        self.reads.pop_front();
        self.first_read += 1;
        take(range, result.map(|count| &buffer.bytes()[..count]));
        self.idle.push(buffer);
        true
    }

    /// Waits until something more was read.
    fn await_read(&mut self) {
        let Some(DiskAnswer { mut request, result }) = self.queue.answer() else { return };
        let PendingBlock { range, done, work: BlockWork::Read(number) } = &mut request.ticket
        else {
            self.idle.push(request.buffer);
            return;
        };
        let wanted = length(range);
        let result = match result {
            Ok(count) => {
                let end = request.range.start + count;
                let is_end = end <= *done;
                *done = end.max(*done);
                if !is_end && *done < wanted {
                    // Past the page cache, what was read to a place that is not aligned is read
                    // again from the last one that is: mostly it is the end of the file.
                    let next = match self.transfer {
                        Transfer::Cached => *done,
                        Transfer::Direct => *done - *done % ALIGNMENT,
                    };
                    request.offset = range.start + next as u64;
                    request.range.start = next;
                    self.queue.submit(request);
                    return;
                }
                Ok(wanted.min(*done))
            }
            Err(error) => Err(say(self.transfer, error)),
        };
        let at = usize::try_from(*number - self.first_read).unwrap_or(usize::MAX);
        if let Some(place) = self.reads.get_mut(at) {
            let range = range.clone();
            *place = Some(ReadBlock { range, buffer: request.buffer, result });
        }
    }

    /// Makes a block, and begins to write it; `written` hears of those that were written meanwhile.
    ///
    /// # Errors
    ///
    /// Those of any block of the file.
    pub(super) fn write(
        &mut self,
        new: &NewFile,
        range: Range<u64>,
        make: impl FnOnce(&mut [u8]),
        written: &mut BlockWritten<'_>,
    ) -> io::Result<()> {
        let mut buffer = loop {
            match self.idle.pop() {
                Some(idle) => break idle,
                None => self.await_write(written)?,
            }
        };
        let wanted = length(&range).min(self.block_bytes);
        make(&mut buffer.bytes_mut()[..wanted]);
        while self.queue.under_way() >= self.queue.depth() {
            if let Err(error) = self.await_write(written) {
                self.idle.push(buffer);
                return Err(error);
            }
        }
        let cached = Arc::clone(&new.file);
        // Whole units of alignment go past the page cache; only the tail of a file has a rest.
        let (file, sent) = match &new.direct {
            Some(direct) => (direct, wanted - wanted % ALIGNMENT),
            None => (&new.file, wanted),
        };
        let request = DiskRequest {
            operation: Operation::Write,
            file: Arc::clone(file),
            offset: range.start,
            buffer,
            range: 0..sent,
            ticket: PendingBlock { range, done: 0, work: BlockWork::Write(cached) },
        };
        if sent == 0 {
            self.rests.push(request);
        } else {
            self.queue.submit(request);
        }
        Ok(())
    }

    /// Waits until all blocks are written.
    ///
    /// # Errors
    ///
    /// The first. No request is under way afterwards, also then.
    pub(super) fn finish_writes(&mut self, written: &mut BlockWritten<'_>) -> io::Result<()> {
        let mut result = Ok(());
        while self.queue.under_way() > 0 || !self.rests.is_empty() {
            if result.is_err() {
                self.idle.extend(self.rests.drain(..).map(|rest| rest.buffer));
            }
            result = result.and(self.await_write(written));
        }
        result
    }

    /// Waits until something more was written.
    fn await_write(&mut self, written: &mut BlockWritten<'_>) -> io::Result<()> {
        let Some(DiskAnswer { mut request, result }) = self.queue.answer() else {
            return self.write_rest(written);
        };
        let PendingBlock { range, done, .. } = &mut request.ticket;
        let count = match result {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            Ok(count) => Ok(count),
            Err(error) => Err(say(self.transfer, error)),
        };
        let count = match count {
            Ok(count) => count,
            Err(error) => {
                self.idle.push(request.buffer);
                return Err(error);
            }
        };
        *done += count;
        request.offset += count as u64;
        request.range.start += count;
        if *done == length(range) {
            written(range.clone());
            self.idle.push(request.buffer);
        } else if request.range.is_empty()
            || self.transfer == Transfer::Direct && !done.is_multiple_of(ALIGNMENT)
        {
            self.rests.push(request);
        } else {
            self.queue.submit(request);
        }
        Ok(())
    }

    /// Writes the rest of a block through the page cache. No other request is under way: a page may
    /// have bytes of both.
    fn write_rest(&mut self, written: &mut BlockWritten<'_>) -> io::Result<()> {
        let Some(DiskRequest { buffer, offset, ticket, .. }) = self.rests.pop() else {
            return Ok(());
        };
        let PendingBlock { range, done, work } = ticket;
        let result = match work {
            BlockWork::Write(cached) => {
                let rest = &buffer.bytes()[done..length(&range)];
                self.disk.write_all_at(&cached, rest, offset)
            }
            BlockWork::Read(_) => Ok(()),
        };
        self.idle.push(buffer);
        result.map(|()| written(range))
    }
}

/// The length of a range within a block.
fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}
