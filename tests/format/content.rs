//! The committed vectors of content format 1, through every way that content is made or checked.
//!
//! The vectors come from `reference/`, which shares no code with the crate. They never change.
use std::collections::BTreeMap;

use seedfs::content::{Address, BLOCK_BYTES, Content, MAX_FILE_BYTES, Source};
use seedfs::dataset::Coordinates;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    keys: BTreeMap<String, String>,
    vectors: Vec<Vector>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    seed: String,
    file: (u16, u16, u16, u32),
    offset: u64,
    length: usize,
    #[serde(flatten)]
    right: Right,
}

/// A long piece is kept as its hash; its edges are there for whoever reads the file.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Right {
    Whole { bytes: String },
    Hashed { first: String, last: String, blake3: String },
}

impl Vector {
    fn file(&self) -> Coordinates {
        let (generation, node, process, file) = self.file;
        Coordinates { generation, node, process, file }
    }

    fn fill(&self, content: &Content) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        content.fill(self.file(), self.offset, &mut bytes);
        bytes
    }

    fn assert_right(&self, bytes: &[u8]) {
        match &self.right {
            Right::Whole { bytes: right } => assert_eq!(&hex::encode(bytes), right, "{self:?}"),
            Right::Hashed { first, last, blake3: right } => {
                assert_eq!(&hex::encode(&bytes[..first.len() / 2]), first, "{self:?}");
                assert_eq!(&hex::encode(&bytes[bytes.len() - last.len() / 2..]), last, "{self:?}");
                assert_eq!(blake3::hash(bytes).to_hex().as_str(), right, "{self:?}");
            }
        }
    }
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/content_v1.json")).unwrap()
}

fn each_vector(mut check: impl FnMut(&Content, &Vector)) {
    let vectors = vectors().vectors;
    assert!(vectors.len() > 300, "the file of vectors is cut short");
    for vector in vectors {
        check(&Content::new(&vector.seed), &vector);
    }
}

#[test]
fn keys() {
    let keys = vectors().keys;
    assert_eq!(keys["42"], "35b97e48db360a0cab85cad9f5e0afb3");
    for (seed, key) in keys {
        assert_eq!(hex::encode(Content::new(&seed).key()), key, "seed {seed:?}");
    }
}

#[test]
fn the_vectors_reach_every_border() {
    let vectors = vectors().vectors;
    assert!(vectors.iter().any(|v| v.offset == 0));
    assert!(vectors.iter().any(|v| v.offset + v.length as u64 == MAX_FILE_BYTES));
    assert!(vectors.iter().any(|v| v.offset < 1 << 32 && v.offset + v.length as u64 > 1 << 32));
    assert!(vectors.iter().any(|v| v.file == (u16::MAX, u16::MAX, u16::MAX, u32::MAX)));
}

#[test]
fn filled_whole() {
    each_vector(|content, vector| vector.assert_right(&vector.fill(content)));
}

#[test]
fn filled_in_two_at_every_odd_place() {
    each_vector(|content, vector| {
        let whole = vector.fill(content);
        vector.assert_right(&whole);
        // Every odd place of a short piece; of a long one, those around its borders.
        let edge = 67;
        let cuts = (1..vector.length).step_by(2);
        for cut in cuts.filter(|&cut| cut < edge || cut + edge > vector.length) {
            let mut parts = vec![0; vector.length];
            let (first, second) = parts.split_at_mut(cut);
            content.fill(vector.file(), vector.offset, first);
            content.fill(vector.file(), vector.offset + cut as u64, second);
            assert!(parts == whole, "cut at {cut}: {vector:?}");
        }
    });
}

#[test]
fn compared() {
    each_vector(|content, vector| {
        let mut bytes = vector.fill(content);
        vector.assert_right(&bytes);
        let (file, offset) = (vector.file(), vector.offset);
        assert_eq!(content.first_difference(file, offset, &bytes), None);
        assert_eq!(content.matching_suffix(file, offset, &bytes), bytes.len());
        content.differing_runs(file, offset, &bytes, &mut |run| panic!("{run:?}: {vector:?}"));
        // The check itself must be able to fail.
        let wrong = bytes.len() / 2;
        bytes[wrong] ^= 1;
        assert_eq!(content.first_difference(file, offset, &bytes), Some(wrong));
        assert_eq!(content.matching_suffix(file, offset, &bytes), bytes.len() - wrong - 1);
    });
}

#[test]
fn every_whole_block_tells_its_address() {
    each_vector(|content, vector| {
        let bytes = vector.fill(content);
        vector.assert_right(&bytes);
        let aligned = (vector.offset.wrapping_neg() % 16) as usize;
        let (blocks, _) = bytes.get(aligned..).unwrap_or_default().as_chunks::<BLOCK_BYTES>();
        let mut offset = vector.offset + aligned as u64;
        for block in blocks {
            let address = content.address_of(block);
            assert_eq!(address, Address { file: vector.file(), block: offset / 16 });
            assert_eq!(address.source(), Source { file: vector.file(), offset });
            offset += BLOCK_BYTES as u64;
        }
    });
}
