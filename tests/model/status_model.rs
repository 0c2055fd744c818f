//! Random changes to the names of a dataset, without a mount, against a slow obvious model: a tree
//! of nodes, and for each byte of a file whether somebody wrote it. After every step each document
//! under `.status` must say what a walk over all names finds, and every sum must be the sum of its
//! parts.

#![allow(clippy::collapsible_match, clippy::collapsible_if, reason = "one rule an arm reads best")]
#![allow(clippy::needless_pass_by_value, reason = "iterators that are cloned")]

mod documents;
mod model;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{Body, Data, Model, Operation, PAST_END, SIZE};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use seedfs::content::{Content, StopCheck};
use seedfs::dataset::{Coordinates, Dataset, DatasetConfig, Inode, TemplateFile};
use seedfs::fs::{
    Allocate, Error, Filesystem, InodeAttributes, InodeKind, OPEN_BYTES_MAX, OpenFor, Options,
    RenameMode, SetAttributes, XattrAnswer,
};
use serde_json::Value;

use crate::common::unmounted::{self, new_entry, resolve};

const SEED: &str = "names";

/// Layouts in which the directories have different parts of the coordinates.
const LAYOUTS: [(&str, u64, Option<u64>); 4] = [
    ("node_{node}/process_{process}/file_{file}", 2, None),
    ("node_{node}/process_{process}", 1, None),
    ("{file}/i{iteration}_n{node}/p{process}", 2, Some(2)),
    ("n{node}-p{process}-f{file}", 2, None),
];

fn dataset(layout: usize) -> Dataset {
    let (template, files, iterations) = LAYOUTS[layout];
    let mut toml =
        format!("seed = '{SEED}'\nnodes = 2\nprocesses = 2\nfiles = {files}\nsize = {SIZE}\n");
    if let Some(iterations) = iterations {
        writeln!(toml, "iterations = {iterations}").unwrap();
    }
    if files > 1 {
        writeln!(toml, "layout = '{template}'").unwrap();
    }
    unmounted::dataset(&toml)
}

/// The filesystem and the model of it.
struct Checked {
    filesystem: Filesystem,
    model: Model,
    files: BTreeMap<String, Coordinates>,
}

type Outcome = Result<(), Error>;

impl Checked {
    fn new(layout: usize) -> Self {
        let filesystem = Filesystem::new(dataset(layout), Options::default());
        let content = Content::new(SEED);
        let namespace = filesystem.dataset().namespace();
        let mut files = BTreeMap::new();
        for number in 1..=namespace.inode_count() {
            let path = namespace.path(Inode::new(number)).unwrap();
            if let Some(file) = namespace.coordinates(&path) {
                files.insert(path, file);
            }
        }
        let model = Model::new(files.iter().map(|(path, file)| {
            let mut bytes = vec![0; SIZE];
            content.fill(*file, 0, &mut bytes);
            (path.clone(), bytes)
        }));
        Self { filesystem, model, files }
    }

