//! A recorded run on a model of a disk, cut at every place: before each step, between the step and
//! what the journal says of it, and in the middle of the journal's own append.
//!
//! The disk keeps what was synced, and of everything else any part, in any order: whole writes, and
//! halves. It may also lie: acknowledge a sync and do nothing. An honest disk is never accused;
//! what a lie has cost is always found, and nothing else is taken for it.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::lines::replay;
use super::{Fate, FateRange, Journal, JournalOf, NameState, Standing, Survivor};
use crate::dataset::{Dataset, DatasetConfig};
use crate::disk::{Disk, Durability};
use crate::storage::{Output, Share};

const BLOCKS: usize = 3;
const BLOCK: u64 = 4;
const SIZE: u64 = BLOCKS as u64 * BLOCK;
const FILES: usize = 2;

/// Half of a write, which reaches the disk by itself: its generation, or nothing yet.
type Half = Option<u16>;

/// A file of the model: for each half of a block, what the disk has for sure, and what was written
/// since then.
#[derive(Clone, Debug, Default, PartialEq)]
struct ModelInode {
    lasting: [Half; BLOCKS * 2],
    written: [Vec<u16>; BLOCKS * 2],
    /// What an honest disk would have for sure, as far as the journal has heard.
    owed: [Half; BLOCKS * 2],
}

#[derive(Clone, Debug, Default)]
struct ModelName {
    /// The inode that the disk has under the name for sure, and the one that it has now.
    lasting: Option<usize>,
    now: Option<usize>,
    /// The one that it owes.
    owed: Option<usize>,
    /// Whether an older file may come back.
    over: bool,
}

#[derive(Clone, Debug, Default)]
struct ModelDisk {
    inodes: Vec<ModelInode>,
    names: [ModelName; FILES],
    /// What each file is written to.
    open: [Option<usize>; FILES],
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Make(usize),
    Write(usize, usize),
    /// Whether the disk does it, or only says so.
    Sync(usize, bool),
    Publish(usize),
    SyncName(usize, bool),
    NextPass,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let file = 0..FILES;
    let step = prop_oneof![
        1 => file.clone().prop_map(Step::Make),
        6 => (file.clone(), 0..BLOCKS).prop_map(|(file, block)| Step::Write(file, block)),
        3 => (file.clone(), any::<bool>()).prop_map(|(file, done)| Step::Sync(file, done)),
        2 => file.clone().prop_map(Step::Publish),
        2 => (file, any::<bool>()).prop_map(|(file, done)| Step::SyncName(file, done)),
        1 => Just(Step::NextPass),
    ];
    vec(step, 1..30)
}

struct Run<'a> {
    journal: Journal,
    path: &'a Path,
    disk: ModelDisk,
    generation: u16,
    /// Each place where the run can be cut: the disk, and the journal.
    places: Vec<(ModelDisk, Vec<u8>)>,
}

