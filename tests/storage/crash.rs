//! `write` with a journal, and what is judged after a crash that a test plays.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::common::storage::{Run, run, seedfs, verify, write};

const DATASET: &str = "--seed 42 -n 4 -s 600K";
const SYNCED: &[&str] = &["--sync-every", "256K", "--passes", "2"];

/// Judges what is left, without naming the dataset: the journal does.
fn after_crash(journal: &Path, directory: &Path) -> (Option<i32>, Value) {
    let options = ["--json", "--quiet", "--after-crash", journal.to_str().unwrap()];
    let run = run("verify", "", &options, directory);
    let document = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr));
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/schema/after-crash.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    (run.code, document)
}

fn with_journal<'a>(more: &[&'a str], journal: &'a Path) -> Vec<&'a str> {
    [more, &["--journal", journal.to_str().unwrap()]].concat()
}

/// A place for files and a journal beside it, with a run that came to its end.
fn written(more: &[&str]) -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let (files, journal) = (place.path().join("files"), place.path().join("journal"));
    write(DATASET, &with_journal(more, &journal), &files);
    (place, files, journal)
}

fn file(files: &Path, number: u32) -> std::path::PathBuf {
    files.join(format!("node_0/process_0/file_{number}"))
}

#[test]
fn what_is_lost_of_a_run_that_was_synced_is_named() {
    let (_place, files, journal) = written(SYNCED);
    let (code, whole) = after_crash(&journal, &files);
    assert_eq!((code, &whole["verdict"]), (Some(0), &"kept".into()));
    assert_eq!(whole["bytes"]["right"], (4 * 600) << 10);
    assert_eq!(whole["journal"]["done"], true);

    // Zeros, a file that is cut, one that is gone, and what the first pass had written.
    let opened = |number| File::options().write(true).open(file(&files, number)).unwrap();
    opened(0).write_all_at(&[0; 8192], 4096).unwrap();
    opened(1).set_len(500 << 10).unwrap();
    fs::remove_file(file(&files, 2)).unwrap();
    let cat = ["cat", "--seed", "42", "-n", "4", "-s", "600K", "--generation", "0"];
    let old = seedfs(cat).arg("node_0/process_0/file_3").output().unwrap().stdout;
    assert_eq!(old.len(), 600 << 10);
    opened(3).write_all_at(&old[65536..131_072], 65536).unwrap();
    let (code, broken) = after_crash(&journal, &files);
    assert_eq!((code, &broken["verdict"]), (Some(1), &"broken".into()));
    let lost = &broken["lost_though_synced"];
    assert_eq!(lost["zeroed"], 8192, "{broken:#}");
    assert_eq!(lost["missing"], (100 << 10) + (600 << 10));
    assert_eq!(lost["stale"], 65536);
    assert_eq!(lost["foreign"], 0);
    assert_eq!(broken["names"]["lost_though_synced"], 1);
    let stale = &broken["problems"][3]["ranges"][0];
    assert_eq!((&stale["offset"], &stale["generation"]), (&65536.into(), &0.into()));
}

#[test]
fn what_is_newer_than_the_journal_knows_is_right() {
    let (_place, files, journal) = written(SYNCED);
    let text = fs::read_to_string(&journal).unwrap();
    let second_pass = text.find("{\"run\":{\"generation\":1").unwrap();
    fs::write(&journal, &text[..second_pass]).unwrap();
    let (code, document) = after_crash(&journal, &files);
    assert_eq!((code, &document["verdict"]), (Some(0), &"kept".into()), "{document:#}");
    assert_eq!(document["journal"]["generation"], 0);
    assert_eq!(document["bytes"]["right"], (4 * 600) << 10);
}

#[test]
fn what_was_never_synced_may_be_lost() {
    let (_place, files, journal) = written(&[]);
    fs::remove_file(file(&files, 0)).unwrap();
    File::options().write(true).open(file(&files, 1)).unwrap().set_len(0).unwrap();
    let (code, document) = after_crash(&journal, &files);
    assert_eq!((code, &document["verdict"]), (Some(0), &"kept".into()), "{document:#}");
    assert_eq!(document["bytes"]["lost_never_synced"], (2 * 600) << 10);
    assert_eq!(document["names"]["lost_never_synced"], 1);
}

