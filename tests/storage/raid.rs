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