impl Run<'_> {
    fn place(&mut self) {
        let bytes = fs::read(self.path).unwrap();
        if let Some((disk, before)) = self.places.last().cloned()
            && bytes.len() > before.len()
        {
            // In the middle of an append: the disk is where it was before.
            let middle = usize::midpoint(before.len(), bytes.len());
            self.places.push((disk, bytes[..middle].to_vec()));
        }
        self.places.push((self.disk.clone(), bytes));
    }

    fn go(&mut self, step: Step, is_honest: bool) {
        self.place();
        match step {
            Step::Make(file) => {
                let over = self.disk.names[file].now.is_some();
                self.journal.making(file as u64, over).unwrap();
                self.disk.names[file].owed = None;
                self.disk.names[file].over |= over;
                self.disk.open[file] = Some(self.disk.inodes.len());
                self.disk.inodes.push(ModelInode::default());
            }
            Step::Write(file, block) => {
                let Some(inode) = self.disk.open[file] else { return };
                for half in [2 * block, 2 * block + 1] {
                    self.disk.inodes[inode].written[half].push(self.generation);
                }
                self.place();
                let range = block as u64 * BLOCK..(block as u64 + 1) * BLOCK;
                self.journal.wrote(file as u64, range, self.generation).unwrap();
            }
            Step::Sync(file, done) => {
                let Some(inode) = self.disk.open[file] else { return };
                let covered = self.journal.covered(file as u64);
                let inode = &mut self.disk.inodes[inode];
                let newest: Vec<Half> = (0..BLOCKS * 2).map(|half| inode.newest(half)).collect();
                if done || is_honest {
                    inode.lasting.copy_from_slice(&newest);
                    inode.written = Default::default();
                }
                self.place();
                self.journal.synced(file as u64, &covered).unwrap();
                let inode = self.disk.open[file].unwrap();
                self.disk.inodes[inode].owed.copy_from_slice(&newest);
            }
            Step::Publish(file) => {
                let Some(inode) = self.disk.open[file] else { return };
                let newest = |half| self.disk.inodes[inode].newest(half);
                if (0..BLOCKS * 2).any(|half| newest(half) != Some(self.generation)) {
                    return;
                }
                self.disk.names[file].now = Some(inode);
                self.place();
                self.journal.completed(file as u64, self.generation, Durability::Later).unwrap();
            }
            Step::SyncName(file, done) => {
                let name = &mut self.disk.names[file];
                // Only what has its name by now is synced by the writer.
                if name.now.is_none() || name.now != self.disk.open[file] {
                    return;
                }
                if done || is_honest {
                    name.lasting = name.now;
                }
                self.place();
                self.journal.names_synced(file as u64..file as u64 + 1).unwrap();
                let name = &mut self.disk.names[file];
                name.owed = name.now;
                name.over = false;
            }
            Step::NextPass => {
                self.generation += 1;
                self.journal.begin_pass(self.generation).unwrap();
            }
        }
        self.place();
    }
}

impl ModelInode {
    fn newest(&self, half: usize) -> Half {
        self.written[half].last().copied().or(self.lasting[half])
    }

    /// What one crash leaves of it; `lot` decides.
    fn crashed(&self, mut lot: impl FnMut(usize) -> usize) -> [Half; BLOCKS * 2] {
        std::array::from_fn(|half| {
            let written = &self.written[half];
            // One of the writes, or none.
            let kept = lot(written.len() + 1);
            kept.checked_sub(1).map(|kept| written[kept]).or(self.lasting[half])
        })
    }
}

fn dataset() -> Dataset {
    let config = DatasetConfig {
        files: Some((FILES as u64).into()),
        size: Some(SIZE.to_string().as_str().into()),
        ..DatasetConfig::default()
    };
    config.validate().unwrap()
}

fn places(steps: &[Step], is_honest: bool) -> Vec<(ModelDisk, Vec<u8>)> {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = directory.path().join("journal");
    let dataset = dataset();
    let of = JournalOf { share: Share::new(&dataset, None), passes: 50, write_bytes: BLOCK };
    let output = Output::new(Disk::real(), &path).unwrap();
    let journal = Journal::begin(output, of, false).unwrap();
    let (disk, places) = (ModelDisk::default(), Vec::new());
    let mut run = Run { journal, path: &path, disk, generation: 0, places };
    for step in steps {
        run.go(*step, is_honest);
    }
    run.places
}

/// What stands under a name after a crash, judged.
fn judged(
    journal: &[u8],
    file: usize,
    halves: Option<&[Half; BLOCKS * 2]>,
) -> (Fate, Vec<FateRange>) {
    let replayed = replay(journal).unwrap();
    let known = replayed.ledger.file(file as u64);
    let sizes = [SIZE; 50];
    let survivor = Survivor {
        known: &known,
        is_there: halves.is_some(),
        first: 0,
        sizes: &sizes,
        write_bytes: BLOCK,
    };
    let length = BLOCK / 2;
    let standing: Vec<_> = match halves {
        None => vec![(0..SIZE, Standing::Missing)],
        Some(halves) => (0..)
            .zip(halves)
            .map(|(number, half)| {
                let stands = half.map_or(Standing::Zeros, |generation| Standing::Content {
                    first: generation,
                    last: generation,
                });
                (number * length..(number + 1) * length, stands)
            })
            .collect(),
    };
    (survivor.name(), survivor.judge(&standing))
}

