//! Several targets, one of which is slow, fails, is not named, or says something else.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::dataset::{Dataset, DatasetConfig};
use crate::disk::{Disk, Durability, Failing, Fault, Faults, SystemCall};
use crate::numa::Placement;
use crate::storage::{
    EarlierSeeds, Existing, FileFailure, Findings, Patience, Progress, Requests, Root, Sample,
    Share, StopFlag, Transfer, VerifyOptions, VerifyWatch, WriteOptions,
};
use crate::verdict::Verdict;

/// What is the matter with a disk.
#[derive(Clone, Debug)]
enum Trouble {
    Nothing,
    /// Each write takes so long.
    Slow(Duration),
    Failing(Failing),
}

impl Faults for Trouble {
    fn fault(&self, call: SystemCall) -> Option<Fault> {
        match self {
            Self::Nothing => None,
            Self::Slow(duration) => {
                if call == SystemCall::Write {
                    thread::sleep(*duration);
                }
                None
            }
            Self::Failing(failing) => failing.fault(call),
        }
    }
}

/// No write works from one on.
fn dies(number: u64, errno: i32) -> Trouble {
    Trouble::Failing(Failing::from(number, Fault::Before(errno)).only(SystemCall::Write))
}

const FILES: u64 = 24;

fn dataset_of(size: &str, files: u64) -> Dataset {
    let config = DatasetConfig {
        files: Some(files.into()),
        size: Some(size.into()),
        ..DatasetConfig::default()
    };
    config.validate().unwrap()
}

fn dataset() -> Dataset {
    dataset_of("9000", FILES)
}

fn directories(count: usize) -> (TempDir, Vec<PathBuf>) {
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let paths = (0..count).map(|at| place.path().join(format!("d{at}"))).collect();
    (place, paths)
}

fn roots(paths: &[PathBuf], trouble: impl Fn(usize) -> Trouble) -> Vec<Root<Trouble>> {
    let open = |(at, path): (usize, &PathBuf)| {
        fs::create_dir_all(path).unwrap();
        Root::open(Disk::new(trouble(at)), path).unwrap()
    };
    paths.iter().enumerate().map(open).collect()
}

/// What a run of `write` has to say.
struct Written {
    failures: Findings<FileFailure>,
    tallies: Vec<crate::report::TargetReport>,
    files: u64,
    retries: u64,
    threads: Vec<crate::report::ThreadReport>,
}

fn write_with(
    paths: &[PathBuf],
    dataset: &Dataset,
    (copies, existing, retries): (usize, Existing, u32),
    trouble: impl Fn(usize) -> Trouble,
) -> Result<Written, TargetsError> {
    let wanted = WantedSpread { rule: WantedRule::AsItIs, copies: Some(copies) };
    let mut targets = Targets::begin(roots(paths, trouble), dataset, &wanted)?;
    targets.record(Durability::Later);
    let files = TargetFiles::new(&targets, (dataset, None));
    let progress = Progress::new(files.file_count(), files.total_bytes(1));
    let options = WriteOptions {
        threads: paths.len(),
        placement: Placement::Off,
        transfer: Transfer::Cached,
        requests: Requests::standard(Transfer::Cached),
        existing,
        durability: Durability::Later,
        patience: Patience { retries },
    };
    let stop = StopFlag::default();
    let failures = write_to_targets(&mut targets, (dataset, None), options, &progress, &stop);
    Ok(Written {
        failures,
        tallies: targets.all().iter().map(|target| target.tally().look()).collect(),
        files: progress.snapshot().files,
        retries: progress.retries(),
        threads: progress.crew.look(|number| number.to_string(), paths.len()),
    })
}

fn write(paths: &[PathBuf], copies: usize, trouble: impl Fn(usize) -> Trouble) -> Written {
    write_with(paths, &dataset(), (copies, Existing::Refuse, 0), trouble).unwrap()
}

