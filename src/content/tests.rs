//! The fast paths against slow and obvious ones.

use aes::cipher::KeyInit;
use proptest::prelude::*;

use super::*;

const MODEL_FILE: Coordinates =
    Coordinates { generation: 0x0102, node: 0x0304, process: 0x0506, file: 0x0708_090a };

/// One block at a time, one byte at a time, with nothing shared with the code under test but the
/// cipher itself.
mod slow {
    use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt};

    use super::*;

    pub(super) fn byte(content: &Content, file: Coordinates, offset: u64) -> u8 {
        let mut address = Vec::new();
        address.extend(file.generation.to_be_bytes());
        address.extend(file.node.to_be_bytes());
        address.extend(file.process.to_be_bytes());
        address.extend(file.file.to_be_bytes());
        address.extend(&(offset / 16).to_be_bytes()[2..]);
        let mut block = Block::try_from(&address[..]).unwrap();
        aes::Aes128::new(&content.key().into()).encrypt_block(&mut block);
        block[usize::try_from(offset % 16).unwrap()]
    }

    pub(super) fn bytes(content: &Content, file: Coordinates, offset: u64, len: usize) -> Vec<u8> {
        (0..len as u64).map(|at| byte(content, file, (offset + at) % MAX_FILE_BYTES)).collect()
    }

    /// A byte of no block before the first and after the last.
    fn agrees(content: &Content, file: Coordinates, offset: Option<u64>, data: u8) -> bool {
        offset.is_some_and(|offset| offset < MAX_FILE_BYTES && byte(content, file, offset) == data)
    }

    fn address(content: &Content, window: &[u8]) -> Address {
        let mut block = Block::try_from(window).unwrap();
        aes::Aes128::new(&content.key().into()).decrypt_block(&mut block);
        Address::from_bytes(block.into())
    }

    pub(super) fn locate(
        content: &Content,
        data: &[u8],
        is_known: &dyn Fn(&Address) -> bool,
    ) -> Vec<Located> {
        let mut runs = Vec::new();
        let mut explained = 0;
        let mut at = 0;
        while at + 16 <= data.len() {
            let here = address(content, &data[at..at + 16]);
            let confirmed = at + 32 <= data.len()
                && here.next() == Some(address(content, &data[at + 16..at + 32]));
            if confirmed || is_known(&here) {
                let (file, offset) = (here.file, here.block * 16);
                let mut end = at + 16;
                while end < data.len()
                    && agrees(content, file, Some(offset + (end - at) as u64), data[end])
                {
                    end += 1;
                }
                let mut start = at;
                while start > explained
                    && agrees(
                        content,
                        file,
                        offset.checked_sub((at - start + 1) as u64),
                        data[start - 1],
                    )
                {
                    start -= 1;
                }
                let start = start.max(explained);
                if end >= start + 16 {
                    let offset = offset + start as u64 - at as u64;
                    runs.push(Located {
                        at: start,
                        len: end - start,
                        source: Source { file, offset },
                    });
                    explained = end;
                    at = end - 15;
                    continue;
                }
            }
            at += 1;
        }
        runs
    }

    pub(super) fn differing_runs(right: &[u8], data: &[u8]) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for at in (0..data.len()).filter(|&at| right[at] != data[at]) {
            match runs.last_mut() {
                Some(run) if run.end == at => run.end += 1,
                _ => runs.push(at..at + 1),
            }
        }
        runs
    }
}

fn content() -> Content {
    Content::new("42")
}

fn filled(content: &Content, file: Coordinates, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    content.fill(file, offset, &mut bytes);
    bytes
}

fn located(content: &Content, data: &[u8], known: &dyn KnownBlocks) -> Vec<Located> {
    let mut runs = Vec::new();
    content.locate(data, known, &mut |run| runs.push(run));
    runs
}

