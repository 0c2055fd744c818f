//! The committed vectors of files with extensions. They come from `reference/`, which shares no
//! code with the crate. They never change.

use std::collections::BTreeMap;

use seedfs::content::Content;
use seedfs::dataset::{Coordinates, DatasetConfig, DatasetPart, OptionValue};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Committed {
    seed: String,
    datasets: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    layout: String,
    contents: BTreeMap<String, String>,
    #[serde(default = "one")]
    nodes: u64,
    #[serde(default = "one")]
    processes: u64,
    #[serde(default = "one")]
    files: u64,
    iterations: Option<u64>,
    #[serde(default)]
    shape: Map<String, Value>,
    rows: Vec<Row>,
}

/// Path, generation and the other coordinates, size, BLAKE3.
type Row = (String, (u16, u16, u16, u32), u64, String);

fn one() -> u64 {
    1
}

fn config(seed: &str, vector: &Vector) -> DatasetConfig {
    let number = |name: &str| vector.shape.get(name).and_then(Value::as_u64).map(OptionValue::from);
    // Shares are in hundredths of a percent.
    let percent = |name: &str| {
        let points = vector.shape.get(name)?.as_u64()?;
        Some(OptionValue::from(format!("{}.{:02}", points / 100, points % 100)))
    };
    DatasetConfig {
        seed: Some(seed.into()),
        nodes: Some(vector.nodes.into()),
        processes: Some(vector.processes.into()),
        files: Some(vector.files.into()),
        iterations: vector.iterations.map(Into::into),
        layout: Some(vector.layout.as_str().into()),
        content: Some(OptionValue::Table(vector.contents.clone().into_iter().collect())),
        size: number("size"),
        dedup: percent("dedup"),
        dedup_block: number("dedup_block"),
        dedup_scope: vector.shape.get("dedup_scope").and_then(Value::as_str).map(Into::into),
        change: percent("change"),
        change_block: number("change_block"),
        ..DatasetConfig::default()
    }
}

#[test]
fn each_file_is_the_references() {
    let committed: Committed =
        serde_json::from_str(include_str!("../vectors/extensions_v1.json")).unwrap();
    assert_eq!(committed.datasets.len(), 4, "the file of vectors is cut short");
    for vector in &committed.datasets {
        let dataset = config(&committed.seed, vector).validate().unwrap();
        assert_eq!(dataset.file_count(), vector.rows.len() as u64, "{}", vector.layout);
        let content = Content::of(&dataset);
        let mut total = 0;
        for (index, (path, coordinates, size, blake3)) in (0..).zip(&vector.rows) {
            let (generation, node, process, file) = *coordinates;
            let file = Coordinates { generation, node, process, file };
            assert_eq!(dataset.file(DatasetPart::ALL, index), file, "{path}");
            assert_eq!(dataset.namespace().coordinates(path), Some(file), "{path}");
            assert_eq!(dataset.namespace().path_of(file).as_ref(), Some(path));
            assert_eq!(dataset.size_bytes(file), *size, "{path}");
            let mut bytes = vec![0; usize::try_from(*size).unwrap()];
            content.fill(file, 0, &mut bytes);
            assert_eq!(blake3::hash(&bytes).to_hex().as_str(), blake3, "{path}");
            assert_eq!(hex::encode(content.blake3(file, *size)), *blake3, "{path}");
            assert_eq!(content.first_difference(file, 0, &bytes), None, "{path}");
            assert_eq!(content.matching_suffix(file, 0, &bytes), bytes.len(), "{path}");
            total += u128::from(*size);
        }
        let sum = dataset.total_bytes(DatasetPart::ALL);
        assert_eq!((sum.bytes, sum.estimated), (total, false), "{}", vector.layout);
    }
}
