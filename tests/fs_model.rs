//! Random operations on the filesystem, without a mount, against a slow obvious model: a vector of
//! bytes for each file, and for each byte whether somebody wrote it. Compared after every step.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on has failed; the numbers are small"
)]

use std::ops::Range;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use seedfs::content::Content;
use seedfs::dataset::{Coordinates, Dataset, DatasetConfig, Inode};
use seedfs::fs::{Error, Filesystem, Options, Seek, SetAttributes};
use serde_json::Value;

const SIZE: u64 = 9000;
const PAST_END: u64 = SIZE + 3000;
const SEED: &str = "model";

fn dataset() -> Dataset {
    DatasetConfig {
        seed: Some(SEED.into()),
        nodes: Some("2".into()),
        processes: Some("2".into()),
        iterations: Some("2".into()),
        size: Some(SIZE.into()),
        ..DatasetConfig::default()
    }
    .validate()
    .unwrap()
}

/// The files that operations work on: few, so that they meet.
const FILES: [Coordinates; 3] = [
    Coordinates { generation: 0, node: 0, process: 0, file: 0 },
    Coordinates { generation: 0, node: 1, process: 1, file: 0 },
    Coordinates { generation: 1, node: 0, process: 0, file: 0 },
];

#[derive(Clone, Debug)]
enum Data {
    /// What belongs there; past the end, what would follow.
    Right,
    /// Content of one of the files, from an offset of its own.
    Content {
        file: usize,
        offset: u64,
    },
    /// The same place of another generation.
    Stale,
    Zeros,
    Random(u64),
    /// What belongs there, with bits flipped at these positions (modulo the length, in bits).
    Flipped(Vec<usize>),
    /// Right, with a foreign hole in the middle.
    Damaged(u64),
}

#[derive(Clone, Debug)]
enum Operation {
    Write { file: usize, offset: u64, length: usize, data: Data },
    Resize { file: usize, size: u64 },
    Read { file: usize, offset: u64, length: usize },
}

fn offsets() -> impl Strategy<Value = u64> {
    // Boundaries of blocks and pages as well as anything else.
    prop_oneof![
        0..PAST_END,
        (0..PAST_END / 16).prop_map(|block| block * 16),
        (0..PAST_END / 4096).prop_map(|page| page * 4096),
        Just(SIZE - 1),
        Just(SIZE),
    ]
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![1..40_usize, 1..600_usize, 1..6000_usize, Just(4096_usize), Just(SIZE as usize)]
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        3 => Just(Data::Right),
        2 => (0..FILES.len(), 0..SIZE).prop_map(|(file, offset)| Data::Content { file, offset }),
        1 => Just(Data::Stale),
        1 => Just(Data::Zeros),
        2 => any::<u64>().prop_map(Data::Random),
        2 => prop::collection::vec(any::<usize>(), 1..12).prop_map(Data::Flipped),
        1 => any::<u64>().prop_map(Data::Damaged),
    ]
}

fn operations() -> impl Strategy<Value = Operation> {
    let file = 0..FILES.len();
    prop_oneof![
        6 => (file.clone(), offsets(), lengths(), data()).prop_map(
            |(file, offset, length, data)| Operation::Write { file, offset, length, data }
        ),
        1 => (file.clone(), 0..PAST_END).prop_map(|(file, size)| Operation::Resize { file, size }),
        1 => (file.clone(), Just(SIZE)).prop_map(|(file, size)| Operation::Resize { file, size }),
        1 => (file, offsets(), lengths()).prop_map(
            |(file, offset, length)| Operation::Read { file, offset, length }
        ),
    ]
}

/// What one file has, byte by byte.
#[derive(Clone)]
struct ModelFile {
    bytes: Vec<u8>,
    state: Vec<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Untouched,
    Written,
    Hole,
}

struct Model {
    content: Content,
    files: Vec<ModelFile>,
    expected: Vec<Vec<u8>>,
}

/// Bytes that are as good as random, and the same for the same seed.
fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

