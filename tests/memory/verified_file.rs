//! What a verified file costs.

use seedfs::content::Content;
use seedfs::dataset::Coordinates;
use seedfs::fs::{Filesystem, Options};

use crate::common::unmounted;
use crate::{ALONE, held_bytes};

const FILES: u32 = 300_000;

#[test]
fn a_verified_file_costs_less_than_300_bytes() {
    let _alone = ALONE.lock();
    let dataset = unmounted::dataset(&format!(
        "files = {FILES}
size = 64"
    ));
    let content = Content::new(dataset.seed());
    let filesystem = Filesystem::new(dataset, Options::default());
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
    let each = (held_bytes() - before) / u64::from(FILES);
    assert!(each < 300, "{each} bytes for each verified file");
    assert!(each > 50, "{each} bytes: were they written at all?");
    println!("{each} bytes for each verified file");
}
