//! Which files are not as the dataset has them, and what is held against each.
//!
//! Names can change as well as bytes: a file may be gone, or something else may stand under its
//! name, and a whole directory may have been removed. All of it is found from what was changed,
//! never by walking the dataset: the cost is that of the changes.
//!
//! The names are looked at in one moment, and each of the dataset's is counted once: under an entry
//! that differs, below a directory that is gone, or as what it always was. So a sum over files is
//! always that of all of them, whatever is renamed meanwhile. What an inode *holds* is looked at
//! when it is its turn.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::MountStatus;
use super::judgement_cache::{RecordVersion, Subject};
use crate::content::{StopCheck, Stopped};
use crate::dataset::{Coordinates, DatasetEntry, DatasetPart, FileContent, Inode};
use crate::overlay::{ChangedEntry, InodeKind, Name, Record, Written};
use crate::verdict::{ByteTally, Judge, WrongRange};

/// What stands under a name of the dataset.
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// A directory, a link, a device: no file.
    NoFile,
    /// A file that somebody wrote to.
    Written(Inode, Arc<Record>),
    /// A file that nobody wrote to: it shows what its inode number stands for.
    As(Inode),
}

/// What is not as the dataset has it.
pub(super) enum Changed {
    File(Coordinates, ByteTally),
    Missing(Missing),
}

/// The files below a directory of the dataset, except those below or in some of its entries.
pub(super) struct Missing {
    directory: Inode,
    except: Vec<Inode>,
}

/// The names of the dataset that differ, as they were in one moment.
#[derive(Default)]
struct DifferingNames {
    /// Its files with an entry, and what that stands for.
    files: HashMap<Inode, Option<(Inode, InodeKind)>>,
    /// Its directories under whose name there is another one, or nothing.
    displaced: HashSet<Inode>,
    missing: Vec<Missing>,
}

/// The entries of a directory that stands for one of the dataset.
struct ChangedEntries {
    stands_for: Inode,
    is_own: bool,
    names: Vec<(Name, ChangedEntry)>,
}

/// How many steps are made between two questions whether to stop.
const STEPS: usize = 1024;

