//! Sums over bytes of the same file: made by several threads, and remembered.

use std::ops::Range;

use super::{BATCH_BYTES, Framed, to_index};
use crate::content::key::Key;
use crate::content::threads::Threads;
use crate::content::{Coordinates, StopCheck, Stopped};
use crate::framing::{Checksum, PartialSum, Span, Sum, SumBytes};
use crate::sync::Mutex;

/// A sum of a file, wherever it stands: which one, and where what it covers begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SumId {
    file: Coordinates,
    kind: Sum,
    covered: u64,
}

impl SumId {
    pub(super) fn new(file: Coordinates, span: &Span<'_>, checksum: &Checksum) -> Self {
        let covered = checksum.covers(span).next().map_or(0, |cover| cover.start);
        Self { file, kind: checksum.sum, covered }
    }

    /// The set that it is in.
    fn set(&self) -> usize {
        let Coordinates { generation, node, process, file } = self.file;
        let place = u64::from(file)
            ^ self.covered.rotate_left(20)
            ^ u64::from(process).rotate_left(40)
            ^ u64::from(node).rotate_left(52)
            ^ u64::from(generation).rotate_left(8);
        to_index((place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % SETS as u64)
    }
}

/// Some of the sums that were made last. They are in sets, in which the one goes that was not asked
/// for longest.
#[derive(Debug)]
pub(super) struct SumMemory(Mutex<SumSets>);

#[derive(Debug)]
struct SumSets {
    /// Counts what is asked.
    asked: u64,
    sets: Box<[[Option<RememberedSum>; WAYS]]>,
}

#[derive(Clone, Copy, Debug)]
struct RememberedSum {
    id: SumId,
    sum: SumBytes,
    last_asked: u64,
}

const SETS: usize = 256;
/// Enough that the directory of an archive of 1024 arrays finds room for the sums of all of them.
const WAYS: usize = 16;

impl SumMemory {
    pub(super) fn new() -> Self {
        Self(Mutex::new(SumSets { asked: 0, sets: vec![[None; WAYS]; SETS].into() }))
    }

    pub(super) fn get(&self, id: &SumId) -> Option<SumBytes> {
        let mut known = self.0.lock();
        known.asked += 1;
        let now = known.asked;
        let found = known.sets[id.set()].iter_mut().flatten().find(|known| known.id == *id)?;
        found.last_asked = now;
        Some(found.sum)
    }

    pub(super) fn remember(&self, id: SumId, sum: SumBytes) {
        let mut known = self.0.lock();
        known.asked += 1;
        let last_asked = known.asked;
        let set = &mut known.sets[id.set()];
        let same = set.iter().flatten().any(|known| known.id == id);
        let age = |known: &Option<RememberedSum>| match known {
            Some(known) if same => u64::from(known.id != id),
            Some(known) => known.last_asked,
            None => u64::from(same),
        };
        if let Some(place) = set.iter_mut().min_by_key(|known| age(known)) {
            *place = Some(RememberedSum { id, sum, last_asked });
        }
    }

    /// Changes all, so that a test can see who asks here.
    #[cfg(test)]
    pub(super) fn replace_all(&self, sum: SumBytes) {
        for known in self.0.lock().sets.iter_mut().flatten().flatten() {
            known.sum = sum;
        }
    }
}

/// What a thread makes of a sum before it asks whether to go on: about a millisecond, beside which
/// putting two CRCs together does not count.
const LEAF_BYTES: u64 = 8 << 20;

/// A sum that is being made.
struct Making<'a> {
    framed: &'a Framed,
    key: &'a Key,
    file: Coordinates,
    span: &'a Span<'a>,
    checksum: &'a Checksum,
    /// Bytes that are there already, and where they begin.
    at_hand: (u64, &'a [u8]),
    threads: Threads,
    stop: StopCheck<'a>,
}

impl Making<'_> {
    fn all(&self) -> Option<SumBytes> {
        let mut sum = self.checksum.sum.begin().partial();
        let mut done = 0;
        if self.framed.is_late(self.span) {
            for (part, known) in self.framed.late.parts(self.file) {
                sum = sum.followed_by(self.part(done..part.start)?).followed_by(known);
                done = part.end;
            }
        }
        let rest = self.part(done..self.checksum.covered_bytes())?;
        Some(sum.followed_by(rest).bytes())
    }

    /// The sum over a part of the bytes that it covers.
    fn part(&self, part: Range<u64>) -> Option<PartialSum> {
        if self.stop.is_now() {
            return None;
        }
        let length = part.end - part.start;
        if length <= LEAF_BYTES {
            return Some(self.leaf(part));
        }
        let middle = part.start + (length / 2).next_multiple_of(LEAF_BYTES);
        let (first, second) =
            self.threads.join(|| self.part(part.start..middle), || self.part(middle..part.end));
        Some(first?.followed_by(second?))
    }