#[test]
fn a_sync_at_the_end_covers_all_files_and_names() {
    let (_place, files, journal) = written(&["--sync-at-end"]);
    assert_eq!(after_crash(&journal, &files).0, Some(0));
    fs::remove_file(file(&files, 3)).unwrap();
    let (code, document) = after_crash(&journal, &files);
    assert_eq!(code, Some(1));
    assert_eq!(document["bytes"]["lost_though_synced"], 600 << 10);
}

#[test]
fn a_journal_that_cannot_be_believed_is_refused() {
    let (place, files, journal) = written(&["--fsync"]);
    let text = fs::read_to_string(&journal).unwrap();
    let refused = |text: &str, reason: &str| {
        let damaged = place.path().join("damaged");
        fs::write(&damaged, text).unwrap();
        let options = ["--after-crash", damaged.to_str().unwrap()];
        let Run { code, stderr, .. } = run("verify", "", &options, &files);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(reason) && stderr.contains("--after-crash"), "{stderr}");
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    refused(&[&lines[..2], &lines[3..]].concat().concat(), "line 3 is damaged");
    refused(&text.replacen("synced", "Synced", 1), "is damaged, and lines follow it");
    refused("hello\n", "is not that of a journal");
    refused("", "is not that of a journal");
    // Cut in its last line, it only knows less.
    fs::write(&journal, &text[..text.len() - 5]).unwrap();
    let (code, document) = after_crash(&journal, &files);
    assert_eq!(code, Some(0));
    assert!(document["journal"]["torn_bytes"].as_u64().unwrap() > 0);
    let options = ["--after-crash", journal.to_str().unwrap(), "--seed", "7"];
    let other = run("verify", "", &options, &files);
    assert!(other.code == Some(2) && other.stderr.contains("another dataset"), "{}", other.stderr);
    let again = run("write", DATASET, &with_journal(&["--overwrite"], &journal), &files);
    assert!(again.code == Some(2) && again.stderr.contains("--resume"), "{}", again.stderr);
}

#[test]
fn what_was_written_is_verified_in_the_same_command() {
    let place = tempfile::tempdir().unwrap();
    let (files, report) = (place.path().join("files"), place.path().join("report"));
    let more = ["--then-verify", "--passes", "2", "--report", report.to_str().unwrap()];
    write(DATASET, &more, &files);
    let document: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!(document["verdict"], "verified", "{document:#}");
    assert_eq!(document["written"]["files"], 8);
    assert_eq!(verify(&format!("{DATASET} --generation 1"), &[], &files).0, Some(0));
    // A name that is in the way is no failure of the writing, and makes the verdict.
    fs::write(files.join("foreign"), "").unwrap();
    let again = run("write", DATASET, &["--overwrite", "--then-verify", "-q"], &files);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
}

#[test]
fn several_targets_are_verified_in_the_same_command_too() {
    let place = tempfile::tempdir().unwrap();
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    let more = ["--copies", "2", "--then-verify", "--json", first.to_str().unwrap()];
    let written = run("write", DATASET, &more, &second);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let document: Value = serde_json::from_str(&written.stdout).unwrap();
    assert_eq!(
        (&document["verdict"], &document["written"]["files"]),
        (&"verified".into(), &8.into())
    );
}