fn lost(ranges: &[FateRange]) -> Vec<usize> {
    let halves = |range: &FateRange| {
        let half = |at: u64| usize::try_from(at / (BLOCK / 2)).unwrap();
        half(range.range.start)..half(range.range.end)
    };
    ranges.iter().filter(|range| range.fate == Fate::LostThoughSynced).flat_map(halves).collect()
}

proptest! {
    #[test]
    fn an_honest_disk_is_never_accused(
        steps in steps(), lots in vec(any::<prop::sample::Index>(), 64),
    ) {
        let mut lots = lots.iter().cycle();
        for (disk, journal) in places(&steps, true) {
            for (file, name) in disk.names.iter().enumerate() {
                for there in [name.lasting, name.now] {
                    let halves = there.map(|inode| {
                        disk.inodes[inode].crashed(|count| lots.next().unwrap().index(count))
                    });
                    let (name, ranges) = judged(&journal, file, halves.as_ref());
                    prop_assert_ne!(name, Fate::LostThoughSynced);
                    prop_assert_eq!(lost(&ranges), Vec::<usize>::new());
                }
            }
        }
    }

    #[test]
    fn what_a_lie_has_cost_is_found_and_nothing_else(
        steps in steps(), lots in vec(any::<prop::sample::Index>(), 64),
    ) {
        let mut lots = lots.iter().cycle();
        for (disk, journal) in places(&steps, false) {
            for (file, name) in disk.names.iter().enumerate() {
                for there in [name.lasting, name.now] {
                    let halves = there.map(|inode| {
                        disk.inodes[inode].crashed(|count| lots.next().unwrap().index(count))
                    });
                    let (fate, ranges) = judged(&journal, file, halves.as_ref());
                    prop_assert_eq!(
                        fate == Fate::LostThoughSynced, name.owed.is_some() && there.is_none()
                    );
                    // The file that is owed: by its name, or as the only one that can be there.
                    let owed = match (name.owed, there) {
                        (Some(owed), _) => Some(owed),
                        (None, Some(there)) if !name.over => Some(there),
                        _ => None,
                    };
                    let expected: Vec<usize> = (0..BLOCKS * 2)
                        .filter(|half| {
                            let owed = owed.and_then(|inode| disk.inodes[inode].owed[*half]);
                            owed.is_some() && halves.and_then(|halves| halves[*half]) < owed
                        })
                        .collect();
                    prop_assert_eq!(lost(&ranges), expected, "{:?} {:?}", disk, halves);
                }
            }
        }
    }
}

#[test]
fn a_journal_is_gone_on_with_and_refused_where_that_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let dataset = dataset();
    let begin = |passes, resume| {
        let of = JournalOf { share: Share::new(&dataset, None), passes, write_bytes: BLOCK };
        Journal::begin(Output::new(Disk::real(), &path).unwrap(), of, resume)
    };
    let journal = begin(2, true).unwrap();
    journal.completed(0, 0, Durability::Synced).unwrap();
    journal.wrote(1, 0..BLOCK, 0).unwrap();
    let covered = journal.covered(1);
    journal.synced(1, &covered).unwrap();
    journal.begin_pass(1).unwrap();
    assert!(begin(2, false).is_err(), "it would be lost");
    assert!(begin(3, true).is_err(), "of another number of passes");
    let resumed = begin(2, true).unwrap();
    assert_eq!(resumed.generation(), 1);
    assert_eq!(resumed.ledger().file(0).name, NameState::Synced);
    // Its temporary file is nobody's now.
    assert_eq!(resumed.ledger().file(1), super::FileLedger::default());
}

#[test]
fn a_journal_of_many_files_stays_small() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = directory.path().join("journal");
    let dataset = dataset();
    let of = JournalOf { share: Share::new(&dataset, None), passes: 1, write_bytes: BLOCK };
    let journal = Journal::begin(Output::new(Disk::real(), &path).unwrap(), of, false).unwrap();
    for file in 0..30_000 {
        journal.completed(file, 0, Durability::Synced).unwrap();
    }
    let length = fs::metadata(&path).unwrap().len();
    assert!(length < 1_200_000, "{length} bytes");
    let replayed = replay(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(replayed.ledger, journal.ledger());
    assert_eq!(replayed.ledger.files().count(), 1, "they are all alike");
}