/// The verdict, of each target its own, and the document.
fn verify(paths: &[PathBuf]) -> Result<(Verdict, serde_json::Value), TargetsError> {
    let dataset = dataset();
    let targets = Targets::open(roots(paths, |_| Trouble::Nothing), &dataset)?;
    let files = TargetFiles::new(&targets, (&dataset, None));
    let options = VerifyOptions {
        threads: 2,
        placement: Placement::Off,
        transfer: Transfer::Cached,
        requests: Requests::standard(Transfer::Cached),
        drop_cache: false,
        sample: Sample::ALL,
        stop_after: None,
        patience: Patience::default(),
    };
    let progress = Progress::new(0, 0);
    let stop = StopFlag::default();
    let watch = VerifyWatch {
        progress: &progress,
        stop: &stop,
        save: &|_| {},
        earlier: &EarlierSeeds::NONE,
    };
    let states = verify_targets(&files, options, files.begin(&options).unwrap(), watch).unwrap();
    let surroundings = files.surroundings(&states, &options, progress.snapshot());
    let document = serde_json::from_slice(&states.verification().document(&surroundings)).unwrap();
    Ok((files.verdict(&states), document))
}

/// The paths of the files of the dataset below a directory.
fn files_in(directory: &Path) -> Vec<String> {
    let dataset = dataset();
    let share = Share::new(&dataset, None);
    let paths = (0..FILES).map(|index| share.path(share.file(index)));
    paths.filter(|path| directory.join(path).exists()).collect()
}

#[test]
fn files_are_where_they_belong_and_found_in_any_order() {
    let (_place, mut paths) = directories(4);
    let written = write(&paths, 2, |_| Trouble::Nothing);
    assert_eq!((written.failures.total, written.files), (0, 2 * FILES));
    for path in &paths {
        assert_eq!(files_in(path).len() as u64, FILES / 2);
    }
    assert!(written.tallies.iter().all(|of| of.files.done == FILES / 2 && of.failed.is_none()));
    paths.rotate_left(1);
    paths.swap(0, 1);
    let (verdict, document) = verify(&paths).unwrap();
    assert_eq!(verdict, Verdict::Verified, "{document:#}");
    assert_eq!(document["files"]["verified"], 2 * FILES);
    // One is gone: the others have all files.
    let gone = paths.remove(1);
    let (verdict, document) = verify(&paths).unwrap();
    assert_eq!(verdict, Verdict::Verified, "{document:#}");
    let names: Vec<_> = document["targets"].as_array().unwrap().iter().collect();
    let unnamed: Vec<_> = names.iter().filter(|target| target["named"] == false).collect();
    assert_eq!(unnamed.len(), 1);
    assert_eq!(unnamed[0]["directory"], gone.display().to_string());
    // Two that hold the same files are gone: those are nowhere, and nothing says otherwise.
    for first in 0..3 {
        let two: Vec<PathBuf> =
            paths.iter().filter(|path| **path != paths[first]).cloned().collect();
        let held: std::collections::BTreeSet<_> =
            two.iter().flat_map(|path| files_in(path)).collect();
        let (verdict, document) = verify(&two).unwrap();
        let all = held.len() as u64 == FILES;
        assert_eq!(verdict == Verdict::Verified, all, "{document:#}");
        assert_eq!(document["files"]["untouched"], FILES - held.len() as u64);
    }
}

#[test]
fn wrong_bytes_missing_and_misplaced_files_are_named_with_their_disk() {
    let (_place, paths) = directories(3);
    write(&paths, 1, |_| Trouble::Nothing);
    let of = |at: usize| files_in(&paths[at]);
    let (wrong, missing, moved) = (of(0)[1].clone(), of(1)[2].clone(), of(2)[0].clone());
    let mut bytes = fs::read(paths[0].join(&wrong)).unwrap();
    bytes[4321] ^= 1;
    fs::write(paths[0].join(&wrong), bytes).unwrap();
    fs::remove_file(paths[1].join(&missing)).unwrap();
    let to = paths[0].join(&moved);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(paths[2].join(&moved), &to).unwrap();
    let (verdict, document) = verify(&paths).unwrap();
    assert_eq!(verdict, Verdict::Mismatch);
    let problems = document["problems"].as_array().unwrap();
    let found: Vec<_> = problems
        .iter()
        .map(|of| (of["path"].as_str().unwrap(), of["target"].as_str().unwrap(), &of["verdict"]))
        .collect();
    let name = |at: usize| paths[at].to_str().unwrap();
    assert_eq!(
        found,
        [
            (wrong.as_str(), name(0), &"mismatch".into()),
            (missing.as_str(), name(1), &"untouched".into())
        ]
    );
    assert_eq!(problems[0]["ranges"][0]["offset"], 4321);
    assert_eq!(document["unexpected"][0], format!("{}/{moved}", name(0)));
    assert_eq!(document["unexpected_total"], 1);
}

