//! What a filesystem says of data in a shape, without a mount: every kind of wrong, in its place.

use std::ops::Range;

use seedfs::content::Content;
use seedfs::dataset::{Coordinates, DatasetConfig, TemplateFile};
use seedfs::fs::{Allocate, Filesystem, InodeKind, NewEntry, Options, RenameMode};
use serde_json::{Value, json};

use crate::common::foreign;
use crate::common::unmounted::{self, document, new_entry, resolve};

const SIZE: usize = 1 << 20;

struct Shown {
    filesystem: Filesystem,
    content: Content,
}

impl Shown {
    fn new(shape: &str) -> Self {
        let toml = format!("seed = 42\nprocesses = 2\nsize = {SIZE}\niterations = 6\n{shape}");
        let mut config: DatasetConfig = toml::from_str(&toml).unwrap();
        config.template = TemplateFile::new("t".to_owned(), template());
        let dataset = config.validate().unwrap();
        let content = Content::of(&dataset);
        Self { filesystem: Filesystem::new(dataset, Options::default()), content }
    }

    fn bytes(&self, generation: u16, process: u16) -> Vec<u8> {
        let mut bytes = vec![0; SIZE];
        self.content.fill(file(generation, process), 0, &mut bytes);
        bytes
    }

    fn write(&self, generation: u16, process: u16, offset: usize, data: &[u8]) {
        let inode = resolve(&self.filesystem, &path(generation, process));
        for (index, part) in data.chunks(128 << 10).enumerate() {
            let at = offset as u64 + index as u64 * (128 << 10);
            self.filesystem.write(inode, at, part).unwrap();
        }
    }

    /// What the file's document says.
    fn document(&self, generation: u16, process: u16) -> Value {
        document(&self.filesystem, &format!("files/{}.json", path(generation, process)))
    }

    /// The wrong ranges after `data` was written over the right bytes, healed before the next.
    fn wrong(&self, offset: usize, data: &[u8]) -> Vec<(Range<usize>, String)> {
        self.write(5, 0, offset, data);
        let ranges = ranges(&self.document(5, 0));
        let right = self.bytes(5, 0);
        self.write(5, 0, 0, &right);
        assert_eq!(self.document(5, 0)["verdict"], "verified");
        ranges
    }
}

fn ranges(document: &Value) -> Vec<(Range<usize>, String)> {
    let number = |value: &Value| value.as_u64().unwrap() as usize;
    let range = |range: &Value| {
        let start = number(&range["offset"]);
        let class = range["class"].as_str().unwrap().to_owned();
        (start..start + number(&range["length"]), class)
    };
    document["ranges"].as_array().unwrap().iter().map(range).collect()
}

fn template() -> Vec<u8> {
    let mut bytes = vec![0; 300_000];
    Content::new("a template").fill(Coordinates::default(), 0, &mut bytes);
    // As sparse as disk images are.
    bytes[100_000..200_000].fill(0);
    bytes
}

fn file(generation: u16, process: u16) -> Coordinates {
    Coordinates { generation, process, ..Coordinates::default() }
}

fn path(generation: u16, process: u16) -> String {
    format!("iteration_{generation}/node_0/process_{process}")
}

const SHAPES: [&str; 9] = [
    "compress = 50",
    "compress = 95",
    "dedup = 50",
    "dedup = 90\ndedup_block = 512\ndedup_scope = 'file'",
    "change = 30",
    "compress = 75\ndedup = 40\nchange = 20",
    "content = 'text'",
    "content = 'zero'",
    "content = 'file:t'",
];

#[test]
fn right_bytes_are_verified_in_every_shape() {
    for shape in SHAPES {
        let shown = Shown::new(shape);
        let right = shown.bytes(5, 0);
        shown.write(5, 0, 0, &right);
        let document = shown.document(5, 0);
        assert_eq!(document["verdict"], "verified", "{shape}");
        assert_eq!(document["kept_bytes"], 0, "{shape}");
        let mut read = vec![0; SIZE];
        let inode = resolve(&shown.filesystem, &path(5, 0));
        assert_eq!(shown.filesystem.read(inode, 0, 0, &mut read), Ok(SIZE));
        assert!(read == right, "{shape}");
    }
}

