//! What a verification has judged so far, for its report.

use crate::dataset::{Coordinates, Dataset};
use crate::report::{
    ByteTotals, ClassCounts, FileRange, FileTally, Judged, JudgedFile, MapCell, ProcessMap,
    REPORT_MAP_RUNS_MAX, REPORT_RANGES_MAX, RangeView, ReportedRanges,
};
use crate::verdict::Verdict;

use super::states::{totals, verdict_of_all};
use super::{ResumeState, Share};

/// The verdict, the first wrong ranges, and what is known of each process.
#[derive(Clone, Debug)]
pub(super) struct JudgedSoFar {
    judged: Judged,
    wrong: ReportedRanges,
    processes: Option<ProcessNotes>,
}

/// Which verdicts the files of each process have, in bits: of more processes than this, none.
const PROCESSES_MAX: u64 = 1 << 20;

#[derive(Clone, Debug)]
struct ProcessNotes {
    first_node: u32,
    nodes: u32,
    processes: u32,
    /// A bit for each verdict, in the order of `BITS`.
    seen: Vec<u8>,
    /// So many processes from the first have no file that is not judged.
    whole: usize,
}

const BITS: [Verdict; 4] =
    [Verdict::Untouched, Verdict::Verified, Verdict::Incomplete, Verdict::Mismatch];

/// A file that could not be read: nobody knows.
const FAILED: u8 = 1 << BITS.len();

fn bit(verdict: Verdict) -> u8 {
    1 << BITS.iter().position(|of| *of == verdict).unwrap_or_default()
}

