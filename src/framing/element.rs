//! What payload is made of, and how content becomes it.

/// How the bytes of payload follow from the content at the same offsets.
///
/// An element is made of the content in its own bytes, and of nothing else. So a range can be made
/// from the content of the elements that it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// The content itself: integers of any width, pixels, bytes.
    Plain,
    /// A truth value: the lowest bit.
    Bool,
    /// A small number, 0 to 127: the seven lowest bits.
    Small,
    /// A number of two bytes, half precision, at least 0 and less than 1.
    Half,
    /// The same of four bytes, single precision.
    Single,
    /// The same of eight bytes, double precision.
    Double,
    /// A decimal digit in ASCII: the byte modulo 10.
    Digit,
    /// A decimal digit in ASCII that is not 0: 1 and the byte modulo 9.
    FirstDigit,
    /// A decimal digit in ASCII, 0 or 1: the lowest bit.
    Bit,
    /// A small letter in ASCII: the byte modulo 26.
    Letter,
}

impl Element {
    /// How many bytes one has.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Half => 2,
            Self::Single => 4,
            Self::Double => 8,
            _ => 1,
        }
    }

    /// Whether so few values are likely that many neighbours agree by chance.
    #[must_use]
    pub(super) fn repeats_itself(self) -> bool {
        self == Self::Bool
    }

    /// Turns content into payload: whole elements. On processors with wide registers it is compiled
    /// for those.
    #[inline]
    pub fn make(self, bytes: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has them.
            return unsafe { self.make_with_avx512(bytes) };
        } else if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the same.
            return unsafe { self.make_with_avx2(bytes) };
        }
        self.make_portably(bytes);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn make_with_avx512(self, bytes: &mut [u8]) {
        self.make_portably(bytes);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn make_with_avx2(self, bytes: &mut [u8]) {
        self.make_portably(bytes);
    }

    #[expect(clippy::inline_always, reason = "it is compiled once for each kind of processor")]
    #[inline(always)]
    fn make_portably(self, bytes: &mut [u8]) {
        match self {
            Self::Plain => {}
            Self::Bool => bytes.iter_mut().for_each(|byte| *byte &= 1),
            Self::Small => bytes.iter_mut().for_each(|byte| *byte &= 0x7f),
            Self::Digit => bytes.iter_mut().for_each(|byte| *byte = b'0' + *byte % 10),
            Self::FirstDigit => bytes.iter_mut().for_each(|byte| *byte = b'1' + *byte % 9),
            Self::Bit => bytes.iter_mut().for_each(|byte| *byte = b'0' + *byte % 2),
            Self::Letter => bytes.iter_mut().for_each(|byte| *byte = b'a' + *byte % 26),
            Self::Half => {
                for element in bytes.as_chunks_mut::<2>().0 {
                    *element = half(u16::from_le_bytes(*element)).to_le_bytes();
                }
            }
            Self::Single => {
                for element in bytes.as_chunks_mut::<4>().0 {
                    let one_to_two = 0x3f80_0000 | (u32::from_le_bytes(*element) >> 9);
                    *element = (f32::from_bits(one_to_two) - 1.0).to_le_bytes();
                }
            }
            Self::Double => {
                for element in bytes.as_chunks_mut::<8>().0 {
                    let one_to_two = 0x3ff0_0000_0000_0000 | (u64::from_le_bytes(*element) >> 12);
                    *element = (f64::from_bits(one_to_two) - 1.0).to_le_bytes();
                }
            }
        }
    }
}

/// The ten high bits as 1024ths, in half precision.
#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn half(content: u16) -> u16 {
    // Exact in single precision, whose exponent is 112 more and whose fraction 13 bits longer.
    let single = (f32::from(content >> 6) / 1024.0).to_bits();
    if single == 0 { 0 } else { ((single >> 13) - (112 << 10)) as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_uniform_below_one() {
        let make = |element: Element, content: u64| {
            let mut bytes = content.to_le_bytes();
            element.make(&mut bytes[..element.width()]);
            bytes
        };
        assert_eq!(make(Element::Single, 0)[..4], 0_f32.to_le_bytes());
        assert_eq!(make(Element::Single, 0x8000_0000)[..4], 0.5_f32.to_le_bytes());
        let most = 1.0 - f32::EPSILON;
        assert_eq!(make(Element::Single, 0xffff_ffff)[..4], most.to_le_bytes());
        assert_eq!(make(Element::Double, 1 << 62), 0.25_f64.to_le_bytes());
        assert_eq!(make(Element::Double, u64::MAX), (1.0 - f64::EPSILON).to_le_bytes());
        // 0, 2^-10, 0.5 and 1 - 2^-10 in half precision.
        for (content, expected) in [(0x3f, 0), (0x40, 0x1400), (0x8000, 0x3800), (0xffff, 0x3bfe)] {
            assert_eq!(
                make(Element::Half, content)[..2],
                u16::to_le_bytes(expected),
                "{content:x}"
            );
        }
    }
}
