//! The journals of `write`, which a crash may have cut and somebody may have edited. Whatever can
//! be read gives each byte one fate, is gone on with, and says the same when it is written anew.

#![no_main]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use seedfs::content::Content;
use seedfs::dataset::{Dataset, DatasetConfig};
use seedfs::disk::Disk;
use seedfs::numa::Placement;
use seedfs::storage::{
    ExamineOptions, Journal, JournalOf, Output, Progress, Replayed, Root, Share, StopFlag, examine,
    generations, read_journal,
};
use serde_json::json;
use tempfile::TempDir;

const FILES: u64 = 3;
const SIZE: usize = 300;
const PASSES: u16 = 2;
const WRITE_BYTES: u64 = 64;
const ID: &str = "fuzzed";

/// What a crash has left: a whole file, one that is torn, and none.
struct Place {
    directory: TempDir,
    generations: Vec<Dataset>,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let config = DatasetConfig {
        files: Some(FILES.into()),
        size: Some((SIZE as u64).into()),
        ..DatasetConfig::default()
    };
    let generations = generations(&config.validate().unwrap(), PASSES).unwrap();
    // In memory, where there is such a place.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let directory = TempDir::new_in(parent).unwrap();
    let share = Share::new(&generations[0], None);
    for file in 0..FILES - 1 {
        let path = directory.path().join("files").join(share.path(share.file(file)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let written = fs::File::create(path).unwrap();
        for (dataset, range) in generations.iter().zip([0..SIZE, SIZE / 3 * file as usize..SIZE]) {
            let mut bytes = vec![0; range.len()];
            let coordinates = Share::new(dataset, None).file(file);
            Content::of(dataset).fill(coordinates, range.start as u64, &mut bytes);
            written.write_all_at(&bytes, range.start as u64).unwrap();
        }
    }
    Place { directory, generations }
});

fuzz_target!(|input: &[u8]| {
    read(input);
    // The same as lines, with the checksums that make them a journal.
    let Some(replayed) = read(&journal(input)) else { return };
    let shares: Vec<_> = PLACE.generations.iter().map(|one| Share::new(one, None)).collect();
    let root = Root::open(Disk::real(), &PLACE.directory.path().join("files")).unwrap();
    let options = ExamineOptions { threads: 1, placement: Placement::Off, drop_cache: false };
    let watch = (&Progress::new(FILES, 0), &StopFlag::default());
    let found = examine(&root, &shares, &replayed, options, watch).unwrap();
    let (names, bytes) = (found.totals.names, found.totals.bytes);
    let lost = names.lost_never_synced + names.lost_though_synced;
    assert_eq!(names.right + names.unwritten + lost, FILES);
    let lost = bytes.lost_never_synced + bytes.lost_though_synced;
    let all = bytes.right + bytes.unwritten + bytes.stale + bytes.torn + lost;
    assert_eq!(all, u128::from(FILES) * SIZE as u128);

    let of = JournalOf { share: shares[0], passes: PASSES, write_bytes: WRITE_BYTES };
    let resumed = Journal::begin(Output::new(Disk::real(), &path()).unwrap(), of, true).unwrap();
    let again = read_journal(&Disk::real(), &path()).unwrap();
    assert_eq!((again.ledger, again.torn_bytes), (resumed.ledger(), 0));
});

fn path() -> PathBuf {
    PLACE.directory.path().join("journal")
}

fn read(text: &[u8]) -> Option<Replayed> {
    fs::write(path(), text).unwrap();
    read_journal(&Disk::real(), &path()).ok()
}

/// A journal with a header of its own, whose lines say what stands in the lines of the input.
fn journal(input: &[u8]) -> Vec<u8> {
    let header = json!({"header": {
        "format": 1, "id": ID, "config": PLACE.generations[0].to_config(), "node": null,
        "passes": PASSES, "write_bytes": WRITE_BYTES,
    }});
    let header = header.to_string();
    let said = String::from_utf8_lossy(input);
    let lines = [header.as_str()].into_iter().chain(said.lines());
    let mut text = String::new();
    for (number, line) in lines.enumerate() {
        let mut hasher = blake3::Hasher::new_derive_key("seedfs v1 line of a journal");
        hasher.update(format!("{ID} {number} {line}").as_bytes());
        text.push_str(&format!("{} {number} {line}\n", &hasher.finalize().to_hex()[..16]));
    }
    text.into_bytes()
}
