//! What a verified file costs.

use seedfs::content::Content;
use seedfs::dataset::Coordinates;
use seedfs::fs::{Filesystem, InodeKind, Options, RenameMode};

use crate::common::unmounted::{self, new_entry};
use crate::{ALONE, held_bytes};

const FILES: u32 = 300_000;

/// A filesystem of so many small files, and their content.
fn small_files() -> (Filesystem, Content) {
    let dataset = unmounted::dataset(&format!("files = {FILES}\nsize = 64"));
    let content = Content::new(dataset.seed());
    (Filesystem::new(dataset, Options::default()), content)
}

/// The bytes that are held for each file since there were so many.
fn bytes_each(filesystem: &Filesystem, before: u64) -> u64 {
    filesystem.count_changes();
    (held_bytes() - before) / u64::from(FILES)
}

#[test]
fn a_verified_file_costs_less_than_300_bytes() {
    let _alone = ALONE.lock();
    let (filesystem, content) = small_files();
    let before = held_bytes();
    for file in 0..FILES {
        let file = Coordinates { file, ..Coordinates::default() };
        let inode = filesystem.dataset().namespace().inode(file).unwrap();
        let mut bytes = [0; 64];
        content.fill(file, 0, &mut bytes);
        // Two writes, the second first: more than the shortest way to one extent.
        filesystem.write(inode, 30, &bytes[30..]).unwrap();
        filesystem.write(inode, 0, &bytes[..30]).unwrap();
    }
    let each = bytes_each(&filesystem, before);
    assert!(each < 300, "{each} bytes for each verified file");
    assert!(each > 50, "{each} bytes: were they written at all?");
    println!("{each} bytes for each verified file");
}

/// What a restore costs that writes each file under another name and renames it: the names are kept
/// too.
#[test]
fn a_restored_file_costs_less_than_300_bytes() {
    let _alone = ALONE.lock();
    let (filesystem, content) = small_files();
    let namespace = filesystem.dataset().namespace();
    let directory = namespace.resolve("node_0/process_0").unwrap();
    let before = held_bytes();
    for file in 0..FILES {
        let file = Coordinates { file, ..Coordinates::default() };
        let own = namespace.inode(file).unwrap();
        let mut name = String::new();
        namespace.name(own, &mut name);
        let made = filesystem.make(directory, b"temporary", &new_entry(InodeKind::File)).unwrap();
        let mut bytes = [0; 64];
        content.fill(file, 0, &mut bytes);
        filesystem.write(made.inode, 0, &bytes).unwrap();
        let (from, to) = (b"temporary", name.as_bytes());
        filesystem.rename(directory, from, directory, to, RenameMode::Replace).unwrap();
        filesystem.forget(made.inode, 1);
    }
    let each = bytes_each(&filesystem, before);
    println!("{each} bytes for each restored file");
    assert!(each < 300, "{each} bytes for each restored file");
}
