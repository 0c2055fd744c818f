//! The map of datasets with very many processes: it costs what has changed, and has a bound.

use std::time::{Duration, Instant};

use seedfs::dataset::Inode;
use seedfs::fs::{Filesystem, InodeKind};
use serde_json::{Value, json};

use crate::common::unmounted::{document, filesystem, new_entry, resolve};

/// The longest that a map takes on a busy machine; a look at each of 2^32 cells takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

fn map(filesystem: &Filesystem) -> Value {
    let start = Instant::now();
    let map = document(filesystem, "map.json");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    map
}

fn write_right(filesystem: &Filesystem, path: &str) {
    let inode = resolve(filesystem, path);
    let mut bytes = [0; 100];
    filesystem.read(inode, 0, 0, &mut bytes).unwrap();
    filesystem.write(inode, 0, &bytes).unwrap();
}

/// Removes a directory of the dataset and the files in it.
fn remove(filesystem: &Filesystem, directory: &str) {
    let inode = resolve(filesystem, directory);
    let mut names = Vec::new();
    let mut note = |name: &[u8]| names.push(name.to_vec());
    filesystem
        .read_directory(inode, 2, &mut |entry| {
            note(entry.name);
            true
        })
        .unwrap();
    for name in names {
        filesystem.unlink(inode, &name).unwrap();
    }
    filesystem.remove_directory(Inode::ROOT, directory.as_bytes()).unwrap();
}

#[test]
fn the_map_of_2_to_the_32_processes_costs_what_has_changed() {
    let it = filesystem("nodes = 65536\nprocesses = 65536\nsize = 100\n");
    let row = 1_u64 << 16;
    assert_eq!(map(&it)["cells"], json!([["u", 1_u64 << 32]]));
    write_right(&it, "node_1/process_5");
    it.write(resolve(&it, "node_1/process_6"), 0, b"foreign").unwrap();
    remove(&it, "node_3");
    let rest = (1_u64 << 32) - 4 * row;
    let expected =
        json!([["u", row + 5], ["v", 1], ["m", 1], ["u", 2 * row - 7], ["i", row], ["u", rest]]);
    let map = map(&it);
    assert_eq!(map["cells"], expected);
    assert_eq!((&map["nodes"], &map["processes"]), (&json!(65536), &json!(65536)));
    let process = document(&it, "nodes/node_3/process_65535.json");
    assert_eq!((&process["verdict"], &process["changed_total"]), (&json!("incomplete"), &json!(1)));
    assert_eq!((&process["changed"], &process["changed_dropped"]), (&json!([]), &json!(1)));
}

#[test]
fn a_directory_that_was_made_again_has_its_files_again() {
    let it =
        filesystem("nodes = 65536\nprocesses = 4\nlayout = 'n{node}/p{process}'\nsize = 100\n");
    remove(&it, "n2");
    let made = it.make(Inode::ROOT, b"n2", &new_entry(InodeKind::Directory)).unwrap();
    let file = it.make(made.inode, b"p1", &new_entry(InodeKind::File)).unwrap();
    let mut right = [0; 100];
    let own = it.dataset().namespace().resolve("n2/p1").unwrap();
    let file_of_dataset = it.dataset().namespace().coordinates("n2/p1").unwrap();
    assert_ne!(own, file.inode);
    seedfs::content::Content::new(it.dataset().seed()).fill(file_of_dataset, 0, &mut right);
    it.write(file.inode, 0, &right).unwrap();
    let cells = json!([["u", 8], ["i", 1], ["v", 1], ["i", 2], ["u", 4 * (65536 - 3)]]);
    assert_eq!(map(&it)["cells"], cells);
}

/// Where processes stand before nodes, what is gone of a process is gone of every node.
#[test]
fn a_map_has_no_more_runs_than_its_bound() {
    let it =
        filesystem("nodes = 65536\nprocesses = 4\nlayout = 'p{process}/n{node}'\nsize = 100\n");
    remove(&it, "p1");
    let first = map(&it);
    let cells = first["cells"].as_array().unwrap();
    assert_eq!(cells[..4], [json!(["u", 1]), json!(["i", 1]), json!(["u", 3]), json!(["i", 1])]);
    assert_eq!((cells.len(), &first["dropped"]), (1 << 16, &json!(true)));
    for directory in ["p0", "p2", "p3"] {
        remove(&it, directory);
    }
    let all = map(&it);
    assert_eq!(all["cells"], json!([["i", 4 * 65536]]));
    assert_eq!(all.get("dropped"), None);
}

/// A process lists its worst files first, and no more than a thousand.
#[test]
fn a_process_lists_its_worst_files() {
    let it = filesystem("files = 3000\nsize = 100\n");
    for file in 0..1500 {
        write_right(&it, &format!("node_0/process_0/file_{file}"));
    }
    it.write(resolve(&it, "node_0/process_0/file_2900"), 50, b"foreign").unwrap();
    let mut part = [0; 10];
    let short = resolve(&it, "node_0/process_0/file_2000");
    it.read(short, 0, 0, &mut part).unwrap();
    it.write(short, 0, &part).unwrap();
    let process = document(&it, "nodes/node_0/process_0.json");
    let names: Vec<&str> = process["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["path"].as_str().unwrap())
        .collect();
    assert_eq!(names[0], "node_0/process_0/file_2900");
    assert_eq!(names[1], "node_0/process_0/file_2000");
    assert_eq!(names[2], "node_0/process_0/file_0");
    assert_eq!((names.len(), names[999]), (1000, "node_0/process_0/file_997"));
    assert_eq!(process["changed_total"], 1502);
    assert_eq!(process["changed_dropped"], 502);
}

/// A file of many states lists the first of them, and counts the rest.
#[test]
fn segments_have_a_bound() {
    let it = filesystem("size = '1M'\n");
    let file = resolve(&it, "node_0/process_0");
    let right = |offset| {
        let mut bytes = [0; 100];
        it.read(file, 0, offset, &mut bytes).unwrap();
        bytes
    };
    for part in 0..800_u64 {
        it.write(file, part * 1000, &right(part * 1000)).unwrap();
    }
    let document = document(&it, "files/node_0/process_0.json");
    let segments = document["segments"].as_array().unwrap();
    assert_eq!((segments.len(), &document["segments_dropped"]), (1000, &json!(600)));
    assert_eq!(segments[0], json!({"offset": 0, "length": 100, "state": "matched"}));
    assert_eq!(segments[1], json!({"offset": 100, "length": 900, "state": "untouched"}));
}
