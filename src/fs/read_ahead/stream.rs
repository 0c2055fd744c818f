//! The streams that are being read, and the pieces that are ready for each.

use std::collections::VecDeque;

use crate::dataset::{FileContent, Inode};

/// What the kernel asks for at most, unless its limit was raised.
pub(super) const PIECE_BYTES_MAX: usize = 1 << 20;
pub(super) const PIECES_AHEAD: usize = 2;
pub(super) const STREAMS_MAX: usize = 10;
/// A pattern of two is chance.
const READ_ON_MIN: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) list: Vec<ReadStream>,
    /// Counts large reads.
    pub(super) reads: u64,
    /// Makers that were called and have not ended.
    pub(super) makers: usize,
}

#[derive(Debug)]
pub(super) struct ReadStream {
    pub(super) inode: Inode,
    /// That of its first read: tells it from an earlier stream of the file.
    pub(super) number: u64,
    pub(super) base: FileContent,
    /// Where the reader goes on if it reads on.
    pub(super) next: u64,
    /// How often it has read on, one time after the other.
    pub(super) read_on: u32,
    /// The number of its last read.
    pub(super) last_read: u64,
    /// How much it asks for at a time.
    pub(super) size: usize,
    /// In order. All are behind `next`, but for those whose reader is about to take them.
    pub(super) ready: VecDeque<StreamPiece>,
    /// Where the first piece behind those begins that are ready or being made.
    pub(super) end: u64,
    pub(super) maker: Maker,
    /// Buffers that are free.
    pub(super) spare: Vec<Vec<u8>>,
}

/// Who makes the pieces of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Maker {
    Nobody,
    /// A job of the pool that has not begun.
    Called,
    /// It is at the piece from this offset on.
    At(u64),
    /// It is at a piece that nobody wants any more.
    InVain,
}

/// The first `length` bytes are the content from `offset` on.
#[derive(Debug)]
pub(super) struct StreamPiece {
    pub(super) offset: u64,
    pub(super) length: usize,
    pub(super) bytes: Vec<u8>,
}

impl ReadStream {
    pub(super) fn new(
        inode: Inode,
        number: u64,
        base: FileContent,
        offset: u64,
        size: usize,
    ) -> Self {
        let next = offset + size as u64;
        Self {
            inode,
            number,
            base,
            next,
            read_on: 0,
            last_read: number,
            size,
            ready: VecDeque::new(),
            end: next,
            maker: Maker::Nobody,
            spare: Vec::new(),
        }
    }

    /// Notes a read, and says whether it goes on where the last one ended. If it does not, nothing
    /// that was made for the last one is wanted any more: not even where it begins at the right
    /// place, because its length may be another.
    pub(super) fn goes_on(&mut self, offset: u64, size: usize) -> bool {
        let goes_on = self.next == offset && self.size == size;
        self.read_on = if goes_on { self.read_on.saturating_add(1) } else { 0 };
        self.next = offset + size as u64;
        self.size = size;
        if !goes_on {
            let pieces = self.ready.drain(..).map(|piece| piece.bytes);
            self.spare.extend(pieces);
            self.end = self.next;
            if matches!(self.maker, Maker::At(_)) {
                self.maker = Maker::InVain;
            }
        }
        goes_on
    }

    /// The reader of a piece makes it itself.
    pub(super) fn give_up(&mut self, offset: u64) {
        if self.maker == Maker::At(offset) {
            self.maker = Maker::InVain;
        }
    }

    pub(super) fn hand_over(
        &mut self,
        offset: u64,
        size: usize,
        buffer: &mut Vec<u8>,
    ) -> Option<usize> {
        let is_it = |piece: &StreamPiece| {
            piece.offset == offset && piece.length == self.length_at(offset, size)
        };
        let at = self.ready.iter().position(is_it)?;
        let mut piece = self.ready.remove(at)?;
        std::mem::swap(buffer, &mut piece.bytes);
        // One that has served larger requests would be held in vain.
        if piece.bytes.capacity() <= PIECE_BYTES_MAX {
            self.spare.push(piece.bytes);
        }
        Some(piece.length)
    }

    /// How many bytes a read gets.
    pub(super) fn length_at(&self, offset: u64, size: usize) -> usize {
        let left = self.base.size_bytes.saturating_sub(offset);
        size.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// Where the piece begins that is to be made next, and its length, if any is.
    pub(super) fn wanted(&self) -> Option<(u64, usize)> {
        if self.read_on < READ_ON_MIN || self.ready.len() >= PIECES_AHEAD {
            return None;
        }
        // Its reader may have made the last ones itself.
        let offset = self.end.max(self.next);
        let length = self.length_at(offset, self.size);
        (length > 0).then_some((offset, length))
    }

    /// Begins the next piece, if any is wanted.
    pub(super) fn begin(&mut self) -> Option<(FileContent, StreamPiece)> {
        let (offset, length) = self.wanted()?;
        self.maker = Maker::At(offset);
        self.end = offset + length as u64;
        let bytes = self.spare.pop().unwrap_or_default();
        Some((self.base, StreamPiece { offset, length, bytes }))
    }

    /// Takes a piece that was made.
    pub(super) fn accept(&mut self, piece: StreamPiece) {
        if self.maker == Maker::At(piece.offset) {
            self.ready.push_back(piece);
        } else {
            self.spare.push(piece.bytes);
        }
    }
}

impl Streams {
    pub(super) fn find(&mut self, inode: Inode) -> Option<&mut ReadStream> {
        self.list.iter_mut().find(|stream| stream.inode == inode)
    }

    /// The stream of a file, unless it is a later one.
    pub(super) fn numbered(&mut self, inode: Inode, number: u64) -> Option<&mut ReadStream> {
        self.find(inode).filter(|stream| stream.number == number)
    }

    /// How many are being read at the moment: each has had a turn lately. What is open and not read
    /// is forgotten by this soon, and what is closed at once.
    pub(super) fn active(&self) -> usize {
        let lately = self.reads.saturating_sub(64 * self.list.len() as u64);
        self.list.iter().filter(|stream| stream.last_read > lately).count()
    }

    /// Notes a reader that may become a stream.
    pub(super) fn add(&mut self, stream: ReadStream) {
        if self.list.len() >= STREAMS_MAX {
            // The one that was read longest ago makes room.
            let oldest = (0..self.list.len()).min_by_key(|at| self.list[*at].last_read);
            oldest.map(|at| self.list.swap_remove(at));
        }
        self.list.push(ReadStream { last_read: self.reads, ..stream });
    }
}