    fn resolve(&self, path: &str) -> Result<Inode, Error> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(Inode::ROOT, |parent, name| self.filesystem.find(parent, name.as_bytes()))
    }

    fn parent<'a>(&self, path: &'a str) -> Result<(Inode, &'a [u8]), Error> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok((self.resolve(parent)?, name.as_bytes()))
    }

    fn make(&self, path: &str, kind: InodeKind) -> Outcome {
        let (parent, name) = self.parent(path)?;
        self.filesystem.make(parent, name, &new_entry(kind)).map(|made| self.forgotten(made))
    }

    /// Nobody remembers what was made: it goes with its last name.
    fn forgotten(&self, made: InodeAttributes) {
        self.filesystem.forget(made.inode, 1);
    }

    fn apply(&mut self, operation: &Operation) {
        let outcome = self.run(operation);
        let expected = self.model.apply(operation);
        assert_eq!(outcome.is_ok(), expected, "{operation:?}: {outcome:?}");
    }

    fn run(&mut self, operation: &Operation) -> Outcome {
        match operation {
            Operation::Create(path) => self.make(path, InodeKind::File),
            Operation::MakeDirectory(path) => self.make(path, InodeKind::Directory),
            Operation::Symlink(path) => self.make(path, InodeKind::Symlink),
            Operation::Unlink(path) => {
                let (parent, name) = self.parent(path)?;
                self.filesystem.unlink(parent, name)
            }
            Operation::RemoveDirectory(path) => {
                let (parent, name) = self.parent(path)?;
                self.filesystem.remove_directory(parent, name)
            }
            Operation::RemoveTree(path) => self.remove_tree(path),
            Operation::Rename(from, to, mode) => {
                let (parent, name) = self.parent(from)?;
                let (new_parent, new_name) = self.parent(to)?;
                self.filesystem.rename(parent, name, new_parent, new_name, *mode)
            }
            Operation::Link(from, to) => {
                let (parent, name) = self.parent(to)?;
                let linked = self.filesystem.link(self.resolve(from)?, parent, name);
                linked.map(|linked| self.forgotten(linked))
            }
            Operation::Write { path, offset, length, data } => {
                let inode = self.resolve(path)?;
                let data = self.model.data(path, *offset, *length, data);
                self.filesystem.write(inode, *offset as u64, &data)
            }
            Operation::Truncate(path, size) => {
                let size_bytes = Some(*size as u64);
                let set = SetAttributes { size_bytes, ..SetAttributes::default() };
                self.filesystem.set_attributes(self.resolve(path)?, &set).map(drop)
            }
            Operation::Punch(path, range) => {
                let range = range.start as u64..range.end as u64;
                self.filesystem.allocate(self.resolve(path)?, range, Allocate::Hole)
            }
            Operation::Copy(from, to) => {
                let (from, to) = ((self.resolve(from)?, 0), (self.resolve(to)?, 0));
                self.filesystem.copy_range(from, to, PAST_END as u64).map(drop)
            }
            Operation::Reset(path) => {
                self.filesystem.control(format!("reset {path}\n").as_bytes()).map(drop)
            }
            Operation::ResetAll => self.filesystem.control(b"reset\n").map(drop),
        }
    }

    fn remove_tree(&mut self, path: &str) -> Outcome {
        let inode = self.resolve(path)?;
        if self.filesystem.attributes(inode)?.kind != InodeKind::Directory {
            return self.run(&Operation::Unlink(path.to_owned()));
        }
        for name in self.names(inode) {
            self.remove_tree(&format!("{path}/{name}"))?;
        }
        self.run(&Operation::RemoveDirectory(path.to_owned()))
    }

    fn names(&self, directory: Inode) -> Vec<String> {
        let mut names = Vec::new();
        self.filesystem
            .read_directory(directory, 0, &mut |entry| {
                names.push(String::from_utf8(entry.name.to_vec()).unwrap());
                true
            })
            .unwrap();
        names.retain(|name| name != "." && name != "..");
        names
    }

    fn check(&self) {
        self.check_names("", Inode::ROOT);
        let documents: Vec<(Coordinates, Value)> =
            self.files.iter().map(|(path, file)| (*file, self.check_file(path))).collect();
        self.check_totals(&documents, "summary.json");
        for node in 0..2 {
            self.check_node(&documents, node);
            self.check_process(&documents, node);
        }
        self.check_map();
        self.check_others();
        self.check_events();
        self.check_open();
        let space = self.filesystem.space();
        assert_eq!(space.files - space.files_free, self.model.file_names() as u64);
    }

    /// Names, kinds, link counts and bytes, from a directory downwards.
    fn check_names(&self, path: &str, directory: Inode) {
        let mut names = self.names(directory);
        names.sort();
        let expected: Vec<String> = self.model.names(path).map(|(name, _)| name.clone()).collect();
        assert_eq!(names, expected, "the names in {path:?}");
        for name in names {
            let path = format!("{path}/{name}");
            let inode = self.filesystem.find(directory, name.as_bytes()).unwrap();
            let attributes = self.filesystem.attributes(inode).unwrap();
            let node = self.model.node(&path).unwrap();
            assert_eq!(attributes.links, self.model.links(&path), "the links of {path}");
            match &node.body {
                Body::Directory(_) => {
                    assert_eq!(attributes.kind, InodeKind::Directory);
                    assert_eq!(self.filesystem.find(inode, b".."), Ok(directory), "{path}/..");
                    self.check_names(&path, inode);
                }
                Body::Symlink => assert_eq!(attributes.kind, InodeKind::Symlink),
                Body::File(file) => {
                    assert_eq!(attributes.kind, InodeKind::File);
                    assert_eq!(attributes.size.size_bytes, file.bytes.len() as u64, "{path}");
                    let mut bytes = vec![0xee; PAST_END * 2];
                    let read = self.filesystem.read(inode, 0, 0, &mut bytes).unwrap();
                    assert!(bytes[..read] == file.bytes, "the bytes of {path}");
                }
            }
        }
    }

    fn document(&self, path: &str) -> Value {
        unmounted::document(&self.filesystem, path)
    }

    /// One file's document against what stands under its name.
    fn check_file(&self, path: &str) -> Value {
        let document = self.document(&format!("files/{path}.json"));
        let found = self.model.found(path);
        let bytes = |name: &str| document["bytes"][name].as_u64().unwrap() as usize;
        assert_eq!(document["exists"], found.exists, "{document}");
        assert_eq!(document["verdict"], found.verdict, "{document}");
        assert_eq!(document["size_bytes"], found.size_bytes, "{document}");
        assert_eq!(bytes("expected"), SIZE);
        let by_chance = bytes("untouched").checked_sub(found.untouched);
        let by_chance = by_chance.unwrap_or_else(|| panic!("{document}"));
        assert!(by_chance <= found.right_by_chance, "{document}");
        assert_eq!(bytes("missing"), found.missing, "{document}");
        assert_eq!(by_chance + bytes("matched") + bytes("wrong"), found.judged, "{document}");
        assert_eq!(bytes("wrong") > 0, found.any_wrong, "{document}");
        assert_eq!(bytes("extra"), found.extra, "{document}");
        self.check_segments(path, &document);
        document
    }

    fn check_totals(&self, documents: &[(Coordinates, Value)], path: &str) {
        assert_totals(&self.document(path), documents.iter().map(|(_, document)| document));
    }

    fn check_node(&self, documents: &[(Coordinates, Value)], node: u16) {
        let of = |process: Option<u16>| {
            documents
                .iter()
                .filter(move |(file, _)| {
                    file.node == node && process.is_none_or(|process| file.process == process)
                })
                .map(|(_, document)| document)
        };
        let document = self.document(&format!("nodes/node_{node}.json"));
        assert_totals(&document, of(None));
        for (process, line) in (0..).zip(document["processes"].as_array().unwrap()) {
            assert_totals(line, of(Some(process)));
        }
    }

    /// The list of names that are not the dataset's.
    fn check_others(&self) {
        let document = self.document("others.json");
        let listed: Vec<&str> = document["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|other| other["path"].as_str().unwrap())
            .collect();
        assert_eq!(listed, self.model.others(), "{document}");
        assert_eq!(document["total"], listed.len());
    }

    /// What is listed as written wrong has not been put back since.
    fn check_events(&self) {
        let document = self.document("mismatches.json");
        for range in document["ranges"].as_array().unwrap() {
            let path = range["path"].as_str().unwrap();
            assert!(self.model.is_written(path), "{path} was put back: {document}");
        }
    }

    /// Documents that say the same are held once, and none is held that nobody has open. Whoever is
    /// asked to stop has an answer or none, and never another one.
    fn check_open(&self) {
        assert_eq!(self.filesystem.open_document_bytes(), 0);
        let inode = self.resolve(".status/nodes/node_0.json").unwrap();
        assert_eq!(self.filesystem.attributes(inode).unwrap().size.size_bytes, 0);
        let opened: Vec<_> =
            (0..3).map(|_| self.filesystem.open(inode, OpenFor::Reading).unwrap().handle).collect();
        let mut json = vec![0; 1 << 16];
        let read = self.filesystem.read(inode, opened[0], 0, &mut json).unwrap();
        assert_eq!(self.filesystem.open_document_bytes(), read as u64);
        let stopped =
            self.filesystem.open_unless(inode, OpenFor::Reading, StopCheck::when(&|| true));
        match stopped {
            Ok(last) => self.filesystem.release(inode, last.handle),
            Err(error) => assert_eq!(error, Error::Interrupted),
        }
        for handle in opened {
            self.filesystem.release(inode, handle);
        }
        assert_eq!(self.filesystem.open_document_bytes(), 0);
    }

    /// One path after another put back: what is left is the record of the root.
    fn undo(&mut self) {
        let mut others: Vec<_> = self.model.names("").map(|(name, _)| name.clone()).collect();
        others.retain(|name| !self.model.is_of_dataset(name));
        for name in others {
            self.apply(&Operation::RemoveTree(name));
        }
        for name in self.model.dataset_names("") {
            self.apply(&Operation::Reset(name));
            self.check();
        }
        let kept = &self.document("summary.json")["kept"];
        assert_eq!(kept["bytes"], 0, "{kept}");
        assert!(kept["extents"].as_u64().unwrap() <= 2, "no more than the root's record: {kept}");
        self.apply(&Operation::ResetAll);
        self.check();
        let kept = &self.document("summary.json")["kept"];
        assert_eq!((&kept["bytes"], &kept["extents"]), (&Value::from(0), &Value::from(0)));
    }
}

