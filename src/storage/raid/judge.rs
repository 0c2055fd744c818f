//! What is wrong with the members of an array at one place, and what must have happened.
//!
//! Everything is known: what each member should hold, what it would hold if another member stood in
//! its place, and what it held before, as far as an earlier state is known. Of a parity that is
//! wrong it is told which members' data it is older than: what it has too much is the sum of what
//! changed there ([`parts_of`]).

use std::ops::Range;

use super::earlier::{Earlier, EarlierState};
use super::solve::{PROBE_BYTES, parts_of};
use crate::content::{KnownBlocks, Located, Source};
use crate::raid::{Geometry, Holding, MemberPlace, RaidLevel, xor_into};
use crate::storage::image::{Image, StretchKind};

/// What is judged at a time: md writes in pages.
pub(crate) const PAGE_BYTES: usize = 4096;

/// Fewer bytes agree with something by chance.
const AGREEMENT_BYTES_MIN: usize = 16;

/// More bits than these are no flips.
const FLIPPED_BITS_MAX: u32 = 8;

/// What is wrong with a run of bytes of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberFault {
    /// Parity of a time at which these members' data were still in an earlier state.
    StaleParity {
        /// In which one.
        state: EarlierState,
        /// Whose data.
        members: Vec<u32>,
    },
    /// What another member should hold at this offset.
    OtherMember(u32),
    /// Data of an earlier state.
    Stale(EarlierState),
    /// Content of another place.
    Misplaced(Source),
    /// Zeros.
    Zeroed,
    /// The right bytes but for a few bits.
    Flipped,
    /// Bytes that are nobody's.
    Foreign,
    /// There is nothing: the member is not there, or too short.
    Missing,
    /// The system could not read them.
    Unreadable,
    /// Bytes behind the end.
    Extra,
}

/// A page of each member at one offset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRow<'a> {
    /// From the beginning of each member's data.
    pub(crate) offset: u64,
    /// What each member should hold: a page, or as much of it as is known.
    pub(crate) expected: &'a [&'a [u8]],
    /// What each member that was read holds, as many bytes.
    pub(crate) actual: &'a [Option<&'a [u8]>],
}

impl<'a> PageRow<'a> {
    /// What a member should hold, and what it holds.
    fn of(&self, member: u32) -> (&'a [u8], Option<&'a [u8]>) {
        let at = member as usize;
        (self.expected[at], self.actual[at])
    }
}

/// What is wrong in a page of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageFault {
    pub(crate) member: u32,
    /// From the first wrong byte of the page to the last.
    pub(crate) span: Range<usize>,
    pub(crate) fault: MemberFault,
}

/// A page of a stripe of which some members have been written and others have not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TornPage {
    pub(crate) written: Vec<u32>,
    pub(crate) not_written: Vec<u32>,
}

/// The judgement on a page of all members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowVerdict {
    pub(crate) faults: Vec<PageFault>,
    /// The parity agrees with the data that are there, wrong as they are: they came through the
    /// array, or were rebuilt from what did.
    pub(crate) consistent: bool,
    /// The write hole.
    pub(crate) torn: Option<TornPage>,
}

/// Judges the members of one array.
pub(crate) struct RowJudge<'a, I: ?Sized> {
    pub(crate) array: &'a I,
    pub(crate) geometry: Geometry,
    pub(crate) earlier: Earlier<'a>,
    pub(crate) known: &'a (dyn KnownBlocks + Sync),
}

