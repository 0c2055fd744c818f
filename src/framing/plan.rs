//! A file as parts: which bytes are framing, which payload, and which sums over others.
//!
//! A plan is a few *sections*, one after another. A section repeats a *unit*, whose *parts* lie
//! without gaps: a record of a file of a million records is one unit. So a plan is small, and the
//! part at an offset is found by a division.

use std::ops::Range;

use super::Element;
use super::checksum::{Checksum, Cover};
use super::count::Count;
use super::stencil::Stencil;
use super::sum::Sum;

/// The parts of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    size_bytes: u64,
    sections: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Section {
    start: u64,
    repeats: u64,
    unit: Unit,
    /// That of the unit, where it has many short parts.
    stencil: Option<Stencil>,
}

/// Parts that are repeated together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    length: u64,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Where it begins in its unit.
    start: u64,
    length: u64,
    kind: PartKind,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// Bytes that follow from the format alone.
    Framing(Box<[u8]>),
    /// Content, made into elements.
    Payload(Element),
    /// A sum over other bytes of the file.
    Checksum(Checksum),
    /// A number in decimal digits that counts from unit to unit.
    Count(Count),
}

/// Some bytes of one part.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    /// The bytes, by their offsets in the file.
    pub range: Range<u64>,
    /// Where the part begins.
    pub part: u64,
    /// Where its unit begins.
    pub(super) unit: u64,
    /// The number of its unit in the section.
    pub(super) number: u64,
    /// What it is.
    pub kind: &'a PartKind,
}

/// Which parts of a file some bytes are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Headers, footers and what else follows from the format.
    pub framing: bool,
    /// Content.
    pub payload: bool,
    /// Sums over others.
    pub checksum: bool,
}

impl Parts {
    fn add(&mut self, kind: &PartKind) {
        match kind {
            PartKind::Framing(_) | PartKind::Count(_) => self.framing = true,
            PartKind::Payload(_) => self.payload = true,
            PartKind::Checksum(_) => self.checksum = true,
        }
    }

    /// The names of those that it has.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let named =
            [(self.framing, "framing"), (self.payload, "payload"), (self.checksum, "checksum")];
        named.into_iter().filter_map(|(has, name)| has.then_some(name))
    }
}

impl Unit {
    /// Adds bytes of the framing.
    pub(super) fn framing(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        let bytes: Vec<u8> = bytes.into();
        if let Some(Part { length, kind: PartKind::Framing(before), .. }) = self.parts.last_mut() {
            let joined = [&before[..], &bytes].concat();
            *length += bytes.len() as u64;
            self.length += bytes.len() as u64;
            *before = joined.into();
            return self;
        }
        self.push(bytes.len() as u64, PartKind::Framing(bytes.into()))
    }

    /// Adds payload of so many bytes.
    pub(super) fn payload(&mut self, element: Element, bytes: u64) -> &mut Self {
        self.push(bytes, PartKind::Payload(element))
    }

    /// Adds a sum over ranges, counted from the beginning of the unit.
    pub(super) fn checksum(&mut self, sum: Sum, covers: Vec<Cover>) -> &mut Self {
        self.push(sum.width() as u64, PartKind::Checksum(Checksum { sum, covers }))
    }

    /// Adds a number of so many digits, which it has in every unit.
    pub(super) fn count(&mut self, digits: u64, count: Count) -> &mut Self {
        self.push(digits, PartKind::Count(count))
    }

