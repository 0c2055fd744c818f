//! Choices: what a dataset draws by lot is drawn from the seed, the same on every machine.
//!
//! ```text
//! key      = BLAKE3 derive_key(context "seedfs v1 choice key", the seed's UTF-8 bytes)[0..8],
//!            big endian
//! mix(z)   = z ^= z >> 30;  z *= 0xbf58476d1ce4e5b9;
//!            z ^= z >> 27;  z *= 0x94d049bb133111eb;
//!            z ^= z >> 31                                      all modulo 2^64
//! first    = gen << 48 | node << 32 | process << 16 | file >> 16
//! second   = (file & 0xffff) << 48
//! stream   = mix(mix(mix(key ^ purpose) ^ first) ^ second)
//! draw(i)  = mix(stream + i * 0x9e3779b97f4a7c15)
//! ```
//!
//! `mix` and the step are those of `SplitMix64` (Steele, Lea and Flood, "Fast splittable
//! pseudorandom number generators", 2014, with Stafford's variant 13), so the draws of one stream
//! are that generator's output, and any of them is had without those before it. `first` and
//! `second` are the two halves of the address of the file's first block.

use super::Coordinates;

/// Says what the key is for, as BLAKE3 asks of each use; part of the format.
const CONTEXT: &str = "seedfs v1 choice key";

/// What is drawn. Two purposes never share a draw; the numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    /// The size of a file.
    Size = 1,
    /// At which of its blocks a file has the first one that it shares.
    SharedPhase = 2,
    /// Which of the shared blocks stands in a place.
    SharedBlock = 3,
    /// In which generations a block changes.
    Change = 4,
    /// Reserved: the vectors have such draws, and no content of version 1 uses them.
    Text = 5,
}

/// Draws under one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    key: u64,
}

impl Choice {
    /// The draws of a seed.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        let derived = blake3::derive_key(CONTEXT, seed.as_bytes());
        let key = derived.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte));
        Self { key }
    }

    /// The draws for one file.
    #[inline]
    #[must_use]
    pub const fn stream(&self, purpose: Purpose, file: Coordinates) -> RandomStream {
        let Coordinates { generation, node, process, file } = file;
        let first = ((generation as u64) << 48)
            | ((node as u64) << 32)
            | ((process as u64) << 16)
            | (file as u64 >> 16);
        let second = (file as u64) << 48;
        RandomStream { state: mix(mix(mix(self.key ^ purpose as u64) ^ first) ^ second) }
    }
}

/// Any number of draws, each of which is had on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomStream {
    state: u64,
}

impl RandomStream {
    /// One draw: 64 bits, each as likely to be 0 as 1.
    #[inline]
    #[must_use]
    pub const fn draw(&self, index: u64) -> u64 {
        mix(self.state.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }
}

/// A number below `count`, which must not be 0, from a draw: its upper part counts. The bias is
/// below `count` / 2^64.
#[inline]
#[must_use]
pub const fn below(draw: u64, count: u64) -> u64 {
    ((draw as u128 * count as u128) >> 64) as u64
}

#[inline]
const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_that_of_splitmix64() {
        // The first outputs of SplitMix64 from state 0, as published with it.
        let stream = RandomStream { state: 0 };
        assert_eq!(stream.draw(1), 0xe220_a839_7b1d_cdaf);
        assert_eq!(stream.draw(2), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(stream.draw(3), 0x06c4_5d18_8009_454f);
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_each_coordinate() {
        let file = Coordinates::default();
        let choice = Choice::new("42");
        let mut draws = vec![
            choice.stream(Purpose::Size, file).draw(0),
            choice.stream(Purpose::Change, file).draw(0),
            Choice::new("43").stream(Purpose::Size, file).draw(0),
            choice.stream(Purpose::Size, Coordinates { generation: 1, ..file }).draw(0),
            choice.stream(Purpose::Size, Coordinates { node: 1, ..file }).draw(0),
            choice.stream(Purpose::Size, Coordinates { process: 1, ..file }).draw(0),
            choice.stream(Purpose::Size, Coordinates { file: 1, ..file }).draw(0),
            choice.stream(Purpose::Size, Coordinates { file: 1 << 16, ..file }).draw(0),
            choice.stream(Purpose::Size, file).draw(1),
        ];
        let count = draws.len();
        draws.sort_unstable();
        draws.dedup();
        assert_eq!(draws.len(), count);
    }

    #[test]
    fn numbers_below_a_count_reach_both_ends() {
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(u64::MAX, 1), 0);
    }
}