impl MountStatus<'_> {
    /// What stands under the name of a file of the dataset.
    pub(super) fn found(&self, file: Coordinates) -> Found {
        let namespace = self.dataset.namespace();
        let Some(own) = namespace.inode(file) else { return Found::Missing };
        if !self.overlay.names_changed() {
            return self.found_at(own, InodeKind::File);
        }
        let path = namespace.path(own).unwrap_or_default();
        let found = self.overlay.with_names(|tree| {
            path.split('/').try_fold((Inode::ROOT, InodeKind::Directory), |(directory, _), name| {
                tree.lookup(self.dataset, directory, name.as_bytes())
            })
        });
        found.map_or(Found::Missing, |(inode, kind)| self.found_at(inode, kind))
    }

    pub(super) fn found_at(&self, inode: Inode, kind: InodeKind) -> Found {
        if kind != InodeKind::File {
            return Found::NoFile;
        }
        match self.overlay.get(inode).filter(|record| record.is_written()) {
            Some(record) => Found::Written(inode, record),
            None => Found::As(inode),
        }
    }

    /// What a file has that was found, also where nobody wrote to it; `None` where none is there.
    pub(super) fn written(&self, found: &Found) -> Option<Written> {
        match found {
            Found::Written(_, record) => Some(record.written().unwrap_or_default()),
            Found::As(inode) => Some(Written::of(self.own(*inode))),
            Found::Missing | Found::NoFile => None,
        }
    }

    /// The content that the dataset has for an inode; `None` for one that was made.
    pub(super) fn own(&self, inode: Inode) -> Option<FileContent> {
        match self.dataset.namespace().entry(inode)? {
            DatasetEntry::File(file) => Some(self.dataset.file_content(file)),
            DatasetEntry::Directory => None,
        }
    }

    /// What becomes of the bytes of a file. A judgement that takes long is remembered.
    pub(super) fn tally(
        &self,
        file: Coordinates,
        found: &Found,
        stop: StopCheck<'_>,
    ) -> Result<ByteTally, Stopped> {
        let judge = |stop: StopCheck<'_>| self.judge(file, found, stop, &mut |_| {}).ok();
        let remembered = |subject, version: RecordVersion<'_>| {
            self.judgements.tally((subject, file), version, stop, judge)
        };
        let tally = match found {
            // Where it changes now, it is remembered under a number that it does not have.
            Found::Written(inode, record) => {
                remembered(Subject::Record(*inode), Some((record, record.version())))
            }
            Found::As(inode) => match self.own(*inode) {
                Some(own) if own.file != file => remembered(Subject::Content(own.file), None),
                _ => judge(stop),
            },
            Found::Missing | Found::NoFile => judge(stop),
        };
        tally.ok_or(Stopped)
    }

    /// Holds what was found against what belongs there.
    pub(super) fn judge(
        &self,
        file: Coordinates,
        found: &Found,
        stop: StopCheck<'_>,
        range: &mut dyn FnMut(WrongRange),
    ) -> Result<ByteTally, Stopped> {
        let expectation = self.dataset.file_content(file);
        let expected = expectation.size_bytes;
        match found {
            Found::As(inode) if self.own(*inode) == Some(expectation) => {
                Ok(ByteTally::untouched(expected))
            }
            Found::Missing => Ok(ByteTally { expected, missing: expected, ..ByteTally::default() }),
            Found::NoFile => Ok(ByteTally { expected, wrong: expected, ..ByteTally::default() }),
            Found::As(_) | Found::Written(..) => {
                let written = self.written(found).unwrap_or_default();
                let judge = Judge { content: self.content, expectation };
                judge.judge(&written, stop, range).ok_or(Stopped)
            }
        }
    }

    /// Calls `each` for every file of the dataset that somebody wrote to or gave another name, as
    /// far as it is `wanted`, and for every one of its directories that is gone with all that was
    /// in it.
    pub(super) fn each_changed(
        &self,
        stop: StopCheck<'_>,
        wanted: impl Fn(Coordinates) -> bool,
        mut each: impl FnMut(Changed),
    ) -> Result<(), Stopped> {
        let namespace = self.dataset.namespace();
        let names = if self.overlay.names_changed() {
            self.names(stop)?
        } else {
            DifferingNames::default()
        };
        let mut steps = (0..STEPS).cycle();
        let mut judge = |file, found: &Found| {
            if steps.next() == Some(STEPS - 1) && stop.is_now() {
                return Err(Stopped);
            }
            if wanted(file) {
                each(Changed::File(file, self.tally(file, found, stop)?));
            }
            Ok(())
        };
        for (inode, record) in self.overlay.records() {
            if let Some(DatasetEntry::File(file)) = namespace.entry(inode)
                && record.is_written()
                && names.has_in_place(self, inode)
            {
                judge(file, &Found::Written(inode, record))?;
            }
        }
        for (own, now) in names.files {
            if let Some(DatasetEntry::File(file)) = namespace.entry(own) {
                let found = now.map_or(Found::Missing, |(inode, kind)| self.found_at(inode, kind));
                judge(file, &found)?;
            }
        }
        names.missing.into_iter().for_each(|missing| each(Changed::Missing(missing)));
        Ok(())
    }

    /// The entries of all directories that stand for one of the dataset: of one moment, and no
    /// more is done while names cannot change than to copy them.
    fn entries(&self) -> Vec<ChangedEntries> {
        self.overlay.with_names(|tree| {
            let mut all = Vec::new();
            for (directory, names) in tree.directories() {
                let Some(stands_for) = tree.stands_for(self.dataset, directory) else { continue };
                let names = names.entries().map(|(name, entry)| (Name::clone(name), entry));
                let (is_own, names) = (stands_for == directory, names.collect());
                all.push(ChangedEntries { stands_for, is_own, names });
            }
            all
        })
    }

    fn names(&self, stop: StopCheck<'_>) -> Result<DifferingNames, Stopped> {
        let namespace = self.dataset.namespace();
        let mut now = DifferingNames::default();
        for (step, ChangedEntries { stands_for, is_own, names }) in
            self.entries().into_iter().enumerate()
        {
            if step % STEPS == 0 && stop.is_now() {
                return Err(Stopped);
            }
            let mut made_again = Vec::new();
            for (name, entry) in names {
                let Some(own) = namespace.lookup(stands_for, &name) else { continue };
                match (namespace.entry(own), entry) {
                    (Some(DatasetEntry::File(_)), ChangedEntry::At(inode, kind)) => {
                        now.files.insert(own, Some((inode, kind)));
                        made_again.push(own);
                    }
                    (Some(DatasetEntry::File(_)), ChangedEntry::Removed) if is_own => {
                        now.files.insert(own, None);
                    }
                    (Some(DatasetEntry::Directory), ChangedEntry::At(_, InodeKind::Directory)) => {
                        now.displaced.insert(own);
                        made_again.push(own);
                    }
                    (Some(DatasetEntry::Directory), _) if is_own => {
                        now.displaced.insert(own);
                        now.missing.push(Missing { directory: own, except: Vec::new() });
                    }
                    _ => {}
                }
            }
            if !is_own {
                // The names that were not made again.
                now.missing.push(Missing { directory: stands_for, except: made_again });
            }
        }
        Ok(now)
    }

    /// How many files of a part are gone.
    pub(super) fn files_missing(&self, missing: &Missing, part: DatasetPart) -> u64 {
        let namespace = self.dataset.namespace();
        let below = |inode| namespace.files_below(inode, part.node, part.process);
        let there: u64 = missing.except.iter().map(|inode| below(*inode)).sum();
        below(missing.directory).saturating_sub(there)
    }

    /// Adds to each process of a node how many of its files are gone, and returns how many of every
    /// process are gone beside that.
    pub(super) fn files_missing_of_processes(
        &self,
        missing: &Missing,
        node: u16,
        processes: &mut [i128],
    ) -> i128 {
        let namespace = self.dataset.namespace();
        let mut every = 0;
        missing.each(|inode, sign| {
            let process = namespace.part_below(inode).process;
            let one = Some(process.unwrap_or_default());
            let files = namespace.files_below(inode, Some(node), one);
            let files = sign * i128::from(files);
            match process.map(|process| processes.get_mut(usize::from(process))) {
                None => every += files,
                Some(Some(process)) => *process += files,
                Some(None) => {}
            }
        });
        every
    }
}

impl Missing {
    /// Calls `each` with everything whose files count: with 1 where they are gone, with -1 where
    /// they were made again.
    pub(super) fn each(&self, mut each: impl FnMut(Inode, i128)) {
        each(self.directory, 1);
        self.except.iter().for_each(|inode| each(*inode, -1));
    }
}

impl DifferingNames {
    /// Whether a file of the dataset is where the dataset has it.
    fn has_in_place(&self, status: &MountStatus<'_>, file: Inode) -> bool {
        if self.files.contains_key(&file) {
            return false;
        }
        let mut at = file;
        while !self.displaced.is_empty()
            && let Some(parent) = status.dataset.namespace().parent(at).filter(|it| *it != at)
        {
            if self.displaced.contains(&parent) {
                return false;
            }
            at = parent;
        }
        true
    }
}
