//! Documents that are asked for while others write, rename and count, under thousands of schedules.
//! In builds with debug assertions each document is held against a recount, too.

use super::super::{Options, RenameMode};
use super::*;
use crate::content::Content;
use crate::dataset::{Coordinates, DatasetConfig};
use crate::sync::{schedules, thread};

const SIZE: usize = 64;

fn filesystem() -> Arc<Filesystem> {
    let config = DatasetConfig {
        processes: Some(2.into()),
        size: Some((SIZE as u64).into()),
        ..DatasetConfig::default()
    };
    Arc::new(Filesystem::new(config.validate().unwrap(), Options::default()))
}

fn resolve(filesystem: &Filesystem, path: &str) -> Inode {
    filesystem.dataset().namespace().resolve(path).unwrap()
}

/// Writes what belongs into a file.
fn write(filesystem: &Filesystem, process: u16) {
    let file = Coordinates { process, ..Coordinates::default() };
    let mut bytes = [0; SIZE];
    Content::of(filesystem.dataset()).fill(file, 0, &mut bytes);
    let inode = resolve(filesystem, &format!("node_0/process_{process}"));
    filesystem.write(inode, 0, &bytes).unwrap();
}

/// How many files are untouched, incomplete, verified and wrong.
fn counts(filesystem: &Filesystem, document: Document) -> [u64; 4] {
    let view = filesystem.status().document(document, StopCheck::NEVER).unwrap();
    let files = &serde_json::to_value(view).unwrap()["files"];
    ["untouched", "incomplete", "verified", "mismatch"].map(|name| files[name].as_u64().unwrap())
}

/// Runs all of these at the same time.
fn together(work: Vec<Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = work.into_iter().map(thread::spawn).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn what_was_written_before_is_in_the_document_whoever_counts_meanwhile() {
    schedules(2000, || {
        let filesystem = filesystem();
        let [one, other, counting] = [(); 3].map(|()| Arc::clone(&filesystem));
        together(vec![
            Box::new(move || {
                write(&one, 0);
                assert!(counts(&one, Document::Summary)[2] >= 1, "it was written");
            }),
            Box::new(move || {
                write(&other, 1);
                other.write(resolve(&other, "node_0/process_1"), 0, b"wrong").unwrap();
                assert_eq!(counts(&other, Document::Node(0))[3], 1, "it is wrong");
            }),
            Box::new(move || {
                counting.count_changes();
                counting.count_changes();
            }),
        ]);
        assert_eq!(counts(&filesystem, Document::Summary), [0, 0, 1, 1]);
    });
}

#[test]
fn names_are_of_one_moment_whoever_counts_meanwhile() {
    schedules(2000, || {
        let filesystem = filesystem();
        let node = resolve(&filesystem, "node_0");
        write(&filesystem, 0);
        write(&filesystem, 1);
        let [moving, asking, counting] = [(); 3].map(|()| Arc::clone(&filesystem));
        together(vec![
            Box::new(move || {
                let exchange = RenameMode::Exchange;
                moving.rename(node, b"process_0", node, b"process_1", exchange).unwrap();
            }),
            Box::new(move || {
                let now = counts(&asking, Document::Summary);
                assert!(now == [0, 0, 2, 0] || now == [0, 0, 0, 2], "{now:?}");
            }),
            Box::new(move || counting.count_changes()),
        ]);
        assert_eq!(counts(&filesystem, Document::Summary), [0, 0, 0, 2]);
    });
}

#[test]
fn a_reset_is_in_the_document_and_so_is_what_was_written_after_it() {
    schedules(2000, || {
        let filesystem = filesystem();
        write(&filesystem, 0);
        let [resetting, asking, counting] = [(); 3].map(|()| Arc::clone(&filesystem));
        together(vec![
            Box::new(move || {
                drop(resetting.control(b"reset").unwrap());
                write(&resetting, 1);
            }),
            Box::new(move || {
                let now = counts(&asking, Document::Summary);
                assert!(now[2] <= 1 && now[3] == 0, "{now:?}");
            }),
            Box::new(move || counting.count_changes()),
        ]);
        assert_eq!(counts(&filesystem, Document::Summary), [1, 0, 1, 0]);
    });
}