impl Model {
    fn new() -> Self {
        let content = Content::new(SEED);
        let expected: Vec<Vec<u8>> = FILES.iter().map(|file| whole(&content, *file)).collect();
        let files = expected
            .iter()
            .map(|bytes| ModelFile {
                bytes: bytes.clone(),
                state: vec![State::Untouched; bytes.len()],
            })
            .collect();
        Self { content, files, expected }
    }

    fn data(&self, file: usize, offset: u64, length: usize, data: &Data) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut at = FILES[file];
        match data {
            Data::Zeros => {}
            Data::Random(seed) => bytes = random(*seed, length),
            Data::Content { file, offset } => {
                self.content.fill(FILES[*file], *offset, &mut bytes);
            }
            Data::Stale => {
                at.generation = 1 - at.generation;
                self.content.fill(at, offset, &mut bytes);
            }
            Data::Right | Data::Flipped(_) | Data::Damaged(_) => {
                self.content.fill(at, offset, &mut bytes);
            }
        }
        match data {
            Data::Flipped(bits) => {
                for bit in bits {
                    let bit = bit % (length * 8);
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
            Data::Damaged(seed) => {
                let third = length / 3;
                bytes[third..2 * third].copy_from_slice(&random(*seed, third));
            }
            _ => {}
        }
        bytes
    }

    fn write(&mut self, file: usize, offset: u64, data: &[u8]) {
        let file = &mut self.files[file];
        let range = offset as usize..offset as usize + data.len();
        if file.bytes.len() < range.end {
            file.bytes.resize(range.end, 0);
            file.state.resize(range.end, State::Hole);
        }
        file.bytes[range.clone()].copy_from_slice(data);
        file.state[range].fill(State::Written);
    }

    fn resize(&mut self, file: usize, size: u64) {
        let file = &mut self.files[file];
        file.bytes.resize(size as usize, 0);
        file.state.resize(size as usize, State::Hole);
    }
}

fn whole(content: &Content, file: Coordinates) -> Vec<u8> {
    let mut bytes = vec![0; SIZE as usize];
    content.fill(file, 0, &mut bytes);
    bytes
}

struct Checked {
    filesystem: Filesystem,
    inodes: Vec<Inode>,
    status: Vec<Inode>,
    model: Model,
}

impl Checked {
    fn new() -> Self {
        let filesystem = Filesystem::new(dataset(), Options::default());
        let walk = |path: &str| {
            path.split('/').fold(Inode::ROOT, |parent, name| {
                filesystem.lookup(parent, name.as_bytes()).unwrap()
            })
        };
        let path = |file: &Coordinates| {
            let Coordinates { generation, node, process, .. } = file;
            format!("iteration_{generation}/node_{node}/process_{process}")
        };
        let inodes = FILES.iter().map(|file| walk(&path(file))).collect();
        let status =
            FILES.iter().map(|file| walk(&format!(".status/files/{}.json", path(file)))).collect();
        Self { filesystem, inodes, status, model: Model::new() }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { file, offset, length, data } => {
                let data = self.model.data(*file, *offset, *length, data);
                self.filesystem.write(self.inodes[*file], *offset, &data, false).unwrap();
                self.model.write(*file, *offset, &data);
            }
            Operation::Resize { file, size } => {
                let set = SetAttributes { size_bytes: Some(*size), ..SetAttributes::default() };
                let attributes = self.filesystem.set_attributes(self.inodes[*file], &set).unwrap();
                assert_eq!(attributes.size.size_bytes, *size);
                self.model.resize(*file, *size);
            }
            Operation::Read { file, offset, length } => {
                let mut out = vec![0xee; *length];
                let read = self.filesystem.read(self.inodes[*file], 0, *offset, &mut out).unwrap();
                let bytes = &self.model.files[*file].bytes;
                let start = bytes.len().min(*offset as usize);
                let end = bytes.len().min(start + length);
                assert_eq!(out[..read], bytes[start..end]);
            }
        }
    }

