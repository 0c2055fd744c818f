//! `write --raid` and `verify --raid` on directories and on images of disks.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::storage::{Run, seedfs};

const DATASET: &str = "--seed 42 -n 2 -s 300001";

fn run(words: &str, paths: &[PathBuf]) -> Run {
    Run::from(seedfs(words.split_whitespace()).args(paths).output().unwrap())
}

fn members(directory: &Path, count: usize) -> Vec<PathBuf> {
    (0..count).map(|member| directory.join(format!("d{member}"))).collect()
}

/// The document, which must be what its schema says.
fn document(run: &Run) -> Value {
    let document: Value = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", run.stdout, run.stderr));
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/schema/raid.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    document
}

#[test]
fn members_in_directories_are_written_and_damage_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let paths = members(directory.path(), 4);
    let raid = format!("--raid 5 --chunk 16K {DATASET}");
    let wrote = run(&format!("write -q {raid}"), &paths);
    assert_eq!(wrote.code, Some(0), "{}", wrote.stderr);
    let again = run(&format!("write -q {raid}"), &paths);
    assert_eq!(again.code, Some(3));
    assert!(again.stderr.contains("--overwrite replaces it"), "{}", again.stderr);
    assert_eq!(run(&format!("write -q --overwrite {raid}"), &paths).code, Some(0));
    let good = run(&format!("verify -q --json {raid}"), &paths);
    assert_eq!((good.code, &document(&good)["verdict"]), (Some(0), &"verified".into()));

    let victim = paths[1].join("node_0/process_0/file_1");
    let mut bytes = fs::read(&victim).unwrap();
    // As many chunks as the file has stripes: 300001 bytes are seven of 48 KiB.
    assert_eq!(bytes.len(), 7 * 16384);
    bytes[20000..20100].fill(0);
    fs::write(&victim, bytes).unwrap();
    fs::remove_dir_all(&paths[3]).unwrap();
    let bad = run(&format!("verify -q --json {raid}"), &paths);
    let found = document(&bad);
    assert_eq!((bad.code, &found["verdict"]), (Some(1), &"mismatch".into()));
    assert_eq!(found["members"][3]["missing_bytes"], 2 * 7 * 16384);
    let wrong = found["ranges"].as_array().unwrap().iter().find(|range| range["member"] == 1);
    let wrong = wrong.unwrap();
    assert_eq!(
        (&wrong["class"], &wrong["path"]),
        (&"zeroed".into(), &"node_0/process_0/file_1".into())
    );
    // Stripe 1 is 4 5 (P) 3: member 1 has chunk 5.
    assert_eq!(wrong["file_offset"], 5 * 16384 + 20000 - 16384);
    let words = run(&format!("verify -q {raid}"), &paths);
    assert_eq!(words.stdout, "", "-q says nothing");
    let words = run(&format!("verify {raid}"), &paths);
    assert!(words.stdout.contains("at 20000, 100 bytes: zeroed"), "{}", words.stdout);
}

/// An array on devices: what a mount would have of the files, one after another.
#[test]
fn one_member_of_an_array_is_judged_from_below() {
    let directory = tempfile::tempdir().unwrap();
    let files = members(directory.path(), 1);
    // One file of whole pages is the whole array.
    let dataset = "--seed 42 -s 393216";
    assert_eq!(run(&format!("write -q {dataset}"), &files).code, Some(0));
    let array = fs::read(files[0].join("node_0/process_0")).unwrap();
    let chunks: Vec<&[u8]> = array.chunks(65536).collect();
    // Stripe by stripe: 0 1 (P), 3 (P) 2, (P) 4 5.
    let xor = |one: usize, other: usize| -> Vec<u8> {
        chunks[one].iter().zip(chunks[other]).map(|(one, other)| one ^ other).collect()
    };
    let disk = directory.path().join("disk1");
    let mut bytes = vec![0x55; 8192];
    bytes.extend([chunks[1], &xor(2, 3), chunks[4]].concat());
    bytes.extend([0x55; 5000]);
    fs::write(&disk, &bytes).unwrap();
    let below = "--raid 5 --chunk 64K --members 3 --member 1 --data-offset 8K --device";
    let good = run(&format!("verify -q --json {dataset} {below}"), std::slice::from_ref(&disk));
    let found = document(&good);
    assert_eq!((good.code, &found["verdict"]), (Some(0), &"verified".into()), "{found:#}");
    assert_eq!(found["members"][1]["expected_bytes"], 3 * 65536);

    // In the place of the parity of stripe 1, what the next member has there.
    bytes[8192 + 65536..][..65536].copy_from_slice(chunks[2]);
    fs::write(&disk, &bytes).unwrap();
    let bad = document(&run(&format!("verify -q --json {dataset} {below}"), &[disk]));
    let range = &bad["ranges"][0];
    assert_eq!((&range["class"], &range["holds_member"]), (&"other_member".into(), &2.into()));
    assert_eq!((&range["offset"], &range["parity_of_stripe"]), (&65536.into(), &1.into()));
}

