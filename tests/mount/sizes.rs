//! Sizes that differ and generations, through a mount and through the commands.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::statvfs::statvfs;
use seedfs::dataset::{Dataset, DatasetConfig, DatasetEntry};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{self, Mount, code, run, seedfs, text, wait_for};

const KINDS: [&str; 6] = [
    "100000",
    "1..300K",
    "lognormal:median=20K,sigma=2,max=1M",
    "pareto:min=500,alpha=1.2,max=1M",
    "buckets:1=10,4K=50,64K=35,1M=5",
    "4K..8K",
];

/// Every file below a directory, by its path.
fn files(root: &Path) -> BTreeMap<String, fs::Metadata> {
    let mut found = BTreeMap::new();
    let mut directories: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("it can be listed") {
            let path = entry.expect("it can be read").path();
            let metadata = fs::symlink_metadata(&path).expect("it is there");
            if metadata.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, metadata);
            }
        }
    }
    found
}

fn dataset_of(config: &Value) -> Dataset {
    let typed: DatasetConfig = serde_json::from_value(config.clone()).expect("it is a dataset");
    typed.validate().expect("it is valid")
}

/// The size of each file, from the library.
fn expected_sizes(dataset: &Dataset) -> BTreeMap<String, u64> {
    let namespace = dataset.namespace();
    let mut sizes = BTreeMap::new();
    for number in 1..=namespace.inode_count() {
        let inode = seedfs::dataset::Inode::new(number);
        if let Some(DatasetEntry::File(file)) = namespace.entry(inode) {
            sizes.insert(namespace.path(inode).unwrap(), dataset.size_bytes(file));
        }
    }
    sizes
}

fn assert_shows_the_dataset(mount: &Mount) -> u64 {
    let dataset = dataset_of(&mount.status("config.json"));
    let expected = expected_sizes(&dataset);
    let found: BTreeMap<String, u64> =
        files(mount.path()).into_iter().map(|(path, metadata)| (path, metadata.len())).collect();
    assert_eq!(found, expected);
    let total: u64 = expected.values().sum();
    let space = statvfs(mount.path()).expect("it is mounted");
    let summary = mount.status("summary.json");
    // All of it is used, and what may be kept is free.
    let free = summary["kept"]["bytes_limit"].as_u64().unwrap();
    let shown = [space.blocks(), space.blocks_free()].map(|blocks| blocks * space.fragment_size());
    assert_eq!(shown, [(total + free).next_multiple_of(4096), free]);
    assert_eq!(summary["bytes"]["expected"], total);
    assert_eq!(summary["bytes"]["estimated"], false);
    assert_eq!(summary["files"]["total"], expected.len());
    let mut of_nodes = 0;
    for node in 0..dataset.dimensions().nodes {
        let document = mount.status(&format!("nodes/node_{node}.json"));
        let of_processes = document["processes"].as_array().unwrap().iter();
        let sum: u64 =
            of_processes.map(|process| process["bytes"]["expected"].as_u64().unwrap()).sum();
        assert_eq!(document["bytes"]["expected"], sum);
        assert_eq!(document["bytes"]["estimated"], false);
        of_nodes += sum;
    }
    assert_eq!(of_nodes, total);
    total
}

#[test]
fn each_kind_of_sizes_is_shown_read_copied_and_verified() {
    for kind in KINDS {
        let size = format!("--size={kind}");
        let options = ["--seed=sizes", "--nodes=2", "--processes=2", "--files=5", &size];
        let mount = Mount::new(&options);
        assert_shows_the_dataset(&mount);
        for path in files(mount.path()).keys() {
            let cat = seedfs().arg("cat").args(options).arg(path).output().expect("it runs");
            assert!(cat.status.success(), "{}", text(&cat.stderr));
            assert!(cat.stdout == fs::read(mount.join(path)).unwrap(), "{kind}: {path}");
        }
        let copy = TempDir::new().unwrap();
        let cp = |from: &Path, to: &Path| {
            let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
            assert!(status.expect("cp runs").success());
        };
        cp(mount.path(), copy.path());
        cp(copy.path(), mount.path());
        let summary = mount.status("summary.json");
        assert_eq!(summary["verdict"], "verified", "{kind}: {summary:#}");
        assert_eq!(summary["files"]["verified"], 20);
        assert_eq!(summary["bytes"]["missing"], 0);
        let status = run(&["status", mount.path().to_str().unwrap()]);
        assert!(!text(&status.stdout).contains("about"), "{}", text(&status.stdout));
    }
}

