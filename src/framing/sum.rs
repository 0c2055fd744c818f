//! The sums that file formats have over their bytes.

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

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
        let state = match self {
            Self::MaskedCrc32c => State::Crc(Digest::new(CrcAlgorithm::Crc32Iscsi)),
            Self::ZipCrc32 | Self::PngCrc32 => State::Crc(Digest::new(CrcAlgorithm::Crc32IsoHdlc)),
            Self::Adler32 => State::Adler(simd_adler32::Adler32::new()),
        };
        Summing { sum: self, state }
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
        match &mut self.state {
            State::Crc(digest) => digest.update(bytes),
            State::Adler(adler) => adler.write(bytes),
        }
    }

    /// The sum over all of them.
    #[must_use]
    pub fn finish(&self) -> SumBytes {
        // A CRC of 32 bits has no more of them.
        let number = match &self.state {
            State::Crc(digest) => digest.finalize() as u32,
            State::Adler(adler) => adler.finish(),
        };
        match self.sum {
            Sum::MaskedCrc32c => number.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes(),
            Sum::ZipCrc32 => number.to_le_bytes(),
            Sum::PngCrc32 | Sum::Adler32 => number.to_be_bytes(),
        }
    }
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
}