#[test]
fn arrays_that_cannot_be_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let three = members(directory.path(), 3);
    for (words, paths, said) in [
        ("write --raid 5", &three[..2], "--raid: RAID 5 with 2 members: expected 3 to 256"),
        ("write --raid 5 --chunk 12K", &three[..], "--chunk '12K': a chunk of 12288 bytes"),
        ("write --raid 0 --chunk 6000", &three[..], "expected a multiple of 4096"),
        ("write --raid 1 --chunk 64K", &three[..], "RAID 1 has no chunks"),
        ("write --raid 5 --resume", &three[..], "--resume with --raid"),
        ("verify --raid 5 --members 3 --member 3", &three[..1], "--member '3': expected"),
        ("verify --raid 5 --members 3 --member 1", &three[..], "3 directories are named"),
        ("verify --raid 5 --sample 5", &three[..], "--sample with --raid"),
        ("verify --raid 5 --device a", &three[..], "expected only one kind"),
        ("verify --raid 7", &three[..], "'7'"),
        ("verify --data-offset 1M --device a", &[][..], "--raid"),
        ("repair --data-offset 1M --device a", &[][..], "--raid"),
        ("verify --members 3 --member 1", &three[..1], "--raid"),
        ("repair --members 3 --member 1", &three[..1], "--raid"),
        (
            "verify --raid 0 --data-offset 100 --device a --device b",
            &[][..],
            "--data-offset '100': expected a multiple of 4096",
        ),
    ] {
        let refused = run(words, paths);
        assert_eq!(refused.code, Some(2), "{words}: {}", refused.stderr);
        assert!(refused.stderr.contains(said), "{words}: {}", refused.stderr);
    }
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none(), "nothing was made");
}

/// One member lost and one damaged, with three and with four: made whole, and nothing else touched.
#[test]
fn repair_makes_members_in_directories_whole() {
    for count in [3, 4] {
        let directory = tempfile::tempdir().unwrap();
        let paths = members(directory.path(), count);
        let raid = format!("--raid 5 --chunk 16K {DATASET}");
        assert_eq!(run(&format!("write -q {raid}"), &paths).code, Some(0));
        let file =
            |member: usize, file: u32| paths[member].join(format!("node_0/process_0/file_{file}"));
        let all = || (0..count).flat_map(|member| [0, 1].map(|it| fs::read(file(member, it)).ok()));
        let right: Vec<_> = all().collect();
        fs::remove_dir_all(&paths[0]).unwrap();
        let mut bytes = fs::read(file(1, 1)).unwrap();
        bytes[20000..20100].fill(0);
        bytes.extend([7; 99]);
        fs::write(file(1, 1), bytes).unwrap();
        fs::write(paths[2].join("notes"), "somebody's own").unwrap();
        let untouched = fs::metadata(file(2, 0)).unwrap().modified().unwrap();

        let gone = run(&format!("repair -q {raid}"), &paths);
        assert_eq!(gone.code, Some(2));
        assert!(gone.stderr.contains("expected an empty directory"), "{}", gone.stderr);
        fs::create_dir(&paths[0]).unwrap();
        let dry = run(&format!("repair -q --json --dry-run {raid}"), &paths);
        assert_eq!((dry.code, &document(&dry)["repair"]["dry_run"]), (Some(1), &true.into()));
        assert!(file(0, 0).symlink_metadata().is_err());
        let raid_43 = raid.replace("--seed 42", "--seed 43");
        let other = run(&format!("repair -q {raid_43}"), &paths);
        assert_eq!(other.code, Some(2));
        assert!(other.stderr.contains("--force"), "{}", other.stderr);

        let done = run(&format!("repair -q --json {raid}"), &paths);
        let found = document(&done);
        assert_eq!(done.code, Some(0), "{found:#}");
        assert_eq!(found["repair"]["members_made"], 2);
        assert_eq!(found["members"][1]["wrong_bytes"], 100);
        assert_eq!(found["members"][1]["extra_bytes"], 99);
        assert!(all().collect::<Vec<_>>() == right);
        assert_eq!(fs::metadata(file(2, 0)).unwrap().modified().unwrap(), untouched);
        assert_eq!(fs::read(paths[2].join("notes")).unwrap(), b"somebody's own");
        let words = run(&format!("repair {raid}"), &paths);
        assert!(words.stdout.contains("all is right now"), "{}", words.stdout);
    }
}

