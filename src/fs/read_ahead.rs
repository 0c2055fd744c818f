//! The next pieces of a stream, made on another core while the kernel copies this one.
//!
//! A reader that asks for one large piece after the other spends as long in the kernel, copying,
//! waking up and asking again, as generating a piece takes. Where a core is idle meanwhile, it
//! makes the pieces that come next, and a read is answered from memory. Pieces are handed over by
//! exchanging buffers, so nothing is copied. What is made is content, which never changes; whether
//! it still is what a file shows is asked when the piece is read.
//!
//! Two pieces are kept ready and not one, because it takes a sleeping core as long to wake up (some
//! 50 µs on a virtual machine) as to make one.
//!
//! *Bounds*: [`STREAMS_MAX`] streams, each with [`PIECES_AHEAD`] pieces of [`PIECE_BYTES_MAX`] and
//! one buffer under way; readers beyond that read without. A reader that goes elsewhere costs the
//! pieces that were made in vain, once; it has to read on twice before more are made. Requests
//! below [`PIECE_BYTES_MIN`], as of random readers, are not looked at. Nothing is made ahead where
//! every core has a request of its own to answer.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{CacheMode, Filesystem, Place, Result};
use crate::content::Content;
use crate::dataset::Inode;
use crate::overlay::Base;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, pool};

/// Smaller requests cost the kernel more than us.
const PIECE_BYTES_MIN: usize = 128 << 10;
/// What the kernel asks for at most, unless its limit was raised.
const PIECE_BYTES_MAX: usize = 1 << 20;
const PIECES_AHEAD: usize = 2;
const STREAMS_MAX: usize = 10;

/// The streams that are being read.
#[derive(Clone, Debug)]
pub(super) struct ReadAhead(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    content: Content,
    streams: Mutex<Streams>,
    /// Told when a piece is made, or is given up.
    made: Condvar,
    /// Large reads that are being answered.
    serving: AtomicUsize,
}

#[derive(Debug, Default)]
struct Streams {
    list: Vec<Stream>,
    /// Counts large reads.
    reads: u64,
}

#[derive(Debug)]
struct Stream {
    inode: Inode,
    base: Base,
    /// Where the reader goes on if it reads on.
    next: u64,
    /// How often it has read on, one time after the other.
    read_on: u32,
    /// The number of its last read.
    last_read: u64,
    /// How much it asks for at a time.
    size: usize,
    /// In order, the first at or behind `next`.
    ready: VecDeque<Piece>,
    /// The offset of the piece that some thread is at.
    making: Option<u64>,
    /// Buffers that are free.
    spare: Vec<Vec<u8>>,
}

/// The first `length` bytes are the content from `offset` on.
#[derive(Debug)]
struct Piece {
    offset: u64,
    length: usize,
    bytes: Vec<u8>,
}

/// One large read that is being answered.
pub(super) struct Serving<'a> {
    ahead: &'a ReadAhead,
    inode: Inode,
}

impl Filesystem {
    /// Reads as [`read`](Self::read) does, hands the outcome to `answer`, and then has made what
    /// comes next in a stream. The buffer grows to `size`, and may be exchanged for another one.
    pub fn serve_read(
        &self,
        inode: Inode,
        handle: u64,
        offset: u64,
        size: usize,
        buffer: &mut Vec<u8>,
        answer: impl FnOnce(Result<&[u8]>),
    ) {
        // Through the page cache, the kernel reads ahead by itself.
        let is_direct = self.options.cache == CacheMode::Direct;
        let serving = self.read_ahead.serve(inode, size).filter(|_| is_direct);
        let ready = serving.as_ref().zip(self.untouched(inode)).and_then(|(serving, base)| {
            let length = serving.take(base, offset, size, buffer)?;
            self.counters.read(length as u64);
            Some(length)
        });
        let outcome = ready.map_or_else(
            || {
                if buffer.len() < size {
                    buffer.resize(size, 0);
                }
                self.read(inode, handle, offset, &mut buffer[..size])
            },
            Ok,
        );
        answer(outcome.map(|length| &buffer[..length]));
        if let Some(serving) = serving {
            serving.prepare();
        }
    }