/// Totals against the documents of the files that they are the totals of.
fn assert_totals<'a>(totals: &Value, documents: impl Iterator<Item = &'a Value> + Clone) {
    let verdicts = |verdict: &str| documents.clone().filter(|it| it["verdict"] == verdict).count();
    for verdict in ["untouched", "incomplete", "verified", "mismatch"] {
        assert_eq!(totals["files"][verdict], verdicts(verdict), "{verdict}: {totals}");
    }
    assert_eq!(totals["files"]["total"], documents.clone().count());
    let sum = |names: &[&str]| -> u64 {
        documents
            .clone()
            .flat_map(|document| {
                names.iter().map(|name| document["bytes"][*name].as_u64().unwrap())
            })
            .sum()
    };
    for name in ["expected", "matched", "wrong", "extra"] {
        assert_eq!(totals["bytes"][name], sum(&[name]), "{name}: {totals}");
    }
    assert_eq!(totals["bytes"]["missing"], sum(&["untouched", "missing"]), "{totals}");
}

/// Paths that operations work on: all that the dataset has, and some that it does not.
fn paths(layout: usize) -> Vec<String> {
    let dataset = dataset(layout);
    let namespace = dataset.namespace();
    let mut paths = Vec::new();
    for number in 2..=namespace.inode_count() {
        paths.push(namespace.path(Inode::new(number)).unwrap());
    }
    let first = paths[0].clone();
    let below = paths.iter().filter_map(|path| path.strip_prefix(&format!("{first}/")));
    let below: Vec<String> = below.take(4).map(|path| format!("d/{path}")).collect();
    paths.extend(below);
    paths.extend(["x", "d", "d/x"].map(str::to_owned));
    paths.push(format!("{first}/x"));
    paths.push(format!("{first}/d"));
    paths
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        4 => Just(Data::Right),
        1 => any::<prop::sample::Index>().prop_map(Data::Of),
        1 => any::<u8>().prop_map(Data::Foreign),
        1 => Just(Data::Zeros),
    ]
}

