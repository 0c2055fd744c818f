//! The committed vectors of sizes and generations.
//!
//! The vectors come from `reference/`, which shares no code with the crate. They never change.
use seedfs::dataset::{Choice, Coordinates, Dataset, DatasetConfig, OptionValue, Purpose, Sizes};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    draws: Vec<Draw>,
    sizes: Vec<OfDraws>,
    files: Vec<OfFile>,
    blocks: Vec<Blocks>,
    changes: Vec<Changes>,
}

type File = (u16, u16, u16, u32);

#[derive(Deserialize)]
struct Draw {
    seed: String,
    purpose: u64,
    file: File,
    index: String,
    #[serde(rename = "draw")]
    drawn: String,
}

#[derive(Deserialize)]
struct OfDraws {
    size: String,
    draws: Vec<(String, u64)>,
}

#[derive(Deserialize)]
struct OfFile {
    seed: String,
    size: String,
    file: File,
    bytes: u64,
}

#[derive(Deserialize)]
struct Blocks {
    seed: String,
    change: String,
    file: File,
    generations: Vec<u16>,
}

#[derive(Deserialize)]
struct Changes {
    change: Option<String>,
    grow: String,
    new_files: String,
    generation: u64,
    files: u64,
    size: String,
    bytes_and_last_change: Vec<(u64, u16)>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/sizes_v1.json")).unwrap()
}

fn coordinates((generation, node, process, file): File) -> Coordinates {
    Coordinates { generation, node, process, file }
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap()
}

fn dataset(typed: &DatasetConfig) -> Dataset {
    typed.validate().unwrap()
}

#[test]
fn draws_are_those_of_the_vectors() {
    let purposes =
        [Purpose::Size, Purpose::SharedPhase, Purpose::SharedBlock, Purpose::Change, Purpose::Text];
    for row in vectors().draws {
        let purpose = purposes.into_iter().find(|purpose| *purpose as u64 == row.purpose).unwrap();
        let stream = Choice::new(&row.seed).stream(purpose, coordinates(row.file));
        assert_eq!(stream.draw(hex(&row.index)), hex(&row.drawn));
    }
}

#[test]
fn sizes_are_those_of_the_vectors() {
    for row in vectors().sizes {
        let sizes = Sizes::parse(&row.size).unwrap();
        assert_eq!(sizes.to_string(), row.size);
        for (draw, bytes) in row.draws {
            assert_eq!(sizes.size(hex(&draw)), bytes, "{}: {draw}", row.size);
        }
    }
    for row in vectors().files {
        let (generation, ..) = row.file;
        let dataset = dataset(&DatasetConfig {
            seed: Some(row.seed.into()),
            generation: Some(OptionValue::from(u64::from(generation))),
            size: Some(row.size.clone().into()),
            ..DatasetConfig::default()
        });
        assert_eq!(dataset.size_bytes(coordinates(row.file)), row.bytes, "{}", row.size);
    }
}

#[test]
fn blocks_change_as_in_the_vectors() {
    for row in vectors().blocks {
        let dataset = dataset(&DatasetConfig {
            seed: Some(row.seed.into()),
            change: Some(row.change.into()),
            ..DatasetConfig::default()
        });
        let file = coordinates(row.file);
        let origins = dataset.origins(file).of(file);
        // A dataset in which all changes has no such rule.
        let block_bytes = dataset.shape(file).change.map_or(4096, |change| change.block_bytes);
        for (block, generation) in (0..).zip(row.generations) {
            let found = origins.at(block * block_bytes).file.generation;
            assert_eq!(found, generation, "{file:?}, block {block}");
        }
    }
}

#[test]
fn files_grow_and_change_as_in_the_vectors() {
    for row in vectors().changes {
        let dataset = dataset(&DatasetConfig {
            seed: Some("42".into()),
            generation: Some(OptionValue::from(row.generation)),
            size: Some(row.size.into()),
            files: Some(row.files.into()),
            change: row.change.map(Into::into),
            grow: Some(row.grow.into()),
            new_files: Some(row.new_files.into()),
            ..DatasetConfig::default()
        });
        assert_eq!(dataset.file_count(), row.bytes_and_last_change.len() as u64);
        for (number, (bytes, last)) in (0..).zip(row.bytes_and_last_change) {
            let generation = u16::try_from(row.generation).unwrap();
            let file = Coordinates { generation, file: number, ..Coordinates::default() };
            assert_eq!(dataset.size_bytes(file), bytes, "{file:?}");
            assert_eq!(dataset.last_change(file), last, "{file:?}");
        }
    }
}