/// Bytes that are content of no seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new_derive_key("seedfs test noise")
        .update(&seed.to_be_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// What a closure knows, and that its addresses have no other bits in their heads than these.
struct WithinBits<F>(F, u64);

impl<F: Fn(&Address) -> bool> KnownBlocks for WithinBits<F> {
    fn has(&self, block: &Address) -> bool {
        (self.0)(block)
    }

    fn head_bits(&self) -> u64 {
        self.1
    }
}

fn nothing_is_known(_: &Address) -> bool {
    false
}

#[test]
fn the_example_of_the_format() {
    let content = content();
    assert_eq!(hex::encode(content.key()), "35b97e48db360a0cab85cad9f5e0afb3");
    let file = Coordinates { process: 1, ..Coordinates::default() };
    assert_eq!(
        hex::encode(filled(&content, file, 0, 32)),
        "7d6090ad7130bc18f7ee32e3d80472286b96cccc535c1f8556e34d63aa85ff12"
    );
}

#[test]
fn content_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Content>();
}

#[test]
fn an_address_is_laid_out_as_drawn() {
    let address = Address { file: MODEL_FILE, block: 0x0b0c_0d0e_0f10 };
    let bytes: [u8; 16] = std::array::from_fn(|at| u8::try_from(at + 1).unwrap());
    assert_eq!(address.to_bytes(), bytes);
    assert_eq!(Address::from_bytes(bytes), address);
}

#[test]
fn beyond_the_last_byte_a_file_begins_again() {
    let content = content();
    let wrapped = filled(&content, MODEL_FILE, MAX_FILE_BYTES - 40, 100);
    assert_eq!(wrapped[..40], filled(&content, MODEL_FILE, MAX_FILE_BYTES - 40, 40));
    assert_eq!(wrapped[40..], filled(&content, MODEL_FILE, 0, 60));
    assert_eq!(content.first_difference(MODEL_FILE, MAX_FILE_BYTES - 40, &wrapped), None);
    assert_eq!(content.matching_suffix(MODEL_FILE, u64::MAX - 39, &wrapped), 100);
    let next_file = Coordinates { file: MODEL_FILE.file + 1, ..MODEL_FILE };
    assert_ne!(wrapped[40..], filled(&content, next_file, 0, 60));
}

#[test]
fn any_piece_is_found_at_every_phase() {
    let content = content();
    let is_known = |address: &Address| address.file == MODEL_FILE;
    for phase in 0..16 {
        for (len, known) in [(32, true), (47, false), (48, false), (5000, false)] {
            for before in [0, 1, 15, 16, 17, 1023] {
                let piece = filled(&content, MODEL_FILE, (1 << 36) + phase, len);
                let mut data = noise(phase, before);
                if let Some(last) = data.last_mut() {
                    *last = !filled(&content, MODEL_FILE, (1 << 36) + phase - 1, 1)[0];
                }
                data.extend(piece);
                let runs = located(&content, &data, &|a: &Address| known && is_known(a));
                let source = Source { file: MODEL_FILE, offset: (1 << 36) + phase };
                assert_eq!(runs, [Located { at: before, len, source }], "phase {phase}");
            }
        }
    }
}

#[test]
fn one_block_is_believed_only_when_it_is_known() {
    let content = content();
    let mut data = noise(1, 5);
    data.extend(filled(&content, MODEL_FILE, 160, 16));
    data.extend(noise(2, 20));
    let source = Source { file: MODEL_FILE, offset: 160 };
    let block = Address { file: MODEL_FILE, block: 10 };
    assert_eq!(
        located(&content, &data, &|address: &Address| *address == block),
        [Located { at: 5, len: 16, source }]
    );
    assert_eq!(located(&content, &data, &nothing_is_known), []);
}

#[test]
fn a_run_ends_where_its_file_begins_and_ends() {
    let content = content();
    let data = filled(&content, MODEL_FILE, MAX_FILE_BYTES - 40, 100);
    let end = Source { file: MODEL_FILE, offset: MAX_FILE_BYTES - 40 };
    let start = Source { file: MODEL_FILE, offset: 0 };
    assert_eq!(
        located(&content, &data, &nothing_is_known),
        [Located { at: 0, len: 40, source: end }, Located { at: 40, len: 60, source: start }]
    );
}

