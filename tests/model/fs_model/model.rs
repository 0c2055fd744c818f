//! The slow obvious model: the bytes of each file, and for each byte whether somebody wrote it.
//! Operations are done to it and to a filesystem, which must agree after each of them.
//!
//! Nothing here knows how operations are chosen: property tests do that, and fuzzers.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use seedfs::content::Content;
use seedfs::dataset::{Coordinates, Dataset, DatasetConfig, Inode, Scope, TemplateFile};
use seedfs::fs::{
    Allocate, Error, Filesystem, InodeKind, NewEntry, OpenFor, Options, RenameMode, Seek,
    SetAttributes,
};
use serde_json::Value;

/// A small dataset, in numbers of which any will do.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `random`, `text`, `zero` or a file, by this number modulo 4; a format instead, if one is set.
    pub(crate) content: u8,
    /// Percent; modulo what is accepted, here and below.
    pub(crate) compress: u8,
    /// Percent, the size of a block as a power of two above 512, and the scope.
    pub(crate) dedup: (u8, u8, u8),
    /// Percent, and by how much a block is larger, as a power of two.
    pub(crate) change: (u8, u8),
    pub(crate) size: u16,
    /// Whether sizes are drawn up to that one.
    pub(crate) drawn: bool,
    /// Percent.
    pub(crate) grow: u8,
    /// Percent.
    pub(crate) new_files: u8,
    /// The only generation, or how many there are.
    pub(crate) generations: (u8, u8),
    pub(crate) files: u8,
    /// A format for the content, by this number modulo how many there are; the shape and the size
    /// are the format's then.
    pub(crate) format: Option<u8>,
}

/// Small files of all formats.
const FORMATS: [&str; 14] = [
    "npy:f4,3x700",
    "npy:bool,5000",
    "npy:i8,900",
    "npz:x:f4,500+y:i8,300",
    "tfrecord:700,10",
    "hdf5:f8,900",
    "arrow:a:f4+b:bool+c:i8,200,70",
    "parquet:a:f4+b:bool+c:i8,300,100",
    "jsonl:id:int9+x:float6+name:text12+ok:bit,90",
    "csv:id:int9+x:float6+name:text12+ok:bit,90",
    "bmp:41x40",
    "png:41x40",
    "png:3000x1",
    "npy:u1,1",
];

impl Asked {
    /// The dataset that comes nearest.
    pub(crate) fn dataset(&self) -> Dataset {
        if let Some(format) = self.format {
            let content = FORMATS[usize::from(format) % FORMATS.len()];
            let config = DatasetConfig {
                seed: Some("model".into()),
                nodes: Some(2.into()),
                files: Some(u64::from(self.files % 3 + 1).into()),
                iterations: Some(u64::from(self.generations.1 % 5 + 1).into()),
                content: Some(content.into()),
                ..DatasetConfig::default()
            };
            return config.validate().expect(content);
        }
        let made = self.content % 4 < 2;
        let size = self.size % 9000 + 1;
        let size = if self.drawn { format!("1..{size}") } else { size.to_string() };
        let mut toml = format!(
            "seed = 'model'\nnodes = 2\nprocesses = 2\nfiles = {}\nsize = '{size}'\n\
             {}\n",
            self.files % 3 + 1,
            match self.generations {
                (first, 0) => format!("generation = {}", first % 6),
                (_, count) => format!("iterations = {}", count % 5 + 1),
            },
        );
        let names = ["random", "text", "zero", "file:t"];
        writeln!(toml, "content = '{}'", names[usize::from(self.content % 4)]).unwrap();
        let change = if made { self.change.0 % 101 } else { 100 };
        if change < 100 {
            // Sizes and numbers of files grow only where generations have something in common.
            writeln!(toml, "grow = {}\nnew_files = {}", self.grow % 41, self.new_files % 101)
                .unwrap();
        }
        if self.content.is_multiple_of(4) {
            writeln!(toml, "compress = {}", self.compress % 96).unwrap();
        }
        let (dedup, block, scope) = self.dedup;
        let (dedup, block) = (if made { dedup % 101 } else { 0 }, 9 + block % 4);
        if dedup > 0 {
            let scope = Scope::ALL[usize::from(scope % 3)].name();
            let block = 1 << block;
            writeln!(toml, "dedup = {dedup}\ndedup_block = {block}\ndedup_scope = '{scope}'")
                .unwrap();
        }
        if change < 100 {
            let block = 1 << (block + self.change.1 % 3);
            writeln!(toml, "change = {change}\nchange_block = {block}").unwrap();
        }
        let mut config: DatasetConfig = toml::from_str(&toml).unwrap();
        let template = [&random(1, 700)[..], &[0; 900], b"and a tail"].concat();
        config.template = TemplateFile::new("t".to_owned(), template);
        config.validate().expect(&toml)
    }
}

