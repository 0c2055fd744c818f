//! Content in a shape against a slow and obvious model: one byte at a time, from the formulas of
//! docs/format.md, with wide numbers and no shortcut.

use std::fmt::Write as _;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::{Content, Source};
use super::*;
use crate::dataset::{
    Choice, Dataset, DatasetConfig, Purpose, SHARED_START, Scope, TemplateFile, below,
};

const TEMPLATE: &[u8] = b"a template of 23 bytes\0";

static PLAIN: LazyLock<Content> = LazyLock::new(|| Content::new("42"));

/// What was asked for, in numbers.
#[derive(Clone, Debug)]
struct Asked {
    content: &'static str,
    compress: u64,
    /// Percent, block and scope.
    dedup: Option<(u64, u64, Scope)>,
    /// Percent and block.
    change: Option<(u64, u64)>,
    size_bytes: u64,
}

impl Asked {
    fn dataset(&self) -> Dataset {
        let Self { content, compress, dedup, change, size_bytes } = self;
        let mut toml = format!(
            "seed = 42\nnodes = 2\nprocesses = 3\niterations = 9\nsize = {size_bytes}\n\
             compress = {compress}\ncontent = '{content}'\n"
        );
        if let Some((share, block, scope)) = dedup {
            let scope = scope.name();
            writeln!(toml, "dedup = {share}\ndedup_block = {block}\ndedup_scope = '{scope}'")
                .unwrap();
        }
        if let Some((share, block)) = change {
            writeln!(toml, "change = {share}\nchange_block = {block}").unwrap();
        }
        let mut config: DatasetConfig = toml::from_str(&toml).unwrap();
        config.template = TemplateFile::new("t".to_owned(), TEMPLATE.to_vec());
        config.validate().unwrap()
    }

    /// One byte of a file.
    fn byte(&self, file: Coordinates, offset: u64) -> u8 {
        match self.content {
            "zero" => return 0,
            "file:t" => return TEMPLATE[to_index(offset) % TEMPLATE.len()],
            _ => {}
        }
        let (file, offset) = self.origin(file, offset);
        let plain = |at: u64| {
            let mut byte = [0];
            PLAIN.fill(file, at, &mut byte);
            byte[0]
        };
        if self.content == "text" {
            let word = text::WORDS[usize::from(plain(offset / 8))];
            return match (offset % 8, offset % 64) {
                (letter @ 0..7, _) => word[to_index(letter)],
                (_, 63) => b'\n',
                _ => b' ',
            };
        }
        let kept = match self.compress {
            0 => 256,
            percent => (256 - (256 * percent + 50) / 100).saturating_sub(3).max(8),
        };
        let stretch = offset / 512 % 8;
        let here = (stretch + 1) * kept / 8 - stretch * kept / 8;
        if offset % 512 < 16 * here { plain(offset) } else { b'U' }
    }

    fn origin(&self, file: Coordinates, offset: u64) -> (Coordinates, u64) {
        let choice = Choice::new("42");
        let first = Coordinates { generation: 0, ..file };
        let fraction = |percent: u64| ((percent << 32) + 50) / 100;
        let mut made = file;
        if let Some((percent, block)) = self.change {
            let mut sum = choice.stream(Purpose::Change, first).draw(offset / block) >> 32;
            made.generation = 0;
            for generation in 1..=file.generation {
                let before = sum >> 32;
                sum += fraction(percent);
                if sum >> 32 > before {
                    made.generation = generation;
                }
            }
        }
        let Some((percent, block, scope)) = self.dedup else { return (made, offset) };
        let number = offset / block;
        if (number + 1) * block > self.size_bytes {
            return (made, offset);
        }
        let (owner, files) = match scope {
            Scope::Dataset => (Coordinates::default(), 6),
            Scope::Node => (Coordinates { node: file.node, ..Coordinates::default() }, 3),
            Scope::File => (first, 1),
        };
        let blocks = u128::from((files * (self.size_bytes / block)).max(1));
        let share = u128::from(fraction(percent));
        let shown = ((blocks * share.min((1 << 32) - share)) >> 38).max(1);
        let places = (share + (shown << 32) / blocks).min(1 << 32);
        let phase = u128::from(choice.stream(Purpose::SharedPhase, first).draw(0) >> 32);
        let before = |number: u64| (u128::from(number) * places + phase) >> 32;
        if before(number + 1) == before(number) {
            return (made, offset);
        }
        let changed = self.change.map_or(1 << 32, |(percent, _)| u128::from(fraction(percent)));
        let count = match made.generation {
            0 => shown,
            _ => ((shown * changed) >> 32).max(1),
        };
        let draw = choice
            .stream(Purpose::SharedBlock, first)
            .draw((u64::from(made.generation) << 48) + number);
        let shared = below(draw, u64::try_from(count).unwrap());
        let owner = Coordinates { generation: made.generation, ..owner };
        (owner, SHARED_START + shared * block + offset % block)
    }

