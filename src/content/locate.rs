//! Where bytes come from: content is an encrypted address, so it can be decrypted.
//!
//! A *window* is sixteen bytes at any place of the data. Each decrypts to an address, and says
//! nothing by itself: every value is one. But when the window right behind it decrypts to the next
//! address, or the address is one that the dataset has, the window is content, and generating and
//! comparing on both sides shows how far it reaches.
//!
//! No window has two explanations. The cipher is a permutation of the 2^128 blocks: a window is
//! the content of one address and of no other. Two runs that both hold a whole block at the same
//! place are therefore the same run. Only at their ragged ends, less than a block, can two runs
//! claim the same bytes, when the content after one happens to be that before the other: a byte
//! once in 256 borders. Then the run that comes first has it.
//!
//! Data is mostly nobody's where it is searched at all. So the cipher kernel rules out what it can
//! first, window by window but in registers: by the first half of the address, which is that of the
//! next window's wherever content goes on, and has few bits set in a dataset's own addresses. Zeros
//! are not even decrypted. What is left is decrypted in batches of a fixed size: few at first, so
//! that located data costs one batch and then one fast comparison, and more with each batch in
//! which nothing was found.

use std::ops::Range;

use aes::Block;
use aes::cipher::BlockCipherDecrypt;

use super::address::{Address, KnownBlocks, Source};
use super::framed::{BATCH_BYTES, Framed};
use super::key::Key;
use super::keystream::place_in_block;
use super::{BLOCK_BYTES, Content, ContentForm, Coordinates, MAX_FILE_BYTES};

/// A stretch of data that is content of some address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// Where it begins in the data.
    pub at: usize,
    /// How long it is.
    pub len: usize,
    /// Whose content it is: `data[at..at + len]` are the bytes at `source`, `source + 1`, ...
    pub source: Source,
}

/// Windows decrypted at once. The last `BLOCK_BYTES` of them only confirm those before them and
/// are decrypted again by the next batch.
const WINDOWS: usize = 1024;

/// The first batch, and the first after a run has ended: enough for all phases of a block.
const FIRST_WINDOWS: usize = 4 * BLOCK_BYTES;

/// See [`Content::locate`](super::Content::locate).
pub(super) fn locate(
    content: &Content,
    data: &[u8],
    known: &dyn KnownBlocks,
    found: &mut dyn FnMut(Located),
) {
    let mut windows = [Block::default(); WINDOWS];
    let mut batch = FIRST_WINDOWS;
    let mut next = 0;
    let head_bits = known.head_bits();
    let mut search =
        Search { content, data, explained: 0, summed_left: data.len() as u64 * SUMMED_PER_BYTE };
    loop {
        next += ruled_out(&content.key, &data[next..], head_bits);
        if data.len() - next < BLOCK_BYTES {
            return;
        }
        let count = batch.min(data.len() - next - (BLOCK_BYTES - 1));
        let windows = &mut windows[..count];
        for (window, bytes) in windows.iter_mut().zip(data[next..].windows(BLOCK_BYTES)) {
            window.copy_from_slice(bytes);
        }
        content.key.cipher().decrypt_blocks(windows);
        let Some((index, address)) = first_candidate(windows, known, head_bits) else {
            let is_last = count == data.len() - next - (BLOCK_BYTES - 1);
            next += if is_last { count } else { count - BLOCK_BYTES };
            batch = (batch * 2).min(WINDOWS);
            continue;
        };
        let run = search.extend(next + index, address);
        let Some(run) = run.filter(|run| run.len >= BLOCK_BYTES) else {
            next += index + 1;
            continue;
        };
        search.explained = run.at + run.len;
        found(run);
        // The windows that reach past the run's end are not its own, and may be of the next run
        // even when chance let this one take that one's first bytes.
        next = search.explained - (BLOCK_BYTES - 1);
        batch = FIRST_WINDOWS;
    }
}

/// The data is looked through for zeros after so many bytes that were ruled out.
const STRETCH_BYTES: usize = 4096;

/// How many windows from the beginning of `data` cannot be content.
///
/// Those of zeros only are among them: that sixteen zeros are content is as likely as that they
/// were drawn.
fn ruled_out(key: &Key, data: &[u8], head_bits: u64) -> usize {
    let mut next = 0;
    loop {
        let rest = &data[next..];
        let zeros = leading_zeros(rest).saturating_sub(BLOCK_BYTES - 1);
        let stretch = &rest[zeros..];
        let stretch = &stretch[..stretch.len().min(STRETCH_BYTES)];
        let done = key.windows_ruled_out(stretch, head_bits);
        next += zeros + done;
        if done + 2 * FIRST_WINDOWS < STRETCH_BYTES {
            return next;
        }
    }
}

/// How many zeros there are before the first other byte.
fn leading_zeros(data: &[u8]) -> usize {
    let (chunks, _) = data.as_chunks::<64>();
    let zeros = 64 * chunks.iter().take_while(|chunk| **chunk == [0; 64]).count();
    zeros + data[zeros..].iter().take_while(|byte| **byte == 0).count()
}

