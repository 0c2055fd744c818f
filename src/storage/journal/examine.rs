//! Reading what a crash has left, and judging it.

use std::io;
use std::ops::Range;

use super::FileLedger;
use super::aftermath::{Fate, Standing, Survivor, write_end};
use super::fates::{FileFates, slot};
use super::lines::{JournalError, Replayed};
use crate::content::Content;
use crate::dataset::Coordinates;
use crate::disk::{Faults, OpenFile};
use crate::numa::Placement;
use crate::report::{AftermathFile, AftermathTotals, Phase};
use crate::storage::crew::{CrewNotes, TargetQueue, Work, work_through};
use crate::storage::verify::opening::open_to_judge;
use crate::storage::{FileFailure, Findings, Progress, Root, Share, StopFlag, Transfer};
use crate::sync::Mutex;

/// How to read what is left.
#[derive(Clone, Copy, Debug)]
pub struct ExamineOptions {
    /// Threads.
    pub threads: usize,
    /// Near which memory they stay.
    pub placement: Placement,
    /// Whether the kernel is to forget each file before it is read.
    pub drop_cache: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Examined {
    /// Files and bytes, by what became of them.
    pub totals: AftermathTotals,
    /// Files that are not all right, in their order.
    pub problems: Findings<AftermathFile>,
    /// What could not be read.
    pub failures: Findings<FileFailure>,
}

/// What is read and compared at a time: it fits the second-level cache.
const BLOCK_BYTES: usize = 256 << 10;

/// The smallest piece that is told apart: a block of content, which no two generations have alike
/// by chance.
const CELL_BYTES: usize = 16;

/// Judges all files of a run, in its generations.
///
/// # Errors
///
/// Where the journal is of another run.
pub fn examine<F: Faults>(
    root: &Root<F>,
    generations: &[Share<'_>],
    replayed: &Replayed,
    options: ExamineOptions,
    (progress, stop): (&Progress, &StopFlag),
) -> Result<Examined, JournalError> {
    let Some(first) = generations.first() else { return Ok(Examined::default()) };
    replayed.check(&first.dataset().to_config(), first.node())?;
    let changes_all = first.dataset().to_config().change.is_none();
    let contents = generations.iter().map(|share| Content::of(share.dataset())).collect();
    progress.set_phase(Phase::Reading);
    let examiner = Examiner {
        root,
        generations,
        contents,
        changes_all,
        replayed,
        options,
        found: Mutex::default(),
        progress,
        stop,
    };
    let by = (options.threads, options.placement);
    let files = 0..first.file_count();
    work_through(&[TargetQueue { work: &examiner, target: 0, files }], by, stop);
    let FoundSoFar { totals, broken: mut problems, others, failures } = examiner.found.into_inner();
    problems.append(&others);
    problems.listed.sort_by_key(|file| file.index);
    Ok(Examined { totals, problems, failures })
}

struct Examiner<'a, F> {
    root: &'a Root<F>,
    generations: &'a [Share<'a>],
    contents: Vec<Content>,
    /// No block of one generation is the same in another.
    changes_all: bool,
    replayed: &'a Replayed,
    options: ExamineOptions,
    found: Mutex<FoundSoFar>,
    progress: &'a Progress,
    stop: &'a StopFlag,
}

/// A file that is being read.
struct Examination {
    index: u64,
    known: FileLedger,
    sizes: Vec<u64>,
    file: OpenFile,
    length: u64,
    fates: Mutex<FileFates>,
    failure: Mutex<Option<io::Error>>,
}

/// What was found of all files so far.
#[derive(Default)]
struct FoundSoFar {
    totals: AftermathTotals,
    /// Files of which something was lost though it was synced, and others that are not all right:
    /// however many these are, they must not hide the former.
    broken: Findings<AftermathFile>,
    others: Findings<AftermathFile>,
    failures: Findings<FileFailure>,
}

/// What a thread works with.
struct Tools {
    block: Vec<u8>,
    expected: Vec<u8>,
}

