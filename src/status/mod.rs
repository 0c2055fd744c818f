//! The status: what is known, as JSON.
//!
//! A document is made when somebody opens it, whole, from the extents as they are at that moment, and
//! does not change afterwards. Making one takes each record's lock for as long as it takes to copy a
//! list of extents, so a benchmark that is being watched does not notice.
//!
//! Nothing grows without bound here: a file's document lists its first [`RANGES_MAX`] wrong ranges
//! and counts the others, `mismatches.json` holds the latest [`EVENTS_MAX`], and the totals of
//! untouched files are arithmetic.

mod counters;
mod events;
mod tree;
mod views;

use serde::Serialize;

use crate::content::Content;
use crate::dataset::{Coordinates, Dataset, Inode, Node};
use crate::overlay::{Base, Entry, Expectation, Extent, Kind, Overlay, Piece, Written};
use crate::verdict::{Judge, Tally, Verdict, WrongRange};

pub use counters::{ClassCounts, Counters, Meter};
pub use events::{EVENTS_MAX, Event, EventLog};
pub use tree::{Document, STATUS_NAME, StatusNode};

use views::{
    EventView, ExtentView, FileView, KeptView, MeterView, MismatchesView, NodeView, OtherView,
    OthersView, ProcessView, RangeView, SCHEMA, SummaryView, Totals, WritesView,
};

/// How many wrong ranges the document of one file lists.
pub const RANGES_MAX: usize = 1000;

/// Everything that a document is made from.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// The dataset.
    pub dataset: &'a Dataset,
    /// Its content.
    pub content: &'a Content,
    /// What was written.
    pub overlay: &'a Overlay,
    /// What happened.
    pub counters: &'a Counters,
    /// What was wrong.
    pub events: &'a EventLog,
    /// The `--node-id` of the mount.
    pub node_id: Option<u32>,
}