fn operations(layout: usize) -> impl Strategy<Value = Operation> {
    let path = prop::sample::select(paths(layout));
    let two = (path.clone(), path.clone());
    let mode = prop_oneof![
        3 => Just(RenameMode::Replace),
        1 => Just(RenameMode::NoReplace),
        2 => Just(RenameMode::Exchange),
    ];
    let extent = prop_oneof![
        3 => Just((0, SIZE)),
        1 => (0..PAST_END, 1..SIZE / 2),
    ];
    prop_oneof![
        3 => path.clone().prop_map(Operation::Create),
        3 => path.clone().prop_map(Operation::MakeDirectory),
        1 => path.clone().prop_map(Operation::Symlink),
        4 => path.clone().prop_map(Operation::Unlink),
        2 => path.clone().prop_map(Operation::RemoveDirectory),
        3 => path.clone().prop_map(Operation::RemoveTree),
        6 => (two.clone(), mode).prop_map(|((from, to), mode)| Operation::Rename(from, to, mode)),
        3 => two.clone().prop_map(|(from, to)| Operation::Link(from, to)),
        6 => (path.clone(), extent.clone(), data()).prop_map(
            |(path, (offset, length), data)| Operation::Write { path, offset, length, data }
        ),
        1 => (path.clone(), 0..PAST_END).prop_map(|(path, size)| Operation::Truncate(path, size)),
        1 => (path.clone(), extent).prop_map(
            |(path, (offset, length))| Operation::Punch(path, offset..offset + length)
        ),
        1 => two.prop_map(|(from, to)| Operation::Copy(from, to)),
        2 => path.prop_map(Operation::Reset),
        1 => Just(Operation::ResetAll),
    ]
}

fn cases() -> impl Strategy<Value = (usize, Vec<Operation>)> {
    (0..LAYOUTS.len())
        .prop_flat_map(|layout| (Just(layout), prop::collection::vec(operations(layout), 1..30)))
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Beside this file: commit what it writes there, and the failure stays found.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_document_says_what_the_names_hold((layout, operations) in cases()) {
        let mut checked = Checked::new(layout);
        checked.check();
        for operation in &operations {
            checked.apply(operation);
            checked.check();
        }
        checked.undo();
    }
}

/// What is asked for between two operations.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Nothing,
    Summary,
    Node(u16),
    /// What the mount's own thread does.
    Counting,
    Everything,
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        5 => Just(Asked::Nothing),
        1 => Just(Asked::Summary),
        1 => (0..2_u16).prop_map(Asked::Node),
        1 => Just(Asked::Counting),
        1 => Just(Asked::Everything),
    ]
}