impl JudgedSoFar {
    /// What states know, which may be those of an earlier run; of each target one.
    pub(super) fn new(shares: &[Share<'_>], states: &[ResumeState]) -> Self {
        let mut ranges = Vec::new();
        for problem in states.iter().flat_map(|state| &state.problems.listed) {
            let path = problem["path"].as_str().unwrap_or_default();
            let target = problem["target"].as_str().map(str::to_owned);
            let of_file = serde_json::from_value(problem["ranges"].clone());
            let of_file: Vec<RangeView> = of_file.unwrap_or_default();
            let room = REPORT_RANGES_MAX.saturating_sub(ranges.len());
            ranges.extend(of_file.into_iter().take(room).map(|range| FileRange {
                path: path.to_owned(),
                target: target.clone(),
                range,
            }));
        }
        let all = totals(states);
        let total = all.classes().total();
        // Which files an earlier run has judged is known, and not which verdict each has. The map
        // is that of one target.
        let processes = match (shares, states) {
            ([share], [state]) if state.next == 0 => ProcessNotes::new(*share),
            _ => None,
        };
        let mut so_far = Self {
            judged: Judged {
                verdict: all.verdict(0),
                files: all.files(),
                bytes: all.bytes(),
                estimated: false,
                classes: all.classes(),
                unexpected: 0,
            },
            wrong: ReportedRanges { total, ranges },
            processes,
        };
        so_far.conclude(shares, states);
        so_far
    }

    /// Nothing judged yet.
    pub(super) fn of_nothing(share: Share<'_>) -> Self {
        let judged = Judged {
            verdict: Verdict::Untouched,
            files: FileTally::default(),
            bytes: ByteTotals::default(),
            estimated: false,
            classes: ClassCounts::default(),
            unexpected: 0,
        };
        let wrong = ReportedRanges { total: 0, ranges: Vec::new() };
        Self { judged, wrong, processes: ProcessNotes::new(share) }
    }

    /// The last word of the verdict.
    pub(super) fn conclude_with(&mut self, verdict: Verdict) {
        self.judged.verdict = verdict;
        if let Some(processes) = &mut self.processes {
            processes.whole = processes.seen.len();
        }
    }

    /// One more file.
    pub(super) fn add(
        &mut self,
        dataset: &Dataset,
        (path, target): (&str, Option<&str>),
        judged: &JudgedFile,
    ) {
        let verdict = judged.tally.verdict();
        self.judged.files.add(verdict);
        self.judged.bytes.add(&judged.tally);
        self.judged.classes.add_all(&judged.classes);
        self.wrong.total = self.judged.classes.total();
        let room = REPORT_RANGES_MAX.saturating_sub(self.wrong.ranges.len());
        let named = judged.ranges.iter().take(room).map(|range| FileRange {
            path: path.to_owned(),
            target: target.map(str::to_owned),
            range: RangeView::new(dataset, judged.file, range),
        });
        self.wrong.ranges.extend(named);
        if let Some(processes) = &mut self.processes {
            processes.note(judged.file, bit(verdict));
        }
    }

    /// A file that could not be read.
    pub(super) fn fail(&mut self, file: Coordinates) {
        if let Some(processes) = &mut self.processes {
            processes.note(file, FAILED);
        }
    }

    /// All files before one are judged.
    pub(super) fn reached(&mut self, share: Share<'_>, next: u64) {
        if let Some(processes) = &mut self.processes {
            processes.whole = if next < share.file_count() {
                let file = share.file(next);
                let last = share.dataset().generations().last();
                if file.generation == last { processes.index(file) } else { 0 }
            } else {
                processes.seen.len()
            };
        }
    }

    /// What there is at the end, where the state knows it all.
    pub(super) fn conclude(&mut self, shares: &[Share<'_>], states: &[ResumeState]) {
        self.judged.verdict = verdict_of_all(shares, states);
        self.judged.unexpected = states.iter().map(|state| state.unexpected().total).sum();
    }

    /// The verdict so far and what was counted: nothing is verified before the end.
    pub(super) fn judged(&self, is_over: bool) -> Judged {
        let verdict = match (self.judged.verdict, self.judged.files.verdict()) {
            (verdict, _) if is_over => verdict,
            (_, Verdict::Verified) => Verdict::Incomplete,
            (_, verdict) => verdict,
        };
        Judged { verdict, ..self.judged.clone() }
    }

    /// The first wrong ranges.
    pub(super) fn wrong(&self) -> &ReportedRanges {
        &self.wrong
    }

    /// The map of the share.
    pub(super) fn map(&self) -> Option<ProcessMap> {
        self.processes.as_ref().map(ProcessNotes::map)
    }
}

impl ProcessNotes {
    fn new(share: Share<'_>) -> Option<Self> {
        let dimensions = share.dataset().dimensions();
        let (first_node, nodes) = match share.node() {
            Some(node) => (node.into(), 1),
            None => (0, dimensions.nodes),
        };
        let processes = dimensions.processes;
        let count = u64::from(nodes) * u64::from(processes);
        let count = usize::try_from(count).ok().filter(|_| count <= PROCESSES_MAX)?;
        Some(Self { first_node, nodes, processes, seen: vec![0; count], whole: 0 })
    }

    fn index(&self, file: Coordinates) -> usize {
        let node = u32::from(file.node).saturating_sub(self.first_node) as usize;
        node * self.processes as usize + usize::from(file.process)
    }

    fn note(&mut self, file: Coordinates, bits: u8) {
        let index = self.index(file);
        if let Some(seen) = self.seen.get_mut(index) {
            *seen |= bits;
        }
    }

    fn map(&self) -> ProcessMap {
        let axes = (self.first_node, self.nodes, self.processes);
        let cells = self.seen.iter().enumerate().map(|(index, seen)| {
            let is_whole = index < self.whole;
            (cell(*seen, is_whole), 1)
        });
        ProcessMap::new(axes, cells, REPORT_MAP_RUNS_MAX)
    }
}

/// What a process is whose files have these verdicts, as far as they are judged.
fn cell(seen: u8, is_whole: bool) -> MapCell {
    let has = |verdict| seen & bit(verdict) != 0;
    match seen {
        0 | FAILED => MapCell::Unknown,
        _ if has(Verdict::Mismatch) => MapCell::Mismatch,
        only if only == bit(Verdict::Untouched) => MapCell::Untouched,
        only if only == bit(Verdict::Verified) && is_whole => MapCell::Verified,
        _ => MapCell::Incomplete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_verified_when_all_of_its_files_are() {
        let bits = |verdicts: &[Verdict]| verdicts.iter().fold(0, |bits, of| bits | bit(*of));
        for (verdicts, is_whole, expected) in [
            (&[][..], true, MapCell::Unknown),
            (&[Verdict::Verified], true, MapCell::Verified),
            (&[Verdict::Verified], false, MapCell::Incomplete),
            (&[Verdict::Untouched], false, MapCell::Untouched),
            (&[Verdict::Untouched, Verdict::Verified], true, MapCell::Incomplete),
            (&[Verdict::Incomplete, Verdict::Verified], true, MapCell::Incomplete),
            (&[Verdict::Mismatch, Verdict::Verified], true, MapCell::Mismatch),
        ] {
            assert_eq!(cell(bits(verdicts), is_whole), expected, "{verdicts:?}");
        }
        assert_eq!(cell(bit(Verdict::Verified) | FAILED, true), MapCell::Incomplete);
        assert_eq!(cell(FAILED, true), MapCell::Unknown);
    }
}