#[test]
fn what_is_written_is_verified_and_summed() {
    for kind in KINDS {
        let size = format!("--size={kind}");
        let directory = TempDir::new().unwrap();
        let path = directory.path().to_str().unwrap();
        let options = ["--seed=7", "--nodes=2", "--files=7", "--grow=10", "--new-files=30", &size];
        for generation in ["--generation=0", "--generation=3"] {
            let with = |command: &[&str], more: &[&str]| {
                let words = [command, &options, &[generation], more].concat();
                run(&words)
            };
            let written = with(&["write", "--quiet", "--overwrite"], &[path]);
            assert!(written.status.success(), "{}", text(&written.stderr));
            let verified = with(&["verify", "--json", "--quiet"], &[path]);
            assert_eq!(code(verified.status), 0, "{}", text(&verified.stdout));
            let sums = with(&["sums", "--quiet"], &[]);
            let checked = Command::new("b3sum")
                .args(["--check", "--quiet", "-"])
                .current_dir(path)
                .stdin(fs::File::open(manifest(&directory, &sums.stdout)).unwrap())
                .output();
            // The tool is a witness where it is installed; the library's sums have their own tests.
            if let Ok(checked) = checked {
                assert!(checked.status.success(), "{}", text(&checked.stdout));
            }
            fs::remove_file(directory.path().join("manifest")).unwrap();
        }
        // Files of generation 0 are other files than those of generation 3.
        let wrong = run(&[&["verify", "--quiet"], &options[..], &[path]].concat());
        assert_eq!(code(wrong.status), 1, "{kind}");
    }
}

fn manifest(directory: &TempDir, lines: &[u8]) -> PathBuf {
    let path = directory.path().join("manifest");
    fs::write(&path, lines).unwrap();
    path
}

const DAY_S: i64 = 86_400;
const BASE_S: i64 = 1_577_836_800;

#[test]
fn a_generation_is_later_larger_and_has_more_files() {
    let options = ["--files=10", "--size=1000..2000", "--grow=50", "--new-files=25"];
    let shown = |generation: &str| {
        let mount = Mount::new(&[&options[..], &[generation]].concat());
        assert_shows_the_dataset(&mount);
        let directory = fs::metadata(mount.join("node_0/process_0")).unwrap().mtime();
        assert_eq!(fs::metadata(mount.path()).unwrap().mtime(), BASE_S);
        let found = files(mount.path()).into_iter();
        let found = found.map(|(path, metadata)| (path, (metadata.len(), metadata.mtime())));
        (found.collect::<BTreeMap<_, _>>(), directory)
    };
    let (first, directory) = shown("--generation=0");
    assert_eq!((first.len(), directory), (10, BASE_S));
    let (third, directory) = shown("--generation=3");
    // floor(10 × 3 × 25 %) more; the last of them came with generation 3, from 15 to 17.
    assert_eq!((third.len(), directory), (17, BASE_S + 3 * DAY_S));
    for (path, (size, mtime)) in &first {
        assert_eq!(*mtime, BASE_S);
        assert_eq!(third[path], (size + size * 3 / 2, BASE_S + 3 * DAY_S), "{path}");
    }
}