    /// What a file of the dataset shows, if nobody has changed anything about it.
    fn untouched(&self, inode: Inode) -> Option<Base> {
        match self.place(inode) {
            Ok(Place::File(base)) if self.overlay.get(inode).is_none() => base,
            _ => None,
        }
    }
}

impl ReadAhead {
    pub(super) fn new(content: Content) -> Self {
        Self(Arc::new(Shared {
            content,
            streams: Mutex::default(),
            made: Condvar::new(),
            serving: AtomicUsize::new(0),
        }))
    }

    /// Notes that a read of `size` bytes is being answered; `None` where its size is not looked at.
    pub(super) fn serve(&self, inode: Inode, size: usize) -> Option<Serving<'_>> {
        (PIECE_BYTES_MIN..=PIECE_BYTES_MAX).contains(&size).then(|| {
            self.0.serving.fetch_add(1, Ordering::Relaxed);
            Serving { ahead: self, inode }
        })
    }

    /// Forgets a stream and its buffers.
    pub(super) fn forget(&self, inode: Inode) {
        let mut streams = self.0.streams.lock();
        // Whoever is at its piece will find it gone.
        streams.list.retain(|stream| stream.inode != inode);
        drop(streams);
        self.0.made.notify_all();
    }
}

impl Serving<'_> {
    /// If the `size` bytes at `offset` are ready, they are exchanged for the buffer, and their
    /// number is returned: fewer only at the file's end. If they are being made, this waits.
    pub(super) fn take(
        &self,
        base: Base,
        offset: u64,
        size: usize,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        let shared = &self.ahead.0;
        let mut streams = shared.streams.lock();
        streams.reads += 1;
        let last_read = streams.reads;
        let Some(stream) = streams.find(self.inode) else {
            streams.add(Stream::new(self.inode, base, offset, size));
            return None;
        };
        stream.last_read = last_read;
        if !stream.goes_on(offset, size) {
            return None;
        }
        loop {
            // It may be another reader's, or be gone, each time that this has waited.
            let stream = streams.find(self.inode)?;
            if stream.making != Some(offset) {
                return stream.hand_over(offset, size, buffer);
            }
            shared.made.wait(&mut streams);
        }
    }

    /// Has the pieces made that come next, where a core is idle. To be called when the bytes before
    /// them have been answered.
    pub(super) fn prepare(&self) {
        let shared = &self.ahead.0;
        let cores = pool::threads();
        if shared.serving.load(Ordering::Relaxed) >= cores {
            return;
        }
        let mut streams = shared.streams.lock();
        if streams.active() >= cores {
            return;
        }
        let Some(stream) = streams.find(self.inode) else { return };
        if stream.making.is_some() {
            return;
        }
        if let Some(job) = stream.next_job() {
            drop(streams);
            let ahead = self.ahead.clone();
            pool::spawn(move || ahead.make(job));
        }
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.ahead.0.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A piece to be made.
struct Job {
    inode: Inode,
    base: Base,
    piece: Piece,
}

impl ReadAhead {
    /// Makes a piece, and those that come next.
    fn make(&self, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            let mut making = Making { ahead: self, job, is_done: false };
            making.fill();
            next = making.done();
        }
    }
}

/// A piece that is being made. Whatever happens, nobody waits for it for ever.
struct Making<'a> {
    ahead: &'a ReadAhead,
    job: Job,
    is_done: bool,
}

