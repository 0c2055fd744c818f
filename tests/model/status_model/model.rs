//! The slow obvious model: every name, every node and every byte.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use proptest::sample::Index;
use seedfs::fs::RenameMode;

use crate::common::foreign;

/// The size of the dataset's files; not a multiple of a block.
pub(crate) const SIZE: usize = 100;

/// Writes may begin up to here.
pub(crate) const PAST_END: usize = 150;

#[derive(Clone, Debug)]
pub(crate) enum Data {
    /// What the path should have, where it is one of the dataset's.
    Right,
    /// What another file of the dataset should have there.
    Of(Index),
    Foreign(u8),
    Zeros,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Create(String),
    MakeDirectory(String),
    Symlink(String),
    Unlink(String),
    RemoveDirectory(String),
    RemoveTree(String),
    Rename(String, String, RenameMode),
    Link(String, String),
    Write { path: String, offset: usize, length: usize, data: Data },
    Truncate(String, usize),
    Punch(String, Range<usize>),
    Copy(String, String),
    Reset(String),
    ResetAll,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Untouched,
    Written,
    Hole,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    state: Vec<State>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Directory(BTreeMap<String, usize>),
    File(File),
    Symlink,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) body: Body,
    /// The path that it began with, where it is the dataset's.
    own: Option<String>,
}

/// What should be known of one path of the dataset.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) exists: bool,
    pub(crate) verdict: &'static str,
    pub(crate) size_bytes: usize,
    pub(crate) untouched: usize,
    pub(crate) missing: usize,
    /// Matched and wrong together.
    pub(crate) judged: usize,
    /// Of those, nobody wrote them, and they are right by chance where they are now.
    pub(crate) right_by_chance: usize,
    pub(crate) any_wrong: bool,
    pub(crate) extra: usize,
}

/// What one byte is that a path has or should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteIs {
    Untouched,
    Missing,
    /// Written, and as it should be.
    Right,
    /// As it should be, though nobody wrote it there.
    RightByChance,
    Wrong,
    /// Past the expected end.
    Extra,
}

pub(crate) struct Model {
    nodes: Vec<Node>,
    /// The dataset: what each of its files should have.
    files: BTreeMap<String, Vec<u8>>,
    /// The number of each node of the dataset.
    own: BTreeMap<String, usize>,
    /// The paths under which something may have been written since they were put back.
    written: BTreeSet<String>,
}

const ROOT: usize = 0;

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// Whether a path is another one or below it.
fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || other.is_empty()
}

impl Model {
    pub(crate) fn new(files: impl Iterator<Item = (String, Vec<u8>)>) -> Self {
        let files: BTreeMap<_, _> = files.collect();
        let mut model =
            Self { nodes: Vec::new(), files, own: BTreeMap::new(), written: BTreeSet::new() };
        model.reset_all();
        model
    }

    /// As the dataset has it. Nodes of the dataset keep their numbers, as inodes do.
    fn reset_all(&mut self) {
        self.nodes.clear();
        self.own.clear();
        self.written.clear();
        self.own.insert(String::new(), self.nodes.len());
        self.nodes.push(Node { body: Body::Directory(BTreeMap::new()), own: Some(String::new()) });
        let files = self.files.clone();
        for path in files.keys() {
            let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
            for end in ends {
                let at = &path[..end];
                if !self.own.contains_key(at) {
                    let number = self.nodes.len();
                    let body = self.original(at);
                    self.nodes.push(Node { body, own: Some(at.to_owned()) });
                    self.own.insert(at.to_owned(), number);
                    let (parent, name) = split(at);
                    let parent = self.own[parent];
                    self.entries_mut(parent).insert(name.to_owned(), number);
                }
            }
        }
    }

    /// What a node of the dataset begins as; directories get their names afterwards.
    fn original(&self, path: &str) -> Body {
        match self.files.get(path) {
            Some(bytes) => Body::File(File {
                bytes: bytes.clone(),
                state: vec![State::Untouched; bytes.len()],
            }),
            None => Body::Directory(BTreeMap::new()),
        }
    }

    fn entries_mut(&mut self, directory: usize) -> &mut BTreeMap<String, usize> {
        match &mut self.nodes[directory].body {
            Body::Directory(entries) => entries,
            body => panic!("no directory: {body:?}"),
        }
    }

