//! The cipher kernels for x86-64 with VAES: eight registers of two or four blocks are in flight at
//! once.
//!
//! An AES round takes a few cycles, and the processor can begin one or two in each: eight
//! independent registers keep it busy. Counters are made in registers, and when data is compared
//! the expected bytes never leave them. With AVX2 and VAES this is twice as fast as laying out
//! counters for the `aes` crate.
//!
//! ```text
//!   counter  little-endian numbers: low, high | low + 1, high | ...   one addition a register
//!     | reverse the bytes of each block
//!   address  big endian
//!     | xor round key 0, nine rounds, the last round
//!   content  stored, or xored with the data
//! ```
//!
//! The search for content of which nothing is known decrypts the other way, at every place of the
//! data, and looks at the addresses where they are: in registers.
//!
//! Both cipher kernels are this one text, with the instructions of their width under the same
//! names.
#![allow(unsafe_code, reason = "instructions that not every processor has")]

use std::arch::x86_64::{
    __m128i, _mm_aesimc_si128, _mm_aeskeygenassist_si128, _mm_loadu_si128, _mm_shuffle_epi32,
    _mm_slli_si128, _mm_xor_si128,
};

use super::super::BLOCK_BYTES;
use super::{Counter, CounterRun};

/// The eleven round keys of AES-128, which only a processor with VAES can have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoundKeys {
    encrypt: [__m128i; 11],
    /// Those of the equivalent inverse cipher, in the order in which it takes them.
    decrypt: [__m128i; 11],
}

impl RoundKeys {
    /// `None` where the processor has no VAES for registers of 256 bits.
    pub(super) fn new(key: [u8; BLOCK_BYTES]) -> Option<Self> {
        let has_256 = is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("vaes");
        // SAFETY: the processor has AES-NI.
        has_256.then(|| unsafe { expand(key) })
    }
}

/// Whether the processor has what the kernel of 512 bits needs beyond that of 256.
pub(super) fn has_512() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

/// The key schedule of FIPS 197, as Intel's white paper on AES-NI has it.
#[target_feature(enable = "aes")]
fn expand(key: [u8; BLOCK_BYTES]) -> RoundKeys {
    // SAFETY: the array is as long as the register, and need not be aligned.
    let mut key = unsafe { _mm_loadu_si128(key.as_ptr().cast()) };
    let mut keys = [key; 11];
    macro_rules! round {
        ($round:literal, $constant:literal) => {
            let assist = _mm_aeskeygenassist_si128::<$constant>(key);
            key = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
            key = _mm_xor_si128(key, _mm_slli_si128::<8>(key));
            key = _mm_xor_si128(key, _mm_shuffle_epi32::<0xff>(assist));
            keys[$round] = key;
        };
    }
    round!(1, 0x01);
    round!(2, 0x02);
    round!(3, 0x04);
    round!(4, 0x08);
    round!(5, 0x10);
    round!(6, 0x20);
    round!(7, 0x40);
    round!(8, 0x80);
    round!(9, 0x1b);
    round!(10, 0x36);
    let mut decrypt = keys;
    decrypt.reverse();
    for key in &mut decrypt[1..10] {
        *key = _mm_aesimc_si128(*key);
    }
    RoundKeys { encrypt: keys, decrypt }
}

/// Blocks in flight: registers, each of two or four blocks.
const REGISTERS: usize = 8;

