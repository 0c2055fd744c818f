//! The committed vectors of files of formats. They come from `reference/`, which shares no code
//! with the crate. They never change.

use seedfs::content::Content;
use seedfs::dataset::{Coordinates, DatasetConfig};
use seedfs::framing::Framing;
use serde::Deserialize;

#[derive(Deserialize)]
struct Committed {
    seed: String,
    #[serde(rename = "vectors")]
    all: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    content: String,
    file: (u16, u16, u16, u32),
    size: u64,
    first: String,
    last: String,
    blake3: String,
}

const FORMATS: [(&str, &str); 11] = [
    ("npy", include_str!("../vectors/formats/npy.json")),
    ("npz", include_str!("../vectors/formats/npz.json")),
    ("tfrecord", include_str!("../vectors/formats/tfrecord.json")),
    ("tfrecord-index", include_str!("../vectors/formats/tfrecord-index.json")),
    ("hdf5", include_str!("../vectors/formats/hdf5.json")),
    ("arrow", include_str!("../vectors/formats/arrow.json")),
    ("parquet", include_str!("../vectors/formats/parquet.json")),
    ("jsonl", include_str!("../vectors/formats/jsonl.json")),
    ("csv", include_str!("../vectors/formats/csv.json")),
    ("bmp", include_str!("../vectors/formats/bmp.json")),
    ("png", include_str!("../vectors/formats/png.json")),
];

#[test]
fn each_file_is_the_references() {
    for (format, committed) in FORMATS {
        let vectors: Committed = serde_json::from_str(committed).unwrap();
        assert!(vectors.all.len() > 5, "the file of vectors of {format} is cut short");
        for vector in &vectors.all {
            assert!(vector.content.starts_with(&format!("{format}:")), "{vector:?}");
            check(&vectors.seed, vector);
        }
    }
}

fn check(seed: &str, vector: &Vector) {
    let config = DatasetConfig {
        seed: Some(seed.into()),
        nodes: Some(2.into()),
        processes: Some(2.into()),
        files: Some(4.into()),
        iterations: Some(3.into()),
        content: Some(vector.content.as_str().into()),
        ..DatasetConfig::default()
    };
    let dataset = config.validate().unwrap();
    let (generation, node, process, file) = vector.file;
    let file = Coordinates { generation, node, process, file };
    assert_eq!(dataset.size_bytes(file), vector.size, "{vector:?}");
    let content = Content::of(&dataset);
    let mut bytes = vec![0; usize::try_from(vector.size).unwrap()];
    content.fill(file, 0, &mut bytes);
    let shown = bytes.len().min(64);
    assert_eq!(hex::encode(&bytes[..shown]), vector.first, "{vector:?}");
    assert_eq!(hex::encode(&bytes[bytes.len() - shown..]), vector.last, "{vector:?}");
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), vector.blake3, "{vector:?}");
    assert_eq!(content.first_difference(file, 0, &bytes), None, "{vector:?}");
}

#[test]
fn every_format_has_vectors() {
    let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
    assert_eq!(Framing::names(), names);
}
