//! `nodes/node_<node>/process_<process>.json`: one process, and its files that are not untouched.

use std::collections::BTreeMap;

use serde::Serialize;

use super::MountStatus;
use super::running::TotalsScope;
use super::views::TotalsView;
use crate::content::{StopCheck, Stopped};
use crate::dataset::{Coordinates, DatasetPart};
use crate::report::{FileBytesView, SCHEMA};
use crate::verdict::{ByteTally, Verdict};

/// How many files of a process are listed, the worst first.
const CHANGED_MAX: usize = 1000;

/// `nodes/node_<node>/process_<process>.json`
#[derive(Debug, Serialize)]
pub(super) struct ProcessDocumentView {
    schema: u32,
    node: u16,
    process: u16,
    #[serde(flatten)]
    totals: TotalsView,
    changed: Vec<ChangedFileView>,
    changed_total: u64,
    changed_dropped: u64,
}

/// A file that is not untouched.
#[derive(Debug, Serialize)]
struct ChangedFileView {
    path: String,
    generation: u16,
    file: u32,
    verdict: &'static str,
    bytes: FileBytesView,
}

/// The files that are listed, in the order of their list.
#[derive(Default)]
struct Worst(BTreeMap<(u8, Coordinates), ByteTally>);

impl Worst {
    fn add(&mut self, file: Coordinates, tally: ByteTally) {
        let rank = match tally.verdict() {
            Verdict::Mismatch => 0,
            Verdict::Incomplete => 1,
            Verdict::Verified => 2,
            Verdict::Untouched => return,
        };
        self.0.insert((rank, file), tally);
        if self.0.len() > CHANGED_MAX {
            self.0.pop_last();
        }
    }
}

impl MountStatus<'_> {
    pub(super) fn process(
        &self,
        node: u16,
        process: u16,
        stop: StopCheck<'_>,
    ) -> Result<ProcessDocumentView, Stopped> {
        let part = DatasetPart { node: Some(node), process: Some(process) };
        let scope = TotalsScope::Node(node);
        let totals = self.process_totals(node, &self.changed_totals(scope, stop)?);
        let totals = totals.get(usize::from(process)).copied().unwrap_or_default();
        let mut worst = Worst::default();
        let is_of_process = |file: Coordinates| (file.node, file.process) == (node, process);
        self.each_counted(stop, is_of_process, |file, tally| worst.add(file, tally))?;
        let changed_total = totals.changed_files();
        let all_files = self.dataset.file_count_of(part);
        let bytes = self.sizes.process(self.dataset, node, process);
        let changed: Vec<_> = worst
            .0
            .into_iter()
            .map(|((_, file), tally)| ChangedFileView {
                path: self.path_of(file),
                generation: file.generation,
                file: file.file,
                verdict: tally.verdict().name(),
                bytes: tally.into(),
            })
            .collect();
        Ok(ProcessDocumentView {
            schema: SCHEMA,
            node,
            process,
            totals: totals.view(all_files, bytes),
            changed_dropped: changed_total.saturating_sub(changed.len() as u64),
            changed,
            changed_total,
        })
    }
}
