//! From marks to the files that are due.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::state::RunningState;
use crate::dataset::{DatasetEntry, Inode};
use crate::overlay::{ChangedEntry, ChangedNames, InodeKind, JudgedBy, MovedDirectory, TakenMarks};
use crate::status::MountStatus;
use crate::status::counted::CountedFiles;
use crate::status::found::ChangedEntries;

impl MountStatus<'_> {
    /// Notes which files are due by marks.
    pub(super) fn note(&self, tree: &ChangedNames, state: &mut RunningState, marks: TakenMarks) {
        state.step += 1;
        for directory in marks.removed {
            state.remove_directory(self.dataset, directory);
        }
        for MovedDirectory { directory, stood_for } in marks.moved {
            if let Some(stood_for) = stood_for {
                state.due_below(self.dataset, stood_for);
            }
            self.note_moved(tree, state, directory);
        }
        for file in marks.files {
            state.due(file);
        }
        let mut several = HashSet::new();
        for inode in marks.inodes {
            if let Some(DatasetEntry::File(_)) = self.dataset.namespace().entry(inode) {
                state.due(inode);
            }
            let Some(record) = self.overlay.get(inode) else { continue };
            // From here on a change is noted again; what was changed before is looked at below.
            record.clear_dirty();
            let named = match record.judged_by() {
                JudgedBy::File(file) => Some(file),
                JudgedBy::Name(at) => {
                    tree.file_named(self.dataset, at.0, &at.1).map(|(file, _)| file)
                }
                JudgedBy::Number | JudgedBy::Nothing => None,
            };
            if let Some(file) = named {
                state.due(file);
            }
            if record.had_several_names() {
                several.insert(inode);
            }
        }
        if !several.is_empty() {
            self.note_several(tree, state, &several);
        }
    }

    /// The files of the dataset that stand below a directory which was moved.
    fn note_moved(&self, tree: &ChangedNames, state: &mut RunningState, directory: Inode) {
        let mut left = vec![directory];
        while let Some(directory) = left.pop() {
            let Some(own) = tree.stands_for(self.dataset, directory) else { continue };
            let Some(names) = tree.directory(directory) else { continue };
            for (name, below, kind) in names.added_entries() {
                if kind == InodeKind::Directory {
                    left.push(below);
                }
                state.due_named(self.dataset, own, name);
            }
        }
    }

    /// The files of the dataset under whose names one of these inodes stands. An inode does not
    /// know its names, so all that differ are looked at.
    fn note_several(&self, tree: &ChangedNames, state: &mut RunningState, them: &HashSet<Inode>) {
        for (directory, names) in tree.directories() {
            let Some(own) = tree.stands_for(self.dataset, directory) else { continue };
            for (own, entry) in names.own_entries() {
                if matches!(entry, ChangedEntry::At(inode, _) if them.contains(&inode)) {
                    state.due_file(self.dataset, own);
                }
            }
            for (name, inode, _) in names.added_entries() {
                if them.contains(&inode) {
                    state.due_named(self.dataset, own, name);
                }
            }
        }
    }

    /// Forgets what was counted: everything that was changed is due.
    pub(super) fn begin_anew(&self) {
        let namespace = self.dataset.namespace();
        // What is marked from here on is looked at again.
        let everything = self.overlay.dirty().everything();
        let mut due = BTreeSet::new();
        let mut removed = BTreeSet::new();
        for ChangedEntries { is_own, entries, .. } in self.entries() {
            for (own, _) in entries {
                match namespace.entry(own) {
                    Some(DatasetEntry::File(_)) => _ = due.insert(own),
                    Some(DatasetEntry::Directory) if is_own => _ = removed.insert(own),
                    _ => {}
                }
            }
        }
        for (inode, record) in self.overlay.records() {
            record.clear_dirty();
            if let Some(DatasetEntry::File(_)) = namespace.entry(inode)
                && record.is_written()
            {
                due.insert(inode);
            }
        }
        let state = &mut *self.running.state.lock();
        if state.everything >= everything {
            // Somebody else was faster, and has gone on from there.
            return;
        }
        let step = state.step + 1;
        *state = RunningState {
            step,
            everything,
            due: due.into_iter().map(|inode| (inode, step)).collect(),
            slow: BTreeMap::new(),
            removed: Arc::new(removed),
            counted: CountedFiles::default(),
        };
    }
}