    fn leaf(&self, part: Range<u64>) -> PartialSum {
        let (start, bytes) = self.at_hand;
        let end = start + bytes.len() as u64;
        let mut summing = self.checksum.sum.begin();
        let mut piece = [0; BATCH_BYTES];
        for cover in self.checksum.covers_of(self.span, part) {
            let mut at = cover.start;
            while at < cover.end {
                if (start..end).contains(&at) {
                    let until = cover.end.min(end);
                    summing.add(&bytes[to_index(at - start)..to_index(until - start)]);
                    at = until;
                } else {
                    let border = if at < start { start.min(cover.end) } else { cover.end };
                    let length = to_index(border - at).min(BATCH_BYTES);
                    let piece = &mut piece[..length];
                    self.framed.fill(self.key, self.file, at, piece);
                    summing.add(piece);
                    at += length as u64;
                }
            }
        }
        summing.partial()
    }
}

impl Framed {
    /// A sum, from the bytes at hand as far as it covers them. `at_hand` are right but for sums
    /// that stand behind those that it covers.
    pub(super) fn sum(
        &self,
        key: &Key,
        file: Coordinates,
        (span, checksum): (&Span<'_>, &Checksum),
        at_hand: (u64, &[u8]),
    ) -> SumBytes {
        let (start, end) = (at_hand.0, at_hand.0 + at_hand.1.len() as u64);
        let id = SumId::new(file, span, checksum);
        let is_at_hand =
            checksum.covers(span).all(|cover| start <= cover.start && cover.end <= end);
        if !is_at_hand && let Some(sum) = self.known.get(&id) {
            return sum;
        }
        let (threads, stop) = (Threads::of_this_pool(), StopCheck::NEVER);
        let making = Making { framed: self, key, file, span, checksum, at_hand, threads, stop };
        // Nobody stops it.
        let sum = making.all().unwrap_or_default();
        if !is_at_hand {
            self.known.remember(id, sum);
        }
        sum
    }

    /// See [`Content::make_sums`](crate::content::Content::make_sums).
    pub(in crate::content) fn make_sums(
        &self,
        key: &Key,
        file: Coordinates,
        range: Range<u64>,
        stop: StopCheck<'_>,
    ) -> Result<(), Stopped> {
        if !self.has_long_sums || self.plan().summed_bytes(range.clone()) < LONG_SUM_BYTES {
            return Ok(());
        }
        let is_inside = |cover: Range<u64>| range.start <= cover.start && cover.end <= range.end;
        let is_missing = |(span, checksum): &(Span<'_>, &Checksum)| {
            !checksum.covers(span).all(is_inside)
                && self.known.get(&SumId::new(file, span, checksum)).is_none()
        };
        let missing = || self.plan().sums(range.clone()).filter(is_missing);
        let bytes = missing().map(|(_, checksum)| checksum.covered_bytes());
        if bytes.fold(0, u64::saturating_add) < LONG_SUM_BYTES {
            return Ok(());
        }
        if stop.forbids_long() {
            return Err(Stopped);
        }
        for (span, checksum) in missing() {
            let (span, at_hand, threads) = (&span, (0, &[][..]), Threads::Current);
            let making = Making { framed: self, key, file, span, checksum, at_hand, threads, stop };
            let sum = making.all().ok_or(Stopped)?;
            self.known.remember(SumId::new(file, span, checksum), sum);
        }
        Ok(())
    }

    /// How much of the beginning of a range has sums over no more than so many bytes together.
    pub(in crate::content) fn prefix_with_sums(&self, range: Range<u64>, summed_bytes: u64) -> u64 {
        let mut left = summed_bytes;
        let dear = self.plan().sums(range.clone()).find(|(_, checksum)| {
            let rest = left.checked_sub(checksum.covered_bytes());
            left = rest.unwrap_or(left);
            rest.is_none()
        });
        dear.map_or(range.end, |(span, _)| span.range.start) - range.start
    }

    /// The same of its end.
    pub(in crate::content) fn suffix_with_sums(&self, range: Range<u64>, summed_bytes: u64) -> u64 {
        let mut all = self.plan().summed_bytes(range.clone());
        let mut start = range.start;
        for (span, checksum) in self.plan().sums(range.clone()) {
            if all <= summed_bytes {
                break;
            }
            all -= checksum.covered_bytes();
            start = span.range.end;
        }
        range.end - start
    }

    /// How many bytes the sums in a range cover together.
    pub(in crate::content) fn summed_bytes(&self, range: Range<u64>) -> u64 {
        self.plan().summed_bytes(range)
    }
}

/// Sums over fewer bytes together take no longer than a large request.
pub(super) const LONG_SUM_BYTES: u64 = 16 << 20;
