//! `map.json`: the verdict on every process of every node, as runs.
//!
//! There may be 2^32 processes. Only those with a file that differs are looked at one by one; all
//! others are what the directories that are gone make of them, and a run of them is one step.

use std::collections::BTreeMap;

use serde::Serialize;

use super::MountStatus;
use super::counted::CountedSum;
use super::running::{ChangedTotals, TotalsScope};
use crate::content::{StopCheck, Stopped};
use crate::dataset::{DatasetPart, Dimensions, Inode};
use crate::report::{FileTally, MAP_RUNS_MAX, MapCell, ProcessMap, SCHEMA};
use crate::verdict::Verdict;

/// `map.json`
#[derive(Debug, Serialize)]
pub(super) struct MapDocumentView {
    schema: u32,
    #[serde(flatten)]
    map: ProcessMap,
}

/// What differs, by the processes that it concerns. Of a process, the files that were made again in
/// the place of a directory that is gone are taken off those that are gone.
#[derive(Debug, Default)]
struct DifferingProcesses {
    /// Files that are gone of every process.
    of_every: i128,
    /// Files that are gone of every process of a node.
    of_node: BTreeMap<u16, i128>,
    /// Files that are gone of one process of every node.
    of_process: BTreeMap<u16, i128>,
    /// What there is of one process of one node.
    cells: BTreeMap<(u16, u16), Cell>,
}

#[derive(Debug, Default)]
struct Cell {
    files: FileTally,
    gone: i128,
}

impl MountStatus<'_> {
    pub(super) fn map_document(&self, stop: StopCheck<'_>) -> Result<MapDocumentView, Stopped> {
        let changed = self.changed_totals(TotalsScope::Processes, stop)?;
        Ok(MapDocumentView { schema: SCHEMA, map: self.process_map(&changed, MAP_RUNS_MAX) })
    }

    /// The verdict on every process, in so many runs at the most, where so much has changed. The
    /// totals must be those of [`TotalsScope::Processes`].
    pub(super) fn process_map(&self, changed: &ChangedTotals, runs_max: usize) -> ProcessMap {
        let mut differing = DifferingProcesses::default();
        for (process, CountedSum { totals, made_again }) in &changed.processes {
            let cell = Cell { files: totals.files(), gone: -i128::from(*made_again) };
            differing.cells.insert(*process, cell);
        }
        for missing in changed.missing() {
            self.add_missing(missing.directory, &mut differing);
        }
        let Dimensions { nodes, processes, .. } = self.dataset.dimensions();
        let each = self.dataset.file_count_of(DatasetPart { node: Some(0), process: Some(0) });
        ProcessMap::new((0, nodes, processes), differing.cells(nodes, processes, each), runs_max)
    }

    /// All files below a directory are gone.
    fn add_missing(&self, directory: Inode, differing: &mut DifferingProcesses) {
        let namespace = self.dataset.namespace();
        let part = namespace.part_below(directory);
        let node = Some(part.node.unwrap_or_default());
        let process = Some(part.process.unwrap_or_default());
        let files = i128::from(namespace.files_below(directory, node, process));
        *match (part.node, part.process) {
            (None, None) => &mut differing.of_every,
            (Some(node), None) => differing.of_node.entry(node).or_default(),
            (None, Some(process)) => differing.of_process.entry(process).or_default(),
            (Some(node), Some(process)) => {
                &mut differing.cells.entry((node, process)).or_default().gone
            }
        } += files;
    }
}

impl DifferingProcesses {
    /// The processes of all nodes, each with so many files, in runs.
    fn cells(
        &self,
        nodes: u32,
        processes: u32,
        files_of_each: u64,
    ) -> impl Iterator<Item = (MapCell, u64)> + '_ {
        // The nodes in which nothing differs but directories of every node are all alike.
        let mut alike: Option<(i128, Vec<(Verdict, u64)>)> = None;
        (0..nodes).filter_map(|node| u16::try_from(node).ok()).flat_map(move |node| {
            let gone = self.of_every + self.of_node.get(&node).copied().unwrap_or_default();
            let row = match &mut alike {
                Some((known, row)) if *known == gone => row,
                alike => &mut alike.insert((gone, self.row(gone, processes))).1,
            };
            self.own_in_row(node, row, |process, cell| {
                let of_process = self.of_process.get(&process).copied().unwrap_or_default();
                cell.verdict(gone + of_process, files_of_each)
            })
        })
    }

    /// A node's row with the processes that have a file that differs.
    fn own_in_row(
        &self,
        node: u16,
        row: &[(Verdict, u64)],
        verdict_of: impl Fn(u16, &Cell) -> Verdict,
    ) -> Vec<(MapCell, u64)> {
        let mut own = self.cells.range((node, 0)..=(node, u16::MAX)).peekable();
        let mut runs = Vec::with_capacity(row.len());
        let mut at = 0;
        for (verdict, count) in row {
            let end = at + *count;
            while let Some(((_, process), cell)) =
                own.next_if(|((_, process), _)| u64::from(*process) < end)
            {
                runs.push(((*verdict).into(), u64::from(*process) - at));
                runs.push((verdict_of(*process, cell).into(), 1));
                at = u64::from(*process) + 1;
            }
            runs.push(((*verdict).into(), end - at));
            at = end;
        }
        runs
    }

    /// The processes of a node of which no file differs by itself.
    fn row(&self, gone: i128, processes: u32) -> Vec<(Verdict, u64)> {
        let verdict = |gone: i128| if gone > 0 { Verdict::Incomplete } else { Verdict::Untouched };
        let mut row = Vec::new();
        let mut at = 0;
        for (process, gone_of_it) in &self.of_process {
            let process = u64::from(*process);
            row.push((verdict(gone), process - at));
            row.push((verdict(gone + gone_of_it), 1));
            at = process + 1;
        }
        row.push((verdict(gone), u64::from(processes) - at));
        row.retain(|(_, count)| *count > 0);
        row.dedup_by(|next, last| {
            let same = next.0 == last.0;
            last.1 += if same { next.1 } else { 0 };
            same
        });
        row
    }
}

impl Cell {
    /// The verdict on a process of so many files, of which so many are gone with directories of
    /// others.
    fn verdict(&self, gone: i128, files: u64) -> Verdict {
        let mut tally = self.files;
        tally.incomplete += u64::try_from(gone + self.gone).unwrap_or_default();
        let changed = tally.incomplete + tally.verified + tally.mismatch;
        tally.untouched = files.saturating_sub(changed);
        tally.verdict()
    }
}