/// What has several names is not written to, nor what is reached by a link.
#[test]
fn repair_of_members_writes_through_no_other_name() {
    let directory = tempfile::tempdir().unwrap();
    let paths = members(directory.path(), 3);
    let raid = format!("--raid 5 --chunk 16K {DATASET}");
    assert_eq!(run(&format!("write -q {raid}"), &paths).code, Some(0));
    let elsewhere = directory.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    let [linked, named] = [0, 1].map(|it| paths[1].join(format!("node_0/process_0/file_{it}")));
    fs::remove_file(&linked).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &linked).unwrap();
    fs::remove_file(&named).unwrap();
    fs::hard_link(&elsewhere, &named).unwrap();
    let done = run(&format!("repair -q --json {raid}"), &paths);
    let found = document(&done);
    assert_eq!((done.code, &found["failures_total"]), (Some(3), &2.into()), "{found:#}");
    assert!(done.stderr.contains("2 names (hard links)"), "{}", done.stderr);
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
}

/// Members on devices: written at once, judged, exchanged, and made whole.
#[test]
fn members_on_devices_are_written_judged_and_repaired() {
    let directory = tempfile::tempdir().unwrap();
    let disks = members(directory.path(), 3);
    let on = |disks: &[PathBuf]| -> String {
        let all: Vec<_> = disks.iter().map(|disk| format!("--device {}", disk.display())).collect();
        all.join(" ")
    };
    let dataset = "--raid 5 --chunk 16K --seed 42 -n 7 -s 1..300001";
    let writing = format!("write -q {dataset} {}", on(&disks));
    let wrote = run(&writing, &[]);
    assert_eq!(wrote.code, Some(0), "{}", wrote.stderr);
    let again = run(&writing, &[]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("--yes-destroy"), "{}", again.stderr);
    assert_eq!(run(&format!("{writing} --yes-destroy"), &[]).code, Some(0));
    let right: Vec<_> = disks.iter().map(|disk| fs::read(disk).unwrap()).collect();
    let verifying = format!("verify -q --json {dataset} {}", on(&disks));
    let good = run(&verifying, &[]);
    assert_eq!((good.code, &document(&good)["verdict"]), (Some(0), &"verified".into()));
    let parity: Vec<u8> = right[0].iter().zip(&right[1]).map(|(one, two)| one ^ two).collect();
    assert!(parity[..] == right[2][..parity.len()], "each is the parity of the others");

    // Two members exchanged, and one torn.
    fs::write(&disks[0], &right[1]).unwrap();
    fs::write(&disks[1], &right[0]).unwrap();
    let mut torn = right[2].clone();
    torn[40_000..50_000].fill(0);
    torn.truncate(torn.len() - 5000);
    fs::write(&disks[2], torn).unwrap();
    let bad = run(&verifying, &[]);
    let found = document(&bad);
    assert_eq!(bad.code, Some(1));
    assert_eq!(found["members"][0]["is_really"], 1, "{found:#}");
    // One of them by itself, and then all.
    let one = format!("{dataset} --members 3 --member 2 --device {}", disks[2].display());
    let done = run(&format!("repair -q --json {one}"), &[]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(fs::read(&disks[2]).unwrap() == right[2]);
    let done = run(&format!("repair -q --fsync {dataset} {}", on(&disks)), &[]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    for (disk, right) in disks.iter().zip(&right) {
        // What is behind the end of a member is nobody's, on a device as in a file.
        assert!(fs::read(disk).unwrap()[..right.len()] == *right);
    }
    let twice = [disks[0].clone(), disks[1].clone(), disks[0].clone()];
    let twice = run(&format!("write -q --yes-destroy {dataset} {}", on(&twice)), &[]);
    assert_eq!(twice.code, Some(2));
    assert!(twice.stderr.contains("is the same as"), "{}", twice.stderr);
    let several = run(&format!("write -q --seed 42 {}", on(&disks)), &[]);
    assert_eq!(several.code, Some(2));
    assert!(several.stderr.contains("expected --raid"), "{}", several.stderr);
}