#[test]
fn what_does_not_go_together_is_refused_before_anything_is_made() {
    let place = tempfile::tempdir().unwrap();
    let (files, journal) = (place.path().join("files"), place.path().join("journal"));
    let (journal_text, other) = (journal.to_str().unwrap(), place.path().join("other"));
    let other = other.to_str().unwrap();
    for (options, reason) in [
        (&["--journal", journal_text, other][..], "--journal: the files are spread over targets"),
        (&["--passes", "2", "--copies", "1"], "--passes: the files are spread over targets"),
        (&["--sync-at-end", "--spread", "free"], "--sync-at-end: the files are spread"),
        (&["--sync-every", "1M", other], "--sync-every: the files are spread over targets"),
        (&["--sync-every", "0"], "--sync-every '0': expected a size of 1 byte or more"),
        (&["--sync-every", "1M", "--fsync"], "cannot be used with"),
        (&["--passes", "257"], "expected a whole number from 1 to 256"),
        (&["--passes", "2", "--iterations", "2"], "--iterations has files of their own"),
        (&["--passes", "2", "--new-files", "1"], "--new-files makes the number of files differ"),
        (&["--passes", "2", "--resume"], "only a journal knows in which pass a run was"),
        (&["--passes", "2", "--retry", "1"], "cannot be used with"),
        (&["--raid", "0", "--journal", journal_text, other], "cannot be used with"),
        (&["--raid", "0", "--then-verify", other], "cannot be used with"),
        (&["--device", other, "--sync-at-end"], "cannot be used with"),
        (&["--json"], "--then-verify"),
    ] {
        let refused = run("write", DATASET, options, &files);
        assert_eq!(refused.code, Some(2), "{options:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(reason), "{options:?}: {}", refused.stderr);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "{options:?}");
    }
    write(DATASET, &["--journal", journal_text], &files);
    for (options, reason) in [
        (&[other][..], "--after-crash: 2 directories were named; expected one"),
        (&["--node-id", "0"], "cannot be used with"),
        (&["--sample", "5"], "cannot be used with"),
        (&["--textfile", "a.prom"], "--textfile with --after-crash: expected only one of them"),
    ] {
        let options = [&["--after-crash", journal_text], options].concat();
        let refused = run("verify", "", &options, &files);
        assert_eq!(refused.code, Some(2), "{options:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(reason), "{options:?}: {}", refused.stderr);
    }
}

#[test]
fn a_journal_that_a_crash_may_take_with_the_files_is_warned_of() {
    let place = tempfile::tempdir().unwrap();
    let (files, journal) = (place.path().join("files"), place.path().join("journal"));
    let beside = run("write", DATASET, &with_journal(&[], &journal), &files);
    assert!(
        beside.stderr.contains("is on the file system that is written to"),
        "{}",
        beside.stderr
    );
    let elsewhere = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    // Temporary files may be there themselves.
    let is_beside = device(elsewhere.path()) == device(place.path());
    let journal = elsewhere.path().join("journal");
    let apart = run("write", DATASET, &with_journal(&["--overwrite"], &journal), &files);
    assert_eq!(apart.code, Some(0), "{}", apart.stderr);
    assert_eq!(apart.stderr.contains("is on the file system"), is_beside, "{}", apart.stderr);
}

/// `SEEDFS_KILL_ROUNDS=100 cargo test --test storage killed` is the long form.
#[test]
fn killed_with_a_journal_and_resumed_it_is_whole() {
    let rounds = std::env::var("SEEDFS_KILL_ROUNDS").ok().and_then(|text| text.parse().ok());
    let rounds = rounds.unwrap_or(10_u64);
    let rhythms = [&["--sync-every", "256K"][..], &["--fsync"], &["--sync-at-end"], &[]];
    let mut kills = 0;
    let place = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        let (files, journal) = (place.path().join("files"), place.path().join("journal"));
        let more = [rhythms[round as usize % rhythms.len()], &["--passes", "3", "-q"]].concat();
        let more = with_journal(&more, &journal);
        // Different moments: about as many in each of the passes.
        let mut wait = Duration::from_micros(500 + round * 7919 % 97 * 1500);
        for resume in [&[][..], &["--resume"]] {
            let words = ["write"].into_iter().chain(DATASET.split(' '));
            let words = words.chain(more.iter().copied()).chain(resume.iter().copied());
            let mut child = seedfs(words).arg(&files).spawn().unwrap();
            thread::sleep(wait);
            child.kill().unwrap();
            kills += u64::from(child.wait().unwrap().code().is_none());
            wait /= 2;
            if journal.exists() && files.exists() {
                // Killing a process loses nothing that it has written: no promise is broken.
                let (code, document) = after_crash(&journal, &files);
                assert_eq!(code, Some(0), "round {round}: {document:#}");
            }
        }
        write(DATASET, &[&more[..], &["--resume"]].concat(), &files);
        assert_eq!(after_crash(&journal, &files).0, Some(0), "round {round}");
        let (code, document) = verify(&format!("{DATASET} --generation 2"), &[], &files);
        assert_eq!(code, Some(0), "round {round}: {document:#}");
        fs::remove_dir_all(&files).unwrap();
        fs::remove_file(&journal).unwrap();
    }
    println!("{rounds} rounds, {kills} kills");
    assert!(kills > 0, "every run was faster than its killer");
}
