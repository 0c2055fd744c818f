//! A disk that fails at each of its calls, in each way: an error that names the file or success,
//! never a false `verified`, never a file under its name that is not whole, and a second run puts
//! everything right.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::content::Content;
use crate::dataset::{Dataset, DatasetConfig};
use crate::disk::{Disk, Durability, Failing, Fault, Faults, SystemCall};
use crate::numa::Placement;
use crate::report::{RunCommand, example_report};
use crate::verdict::Verdict;

pub(super) const SIZE_BYTES: usize = 9000;

fn dataset() -> Dataset {
    let typed = DatasetConfig {
        nodes: Some(2.into()),
        files: Some(2.into()),
        size: Some(SIZE_BYTES.to_string().as_str().into()),
        ..DatasetConfig::default()
    };
    typed.validate().unwrap()
}

pub(super) fn content(dataset: &Dataset, index: u64) -> Vec<u8> {
    let mut bytes = vec![0; SIZE_BYTES];
    Content::of(dataset).fill(Share::new(dataset, None).file(index), 0, &mut bytes);
    bytes
}

pub(super) fn path(dataset: &Dataset, directory: &Path, index: u64) -> PathBuf {
    let share = Share::new(dataset, None);
    directory.join(share.path(share.file(index)))
}

/// Runs something on disks that fail at each of their calls, with every fault.
fn with_every_fault(mut run: impl FnMut(Failing, Fault)) {
    for fault in Fault::EACH {
        let mut runs = 0;
        for failing in Failing::at_each_call(fault).take(2000) {
            run(failing, fault);
            runs += 1;
        }
        assert!(runs > 6, "only {runs} calls go through the disk");
        assert!(runs < 2000, "it does not end");
    }
}

/// What the files of a case are before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    /// One right, one wrong, one short, one not there.
    Mixed,
}

