//! Which files are not as the dataset has them, and what is held against each.
//!
//! Names can change as well as bytes: a file may be gone, or something else may stand under its
//! name, and a whole directory may have been removed. All of it is found from what was changed,
//! never by walking the dataset: the cost is that of the changes.

use super::Snapshot;
use crate::dataset::{Coordinates, Inode, Node};
use crate::overlay::{Base, Entry, Expectation, Kind, Written};
use crate::verdict::{Judge, Tally, WrongRange};

/// What stands under a name of the dataset.
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// A directory, a link, a device: no file.
    NoFile,
    /// A file that somebody wrote to.
    Written(Written),
    /// A file that nobody wrote to: it shows what its inode number stands for.
    As(Inode),
}

/// What is not as the dataset has it.
pub(super) enum Changed {
    File(Coordinates, Tally),
    Missing(Missing),
}

/// The files below a directory of the dataset, except those below or in some of its entries.
pub(super) struct Missing {
    directory: Inode,
    except: Vec<Inode>,
}

impl Snapshot<'_> {
    pub(super) fn expectation(&self, file: Coordinates) -> Expectation {
        Expectation { file, size_bytes: self.dataset.size_bytes(file) }
    }

    /// What stands under the name of a file of the dataset.
    pub(super) fn found(&self, file: Coordinates) -> Found {
        let namespace = self.dataset.namespace();
        let Some(own) = namespace.inode(file) else { return Found::Missing };
        if !self.overlay.names_changed() {
            return self.found_at(own, Kind::File);
        }
        let mut path = String::new();
        namespace.path(own, &mut path);
        let mut at = (Inode::ROOT, Kind::Directory);
        for name in path.split('/') {
            match self.overlay.lookup(self.dataset, at.0, name.as_bytes()) {
                Some(next) => at = next,
                None => return Found::Missing,
            }
        }
        self.found_at(at.0, at.1)
    }

    pub(super) fn found_at(&self, inode: Inode, kind: Kind) -> Found {
        if kind != Kind::File {
            return Found::NoFile;
        }
        match self.overlay.get(inode).and_then(|record| record.written()) {
            Some(written) => Found::Written(written),
            None => Found::As(inode),
        }
    }

    pub(super) fn tally(&self, file: Coordinates, found: Found) -> Tally {
        self.judge(file, found, &mut |_| {})
    }

    /// Holds what was found against what belongs there.
    pub(super) fn judge(
        &self,
        file: Coordinates,
        found: Found,
        range: &mut dyn FnMut(WrongRange),
    ) -> Tally {
        let expectation = self.expectation(file);
        let expected = expectation.size_bytes;
        let judge = Judge { content: self.content, expectation };
        match found {
            Found::Written(written) => judge.judge(&written, range),
            Found::As(inode) => match self.dataset.namespace().node(inode) {
                Some(Node::File(own)) if own == file => Tally::untouched(expected),
                Some(Node::File(own)) => {
                    let base = Base { file: own, size_bytes: self.dataset.size_bytes(own) };
                    judge.judge(&Written::of(Some(base)), range)
                }
                _ => judge.judge(&Written::default(), range),
            },
            Found::Missing => Tally { expected, missing: expected, ..Tally::default() },
            Found::NoFile => Tally { expected, wrong: expected, ..Tally::default() },
        }
    }

    /// Calls `each` for every file of the dataset that somebody wrote to or gave another name, and
    /// for every one of its directories that is gone with all that was in it.
    pub(super) fn each_changed(&self, mut each: impl FnMut(Changed)) {
        let names_changed = self.overlay.names_changed();
        let in_place = |inode| {
            !names_changed || self.overlay.with_names(|tree| tree.is_in_place(self.dataset, inode))
        };
        for (inode, record) in self.overlay.records() {
            if let Some(Node::File(file)) = self.dataset.namespace().node(inode)
                && let Some(written) = record.written()
                && in_place(inode)
            {
                each(Changed::File(file, self.tally(file, Found::Written(written))));
            }
        }
        if names_changed {
            for (expected, found) in self.changed_names() {
                let now = found.map(|(inode, kind)| (inode, self.found_at(inode, kind)));
                match (expected, now) {
                    // Counted among the records, if it was written to; else it is as it always was.
                    (Node::File(file), Some((inode, _)))
                        if self.dataset.namespace().inode(file) == Some(inode) => {}
                    (Node::File(file), found) => {
                        let found = found.map_or(Found::Missing, |(_, found)| found);
                        each(Changed::File(file, self.tally(file, found)));
                    }
                    (Node::Directory, _) => {}
                }
            }
            for directory in self.missing_directories() {
                each(Changed::Missing(directory));
            }
        }
    }

    /// The files of the dataset whose names were changed, with what the names stand for now.
    pub(super) fn changed_names(&self) -> Vec<(Node, Option<(Inode, Kind)>)> {
        let namespace = self.dataset.namespace();
        self.overlay.with_names(|tree| {
            let mut changed = Vec::new();
            for (directory, names) in tree.directories() {
                let Some(stands_for) = tree.stands_for(self.dataset, directory) else { continue };
                let is_own = stands_for == directory;
                for (name, entry) in names.entries() {
                    let Some(own) = namespace.lookup(stands_for, name) else { continue };
                    let Some(node @ Node::File(_)) = namespace.node(own) else { continue };
                    match entry {
                        Entry::At(inode, kind) => changed.push((node, Some((inode, kind)))),
                        Entry::Removed if is_own => changed.push((node, None)),
                        Entry::Removed => {}
                    }
                }
            }
            changed
        })
    }

    /// What is gone altogether: directories of the dataset that were removed, and in directories
    /// that were made in their place, the names that were not made again.
    pub(super) fn missing_directories(&self) -> Vec<Missing> {
        let namespace = self.dataset.namespace();
        self.overlay.with_names(|tree| {
            let mut missing = Vec::new();
            for (directory, names) in tree.directories() {
                let Some(stands_for) = tree.stands_for(self.dataset, directory) else { continue };
                if stands_for == directory {
                    for (name, entry) in names.entries() {
                        let own = namespace.lookup(directory, name);
                        let Some(own) = own else { continue };
                        let gone = namespace.node(own) == Some(Node::Directory)
                            && !matches!(entry, Entry::At(_, Kind::Directory));
                        if gone {
                            missing.push(Missing { directory: own, except: Vec::new() });
                        }
                    }
                } else {
                    let made = names.entries().filter_map(|(name, entry)| {
                        let own = namespace.lookup(stands_for, name)?;
                        match (namespace.node(own)?, entry) {
                            (Node::Directory, Entry::At(_, Kind::Directory))
                            | (Node::File(_), Entry::At(..)) => Some(own),
                            _ => None,
                        }
                    });
                    missing.push(Missing { directory: stands_for, except: made.collect() });
                }
            }
            missing
        })
    }

    /// How many files of a node and a process, where those are given, are gone.
    pub(super) fn files_missing(
        &self,
        missing: &Missing,
        node: Option<u16>,
        process: Option<u16>,
    ) -> u64 {
        let namespace = self.dataset.namespace();
        let all = namespace.files_below(missing.directory, node, process);
        let there: u64 =
            missing.except.iter().map(|inode| namespace.files_below(*inode, node, process)).sum();
        all.saturating_sub(there)
    }
}