    fn check(&self) {
        for file in 0..FILES.len() {
            self.check_bytes(file);
            self.check_holes(file);
            self.check_verdict(file);
        }
    }

    fn check_bytes(&self, file: usize) {
        let model = &self.model.files[file];
        let attributes = self.filesystem.attributes(self.inodes[file]).unwrap();
        assert_eq!(attributes.size.size_bytes, model.bytes.len() as u64);
        let data = model.state.iter().filter(|state| **state != State::Hole).count();
        assert_eq!(attributes.size.allocated_bytes, data as u64);
        let mut out = vec![0xee; (PAST_END + SIZE) as usize + 1];
        let read = self.filesystem.read(self.inodes[file], 0, 0, &mut out).unwrap();
        assert!(out[..read] == model.bytes[..], "the bytes of file {file}");
    }

    fn check_holes(&self, file: usize) {
        let model = &self.model.files[file];
        let size = model.bytes.len();
        for offset in (0..size + 20).step_by(397) {
            for (seek, hole) in [(Seek::Data, false), (Seek::Hole, true)] {
                let found = (offset..size).find(|at| (model.state[*at] == State::Hole) == hole);
                let expected = match found {
                    Some(at) => Ok(at as u64),
                    None if hole && offset < size => Ok(size as u64),
                    None => Err(Error::PastEnd),
                };
                let got = self.filesystem.seek(self.inodes[file], offset as u64, seek);
                assert_eq!(got, expected, "{seek:?} from {offset}");
            }
        }
    }

    fn check_verdict(&self, file: usize) {
        let model = &self.model.files[file];
        let expected = &self.model.expected[file];
        let document = self.document(file);
        let count = |state: State| {
            model.state.iter().take(expected.len()).filter(|it| **it == state).count() as u64
        };
        let bytes = |name: &str| document["bytes"][name].as_u64().unwrap();
        let cut_off = expected.len().saturating_sub(model.bytes.len()) as u64;
        let extra = model.bytes.len().saturating_sub(expected.len()) as u64;
        assert_eq!(bytes("expected"), SIZE);
        assert_eq!(bytes("untouched"), count(State::Untouched), "{document}");
        assert_eq!(bytes("missing"), count(State::Hole) + cut_off, "{document}");
        assert_eq!(bytes("matched") + bytes("wrong"), count(State::Written), "{document}");
        assert_eq!(bytes("extra"), extra, "{document}");

        let wrong: Vec<usize> = (0..expected.len().min(model.bytes.len()))
            .filter(|at| model.bytes[*at] != expected[*at] && model.state[*at] == State::Written)
            .collect();
        self.check_ranges(file, &document, &wrong);
        let verdict = if !wrong.is_empty() || extra > 0 {
            "mismatch"
        } else if count(State::Written) == SIZE {
            "verified"
        } else if count(State::Untouched) == SIZE {
            "untouched"
        } else {
            "incomplete"
        };
        assert_eq!(document["verdict"], verdict, "{document}");
        assert_eq!(
            self.filesystem.xattr(self.inodes[file], b"user.seedfs.verdict").unwrap(),
            verdict.as_bytes()
        );
    }

