//! The bytes of a member of an array, made from those of the array.

use crate::content::{Content, Source};
use crate::dataset::FileContent;
use crate::raid::{Geometry, Holding, MemberPlace, RaidLevel, xor_into};
use crate::storage::image::{Image, Stretch, StretchKind};

/// What parity is made of at a time: it and what is added to it stay in the first-level cache.
const PIECE_BYTES: usize = 16 << 10;

/// A member of an array whose bytes are those of an image: the image of a disk.
///
/// It is as long as the array's image says what it has. Parity of which a part is not said, in the
/// last stripe of an array that holds more than the image, is behind its end.
#[derive(Debug)]
pub struct RaidMember<'a, I: ?Sized> {
    array: &'a I,
    geometry: Geometry,
    member: u32,
}

impl<'a, I: Image + ?Sized> RaidMember<'a, I> {
    /// A member by its number.
    #[must_use]
    pub fn new(array: &'a I, geometry: Geometry, member: u32) -> Self {
        Self { array, geometry, member }
    }

    /// What is at an offset, and for how many bytes of its chunk it goes on.
    fn holding(&self, offset: u64) -> (Holding, u64) {
        let chunk_bytes = self.geometry.chunk_bytes();
        let holding = self.geometry.holding(MemberPlace { member: self.member, offset });
        (holding, chunk_bytes - offset % chunk_bytes)
    }

    fn fill_parity(&self, stripe: u64, within: u64, bytes: &mut [u8]) {
        let mut scratch = [0; PIECE_BYTES];
        let data_members = u64::from(self.geometry.data_members());
        for (number, piece) in (0..).zip(bytes.chunks_mut(PIECE_BYTES)) {
            let within = within + number * PIECE_BYTES as u64;
            let at = |index| (stripe * data_members + index) * self.geometry.chunk_bytes() + within;
            self.array.fill(at(0), piece);
            let scratch = &mut scratch[..piece.len()];
            for index in 1..data_members {
                self.array.fill(at(index), scratch);
                xor_into(piece, scratch);
            }
        }
    }
}

impl<I: Image + ?Sized> Image for RaidMember<'_, I> {
    fn length(&self) -> u64 {
        self.geometry.member_bytes_within(self.member, self.array.length())
    }

    fn fill(&self, offset: u64, bytes: &mut [u8]) {
        if self.geometry.level() == RaidLevel::Mirrored {
            return self.array.fill(offset, bytes);
        }
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let (holding, left) = self.holding(offset);
            let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(taken);
            match holding {
                Holding::Data(at) => self.array.fill(at, now),
                Holding::Parity { stripe, within } => self.fill_parity(stripe, within, now),
            }
            offset += taken as u64;
            rest = later;
        }
    }

    fn stretch(&self, offset: u64) -> Stretch {
        let left = if self.geometry.level() == RaidLevel::Mirrored {
            u64::MAX
        } else {
            self.holding(offset).1
        };
        match self.holding(offset).0 {
            Holding::Data(at) => {
                let Stretch { kind, length } = self.array.stretch(at);
                Stretch { kind, length: length.min(left) }
            }
            Holding::Parity { stripe, .. } => {
                let length = left.min(self.length().saturating_sub(offset)).max(1);
                Stretch { kind: StretchKind::Parity { stripe }, length }
            }
        }
    }

    fn offset_of(&self, source: Source) -> Option<u64> {
        let place = self.geometry.place(self.array.offset_of(source)?);
        let is_here = place.member == self.member || self.geometry.level() == RaidLevel::Mirrored;
        is_here.then_some(place.offset)
    }
}

/// One file of the dataset as an array: its content, which goes on behind its end until the last
/// stripe is full, so that all members have the same length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileImage<'a> {
    content: &'a Content,
    slot: FileContent,
}

impl<'a> FileImage<'a> {
    pub(crate) fn new(content: &'a Content, file: FileContent, geometry: Geometry) -> Self {
        let size_bytes = match geometry.level() {
            RaidLevel::Mirrored => file.size_bytes,
            _ => file.size_bytes.next_multiple_of(geometry.stripe_bytes()),
        };
        Self { content, slot: FileContent { size_bytes, ..file } }
    }
}

impl Image for FileImage<'_> {
    fn length(&self) -> u64 {
        self.slot.size_bytes
    }

    fn fill(&self, offset: u64, bytes: &mut [u8]) {
        self.content.fill(self.slot.file, offset, bytes);
    }

    fn stretch(&self, offset: u64) -> Stretch {
        let kind = StretchKind::Content(self.slot.source(offset));
        Stretch { kind, length: self.slot.size_bytes.saturating_sub(offset).max(1) }
    }

    fn offset_of(&self, source: Source) -> Option<u64> {
        let is_here = source.file == self.slot.file && source.offset < self.slot.size_bytes;
        is_here.then_some(source.offset)
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "what is tested is small")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::Coordinates;

    /// The slow way: every byte of every member by itself, from the whole array.
    fn members(array: &[u8], geometry: Geometry) -> Vec<Vec<u8>> {
        let length = geometry.member_bytes(array.len() as u64);
        let byte = |member, offset| match geometry.holding(MemberPlace { member, offset }) {
            Holding::Data(at) => array[at as usize],
            Holding::Parity { stripe, within } => (0..geometry.data_members())
                .map(|index| {
                    let member = geometry.data_member(stripe, index);
                    let offset = stripe * geometry.chunk_bytes() + within;
                    match geometry.holding(MemberPlace { member, offset }) {
                        Holding::Data(at) => array[at as usize],
                        Holding::Parity { .. } => unreachable!("one parity in a stripe"),
                    }
                })
                .fold(0, |parity, byte| parity ^ byte),
        };
        (0..geometry.members())
            .map(|member| (0..length).map(|offset| byte(member, offset)).collect())
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn members_are_made_of_the_array_byte_by_byte(
            level in prop::sample::select(vec![
                RaidLevel::Striped, RaidLevel::Mirrored, RaidLevel::Parity,
            ]),
            count in 3_u64..6,
            size_bytes in 1_u64..300_000,
            from in any::<prop::sample::Index>(),
            length in 1_usize..50_000,
        ) {
            let chunk = (level != RaidLevel::Mirrored).then_some(8192);
            let geometry = Geometry::new(level, chunk, count).unwrap();
            let content = Content::new("members");
            let file = FileContent { file: Coordinates::default(), size_bytes };
            let image = FileImage::new(&content, file, geometry);
            let mut array = vec![0; image.length() as usize];
            image.fill(0, &mut array);
            for (member, expected) in (0..).zip(members(&array, geometry)) {
                let made = RaidMember::new(&image, geometry, member);
                prop_assert_eq!(made.length(), expected.len() as u64);
                let from = from.index(expected.len());
                let mut bytes = vec![0; length.min(expected.len() - from)];
                made.fill(from as u64, &mut bytes);
                prop_assert!(bytes == expected[from..from + bytes.len()], "member {}", member);
                let Stretch { kind, length } = made.stretch(from as u64);
                let last = (from as u64 + length).min(made.length()) - 1;
                if let StretchKind::Content(source) = kind {
                    prop_assert_eq!(made.offset_of(source), Some(from as u64));
                    let source = source.advance(last - from as u64);
                    prop_assert_eq!(made.offset_of(source), Some(last));
                    let other = RaidMember::new(&image, geometry, (member + 1) % 3);
                    let is_everywhere = level == RaidLevel::Mirrored;
                    prop_assert_eq!(other.offset_of(source).is_some(), is_everywhere);
                }
            }
        }
    }
}
