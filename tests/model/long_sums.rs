//! Sums over much of a file take seconds: nothing that others wait behind makes one, and whoever
//! waits for one can stop.

use std::sync::atomic::{AtomicU64, Ordering};

use seedfs::content::StopCheck;
use seedfs::dataset::Inode;
use seedfs::fs::{Allocate, Error, Filesystem, InodeKind, OpenFor, QUICK_BYTES_MAX};

use crate::common::unmounted::{document, filesystem, new_entry, resolve};

/// The head of a file has the CRC over its array of 16 GB, from here on; so has its directory.
const CRC: u64 = 14;

fn of_large_archives() -> Filesystem {
    filesystem("seed = 42\nprocesses = 2\ncontent = 'npz:x:u1,16000000000'")
}

fn read(filesystem: &Filesystem, inode: Inode, offset: u64, length: usize) -> Result<usize, Error> {
    let mut out = vec![0; length];
    filesystem.read_unless((inode, 0), offset, &mut out, StopCheck::BEFORE_LONG)
}

#[test]
fn only_reads_of_a_long_sum_are_stopped() {
    let filesystem = of_large_archives();
    let file = resolve(&filesystem, "node_0/process_0");
    let size = filesystem.attributes(file).unwrap().size.size_bytes;
    assert_eq!(read(&filesystem, file, 0, 4096), Err(Error::Interrupted));
    assert_eq!(read(&filesystem, file, CRC + 3, 1), Err(Error::Interrupted));
    assert_eq!(read(&filesystem, file, size - 200, 4096), Err(Error::Interrupted));
    assert_eq!(read(&filesystem, file, 0, 14), Ok(14));
    assert_eq!(read(&filesystem, file, CRC + 4, 1 << 20), Ok(1 << 20));
    let summary = resolve(&filesystem, ".status/summary.json");
    let opened = filesystem.open(summary, OpenFor::Reading).unwrap();
    let mut out = vec![0; 4096];
    let stop = StopCheck::BEFORE_LONG;
    assert!(filesystem.read_unless((summary, opened.handle), 0, &mut out, stop).unwrap() > 100);
}

#[test]
fn a_reader_can_stop_while_a_sum_is_made() {
    let filesystem = of_large_archives();
    let file = resolve(&filesystem, "node_0/process_1");
    let asked = AtomicU64::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 30;
    let mut out = vec![0; 4096];
    let outcome = filesystem.read_unless((file, 0), 0, &mut out, StopCheck::when(&stop));
    assert_eq!(outcome, Err(Error::Interrupted));
    // All of it would be 1908 steps.
    assert!(asked.into_inner() < 200);
}

#[test]
fn what_is_written_and_stopped_is_not_there() {
    let filesystem = of_large_archives();
    let file = resolve(&filesystem, "node_0/process_0");
    let stop = StopCheck::BEFORE_LONG;
    let write = |offset, data: &[u8]| filesystem.write_unless(file, offset, data, stop);
    assert_eq!(write(0, &[7; 64]), Err(Error::Interrupted));
    let zeros = Allocate::Zeros { keep_size: true };
    let zeroed = filesystem.allocate_unless(file, 0..100, zeros, stop);
    assert_eq!(zeroed, Err(Error::Interrupted));
    let other = resolve(&filesystem, "node_0/process_1");
    let copied = filesystem.copy_range_unless((other, 0), (file, 0), 1 << 20, stop);
    assert_eq!(copied, Err(Error::Interrupted), "content of another file is judged at its ends");
    let totals = document(&filesystem, "summary.json");
    assert_eq!(totals["files"]["untouched"], 2, "{totals}");
    // What is no sum is written, and be it wrong.
    write(CRC + 4, &[7; 64]).unwrap();
    filesystem.allocate_unless(file, 1 << 20..2 << 20, zeros, stop).unwrap();
    filesystem.allocate_unless(file, 0..100, Allocate::Hole, stop).unwrap();
    filesystem.copy_range_unless((other, 1 << 30), (file, 1 << 30), QUICK_BYTES_MAX, stop).unwrap();
}

#[test]
fn content_of_another_place_is_stopped_where_that_has_a_sum() {
    let filesystem = of_large_archives();
    let file = resolve(&filesystem, "node_0/process_0");
    let node = new_entry(InodeKind::File);
    let new = filesystem.make(Inode::ROOT, b"new", &node).unwrap().inode;
    let stop = StopCheck::BEFORE_LONG;
    // Nothing is expected of it, so nothing is judged.
    filesystem.copy_range_unless((file, 0), (new, 5000), CRC, stop).unwrap();
    let goes_on = filesystem.write_unless(new, 5000 + CRC, &[7; 64], stop);
    assert_eq!(goes_on, Err(Error::Interrupted));
    filesystem.copy_range_unless((file, 0), (new, 5000), 4096, stop).unwrap();
    assert_eq!(read(&filesystem, new, 5000, 64), Err(Error::Interrupted));
    assert_eq!(read(&filesystem, new, 5100, 64), Ok(64));
}

#[test]
fn what_was_made_once_is_answered_at_once() {
    let filesystem = filesystem("seed = 42\nprocesses = 2\ncontent = 'npz:x:u1,20000000'");
    let file = resolve(&filesystem, "node_0/process_0");
    assert_eq!(read(&filesystem, file, 0, 4096), Err(Error::Interrupted));
    let mut made = vec![0; 4096];
    filesystem.read(file, 0, 0, &mut made).unwrap();
    assert_eq!(read(&filesystem, file, 0, 4096), Ok(4096));
    let stop = StopCheck::BEFORE_LONG;
    filesystem.write_unless(file, 0, &made, stop).unwrap();
    let tally = document(&filesystem, "summary.json");
    assert_eq!(tally["bytes"]["wrong"], 0, "{tally}");
}