/// A run that agrees by chance with the first byte of the next must not hide the next.
#[test]
fn a_byte_taken_by_the_run_before_hides_nothing() {
    let content = content();
    let continuation = filled(&content, MODEL_FILE, 64, 1)[0];
    let other = Coordinates::default();
    let offset = (0..100_000)
        .map(|block| block * 16)
        .find(|&offset| filled(&content, other, offset, 1)[0] == continuation)
        .unwrap();
    let mut data = filled(&content, MODEL_FILE, 0, 64);
    data.extend(filled(&content, other, offset, 32));
    let runs = located(&content, &data, &nothing_is_known);
    assert_eq!(runs.len(), 2);
    let taken = runs[0].len - 64;
    assert!(taken >= 1);
    let source = Source { file: other, offset: offset + taken as u64 };
    assert_eq!(runs[1], Located { at: 64 + taken, len: 32 - taken, source });
}

#[test]
fn nothing_is_found_in_foreign_data() {
    for data in [vec![], vec![0; 15], vec![0; 16], vec![0; 10_000], noise(7, 100_000)] {
        assert_eq!(located(&content(), &data, &nothing_is_known), []);
    }
}

fn coordinates() -> impl Strategy<Value = Coordinates> {
    let small = (0..2u16, 0..3u16, 0..3u16, 0..3u32);
    let any = any::<(u16, u16, u16, u32)>();
    prop_oneof![small, any].prop_map(|(generation, node, process, file)| Coordinates {
        generation,
        node,
        process,
        file,
    })
}

/// Offsets with room for `room` bytes behind them, thick where borders are.
fn offsets(room: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        0..100_000u64,
        (20..52u32, 0..64u64).prop_map(|(power, step)| (1 << power) - 32 + step),
        0..MAX_FILE_BYTES,
    ]
    .prop_map(move |offset| offset.min(MAX_FILE_BYTES - room))
}

/// Places and the bits that are flipped there.
fn damage(len: usize) -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((0..len, any::<u8>()), 0..40)
}

fn damaged(mut data: Vec<u8>, damage: &[(usize, u8)]) -> Vec<u8> {
    for &(at, bits) in damage {
        let at = at % data.len();
        data[at] ^= bits;
    }
    data
}

/// A piece of content in a haystack: whose, from where, how long, and the noise behind it.
fn pieces() -> impl Strategy<Value = Vec<(Coordinates, u64, usize, usize)>> {
    let len = prop_oneof![32..64usize, 32..600usize, 4000..9000usize];
    let gap = prop_oneof![2..40usize, 2..3000usize];
    prop::collection::vec((coordinates(), offsets(10_000), len, gap), 0..6)
}