fn asked_cases() -> impl Strategy<Value = (usize, Vec<(Operation, Asked)>)> {
    (0..LAYOUTS.len()).prop_flat_map(|layout| {
        (Just(layout), prop::collection::vec((operations(layout), asked()), 1..60))
    })
}

impl Checked {
    fn ask(&self, asked: Asked) {
        match asked {
            Asked::Nothing => {}
            Asked::Summary => _ = self.document("summary.json"),
            Asked::Node(node) => _ = self.document(&format!("nodes/node_{node}.json")),
            Asked::Counting => self.filesystem.count_changes(),
            Asked::Everything => self.check(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    /// Totals are kept from one document to the next, so it must not matter what was asked before.
    #[test]
    fn it_does_not_matter_when_documents_are_asked_for((layout, operations) in asked_cases()) {
        let mut checked = Checked::new(layout);
        for (operation, asked) in &operations {
            checked.apply(operation);
            checked.ask(*asked);
        }
        checked.check();
    }
}

fn run(operations: &[Operation]) {
    let mut checked = Checked::new(0);
    for operation in operations {
        checked.apply(operation);
        checked.check();
    }
    checked.undo();
}

fn write_right(path: &str) -> Operation {
    Operation::Write { path: path.to_owned(), offset: 0, length: SIZE, data: Data::Right }
}

fn link(from: &str, to: &str) -> Operation {
    Operation::Link(from.to_owned(), to.to_owned())
}

fn rename(from: &str, to: &str) -> Operation {
    Operation::Rename(from.to_owned(), to.to_owned(), RenameMode::Replace)
}

const FILE: &str = "node_0/process_0/file_0";
const OTHER: &str = "node_0/process_0/file_1";

/// It was counted twice, as written and as gone, when the name that it began with was removed.
#[test]
fn a_file_that_keeps_another_name_is_counted_once() {
    run(&[write_right(FILE), link(FILE, "x"), Operation::Unlink(FILE.to_owned())]);
}

/// It was not counted at all when one of its names was moved.
#[test]
fn a_file_whose_other_name_is_moved_is_counted() {
    run(&[write_right(FILE), link(FILE, "x"), rename("x", "y"), rename("y", OTHER)]);
}

/// It was not counted under its own name when it came back there from another one.
#[test]
fn a_file_that_comes_back_is_counted() {
    run(&[write_right(FILE), rename(FILE, OTHER), link(OTHER, FILE)]);
}

/// The file had two names then, and said that it had one.
#[test]
fn a_reset_file_loses_the_name_that_it_was_given() {
    run(&[rename(FILE, "x"), Operation::Reset(FILE.to_owned())]);
    run(&[write_right(FILE), link(FILE, "x"), Operation::Reset(FILE.to_owned())]);
}

/// What stood in the directory that was made stayed, counted and in memory, with no way to it.
#[test]
fn a_directory_that_was_made_goes_with_all_that_is_in_it() {
    run(&[
        Operation::RemoveTree("node_0".to_owned()),
        Operation::MakeDirectory("node_0".to_owned()),
        Operation::MakeDirectory("node_0/process_0".to_owned()),
        Operation::Create(FILE.to_owned()),
        write_right(FILE),
        Operation::Reset(OTHER.to_owned()),
    ]);
}

/// It was in no record's place and its entry stood for itself, so nobody counted it.
#[test]
fn a_file_that_comes_back_into_a_directory_that_was_made_is_counted() {
    run(&[
        write_right(FILE),
        rename(FILE, "x"),
        Operation::RemoveTree("node_0".to_owned()),
        Operation::MakeDirectory("node_0".to_owned()),
        Operation::MakeDirectory("node_0/process_0".to_owned()),
        rename("x", FILE),
    ]);
}

/// They were listed for ever.
#[test]
fn what_is_put_back_is_no_longer_listed_as_wrong() {
    let wrong = |path: &str| Operation::Write {
        path: path.to_owned(),
        offset: 0,
        length: SIZE,
        data: Data::Foreign(7),
    };
    let mut checked = Checked::new(0);
    for path in [FILE, OTHER, "node_1/process_1/file_0"] {
        checked.apply(&wrong(path));
    }
    let listed = |checked: &Checked| {
        let document = checked.document("mismatches.json");
        let ranges = document["ranges"].as_array().unwrap().iter();
        let paths: Vec<_> = ranges.map(|it| it["path"].as_str().unwrap().to_owned()).collect();
        assert_eq!(document["seen"]["seen"], 3, "what was seen was seen");
        assert_eq!(document["dropped"], 3 - paths.len());
        paths
    };
    assert_eq!(listed(&checked).len(), 3);
    checked.apply(&Operation::Reset(OTHER.to_owned()));
    assert_eq!(listed(&checked), [FILE, "node_1/process_1/file_0"]);
    checked.apply(&Operation::Reset("node_1".to_owned()));
    assert_eq!(listed(&checked), [FILE]);
    checked.apply(&Operation::ResetAll);
    assert!(listed(&checked).is_empty());
}

/// A filesystem without a mount, to be asked about documents.
struct Shown(Filesystem);

impl Shown {
    fn new(toml: &str) -> Self {
        Self(unmounted::filesystem(toml))
    }

    fn resolve(&self, path: &str) -> Inode {
        resolve(&self.0, path)
    }

    fn rename(&self, directory: &str, from: &str, to: &str, mode: RenameMode) {
        let parent = self.resolve(directory);
        self.0.rename(parent, from.as_bytes(), parent, to.as_bytes(), mode).unwrap();
    }

    /// A document, unless `stop` says so.
    fn document(&self, path: &str, stop: &(dyn Fn() -> bool + Sync)) -> Result<Value, Error> {
        let inode = self.resolve(&format!(".status/{path}"));
        let opened = self.0.open_unless(inode, OpenFor::Reading, StopCheck::when(stop))?;
        let mut json = vec![0; self.0.open_document_bytes() as usize];
        let read = self.0.read(inode, opened.handle, 0, &mut json).unwrap();
        self.0.release(inode, opened.handle);
        Ok(serde_json::from_slice(&json[..read]).unwrap())
    }
}

/// Asks how often it was asked.
fn counting(count: &AtomicUsize, stop_at: usize) -> impl Fn() -> bool + Sync + '_ {
    move || count.fetch_add(1, Ordering::Relaxed) >= stop_at
}

/// Each of these took hours, on an event loop and for a `stat`.
#[test]
fn what_takes_hours_can_be_stopped_and_stat_does_not_ask() {
    let shown = Shown::new("nodes = 2\nprocesses = 2\nsize = '2P'\ndedup = 50");
    shown.rename("node_0", "process_0", "process_1", RenameMode::Replace);
    for path in ["summary.json", "nodes/node_0.json", "files/node_0/process_1.json"] {
        let inode = shown.resolve(&format!(".status/{path}"));
        assert_eq!(shown.0.attributes(inode).unwrap().size.size_bytes, 0);
        let count = AtomicUsize::new(0);
        assert_eq!(shown.document(path, &counting(&count, 5)), Err(Error::Interrupted), "{path}");
        assert!(count.into_inner() < 100, "it stops soon");
    }
    let file = shown.resolve("node_0/process_1");
    let slow = shown.0.xattr_now(file, b"user.seedfs.verdict").unwrap();
    assert_eq!(slow, XattrAnswer::Slow(8..=10));
    assert_eq!(shown.0.slow_xattr(file, b"user.seedfs.verdict", &|| true), Err(Error::Interrupted));
    // What does not tell of the file does not judge it.
    for path in ["nodes/node_1.json", "files/node_1/process_0.json", "config.json"] {
        shown.document(path, &|| false).unwrap();
    }
    assert_eq!(shown.document("nodes/node_1.json", &|| false).unwrap()["verdict"], "untouched");
}

/// Arithmetic says all of these, whatever the size.
#[test]
fn what_arithmetic_says_does_not_cost_by_the_block() {
    let with = |shape: &str| {
        Shown::new(&format!(
            "processes = 2
size = '1P'
{shape}"
        ))
    };
    let mut templated: DatasetConfig = toml::from_str(
        "processes = 2
size = '1P'
content = 'file:t'",
    )
    .unwrap();
    templated.template = TemplateFile::new("t".to_owned(), b"no zeros here".to_vec());
    let templated = Filesystem::new(templated.validate().unwrap(), Options::default());
    let shapes = [
        "",
        "compress = 50",
        "content = 'text'",
        "content = 'zero'",
        "dedup = 50\ndedup_scope = 'file'",
        "change = 5\niterations = 2",
    ];
    let shapes = shapes.into_iter().map(with).chain([Shown(templated)]);
    for (shape, shown) in shapes.enumerate() {
        let directory = if shape == 5 { "iteration_0/node_0" } else { "node_0" };
        shown.rename(directory, "process_0", "process_1", RenameMode::Replace);
        let zeros = shown.resolve(&format!("{directory}/process_1"));
        for _ in 0..2 {
            let count = AtomicUsize::new(0);
            shown.document("summary.json", &counting(&count, 20)).unwrap();
            let path = format!("files/{directory}/process_1.json");
            shown.document(&path, &counting(&count, 20)).unwrap();
            assert!(count.into_inner() <= 3, "shape {shape}");
            let how = Allocate::Zeros { keep_size: true };
            let count = AtomicUsize::new(0);
            let stop = counting(&count, 20);
            shown.0.allocate_unless(zeros, 0..1 << 50, how, StopCheck::when(&stop)).unwrap();
        }
    }
}

/// Every one of them was judged again for each document.
#[test]
fn a_long_judgement_is_made_once_for_each_change() {
    let shown = Shown::new("processes = 2\nsize = '4G'\ndedup = 50");
    shown.rename("node_0", "process_0", "process_1", RenameMode::Replace);
    let asked = |path: &str| {
        let count = AtomicUsize::new(0);
        let document = shown.document(path, &counting(&count, usize::MAX)).unwrap();
        (document["files"].clone(), count.into_inner())
    };
    let (first, long) = asked("summary.json");
    assert!(long > 10, "asked only {long} times: is this still a long one?");
    let (second, short) = asked("summary.json");
    assert_eq!(first, second);
    assert!(short <= 2, "{short}: it was judged again");
    assert!(asked("nodes/node_0.json").1 <= 2, "{short}: it was judged again");
    let file = shown.resolve("node_0/process_1");
    let verdict = shown.0.xattr_now(file, b"user.seedfs.verdict").unwrap();
    assert_eq!(verdict, XattrAnswer::Now(b"mismatch".to_vec()));
    // A change is judged, once.
    shown.0.write(file, 0, b"x").unwrap();
    assert!(asked("summary.json").1 > 10);
    assert!(asked("summary.json").1 <= 2);
    shown.0.control(b"reset").unwrap();
    let (files, count) = asked("summary.json");
    assert_eq!((files["untouched"].as_u64(), count <= 2), (Some(2), true));
}

/// What is remembered is not counted on after any kind of change.
#[test]
fn a_long_judgement_is_made_again_after_every_kind_of_change() {
    const MIB: u64 = 1 << 20;
    type Change = (&'static str, fn(&Filesystem, Inode));
    let shown = Shown::new("processes = 2\nsize = '4G'\ndedup = 50");
    shown.rename("node_0", "process_0", "process_1", RenameMode::Replace);
    let file = shown.resolve("node_0/process_1");
    let verdict = || {
        let count = AtomicUsize::new(0);
        let summary = shown.document("summary.json", &counting(&count, usize::MAX)).unwrap();
        (summary["bytes"].clone(), count.into_inner())
    };
    // From here on it has a record, and a version.
    shown.0.write(file, 0, b"x").unwrap();
    let changes: [Change; 4] = [
        ("write", |fs, file| {
            let mut right = vec![0; 5000];
            let own = Coordinates { process: 1, ..Coordinates::default() };
            Content::of(fs.dataset()).fill(own, 4 * MIB, &mut right);
            fs.write(file, 4 * MIB, &right).unwrap();
        }),
        ("punch", |fs, file| fs.allocate(file, 8 * MIB..9 * MIB, Allocate::Hole).unwrap()),
        ("grow", |fs, file| {
            let space = Allocate::Space { keep_size: false };
            fs.allocate(file, 0..(4 << 30) + MIB, space).unwrap();
        }),
        ("cut", |fs, file| {
            let half = SetAttributes { size_bytes: Some(2 << 30), ..SetAttributes::default() };
            fs.set_attributes(file, &half).unwrap();
        }),
    ];
    for (name, change) in changes {
        let (before, _) = verdict();
        let (again, short) = verdict();
        assert!(again == before && short <= 2, "before {name}: {short}: is it remembered?");
        change(&shown.0, file);
        let (after, long) = verdict();
        assert_ne!(after, before, "{name}");
        assert!(long > 10, "{name}: {long}: it was not judged again");
    }
}

/// Ten threads, one judgement.
#[test]
fn many_who_ask_at_once_wait_for_one_judgement() {
    let shown = Shown::new("processes = 2\nsize = '8G'\ndedup = 50");
    shown.rename("node_0", "process_0", "process_1", RenameMode::Replace);
    let counts: Vec<AtomicUsize> = (0..10).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for count in &counts {
            scope.spawn(|| shown.document("summary.json", &counting(count, usize::MAX)).unwrap());
        }
    });
    let mut counts: Vec<usize> = counts.into_iter().map(AtomicUsize::into_inner).collect();
    counts.sort_unstable();
    // The others ask only whether to go on waiting.
    assert!(counts[9] > 4 * counts[8], "{counts:?}");
}

/// It was walked twice, records and names, and a file that changed its name meanwhile was counted
/// twice or not at all.
#[test]
fn an_exchange_meanwhile_is_seen_before_or_after() {
    let shown = Shown::new("processes = 2\nsize = 100");
    let content = Content::new(shown.0.dataset().seed());
    for process in 0..2 {
        let inode = shown.resolve(&format!("node_0/process_{process}"));
        let mut bytes = [0; 100];
        let file = Coordinates { process, ..Coordinates::default() };
        content.fill(file, 0, &mut bytes);
        shown.0.write(inode, 0, &bytes).unwrap();
    }
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) == 0 {
                shown.rename("node_0", "process_0", "process_1", RenameMode::Exchange);
            }
        });
        let mut seen = [false; 2];
        for _ in 0..2_000 {
            for path in ["summary.json", "nodes/node_0.json"] {
                let document = shown.document(path, &|| false);
                let Ok(document) = document else { panic!("{document:?}") };
                let files = &document["files"];
                let counts = ["verified", "mismatch", "incomplete", "untouched", "total"]
                    .map(|name| files[name].as_u64().unwrap());
                let is_known = counts == [2, 0, 0, 0, 2] || counts == [0, 2, 0, 0, 2];
                if !is_known {
                    done.store(1, Ordering::Relaxed);
                    panic!("{files}");
                }
                seen[usize::from(counts[1] > 0)] = true;
            }
        }
        done.store(1, Ordering::Relaxed);
        assert_eq!(seen, [true; 2], "the exchange was never seen");
    });
}