/// Bytes to write. They are those of a file of the dataset, the one that the write is like, at the
/// place where they are written, but for what is said.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// What belongs there; past the end, what would follow.
    Right,
    /// Content of another file, from an offset of its own.
    Content { name: usize, offset: u64 },
    /// The same place in another generation.
    Generation(u16),
    /// What the place would be in a generation if the dataset had no shape.
    Keystream(u16),
    /// One byte, over and over.
    Filled(u8),
    /// Nobody's.
    Random(u64),
    /// What belongs there, with bits flipped at these positions (modulo the length, in bits).
    Flipped(Vec<usize>),
    /// Right, with a foreign hole in the middle.
    Damaged(u64),
}

/// A run of bytes of one kind; at least one.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) length: usize,
    pub(crate) data: Data,
}

/// What is done. A name counts modulo those that there are; one that stands for nothing is made by
/// a write, and everything else leaves it alone.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Writes so many bytes made of the parts, over and over, in requests of `request` bytes. They
    /// are those of the file `like`.
    Write {
        name: usize,
        like: usize,
        offset: u64,
        length: usize,
        parts: Vec<Part>,
        request: usize,
    },
    Resize {
        name: usize,
        size: u64,
    },
    Read {
        name: usize,
        offset: u64,
        length: usize,
    },
    Rename {
        from: usize,
        to: usize,
        exchange: bool,
    },
    Copy {
        from: usize,
        from_offset: u64,
        to: usize,
        to_offset: u64,
        length: u64,
    },
    Hole {
        name: usize,
        offset: u64,
        length: u64,
    },
    Zeros {
        name: usize,
        offset: u64,
        length: u64,
    },
    Remove {
        name: usize,
    },
}

/// Names that the dataset does not have.
const TEMPORARY: [&str; 2] = ["temporary", "other"];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Untouched,
    Written,
    Hole,
}

/// What one file has, byte by byte.
#[derive(Clone, Default)]
struct ModelFile {
    bytes: Vec<u8>,
    state: Vec<State>,
    /// The name whose file it is in the dataset.
    home: Option<usize>,
}

impl ModelFile {
    /// Bytes that are put somewhere; what is left out before them is a hole.
    fn put(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.bytes.len() < end {
            self.resize(end);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        self.state[offset..end].fill(State::Written);
    }

    fn resize(&mut self, size: usize) {
        self.bytes.resize(size, 0);
        self.state.resize(size, State::Hole);
    }
}

/// One name.
struct Named {
    parent: Inode,
    name: Vec<u8>,
    /// Of a name of the dataset: the file, its content and its document.
    file: Option<(Coordinates, Vec<u8>, Inode)>,
    /// What it stands for.
    stands_for: Option<ModelFile>,
}

/// A filesystem and its model.
pub(crate) struct Checked {
    filesystem: Filesystem,
    keystream: Content,
    names: Vec<Named>,
    /// Whether the rule of gaps can be asked: filler and words agree by chance.
    is_plain: bool,
}

impl Checked {
    /// Operations will work on these files, and on names that the dataset does not have.
    pub(crate) fn new(dataset: &Dataset, files: &[Coordinates]) -> Self {
        let filesystem = Filesystem::new(dataset.clone(), Options::default());
        let content = Content::of(dataset);
        let walk = |path: &str| {
            path.split('/')
                .fold(Inode::ROOT, |parent, name| filesystem.find(parent, name.as_bytes()).unwrap())
        };
        let mut names = Vec::new();
        for (home, file) in files.iter().enumerate() {
            let path = dataset.namespace().path_of(*file).unwrap();
            let (directory, name) = path.rsplit_once('/').unwrap();
            let mut bytes = vec![0; dataset.size_bytes(*file) as usize];
            content.fill(*file, 0, &mut bytes);
            let state = vec![State::Untouched; bytes.len()];
            let stands_for = Some(ModelFile { bytes: bytes.clone(), state, home: Some(home) });
            let document = walk(&format!(".status/files/{path}.json"));
            let file = Some((*file, bytes, document));
            let name = name.as_bytes().to_vec();
            names.push(Named { parent: walk(directory), name, file, stands_for });
        }
        names.extend(TEMPORARY.map(|name| Named {
            parent: Inode::ROOT,
            name: name.as_bytes().to_vec(),
            file: None,
            stands_for: None,
        }));
        Self {
            filesystem,
            keystream: Content::new(dataset.seed()),
            names,
            is_plain: dataset.shape(Coordinates::default()).is_plain(),
        }
    }