    fn push(&mut self, length: u64, kind: PartKind) -> &mut Self {
        if length > 0 {
            self.parts.push(Part { start: self.length, length, kind });
            self.length += length;
        }
        self
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Its sums, with the parts that they are.
    fn sums(&self) -> impl Iterator<Item = (&Part, &Checksum)> {
        self.parts.iter().filter_map(|part| match &part.kind {
            PartKind::Checksum(checksum) => Some((part, checksum)),
            _ => None,
        })
    }
}

impl Section {
    /// How many bytes those of its sums cover that a range touches.
    fn summed_bytes(&self, range: &Range<u64>) -> u64 {
        let covered = self.unit.sums().map(|(part, sum)| {
            let first = self.start + part.start;
            let last = first + part.length - 1;
            // The first unit in which it ends inside the range, and the first behind the range.
            let from = range.start.saturating_sub(last).div_ceil(self.unit.length);
            let until = range.end.saturating_sub(first).div_ceil(self.unit.length);
            let count = until.min(self.repeats).saturating_sub(from);
            count.saturating_mul(sum.covered_bytes())
        });
        covered.fold(0, u64::saturating_add)
    }
}

impl Plan {
    /// Adds a unit, so many times.
    pub(super) fn section(&mut self, repeats: u64, unit: Unit) -> &mut Self {
        if repeats > 0 && unit.length > 0 {
            let start = self.size_bytes;
            self.size_bytes += repeats * unit.length;
            let parts = unit.parts.iter().map(|part| (&part.kind, part.length));
            let stencil = Stencil::of(parts, unit.length);
            self.sections.push(Section { start, repeats, unit, stencil });
        }
        self
    }

    /// The size of the file.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The parts in a range, in order and without gaps; what is past the end is payload.
    pub fn spans(&self, range: Range<u64>) -> impl Iterator<Item = Span<'_>> {
        let mut place = self.place(range.start);
        let mut offset = range.start;
        std::iter::from_fn(move || {
            if offset >= range.end {
                return None;
            }
            let Some((section, unit, index)) = place else {
                let span = Span {
                    range: offset..range.end,
                    part: offset,
                    unit: offset,
                    number: 0,
                    kind: &PAST,
                };
                offset = range.end;
                return Some(span);
            };
            let section = self.sections.get(section)?;
            let part = section.unit.parts.get(index)?;
            let start = section.start + unit * section.unit.length;
            let end = (start + part.start + part.length).min(range.end);
            let span = Span {
                range: offset..end,
                part: start + part.start,
                unit: start,
                number: unit,
                kind: &part.kind,
            };
            offset = end;
            place = self.after(place);
            Some(span)
        })
    }

    /// The sums in a range, in order.
    pub fn sums(&self, range: Range<u64>) -> impl Iterator<Item = (Span<'_>, &Checksum)> {
        self.spans(range).filter_map(|span| match span.kind {
            PartKind::Checksum(checksum) => Some((span, checksum)),
            PartKind::Framing(_) | PartKind::Payload(_) | PartKind::Count(_) => None,
        })
    }

    /// How many bytes from an offset on are parts of the same kinds, up to `length`: those before
    /// the next section.
    #[must_use]
    pub fn alike(&self, offset: u64, length: u64) -> u64 {
        let next = self.sections.partition_point(|section| section.start <= offset);
        self.sections.get(next).map_or(length, |section| length.min(section.start - offset))
    }

    /// Makes payload and framing of content, where that is many short parts: of bytes that are
    /// [alike](Self::alike). False where it is not, and nothing was made.
    #[must_use]
    pub fn make_short_parts(&self, offset: u64, bytes: &mut [u8]) -> bool {
        let next = self.sections.partition_point(|section| section.start <= offset);
        let section = next.checked_sub(1).and_then(|index| self.sections.get(index));
        let Some(Section { start, stencil: Some(stencil), .. }) = section else { return false };
        stencil.make(offset - start, bytes);
        true
    }

    /// The section, the unit in it, and the part in that, in which an offset lies.
    fn place(&self, offset: u64) -> Option<(usize, u64, usize)> {
        if offset >= self.size_bytes {
            return None;
        }
        let index =
            self.sections.partition_point(|section| section.start <= offset).checked_sub(1)?;
        let section = self.sections.get(index)?;
        let within = offset - section.start;
        let (unit, rest) = (within / section.unit.length, within % section.unit.length);
        let part = section.unit.parts.partition_point(|part| part.start <= rest).checked_sub(1)?;
        Some((index, unit, part))
    }