/// One kernel. `$features` are the instructions that it needs, and `$lanes` the blocks that a
/// register holds; the module has the instructions under the names used here.
macro_rules! kernel {
    ($features:literal, $lanes:literal) => {
        use super::{BLOCK_BYTES, Counter, CounterRun, REGISTERS, RoundKeys};

        const CHUNK_BYTES: usize = REGISTERS * $lanes * BLOCK_BYTES;

        /// The counters of the next chunk, and what turns them into content.
        struct Blocks {
            keys: [Vector; 11],
            /// What the counters of a register are beyond its first.
            lanes: Vector,
            counters: Vector,
            step: Vector,
            reverse: Vector,
        }

        impl Blocks {
            #[target_feature(enable = $features)]
            #[inline]
            fn new(keys: &RoundKeys, counter: Counter) -> Self {
                let mut lanes = [0; 2 * $lanes];
                let mut step = [0; 2 * $lanes];
                let mut reverse = [0; 2 * $lanes];
                for lane in 0..$lanes {
                    lanes[2 * lane] = lane as u64;
                    step[2 * lane] = $lanes;
                    reverse[2 * lane] = 0x0809_0a0b_0c0d_0e0f;
                    reverse[2 * lane + 1] = 0x0001_0203_0405_0607;
                }
                let keys = keys.encrypt.map(|key| broadcast(key));
                let [lanes, step, reverse] = [lanes, step, reverse].map(|half| {
                    // SAFETY: the array is as long as a register, and need not be aligned.
                    unsafe { load(half.as_ptr().cast()) }
                });
                Self { keys, lanes, counters: first(counter, lanes), step, reverse }
            }

            /// Goes on with another counter.
            #[target_feature(enable = $features)]
            #[inline]
            fn jump(&mut self, counter: Counter) {
                self.counters = first(counter, self.lanes);
            }

            /// The next eight registers of content.
            #[target_feature(enable = $features)]
            #[inline]
            fn next(&mut self) -> [Vector; REGISTERS] {
                let mut blocks = [self.counters; REGISTERS];
                for block in &mut blocks {
                    *block = xor(shuffle(self.counters, self.reverse), self.keys[0]);
                    self.counters = add(self.counters, self.step);
                }
                for key in &self.keys[1..10] {
                    for block in &mut blocks {
                        *block = round(*block, *key);
                    }
                }
                for block in &mut blocks {
                    *block = last_round(*block, self.keys[10]);
                }
                blocks
            }
        }

        /// The counters of the first register.
        #[target_feature(enable = $features)]
        #[inline]
        fn first(counter: Counter, lanes: Vector) -> Vector {
            // The halves are bits: that their numbers are signed here means nothing.
            let counter = _mm_set_epi64x(counter.high.cast_signed(), counter.low.cast_signed());
            add(broadcast(counter), lanes)
        }

        /// Fills `out`, which is made of whole blocks and does not reach past the file's last.
        #[target_feature(enable = $features)]
        pub(super) fn fill(keys: &RoundKeys, counter: Counter, out: &mut [u8]) {
            fill_next(&mut Blocks::new(keys, counter), out);
        }

        /// Fills `out` with runs, one behind the other.
        #[target_feature(enable = $features)]
        pub(super) fn fill_runs(keys: &RoundKeys, runs: &[CounterRun], out: &mut [u8]) {
            let Some(first) = runs.first() else { return };
            let mut blocks = Blocks::new(keys, first.counter);
            let mut out = out;
            for run in runs {
                let (now, later) = out.split_at_mut(run.bytes);
                blocks.jump(run.counter);
                fill_next(&mut blocks, now);
                out = later;
            }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn fill_next(blocks: &mut Blocks, out: &mut [u8]) {
            let (chunks, rest) = out.as_chunks_mut::<CHUNK_BYTES>();
            for chunk in chunks {
                put(blocks.next(), chunk);
            }
            if !rest.is_empty() {
                let mut chunk = [0; CHUNK_BYTES];
                put(blocks.next(), &mut chunk);
                rest.copy_from_slice(&chunk[..rest.len()]);
            }
        }

        #[target_feature(enable = $features)]
        #[inline]
        fn put(blocks: [Vector; REGISTERS], chunk: &mut [u8; CHUNK_BYTES]) {
            let (places, _) = chunk.as_chunks_mut::<{ $lanes * BLOCK_BYTES }>();
            for (block, place) in blocks.into_iter().zip(places) {
                // SAFETY: the place is as long as a register, and need not be aligned.
                unsafe { store(place.as_mut_ptr().cast(), block) };
            }
        }

        /// How many bytes from the beginning of `data` are the content, in whole chunks.
        #[target_feature(enable = $features)]
        pub(super) fn matching(keys: &RoundKeys, counter: Counter, data: &[u8]) -> usize {
            let mut blocks = Blocks::new(keys, counter);
            let (chunks, _) = data.as_chunks::<CHUNK_BYTES>();
            let matches = |chunk: &&[u8; CHUNK_BYTES]| {
                let (places, _) = chunk.as_chunks::<{ $lanes * BLOCK_BYTES }>();
                let differences = blocks.next().into_iter().zip(places).map(|(block, place)| {
                    // SAFETY: the place is as long as a register, and need not be aligned.
                    xor(block, unsafe { load(place.as_ptr().cast()) })
                });
                differences.reduce(|all, one| or(all, one)).is_none_or(|all| is_zero(all))
            };
            CHUNK_BYTES * chunks.iter().take_while(matches).count()
        }

        /// How many windows from the beginning of `data` cannot be content; see
        /// [`CipherKernel::windows_ruled_out`](super::super::CipherKernel::windows_ruled_out).
        ///
        /// A register that is loaded at any place holds the window there and those whole blocks
        /// further on: nothing has to be moved. Sixteen of them are all windows of a stretch.
        #[target_feature(enable = $features)]
        pub(super) fn windows_ruled_out(keys: &RoundKeys, data: &[u8], head_bits: u64) -> usize {
            const STRETCH_BYTES: usize = $lanes * BLOCK_BYTES;
            let keys = keys.decrypt.map(|key| broadcast(key));
            let impossible = (!head_bits).to_be().cast_signed();
            let impossible = broadcast(_mm_set_epi64x(0, impossible));
            // The last windows of the stretch before, of each phase.
            let mut before = [impossible; BLOCK_BYTES];
            let mut start = 0;
            while let Some(stretch) = data.get(start..start + STRETCH_BYTES + BLOCK_BYTES - 1) {
                for (half, before) in before.as_chunks_mut::<REGISTERS>().0.iter_mut().enumerate() {
                    let mut blocks = [keys[0]; REGISTERS];
                    for (phase, block) in blocks.iter_mut().enumerate() {
                        let window = &stretch[half * REGISTERS + phase..][..STRETCH_BYTES];
                        // SAFETY: there are as many bytes as in a register; they need not be
                        // aligned.
                        *block = xor(*block, unsafe { load(window.as_ptr().cast()) });
                    }
                    for key in &keys[1..10] {
                        for block in &mut blocks {
                            *block = inverse_round(*block, *key);
                        }
                    }
                    for block in &mut blocks {
                        *block = last_inverse_round(*block, keys[10]);
                    }
                    if may_be_content(&blocks, before, impossible) {
                        return start.saturating_sub(BLOCK_BYTES);
                    }
                    *before = blocks;
                }
                start += STRETCH_BYTES;
            }
            start.saturating_sub(BLOCK_BYTES)
        }
    };
}

mod wide_256 {
    use std::arch::x86_64::{
        __m256i as Vector, _mm_set_epi64x, _mm256_add_epi64 as add,
        _mm256_aesdec_epi128 as inverse_round, _mm256_aesdeclast_epi128 as last_inverse_round,
        _mm256_aesenc_epi128 as round, _mm256_aesenclast_epi128 as last_round, _mm256_and_si256,
        _mm256_broadcastsi128_si256 as broadcast, _mm256_castsi256_pd, _mm256_cmpeq_epi64,
        _mm256_loadu_si256 as load, _mm256_movemask_pd, _mm256_or_si256 as or,
        _mm256_permute2x128_si256, _mm256_setzero_si256, _mm256_shuffle_epi8 as shuffle,
        _mm256_storeu_si256 as store, _mm256_testz_si256, _mm256_xor_si256 as xor,
    };

    kernel!("aes,avx2,vaes", 2);

    #[target_feature(enable = "avx2")]
    #[inline]
    fn is_zero(vector: Vector) -> bool {
        _mm256_testz_si256(vector, vector) == 1
    }

    /// Whether the head of one of these addresses has no impossible bit, or is that of the one a
    /// block before.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn may_be_content(
        blocks: &[Vector; REGISTERS],
        before: &[Vector; REGISTERS],
        impossible: Vector,
    ) -> bool {
        let none = _mm256_setzero_si256();
        let mut hits = none;
        for (block, before) in blocks.iter().zip(before) {
            let neighbours = _mm256_permute2x128_si256::<0x21>(*before, *block);
            let possible = _mm256_cmpeq_epi64(_mm256_and_si256(*block, impossible), none);
            let alike = _mm256_cmpeq_epi64(*block, neighbours);
            hits = or(hits, or(possible, alike));
        }
        // Of each address only the first half was asked about.
        _mm256_movemask_pd(_mm256_castsi256_pd(hits)) & 0b0101 != 0
    }
}