    fn inode(&self, name: usize) -> Inode {
        let Named { parent, name, .. } = &self.names[name];
        self.filesystem.find(*parent, name).unwrap()
    }

    /// The inode and the model of a name that stands for a file.
    fn existing(&mut self, name: usize) -> Option<(Inode, &mut ModelFile)> {
        let name = name % self.names.len();
        self.names[name].stands_for.as_ref()?;
        Some((self.inode(name), self.names[name].stands_for.as_mut()?))
    }

    fn data(&self, like: Coordinates, offset: u64, length: usize, data: &Data) -> Vec<u8> {
        let content = self.filesystem.content();
        let mut bytes = vec![0; length];
        let in_generation = |generation| Coordinates { generation, ..like };
        match data {
            Data::Filled(byte) => bytes.fill(*byte),
            Data::Random(seed) => bytes = random(*seed, length),
            Data::Content { name, offset } => {
                let file = self.file(*name);
                content.fill(file, *offset, &mut bytes);
            }
            Data::Generation(generation) => {
                content.fill(in_generation(*generation), offset, &mut bytes);
            }
            Data::Keystream(generation) => {
                self.keystream.fill(in_generation(*generation), offset, &mut bytes);
            }
            Data::Right | Data::Flipped(_) | Data::Damaged(_) => {
                content.fill(like, offset, &mut bytes);
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

    /// The file of the dataset that a name counts as where it must be one.
    fn file(&self, name: usize) -> Coordinates {
        let files = self.names.iter().filter_map(|named| named.file.as_ref());
        let count = files.clone().count();
        files.map(|(file, ..)| *file).nth(name % count).unwrap()
    }

    /// Does one thing to both.
    pub(crate) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Write { name, like, offset, length, parts, request } => {
                self.write(*name, (*like, *offset, *length), parts, *request);
            }
            Operation::Resize { name, size } => {
                let Some((inode, file)) = self.existing(*name) else { return };
                file.resize(*size as usize);
                let set = SetAttributes { size_bytes: Some(*size), ..SetAttributes::default() };
                let attributes = self.filesystem.set_attributes(inode, &set).unwrap();
                assert_eq!(attributes.size.size_bytes, *size);
            }
            Operation::Read { name, offset, length } => {
                let Some((inode, file)) = self.existing(*name) else { return };
                let start = file.bytes.len().min(*offset as usize);
                let end = file.bytes.len().min(start + length);
                let expected = file.bytes[start..end].to_vec();
                let mut out = vec![0xee; *length];
                let read = self.filesystem.read(inode, 0, *offset, &mut out).unwrap();
                assert!(out[..read] == expected);
            }
            Operation::Rename { from, to, exchange } => self.rename(*from, *to, *exchange),
            Operation::Copy { from, from_offset, to, to_offset, length } => {
                self.copy((*from, *from_offset), (*to, *to_offset), *length);
            }
            Operation::Hole { name, offset, length } => {
                self.allocate(*name, *offset, *length, Allocate::Hole);
            }
            Operation::Zeros { name, offset, length } => {
                self.allocate(*name, *offset, *length, Allocate::Zeros { keep_size: false });
            }
            Operation::Remove { name } => {
                if self.existing(*name).is_some() {
                    let name = name % self.names.len();
                    let Named { parent, name, stands_for, .. } = &mut self.names[name];
                    self.filesystem.unlink(*parent, name).unwrap();
                    *stands_for = None;
                }
            }
        }
    }

    fn write(
        &mut self,
        name: usize,
        (like, offset, length): (usize, u64, usize),
        parts: &[Part],
        request: usize,
    ) {
        let like = self.file(like);
        let mut data = Vec::with_capacity(length);
        for Part { length: part, data: kind } in parts.iter().cycle() {
            let room = (*part).min(length - data.len());
            if room == 0 {
                break;
            }
            data.extend(self.data(like, offset + data.len() as u64, room, kind));
        }
        let name = name % self.names.len();
        let named = &mut self.names[name];
        if named.stands_for.is_none() {
            let new = NewEntry { kind: InodeKind::File, mode: 0o644, uid: 0, gid: 0, target: None };
            self.filesystem.make(named.parent, &named.name, &new).unwrap();
        }
        named.stands_for.get_or_insert_default().put(offset as usize, &data);
        let inode = self.inode(name);
        for (index, part) in data.chunks(request).enumerate() {
            let offset = offset + (index * request) as u64;
            self.filesystem.write(inode, offset, part).unwrap();
        }
    }

    fn rename(&mut self, from: usize, to: usize, exchange: bool) {
        let (from, to) = (from % self.names.len(), to % self.names.len());
        let mode = if exchange { RenameMode::Exchange } else { RenameMode::Replace };
        let (old, new) = (&self.names[from], &self.names[to]);
        let renamed = self.filesystem.rename(old.parent, &old.name, new.parent, &new.name, mode);
        if old.stands_for.is_none() || exchange && new.stands_for.is_none() {
            assert_eq!(renamed, Err(Error::NotFound));
            return;
        }
        renamed.unwrap();
        if from != to {
            let moved = self.names[from].stands_for.take();
            let replaced = std::mem::replace(&mut self.names[to].stands_for, moved);
            self.names[from].stands_for = replaced.filter(|_| exchange);
        }
    }

    fn copy(&mut self, from: (usize, u64), to: (usize, u64), length: u64) {
        let Some((from_inode, file)) = self.existing(from.0) else { return };
        let start = file.bytes.len().min(from.1 as usize);
        let end = file.bytes.len().min(start + length as usize);
        let bytes = file.bytes[start..end].to_vec();
        let Some((to_inode, file)) = self.existing(to.0) else { return };
        let overlaps = from_inode == to_inode && from.1.abs_diff(to.1) < bytes.len() as u64;
        if !bytes.is_empty() && !overlaps {
            file.put(to.1 as usize, &bytes);
        }
        let copied = self.filesystem.copy_range((from_inode, from.1), (to_inode, to.1), length);
        let expected = if overlaps { Err(Error::Invalid) } else { Ok(bytes.len() as u64) };
        assert_eq!(copied, expected);
    }

    fn allocate(&mut self, name: usize, offset: u64, length: u64, how: Allocate) {
        let Some((inode, file)) = self.existing(name) else { return };
        let range = offset as usize..(offset + length) as usize;
        if how == Allocate::Hole {
            let inside = range.start.min(file.bytes.len())..range.end.min(file.bytes.len());
            file.bytes[inside.clone()].fill(0);
            file.state[inside].fill(State::Hole);
        } else {
            file.put(range.start, &vec![0; range.len()]);
        }
        self.filesystem.allocate(inode, offset..offset + length, how).unwrap();
    }

    /// Compares all that can be known of every name.
    pub(crate) fn check(&self) {
        for (name, named) in self.names.iter().enumerate() {
            if let Some(model) = &named.stands_for {
                self.check_bytes(name, model);
                self.check_holes(name, model);
                if let Some((file, expected, document)) = &named.file {
                    let document = read_document(&self.filesystem, *document);
                    self.check_verdict(name, model, (*file, expected), &document);
                }
            } else {
                let found = self.filesystem.find(named.parent, &named.name);
                assert_eq!(found, Err(Error::NotFound), "name {name}");
            }
        }
    }

    fn check_bytes(&self, name: usize, model: &ModelFile) {
        let inode = self.inode(name);
        let attributes = self.filesystem.attributes(inode).unwrap();
        assert_eq!(attributes.size.size_bytes, model.bytes.len() as u64);
        let data = model.state.iter().filter(|state| **state != State::Hole).count();
        assert_eq!(attributes.size.allocated_bytes, data as u64);
        let mut out = vec![0xee; model.bytes.len() + 100];
        let read = self.filesystem.read(inode, 0, 0, &mut out).unwrap();
        assert!(out[..read] == model.bytes[..], "the bytes of name {name}");
    }

    fn check_holes(&self, name: usize, model: &ModelFile) {
        let inode = self.inode(name);
        let size = model.bytes.len();
        for offset in (0..size + 20).step_by(397) {
            for (seek, hole) in [(Seek::Data, false), (Seek::Hole, true)] {
                let found = (offset..size).find(|at| (model.state[*at] == State::Hole) == hole);
                let expected = match found {
                    Some(at) => Ok(at as u64),
                    None if hole && offset < size => Ok(size as u64),
                    None => Err(Error::PastEnd),
                };
                let got = self.filesystem.seek(inode, offset as u64, seek);
                assert_eq!(got, expected, "{seek:?} from {offset}");
            }
        }
    }

    fn check_verdict(
        &self,
        name: usize,
        model: &ModelFile,
        (file, expected): (Coordinates, &[u8]),
        document: &Value,
    ) {
        let count = |state: State| {
            model.state.iter().take(expected.len()).filter(|it| **it == state).count() as u64
        };
        let bytes = |name: &str| document["bytes"][name].as_u64().unwrap();
        let cut_off = expected.len().saturating_sub(model.bytes.len()) as u64;
        let extra = model.bytes.len().saturating_sub(expected.len()) as u64;
        assert_eq!(bytes("expected"), expected.len() as u64);
        assert_eq!(bytes("missing"), count(State::Hole) + cut_off, "{document}");
        assert_eq!(bytes("extra"), extra, "{document}");
        if model.home == Some(name) {
            assert_eq!(bytes("untouched"), count(State::Untouched), "{document}");
            assert_eq!(bytes("matched") + bytes("wrong"), count(State::Written), "{document}");
        } else {
            // What nobody wrote can be wrong here.
            assert!(bytes("untouched") <= count(State::Untouched), "{document}");
            assert!(bytes("matched") <= count(State::Written), "{document}");
            let there = count(State::Untouched) + count(State::Written);
            let seen = bytes("untouched") + bytes("matched") + bytes("wrong");
            assert_eq!(seen, there, "{document}");
        }

        let is_wrong =
            |at: &usize| model.bytes[*at] != expected[*at] && model.state[*at] != State::Hole;
        let inside = 0..expected.len().min(model.bytes.len());
        let wrong: Vec<usize> = inside.filter(is_wrong).collect();
        self.check_ranges(&model.bytes, (file, expected), document, &wrong);
        let verdict = if !wrong.is_empty() || extra > 0 {
            "mismatch"
        } else if count(State::Written) == expected.len() as u64 {
            "verified"
        } else if count(State::Untouched) == expected.len() as u64 {
            "untouched"
        } else {
            "incomplete"
        };
        assert_eq!(document["verdict"], verdict, "{document}");
        assert_eq!(
            self.filesystem.xattr(self.inode(name), b"user.seedfs.verdict").unwrap(),
            verdict.as_bytes()
        );
    }

    /// Every wrong byte is in a range, and no range is wider than the rule says.
    fn check_ranges(
        &self,
        bytes: &[u8],
        expectation: (Coordinates, &[u8]),
        document: &Value,
        wrong: &[usize],
    ) {
        let (_, expected) = expectation;
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
            self.check_class(range, expectation, (start, actual));
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
                assert!(at - previous <= 16 || !self.is_plain, "a gap of more than 15: {range}");
                previous = at;
            }
            assert_eq!(previous, end - 1, "ends with a wrong byte: {range}");
        }
        assert_eq!(left.next(), None, "a wrong byte in no range: {document}");
        assert_eq!(document["bytes"]["wrong"], counted);
    }

