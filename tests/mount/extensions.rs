//! Files of several formats in one dataset: what is read, what is judged, and what a mount says of
//! them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use seedfs::content::Content;
use seedfs::dataset::{Dataset, DatasetConfig, DatasetEntry, DatasetPart};
use serde_json::{Value, json};

use crate::common::{Mount, code, run, text};

const OPTIONS: [&str; 9] = [
    "--seed=42",
    "--files=3",
    "--iterations=2",
    "--layout=g{iteration}/{file:03}.{ext}",
    "--content=tfrecord=tfrecord:5000,4",
    "--content=idx=tfrecord-index",
    "--content=bin=random",
    "--content=npz=npz:x:i4,30x10",
    "--size=20000",
];

/// The dataset that a mount says that it has.
fn dataset(mount: &Mount) -> Dataset {
    let config: DatasetConfig = serde_json::from_value(mount.status("config.json")).unwrap();
    config.validate().unwrap()
}

fn bytes(dataset: &Dataset, path: &str) -> Vec<u8> {
    let file = dataset.namespace().coordinates(path).expect(path);
    let mut bytes = vec![0; dataset.size_bytes(file) as usize];
    Content::of(dataset).fill(file, 0, &mut bytes);
    bytes
}

fn document(mount: &Mount, path: &str) -> Value {
    mount.status(&format!("files/{path}.json"))
}

#[test]
fn every_file_is_what_its_extension_says() {
    let mount = Mount::new(&OPTIONS);
    let dataset = dataset(&mount);
    let extensions = ["bin", "idx", "npz", "tfrecord"];
    let names = ["000", "001", "002"].map(|file| extensions.map(|it| format!("{file}.{it}")));
    for generation in ["g0", "g1"] {
        let mut listed: Vec<String> = fs::read_dir(mount.join(generation))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        listed.sort();
        assert_eq!(listed, names.as_flattened());
        for name in listed {
            let path = format!("{generation}/{name}");
            let read = fs::read(mount.join(&path)).unwrap();
            assert_eq!(read, bytes(&dataset, &path), "{path}");
            let cat = run(&[&["cat"], &OPTIONS[..], &[&path]].concat());
            assert!(cat.status.success() && cat.stdout == read, "{}", text(&cat.stderr));
        }
    }
    let index = fs::read_to_string(mount.join("g1/002.idx")).unwrap();
    let records = fs::metadata(mount.join("g1/002.tfrecord")).unwrap().len();
    let lines: Vec<_> =
        (0..4).map(|it| format!("{} {}\n", it * records / 4, records / 4)).collect();
    assert_eq!(index, lines.concat());

    let summary = mount.status("summary.json");
    assert_eq!(summary["files"]["total"], 24);
    let sizes = dataset.sum_bytes(DatasetPart::ALL, 0..24);
    assert_eq!(summary["bytes"]["expected"].as_u64().map(u128::from), Some(sizes));
    let is_plain = |path: &str| {
        let names = attribute_names(&mount, path);
        names.contains("user.seedfs.openssl")
    };
    assert!(is_plain("g0/000.bin") && !is_plain("g0/000.npz"));
}

/// The names of the extended attributes of a file, as text.
fn attribute_names(mount: &Mount, path: &str) -> String {
    let names = xattr::list(mount.join(path)).unwrap();
    names.map(|name| name.to_string_lossy().into_owned() + "\n").collect()
}

#[test]
fn damage_is_told_by_the_format_of_its_file() {
    let mount = Mount::new(&OPTIONS);
    let dataset = dataset(&mount);
    let flipped = |path: &str, at: usize| {
        let right = bytes(&dataset, path);
        fs::write(mount.join(path), &right).unwrap();
        assert_eq!(document(&mount, path)["verdict"], "verified", "{path}");
        mount.write_at(path, at as u64, &[right[at] ^ 4]);
        let found = document(&mount, path);
        assert_eq!(found["verdict"], "mismatch", "{path}");
        let range = &found["ranges"][0];
        assert_eq!(range["class"], "flipped");
        (range["offset"].as_u64().unwrap() as usize, range["parts"].clone())
    };
    let records = bytes(&dataset, "g1/001.tfrecord").len();
    assert_eq!(flipped("g1/001.tfrecord", records - 1), (records - 1, json!(["checksum"])));
    assert_eq!(flipped("g1/001.tfrecord", 3000), (3000, json!(["payload"])));
    assert_eq!(flipped("g1/001.idx", 7), (7, json!(["framing"])));
    assert_eq!(flipped("g1/001.npz", 0), (0, json!(["framing"])));
    let (offset, parts) = flipped("g1/001.bin", 11_111);
    assert!(offset == 11_111 && parts.as_array().is_none_or(Vec::is_empty), "{parts}");

    // Content of another extension, generation and number is found as what it is.
    let other = bytes(&dataset, "g0/002.tfrecord");
    fs::write(mount.join("g0/000.bin"), bytes(&dataset, "g0/000.bin")).unwrap();
    mount.write_at("g0/000.bin", 4096, &other[8192..12_288]);
    let found = document(&mount, "g0/000.bin");
    let range = &found["ranges"][0];
    assert_eq!(range["class"], "misplaced", "{found:#}");
    assert_eq!(range["source"]["path"], "g0/002.tfrecord");
    assert_eq!(range["source"]["offset"], 8192);
}