mod wide_512 {
    use std::arch::x86_64::{
        __m512i as Vector, _mm_set_epi64x, _mm512_add_epi64 as add,
        _mm512_aesdec_epi128 as inverse_round, _mm512_aesdeclast_epi128 as last_inverse_round,
        _mm512_aesenc_epi128 as round, _mm512_aesenclast_epi128 as last_round, _mm512_alignr_epi64,
        _mm512_broadcast_i32x4 as broadcast, _mm512_loadu_si512 as load,
        _mm512_mask_cmpeq_epi64_mask, _mm512_mask_testn_epi64_mask, _mm512_or_si512 as or,
        _mm512_shuffle_epi8 as shuffle, _mm512_storeu_si512 as store, _mm512_test_epi64_mask,
        _mm512_xor_si512 as xor,
    };

    kernel!("aes,avx2,vaes,avx512f,avx512bw", 4);

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn is_zero(vector: Vector) -> bool {
        _mm512_test_epi64_mask(vector, vector) == 0
    }

    /// Whether the head of one of these addresses has no impossible bit, or is that of the one a
    /// block before.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn may_be_content(
        blocks: &[Vector; REGISTERS],
        before: &[Vector; REGISTERS],
        impossible: Vector,
    ) -> bool {
        /// The first half of each address.
        const HEADS: u8 = 0b0101_0101;
        let mut hits = 0;
        for (block, before) in blocks.iter().zip(before) {
            let neighbours = _mm512_alignr_epi64::<6>(*block, *before);
            hits |= _mm512_mask_testn_epi64_mask(HEADS, *block, impossible)
                | _mm512_mask_cmpeq_epi64_mask(HEADS, *block, neighbours);
        }
        hits != 0
    }
}

