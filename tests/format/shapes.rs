//! The committed vectors of shaped content, format 1. They come from `reference/`, which shares no
//! code with the crate. They never change.
use seedfs::content::Content;
use seedfs::dataset::{Choice, Coordinates, DatasetConfig, Purpose};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Committed {
    seed: String,
    size: u64,
    nodes: u64,
    processes: u64,
    files: u64,
    draws: Vec<u64>,
    #[serde(rename = "vectors")]
    all: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    shape: Map<String, Value>,
    file: (u16, u16, u16, u32),
    offset: u64,
    length: usize,
    first: String,
    last: String,
    blake3: String,
}

fn vectors() -> Committed {
    serde_json::from_str(include_str!("../vectors/shapes_v1.json")).unwrap()
}

/// The options of a vector, whose shares are in hundredths of a percent.
fn content(vectors: &Committed, shape: &Map<String, Value>) -> Content {
    let mut config = DatasetConfig {
        seed: Some(vectors.seed.as_str().into()),
        nodes: Some(vectors.nodes.into()),
        processes: Some(vectors.processes.into()),
        files: Some(vectors.files.into()),
        iterations: Some(8.into()),
        size: Some(vectors.size.into()),
        ..DatasetConfig::default()
    };
    for (option, value) in shape {
        let percent = || {
            let points = value.as_u64().unwrap();
            Some(format!("{}.{:02}", points / 100, points % 100).into())
        };
        match option.as_str() {
            "compress" => config.compress = percent(),
            "dedup" => config.dedup = percent(),
            "dedup_block" => config.dedup_block = Some(value.as_u64().unwrap().into()),
            "dedup_scope" => config.dedup_scope = Some(value.as_str().unwrap().into()),
            "change" => config.change = percent(),
            "change_block" => config.change_block = Some(value.as_u64().unwrap().into()),
            _ => config.content = value.as_bool().unwrap().then(|| "text".into()),
        }
    }
    Content::of(&config.validate().unwrap())
}

#[test]
fn each_piece_is_the_references() {
    let vectors = vectors();
    assert!(vectors.all.len() > 200, "the file of vectors is cut short");
    for vector in &vectors.all {
        let (generation, node, process, file) = vector.file;
        let file = Coordinates { generation, node, process, file };
        let content = content(&vectors, &vector.shape);
        let mut bytes = vec![0; vector.length];
        content.fill(file, vector.offset, &mut bytes);
        assert_eq!(hex::encode(&bytes[..16]), vector.first, "{vector:?}");
        assert_eq!(hex::encode(&bytes[bytes.len() - 16..]), vector.last, "{vector:?}");
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), vector.blake3, "{vector:?}");
        assert_eq!(content.first_difference(file, vector.offset, &bytes), None, "{vector:?}");
    }
}

#[test]
fn each_draw_is_the_references() {
    let vectors = vectors();
    let choice = Choice::new(&vectors.seed);
    let file = Coordinates { generation: 1, node: 2, process: 3, file: 65536 };
    let draws: Vec<u64> =
        [Purpose::Size, Purpose::SharedPhase, Purpose::SharedBlock, Purpose::Change, Purpose::Text]
            .into_iter()
            .flat_map(|purpose| [0, 7].map(|index| choice.stream(purpose, file).draw(index)))
            .collect();
    assert_eq!(draws, vectors.draws);
}