proptest! {
    #[test]
    fn any_sixteen_bytes_are_an_address(bytes: [u8; 16]) {
        prop_assert_eq!(Address::from_bytes(bytes).to_bytes(), bytes);
    }

    #[test]
    fn a_block_tells_its_address(file in coordinates(), offset in offsets(16)) {
        let address = Address::containing(file, offset);
        let mut block = [0; 16];
        content().fill(file, address.source().offset, &mut block);
        prop_assert_eq!(content().address_of(&block), address);
    }

    #[test]
    fn fill_is_the_slow_one(
        file in coordinates(), offset in offsets(10_000), len in 0..10_000usize
    ) {
        let content = content();
        let right = slow::bytes(&content, file, offset, len);
        prop_assert_eq!(filled(&content, file, offset, len), right);
    }

    #[test]
    fn a_split_anywhere_changes_nothing(
        file in coordinates(), offset in offsets(10_000), len in 0..10_000usize,
        cut: prop::sample::Index
    ) {
        let content = content();
        let cut = cut.index(len + 1);
        let mut parts = vec![0; len];
        let (first, second) = parts.split_at_mut(cut);
        content.fill(file, offset, first);
        content.fill(file, offset + cut as u64, second);
        prop_assert_eq!(parts, filled(&content, file, offset, len));
    }

    #[test]
    fn differences_are_found_to_the_byte(
        file in coordinates(), offset in offsets(10_000), len in 1..10_000usize,
        damage in damage(10_000), foreign in 0..200usize, foreign_at: prop::sample::Index,
    ) {
        let content = content();
        let right = filled(&content, file, offset, len);
        let mut data = damaged(right.clone(), &damage);
        let start = foreign_at.index(len);
        let end = len.min(start + foreign);
        data[start..end].copy_from_slice(&noise(9, end - start));

        let mut runs = Vec::new();
        content.differing_runs(file, offset, &data, &mut |run| runs.push(run));
        prop_assert_eq!(&runs, &slow::differing_runs(&right, &data));
        let first = runs.first().map(|run| run.start);
        prop_assert_eq!(content.first_difference(file, offset, &data), first);
        let suffix = len - runs.last().map_or(0, |run| run.end);
        prop_assert_eq!(content.matching_suffix(file, offset, &data), suffix);
    }

    #[test]
    fn what_is_planted_is_found_and_nothing_else(
        pieces in pieces(), seed: u64, before in 2..2000usize, is_known: bool
    ) {
        let content = content();
        let mut data = noise(seed, before);
        let mut planted = Vec::new();
        for (number, &(file, offset, len, gap)) in pieces.iter().enumerate() {
            let right = |offset| filled(&content, file, offset, 1)[0];
            // Noise must not happen to continue the piece.
            if offset > 0 {
                *data.last_mut().unwrap() = !right(offset - 1);
            }
            let whole_blocks = (offset + len as u64) / 16 - offset.div_ceil(16);
            if is_known || whole_blocks >= 2 {
                planted.push(Located { at: data.len(), len, source: Source { file, offset } });
            }
            data.extend(filled(&content, file, offset, len));
            data.extend(noise(seed ^ (number as u64 + 1), gap));
            let behind = data.len() - gap;
            data[behind] = !right(offset + len as u64);
        }
        let known = |address: &Address| is_known && pieces.iter().any(|p| p.0 == address.file);
        prop_assert_eq!(&located(&content, &data, &known), &planted);
        let heads = pieces.iter().map(|p| Address { file: p.0, block: 0 }.head());
        let within = WithinBits(known, heads.fold(0, |all, head| all | head));
        prop_assert_eq!(&located(&content, &data, &within), &planted);
        prop_assert_eq!(slow::locate(&content, &data, &known), planted);
    }

    /// Zeros are passed over, also where content begins and ends in the middle of a block.
    #[test]
    fn what_is_planted_in_zeros_is_found(
        pieces in pieces(), before in 0..9000usize, is_known: bool
    ) {
        let content = content();
        let mut data = vec![0; before];
        for &(file, offset, len, gap) in &pieces {
            data.extend(filled(&content, file, offset, len));
            data.resize(data.len() + 10 * gap, 0);
        }
        let known = |address: &Address| is_known && pieces.iter().any(|p| p.0 == address.file);
        let heads = pieces.iter().map(|p| Address { file: p.0, block: 0 }.head());
        let within = WithinBits(known, heads.fold(0, |all, head| all | head));
        prop_assert_eq!(located(&content, &data, &within), slow::locate(&content, &data, &known));
    }

    /// Pieces against one another, without noise between: chance decides about single bytes, and
    /// both must decide alike.
    #[test]
    fn locate_is_the_slow_one(
        pieces in prop::collection::vec((coordinates(), offsets(200), 1..100usize), 0..30),
        known_node in 0..4u16,
    ) {
        let content = content();
        let mut data = Vec::new();
        for &(file, offset, len) in &pieces {
            data.extend(filled(&content, file, offset, len));
        }
        let known = |a: &Address| a.file.node == known_node && a.file.file < 3;
        prop_assert_eq!(located(&content, &data, &known), slow::locate(&content, &data, &known));
    }
}