/// A directory in memory, where there is one: syncing thousands of files elsewhere takes minutes.
pub(super) fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn prepare(dataset: &Dataset, before: Before) -> TempDir {
    let directory = memory();
    if before == Before::Mixed {
        for (index, change) in [(0, None), (1, Some(SIZE_BYTES)), (2, Some(5))] {
            let mut bytes = content(dataset, index);
            if let Some(length) = change {
                bytes[0] ^= 1;
                bytes.truncate(length);
            }
            let path = path(dataset, directory.path(), index);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    directory
}

fn contents(dataset: &Dataset, directory: &Path) -> Vec<Option<Vec<u8>>> {
    (0..4).map(|index| fs::read(path(dataset, directory, index)).ok()).collect()
}

/// Writes on a disk; says what failed.
pub(super) fn write_on<F: Faults>(
    disk: Disk<F>,
    directory: &Path,
    dataset: &Dataset,
    options: WriteOptions,
) -> Result<(), String> {
    let share = Share::new(dataset, None);
    let root =
        Root::make(disk, directory, options.durability).map_err(|error| error.to_string())?;
    let progress = Progress::new(4, 4 * SIZE_BYTES as u128);
    let failures = write(&root, share, options, &progress, &StopFlag::default());
    let done = progress.snapshot();
    assert_eq!(done.files + done.failed, 4, "each file is whole or failed");
    assert_eq!(done.failed, failures.total);
    match failures.listed.first() {
        None => Ok(()),
        Some(failure) => {
            assert!(failure.path.starts_with("node_"), "{failure:?}");
            assert!(!failure.error.is_empty());
            Err(failure.path.clone())
        }
    }
}

pub(super) const NOTHING_EARLIER: &EarlierSeeds = &EarlierSeeds::NONE;

pub(super) fn watch<'a>(progress: &'a Progress, stop: &'a StopFlag) -> VerifyWatch<'a> {
    VerifyWatch { progress, stop, save: &|_| {}, earlier: NOTHING_EARLIER }
}

/// One request at a time, and several that are smaller than a file.
fn each_requests() -> [Requests; 3] {
    [(1, 256 << 10), (4, 4096), (32, 4096)].map(|(depth, block_bytes)| {
        Requests::new(Transfer::Cached, 1, Some(block_bytes), Some(depth)).unwrap()
    })
}

/// On one thread, through the cache.
pub(super) fn write_options(existing: Existing, durability: Durability) -> WriteOptions {
    WriteOptions {
        threads: 1,
        placement: Placement::Auto,
        transfer: Transfer::Cached,
        requests: Requests::standard(Transfer::Cached),
        existing,
        durability,
        patience: Patience::default(),
    }
}

pub(super) fn verify_options(drop_cache: bool) -> VerifyOptions {
    VerifyOptions {
        threads: 1,
        placement: Placement::Auto,
        transfer: Transfer::Cached,
        requests: Requests::standard(Transfer::Cached),
        drop_cache,
        sample: Sample::ALL,
        stop_after: None,
        patience: Patience::default(),
    }
}

/// Verifies without a state, on the disk as it is.
fn verdict_of(dataset: &Dataset, directory: &Path) -> Verdict {
    let share = Share::new(dataset, None);
    let root = Root::open(Disk::real(), directory).unwrap();
    let options = verify_options(false);
    let state = ResumeState::new(&root, share, &options).unwrap();
    let progress = Progress::new(4, 0);
    let stop = StopFlag::default();
    verify(&root, share, options, state, watch(&progress, &stop)).unwrap().verdict(share)
}

#[test]
fn a_write_is_whole_or_says_what_is_not_whichever_call_fails() {
    use Durability::{Later, Synced};

    let dataset = dataset();
    let (cached, direct) = (Transfer::Cached, Transfer::Direct);
    let [one, some, many] = each_requests();
    for (before, existing, durability, transfer, requests) in [
        (Before::Nothing, Existing::Refuse, Later, cached, one),
        (Before::Nothing, Existing::Refuse, Synced, cached, one),
        (Before::Mixed, Existing::Resume, Synced, cached, one),
        (Before::Mixed, Existing::Overwrite, Later, cached, one),
        (Before::Mixed, Existing::Overwrite, Later, direct, one),
        (Before::Mixed, Existing::Resume, Later, cached, some),
        (Before::Mixed, Existing::Overwrite, Later, direct, some),
        (Before::Nothing, Existing::Refuse, Synced, cached, many),
        (Before::Mixed, Existing::Resume, Later, direct, many),
    ] {
        let options = WriteOptions { transfer, requests, ..write_options(existing, durability) };
        let first = prepare(&dataset, before);
        if write_on(Disk::real(), first.path(), &dataset, options).is_err() {
            assert_eq!(transfer, Transfer::Direct, "a filesystem without direct I/O");
            continue;
        }
        with_every_fault(|failing, fault| {
            let directory = prepare(&dataset, before);
            let directory = directory.path();
            let former = contents(&dataset, directory);
            let disk = Disk::new(failing);
            let written = write_on(disk, directory, &dataset, options);
            let case = format!("{before:?}, {options:?}, {fault:?}: {written:?}");
            for ((index, now), former) in (0..).zip(contents(&dataset, directory)).zip(&former) {
                let whole = now.as_deref() == Some(&content(&dataset, index));
                assert!(whole || now == *former, "file {index}, {case}");
                assert!(whole || written.is_err(), "file {index}, {case}");
            }
            assert!(written.is_ok() || !fault.is_harmless(), "{case}");
            let again = WriteOptions { existing: Existing::Resume, ..options };
            assert_eq!(write_on(Disk::real(), directory, &dataset, again), Ok(()), "{case}");
            // Nothing is left of the first run, either.
            assert_eq!(verdict_of(&dataset, directory), Verdict::Verified, "{case}");
        });
    }
}

/// From one call on nothing works any more: what was whole stays, and no call is made for ever.
#[test]
fn a_write_to_a_disk_that_dies_ends() {
    let dataset = dataset();
    let errnos = [libc::EIO, libc::ENOSPC, libc::EROFS];
    for (errno, requests) in errnos.into_iter().zip(each_requests().into_iter().rev()) {
        for number in (0..400).step_by(7) {
            let directory = prepare(&dataset, Before::Mixed);
            let former = contents(&dataset, directory.path());
            let disk = Disk::new(Failing::from(number, Fault::Before(errno)));
            let options = WriteOptions {
                threads: 2,
                requests,
                ..write_options(Existing::Overwrite, Durability::Synced)
            };
            let _ = write_on(disk, directory.path(), &dataset, options);
            for ((index, now), former) in
                (0..).zip(contents(&dataset, directory.path())).zip(&former)
            {
                let whole = now.as_deref() == Some(&content(&dataset, index));
                assert!(whole || now == *former, "file {index}, call {number}");
            }
            assert_eq!(write_on(Disk::real(), directory.path(), &dataset, options), Ok(()));
            assert_eq!(verdict_of(&dataset, directory.path()), Verdict::Verified);
        }
    }
}

/// What closing says is heard before a file gets its name.
#[test]
fn a_file_that_closing_says_is_lost_gets_no_name() {
    let dataset = dataset();
    for errno in [libc::EIO, libc::EDQUOT, libc::ENOSPC] {
        let directory = prepare(&dataset, Before::Nothing);
        let failing = Failing::from(0, Fault::After(errno)).only(SystemCall::Flush);
        let options = write_options(Existing::Refuse, Durability::Later);
        write_on(Disk::new(failing), directory.path(), &dataset, options).unwrap_err();
        assert_eq!(contents(&dataset, directory.path()), vec![None; 4]);
    }
}

/// What is on the storage in the end: each file, and each directory that has a new name in it.
#[test]
fn with_fsync_everything_is_synced_up_to_the_top() {
    let dataset = dataset();
    let place = memory();
    let syncs = |existing| {
        let counting = Failing::never().only(SystemCall::Sync);
        let options = write_options(existing, Durability::Synced);
        let disk = Disk::new(counting.clone());
        write_on(disk, &place.path().join("a/b"), &dataset, options).unwrap();
        counting.calls()
    };
    // `a` and `b`; in each of two parents, the two directories above it; files, and their names.
    assert_eq!(syncs(Existing::Refuse), 2 + 2 * 2 + 4 + 4);
    // Files that are kept may have been written without --fsync.
    assert_eq!(syncs(Existing::Resume), 2 * 2 + 4 + 4);
}

/// What is done to a tree, and its name.
type Spoil = (&'static str, fn(&Path));

struct Verified {
    verdict: Verdict,
    failed: u64,
}

/// Verifies with a state and a report, on a disk.
fn verify_on<F: Faults>(
    disk: &Disk<F>,
    place: &Path,
    dataset: &Dataset,
    options: VerifyOptions,
) -> Result<Verified, String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let share = Share::new(dataset, None);
    let root = Root::open(disk.clone(), &place.join("data")).map_err(|error| say(&error))?;
    let output = |name: &str| Output::new(disk.clone(), &place.join(name));
    let state_file = output("state").map_err(|error| say(&error))?;
    let report_file = output("report").map_err(|error| say(&error))?;
    let new = ResumeState::new(&root, share, &options).map_err(|error| say(&error))?;
    let state = ResumeState::load(&state_file, new, share).map_err(|error| say(&error))?;
    let progress = Progress::new(4, 0);
    let stop = StopFlag::default();
    let state = verify(&root, share, options, state, watch(&progress, &stop))
        .map_err(|error| say(&error))?;
    state.save(&state_file).map_err(|error| say(&error))?;
    report_file.replace(b"{\"whole\":true}", 0o666).map_err(|error| say(&error))?;
    Ok(Verified { verdict: state.verdict(share), failed: state.failures(share).total })
}

fn assert_whole(place: &Path) {
    if let Ok(report) = fs::read(place.join("report")) {
        assert_eq!(report, b"{\"whole\":true}");
    }
    let mut names: Vec<_> =
        fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| !["data", "state", "report"].iter().any(|known| name == known));
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_verification_is_never_false_whichever_call_fails() {
    let dataset = dataset();
    let spoil: [Spoil; 4] = [
        ("nothing", |_| {}),
        ("one byte", |data| {
            let path = data.join("node_1/process_0/file_1");
            let mut bytes = fs::read(&path).unwrap();
            bytes[SIZE_BYTES - 1] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("a file", |data| fs::remove_file(data.join("node_0/process_0/file_0")).unwrap()),
        ("a stray one", |data| fs::write(data.join("node_1/stray"), "?").unwrap()),
    ];
    let options = write_options(Existing::Refuse, Durability::Later);
    let (cached, direct) = (Transfer::Cached, Transfer::Direct);
    let [one, some, many] = each_requests();
    let ways =
        [(false, cached, one), (true, cached, one), (false, direct, some), (true, cached, many)];
    let ways = ways.map(|(drop_cache, transfer, requests)| VerifyOptions {
        transfer,
        requests,
        ..verify_options(drop_cache)
    });
    for (what, spoil) in spoil {
        for way in ways {
            let place = memory();
            let place = place.path();
            write_on(Disk::real(), &place.join("data"), &dataset, options).unwrap();
            spoil(&place.join("data"));
            let is_right = what == "nothing";
            if verify_on(&Disk::real(), place, &dataset, way).is_ok_and(|whole| whole.failed > 0) {
                assert_eq!(way.transfer, Transfer::Direct, "a filesystem without direct I/O");
                continue;
            }
            with_every_fault(|failing, fault| {
                let _ = fs::remove_file(place.join("state"));
                let _ = fs::remove_file(place.join("report"));
                let disk = Disk::new(failing);
                // The second goes on with the state of the first, or begins anew.
                for _ in 0..2 {
                    match verify_on(&disk, place, &dataset, way) {
                        Ok(Verified { verdict, failed }) => {
                            let verified = verdict == Verdict::Verified;
                            assert!(!verified || is_right && failed == 0, "{what}, {fault:?}");
                            let noticed = failed > 0 || !is_right;
                            assert!(verified || noticed, "{what}, {fault:?}: {verdict:?}");
                            assert!(failed == 0 || !fault.is_harmless(), "{what}, {fault:?}");
                        }
                        Err(error) => assert!(!fault.is_harmless(), "{what}, {fault:?}: {error}"),
                    }
                    assert_whole(place);
                }
                let again = verify_on(&Disk::real(), place, &dataset, way);
                let again = again.unwrap_or_else(|error| panic!("{what}, {fault:?}: {error}"));
                assert_eq!(again.verdict == Verdict::Verified, is_right, "{what}, {fault:?}");
                assert_eq!(again.failed, 0, "{what}, {fault:?}");
            });
        }
    }
}

/// Something that says how many files are done is written with 1, and then with 3 on disks that
/// fail at each of their calls. Afterwards the one or the other is there, and nothing else in its
/// folder; who reads it gets that, or an error, or is told that it is unreadable.
fn the_one_before_or_the_next_is_read(
    folder: &str,
    write: impl Fn(&Root<Failing>, &Path, u64) -> io::Result<()>,
) {
    with_every_fault(|failing, fault| {
        let directory = memory();
        let directory = directory.path();
        let write = |disk, done| write(&Root::open(Disk::new(disk), directory)?, directory, done);
        write(Failing::never(), 1).unwrap();
        let written = write(failing.clone(), 3);
        assert!(written.is_ok() || !fault.is_harmless(), "{fault:?}: {written:?}");
        let root = Root::open(Disk::real(), directory).unwrap();
        let read = read_reports(&root).unwrap();
        assert_eq!(read.unreadable_total, 0, "{fault:?}");
        let files_done = read.runs[0].files.done;
        assert!(matches!((files_done, &written), (3, _) | (1, Err(_))), "{fault:?}");
        assert_eq!(fs::read_dir(directory.join(folder)).unwrap().count(), 1, "{fault:?}");

        let read = Root::open(Disk::new(failing), directory).and_then(|root| read_reports(&root));
        if let Ok(read) = &read {
            assert!(read.unreadable_total == 1 || read.runs[0].files.done > 0, "{fault:?}");
        }
        assert!(!fault.is_harmless() || read.is_ok(), "{fault:?}: {read:?}");
    });
}

#[test]
fn a_status_file_is_the_one_before_or_the_next_whichever_call_fails() {
    let dataset = dataset();
    let share = Share::new(&dataset, None);
    the_one_before_or_the_next_is_read("", |root, directory, files| {
        let progress = Progress::new(4, 0);
        (0..files).for_each(|_| progress.file());
        let reporter = Reporter::new(RunCommand::Write, share, directory, (1, None), &progress);
        StatusKeeper::new(root, 0, EarlierReport::Replace).update(&reporter.report())
    });
}

#[test]
fn a_report_is_the_one_before_or_the_next_whichever_call_fails() {
    let dataset = dataset();
    the_one_before_or_the_next_is_read(".seedfs", |root, _, files| {
        let of = (RunCommand::Write, 0);
        let mut report = example_report(RunCommand::Write, 0);
        report.files.done = files;
        Publisher::open(root, &dataset, of, EarlierReport::Replace)?.publish(&report)
    });
}

#[test]
fn a_manifest_is_whole_or_the_one_before_whichever_call_fails() {
    let dataset = dataset();
    let share = Share::new(&dataset, None);
    let manifest = |disk: Disk<Failing>, path: &Path| {
        let output = Output::new(disk, path)?;
        let mut out = output.begin()?;
        let progress = Progress::new(4, 0);
        sums(
            share,
            SumsOptions { algorithm: Algorithm::Blake3, threads: 1 },
            &mut out,
            &progress,
            &StopFlag::default(),
        )?;
        out.flush()?;
        out.finish()
    };
    let place = memory();
    manifest(Disk::new(Failing::never()), &place.path().join("right")).unwrap();
    let right = fs::read(place.path().join("right")).unwrap();
    with_every_fault(|failing, fault| {
        let directory = memory();
        let path = directory.path().join("manifest");
        fs::write(&path, "before").unwrap();
        let written = manifest(Disk::new(failing), &path);
        let now = fs::read(&path).unwrap();
        assert!(now == right || written.is_err() && now == b"before", "{fault:?}: {written:?}");
        assert!(written.is_ok() || !fault.is_harmless(), "{fault:?}: {written:?}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{fault:?}");
    });
}

/// Who has written a state may have made a digest for it, too.
#[test]
fn a_state_that_was_made_up_is_refused() {
    let dataset = dataset();
    let share = Share::new(&dataset, None);
    let place = memory();
    let root = Root::make(Disk::real(), &place.path().join("data"), Durability::Later).unwrap();
    let file = Output::new(Disk::real(), &place.path().join("state")).unwrap();
    let options = verify_options(false);
    let new = ResumeState::new(&root, share, &options).unwrap();
    let right = serde_json::to_value(&new).unwrap();
    let load = |value: &serde_json::Value| {
        let json = serde_json::to_vec(value).unwrap();
        let head = format!("seedfs verify state 2 {}\n", blake3::hash(&json).to_hex());
        file.replace(&[head.as_bytes(), &json].concat(), 0o600).unwrap();
        ResumeState::load(&file, new.clone(), share)
    };
    load(&right).unwrap();
    let most = serde_json::json!(u64::MAX);
    for (pointer, value) in [
        ("/next", serde_json::json!(4)),
        ("/next", most.clone()),
        ("/failed_total", most.clone()),
        ("/failed", serde_json::json!({"3": "made up"})),
        ("/problems/total", most.clone()),
        ("/problems/listed", serde_json::json!([1, 2])),
        ("/verification/files/verified", most.clone()),
        ("/verification/files/verified", serde_json::json!(4)),
        ("/verification/files/mismatch", most.clone()),
        ("/verification/bytes/wrong", most.clone()),
        ("/verification/ranges_listed", serde_json::json!(100_001)),
        ("/verification/classes/0", most),
        ("/work/directory/inode", serde_json::json!(1)),
        ("/work/directory/device", serde_json::json!(1)),
    ] {
        let mut value_of = right.clone();
        *value_of.pointer_mut(pointer).unwrap() = value;
        let refused = load(&value_of);
        assert!(refused.is_err(), "{pointer}: {refused:?}");
    }
}

/// Does something as often as a call of one kind is about to be made.
#[derive(Clone)]
struct Meanwhile(SystemCall, Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Faults for Meanwhile {
    fn fault(&self, call: SystemCall) -> Option<Fault> {
        if call == self.0 {
            (self.1)();
        }
        None
    }
}

/// A tree that was not walked to its end, or that is not at its path any more, is not verified,
/// though every file was judged and right.
#[test]
fn what_ends_or_is_exchanged_in_the_walk_is_not_verified() {
    let dataset = dataset();
    let share = Share::new(&dataset, None);
    let options = write_options(Existing::Refuse, Durability::Later);
    for stops in [Some(true), Some(false), None] {
        let place = memory();
        let data = place.path().join("data");
        write_on(Disk::real(), &data, &dataset, options).unwrap();
        let stop = StopFlag::default();
        let (asked, aside) = (stop.clone(), place.path().join("aside"));
        let moved = data.clone();
        // Only the walk lists directories.
        let meanwhile = Meanwhile(
            SystemCall::List,
            Arc::new(move || match stops {
                Some(true) => asked.set(),
                Some(false) if fs::rename(&moved, &aside).is_ok() => {
                    fs::create_dir(&moved).unwrap();
                }
                _ => {}
            }),
        );
        let root = Root::open(Disk::new(meanwhile), &data).unwrap();
        let options = verify_options(false);
        let state = ResumeState::new(&root, share, &options).unwrap();
        let progress = Progress::new(4, 0);
        let state = verify(&root, share, options, state, watch(&progress, &stop)).unwrap();
        assert_eq!(state.next, 4, "all are judged");
        assert_eq!(state.verification.files().verified, 4);
        assert_eq!(state.verdict(share) == Verdict::Verified, stops.is_none(), "{stops:?}");
    }
}

/// Of so many files that could not be read only some are known: the others would never be read.
#[test]
fn a_state_with_more_failures_than_it_lists_is_not_gone_on_with() {
    let dataset = DatasetConfig { files: Some(20_000.into()), ..dataset().to_config() };
    let dataset = dataset.validate().unwrap();
    let share = Share::new(&dataset, None);
    let place = memory();
    let root = Root::make(Disk::real(), &place.path().join("data"), Durability::Later).unwrap();
    let file = Output::new(Disk::real(), &place.path().join("state")).unwrap();
    let new = ResumeState::new(&root, share, &verify_options(false)).unwrap();
    let most = FILES_LISTED_MAX as u64;
    for (failed, is_gone_on_with) in [(most, true), (most + 1, false)] {
        let mut state = new.clone();
        (0..failed).for_each(|index| state.fail(index, "unreadable".to_owned()));
        state.next = failed;
        state.save(&file).unwrap();
        let loaded = ResumeState::load(&file, new.clone(), share);
        let refused = matches!(loaded, Err(ResumeStateError::TooManyFailed(all)) if all == failed);
        assert!(loaded.is_ok() == is_gone_on_with && refused != is_gone_on_with, "{loaded:?}");
    }
}

/// What the storage says of a report, a state or a manifest is heard before it has its name.
#[test]
fn a_file_beside_the_dataset_is_stored_before_it_has_its_name() {
    for call in [SystemCall::Flush, SystemCall::Sync] {
        let place = memory();
        let path = place.path().join("report");
        fs::write(&path, "before").unwrap();
        let dying = Failing::from(0, Fault::Before(libc::EIO)).only(call);
        let output = Output::new(Disk::new(dying), &path).unwrap();
        output.replace(b"new", 0o666).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"before", "{call:?}");
        let mut growing = output.begin().unwrap();
        growing.write_all(b"new").unwrap();
        growing.finish().unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"before", "{call:?}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "{call:?}");
    }
    let place = memory();
    let counting = Failing::never().only(SystemCall::Sync);
    let output = Output::new(Disk::new(counting.clone()), &place.path().join("state")).unwrap();
    output.replace(b"new", 0o666).unwrap();
    assert_eq!(counting.calls(), 2, "the file, and the directory with its name");
}