    fn entries(&self, node: usize) -> Option<&BTreeMap<String, usize>> {
        match &self.nodes[node].body {
            Body::Directory(entries) => Some(entries),
            _ => None,
        }
    }

    fn resolve(&self, path: &str) -> Option<usize> {
        path.split('/')
            .filter(|name| !name.is_empty())
            .try_fold(ROOT, |at, name| self.entries(at)?.get(name).copied())
    }

    fn parent<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let (parent, name) = split(path);
        let parent = self.resolve(parent)?;
        self.entries(parent)?;
        Some((parent, name))
    }

    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        Some(&self.nodes[self.resolve(path)?])
    }

    pub(crate) fn names(&self, path: &str) -> impl Iterator<Item = (&String, &usize)> {
        self.entries(self.resolve(path).unwrap()).unwrap().iter()
    }

    /// The names that the dataset has in one of its directories.
    pub(crate) fn dataset_names(&self, directory: &str) -> Vec<String> {
        let names = self.own.keys().filter(|path| !path.is_empty() && split(path).0 == directory);
        names.map(|path| split(path).1.to_owned()).collect()
    }

    pub(crate) fn is_of_dataset(&self, path: &str) -> bool {
        self.own.contains_key(path)
    }

    /// Every path there is, with its node.
    fn walk(&self) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        let mut left = vec![(String::new(), ROOT)];
        while let Some((path, node)) = left.pop() {
            for (name, child) in self.entries(node).into_iter().flatten() {
                left.push((join(&path, name), *child));
                found.push((join(&path, name), *child));
            }
        }
        found
    }

    pub(crate) fn links(&self, path: &str) -> u32 {
        let node = self.resolve(path).unwrap();
        let links = match self.entries(node) {
            Some(entries) => {
                2 + entries.values().filter(|child| self.entries(**child).is_some()).count()
            }
            None => self.walk().iter().filter(|(_, number)| *number == node).count(),
        };
        u32::try_from(links).unwrap()
    }

    /// Names that are not directories'.
    pub(crate) fn file_names(&self) -> usize {
        self.walk().iter().filter(|(_, node)| self.entries(*node).is_none()).count()
    }

    /// The names that are not the dataset's, in order.
    pub(crate) fn others(&self) -> Vec<String> {
        let paths = self.walk().into_iter().map(|(path, _)| path);
        let mut others: Vec<_> = paths.filter(|path| !self.own.contains_key(path)).collect();
        others.sort();
        others
    }

    /// Whether anything was written under a path since it was put back last.
    pub(crate) fn is_written(&self, path: &str) -> bool {
        self.written.contains(path)
    }

    /// The bytes of a write.
    pub(crate) fn data(&self, path: &str, offset: usize, length: usize, data: &Data) -> Vec<u8> {
        let content = |bytes: &Vec<u8>| {
            let bytes = bytes.iter().copied().chain(std::iter::repeat(0x55));
            bytes.skip(offset).take(length).collect()
        };
        match data {
            Data::Right => content(self.files.get(path).unwrap_or(&self.files[self.first()])),
            Data::Of(index) => {
                content(self.files.values().nth(index.index(self.files.len())).unwrap())
            }
            Data::Foreign(seed) => foreign(*seed, length),
            Data::Zeros => vec![0; length],
        }
    }

    fn first(&self) -> &str {
        self.files.keys().next().unwrap()
    }

    /// What a walk over the bytes says of a path of the dataset.
    pub(crate) fn found(&self, path: &str) -> Found {
        let Some(node) = self.node(path) else {
            return Found { missing: SIZE, verdict: "incomplete", ..Found::default() };
        };
        let Body::File(file) = &node.body else {
            let any_wrong = true;
            let verdict = "mismatch";
            return Found { exists: true, judged: SIZE, any_wrong, verdict, ..Found::default() };
        };
        let mut found = Found {
            exists: true,
            size_bytes: file.bytes.len(),
            extra: file.bytes.len().saturating_sub(SIZE),
            ..Found::default()
        };
        for (at, right) in self.files[path].iter().enumerate() {
            match file.state.get(at) {
                None | Some(State::Hole) => found.missing += 1,
                Some(State::Untouched) if node.own.as_deref() == Some(path) => {
                    found.untouched += 1;
                }
                Some(state) => {
                    found.judged += 1;
                    found.right_by_chance +=
                        usize::from(*state == State::Untouched && file.bytes[at] == *right);
                    found.any_wrong |= file.bytes[at] != *right;
                }
            }
        }
        found.verdict = if found.any_wrong || found.extra > 0 {
            "mismatch"
        } else if found.judged == SIZE {
            "verified"
        } else if found.untouched == SIZE {
            "untouched"
        } else {
            "incomplete"
        };
        found
    }

    /// What each byte of a path of the dataset is.
    pub(crate) fn bytes(&self, path: &str) -> Vec<ByteIs> {
        let Some(node) = self.node(path) else { return vec![ByteIs::Missing; SIZE] };
        let Body::File(file) = &node.body else { return vec![ByteIs::Wrong; SIZE] };
        let right = &self.files[path];
        (0..file.bytes.len().max(SIZE))
            .map(|at| match file.state.get(at) {
                _ if at >= SIZE => ByteIs::Extra,
                None | Some(State::Hole) => ByteIs::Missing,
                Some(State::Untouched) if node.own.as_deref() == Some(path) => ByteIs::Untouched,
                Some(_) if file.bytes[at] != right[at] => ByteIs::Wrong,
                Some(State::Untouched) => ByteIs::RightByChance,
                Some(State::Written) => ByteIs::Right,
            })
            .collect()
    }

    /// Does an operation, and says whether it can be done.
    pub(crate) fn apply(&mut self, operation: &Operation) -> bool {
        self.run(operation).is_some()
    }

    fn run(&mut self, operation: &Operation) -> Option<()> {
        match operation {
            Operation::Create(path) => self.make(path, Body::File(File::default())),
            Operation::MakeDirectory(path) => self.make(path, Body::Directory(BTreeMap::new())),
            Operation::Symlink(path) => self.make(path, Body::Symlink),
            Operation::Unlink(path) => {
                let (parent, name) = self.parent(path)?;
                self.entries(self.resolve(path)?).is_none().then_some(())?;
                self.entries_mut(parent).remove(name);
                Some(())
            }
            Operation::RemoveDirectory(path) => {
                let (parent, name) = self.parent(path)?;
                self.entries(self.resolve(path)?)?.is_empty().then_some(())?;
                self.entries_mut(parent).remove(name);
                Some(())
            }
            Operation::RemoveTree(path) => {
                let node = self.resolve(path)?;
                self.empty(node);
                let (parent, name) = self.parent(path)?;
                self.entries_mut(parent).remove(name);
                Some(())
            }
            Operation::Rename(from, to, mode) => self.rename(from, to, *mode),
            Operation::Link(from, to) => {
                let node = self.resolve(from)?;
                let (parent, name) = self.parent(to)?;
                let possible = self.entries(node).is_none() && self.resolve(to).is_none();
                possible.then_some(())?;
                self.entries_mut(parent).insert(name.to_owned(), node);
                Some(())
            }
            Operation::Write { path, offset, length, data } => {
                let data = self.data(path, *offset, *length, data);
                self.note_written(path);
                let file = self.file(path)?;
                file.resize(file.bytes.len().max(offset + length));
                file.bytes[*offset..offset + length].copy_from_slice(&data);
                file.state[*offset..offset + length].fill(State::Written);
                Some(())
            }
            Operation::Truncate(path, size) => {
                self.file(path)?.resize(*size);
                Some(())
            }
            Operation::Punch(path, range) => {
                let file = self.file(path)?;
                let end = range.end.min(file.bytes.len());
                let range = range.start.min(end)..end;
                file.bytes[range.clone()].fill(0);
                file.state[range].fill(State::Hole);
                Some(())
            }
            Operation::Copy(from, to) => self.copy(from, to),
            Operation::Reset(path) => self.reset(path),
            Operation::ResetAll => {
                self.reset_all();
                Some(())
            }
        }
    }

    /// It is judged under one of the names that its node has or had.
    fn note_written(&mut self, path: &str) {
        let node = self.resolve(path);
        let names = self.walk().into_iter().filter(|(_, other)| Some(*other) == node);
        let names: Vec<String> = names.map(|(path, _)| path).collect();
        self.written.extend(names);
    }

    fn file(&mut self, path: &str) -> Option<&mut File> {
        let node = self.resolve(path)?;
        match &mut self.nodes[node].body {
            Body::File(file) => Some(file),
            _ => None,
        }
    }

    fn make(&mut self, path: &str, body: Body) -> Option<()> {
        let (parent, name) = self.parent(path)?;
        if self.resolve(path).is_some() {
            return None;
        }
        let number = self.nodes.len();
        self.nodes.push(Node { body, own: None });
        self.entries_mut(parent).insert(name.to_owned(), number);
        Some(())
    }

    fn copy(&mut self, from: &str, to: &str) -> Option<()> {
        let bytes = self.file(from)?.bytes.clone();
        let same = self.resolve(from) == self.resolve(to);
        let length = bytes.len().min(PAST_END);
        self.note_written(to);
        let file = self.file(to)?;
        if same {
            // The ranges are the same, so they overlap.
            return (length == 0).then_some(());
        }
        file.resize(file.bytes.len().max(length));
        file.bytes[..length].copy_from_slice(&bytes[..length]);
        file.state[..length].fill(State::Written);
        Some(())
    }

    fn rename(&mut self, from: &str, to: &str, mode: RenameMode) -> Option<()> {
        let (parent, name) = self.parent(from)?;
        let (new_parent, new_name) = self.parent(to)?;
        let node = self.resolve(from)?;
        let target = self.resolve(to);
        let is_directory = |node: usize| self.entries(node).is_some();
        // A directory of the dataset stays where it is.
        let is_fixed = |node: usize| is_directory(node) && self.nodes[node].own.is_some();
        if is_fixed(node) || (is_directory(node) && is_within(split(to).0, from)) {
            return None;
        }
        match (mode, target) {
            (RenameMode::NoReplace, Some(_)) | (RenameMode::Exchange, None) => return None,
            (RenameMode::Exchange, Some(target)) => {
                if is_fixed(target) || (is_directory(target) && is_within(split(from).0, to)) {
                    return None;
                }
            }
            (RenameMode::Replace, Some(target)) if target != node => {
                if is_directory(target) != is_directory(node)
                    || self.entries(target).is_some_and(|entries| !entries.is_empty())
                {
                    return None;
                }
            }
            _ => {}
        }
        if target == Some(node) {
            return Some(());
        }
        self.entries_mut(parent).remove(name);
        self.entries_mut(new_parent).insert(new_name.to_owned(), node);
        if let (RenameMode::Exchange, Some(target)) = (mode, target) {
            self.entries_mut(parent).insert(name.to_owned(), target);
        }
        Some(())
    }

    /// Takes all names below a node.
    fn empty(&mut self, node: usize) {
        let children: Vec<_> = self.entries(node).into_iter().flatten().map(|it| *it.1).collect();
        for child in children {
            self.empty(child);
        }
        if let Body::Directory(entries) = &mut self.nodes[node].body {
            entries.clear();
        }
    }

    /// Puts a path of the dataset back, and all that is below. Where a directory that leads to it
    /// is not the dataset's own any more, that one is put back.
    fn reset(&mut self, path: &str) -> Option<()> {
        if !self.own.contains_key(path) {
            return None;
        }
        let is_displaced = |path: &&str| self.resolve(path) != Some(self.own[*path]);
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        let leading: Vec<&str> = ends.map(|end| &path[..end]).collect();
        let top = leading.iter().copied().find(is_displaced).unwrap_or(path).to_owned();

        let below: Vec<(String, usize)> = self
            .own
            .iter()
            .filter(|(own, _)| is_within(own, &top))
            .map(|(a, b)| (a.clone(), *b))
            .collect();
        // What was moved away comes back, and leaves the name that it was given.
        for (elsewhere, node) in self.walk() {
            if below.iter().any(|(_, own)| *own == node) {
                if let Some((parent, name)) = self.parent(&elsewhere) {
                    self.entries_mut(parent).remove(name);
                }
            }
        }
        self.written.retain(|path| !is_within(path, &top));
        for (path, node) in below {
            self.nodes[node].body = self.original(&path);
            let (parent, name) = split(&path);
            let parent = self.own[parent];
            self.entries_mut(parent).insert(name.to_owned(), node);
        }
        Some(())
    }
}

impl File {
    fn resize(&mut self, size: usize) {
        self.bytes.resize(size, 0);
        self.state.resize(size, State::Hole);
    }
}