    /// Every wrong byte is in a range, and no range is wider than the rule says.
    fn check_ranges(&self, file: usize, document: &Value, wrong: &[usize]) {
        let bytes = &self.model.files[file].bytes;
        let expected = &self.model.expected[file];
        let mut left = wrong.iter().copied().peekable();
        let mut counted = 0;
        let mut last_end = 0;
        for range in document["ranges"].as_array().unwrap() {
            let start = range["offset"].as_u64().unwrap() as usize;
            let end = start + range["length"].as_u64().unwrap() as usize;
            assert!(last_end <= start && start < end, "order: {document}");
            last_end = end;
            let actual = &bytes[start..end];
            let head = 16.min(end - start);
            assert_eq!(range["actual"], hex::encode(&actual[..head]));
            self.check_class(range, start, actual, expected);
            if start >= expected.len() {
                assert_eq!(range["expected"], Value::Null);
                continue;
            }
            assert!(end <= expected.len(), "a range across the end: {document}");
            assert_eq!(range["expected"], hex::encode(&expected[start..start + head]));
            counted += end - start;
            assert_eq!(left.peek(), Some(&start), "starts with a wrong byte: {range}");
            let mut previous = start;
            while let Some(at) = left.next_if(|at| *at < end) {
                assert!(at - previous <= 16, "a gap of more than 15: {range}");
                previous = at;
            }
            assert_eq!(previous, end - 1, "ends with a wrong byte: {range}");
        }
        assert_eq!(left.next(), None, "a wrong byte in no range: {document}");
        assert_eq!(document["bytes"]["wrong"], counted);
    }

    fn check_class(&self, range: &Value, start: usize, actual: &[u8], expected: &[u8]) {
        let source = &range["source"];
        match range["class"].as_str().unwrap() {
            class @ ("misplaced" | "stale") => {
                let field = |name: &str| source[name].as_u64().unwrap();
                let file = Coordinates {
                    generation: field("generation") as u16,
                    node: field("node") as u16,
                    process: field("process") as u16,
                    file: field("file") as u32,
                };
                let mut bytes = vec![0; actual.len()];
                self.model.content.fill(file, field("offset"), &mut bytes);
                assert!(bytes == actual, "the source does not have these bytes: {range}");
                if class == "stale" {
                    assert_eq!(field("offset"), start as u64);
                }
            }
            // What is wrong of it; a right byte in a gap is no reason to call it something else.
            "zeroed" => {
                let right = expected.get(start..).unwrap_or_default();
                let is_right = |at: usize| right.get(at) == Some(&actual[at]);
                assert!((0..actual.len()).all(|at| actual[at] == 0 || is_right(at)));
            }
            "flipped" => {
                let bits: u32 =
                    actual.iter().zip(&expected[start..]).map(|(a, b)| (a ^ b).count_ones()).sum();
                assert!((1..=8).contains(&bits), "{bits} bits: {range}");
                assert!(source.is_null());
            }
            "foreign" => assert!(source.is_null()),
            class => panic!("unknown class {class}"),
        }
    }

    fn document(&self, file: usize) -> Value {
        read_document(&self.filesystem, self.status[file])
    }
}

fn read_document(filesystem: &Filesystem, inode: Inode) -> Value {
    let opened = filesystem.open(inode, false).unwrap();
    let size = filesystem.attributes(inode).unwrap().size.size_bytes;
    assert_eq!(size, 0, "only making a document tells its size");
    let mut json = vec![0; filesystem.open_document_bytes() as usize + 10];
    let read = filesystem.read(inode, opened.handle, 0, &mut json).unwrap();
    filesystem.release(inode, opened.handle);
    serde_json::from_slice(&json[..read]).unwrap()
}

/// The operations that healed a file must leave nothing behind.
fn heal(checked: &mut Checked, ranges: &[Range<u64>]) {
    for file in 0..FILES.len() {
        for range in ranges {
            checked.apply(&Operation::Write {
                file,
                offset: range.start,
                length: (range.end - range.start) as usize,
                data: Data::Right,
            });
        }
        checked.apply(&Operation::Resize { file, size: SIZE });
    }
    checked.check();
    for file in 0..FILES.len() {
        let document = checked.document(file);
        assert_eq!(document["verdict"], "verified");
        assert_eq!(document["extents"], 1, "one extent when all is well: {document}");
        assert_eq!(document["kept_bytes"], 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        // Beside this file: commit what it writes there, and the failure stays found.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_filesystem_is_the_model(operations in prop::collection::vec(operations(), 1..25)) {
        let mut checked = Checked::new();
        for operation in &operations {
            checked.apply(operation);
            checked.check();
        }
        heal(&mut checked, &[5000..SIZE, 100..5003, 0..100]);
    }
}