#[test]
fn each_wrong_thing_is_one_range_of_its_class() {
    for shape in SHAPES {
        let shown = Shown::new(shape);
        shown.write(5, 0, 0, &shown.bytes(5, 0));
        let right = shown.bytes(5, 0);

        let flipped = [right[70_000] ^ 4];
        let one = |range, class: &str| vec![(range, class.to_owned())];
        assert_eq!(shown.wrong(70_000, &flipped), one(70_000..70_001, "flipped"), "{shape}");

        let found = shown.wrong(65_536, &foreign(0, 4096));
        assert_eq!(found.len(), 1, "{shape}: {found:?}");
        assert_eq!(found[0].1, "foreign", "{shape}");
        assert!(found[0].0.len() > 4060, "{shape}: {found:?}");

        let found = shown.wrong(65_536, &[0; 8192]);
        if shape == "content = 'zero'" {
            assert_eq!(found, [], "{shape}");
        } else {
            assert_eq!(found.len(), 1, "{shape}: {found:?}");
            assert_eq!(found[0].1, "zeroed", "{shape}");
            assert!(found[0].0.len() > 8150, "{shape}: {found:?}");
        }
    }
}

#[test]
fn a_misplaced_page_is_one_range_whatever_its_filler() {
    for shape in ["compress = 50", "compress = 95"] {
        let shown = Shown::new(shape);
        shown.write(5, 0, 0, &shown.bytes(5, 0));
        let page = &shown.bytes(5, 1)[40_960..45_056];
        shown.write(5, 0, 8192, page);
        let document = shown.document(5, 0);
        let found = ranges(&document);
        assert_eq!(found.len(), 1, "{shape}: {document}");
        assert_eq!(found[0].1, "misplaced");
        // Single bytes that agree by chance beside the filler split none of many.
        let other = shown.bytes(5, 1);
        for number in 0..100 {
            let found = shown.wrong(8192, &other[number * 4096..][..4096]);
            assert_eq!(found.len(), 1, "{shape}: page {number}: {found:?}");
        }
        assert_eq!(document["ranges"][0]["source"]["path"], json!(path(5, 1)));
        assert_eq!(document["ranges"][0]["source"]["offset"], 40_960 + found[0].0.start - 8192);
        assert!(found[0].0.len() > 4096 - 512, "{found:?}");
    }
}

/// Both ways in which an older generation comes over a newer one: its bytes, and its extents.
#[test]
fn an_older_generation_is_stale_exactly_where_it_changed() {
    for shape in ["change = 30", "change = 20\ncompress = 50", "change = 20\ncontent = 'text'"] {
        for by_extents in [false, true] {
            let shown = Shown::new(shape);
            let (old, new) = (shown.bytes(2, 0), shown.bytes(5, 0));
            if by_extents {
                let (from, to) = (
                    resolve(&shown.filesystem, &path(2, 0)),
                    resolve(&shown.filesystem, &path(5, 0)),
                );
                let copied = shown.filesystem.copy_range((from, 0), (to, 0), SIZE as u64);
                assert_eq!(copied, Ok(SIZE as u64));
            } else {
                shown.write(5, 0, 0, &old);
            }
            let document = shown.document(5, 0);
            let found = ranges(&document);
            assert!(found.len() > 20, "{shape}");
            let mut covered = vec![false; SIZE];
            let text = shape.contains("text");
            for (index, (range, class)) in found.iter().enumerate() {
                // Words do not say where they come from: only extents do.
                let right = if text && !by_extents { "foreign" } else { "stale" };
                assert_eq!(class, right, "{shape}");
                assert!(old[range.start] != new[range.start]);
                assert!(old[range.end - 1] != new[range.end - 1]);
                covered[range.clone()].fill(true);
                if right == "stale" {
                    let source = &document["ranges"][index]["source"];
                    let first = source["generation"].as_u64().unwrap();
                    let last = source["last_generation"].as_u64().unwrap();
                    assert!(first <= 2 && (2..5).contains(&last), "{shape}: {source}");
                }
            }
            for at in 0..SIZE {
                assert!(covered[at] || old[at] == new[at], "{shape}: byte {at}");
            }
            let wrong: usize = found.iter().map(|(range, _)| range.len()).sum();
            assert_eq!(document["bytes"]["wrong"], wrong);
            assert_eq!(document["bytes"]["matched"], SIZE - wrong);
        }
    }
}

