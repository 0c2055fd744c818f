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
//! A stream has one *maker* at a time: a job of the pool, which makes piece after piece until
//! enough are ready. It decides what to make when it begins, and not when it is called: where the
//! pool is busy, readers make what they need themselves, and the maker goes on behind them. Only
//! for a piece that has been begun does its reader wait, and no longer than [`WAIT_MAX`].
//!
//! *Bounds*: [`stream::STREAMS_MAX`] streams, each with [`stream::PIECES_AHEAD`] pieces of
//! [`PIECE_BYTES_MAX`] and one buffer under way; as many makers as the pool has threads; readers
//! beyond that read without. A reader that goes elsewhere costs the pieces that were made in vain,
//! once; it has to read on twice before more are made. Requests below [`PIECE_BYTES_MIN`], as of
//! random readers, are not looked at. Nothing is made ahead where every core has a request of its
//! own to answer.

mod stream;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::{CacheMode, Filesystem, ReadRequest, Resolved, Result};
use crate::content::{Content, StopCheck};
use crate::dataset::{FileContent, Inode};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, pool};

use stream::{Maker, PIECE_BYTES_MAX, ReadStream, StreamPiece, Streams};

/// Smaller requests cost the kernel more than us. Tests of schedules have no use for large ones.
const PIECE_BYTES_MIN: usize = if cfg!(all(test, feature = "shuttle")) { 64 } else { 128 << 10 };
/// How long a reader waits for a piece that has been begun: many times what making one takes. Where
/// the maker does not get on, the reader makes the piece itself.
const WAIT_MAX: Duration = Duration::from_millis(5);

/// The streams that are being read.
#[derive(Clone, Debug)]
pub(super) struct ReadAhead(Arc<ReadStreams>);

#[derive(Debug)]
struct ReadStreams {
    content: Content,
    streams: Mutex<Streams>,
    /// Told when a piece is made, or is given up.
    made: Condvar,
    /// Large reads that are being answered.
    serving: AtomicUsize,
    /// The threads of the pool, as there are when it is first needed.
    cores: OnceLock<usize>,
}

/// One large read that is being answered.
pub(super) struct Serving<'a> {
    ahead: &'a ReadAhead,
    inode: Inode,
}

impl Filesystem {
    /// Reads as [`read_unless`](Self::read_unless) does, hands the outcome to `answer`, and then
    /// has made what comes next in a stream. The buffer grows to the size that was asked for, and
    /// may be exchanged for another one.
    pub fn serve_read(
        &self,
        read: ReadRequest,
        buffer: &mut Vec<u8>,
        stop: StopCheck<'_>,
        answer: impl FnOnce(Result<&[u8]>),
    ) {
        let ReadRequest { inode, handle, offset, size } = read;
        // Through the page cache, the kernel reads ahead by itself.
        let is_direct = self.options.cache == CacheMode::Direct;
        let serving = self.read_ahead.serve(inode, size).filter(|_| is_direct);
        let ready = serving.as_ref().zip(self.untouched(inode)).and_then(|(serving, base)| {
            let begun = self.counters.reads.begin();
            let length = serving.take(base, offset, size, buffer)?;
            self.counters.read(length as u64, begun);
            Some(length)
        });
        let outcome = ready.map_or_else(
            || {
                if buffer.len() < size {
                    buffer.resize(size, 0);
                }
                self.read_unless((inode, handle), offset, &mut buffer[..size], stop)
            },
            Ok,
        );
        answer(outcome.map(|length| &buffer[..length]));
        if let Some(serving) = serving {
            serving.prepare();
        }
    }

    /// What a file of the dataset shows, if nobody has changed anything about it.
    fn untouched(&self, inode: Inode) -> Option<FileContent> {
        match self.resolve(inode) {
            Ok(Resolved::File(base)) if self.overlay.get(inode).is_none() => base,
            _ => None,
        }
    }
}