#[test]
fn only_what_changed_has_a_new_time() {
    let shown = |generation: u16| {
        let generation = format!("--generation={generation}");
        let options = ["--files=2000", "--size=16K", "--change=5", &generation];
        let mount = Mount::new(&options);
        let times = files(mount.path()).into_iter();
        times.map(|(path, file)| (path, (file.mtime(), file.ctime()))).collect::<BTreeMap<_, _>>()
    };
    let generations: Vec<_> = (0..4).map(shown).collect();
    for generation in 1..4_i64 {
        let index = usize::try_from(generation).unwrap();
        let (before, after) = (&generations[index - 1], &generations[index]);
        let mut changed = 0;
        for (path, (mtime, ctime)) in after {
            assert_eq!(mtime, ctime);
            if mtime == &before[path].0 {
                continue;
            }
            assert_eq!(*mtime, BASE_S + generation * DAY_S, "{path}");
            changed += 1;
        }
        // 1 - 0.95^4 of files of four blocks: 18.5 %.
        assert!((300..450).contains(&changed), "generation {generation}: {changed}");
    }
}

#[test]
fn iterations_show_generations_side_by_side() {
    let options = ["--iterations=3", "--files=4", "--processes=2", "--size=1..5000"];
    let more = ["--grow=100", "--new-files=50", "--change=10"];
    let all = [&options[..], &more].concat();
    let mount = Mount::new(&all);
    assert_shows_the_dataset(&mount);
    for (iteration, count) in [(0, 8), (1, 12), (2, 16)] {
        let generation = format!("--generation={iteration}");
        let one = Mount::new(&[&options[1..], &more, &[&generation]].concat());
        let root = mount.join(&format!("iteration_{iteration}"));
        let (beside, alone) = (files(&root), files(one.path()));
        assert_eq!(beside.len(), count);
        assert!(beside.keys().eq(alone.keys()));
        for (path, metadata) in &beside {
            let other = &alone[path];
            assert_eq!((metadata.len(), metadata.mtime()), (other.len(), other.mtime()), "{path}");
            assert!(fs::read(root.join(path)).unwrap() == fs::read(one.join(path)).unwrap());
        }
    }
    assert!(fs::metadata(mount.join("iteration_0/node_0/process_0/file_4")).is_err());
    fs::remove_dir_all(mount.join("iteration_1")).unwrap();
    let summary = mount.status("summary.json");
    assert_eq!(summary["files"]["incomplete"], 12, "{summary:#}");
    assert_eq!(summary["files"]["total"], 36);
}

#[test]
fn a_large_dataset_is_an_estimate_until_it_is_summed() {
    let size = "--size=lognormal:median=64K,sigma=1,max=1G";
    let mount = Mount::new(&["--nodes=3", "--processes=1000", "--files=1000", size]);
    let dataset = dataset_of(&mount.status("config.json"));
    let estimate = dataset.total_bytes(seedfs::dataset::DatasetPart::ALL);
    assert!(estimate.estimated);
    let mut bytes = Value::Null;
    wait_for("the sum", || {
        bytes = mount.status("summary.json")["bytes"].clone();
        assert!(bytes["estimated"] != true || bytes["expected"] == json!(estimate.bytes));
        bytes["estimated"] != true
    });
    let exact = dataset.sum_bytes(seedfs::dataset::DatasetPart::ALL, 0..3_000_000);
    assert_eq!(bytes["expected"], json!(exact));
    let off = exact.abs_diff(estimate.bytes) * 1000 / exact;
    assert!(off < 10, "{exact}, estimated as {}", estimate.bytes);
    let nodes = (0..3).map(|node| mount.status(&format!("nodes/node_{node}.json")));
    let sum: u64 = nodes.map(|node| node["bytes"]["expected"].as_u64().unwrap()).sum();
    assert_eq!(u128::from(sum), exact);
}

#[test]
fn a_dataset_too_huge_to_sum_is_mounted_and_its_bytes_are_about_so_many() {
    let options = ["--nodes=1000", "--processes=1000", "--files=1000000", "--size=1..2G"];
    let mount = Mount::new(&options);
    let summary = mount.status("summary.json");
    assert_eq!(summary["bytes"]["estimated"], true);
    assert_eq!(mount.status("nodes/node_7.json")["processes"][3]["bytes"]["estimated"], true);
    let status = run(&["status", mount.path().to_str().unwrap()]);
    assert!(text(&status.stdout).contains("bytes    about "), "{}", text(&status.stdout));
    assert!(common::resident_bytes(&mount) < 64 << 20);
}
