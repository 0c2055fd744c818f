//! The cipher kernel: addresses of consecutive blocks become content, or are compared with data;
//! and data becomes addresses, to be looked through for content.
//!
//! Everything that generates in bulk goes through here. There is one cipher kernel that runs
//! anywhere, on the `aes` crate, and on x86-64 two of our own for processors with VAES, chosen at
//! run time:
//!
//! | cipher kernel | processors | counters, and expected bytes when comparing | addresses of data |
//! |---|---|---|---|
//! | `portable` | all; `aes` takes what they have | laid out in memory | left to the caller |
//! | `vaes256` | VAES and AVX2 | in registers | in registers |
//! | `vaes512` | VAES and AVX-512 F and BW | in registers | in registers |
//!
//! A kernel of ours is taken only when it agrees with `portable` on a few hundred blocks, so that
//! no processor can make wrong content without being found out. Building with
//! `RUSTFLAGS='--cfg seedfs_cipher="portable"'` takes `portable` everywhere.

mod portable;
#[cfg(target_arch = "x86_64")]
mod vaes;

use aes::Aes128;

use super::BLOCK_BYTES;
use super::address::{Address, BLOCK_MASK};
use crate::dataset::Coordinates;

/// The addresses of the blocks of one file, from one of them on: a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    /// The first eight bytes of the address as a big-endian number: the same for the whole file.
    high: u64,
    /// The last eight: what is left of the file's number, and the block.
    low: u64,
}

impl Counter {
    pub(super) fn new(file: Coordinates, block: u64) -> Self {
        let address = u128::from_be_bytes(Address { file, block }.to_bytes());
        // The halves are meant.
        #[allow(clippy::cast_possible_truncation)]
        Self { high: (address >> 64) as u64, low: address as u64 }
    }

    /// The offset in the file at which the counter stands.
    pub(super) fn offset(self) -> u64 {
        self.block() * BLOCK_BYTES as u64
    }

    /// The block that the counter stands at.
    fn block(self) -> u64 {
        self.low & BLOCK_MASK
    }

    /// The counter some blocks further on; after the last block of a file comes its first.
    fn advance(self, blocks: u64) -> Self {
        let block = self.block().wrapping_add(blocks) & BLOCK_MASK;
        Self { low: (self.low & !BLOCK_MASK) | block, ..self }
    }

    /// How many blocks there are from here to the end of the file.
    fn blocks_left(self) -> u64 {
        BLOCK_MASK - self.block() + 1
    }
}

/// Consecutive blocks of one file that are to be made; they do not reach past the file's last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CounterRun {
    /// Where the content begins.
    pub(super) counter: Counter,
    /// How long it is.
    pub(super) bytes: usize,
}

impl CounterRun {
    /// The counter behind the run; `None` where the file ends there.
    #[inline]
    pub(super) fn end(&self) -> Option<Counter> {
        let Counter { high, low } = self.counter;
        let low = low.wrapping_add((self.bytes / BLOCK_BYTES) as u64);
        (low & BLOCK_MASK != 0).then_some(Counter { high, low })
    }
}

/// What turns addresses into content on this machine.
#[derive(Clone, Debug)]
pub(super) enum CipherKernel {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Vaes256(vaes::RoundKeys),
    #[cfg(target_arch = "x86_64")]
    Vaes512(vaes::RoundKeys),
}

impl CipherKernel {
    /// The fastest kernel of this machine.
    pub(super) fn choose(key: [u8; BLOCK_BYTES], cipher: &Aes128) -> Self {
        if cfg!(seedfs_cipher = "portable") {
            return Self::Portable;
        }
        Self::all(key)
            .into_iter()
            .rev()
            .find(|kernel| kernel.agrees_with_portable(cipher))
            .unwrap_or(Self::Portable)
    }