impl<I: Image + ?Sized> RowJudge<'_, I> {
    pub(crate) fn judge(&self, row: PageRow<'_>) -> RowVerdict {
        let mut faults = Vec::new();
        for (member, (expected, actual)) in (0..).zip(row.expected.iter().zip(row.actual)) {
            let Some(span) = actual.and_then(|actual| differing_span(expected, actual)) else {
                continue;
            };
            let wrong = Wrong { member, span: span.clone(), row };
            let fault = self.fault(&wrong);
            faults.push(PageFault { member, span, fault });
        }
        let consistent = !faults.is_empty() && self.is_consistent(row);
        let torn = if consistent { None } else { self.torn(row, &faults) };
        RowVerdict { faults, consistent, torn }
    }

    fn fault(&self, wrong: &Wrong<'_>) -> MemberFault {
        let (expected, actual) = (wrong.expected(), wrong.actual());
        if differing_bits(expected, actual) <= FLIPPED_BITS_MAX {
            return MemberFault::Flipped;
        }
        let other = self.other_member(wrong);
        // A parity that lacks all but one member's data is the same bytes as that member's. Where
        // they are in their own place too, nothing was exchanged.
        let is_in_place = |member: u32| {
            let (expected, actual) = wrong.row.of(member);
            actual == Some(expected)
        };
        if let Some(member) = other.filter(|member| !is_in_place(*member)) {
            return MemberFault::OtherMember(member);
        }
        let found = match self.holding(wrong.member, wrong.row.offset) {
            Holding::Data(at) => self.stale(wrong, at),
            Holding::Parity { .. } => self.stale_parity(wrong),
        };
        if let Some(fault) = found.or(other.map(MemberFault::OtherMember)) {
            return fault;
        }
        if actual.iter().all(|byte| *byte == 0) {
            return MemberFault::Zeroed;
        }
        self.misplaced(wrong).unwrap_or(MemberFault::Foreign)
    }

    /// The member that should hold these bytes at this offset.
    fn other_member(&self, wrong: &Wrong<'_>) -> Option<u32> {
        let Wrong { member, span, row } = wrong;
        if self.geometry.level() == RaidLevel::Mirrored || span.len() < AGREEMENT_BYTES_MIN {
            return None;
        }
        let actual = wrong.actual();
        let is_it = |expected: &&[u8]| expected.get(span.clone()) == Some(actual);
        let found = (0..).zip(row.expected).find(|(of, bytes)| of != member && is_it(bytes));
        found.map(|(of, _)| of)
    }

    /// Data of an earlier state. Zeros are not told from other zeros.
    fn stale(&self, wrong: &Wrong<'_>, at: u64) -> Option<MemberFault> {
        let actual = wrong.actual();
        if actual.len() < AGREEMENT_BYTES_MIN {
            return None;
        }
        let mut before = vec![0; actual.len()];
        let at = at + wrong.span.start as u64;
        let states = self.earlier.states(self.generation(at));
        states.filter(|state| *state != EarlierState::Zeros).find_map(|state| {
            self.earlier.fill(self.array, state, at, &mut before);
            (before == actual).then_some(MemberFault::Stale(state))
        })
    }

    /// Parity that lacks what came later.
    fn stale_parity(&self, wrong: &Wrong<'_>) -> Option<MemberFault> {
        let Wrong { span, row, .. } = wrong;
        let data = self.data_members(row.offset)?;
        // Only where all of the stripe is known is its parity.
        if span.len() < PROBE_BYTES || data.iter().any(|data| data.0 as usize >= row.expected.len())
        {
            return None;
        }
        let mut wanted = wrong.actual().to_vec();
        xor_into(&mut wanted, wrong.expected());
        let generation = self.generation(data.first()?.1);
        self.earlier.states(generation).find_map(|state| {
            let mut differences = Vec::with_capacity(data.len());
            for (member, at) in &data {
                let mut changed = vec![0; span.len()];
                let at = at + span.start as u64;
                self.earlier.fill(self.array, state, at, &mut changed);
                xor_into(&mut changed, row.expected[*member as usize].get(span.clone())?);
                differences.push(changed);
            }
            let differences: Vec<&[u8]> = differences.iter().map(Vec::as_slice).collect();
            let parts = parts_of(&wanted, &differences)?;
            let members = parts.into_iter().map(|part| data[part].0).collect();
            Some(MemberFault::StaleParity { state, members })
        })
    }

    /// Content of somewhere else, if that explains most of the bytes.
    fn misplaced(&self, wrong: &Wrong<'_>) -> Option<MemberFault> {
        let actual = wrong.actual();
        let mut most: Option<Located> = None;
        self.earlier.content.locate(actual, self.known, &mut |run| {
            if most.is_none_or(|most| run.len > most.len) {
                most = Some(run);
            }
        });
        let run = most.filter(|run| run.len * 2 > actual.len())?;
        let offset = run.source.offset.checked_sub(run.at as u64)?;
        let source = Source { offset, ..run.source };
        Some(MemberFault::Misplaced(source))
    }

    /// Whether the parity is that of the data that are there; all members must have been read.
    fn is_consistent(&self, row: PageRow<'_>) -> bool {
        let lengths = row.expected.iter().map(|expected| expected.len());
        let is_whole = lengths.clone().min() == lengths.max();
        let mut pages = row.actual.iter();
        match self.geometry.level() {
            RaidLevel::Striped => false,
            RaidLevel::Mirrored => {
                let Some(Some(first)) = pages.next() else { return false };
                pages.all(|page| page.is_some_and(|page| page == *first))
            }
            RaidLevel::Parity => {
                let mut sum = [0; PAGE_BYTES];
                is_whole
                    && pages.all(|page| page.map(|page| xor_into(&mut sum, page)).is_some())
                    && sum.iter().all(|byte| *byte == 0)
            }
        }
    }

    /// The write hole: some of the stripe's data are of now, others of before, and the parity is
    /// not theirs. Every member must be explained. Zeros alone, under a parity of now, are damage.
    fn torn(&self, row: PageRow<'_>, faults: &[PageFault]) -> Option<TornPage> {
        if self.geometry.level() != RaidLevel::Parity || row.actual.iter().any(Option::is_none) {
            return None;
        }
        let parity = self.geometry.parity_member(row.offset / self.geometry.chunk_bytes())?;
        let is_before = |fault: &PageFault| match fault.fault {
            MemberFault::StaleParity { .. } | MemberFault::Stale(_) => Some(true),
            MemberFault::Zeroed => Some(false),
            _ => None,
        };
        let before: Option<Vec<bool>> = faults.iter().map(is_before).collect();
        let is_sure = before?.into_iter().any(|is_sure| is_sure);
        let not_written: Vec<u32> = faults.iter().map(|fault| fault.member).collect();
        let has_old_data = not_written.iter().any(|member| *member != parity);
        let written: Vec<u32> =
            (0..self.geometry.members()).filter(|member| !not_written.contains(member)).collect();
        (is_sure && has_old_data && !written.is_empty())
            .then_some(TornPage { written, not_written })
    }

    fn holding(&self, member: u32, offset: u64) -> Holding {
        self.geometry.holding(MemberPlace { member, offset })
    }

    /// The members that hold the data of the stripe at an offset, each with the place in the array.
    fn data_members(&self, offset: u64) -> Option<Vec<(u32, u64)>> {
        let all =
            (0..self.geometry.members()).filter_map(|member| match self.holding(member, offset) {
                Holding::Data(at) => Some((member, at)),
                Holding::Parity { .. } => None,
            });
        let all: Vec<_> = all.collect();
        all.iter().all(|(_, at)| *at < self.array.length()).then_some(all)
    }

    fn generation(&self, at: u64) -> u16 {
        match self.array.stretch(at).kind {
            StretchKind::Content(source) => source.file.generation,
            StretchKind::Parity { .. } => 0,
        }
    }
}

/// The wrong bytes of a page.
struct Wrong<'a> {
    member: u32,
    span: Range<usize>,
    row: PageRow<'a>,
}

impl Wrong<'_> {
    fn expected(&self) -> &[u8] {
        &self.row.of(self.member).0[self.span.clone()]
    }

    fn actual(&self) -> &[u8] {
        self.row.of(self.member).1.map_or(&[], |page| &page[self.span.clone()])
    }
}

fn differing_span(expected: &[u8], actual: &[u8]) -> Option<Range<usize>> {
    if expected == actual {
        return None;
    }
    let mut pairs = expected.iter().zip(actual);
    let first = pairs.position(|(expected, actual)| expected != actual)?;
    let last = expected.iter().zip(actual).rposition(|(expected, actual)| expected != actual)?;
    Some(first..last + 1)
}

fn differing_bits(expected: &[u8], actual: &[u8]) -> u32 {
    expected.iter().zip(actual).map(|(expected, actual)| (expected ^ actual).count_ones()).sum()
}

#[cfg(test)]
mod tests;