    /// The part that follows.
    fn after(&self, place: Option<(usize, u64, usize)>) -> Option<(usize, u64, usize)> {
        let (index, unit, part) = place?;
        let section = self.sections.get(index)?;
        if part + 1 < section.unit.parts.len() {
            Some((index, unit, part + 1))
        } else if unit + 1 < section.repeats {
            Some((index, unit + 1, 0))
        } else {
            self.sections.get(index + 1).map(|_| (index + 1, 0, 0))
        }
    }

    /// Which parts a range is of, as far as it is inside the file.
    #[must_use]
    pub fn parts(&self, range: Range<u64>) -> Parts {
        let mut parts = Parts::default();
        for section in &self.sections {
            let end = section.start + section.repeats * section.unit.length;
            let (start, end) = (range.start.max(section.start), range.end.min(end));
            if start >= end {
                continue;
            }
            if end - start >= 2 * section.unit.length {
                // There is a whole unit in it.
                for part in &section.unit.parts {
                    parts.add(&part.kind);
                }
            } else {
                self.spans(start..end).for_each(|span| parts.add(span.kind));
            }
        }
        parts
    }

    /// How many bytes the sums in a range cover together. It takes no longer for a long range:
    /// units are counted, and not walked through.
    #[must_use]
    pub fn summed_bytes(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let first = self.sections.partition_point(|section| section.start <= range.start);
        let sections = self.sections.iter().skip(first.saturating_sub(1));
        let sections = sections.take_while(|section| section.start < range.end);
        sections.map(|section| section.summed_bytes(&range)).fold(0, u64::saturating_add)
    }

    /// The most that the sums of one unit cover together: those of a directory stand side by side.
    #[must_use]
    pub fn summed_bytes_max(&self) -> u64 {
        let units = self.sections.iter().map(|section| {
            section.unit.sums().map(|(_, sum)| sum.covered_bytes()).fold(0, u64::saturating_add)
        });
        units.max().unwrap_or(0)
    }

    /// Where a sum stands over bytes before its unit that no sum before it covers alike: what it is
    /// shows only when they were all read.
    #[must_use]
    pub fn late_sum(&self) -> Option<u64> {
        let last = self.sections.last().filter(|section| section.repeats == 1)?;
        let covered = |section: &Section, checksum: &Checksum| {
            checksum.covers.first().map(|cover| section.start.wrapping_add(cover.start))
        };
        let (part, checksum) = last.unit.sums().next()?;
        let start = covered(last, checksum).filter(|start| *start < last.start)?;
        let is_told = |section: &Section| {
            section.unit.sums().any(|(_, other)| covered(section, other) == Some(start))
        };
        let before = &self.sections[..self.sections.len() - 1];
        (!before.iter().any(is_told)).then_some(last.start + part.start)
    }

    /// Whether there is any content in it.
    #[must_use]
    pub fn has_payload(&self) -> bool {
        let mut parts = self.sections.iter().flat_map(|section| &section.unit.parts);
        parts.any(|part| matches!(part.kind, PartKind::Payload(_)))
    }

    /// Whether sixteen zeros or more may stand in a row.
    #[must_use]
    pub fn has_zeros(&self) -> bool {
        let zeros = |kind: &PartKind| match kind {
            PartKind::Framing(bytes) => bytes.split(|byte| *byte != 0).any(|run| run.len() >= 16),
            PartKind::Payload(element) => element.repeats_itself(),
            PartKind::Checksum(_) | PartKind::Count(_) => false,
        };
        self.sections.iter().flat_map(|section| &section.unit.parts).any(|part| zeros(&part.kind))
    }
}

/// What is past the end.
const PAST: PartKind = PartKind::Payload(Element::Plain);

impl Span<'_> {
    /// How many bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.range.end - self.range.start
    }
}
