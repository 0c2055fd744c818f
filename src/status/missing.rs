//! Files that are gone with their directories, and totals with them.

use super::MountStatus;
use super::counted::CountedSum;
use super::running::{ChangedTotals, TotalsScope};
use super::views::Totals;
use crate::dataset::Inode;

/// The files below a directory of the dataset, except those below or in some of its entries.
pub(super) struct Missing {
    pub(super) directory: Inode,
    pub(super) except: Vec<Inode>,
}

impl MountStatus<'_> {
    /// How many files of a node, where one is given, are gone.
    pub(super) fn files_missing(&self, missing: &Missing, node: Option<u16>) -> u64 {
        let namespace = self.dataset.namespace();
        let all = namespace.files_below(missing.directory, node, None);
        let there: u64 =
            missing.except.iter().map(|inode| namespace.files_below(*inode, node, None)).sum();
        all.saturating_sub(there)
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
        let mut add = |inode: Inode, sign: i128| {
            let process = namespace.part_below(inode).process;
            let one = Some(process.unwrap_or_default());
            let files = namespace.files_below(inode, Some(node), one);
            let files = sign * i128::from(files);
            match process.map(|process| processes.get_mut(usize::from(process))) {
                None => every += files,
                Some(Some(process)) => *process += files,
                Some(None) => {}
            }
        };
        add(missing.directory, 1);
        missing.except.iter().for_each(|inode| add(*inode, -1));
        every
    }

    /// The totals of all that was wanted, with the files that are gone with their directories.
    pub(super) fn totals(&self, scope: TotalsScope, changed: &ChangedTotals) -> Totals {
        let node = match scope {
            TotalsScope::Dataset | TotalsScope::Processes => None,
            TotalsScope::Node(node) => Some(node),
        };
        let below = changed.missing().map(|missing| self.files_missing(&missing, node));
        let mut totals = changed.sum.totals;
        totals.add_missing(below.sum::<u64>().saturating_sub(changed.sum.made_again));
        totals
    }

    /// The same of each process of a node, in order.
    pub(super) fn process_totals(&self, node: u16, changed: &ChangedTotals) -> Vec<Totals> {
        let count = self.dataset.dimensions().processes as usize;
        let mut missing_of_process = vec![0; count];
        let mut missing_of_every = 0;
        for missing in changed.missing() {
            missing_of_every +=
                self.files_missing_of_processes(&missing, node, &mut missing_of_process);
        }
        let mut processes = vec![CountedSum::default(); count];
        for ((_, process), sum) in &changed.processes {
            if let Some(place) = processes.get_mut(usize::from(*process)) {
                *place = *sum;
            }
        }
        let each = processes.into_iter().zip(missing_of_process);
        each.map(|(CountedSum { mut totals, made_again }, missing)| {
            let missing = missing + missing_of_every - i128::from(made_again);
            totals.add_missing(u64::try_from(missing).unwrap_or(0));
            totals
        })
        .collect()
    }
}