#[test]
fn a_target_that_fails_takes_no_more_and_the_others_finish() {
    for errno in [libc::EIO, libc::ENOSPC, libc::EROFS] {
        let (_place, paths) = directories(3);
        let trouble = |at| if at == 1 { dies(3, errno) } else { Trouble::Nothing };
        let written = write(&paths, 1, trouble);
        // Of its writes the first is that of the spread.
        assert_eq!(written.failures.total, FILES / 3 - 2, "{errno}");
        let name = paths[1].display().to_string();
        assert!(written.failures.listed.iter().all(|f| f.target.as_ref() == Some(&name)));
        assert!(written.tallies[1].failed.is_some());
        for other in [0, 2] {
            assert_eq!(written.tallies[other].files.done, FILES / 3);
            assert!(written.tallies[other].failed.is_none());
        }
        let again = (1, Existing::Resume, 0);
        let written = write_with(&paths, &dataset(), again, |_| Trouble::Nothing).unwrap();
        assert_eq!(written.failures.total, 0);
        assert_eq!(verify(&paths).unwrap().0, Verdict::Verified);
    }
}

#[test]
fn copies_of_a_target_that_fails_go_on_elsewhere() {
    for number in 0..(FILES / 2 + 2) {
        let (_place, paths) = directories(4);
        let trouble = |at| if at == 2 { dies(number, libc::EIO) } else { Trouble::Nothing };
        let written = write(&paths, 2, trouble);
        assert_eq!(written.failures.total, 0, "{number}: {:?}", written.failures);
        let has_failed = written.tallies[2].failed.is_some();
        assert_eq!(has_failed, number <= FILES / 2, "{number}");
        let mut others = paths.clone();
        others.remove(2);
        let (verdict, document) = verify(&others).unwrap();
        assert_eq!(verdict, Verdict::Verified, "{number}: {document:#}");
        if has_failed {
            // Each file has its two copies among the others.
            assert_eq!(document["files"]["verified"], 2 * FILES, "{number}");
            assert_eq!(document["unexpected_total"], 0);
        }
        // With that one, what it lacks is named; and it can be made whole again.
        let lacks = FILES / 2 - files_in(&paths[2]).len() as u64;
        let (_, document) = verify(&paths).unwrap();
        assert_eq!(document["files"]["untouched"], lacks, "{number}");
        let again = (2, Existing::Resume, 0);
        let written = write_with(&paths, &dataset(), again, |_| Trouble::Nothing).unwrap();
        assert_eq!(written.failures.total, 0);
        let (verdict, document) = verify(&paths).unwrap();
        assert_eq!(verdict, Verdict::Verified, "{number}: {document:#}");
    }
}

#[test]
fn where_too_few_targets_are_left_the_missing_copies_are_failures() {
    let (_place, paths) = directories(2);
    let trouble = |at| if at == 1 { dies(1, libc::ENOSPC) } else { Trouble::Nothing };
    let written = write(&paths, 2, trouble);
    assert_eq!((written.failures.total, written.files), (FILES, FILES));
    assert_eq!(verify(&paths[..1]).unwrap().0, Verdict::Verified);
}

#[test]
fn an_error_that_passes_is_tried_again_and_counted() {
    use SystemCall::{Create, MakeDirectory, Rename, Stat, Write};

    for call in [Create, MakeDirectory, Rename, Stat, Write] {
        let (_place, paths) = directories(2);
        // Not at the spread itself.
        let fault = Fault::Before(libc::EIO);
        let failing = Failing::at(if call == Stat { 20 } else { 4 }, fault).only(call);
        let trouble = |at| match at {
            1 if call != MakeDirectory => Trouble::Failing(failing.clone()),
            // Nor at its directory, which gets a mode.
            1 => Trouble::Failing(Failing::at(2, fault).only(call)),
            _ => Trouble::Nothing,
        };
        let with = |retries| (1, Existing::Refuse, retries);
        let written = write_with(&paths, &dataset(), with(2), trouble).unwrap();
        assert_eq!(written.failures.total, 0, "{call:?}: {:?}", written.failures);
        if call != Stat {
            assert_eq!((written.retries, written.tallies[1].retries), (1, 1), "{call:?}");
        }
        assert_eq!(verify(&paths).unwrap().0, Verdict::Verified);
    }
}

