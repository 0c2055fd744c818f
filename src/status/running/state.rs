//! What was counted and what is due, at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::dataset::{Dataset, DatasetEntry, Inode};
use crate::status::counted::{CountedFiles, CountedSum, Place, PlacedFile};
use crate::status::missing::Missing;
use crate::verdict::ByteTally;

/// The state of the running totals.
#[derive(Debug, Default)]
pub(super) struct RunningState {
    /// The number of the last step.
    pub(super) step: u64,
    /// How often everything had to be looked at, and was.
    pub(super) everything: u64,
    /// Files that are due, and since which step.
    pub(super) due: BTreeMap<Inode, u64>,
    /// Those of them that take long.
    pub(super) slow: BTreeMap<Inode, u64>,
    /// The topmost directories of the dataset that are gone.
    pub(super) removed: Arc<BTreeSet<Inode>>,
    pub(super) counted: CountedFiles,
}

/// What totals are wanted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::status) enum TotalsScope {
    /// The whole dataset.
    Dataset,
    /// The whole dataset and each of its processes.
    Processes,
    /// A node and each of its processes.
    Node(u16),
}

/// The totals of what was changed.
#[derive(Clone, Debug)]
pub(in crate::status) struct ChangedTotals {
    /// Of all that was wanted.
    pub(in crate::status) sum: CountedSum,
    /// Of each process in which a file was counted by itself, where processes were wanted.
    pub(in crate::status) processes: BTreeMap<(u16, u16), CountedSum>,
    /// The directories that are gone, with their files.
    removed: Arc<BTreeSet<Inode>>,
}

impl RunningState {
    pub(super) fn due(&mut self, file: Inode) {
        self.slow.remove(&file);
        self.due.insert(file, self.step);
    }

    pub(super) fn due_named(&mut self, dataset: &Dataset, directory: Inode, name: &[u8]) {
        if let Some(own) = dataset.namespace().lookup(directory, name) {
            self.due_file(dataset, own);
        }
    }

    /// An inode of the dataset is due where it is a file.
    pub(super) fn due_file(&mut self, dataset: &Dataset, own: Inode) {
        if let Some(DatasetEntry::File(_)) = dataset.namespace().entry(own) {
            self.due(own);
        }
    }

    /// All files are due that were counted below a directory, and those that are due are so anew.
    pub(super) fn due_below(&mut self, dataset: &Dataset, directory: Inode) -> Vec<Inode> {
        let Some(files) = dataset.namespace().inodes_below(directory).last() else {
            return Vec::new();
        };
        let counted = self.counted.within(&files);
        let range = Inode::new(files.start)..Inode::new(files.end);
        let due = self.due.range(range.clone()).chain(self.slow.range(range));
        let due: Vec<Inode> = due.map(|(file, _)| *file).chain(counted.iter().copied()).collect();
        for file in due {
            self.due(file);
        }
        counted
    }

    /// A directory of the dataset is gone: its files count with it from now on.
    pub(super) fn remove_directory(&mut self, dataset: &Dataset, directory: Inode) {
        let namespace = dataset.namespace();
        if self.removed.contains(&directory) || self.is_removed(dataset, directory) {
            return;
        }
        for inode in self.due_below(dataset, directory) {
            if let Some((file, _)) = self.placed(dataset, (inode, 0)) {
                self.counted.set(dataset, &file, None);
            }
        }
        let removed = Arc::make_mut(&mut self.removed);
        for level in namespace.inodes_below(directory) {
            let below = removed.range(Inode::new(level.start)..Inode::new(level.end));
            for inode in below.copied().collect::<Vec<_>>() {
                removed.remove(&inode);
            }
        }
        removed.insert(directory);
    }

    /// Whether a directory above is gone.
    fn is_removed(&self, dataset: &Dataset, inode: Inode) -> bool {
        let mut at = inode;
        while !self.removed.is_empty()
            && let Some(parent) = dataset.namespace().parent(at).filter(|it| *it != at)
        {
            if self.removed.contains(&parent) {
                return true;
            }
            at = parent;
        }
        false
    }

    pub(super) fn placed(
        &self,
        dataset: &Dataset,
        (inode, since): (Inode, u64),
    ) -> Option<(PlacedFile, u64)> {
        let Some(DatasetEntry::File(file)) = dataset.namespace().entry(inode) else { return None };
        let is_removed = self.is_removed(dataset, inode);
        let place = if is_removed { Place::Removed } else { Place::Own };
        Some((PlacedFile { inode, file, place }, since))
    }

    pub(super) fn is_due_since(&self, file: Inode, since: u64) -> bool {
        self.due.get(&file).or_else(|| self.slow.get(&file)) == Some(&since)
    }

    pub(super) fn totals(&self, scope: TotalsScope) -> ChangedTotals {
        let removed = Arc::clone(&self.removed);
        match scope {
            TotalsScope::Dataset => {
                ChangedTotals { sum: self.counted.all(), processes: BTreeMap::new(), removed }
            }
            TotalsScope::Processes => ChangedTotals {
                sum: self.counted.all(),
                processes: self.counted.processes(0..=u16::MAX),
                removed,
            },
            TotalsScope::Node(node) => ChangedTotals {
                sum: self.counted.node(node),
                processes: self.counted.processes(node..=node),
                removed,
            },
        }
    }
}

impl TotalsScope {
    pub(super) fn has(self, file: &PlacedFile) -> bool {
        match self {
            Self::Dataset | Self::Processes => true,
            Self::Node(node) => file.file.node == node,
        }
    }
}

impl ChangedTotals {
    fn each(
        &mut self,
        file: &PlacedFile,
        scope: TotalsScope,
        mut change: impl FnMut(&mut CountedSum),
    ) {
        change(&mut self.sum);
        if scope != TotalsScope::Dataset {
            change(self.processes.entry((file.file.node, file.file.process)).or_default());
        }
    }

    pub(super) fn add(&mut self, file: &PlacedFile, tally: &ByteTally, scope: TotalsScope) {
        self.each(file, scope, |sum| sum.add(tally, file.place));
    }

    pub(super) fn subtract(&mut self, file: &PlacedFile, tally: &ByteTally, scope: TotalsScope) {
        self.each(file, scope, |sum| sum.subtract(tally, file.place));
    }

    /// The directories that are gone.
    pub(in crate::status) fn missing(&self) -> impl Iterator<Item = Missing> {
        self.removed.iter().map(|it| Missing { directory: *it, except: Vec::new() })
    }
}