    /// Every kernel that runs on this machine, the slowest first.
    pub(super) fn all(key: [u8; BLOCK_BYTES]) -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(keys) = vaes::RoundKeys::new(key) {
            let mut kernels = vec![Self::Portable, Self::Vaes256(keys)];
            kernels.extend(vaes::has_512().then_some(Self::Vaes512(keys)));
            return kernels;
        }
        let _ = key;
        vec![Self::Portable]
    }

    /// The kernel's name, as the documentation has it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(_) => "vaes256",
            #[cfg(target_arch = "x86_64")]
            Self::Vaes512(_) => "vaes512",
        }
    }

    /// Fills `out`, which is made of whole blocks, with the content from the counter on.
    #[inline]
    pub(super) fn fill(&self, cipher: &Aes128, counter: Counter, out: &mut [u8]) {
        debug_assert!(out.len().is_multiple_of(BLOCK_BYTES), "whole blocks");
        let mut counter = counter;
        let mut out = out;
        while !out.is_empty() {
            let (now, later) = out.split_at_mut(until_end(counter, out.len()));
            match self {
                Self::Portable => portable::fill(cipher, counter, now),
                #[cfg(target_arch = "x86_64")]
                Self::Vaes256(keys) => vaes::fill_256(keys, counter, now),
                #[cfg(target_arch = "x86_64")]
                Self::Vaes512(keys) => vaes::fill_512(keys, counter, now),
            }
            counter = counter.advance((now.len() / BLOCK_BYTES) as u64);
            out = later;
        }
    }

    /// Fills `out` with runs, one behind the other. Short ones cost little more than long ones.
    #[inline]
    pub(super) fn fill_runs(&self, cipher: &Aes128, runs: &[CounterRun], out: &mut [u8]) {
        match self {
            Self::Portable => {
                let mut out = out;
                for run in runs {
                    let (now, later) = out.split_at_mut(run.bytes);
                    portable::fill(cipher, run.counter, now);
                    out = later;
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(keys) => vaes::fill_runs_256(keys, runs, out),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes512(keys) => vaes::fill_runs_512(keys, runs, out),
        }
    }

    /// How many bytes from the beginning of `data`, which is made of whole blocks, are the content
    /// from the counter on, rounded down to what the kernel compares at a time. Where it is all of
    /// them, it may still be less: what is left is too short for the kernel.
    #[inline]
    pub(super) fn matching(&self, counter: Counter, data: &[u8]) -> usize {
        let data = &data[..until_end(counter, data.len())];
        match self {
            Self::Portable => 0,
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(keys) => vaes::matching_256(keys, counter, data),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes512(keys) => vaes::matching_512(keys, counter, data),
        }
    }

    /// How many *windows* from the beginning of `data`, sixteen bytes at each place, are known not
    /// to be content: the first eight bytes of none of their addresses are those of the address of
    /// the window right behind it, nor within `head_bits`. Fewer than there are, where the
    /// kernel leaves the others to the caller: at the end, around each that may be content, or all.
    #[inline]
    pub(super) fn windows_ruled_out(&self, data: &[u8], head_bits: u64) -> usize {
        match self {
            Self::Portable => 0,
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(keys) => vaes::windows_ruled_out_256(keys, data, head_bits),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes512(keys) => vaes::windows_ruled_out_512(keys, data, head_bits),
        }
    }

    fn agrees_with_portable(&self, cipher: &Aes128) -> bool {
        // From an odd block on over a carry out of 32 bits, and more than any kernel does at once.
        let file = Coordinates { generation: 1, node: 2, process: 3, file: 0xfedc_ba98 };
        let counter = Counter::new(file, (1 << 32) - 37);
        let (mut ours, mut right) = ([0; CHECK_BYTES], [0; CHECK_BYTES]);
        self.fill(cipher, counter, &mut ours);
        Self::Portable.fill(cipher, counter, &mut right);
        let all = self.matching(counter, &right);
        right[all.saturating_sub(1)] ^= 1;
        let less = self.matching(counter, &right);
        right[all.saturating_sub(1)] ^= 1;
        // Content is not ruled out, whether its file is known or it goes on in the next block.
        let [known, goes_on] = [counter.high, 0].map(|bits| self.windows_ruled_out(&ours, bits));
        ours == right && (less < all || all == 0) && known == 0 && goes_on == 0
    }
}

const CHECK_BYTES: usize = 2048 + 5 * BLOCK_BYTES;

/// How many of `length` bytes come before the file begins again.
fn until_end(counter: Counter, length: usize) -> usize {
    let left = counter.blocks_left().saturating_mul(BLOCK_BYTES as u64);
    length.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use aes::cipher::KeyInit;
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; BLOCK_BYTES] = *b"sixteen bytes ok";

    fn cipher() -> Aes128 {
        Aes128::new(&KEY.into())
    }

    /// One block at a time, with the address made anew for each.
    fn slow(counter: Counter, blocks: usize) -> Vec<u8> {
        use aes::cipher::BlockCipherEncrypt;
        let mut out = Vec::new();
        for step in 0..blocks as u64 {
            let at = counter.advance(step);
            let address = (u128::from(at.high) << 64) | u128::from(at.low);
            let mut block = aes::Block::from(address.to_be_bytes());
            cipher().encrypt_block(&mut block);
            out.extend_from_slice(&block);
        }
        out
    }

    fn check(kernel: &CipherKernel, counter: Counter, blocks: usize, damage: usize) {
        let right = slow(counter, blocks);
        let mut ours = vec![0; right.len()];
        kernel.fill(&cipher(), counter, &mut ours);
        assert!(ours == right, "{} at {counter:?}, {blocks} blocks", kernel.name());

        let matching = kernel.matching(counter, &right);
        assert!(matching <= right.len() && matching.is_multiple_of(BLOCK_BYTES));
        if right.is_empty() {
            return;
        }
        let damage = damage % right.len();
        ours[damage] ^= 0x10;
        let found = kernel.matching(counter, &ours);
        assert!(found <= damage, "{} at {counter:?}: missed byte {damage}", kernel.name());
        // All that can be told to match does: no kernel stops early.
        assert_eq!(found, matching.min(damage - damage % step(kernel)), "{}", kernel.name());
    }

    /// What a kernel compares at a time.
    fn step(kernel: &CipherKernel) -> usize {
        match kernel {
            CipherKernel::Portable => usize::MAX / 2,
            #[cfg(target_arch = "x86_64")]
            CipherKernel::Vaes256(_) => 256,
            #[cfg(target_arch = "x86_64")]
            CipherKernel::Vaes512(_) => 512,
        }
    }

    fn counters() -> impl Strategy<Value = Counter> {
        let near = |bit: u32| (0_u64..200).prop_map(move |back| (1 << bit) - 100 + back);
        let block =
            prop_oneof![near(8), near(16), near(24), near(32), near(40), near(48), 0..=BLOCK_MASK,];
        let file = (any::<u16>(), any::<u16>(), any::<u16>(), any::<u32>());
        (file, block).prop_map(|((generation, node, process, file), block)| {
            let file = Coordinates { generation, node, process, file };
            Counter::new(file, block & BLOCK_MASK)
        })
    }

    proptest! {
        #[test]
        fn every_kernel_is_the_slow_one(
            counter in counters(), blocks in 0_usize..200, damage: usize,
        ) {
            for kernel in CipherKernel::all(KEY) {
                check(&kernel, counter, blocks, damage);
            }
        }
    }

    /// The first half of the address of the sixteen bytes at a place.
    fn head(data: &[u8], at: usize) -> u64 {
        use aes::cipher::BlockCipherDecrypt;
        let window: [u8; BLOCK_BYTES] = data[at..at + BLOCK_BYTES].try_into().unwrap();
        let mut block = aes::Block::from(window);
        cipher().decrypt_block(&mut block);
        Address::from_bytes(block.into()).head()
    }

    proptest! {
        /// Bytes drawn at random, with one block of content or two in a row planted in them.
        #[test]
        fn no_kernel_rules_out_content(
            mut data in proptest::collection::vec(any::<u8>(), 32..700), counter in counters(),
            at: usize, blocks in 1..3usize, knows: bool,
        ) {
            let bits = if knows { counter.high } else { 0 };
            let planted = slow(counter, blocks);
            let at = at % (data.len() - planted.len() + 1);
            data[at..at + planted.len()].copy_from_slice(&planted);
            let windows = data.len() - BLOCK_BYTES + 1;
            let is_candidate = |at: &usize| {
                let after = (*at + BLOCK_BYTES < windows).then(|| head(&data, *at + BLOCK_BYTES));
                head(&data, *at) & !bits == 0 || Some(head(&data, *at)) == after
            };
            let first = (0..windows).find(is_candidate).unwrap_or(windows);
            for kernel in CipherKernel::all(KEY) {
                let ruled_out = kernel.windows_ruled_out(&data, bits);
                prop_assert!(ruled_out <= first, "{}: {ruled_out} of {first}", kernel.name());
                // What a kernel takes at a time, and the window that each is compared with.
                let left = first - ruled_out;
                let is_ours = !matches!(kernel, CipherKernel::Portable);
                prop_assert!(left < 64 + 2 * BLOCK_BYTES || !is_ours, "{}: {left}", kernel.name());
            }
        }
    }

    /// A second by itself, a minute and more with `SEEDFS_FUZZ_S=60`.
    #[test]
    fn counters_carry_at_every_boundary() {
        let seconds = std::env::var("SEEDFS_FUZZ_S").ok().and_then(|text| text.parse().ok());
        let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(1));
        let kernels = CipherKernel::all(KEY);
        let file = Coordinates { generation: 0xffff, node: 0, process: 0xffff, file: 0x1234_ffff };
        for round in 0_u64.. {
            for bit in 0..=48 {
                let back = round % 131;
                let block = (1_u64 << bit).wrapping_sub(back) & BLOCK_MASK;
                for kernel in &kernels {
                    let blocks = usize::try_from(round % 97 + back).unwrap();
                    check(kernel, Counter::new(file, block), blocks, 31 * blocks);
                }
            }
            if Instant::now() > end {
                break;
            }
        }
    }

    #[test]
    fn the_fastest_kernel_is_chosen() {
        let fastest = CipherKernel::all(KEY).pop().unwrap();
        let chosen = CipherKernel::choose(KEY, &cipher());
        let expected = if cfg!(seedfs_cipher = "portable") { "portable" } else { fastest.name() };
        assert_eq!(chosen.name(), expected);
    }

    #[test]
    fn a_kernel_that_is_wrong_is_found_out() {
        for kernel in CipherKernel::all(KEY) {
            assert!(kernel.agrees_with_portable(&cipher()), "{}", kernel.name());
        }
        // The kernel of another key makes other bytes.
        let wrong = CipherKernel::all(*b"another key here").pop().unwrap();
        if wrong.name() != "portable" {
            assert!(!wrong.agrees_with_portable(&cipher()));
        }
    }
}