/// The first window that decrypts to the address before that of the window right after it, or to
/// an address that is known.
///
/// Foreign data is rejected here, window by window: two plain passes are three times as fast as
/// one that asks both questions of each.
fn first_candidate(
    windows: &[Block],
    known: &dyn KnownBlocks,
    head_bits: u64,
) -> Option<(usize, Address)> {
    let address = |window: &Block| Address::from_bytes((*window).into());
    let after = windows.get(BLOCK_BYTES..).unwrap_or_default();
    let confirmed = windows.iter().zip(after).position(|(window, after)| {
        // Two addresses of one file begin alike; of foreign data almost none do.
        window[..8] == after[..8] && address(window).next() == Some(address(after))
    });
    let before = &windows[..confirmed.unwrap_or(windows.len())];
    let is_known = |window: &Block| {
        let address = address(window);
        address.head() & !head_bits == 0 && known.has(&address)
    };
    let index = before.iter().position(is_known).or(confirmed)?;
    Some((index, address(&windows[index])))
}

/// What is known of the data so far.
struct Search<'a> {
    content: &'a Content,
    data: &'a [u8],
    /// Everything before this is explained, or is nobody's.
    explained: usize,
    /// How many bytes the sums may still cover that are made to compare with.
    summed_left: u64,
}

/// So many bytes are made for sums at the most, for each byte of the data: as many as decrypting it
/// costs where it is foreign. A sum that is dearer is not compared, and ends its run.
const SUMMED_PER_BYTE: u64 = 16;

impl Search<'_> {
    /// The run around the window at `at`, as far as the data agrees with the content. `None` where
    /// other bytes stand at that address: in a shape not every block of the keystream is content.
    fn extend(&mut self, at: usize, address: Address) -> Option<Located> {
        let Self { content, data, explained, .. } = *self;
        let source = address.source();
        let offset = source.offset;
        let room = usize::try_from(MAX_FILE_BYTES - offset).unwrap_or(usize::MAX);
        let here = &data[at..];
        let here = self.right_of(source, &here[..here.len().min(room)]);
        // A sum that stands in the window would be none, were it content.
        let window = here.get(..BLOCK_BYTES)?;
        if !matches!(content.form(source.file), ContentForm::Plain)
            && content.first_difference(source.file, offset, window).is_some()
        {
            return None;
        }
        let (file, right) = follow(content, source, here);
        self.pay(file, offset..offset + right as u64);
        let end = at + right;
        if at < explained {
            let taken = (explained - at) as u64;
            let source = Source { file, offset: offset + taken };
            return Some(Located { at: explained, len: end.saturating_sub(explained), source });
        }
        let before = &data[explained..at];
        let reach = before.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        let before = self.left_of(source, &before[before.len() - reach..]);
        let start = offset - before.len() as u64;
        let left = content.matching_suffix(file, start, before);
        let source = Source { file, offset: offset - left as u64 };
        // What is compared with is made in pieces.
        self.pay(file, start.max(source.offset.saturating_sub(BATCH_BYTES as u64))..offset);
        Some(Located { at: at - left, len: end - at + left, source })
    }

    /// The data from a place on, up to a sum that is too dear.
    fn right_of<'d>(&self, Source { file, offset }: Source, data: &'d [u8]) -> &'d [u8] {
        let range = offset..offset + data.len() as u64;
        let whole = |framed: &Framed| framed.prefix_with_sums(range, self.summed_left);
        let length = self.content.framed(file).map(whole).and_then(|it| usize::try_from(it).ok());
        &data[..length.unwrap_or(data.len())]
    }

    /// The data before a place, down to such a sum.
    fn left_of<'d>(&self, Source { file, offset }: Source, data: &'d [u8]) -> &'d [u8] {
        let range = offset - data.len() as u64..offset;
        let whole = |framed: &Framed| framed.suffix_with_sums(range, self.summed_left);
        let length = self.content.framed(file).map(whole).and_then(|it| usize::try_from(it).ok());
        &data[data.len() - length.unwrap_or(data.len())..]
    }

    /// Counts the sums in a range that was compared.
    fn pay(&mut self, file: Coordinates, range: Range<u64>) {
        let summed = self.content.framed(file).map_or(0, |framed| framed.summed_bytes(range));
        self.summed_left = self.summed_left.saturating_sub(summed);
    }
}

/// How far the data goes on as the content at `source`, whose first block it is, and in which
/// generation of the file.
///
/// A block was made in one generation and stands in all up to its next change. So where the data
/// stops to agree and goes on as a block that a later generation made, it may be of that
/// generation all along: it is, if all the blocks so far stand in it too.
fn follow(content: &Content, source: Source, data: &[u8]) -> (Coordinates, usize) {
    let Source { mut file, offset } = source;
    let agrees = |file, from: usize| {
        let rest = &data[from..];
        from + content.first_difference(file, offset + from as u64, rest).unwrap_or(rest.len())
    };
    let mut done = agrees(file, BLOCK_BYTES);
    let Some(shaped) = content.shaped(file) else { return (file, done) };
    // Up to which generation all blocks so far stand, and how far that was asked.
    let mut last = u16::MAX;
    let mut asked = offset;
    loop {
        // By chance a byte or two of the next block may agree.
        let block = done - place_in_block(offset + done as u64);
        let Some(window) = data.get(block..).and_then(|rest| rest.first_chunk()) else {
            return (file, done);
        };
        let end = offset + block as u64;
        let Some(stands) = shaped.last_generation(file, asked..end) else { return (file, done) };
        last = last.min(stands);
        asked = end;
        let made = content.address_of(window).file.generation;
        let later = Coordinates { generation: made, ..file };
        let is_later = (file.generation.saturating_add(1)..=last).contains(&made)
            && content.first_difference(later, offset + block as u64, window).is_none();
        if !is_later {
            return (file, done);
        }
        file = later;
        done = agrees(file, block + BLOCK_BYTES);
    }
}