impl ReadAhead {
    pub(super) fn new(content: Content) -> Self {
        Self(Arc::new(ReadStreams {
            content,
            streams: Mutex::default(),
            made: Condvar::new(),
            serving: AtomicUsize::new(0),
            cores: OnceLock::new(),
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
    /// number is returned: fewer only at the file's end. If they are being made, this waits for a
    /// moment.
    pub(super) fn take(
        &self,
        base: FileContent,
        offset: u64,
        size: usize,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        let shared = &self.ahead.0;
        let mut streams = shared.streams.lock();
        streams.reads += 1;
        let reads = streams.reads;
        let Some(stream) = streams.find(self.inode) else {
            streams.add(ReadStream::new(self.inode, reads, base, offset, size));
            return None;
        };
        stream.last_read = reads;
        if !stream.goes_on(offset, size) {
            return None;
        }
        let number = stream.number;
        if stream.maker == Maker::At(offset) {
            let deadline = Instant::now() + WAIT_MAX;
            // It may be another reader's, or be gone, each time that this has waited.
            while streams.numbered(self.inode, number)?.maker == Maker::At(offset) {
                if shared.made.wait_until(&mut streams, deadline).timed_out() {
                    streams.numbered(self.inode, number)?.give_up(offset);
                }
            }
        }
        streams.numbered(self.inode, number)?.hand_over(offset, size, buffer)
    }

    /// Has the pieces made that come next, where a core is idle. To be called when the bytes before
    /// them have been answered.
    pub(super) fn prepare(&self) {
        let shared = &self.ahead.0;
        let cores = *shared.cores.get_or_init(pool::threads);
        if shared.serving.load(Ordering::Relaxed) >= cores {
            return;
        }
        let mut streams = shared.streams.lock();
        if streams.active() >= cores || streams.makers >= cores {
            return;
        }
        let Some(stream) = streams.find(self.inode) else { return };
        if stream.maker != Maker::Nobody || stream.wanted().is_none() {
            return;
        }
        stream.maker = Maker::Called;
        let number = stream.number;
        streams.makers += 1;
        drop(streams);
        let job =
            MakerJob { ahead: self.ahead.clone(), inode: self.inode, number, has_ended: false };
        pool::spawn(move || job.make());
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.ahead.0.serving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A maker's work for a stream. Whatever happens, it ends.
struct MakerJob {
    ahead: ReadAhead,
    inode: Inode,
    number: u64,
    has_ended: bool,
}

impl MakerJob {
    /// Makes piece after piece, until enough are ready.
    fn make(mut self) {
        let mut made = None;
        while let Some((base, mut piece)) = self.next(made) {
            let StreamPiece { offset, length, bytes } = &mut piece;
            if bytes.len() < *length {
                bytes.resize(*length, 0);
            }
            let content = &self.ahead.0.content;
            let range = *offset..*offset + *length as u64;
            // What takes long is made for who asks for it, on its own thread.
            if content.make_sums(base.file, range, StopCheck::BEFORE_LONG).is_err() {
                return;
            }
            content.fill(base.file, *offset, &mut bytes[..*length]);
            made = Some(piece);
        }
    }

    /// Hands a piece to its stream, and says what to make next.
    fn next(&mut self, made: Option<StreamPiece>) -> Option<(FileContent, StreamPiece)> {
        let shared = Arc::clone(&self.ahead.0);
        let mut streams = shared.streams.lock();
        let next = streams.numbered(self.inode, self.number).and_then(|stream| {
            if let Some(piece) = made {
                stream.accept(piece);
            }
            stream.begin()
        });
        if next.is_none() {
            self.end(&mut streams);
        }
        drop(streams);
        shared.made.notify_all();
        next
    }

    fn end(&mut self, streams: &mut Streams) {
        self.has_ended = true;
        streams.makers -= 1;
        if let Some(stream) = streams.numbered(self.inode, self.number) {
            stream.maker = Maker::Nobody;
        }
    }
}

impl Drop for MakerJob {
    fn drop(&mut self) {
        if !self.has_ended {
            let shared = Arc::clone(&self.ahead.0);
            self.end(&mut shared.streams.lock());
            shared.made.notify_all();
        }
    }
}

#[cfg(test)]
#[cfg(feature = "shuttle")]
mod scheduled_tests;

#[cfg(test)]
mod tests {
    use super::stream::{PIECES_AHEAD, STREAMS_MAX};
    use super::*;
    use crate::dataset::Coordinates;

    const SIZE: usize = 1 << 20;

    /// On a machine with four cores, so that makers are called on any.
    fn read_ahead() -> ReadAhead {
        let ahead = ReadAhead::new(Content::new("42"));
        ahead.0.cores.set(4).unwrap();
        ahead
    }

    fn base(file: u32) -> FileContent {
        FileContent { file: Coordinates { file, ..Coordinates::default() }, size_bytes: 1 << 40 }
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
        while streams.list.iter().any(|stream| stream.maker != Maker::Nobody) {
            ahead.0.made.wait(&mut streams);
        }
    }

    #[test]
    fn a_stream_finds_its_pieces_ready_and_a_jump_gives_them_up() {
        let ahead = read_ahead();
        let piece = SIZE as u64;
        for at in 0..3 {
            assert!(!read(&ahead, 0, at * piece), "a pattern of two is chance");
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
    fn no_piece_is_made_ahead_that_has_a_long_sum() {
        let toml = "seed = 42\ncontent = 'npz:x:u1,20000000+y:u1,30000000'";
        let config: crate::dataset::DatasetConfig = toml::from_str(toml).unwrap();
        let ahead = ReadAhead::new(Content::of(&config.validate().unwrap()));
        ahead.0.cores.set(4).unwrap();
        // The head of the second array is at about 20,000,200.
        for at in 10..19 {
            read(&ahead, 0, at * SIZE as u64);
            settled(&ahead);
        }
        let file = base(0).file;
        let of_the_second = 20_000_000..20_002_000;
        let known = ahead.0.content.make_sums(file, of_the_second, StopCheck::BEFORE_LONG);
        assert!(known.is_err(), "nobody has made the second sum");
        assert!(!read(&ahead, 0, 19 * SIZE as u64), "its reader makes that piece");
        settled(&ahead);
        assert!(read(&ahead, 0, 20 * SIZE as u64), "the next ones are made ahead again");
    }

    #[test]
    fn random_and_small_reads_make_nothing() {
        let ahead = read_ahead();
        for at in 0..50_u64 {
            assert!(!read(&ahead, 0, (at * 7919 % 1000) * SIZE as u64));
        }
        settled(&ahead);
        assert_eq!(pieces(&ahead), 0);
        assert!(ahead.serve(Inode::new(100), 4096).is_none());
    }

    #[test]
    fn streams_and_their_pieces_are_bounded() {
        let ahead = read_ahead();
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
        let ahead = read_ahead();
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