/// See [`CipherKernel::fill`](super::CipherKernel::fill).
pub(super) fn fill_256(keys: &RoundKeys, counter: Counter, out: &mut [u8]) {
    // SAFETY: there are round keys only where the processor has VAES.
    unsafe { wide_256::fill(keys, counter, out) }
}

/// See [`CipherKernel::fill_runs`](super::CipherKernel::fill_runs).
pub(super) fn fill_runs_256(keys: &RoundKeys, runs: &[CounterRun], out: &mut [u8]) {
    // SAFETY: there are round keys only where the processor has VAES.
    unsafe { wide_256::fill_runs(keys, runs, out) }
}

/// See [`CipherKernel::matching`](super::CipherKernel::matching).
pub(super) fn matching_256(keys: &RoundKeys, counter: Counter, data: &[u8]) -> usize {
    // SAFETY: there are round keys only where the processor has VAES.
    unsafe { wide_256::matching(keys, counter, data) }
}

/// See [`CipherKernel::windows_ruled_out`](super::CipherKernel::windows_ruled_out).
pub(super) fn windows_ruled_out_256(keys: &RoundKeys, data: &[u8], head_bits: u64) -> usize {
    // SAFETY: there are round keys only where the processor has VAES.
    unsafe { wide_256::windows_ruled_out(keys, data, head_bits) }
}

/// See [`CipherKernel::fill`](super::CipherKernel::fill).
pub(super) fn fill_512(keys: &RoundKeys, counter: Counter, out: &mut [u8]) {
    // SAFETY: as above, and this kernel is taken only where `has_512` said so.
    unsafe { wide_512::fill(keys, counter, out) }
}

/// See [`CipherKernel::fill_runs`](super::CipherKernel::fill_runs).
pub(super) fn fill_runs_512(keys: &RoundKeys, runs: &[CounterRun], out: &mut [u8]) {
    // SAFETY: as above, and this kernel is taken only where `has_512` said so.
    unsafe { wide_512::fill_runs(keys, runs, out) }
}

/// See [`CipherKernel::matching`](super::CipherKernel::matching).
pub(super) fn matching_512(keys: &RoundKeys, counter: Counter, data: &[u8]) -> usize {
    // SAFETY: as above, and this kernel is taken only where `has_512` said so.
    unsafe { wide_512::matching(keys, counter, data) }
}

/// See [`CipherKernel::windows_ruled_out`](super::CipherKernel::windows_ruled_out).
pub(super) fn windows_ruled_out_512(keys: &RoundKeys, data: &[u8], head_bits: u64) -> usize {
    // SAFETY: as above, and this kernel is taken only where `has_512` said so.
    unsafe { wide_512::windows_ruled_out(keys, data, head_bits) }
}