impl Snapshot<'_> {
    /// The JSON of a document, with a newline at its end; `None` where there is no such document.
    #[must_use]
    pub fn document(&self, document: Document) -> Option<Vec<u8>> {
        match document {
            Document::Summary => json(&self.summary()),
            Document::Config => json(&self.dataset.to_config()),
            Document::Mismatches => json(&self.mismatches()),
            Document::Others => json(&self.others()),
            Document::Node(node) => json(&self.node(node)),
            Document::File(inode) => json(&self.file(inode)?),
        }
    }

    /// The verdict on one file of the dataset.
    #[must_use]
    pub fn verdict(&self, file: Coordinates) -> Verdict {
        self.tally(file, self.found(file)).verdict()
    }

    fn expectation(&self, file: Coordinates) -> Expectation {
        Expectation { file, size_bytes: self.dataset.size_bytes(file) }
    }

    /// What stands under the name of a file of the dataset.
    fn found(&self, file: Coordinates) -> Found {
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

    fn found_at(&self, inode: Inode, kind: Kind) -> Found {
        if kind != Kind::File {
            return Found::NoFile;
        }
        match self.overlay.get(inode).and_then(|record| record.written()) {
            Some(written) => Found::Written(written),
            None => Found::As(inode),
        }
    }

    fn tally(&self, file: Coordinates, found: Found) -> Tally {
        self.judge(file, found, &mut |_| {})
    }

    /// Holds what was found against what belongs there.
    fn judge(&self, file: Coordinates, found: Found, range: &mut dyn FnMut(WrongRange)) -> Tally {
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
    fn each_changed(&self, mut each: impl FnMut(Changed)) {
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
                let now = match found {
                    None => None,
                    Some((inode, kind)) => Some((inode, self.found_at(inode, kind))),
                };
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
    fn changed_names(&self) -> Vec<(Node, Option<(Inode, Kind)>)> {
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

    /// What is gone altogether: directories of the dataset that were removed, and in directories that
    /// were made in their place, the names that were not made again.
    fn missing_directories(&self) -> Vec<Missing> {
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
    fn files_missing(&self, missing: &Missing, node: Option<u16>, process: Option<u16>) -> u64 {
        let namespace = self.dataset.namespace();
        let all = namespace.files_below(missing.directory, node, process);
        let there: u64 =
            missing.except.iter().map(|inode| namespace.files_below(*inode, node, process)).sum();
        all.saturating_sub(there)
    }

    fn summary(&self) -> SummaryView {
        let mut totals = Totals::default();
        self.each_changed(|changed| match changed {
            Changed::File(_, tally) => totals.add(&tally),
            Changed::Missing(missing) => {
                totals.add_missing(self.files_missing(&missing, None, None));
            }
        });
        let totals = totals.view(self.dataset.file_count(), self.dataset.total_bytes());
        let second = self.counters.second();
        let meter = |meter: &Meter| MeterView {
            operations: meter.operations(),
            bytes: meter.bytes(),
            bytes_per_s: meter.bytes_per_s(second),
        };
        let usage = self.overlay.budget().usage();
        let limits = self.overlay.budget().limits();
        SummaryView {
            schema: SCHEMA,
            verdict: totals.verdict(),
            node_id: self.node_id,
            version: env!("CARGO_PKG_VERSION"),
            uptime_s: self.counters.uptime_s(),
            files: totals.files,
            bytes: totals.bytes,
            reads: meter(&self.counters.reads),
            writes: WritesView {
                meter: meter(&self.counters.writes),
                rejected: self.counters.rejected.load(std::sync::atomic::Ordering::Relaxed),
                no_space: self.counters.no_space.load(std::sync::atomic::Ordering::Relaxed),
            },
            kept: KeptView {
                bytes: usage.kept_bytes,
                bytes_limit: limits.kept_bytes,
                extents: usage.extents,
                extents_limit: limits.extents,
            },
            mismatches: self.events.seen().into(),
        }
    }

    fn node(&self, node: u16) -> NodeView {
        let dimensions = self.dataset.dimensions();
        let mut processes = vec![Totals::default(); dimensions.processes as usize];
        let mut totals = Totals::default();
        self.each_changed(|changed| match changed {
            Changed::File(file, tally) => {
                if file.node == node {
                    totals.add(&tally);
                    if let Some(process) = processes.get_mut(usize::from(file.process)) {
                        process.add(&tally);
                    }
                }
            }
            Changed::Missing(missing) => {
                totals.add_missing(self.files_missing(&missing, Some(node), None));
                for (number, process) in (0..).zip(&mut processes) {
                    process.add_missing(self.files_missing(&missing, Some(node), Some(number)));
                }
            }
        });
        let each_files = u64::from(dimensions.iterations) * dimensions.files;
        let all_files = each_files * u64::from(dimensions.processes);
        let bytes = |files: u64| {
            // The product of the counts is below 2^61, that with a size below 2^113.
            self.dataset.total_bytes() / u128::from(self.dataset.file_count()) * u128::from(files)
        };
        NodeView {
            schema: SCHEMA,
            node,
            totals: totals.view(all_files, bytes(all_files)),
            processes: (0..)
                .zip(processes)
                .map(|(process, totals)| ProcessView {
                    process,
                    totals: totals.view(each_files, bytes(each_files)),
                })
                .collect(),
        }
    }

    fn file(&self, inode: Inode) -> Option<FileView> {
        let Node::File(file) = self.dataset.namespace().node(inode)? else { return None };
        let found = self.found(file);
        let exists = !matches!(found, Found::Missing);
        let size_bytes = match &found {
            Found::Written(written) => written.size_bytes,
            Found::As(inode) => match self.dataset.namespace().node(*inode) {
                Some(Node::File(own)) => self.dataset.size_bytes(own),
                _ => 0,
            },
            Found::Missing | Found::NoFile => 0,
        };
        let (extents, kept_bytes) = match &found {
            Found::Written(written) => (written.extents.len() as u64, kept_bytes(written)),
            _ => (0, 0),
        };
        let mut ranges = Vec::new();
        let mut ranges_total = 0;
        let tally = self.judge(file, found, &mut |range| {
            ranges_total += 1;
            if ranges.len() < RANGES_MAX {
                ranges.push(RangeView::new(self.dataset, &range));
            }
        });
        Some(FileView {
            schema: SCHEMA,
            path: self.path(inode),
            verdict: tally.verdict().name(),
            coordinates: file.into(),
            size_bytes,
            exists,
            extents,
            kept_bytes,
            bytes: tally.into(),
            ranges_dropped: ranges_total - ranges.len() as u64,
            ranges,
            ranges_total,
        })
    }

    fn mismatches(&self) -> MismatchesView {
        let (latest, seen) = self.events.latest();
        MismatchesView {
            schema: SCHEMA,
            dropped: seen.total() - latest.len() as u64,
            seen: seen.into(),
            ranges: latest
                .iter()
                .map(|event| EventView {
                    unix_s: event.unix_s,
                    path: self.path_of(event.file),
                    range: RangeView::new(self.dataset, &event.range),
                })
                .collect(),
        }
    }

    /// What has a name that the dataset does not have.
    fn others(&self) -> OthersView {
        let mut others = Vec::new();
        let mut total = 0;
        self.overlay.with_names(|tree| {
            for (directory, names) in tree.directories() {
                let stands_for = tree.stands_for(self.dataset, directory);
                for (name, entry) in names.entries() {
                    let Entry::At(inode, kind) = entry else { continue };
                    let own = stands_for
                        .and_then(|directory| self.dataset.namespace().lookup(directory, name));
                    if own.is_some() {
                        continue;
                    }
                    total += 1;
                    if others.len() < OTHERS_MAX
                        && let Some(mut path) = tree.path(self.dataset, directory)
                    {
                        if !path.is_empty() {
                            path.push(b'/');
                        }
                        path.extend_from_slice(name);
                        others.push((path, inode, kind));
                    }
                }
            }
        });
        others.sort();
        let files: Vec<_> =
            others.into_iter().map(|(path, inode, kind)| self.other(&path, inode, kind)).collect();
        OthersView { schema: SCHEMA, total, dropped: total - files.len() as u64, files }
    }

    fn other(&self, path: &[u8], inode: Inode, kind: Kind) -> OtherView {
        let written = match (kind, self.found_at(inode, kind)) {
            (_, Found::Written(written)) => written,
            (_, Found::As(inode)) => match self.dataset.namespace().node(inode) {
                Some(Node::File(file)) => {
                    let size_bytes = self.dataset.size_bytes(file);
                    Written::of(Some(Base { file, size_bytes }))
                }
                _ => Written::default(),
            },
            _ => Written::default(),
        };
        OtherView {
            path: String::from_utf8_lossy(path).into_owned(),
            kind: kind.name(),
            size_bytes: written.size_bytes,
            kept_bytes: kept_bytes(&written),
            extents: written
                .extents
                .iter()
                .take(OTHER_EXTENTS_MAX)
                .map(|(offset, extent)| ExtentView::new(self.dataset, offset, extent))
                .collect(),
            extents_total: written.extents.len() as u64,
        }
    }

    fn path_of(&self, file: Coordinates) -> String {
        self.dataset.namespace().inode(file).map_or_else(String::new, |inode| self.path(inode))
    }

    fn path(&self, inode: Inode) -> String {
        let mut path = String::new();
        self.dataset.namespace().path(inode, &mut path);
        path
    }
}

/// How many names `others.json` lists.
const OTHERS_MAX: usize = 1000;

/// How many extents of each it lists.
const OTHER_EXTENTS_MAX: usize = 16;

/// What stands under a name of the dataset.
enum Found {
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
enum Changed {
    File(Coordinates, Tally),
    Missing(Missing),
}

/// The files below a directory of the dataset, except those below or in some of its entries.
struct Missing {
    directory: Inode,
    except: Vec<Inode>,
}

fn kept_bytes(written: &Written) -> u64 {
    let kept = |(_, extent): (u64, &Extent)| match extent.piece {
        Piece::Bytes(_) => extent.length,
        Piece::Seed { .. } | Piece::Zeros => 0,
    };
    written.extents.iter().map(kept).sum()
}

fn json(view: &impl Serialize) -> Option<Vec<u8>> {
    let mut json = serde_json::to_vec_pretty(view).ok()?;
    json.push(b'\n');
    Some(json)
}