impl<F: Faults> Work for Examiner<'_, F> {
    type OpenFile = Examination;
    type Tools = Tools;

    fn tools(&self) -> Tools {
        Tools { block: vec![0; BLOCK_BYTES], expected: Vec::new() }
    }

    fn open(&self, index: u64, _: &mut Tools) -> Option<(Examination, u64)> {
        let known = self.replayed.ledger.file(index);
        let sizes = self.sizes(index);
        let largest = sizes.last().copied().unwrap_or(0);
        let path = self.path(index);
        let how = (Transfer::Cached, self.options.drop_cache);
        match open_to_judge(self.root, &path, how) {
            Err(error) => {
                self.fail(&path, &error);
                None
            }
            Ok(None) => {
                let mut fates = FileFates::default();
                let survivor = self.survivor(&known, &sizes, false);
                fates.add(survivor.judge(&[(0..largest, Standing::Missing)]));
                self.conclude(index, survivor.name(), false, fates);
                None
            }
            Ok(Some((file, stat))) => {
                // Up to the end of the write that the file ends in; what follows is missing.
                let read = self.read_end(stat.length).min(largest);
                let (length, fates, failure) = (stat.length, Mutex::default(), Mutex::default());
                Some((Examination { index, known, sizes, file, length, fates, failure }, read))
            }
        }
    }

    fn notes(&self) -> Option<&CrewNotes> {
        Some(&self.progress.crew)
    }

    fn part(&self, file: &Examination, part: Range<u64>, tools: &mut Tools) {
        let mut standing = Vec::new();
        let mut offset = part.start;
        while offset < part.end && !self.stop.is_set() {
            let Tools { block, expected } = tools;
            let wanted = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            let read = self.root.disk.read_full_at(&file.file, &mut block[..wanted], offset);
            let length = match read {
                Ok(length) => length,
                Err(error) => {
                    file.failure.lock().get_or_insert(error);
                    return;
                }
            };
            self.identify(file, offset, &block[..length], (expected, &mut standing));
            offset += length as u64;
            self.progress.bytes(length as u64);
            if length < wanted {
                push(&mut standing, offset..part.end, Standing::Missing);
                break;
            }
        }
        if self.stop.is_set() {
            return;
        }
        let judged = self.survivor(&file.known, &file.sizes, true).judge(&standing);
        file.fates.lock().add(judged);
    }

    fn close(&self, file: Examination) -> Option<(Examination, u64)> {
        if self.stop.is_set() {
            return None;
        }
        let Examination { index, known, sizes, length, fates, failure, .. } = file;
        if let Some(error) = failure.into_inner() {
            self.fail(&self.path(index), &error);
            return None;
        }
        let mut fates = fates.into_inner();
        let survivor = self.survivor(&known, &sizes, true);
        let largest = sizes.last().copied().unwrap_or(0);
        let read = self.read_end(length).min(largest);
        fates.add(survivor.judge(&[(read..largest, Standing::Missing)]));
        if length > largest {
            fates.add(vec![survivor.extra(largest..length)]);
        }
        self.conclude(index, survivor.name(), true, fates);
        None
    }
}

