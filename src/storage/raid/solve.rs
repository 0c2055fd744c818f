//! Of which members' data a parity is older: a system of equations over bits.

use crate::raid::xor_into;

/// How many bytes of each vector are looked at first: more bits than any array has members.
pub(super) const PROBE_BYTES: usize = 64;

type Probe = [u64; PROBE_BYTES / 8];
/// A set of members, a bit for each.
type Members = [u64; 4];

/// Which of the `differences`, added up, make `wanted`: a list of their positions, in order. Each
/// of them has as many bytes as `wanted`, at least [`PROBE_BYTES`].
///
/// Of random bytes at most one set does, so whichever is found is the one.
pub(super) fn parts_of(wanted: &[u8], differences: &[&[u8]]) -> Option<Vec<usize>> {
    // Gaussian elimination: each row is reduced by those before it, and keeps its first bit.
    let mut rows: Vec<(usize, Probe, Members)> = Vec::new();
    let reduce = |rows: &[(usize, Probe, Members)], probe: &mut Probe, members: &mut Members| {
        for (bit, row, of) in rows {
            if probe[bit / 64] >> (bit % 64) & 1 == 1 {
                add(probe, row);
                add(members, of);
            }
        }
    };
    for (position, difference) in differences.iter().enumerate() {
        let (mut probe, mut members) = (probe_of(difference)?, Members::default());
        *members.get_mut(position / 64)? |= 1 << (position % 64);
        reduce(&rows, &mut probe, &mut members);
        // One that the others make says nothing new.
        if let Some(bit) = first_bit(&probe) {
            rows.push((bit, probe, members));
        }
    }
    let (mut rest, mut members) = (probe_of(wanted)?, Members::default());
    reduce(&rows, &mut rest, &mut members);
    if first_bit(&rest).is_some() {
        return None;
    }
    let is_part = |position: &usize| members[position / 64] >> (position % 64) & 1 == 1;
    let parts: Vec<usize> = (0..differences.len()).filter(is_part).collect();
    let mut sum = wanted.to_vec();
    for part in &parts {
        xor_into(&mut sum, differences[*part]);
    }
    (!parts.is_empty() && sum.iter().all(|byte| *byte == 0)).then_some(parts)
}

fn probe_of(bytes: &[u8]) -> Option<Probe> {
    let mut probe = Probe::default();
    let words = bytes.get(..PROBE_BYTES)?.chunks_exact(8);
    for (word, bytes) in probe.iter_mut().zip(words) {
        *word = u64::from_be_bytes(bytes.try_into().ok()?);
    }
    Some(probe)
}

fn add<const N: usize>(to: &mut [u64; N], other: &[u64; N]) {
    for (word, other) in to.iter_mut().zip(other) {
        *word ^= other;
    }
}

fn first_bit(probe: &Probe) -> Option<usize> {
    let word = probe.iter().position(|word| *word != 0)?;
    Some(word * 64 + probe[word].trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the slow way: whoever was added is known here.
        #[test]
        fn what_was_added_up_is_found(
            vectors in prop::collection::vec(prop::collection::vec(any::<u8>(), 96), 1..20),
            chosen in any::<u32>(),
            foreign in any::<bool>(),
        ) {
            let parts: Vec<usize> =
                (0..vectors.len()).filter(|part| chosen >> part & 1 == 1).collect();
            let mut wanted = vec![0; 96];
            for part in &parts {
                xor_into(&mut wanted, &vectors[*part]);
            }
            // Behind the probe: it is looked at too.
            wanted[90] ^= u8::from(foreign);
            let differences: Vec<&[u8]> = vectors.iter().map(Vec::as_slice).collect();
            let expected = (!foreign && !parts.is_empty()).then_some(parts);
            prop_assert_eq!(parts_of(&wanted, &differences), expected);
        }
    }

    #[test]
    fn vectors_that_others_make_do_no_harm() {
        let (one, two) = ([1; PROBE_BYTES], [2; PROBE_BYTES]);
        let three = [3; PROBE_BYTES];
        assert_eq!(parts_of(&three, &[&one, &two, &three]), Some(vec![0, 1]));
        assert_eq!(parts_of(&[4; PROBE_BYTES], &[&one, &two, &three]), None);
        assert_eq!(parts_of(&[1; 8], &[&[1; 8]]), None, "too short to be believed");
    }
}
