//! The sums that file formats have over their bytes.

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

/// A kind of sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// CRC-32C, rotated and added to as `TFRecord` does; little endian.
    MaskedCrc32c,
    /// CRC-32, as in a zip archive; little endian.
    ZipCrc32,
    /// CRC-32, as in a PNG image; big endian.
    PngCrc32,
    /// Adler-32, as at the end of a zlib stream; big endian.
    Adler32,
}

/// A sum that is being made.
pub struct Summing {
    sum: Sum,
    state: State,
    length: u64,
}

/// The sum over a part of the bytes that a sum is to cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartialSum {
    sum: Sum,
    number: u32,
    /// How many bytes the part has.
    length: u64,
}

#[expect(clippy::large_enum_variant, reason = "making a sum must not allocate")]
enum State {
    Crc(Digest),
    Adler(simd_adler32::Adler32),
}

/// What a sum is: its four bytes, as they stand in the file.
pub type SumBytes = [u8; 4];

impl Sum {
    /// How many bytes it has.
    #[must_use]
    pub fn width(self) -> usize {
        size_of::<SumBytes>()
    }

    /// Begins one.
    #[must_use]
    pub fn begin(self) -> Summing {
        let state = match self.crc() {
            Some(algorithm) => State::Crc(Digest::new(algorithm)),
            None => State::Adler(simd_adler32::Adler32::new()),
        };
        Summing { sum: self, state, length: 0 }
    }

    /// The algorithm, where it is a CRC.
    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::MaskedCrc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::ZipCrc32 | Self::PngCrc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Adler32 => None,
        }
    }

    /// That over bytes.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> SumBytes {
        let mut summing = self.begin();
        summing.add(bytes);
        summing.finish()
    }
}

impl fmt::Debug for Summing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Summing").field(&self.sum).finish_non_exhaustive()
    }
}

impl Summing {
    /// Goes on with more bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        match &mut self.state {
            State::Crc(digest) => digest.update(bytes),
            State::Adler(adler) => adler.write(bytes),
        }
    }

    /// The sum over all of them, as a part of more.
    #[must_use]
    pub fn partial(&self) -> PartialSum {
        // A CRC of 32 bits has no more of them.
        let number = match &self.state {
            State::Crc(digest) => digest.finalize() as u32,
            State::Adler(adler) => adler.finish(),
        };
        PartialSum { sum: self.sum, number, length: self.length }
    }

    /// The sum over all of them.
    #[must_use]
    pub fn finish(&self) -> SumBytes {
        self.partial().bytes()
    }
}

impl PartialSum {
    /// How many bytes it covers.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The sum over this part and over another one of the same sum, which follows it.
    #[must_use]
    pub fn followed_by(self, next: Self) -> Self {
        // To put two CRCs together takes as long as making one over many KiB.
        if next.length == 0 {
            return self;
        }
        if self.length == 0 {
            return next;
        }
        let number = match self.sum.crc() {
            Some(algorithm) => {
                let (this, next_number) = (u64::from(self.number), u64::from(next.number));
                checksum_combine(algorithm, this, next_number, next.length) as u32
            }
            None => adler_of_both(self.number, next.number, next.length),
        };
        Self { number, length: self.length + next.length, ..self }
    }

    /// As it stands in the file, where this part is all.
    #[must_use]
    pub fn bytes(self) -> SumBytes {
        let number = self.number;
        match self.sum {
            Sum::MaskedCrc32c => number.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes(),
            Sum::ZipCrc32 => number.to_le_bytes(),
            Sum::PngCrc32 | Sum::Adler32 => number.to_be_bytes(),
        }
    }
}

/// The Adler sum over two parts, of which the second has so many bytes.
///
/// Its low half is 1 and all bytes, and its high half that of all values which the low half had.
/// During the second part those were larger by what the low half began with, less 1.
fn adler_of_both(first: u32, second: u32, second_length: u64) -> u32 {
    const MODULUS: u64 = 65521;
    let halves = |sum: u32| (u64::from(sum & 0xffff), u64::from(sum >> 16));
    let ((first_low, first_high), (low, high)) = (halves(first), halves(second));
    let before = (first_low + MODULUS - 1) % MODULUS;
    let low = (before + low) % MODULUS;
    let high = (first_high + high + second_length % MODULUS * before) % MODULUS;
    (high << 16 | low) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_standards() {
        let digits = b"123456789";
        assert_eq!(Sum::PngCrc32.of(digits), 0xcbf4_3926_u32.to_be_bytes());
        assert_eq!(Sum::ZipCrc32.of(digits), 0xcbf4_3926_u32.to_le_bytes());
        assert_eq!(Sum::Adler32.of(b"Wikipedia"), 0x11e6_0398_u32.to_be_bytes());
        let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(Sum::MaskedCrc32c.of(digits), masked.to_le_bytes());
    }

    #[test]
    fn the_sums_over_parts_make_that_over_all() {
        let bytes: Vec<u8> = (0..200_000_u64).map(|at| ((at * at) >> 7) as u8 | 0x80).collect();
        for sum in [Sum::MaskedCrc32c, Sum::ZipCrc32, Sum::PngCrc32, Sum::Adler32] {
            for borders in [[0, 0], [0, 1], [1, 131_073], [65_521, 65_521], [77, 200_000]] {
                let part = |bytes: &[u8]| {
                    let mut summing = sum.begin();
                    summing.add(bytes);
                    summing.partial()
                };
                let [first, second] = borders;
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]].map(part);
                let [one, two, three] = parts;
                assert_eq!(one.followed_by(two).followed_by(three), part(&bytes), "{borders:?}");
                assert_eq!(one.followed_by(two.followed_by(three)).bytes(), sum.of(&bytes));
            }
        }
    }
}