impl Making<'_> {
    fn fill(&mut self) {
        let Piece { offset, length, bytes } = &mut self.job.piece;
        if bytes.len() < *length {
            bytes.resize(*length, 0);
        }
        self.ahead.0.content.fill(self.job.base.file, *offset, &mut bytes[..*length]);
    }

    /// Hands the piece to its stream, and says what to make next.
    fn done(mut self) -> Option<Job> {
        self.is_done = true;
        let shared = &self.ahead.0;
        let mut streams = shared.streams.lock();
        let stream = streams.find_making(&self.job)?;
        let offset = self.job.piece.offset;
        let bytes = std::mem::take(&mut self.job.piece.bytes);
        let next = stream.accept(Piece { offset, length: self.job.piece.length, bytes });
        drop(streams);
        shared.made.notify_all();
        next
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let mut streams = self.ahead.0.streams.lock();
            if let Some(stream) = streams.find_making(&self.job) {
                stream.making = None;
            }
            drop(streams);
            self.ahead.0.made.notify_all();
        }
    }
}

impl Stream {
    fn new(inode: Inode, base: Base, offset: u64, size: usize) -> Self {
        Self {
            inode,
            base,
            next: offset + size as u64,
            read_on: 0,
            last_read: 0,
            size,
            ready: VecDeque::new(),
            making: None,
            spare: Vec::new(),
        }
    }

    /// Notes a read, and says whether it goes on where the last one ended.
    fn goes_on(&mut self, offset: u64, size: usize) -> bool {
        let goes_on = self.next == offset && self.size == size;
        self.read_on = if goes_on { self.read_on.saturating_add(1) } else { 0 };
        self.next = offset + size as u64;
        self.size = size;
        if !goes_on {
            let pieces = self.ready.drain(..).map(|piece| piece.bytes);
            self.spare.extend(pieces);
        }
        goes_on
    }

    fn hand_over(&mut self, offset: u64, size: usize, buffer: &mut Vec<u8>) -> Option<usize> {
        if self.ready.front()?.offset != offset {
            return None;
        }
        let mut piece = self.ready.pop_front()?;
        std::mem::swap(buffer, &mut piece.bytes);
        self.spare.push(piece.bytes);
        Some(size.min(piece.length))
    }

    /// What to make next, if anything.
    fn next_job(&mut self) -> Option<Job> {
        if self.read_on < READ_ON_MIN || self.ready.len() >= PIECES_AHEAD {
            return None;
        }
        let offset = self.ready.back().map_or(self.next, |last| last.offset + last.length as u64);
        let left = self.base.size_bytes.saturating_sub(offset);
        let length = self.size.min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return None;
        }
        self.making = Some(offset);
        let bytes = self.spare.pop().unwrap_or_default();
        Some(Job { inode: self.inode, base: self.base, piece: Piece { offset, length, bytes } })
    }

    /// Takes a piece that was made, if the reader still goes that way.
    fn accept(&mut self, piece: Piece) -> Option<Job> {
        self.making = None;
        let end = self.ready.back().map_or(self.next, |last| last.offset + last.length as u64);
        // The reader that waits for it has already moved `next` behind it.
        let is_awaited = piece.offset + self.size as u64 == self.next && self.ready.is_empty();
        if is_awaited || piece.offset == end {
            self.ready.push_back(piece);
        } else {
            self.spare.push(piece.bytes);
        }
        self.next_job()
    }
}

/// A pattern of two is chance.
const READ_ON_MIN: u32 = 2;

impl Streams {
    fn find(&mut self, inode: Inode) -> Option<&mut Stream> {
        self.list.iter_mut().find(|stream| stream.inode == inode)
    }

    /// The stream that has this piece made, if it still wants it.
    fn find_making(&mut self, job: &Job) -> Option<&mut Stream> {
        let stream = self.find(job.inode)?;
        (stream.making == Some(job.piece.offset)).then_some(stream)
    }

    /// How many are being read at the moment: each has had a turn lately. What is open and not read
    /// is forgotten by this soon, and what is closed at once.
    fn active(&self) -> usize {
        let lately = self.reads.saturating_sub(64 * self.list.len() as u64);
        self.list.iter().filter(|stream| stream.last_read > lately).count()
    }

