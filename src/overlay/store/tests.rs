use std::os::unix::fs::MetadataExt;

use super::*;
use crate::disk::{Failing, Fault, SystemCall};

fn store(limit_bytes: u64) -> (tempfile::TempDir, Arc<Store>) {
    store_on(Disk::<Sound>::default(), limit_bytes)
}

fn store_on<F: Faults>(disk: Disk<F>, limit_bytes: u64) -> (tempfile::TempDir, Arc<Store>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create_on(disk, directory.path(), limit_bytes).unwrap();
    (directory, Arc::new(store))
}

/// What the only file without a name that this process has in a directory takes on the disk.
fn disk_bytes(directory: &tempfile::TempDir) -> u64 {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let ours = descriptors.filter(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|to| to.starts_with(directory.path()))
    });
    let files = ours.filter_map(|entry| std::fs::File::open(entry.path()).ok());
    let blocks = files.map(|file| {
        file.sync_all().unwrap();
        file.metadata().unwrap()
    });
    blocks.filter(std::fs::Metadata::is_file).map(|file| file.blocks() * 512).sum()
}

#[test]
fn what_is_freed_is_given_back_and_used_again() {
    let (directory, store) = store(1 << 20);
    let pieces: Vec<_> = (0..10_u8).map(|byte| store.put(&vec![byte; 50_000]).unwrap()).collect();
    assert_eq!(store.used_bytes(), 10 * 53_248);
    assert!(disk_bytes(&directory) >= 500_000);
    let middle = pieces[5].slice(1000, 2000);
    assert_eq!(middle.load().unwrap(), vec![5; 1000]);
    drop(pieces);
    assert_eq!(store.used_bytes(), 53_248, "a part keeps the piece");
    assert_eq!(middle.load().unwrap(), vec![5; 1000]);
    let small = store.put(&[7; 5000]).unwrap();
    assert_eq!((small.load().unwrap(), middle.load().unwrap()), (vec![7; 5000], vec![5; 1000]));
    drop((small, middle));
    assert_eq!(store.used_bytes(), 0);
    store.punch_freed();
    assert!(disk_bytes(&directory) < 100_000, "{} bytes on disk", disk_bytes(&directory));
}

#[test]
fn at_the_limit_nothing_is_lost() {
    let (directory, store) = store(8192);
    let first = store.put(&[1; 4096]).unwrap();
    let second = store.put(&[2; 4096]).unwrap();
    assert_eq!(store.put(&[3; 4096]).unwrap_err(), StoreError::Full);
    assert_eq!(first.load().unwrap(), vec![1; 4096]);
    drop(second);
    store.put(&[3; 4096]).unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "it has no name");
}

/// Freeing is done under locks: it must not touch the disk.
#[test]
fn to_free_makes_no_call() {
    let failing = Failing::never();
    let (_directory, store) = store_on(Disk::new(failing.clone()), u64::MAX);
    let pieces: Vec<_> = (0..50).map(|_| store.put(&[1; 9000]).unwrap()).collect();
    let calls = failing.calls();
    drop(pieces);
    assert_eq!(failing.calls(), calls);
    store.punch_freed();
    assert_eq!(failing.calls(), calls + 1, "what touches is punched together");
}

#[test]
fn a_full_disk_is_tried_again_with_what_was_freed() {
    let failing = Failing::at(1, Fault::Before(libc::ENOSPC)).only(SystemCall::Write);
    let (_directory, store) = store_on(Disk::new(failing), u64::MAX);
    drop(store.put(&[1; 4096]).unwrap());
    let larger = store.put(&[2; 9000]).unwrap();
    assert_eq!(larger.load().unwrap(), vec![2; 9000]);
    assert_eq!(store.take_failures(), []);
}

#[test]
fn each_way_of_failing_is_told_once() {
    let failing = Failing::from(1, Fault::Before(libc::ESTALE)).only(SystemCall::Write);
    let (_directory, store) = store_on(Disk::new(failing), u64::MAX);
    let kept = store.put(&[1; 4096]).unwrap();
    for _ in 0..3 {
        let StoreError::Failed(failure) = store.put(&[2; 4096]).unwrap_err() else {
            unreachable!("it is not full");
        };
        assert_eq!(failure.errno(), libc::ESTALE);
    }
    let told = store.take_failures();
    assert_eq!(told.len(), 1);
    let said = told[0].to_string();
    assert!(said.contains("write to the store") && said.contains("os error 116"), "{said}");
    assert_eq!(store.take_failures(), []);
    assert_eq!(store.used_bytes(), 4096);
    assert_eq!(kept.load().unwrap(), vec![1; 4096]);
}