#[test]
fn copies_and_renames_within_the_mount_are_judged() {
    let mount = Mount::new(&OPTIONS);
    let dataset = dataset(&mount);
    for extension in ["idx", "npz"] {
        // The same inode under another number, and its extents.
        let [one, other, third] =
            ["000", "001", "002"].map(|file| format!("g0/{file}.{extension}"));
        fs::rename(mount.join(&one), mount.join(&other)).unwrap();
        fs::write(mount.join(&third), b"").unwrap();
        let source = File::open(mount.join(&format!("g1/000.{extension}"))).unwrap();
        let target = File::options().write(true).open(mount.join(&third)).unwrap();
        let length = bytes(&dataset, &third).len();
        let copied = rustix::fs::copy_file_range(&source, None, &target, None, length).unwrap();
        assert_eq!(copied, length);
        let verdict = if extension == "idx" { "verified" } else { "mismatch" };
        assert_eq!(document(&mount, &third)["verdict"], verdict, "{third}");
        let renamed = document(&mount, &other);
        assert_eq!(renamed["bytes"]["wrong"] == 0, extension == "idx", "{renamed:#}");
        assert_eq!(document(&mount, &one)["exists"], false);
    }
    // A file of one extension is none of another, whatever their sizes.
    let index = fs::read(mount.join("g1/001.idx")).unwrap();
    fs::write(mount.join("g1/001.npz"), &index).unwrap();
    assert_eq!(document(&mount, "g1/001.npz")["verdict"], "mismatch");
}

#[test]
fn a_removed_directory_of_an_extension_is_counted() {
    let mount = Mount::new(&[
        "--files=5",
        "--layout={ext}/{file}",
        "--content=json=jsonl:id:int9,2",
        "--content=npy=npy:f4,N",
        "--size=528",
    ]);
    fs::remove_dir_all(mount.join("npy")).unwrap();
    let summary = mount.status("summary.json");
    assert_eq!(summary["files"]["incomplete"], 5, "{summary:#}");
    assert_eq!(summary["files"]["untouched"], 5);
    let dataset = dataset(&mount);
    let directory = dataset.namespace().resolve("json").unwrap();
    assert_eq!(dataset.namespace().entry(directory), Some(DatasetEntry::Directory));
    assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 1);
    fs::create_dir(mount.join("npy")).unwrap();
    fs::write(mount.join("npy/3"), bytes(&dataset, "npy/3")).unwrap();
    assert_eq!(mount.status("summary.json")["files"]["verified"], 1);
    assert_eq!(mount.status("summary.json")["files"]["incomplete"], 4);
}

#[test]
fn a_directory_that_was_written_is_verified_to_the_byte() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().to_str().unwrap();
    let with = |command: &str, more: &[&str]| run(&[&[command], &OPTIONS[..], more].concat());
    let written = with("write", &[target]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    assert_eq!(code(with("verify", &[target]).status), 0);

    let sums = with("sums", &[]);
    let sums = text(&sums.stdout);
    assert_eq!(sums.lines().count(), 24);
    for line in sums.lines() {
        let (sum, path) = line.split_once("  ").unwrap();
        let bytes = fs::read(directory.path().join(path)).unwrap();
        assert_eq!(blake3::hash(&bytes).to_hex().as_str(), sum, "{path}");
    }
    let located = |path: &str, offset: u64| {
        let mut piece = [0; 64];
        File::open(directory.path().join(path)).unwrap().read_exact_at(&mut piece, offset).unwrap();
        let name = directory.path().join("piece");
        fs::write(&name, piece).unwrap();
        let found = text(&with("locate", &[name.to_str().unwrap()]).stdout);
        fs::remove_file(name).unwrap();
        found
    };
    assert!(located("g1/002.tfrecord", 6000).contains("g1/002.tfrecord"));
    assert!(located("g0/001.bin", 6000).contains("g0/001.bin"));

    let victim = directory.path().join("g1/000.idx");
    let mut index = fs::read(&victim).unwrap();
    index[0] = b'1';
    fs::write(&victim, index).unwrap();
    let found = with("verify", &["--json", "--quiet", target]);
    assert_eq!(code(found.status), 1);
    let report: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(report["problems_total"], 1, "{report:#}");
    let problem = &report["problems"][0];
    assert_eq!(problem["path"], "g1/000.idx");
    assert_eq!(problem["ranges"][0]["parts"], json!(["framing"]));
    assert_eq!(problem["ranges"][0]["offset"], 0);
}