    /// Notes a reader that may become a stream.
    fn add(&mut self, stream: Stream) {
        if self.list.len() >= STREAMS_MAX {
            // The one that was read longest ago makes room.
            let oldest = (0..self.list.len()).min_by_key(|at| self.list[*at].last_read);
            oldest.map(|at| self.list.swap_remove(at));
        }
        self.list.push(Stream { last_read: self.reads, ..stream });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Coordinates;

    const SIZE: usize = 1 << 20;

    fn base(file: u32) -> Base {
        Base { file: Coordinates { file, ..Coordinates::default() }, size_bytes: 1 << 40 }
    }

    /// Reads one piece, and says whether it was ready; the bytes are right in any case.
    fn read(ahead: &ReadAhead, file: u32, offset: u64) -> bool {
        let inode = Inode::new(100 + u64::from(file));
        let serving = ahead.serve(inode, SIZE).unwrap();
        let mut buffer = vec![0; SIZE];
        let taken = serving.take(base(file), offset, SIZE, &mut buffer);
        if taken.is_some() {
            let mut right = vec![0; SIZE];
            ahead.0.content.fill(base(file).file, offset, &mut right);
            assert!(taken == Some(SIZE) && buffer == right, "at {offset}");
        }
        serving.prepare();
        taken.is_some()
    }

    fn pieces(ahead: &ReadAhead) -> usize {
        ahead.0.streams.lock().list.iter().map(|stream| stream.ready.len()).sum()
    }

    fn settled(ahead: &ReadAhead) {
        let mut streams = ahead.0.streams.lock();
        while streams.list.iter().any(|stream| stream.making.is_some()) {
            ahead.0.made.wait(&mut streams);
        }
    }

    #[test]
    fn a_stream_finds_its_pieces_ready_and_a_jump_gives_them_up() {
        let ahead = ReadAhead::new(Content::new("42"));
        let piece = SIZE as u64;
        for at in 0..3 {
            assert!(!read(&ahead, 0, at * piece), "a pattern of two is chance");
        }
        if rayon::current_num_threads() == 1 {
            return;
        }
        for at in 3..20 {
            settled(&ahead);
            assert_eq!(pieces(&ahead), PIECES_AHEAD);
            assert!(read(&ahead, 0, at * piece), "piece {at}");
        }
        settled(&ahead);
        assert!(!read(&ahead, 0, 1000 * piece + 5));
        settled(&ahead);
        assert_eq!(pieces(&ahead), 0);
    }

    #[test]
    fn random_and_small_reads_make_nothing() {
        let ahead = ReadAhead::new(Content::new("42"));
        for at in 0..50_u64 {
            assert!(!read(&ahead, 0, (at * 7919 % 1000) * SIZE as u64));
        }
        settled(&ahead);
        assert_eq!(pieces(&ahead), 0);
        assert!(ahead.serve(Inode::new(100), 4096).is_none());
    }

    #[test]
    fn streams_and_their_pieces_are_bounded() {
        let ahead = ReadAhead::new(Content::new("42"));
        for at in 0..8_u64 {
            for file in 0..100 {
                read(&ahead, file, at * SIZE as u64);
            }
            settled(&ahead);
            assert!(ahead.0.streams.lock().list.len() <= STREAMS_MAX);
            assert!(pieces(&ahead) <= STREAMS_MAX * PIECES_AHEAD);
        }
        for file in 0..100 {
            ahead.forget(Inode::new(100 + file));
        }
        assert!(ahead.0.streams.lock().list.is_empty());
    }

    #[test]
    fn whatever_happens_to_a_stream_nobody_waits_for_ever() {
        let ahead = ReadAhead::new(Content::new("42"));
        std::thread::scope(|scope| {
            for reader in 0..4_u32 {
                let ahead = &ahead;
                scope.spawn(move || {
                    for step in 0..300_u64 {
                        // Two readers of each file disturb one another, and closing it both.
                        read(ahead, reader % 2, step * SIZE as u64);
                        if step % 37 == u64::from(reader) {
                            ahead.forget(Inode::new(100 + u64::from(reader % 2)));
                        }
                    }
                });
            }
        });
        assert_eq!(ahead.0.serving.load(Ordering::Relaxed), 0);
    }
}
