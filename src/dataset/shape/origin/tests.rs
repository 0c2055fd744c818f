use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::dataset::{Dataset, DatasetConfig, Scope};

fn dataset(toml: &str) -> Dataset {
    let config: DatasetConfig = toml::from_str(toml).expect("the test's TOML is well-formed");
    config.validate().expect(toml)
}

fn file(generation: u16, node: u16, process: u16) -> Coordinates {
    Coordinates { generation, node, process, file: 0 }
}

proptest! {
    /// Against looking at every block in every generation.
    #[test]
    fn bytes_stay_until_the_generation_that_is_said(
        change in 0..=100u8, dedup in 0..=100u8, (size, drawn) in (1..40_000u64, any::<bool>()),
        grow in prop::sample::select(vec![0, 1, 7, 50, 250]),
        (start, length) in (0..60_000u64, 1..20_000u64), generation in 0..30u16,
        (dedup_log, change_log) in (9..13u32, 0..3u32), number in 0..50u16,
    ) {
        let size = if drawn { format!("1..{size}") } else { size.to_string() };
        let dataset = dataset(&format!(
            "dedup = {dedup}\ndedup_block = {}\nchange = {change}\nchange_block = {}\n\
             size = '{size}'\ngrow = {grow}\niterations = 30\nprocesses = 50",
            1 << dedup_log, 1 << (dedup_log + change_log),
        ));
        let range = start..start + length;
        let at = file(generation, 0, number);
        let said = dataset.origins(at).last_generation(at, range.clone());
        let seen = |generation| {
            let at = file(generation, 0, number);
            let origins = dataset.origins(at).of(at);
            let mut seen = Vec::new();
            let mut at = range.start;
            while at < range.end {
                let origin = origins.at(at);
                seen.push((origin.file, origin.offset));
                at = (at / 512 + 1) * 512;
            }
            seen
        };
        let right = seen(generation);
        let last = (generation..50).take_while(|other| seen(*other) == right).last();
        // Without change each generation has bytes of its own.
        let expected = (change < 100).then_some(last.unwrap());
        prop_assert_eq!(said.map(|said| said.min(49)), expected);
    }

    #[test]
    fn what_was_made_somewhere_stands_there(
        dedup in 0..=100u8, change in 0..=100u8, block in 0..64u64, within in 0..4096u64,
        generation in 0..20u16, scope in 0..3usize,
    ) {
        let dataset = dataset(&format!(
            "dedup = {dedup}\ndedup_scope = '{}'\nchange = {change}\nsize = 262144\n\
             iterations = 20\nprocesses = 3\nnodes = 2",
            Scope::ALL[scope].name(),
        ));
        let at = file(generation, 1, 2);
        let origin = dataset.origins(at).of(at).at(block * 4096 + within);
        let again = dataset.origins(origin.file).of(origin.file).at(origin.offset);
        prop_assert_eq!((again.file, again.offset), (origin.file, origin.offset));
        prop_assert!(dataset.has_block(origin.file, origin.offset / 16));
        if origin.offset >= SHARED_START {
            prop_assert!(dataset.origins(origin.file).shared_block(origin.offset).is_some());
        }
    }
}

/// The share that hashing fixed blocks would find, in basis points, for one generation.
fn removed(dataset: &Dataset, generation: u16, block_bytes: u64) -> u64 {
    let dimensions = dataset.dimensions();
    let (mut all, mut different) = (0, HashSet::new());
    for node in 0..dimensions.nodes {
        for process in 0..dimensions.processes {
            let at = file(generation, node.try_into().unwrap(), process.try_into().unwrap());
            let origins = dataset.origins(at).of(at);
            for block in 0..dataset.size_bytes(at) / block_bytes {
                let origin = origins.at(block * block_bytes);
                all += 1;
                different.insert((origin.file, origin.offset));
            }
        }
    }
    (all - different.len() as u64) * 10_000 / all
}

#[test]
fn a_deduplicator_takes_away_what_was_asked_for() {
    for scope in Scope::ALL {
        for block_bytes in [512_u64, 4096, 1 << 20] {
            for percent in [0, 1, 10, 25, 50, 75, 90, 99] {
                let dataset = dataset(&format!(
                    "dedup = {percent}\ndedup_block = {block_bytes}\ndedup_scope = '{}'\n\
                     nodes = 2\nprocesses = 5\nsize = {}",
                    scope.name(),
                    block_bytes * 10_000,
                ));
                let found = removed(&dataset, 0, block_bytes);
                assert!(found.abs_diff(percent * 100) <= 100, "{scope:?} {percent} %: {found}");
            }
        }
    }
}

#[test]
fn it_does_so_in_every_generation() {
    for percent in [10, 50, 90] {
        for change in ["0.5", "5", "50"] {
            let dataset = dataset(&format!(
                "dedup = {percent}\nchange = '{change}'\niterations = 41\nprocesses = 10\n\
                 size = 40960000"
            ));
            for generation in [1, 7, 19, 20, 40] {
                let found = removed(&dataset, generation, 4096);
                assert!(found.abs_diff(percent * 100) <= 100, "{percent} %, {change} %: {found}");
            }
        }
    }
}

#[test]
fn the_smallest_scopes_are_near() {
    // On average over many scopes of few blocks: a file of one block has nobody to share with.
    for (blocks, percent, expected) in [(1, 50, 0), (2, 50, 5000), (16, 50, 5000), (100, 25, 2500)]
    {
        let dataset = dataset(&format!(
            "dedup = {percent}\ndedup_scope = 'file'\nprocesses = 1000\nsize = {}",
            blocks * 4096 + 5
        ));
        let found = removed(&dataset, 0, 4096);
        assert!(found.abs_diff(expected) <= 100, "{blocks} blocks, {percent} %: {found}");
    }
}

#[test]
fn the_short_last_block_is_the_files_own() {
    let dataset = dataset("dedup = 100\nsize = 8193");
    let origins = dataset.origins(file(0, 0, 0)).of(file(0, 0, 0));
    assert!(origins.at(8191).offset >= SHARED_START);
    assert_eq!(origins.at(8192).offset, 8192);
}

#[test]
fn extremes_stay_within_the_address() {
    for toml in [
        "dedup = 50\nsize = '2P'\nnodes = 65536\nprocesses = 65536",
        "dedup = 50\nsize = '2P'\ndedup_scope = 'file'\ndedup_block = 512",
        "dedup = 0.01\nsize = 1\nnodes = 65536\nfiles = 65536",
        "dedup = 100\nsize = '2P'\nchange = 0.01\niterations = 65536\ndedup_block = '1M'",
    ] {
        let dataset = dataset(toml);
        let generations = dataset.dimensions().generations;
        let at = file(u16::try_from(generations - 1).unwrap(), 0, 0);
        let origins = dataset.origins(at).of(at);
        for offset in [0, 512, SHARED_START - 1, SHARED_START, CONTENT_END - 1, u64::MAX] {
            let origin = origins.at(offset);
            assert!(origin.offset + origin.length <= CONTENT_END, "{toml}");
            assert!(origin.length > 0, "{toml}");
        }
    }
}