impl<F: Faults> Examiner<'_, F> {
    fn coordinates(&self, pass: usize, index: u64) -> Coordinates {
        self.generations[pass].file(index)
    }

    fn path(&self, index: u64) -> String {
        self.generations[0].path(self.coordinates(0, index))
    }

    fn sizes(&self, index: u64) -> Vec<u64> {
        let size = |(pass, share): (usize, &Share<'_>)| {
            share.dataset().size_bytes(self.coordinates(pass, index))
        };
        self.generations.iter().enumerate().map(size).collect()
    }

    /// Where the write ends that the end of a file is in.
    fn read_end(&self, length: u64) -> u64 {
        match length.checked_sub(1) {
            Some(last) => write_end(last, self.replayed.header.write_bytes),
            None => 0,
        }
    }

    fn first(&self) -> u16 {
        self.generations[0].dataset().generations().first()
    }

    fn survivor<'a>(
        &self,
        known: &'a FileLedger,
        sizes: &'a [u64],
        is_there: bool,
    ) -> Survivor<'a> {
        let write_bytes = self.replayed.header.write_bytes;
        Survivor { known, is_there, first: self.first(), sizes, write_bytes }
    }

    /// The passes, in the order in which a file is likely to be of them: from the one that the run
    /// was at back to the first, and then those of which the journal has lost that they began.
    fn likely_passes(&self) -> impl Iterator<Item = usize> {
        let (count, known) = (self.contents.len(), &self.replayed.ledger);
        let reached = usize::from(known.generation().saturating_sub(self.first())) + 1;
        (0..reached.min(count)).rev().chain(reached.min(count)..count)
    }

    /// Says of each cell of a block in which generations it is there.
    fn identify(
        &self,
        file: &Examination,
        offset: u64,
        block: &[u8],
        (expected, standing): (&mut Vec<u8>, &mut Vec<(Range<u64>, Standing)>),
    ) {
        // What is too short to be told from others by chance belongs to the cell before it.
        let count = (block.len() / CELL_BYTES).max(usize::from(!block.is_empty()));
        let cell = |number: usize| {
            let end = if number + 1 == count { block.len() } else { (number + 1) * CELL_BYTES };
            number * CELL_BYTES..end
        };
        let mut generations: Vec<Option<(u16, u16)>> = vec![None; count];
        for pass in self.likely_passes() {
            let content = &self.contents[pass];
            let generation = self.first() + u16::try_from(pass).unwrap_or(u16::MAX);
            let there = file.sizes[pass].saturating_sub(offset);
            let there = usize::try_from(there).unwrap_or(usize::MAX).min(block.len());
            expected.resize(there, 0);
            content.fill(self.coordinates(pass, file.index), offset, expected);
            let mut all_known = true;
            for (number, known) in generations.iter_mut().enumerate() {
                let cell = cell(number);
                let (oldest, newest) = known.unwrap_or((generation, generation));
                let is_next = oldest.abs_diff(generation) <= 1 || newest.abs_diff(generation) <= 1;
                if is_next && cell.end <= there && block[cell.clone()] == expected[cell] {
                    *known = Some((oldest.min(generation), newest.max(generation)));
                }
                all_known &= known.is_some();
            }
            if all_known && self.changes_all {
                break;
            }
        }
        for (number, known) in generations.into_iter().enumerate() {
            let cell = cell(number);
            let stands = match known {
                Some((first, last)) => Standing::Content { first, last },
                None if block[cell.clone()].iter().all(|byte| *byte == 0) => Standing::Zeros,
                None => Standing::Foreign,
            };
            push(standing, offset + cell.start as u64..offset + cell.end as u64, stands);
        }
    }

    fn conclude(&self, index: u64, name: Fate, is_there: bool, fates: FileFates) {
        self.progress.file();
        let FileFates { bytes, losses, ranges_total, .. } = fates;
        let mut found = self.found.lock();
        found.totals.files += 1;
        found.totals.there += u64::from(is_there);
        *slot(&mut found.totals.names, name) += 1;
        found.totals.bytes.add(&bytes);
        found.totals.lost_though_synced.add(&losses);
        let is_broken = name == Fate::LostThoughSynced || bytes.lost_though_synced > 0;
        let list = if is_broken { &mut found.broken } else { &mut found.others };
        if ranges_total > 0 || name != Fate::Right {
            list.add(AftermathFile {
                index,
                path: self.path(index),
                exists: is_there,
                name: name.name(),
                bytes,
                ranges: fates.into_ranges(),
                ranges_total,
            });
        }
    }

    fn fail(&self, path: &str, error: &io::Error) {
        self.progress.failure(path, error);
        let failure = FileFailure { path: path.to_owned(), target: None, error: error.to_string() };
        self.found.lock().failures.add(failure);
    }
}

/// Adds what stands at the next place, as one piece with the one before where it is the same.
fn push(standing: &mut Vec<(Range<u64>, Standing)>, range: Range<u64>, stands: Standing) {
    match standing.last_mut() {
        _ if range.is_empty() => {}
        Some((last, same)) if *same == stands => last.end = range.end,
        _ => standing.push((range, stands)),
    }
}