/// 60 opens held 60 times as much, and any number any amount.
#[test]
fn open_documents_are_held_once_and_within_a_bound() {
    let shown = Shown::new(
        "processes = 32768
size = 4096",
    );
    let inode = shown.resolve(".status/nodes/node_0.json");
    let open = || shown.0.open(inode, OpenFor::Reading).map(|opened| opened.handle);
    let mut handles: Vec<u64> = (0..60).map(|_| open().unwrap()).collect();
    let one = shown.0.open_document_bytes();
    assert!((8 << 20..20 << 20).contains(&one), "{one}");
    // A version that says something else each time.
    let mut refused = None;
    for process in 0..200 {
        let file = shown.resolve(&format!("node_0/process_{process}"));
        shown.0.write(file, 0, b"x").unwrap();
        match open() {
            Ok(handle) => handles.push(handle),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
        assert!(shown.0.open_document_bytes() <= OPEN_BYTES_MAX);
    }
    assert_eq!(refused, Some(Error::TooManyOpen));
    assert!(handles.len() > 65, "{}", handles.len());
    for handle in handles {
        shown.0.release(inode, handle);
    }
    assert_eq!(shown.0.open_document_bytes(), 0);
    open().unwrap();
}

/// 3,000 nested names of 255 bytes made a document of 387 MB.
#[test]
fn long_names_do_not_make_a_long_list() {
    let shown = Shown::new("processes = 2\nsize = 4096");
    let mut directory = Inode::ROOT;
    let mut names = 0;
    for _ in 0..100 {
        for number in 0..30 {
            let name = format!("{number:\u{1}>255}");
            shown.0.make(directory, name.as_bytes(), &new_entry(InodeKind::File)).unwrap();
            names += 1;
        }
        let made =
            shown.0.make(directory, "d".repeat(255).as_bytes(), &new_entry(InodeKind::Directory));
        directory = made.unwrap().inode;
        names += 1;
    }
    let inode = shown.resolve(".status/others.json");
    let opened = shown.0.open(inode, OpenFor::Reading).unwrap();
    assert!(shown.0.open_document_bytes() < 10 << 20, "{}", shown.0.open_document_bytes());
    shown.0.release(inode, opened.handle);
    let document = shown.document("others.json", &|| false).unwrap();
    let listed = document["files"].as_array().unwrap();
    assert!(listed.len() > 100);
    assert!(listed.iter().all(|other| other["path"].as_str().unwrap().len() < 4096));
    assert_eq!(document["total"], names);
    assert_eq!(document["dropped"], names - listed.len());
}