    fn check_class(
        &self,
        range: &Value,
        (file, expected): (Coordinates, &[u8]),
        (start, actual): (usize, &[u8]),
    ) {
        let source = &range["source"];
        match range["class"].as_str().unwrap() {
            class @ ("misplaced" | "stale") => {
                let field = |name: &str| source[name].as_u64().unwrap();
                let first = field("generation") as u16;
                let last = source["last_generation"].as_u64().map_or(first, |last| last as u16);
                for generation in first..=last.min(self.last_generation()) {
                    let source = Coordinates {
                        generation,
                        node: field("node") as u16,
                        process: field("process") as u16,
                        file: field("file") as u32,
                    };
                    let mut bytes = vec![0; actual.len()];
                    self.filesystem.content().fill(source, field("offset"), &mut bytes);
                    assert!(bytes == actual, "{generation} does not have these bytes: {range}");
                }
                if class == "stale" {
                    // Blocks that are shared may have come from another place that shows them.
                    let place = Coordinates { generation: first, ..file };
                    let mut byte = [0];
                    self.filesystem.content().fill(place, start as u64, &mut byte);
                    assert_eq!(byte[0], actual[0], "{range}");
                    assert!(!self.is_plain || field("offset") == start as u64, "{range}");
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

    fn last_generation(&self) -> u16 {
        self.filesystem.dataset().generations().last()
    }

    /// Writes what belongs into every file, in pieces, and leaves nothing behind of what was there.
    pub(crate) fn heal(&mut self) {
        for name in 0..self.names.len() {
            let Some((_, expected, _)) = &self.names[name].file else { continue };
            let size = expected.len();
            let cuts = [size / 2..size, size / 90..size / 2 + 3, 0..size / 90 + 1];
            for range in cuts {
                self.apply(&Operation::Write {
                    name,
                    like: name,
                    offset: range.start as u64,
                    length: range.len().min(size - range.start),
                    parts: vec![Part { length: size, data: Data::Right }],
                    request: size,
                });
            }
            self.apply(&Operation::Resize { name, size: size as u64 });
        }
        self.check();
        for (_, _, document) in self.names.iter().filter_map(|named| named.file.as_ref()) {
            let document = read_document(&self.filesystem, *document);
            assert_eq!(document["verdict"], "verified");
            assert_eq!(document["extents"], 1, "one extent when all is well: {document}");
            assert_eq!(document["kept_bytes"], 0);
        }
    }
}

/// Some files of a dataset to work on: those at these places among all, and the same ones in the
/// first and in the last generation, so that generations meet.
pub(crate) fn some_files(dataset: &Dataset, picks: &[u16]) -> Vec<Coordinates> {
    let generations = dataset.generations();
    let dimensions = dataset.dimensions();
    let mut all = Vec::new();
    for generation in generations.first()..=generations.last() {
        for node in 0..dimensions.nodes as u16 {
            for process in 0..dimensions.processes as u16 {
                for file in 0..generations.files_at(generation) as u32 {
                    all.push(Coordinates { generation, node, process, file });
                }
            }
        }
    }
    let mut chosen = BTreeSet::new();
    for pick in picks {
        let file = all[usize::from(*pick) % all.len()];
        for generation in [file.generation, generations.first(), generations.last()] {
            let file = Coordinates { generation, ..file };
            chosen.extend(Some(file).filter(|file| dataset.contains(*file)));
        }
    }
    chosen.into_iter().collect()
}

/// Bytes that are as good as random, and the same for the same seed.
fn random(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn read_document(filesystem: &Filesystem, inode: Inode) -> Value {
    let opened = filesystem.open(inode, OpenFor::Reading).unwrap();
    let size = filesystem.attributes(inode).unwrap().size.size_bytes;
    assert_eq!(size, 0, "only making a document tells its size");
    let mut json = vec![0; filesystem.open_document_bytes() as usize + 10];
    let read = filesystem.read(inode, opened.handle, 0, &mut json).unwrap();
    filesystem.release(inode, opened.handle);
    serde_json::from_slice(&json[..read]).unwrap()
}
