//! Which files are not as the dataset has them, all looked at again.
//!
//! This is the slow and obvious way, by which a build with debug assertions checks the running
//! totals ([`running`](super::running)).
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

use super::MountStatus;
use super::found::{ChangedEntries, Found};
use super::missing::Missing;
use super::running::TotalsScope;
use super::views::Totals;
use crate::content::{StopCheck, Stopped};
use crate::dataset::{Coordinates, DatasetEntry, Inode};
use crate::overlay::{ChangedEntry, InodeKind};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::verdict::ByteTally;

/// What is not as the dataset has it.
enum Changed {
    File(Coordinates, ByteTally),
    Missing(Missing),
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

/// How many steps are made between two questions whether to stop.
const STEPS: usize = 1024;

/// What a recount finds.
pub(super) struct Recounted {
    pub(super) totals: Totals,
    /// Of each process of a node, where one was wanted.
    pub(super) processes: Vec<Totals>,
}

/// How often a recount asks whether it is time to stop before it gives up.
const PATIENCE: usize = 64;

impl MountStatus<'_> {
    /// The totals, counted from nothing.
    ///
    /// # Errors
    ///
    /// [`Stopped`] where it takes long.
    pub(super) fn recount(&self, scope: TotalsScope) -> Result<Recounted, Stopped> {
        let asked = AtomicUsize::new(0);
        let is_long = || asked.fetch_add(1, Ordering::Relaxed) > PATIENCE;
        let node = match scope {
            TotalsScope::Dataset | TotalsScope::Processes => None,
            TotalsScope::Node(node) => Some(node),
        };
        let count = node.map_or(0, |_| self.dataset.dimensions().processes as usize);
        let mut totals = Totals::default();
        let mut processes = vec![Totals::default(); count];
        let mut missing_of_process = vec![0; count];
        let mut missing_of_every = 0;
        self.each_changed(
            StopCheck::when(&is_long),
            |file| node.is_none_or(|node| file.node == node),
            |changed| match changed {
                Changed::File(file, tally) => {
                    totals.add(&tally);
                    if let Some(process) = processes.get_mut(usize::from(file.process)) {
                        process.add(&tally);
                    }
                }
                Changed::Missing(missing) => {
                    totals.add_missing(self.files_missing(&missing, node));
                    let of_process = &mut missing_of_process;
                    missing_of_every += node.map_or(0, |node| {
                        self.files_missing_of_processes(&missing, node, of_process)
                    });
                }
            },
        )?;
        for (process, missing) in processes.iter_mut().zip(missing_of_process) {
            process.add_missing(u64::try_from(missing + missing_of_every).unwrap_or(0));
        }
        Ok(Recounted { totals, processes })
    }

    /// Calls `each` for every file of the dataset that somebody wrote to or gave another name, as
    /// far as it is `wanted`, and for every one of its directories that is gone with all that was
    /// in it.
    fn each_changed(
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

    fn names(&self, stop: StopCheck<'_>) -> Result<DifferingNames, Stopped> {
        let namespace = self.dataset.namespace();
        let mut now = DifferingNames::default();
        for (step, ChangedEntries { stands_for, is_own, entries }) in
            self.entries().into_iter().enumerate()
        {
            if step % STEPS == 0 && stop.is_now() {
                return Err(Stopped);
            }
            let mut made_again = Vec::new();
            for (own, entry) in entries {
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
