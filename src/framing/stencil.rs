//! Many short parts at once: what each byte of a unit is made of, as numbers for all of them alike.
//!
//! A line of text is some twenty parts of a few bytes. To walk through them costs many times what
//! making their bytes does, so such units have a stencil: of byte `b` of the content, the byte in
//! its place is `base + (b & mask) % modulus`, which is the same arithmetic for framing, digits and
//! letters, and is done in wide registers. The remainder is a multiplication: with `reciprocal` =
//! 2^16 / modulus, rounded up, that is exact for all bytes.

use super::{Element, PartKind};

/// How the bytes of some units, one after another, follow from the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stencil {
    /// How many bytes it is for: some whole units.
    length: usize,
    mask: Box<[u16]>,
    reciprocal: Box<[u16]>,
    modulus: Box<[u16]>,
    base: Box<[u8]>,
}

/// Units are put together up to this length, so that little is done for each of them.
const LENGTH_MIN: usize = 2 << 10;

/// Longer units, and those whose parts are longer on the average, are made part by part.
const UNIT_BYTES_MAX: u64 = 16 << 10;
const PART_BYTES_MAX: u64 = 64;

/// What a byte of content becomes.
struct Rule {
    mask: u8,
    /// 0 where there is nothing to divide by.
    modulus: u16,
    base: u8,
}

impl Rule {
    const fn new(mask: u8, modulus: u16, base: u8) -> Self {
        Self { mask, modulus, base }
    }

    /// That of an element of one byte.
    fn of(element: Element) -> Option<Self> {
        Some(match element {
            Element::Plain => Self::new(0xff, 0, 0),
            Element::Bool => Self::new(1, 0, 0),
            Element::Small => Self::new(0x7f, 0, 0),
            Element::Digit => Self::new(0xff, 10, b'0'),
            Element::FirstDigit => Self::new(0xff, 9, b'1'),
            Element::Bit => Self::new(1, 0, b'0'),
            Element::Letter => Self::new(0xff, 26, b'a'),
            Element::Half | Element::Single | Element::Double => return None,
        })
    }
}

impl Stencil {
    /// That of a unit with many short parts, none of which is a sum.
    pub(super) fn of<'a>(
        parts: impl ExactSizeIterator<Item = (&'a PartKind, u64)>,
        unit_bytes: u64,
    ) -> Option<Self> {
        if unit_bytes > UNIT_BYTES_MAX || unit_bytes > PART_BYTES_MAX * parts.len() as u64 {
            return None;
        }
        let mut rules = Vec::new();
        for (kind, length) in parts {
            match kind {
                PartKind::Framing(bytes) => {
                    rules.extend(bytes.iter().map(|byte| Rule::new(0, 0, *byte)));
                }
                PartKind::Payload(element) => {
                    for _ in 0..length {
                        rules.push(Rule::of(*element)?);
                    }
                }
                PartKind::Checksum(_) | PartKind::Count(_) => return None,
            }
        }
        let units = LENGTH_MIN.div_ceil(rules.len().max(1));
        let each = || (0..units).flat_map(|_| &rules);
        let reciprocal = |rule: &Rule| match rule.modulus {
            0 => 0,
            modulus => (1_u32 << 16).div_ceil(u32::from(modulus)) as u16,
        };
        Some(Self {
            length: units * rules.len(),
            mask: each().map(|rule| rule.mask.into()).collect(),
            reciprocal: each().map(reciprocal).collect(),
            modulus: each().map(|rule| rule.modulus).collect(),
            base: each().map(|rule| rule.base).collect(),
        })
    }

    /// Makes bytes of the content that stands there; the first is so far behind the beginning of a
    /// unit.
    pub(super) fn make(&self, start: u64, bytes: &mut [u8]) {
        // It is shorter than some units.
        let mut at = (start % self.length as u64) as usize;
        let mut left = bytes;
        while !left.is_empty() {
            let length = left.len().min(self.length - at);
            let (out, rest) = left.split_at_mut(length);
            self.make_run(at, out);
            (left, at) = (rest, 0);
        }
    }

    fn make_run(&self, at: usize, out: &mut [u8]) {
        let place = at..at + out.len();
        let rules = [&self.mask, &self.reciprocal, &self.modulus].map(|it| &it[place.clone()]);
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has them.
            return unsafe { apply_with_avx512(rules, &self.base[place], out) };
        } else if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the same.
            return unsafe { apply_with_avx2(rules, &self.base[place], out) };
        }
        apply(rules, &self.base[place], out);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn apply_with_avx512(rules: [&[u16]; 3], base: &[u8], out: &mut [u8]) {
    apply(rules, base, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn apply_with_avx2(rules: [&[u16]; 3], base: &[u8], out: &mut [u8]) {
    apply(rules, base, out);
}

#[expect(clippy::inline_always, reason = "it is compiled once for each kind of processor")]
#[inline(always)]
fn apply([mask, reciprocal, modulus]: [&[u16]; 3], base: &[u8], out: &mut [u8]) {
    let rules = mask.iter().zip(reciprocal).zip(modulus).zip(base);
    for (byte, (((mask, reciprocal), modulus), base)) in out.iter_mut().zip(rules) {
        let content = u16::from(*byte) & mask;
        let quotient = ((u32::from(content) * u32::from(*reciprocal)) >> 16) as u16;
        *byte = base.wrapping_add(content.wrapping_sub(quotient.wrapping_mul(*modulus)) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELEMENTS: [Element; 7] = [
        Element::Plain,
        Element::Bool,
        Element::Small,
        Element::Digit,
        Element::FirstDigit,
        Element::Bit,
        Element::Letter,
    ];

    #[test]
    fn it_makes_of_every_byte_what_its_element_makes() {
        for element in ELEMENTS {
            let kinds = [PartKind::Framing(b"ab".as_slice().into()), PartKind::Payload(element)];
            let parts = kinds.iter().zip([2, 1]);
            let stencil = Stencil::of(parts, 3).unwrap();
            for byte in 0..=255_u8 {
                for start in 0..3 {
                    let mut made = [byte; 5000];
                    stencil.make(start, &mut made);
                    let mut right = [byte];
                    element.make(&mut right);
                    for (at, made) in made.iter().enumerate() {
                        let unit = [b'a', b'b', right[0]];
                        assert_eq!(*made, unit[(at + start as usize) % 3], "{element:?} {byte}");
                    }
                }
            }
        }
    }

    #[test]
    fn units_of_long_parts_and_of_sums_have_none() {
        let kinds = [PartKind::Payload(Element::Digit), PartKind::Payload(Element::Single)];
        assert!(Stencil::of(kinds[..1].iter().zip([64]), 64).is_some());
        assert!(Stencil::of(kinds[..1].iter().zip([65]), 65).is_none());
        assert!(Stencil::of(kinds.iter().zip([3, 4]), 7).is_none());
    }
}