    fn bytes(&self, file: Coordinates, offset: u64, length: usize) -> Vec<u8> {
        (offset..).take(length).map(|offset| self.byte(file, offset)).collect()
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let percent = prop_oneof![Just(0), Just(1), Just(5), Just(50), Just(99), Just(100), 0..=100u64];
    let shift = 9..14u32;
    let dedup = prop::option::of((percent.clone(), shift.clone(), 0..3usize));
    let change = prop::option::of((percent, 0..4u32));
    let content = prop_oneof![
        6 => Just("random"), 2 => Just("text"), 1 => Just("zero"), 1 => Just("file:t")
    ];
    let compress = prop_oneof![Just(0), Just(5), Just(50), Just(95), 0..=95u64];
    (content, compress, dedup, change, 1..200_000u64).prop_map(
        |(content, compress, dedup, change, size_bytes)| {
            let made = matches!(content, "random" | "text");
            let shift = dedup.map_or(9, |(_, shift, _)| shift);
            Asked {
                content,
                compress: if content == "random" { compress } else { 0 },
                dedup: dedup
                    .filter(|(percent, ..)| made && *percent > 0)
                    .map(|(percent, shift, scope)| (percent, 1 << shift, Scope::ALL[scope])),
                change: change
                    .filter(|(percent, _)| made && *percent < 100)
                    .map(|(percent, more)| (percent, 1 << (shift + more))),
                size_bytes,
            }
        },
    )
}

fn files() -> impl Strategy<Value = Coordinates> {
    (0..9u16, 0..2u16, 0..3u16).prop_map(|(generation, node, process)| Coordinates {
        generation,
        node,
        process,
        file: 0,
    })
}

fn filled(content: &Content, file: Coordinates, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0xee; length];
    content.fill(file, offset, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn every_shape_is_the_slow_one(
        asked in asked(), file in files(), offset in 0..200_000u64, length in 1..30_000usize,
        cut: prop::sample::Index,
        damage in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let content = Content::of(&asked.dataset());
        let right = asked.bytes(file, offset, length);
        let mut made = filled(&content, file, offset, length);
        prop_assert!(made == right);
        let cut = cut.index(length + 1);
        let (first, second) = made.split_at_mut(cut);
        content.fill(file, offset, first);
        content.fill(file, offset + cut as u64, second);
        prop_assert!(made == right);
        let mut wrong: Vec<usize> = damage.iter().map(|index| index.index(length)).collect();
        wrong.sort_unstable();
        wrong.dedup();
        for at in &wrong {
            made[*at] ^= 0x10;
        }
        prop_assert_eq!(content.first_difference(file, offset, &made), wrong.first().copied());
        let suffix = wrong.last().map_or(length, |last| length - last - 1);
        prop_assert_eq!(content.matching_suffix(file, offset, &made), suffix);
        let mut runs = Vec::new();
        content.differing_runs(file, offset, &made, &mut |run| runs.extend(run));
        prop_assert_eq!(runs, wrong);
    }

    #[test]
    fn two_places_agree_where_their_bytes_do(
        asked in asked(), one in files(), generation in 0..9u16,
        offset in 0..100_000u64, length in 1..20_000u64, same_offset: bool,
    ) {
        let dataset = asked.dataset();
        let content = Content::of(&dataset);
        let other = Coordinates { generation, ..one };
        let other_offset = if same_offset { offset } else { offset + 512 };
        let (first, second) = (
            filled(&content, one, offset, to_index(length)),
            filled(&content, other, other_offset, to_index(length)),
        );
        let mut end = 0;
        let one = Source { file: one, offset };
        let other = Source { file: other, offset: other_offset };
        content.agreement([one, other], length, StopCheck::NEVER, &mut |run, agrees| {
            assert_eq!(run.start, end);
            end = run.end;
            let run = to_index(run.start)..to_index(run.end);
            let (first, second) = (&first[run.clone()], &second[run]);
            if agrees {
                assert!(first == second);
            } else {
                // Filler and words agree by chance, whole sectors of what was made never do.
                let sectors = first.chunks_exact(1024).zip(second.chunks_exact(1024));
                assert!(sectors.into_iter().all(|(first, second)| first != second));
            }
        });
        prop_assert_eq!(end, length);
    }

    /// What is said of many bytes at once is what each of them says.
    #[test]
    fn runs_of_two_places_are_those_of_their_bytes(
        asked in asked(), one in files(), other in files(), same_file: bool,
        offset in 0..300_000u64, delta in prop::sample::select(vec![0, 512, 4096, 65_536, 100]),
        length in 1..20_000u64, shared in 0..3,
    ) {
        let asked = Asked { content: "random", ..asked };
        let dataset = asked.dataset();
        let generation = other.generation;
        let other = if same_file { Coordinates { generation, ..one } } else { other };
        let offset = match shared {
            0 => SHARED_START - 10_000 + offset % 20_000,
            _ => offset,
        };
        let origins = [one, other].map(|file| dataset.origins(file).of(file));
        let mut done = 0;
        while done < length {
            let (at, other_at) = (offset + done, offset + done + delta);
            let (run, agrees) = origins[0].together(at, &origins[1], other_at);
            prop_assert!(run > 0);
            for byte in done..length.min(done.saturating_add(run)) {
                let made = origins[0].at(offset + byte);
                let other_made = origins[1].at(offset + delta + byte);
                let same = (made.file, made.offset) == (other_made.file, other_made.offset);
                prop_assert_eq!(same, agrees, "byte {} of {}", byte, run);
            }
            done = done.saturating_add(run);
        }
    }

    #[test]
    fn a_long_template_is_judged_by_one_period(
        template in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => 1..4_u8], 1..40),
        one in 0..100u64, other in 0..100u64, length in 1..400u64,
    ) {
        let mut found = Vec::new();
        let mut run = |run: Range<u64>, agrees| found.push((run, agrees));
        let mut runs = AgreementRuns::new(StopCheck::NEVER, &mut run);
        runs.of_bytes(&template, [one, other], length);
        prop_assert!(runs.close());
        // Byte by byte: what agrees between two that do not must be long.
        let at = |offset: u64| template[to_index(offset) % template.len()];
        let same: Vec<bool> = (0..length).map(|by| at(one + by) == at(other + by)).collect();
        let mut expected: Vec<bool> = same.clone();
        for part in same.chunk_by(|one, other| one == other).scan(0, |at, part| {
            *at += part.len();
            Some(*at - part.len()..*at)
        }) {
            let at_end = part.end == same.len();
            if same[part.start] && part.len() <= 15 && !at_end {
                expected[part].fill(false);
            }
        }
        let flat = found.iter().flat_map(|(run, agrees)| run.clone().map(|_| *agrees));
        let flat: Vec<bool> = flat.collect();
        prop_assert_eq!(flat, expected);
        prop_assert!(found.windows(2).all(|two| two[0].1 != two[1].1));
        // And whether it has many zeros in a row.
        let rounds: Vec<u8> = template.iter().copied().cycle().take(template.len() + 16).collect();
        let zeros = rounds.windows(16).any(|window| window.iter().all(|byte| *byte == 0));
        prop_assert_eq!(agreement::has_zeros(&template), zeros);
    }

    /// Whatever is found is there, and misplaced content of the dataset is found wholly: filler at
    /// its ends aside, which any place may have.
    #[test]
    fn misplaced_content_is_found(
        asked in asked(), file in files(), block in 0..20u64, before in 0..100usize,
    ) {
        let asked = Asked { content: "random", size_bytes: 200_000, ..asked };
        let dataset = asked.dataset();
        let content = Content::of(&dataset);
        let offset = block * 4096;
        let mut data = vec![0x99; before];
        data.extend(filled(&content, file, offset, 8192));
        let is_known = |at: &Address| dataset.has_block(at.file, at.block);
        let mut found = 0;
        content.locate(&data, &is_known, &mut |run| {
            let made = filled(&content, run.source.file, run.source.offset, run.len);
            assert!(made == data[run.at..run.at + run.len]);
            found += run.len;
        });
        prop_assert!((8192..=8192 + before).contains(&found), "{}", found);
    }
}

#[test]
fn a_shape_that_is_none_is_plain() {
    for toml in ["", "compress = 0\ndedup = 0\nchange = 100", "content = 'random'"] {
        let config: DatasetConfig = toml::from_str(toml).unwrap();
        let content = Content::of(&config.validate().unwrap());
        assert!(content.shaped(Coordinates::default()).is_none(), "{toml}");
    }
}

/// The plain keystream at an address whose place shows something else is nobody's content.
#[test]
fn keystream_that_no_place_shows_is_not_found() {
    for toml in ["compress = 95", "dedup = 100", "change = 0\niterations = 9"] {
        let config: DatasetConfig =
            toml::from_str(&format!("seed = 42\nsize = 8192\n{toml}")).unwrap();
        let dataset = config.validate().unwrap();
        let file = Coordinates {
            generation: u16::from(toml.contains("iterations")),
            ..Coordinates::default()
        };
        let data = filled(&Content::new("42"), file, 512 - 64, 64);
        let is_known = |at: &Address| dataset.has_block(at.file, at.block);
        let mut runs = Vec::new();
        Content::of(&dataset).locate(&data, &is_known, &mut |run| runs.push(run));
        assert_eq!(runs, [], "{toml}");
    }
}