#[test]
fn a_slow_target_holds_up_nobody_and_is_helped_in_the_end() {
    let (_place, paths) = directories(2);
    let dataset = dataset_of("80M", 2);
    let size = dataset.size_bytes(Share::new(&dataset, None).file(0));
    let trouble = |at| match at {
        0 => Trouble::Slow(Duration::from_millis(1)),
        _ => Trouble::Nothing,
    };
    let how = (1, Existing::Refuse, 0);
    let written = write_with(&paths, &dataset, how, trouble).unwrap();
    assert_eq!(written.failures.total, 0);
    let [slow, fast] = &written.tallies[..] else { panic!("{:?}", written.tallies) };
    assert!(fast.bytes_per_s > slow.bytes_per_s, "{slow:?} {fast:?}");
    assert!(fast.idle_share > slow.idle_share, "{slow:?} {fast:?}");
    // The thread of the fast one has taken parts of the other's file.
    let bytes: Vec<u64> = written.threads.iter().map(|thread| thread.bytes).collect();
    assert_eq!(bytes.iter().sum::<u64>(), 2 * size);
    assert!(bytes.iter().any(|bytes| *bytes > size), "{bytes:?}");
}

#[test]
fn what_others_have_put_in_place_of_the_spread_is_refused_with_a_sentence() {
    let (place, paths) = directories(3);
    write(&paths, 1, |_| Trouble::Nothing);
    let document = |at: usize| paths[at].join(".seedfs").join("spread.json");
    let whole = fs::read_to_string(document(1)).unwrap();
    let (other_place, others) = directories(3);
    let other = dataset_of("100", 5);
    write_with(&others, &other, (1, Existing::Refuse, 0), |_| Trouble::Nothing).unwrap();
    let of_other_dataset = fs::read_to_string(others[1].join(".seedfs/spread.json")).unwrap();
    let (copies_place, copied) = directories(3);
    write(&copied, 2, |_| Trouble::Nothing);
    let of_other_spread = fs::read_to_string(copied[1].join(".seedfs/spread.json")).unwrap();
    for (planted, expected) in [
        (String::new(), "not a spread"),
        ("x".repeat(1 << 20), "it has more than"),
        (whole.replace("\"target\": 1", "\"target\": 2"), "that of target 2"),
        (whole.replace("\"target\": 1", "\"target\": 64"), "does not have"),
        (whole.replace("\"copies\": 1", "\"copies\": 2"), "edited"),
        (of_other_dataset, "another dataset"),
        (of_other_spread, "another spread"),
    ] {
        fs::write(document(1), &planted).unwrap();
        let error = verify(&paths).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.contains("spread.json"), "{error}");
        let how = (1, Existing::Resume, 0);
        assert!(write_with(&paths, &dataset(), how, |_| Trouble::Nothing).is_err(), "{expected}");
    }
    let secret = place.path().join("secret");
    fs::write(&secret, &whole).unwrap();
    fs::remove_file(document(1)).unwrap();
    std::os::unix::fs::symlink(&secret, document(1)).unwrap();
    assert!(matches!(verify(&paths), Err(TargetsError::Document { .. })));
    // Without it, the directory takes the place that is free; another one has none.
    fs::remove_file(document(1)).unwrap();
    assert_eq!(verify(&paths).unwrap().0, Verdict::Verified);
    let more: Vec<PathBuf> = paths.iter().cloned().chain([place.path().join("d9")]).collect();
    assert!(matches!(verify(&more), Err(TargetsError::NoPlace(_))));
    assert!(matches!(verify(&more[3..]), Err(TargetsError::None)));
    let how = (1, Existing::Resume, 0);
    let fewer = write_with(&paths[..2], &dataset(), how, |_| Trouble::Nothing);
    assert!(matches!(fewer, Err(TargetsError::Missing { number: 2, .. })));
    drop((other_place, copies_place));
}