#[test]
fn a_shared_block_is_named() {
    let shown = Shown::new("dedup = 50");
    let other = shown.bytes(5, 1);
    shown.write(5, 0, 0, &shown.bytes(5, 0));
    // Backwards, so that no block goes on where another stopped.
    for block in 0..16 {
        shown.write(5, 0, block * 4096, &other[131_072 - block * 4096..][..4096]);
    }
    let document = shown.document(5, 0);
    let sources: Vec<_> =
        document["ranges"].as_array().unwrap().iter().map(|range| &range["source"]).collect();
    assert!(sources.iter().any(|source| source["shared_block"].is_u64()), "{document}");
    for source in sources {
        assert_eq!(source["path"].is_null(), source["shared_block"].is_u64(), "{source}");
    }
}

#[test]
fn zeros_are_right_where_the_content_is_zeros() {
    for (shape, wrong) in [("content = 'zero'", 0), ("content = 'file:t'", 50_000)] {
        let shown = Shown::new(shape);
        let inode = resolve(&shown.filesystem, &path(5, 0));
        let zeros = Allocate::Zeros { keep_size: true };
        shown.filesystem.allocate(inode, 50_000..150_000, zeros).unwrap();
        let document = shown.document(5, 0);
        assert!(document["bytes"]["wrong"].as_u64().unwrap().abs_diff(wrong) < 300, "{document}");
        let written = document["bytes"]["matched"].as_u64().unwrap();
        assert!(written.abs_diff(100_000 - wrong) < 300, "{document}");
    }
}

/// A copy under a name that nobody knows costs nothing where all files hold the same.
#[test]
fn a_temporary_copy_of_a_template_is_not_kept() {
    for shape in ["content = 'zero'", "content = 'file:t'", "compress = 50", "dedup = 50"] {
        let shown = Shown::new(shape);
        let parent = resolve(&shown.filesystem, "iteration_5/node_0");
        let new = NewEntry { kind: InodeKind::File, mode: 0o644, uid: 0, gid: 0, target: None };
        let made = shown.filesystem.make(parent, b"tmp", &new).unwrap().inode;
        let right = shown.bytes(5, 0);
        for (index, part) in right.chunks(65_536).enumerate() {
            shown.filesystem.write(made, index as u64 * 65_536, part).unwrap();
        }
        assert_eq!(shown.filesystem.usage().kept_bytes, 0, "{shape}");
    }
}

/// Where the file ends within a block in one generation, and no longer in a later one, the block
/// may be the file's own first and a shared one then: it changes although its rhythm says that it
/// stays.
#[test]
fn a_block_that_the_end_of_the_file_leaves_is_not_taken_for_the_one_behind_it() {
    let toml = "seed = 42\niterations = 3\nfiles = 300\nsize = 4196\ngrow = 50\nchange = 30\n\
                dedup = 50";
    let dataset = unmounted::dataset(toml);
    let content = Content::of(&dataset);
    let keystream = Content::new("42");
    let filesystem = Filesystem::new(dataset, Options::default());
    let directory = resolve(&filesystem, "iteration_2/node_0/process_0");
    let new = new_entry(InodeKind::File);
    for number in 0..300 {
        let at = Coordinates { generation: 2, file: number, ..Coordinates::default() };
        let mut right = vec![0; 8392];
        content.fill(at, 0, &mut right);
        let mut data = right.clone();
        keystream.fill(Coordinates { generation: 0, ..at }, 4096, &mut data[4096..8192]);
        let inode = filesystem.make(directory, b"temporary", &new).unwrap().inode;
        filesystem.write(inode, 0, &data).unwrap();
        let name = format!("file_{number}");
        let renamed = filesystem.rename(
            directory,
            b"temporary",
            directory,
            name.as_bytes(),
            RenameMode::Replace,
        );
        renamed.unwrap();
        let mut read = vec![0; data.len()];
        assert_eq!(filesystem.read(inode, 0, 0, &mut read), Ok(data.len()));
        assert!(read == data, "file {number} reads back as something else");
        let verdict = document(
            &filesystem,
            &format!("files/iteration_2/node_0/process_0/{name}.json"),
        )["verdict"]
            .clone();
        let expected = if data == right { "verified" } else { "mismatch" };
        assert_eq!(verdict, expected, "file {number}");
    }
}
