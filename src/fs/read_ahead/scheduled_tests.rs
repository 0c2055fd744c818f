//! Readers and the pieces made ahead for them, under thousands of schedules.
//!
//! The pieces are small here: what is tested is who hands what to whom.

use crate::content::StopCheck;
use crate::dataset::{Dataset, DatasetConfig};
use crate::fs::{Filesystem, Options};
use crate::sync::{pool, schedules, thread};

use super::*;

const SIZE: usize = PIECE_BYTES_MIN;
const FILE_BYTES: u64 = 20 * SIZE as u64 + 17;

fn filesystem() -> Arc<Filesystem> {
    let config = DatasetConfig {
        nodes: Some(1.into()),
        processes: Some(2.into()),
        size: Some(FILE_BYTES.to_string().into()),
        ..DatasetConfig::default()
    };
    let dataset: Dataset = config.validate().unwrap();
    Arc::new(Filesystem::new(dataset, Options::default()))
}

fn file(filesystem: &Filesystem, process: u32) -> Inode {
    let path = format!("node_0/process_{process}");
    filesystem.dataset().namespace().resolve(&path).unwrap()
}

/// One system call: it gets the bytes of the file, and as many as it asked for unless they end.
fn read(filesystem: &Filesystem, inode: Inode, offset: u64, size: usize, buffer: &mut Vec<u8>) {
    let read = ReadRequest { inode, handle: 0, offset, size };
    filesystem.serve_read(read, buffer, StopCheck::NEVER, |answer| {
        let bytes = answer.unwrap();
        let left = usize::try_from(FILE_BYTES.saturating_sub(offset)).unwrap();
        assert_eq!(bytes.len(), size.min(left), "{size} bytes at {offset}");
        let mut right = vec![0; bytes.len()];
        filesystem.read(inode, 0, offset, &mut right).unwrap();
        assert!(bytes == right, "{size} bytes at {offset} are others");
    });
}

/// A program that reads on and on, with buffers of these sizes in turn.
fn read_on(filesystem: &Filesystem, inode: Inode, sizes: impl IntoIterator<Item = usize>) {
    let (mut offset, mut buffer) = (0, Vec::new());
    for size in sizes {
        read(filesystem, inode, offset, size, &mut buffer);
        offset += size as u64;
    }
}

/// Nobody is at a piece any more.
fn assert_settled(filesystem: &Filesystem) {
    assert_eq!(filesystem.read_ahead.0.serving.load(Ordering::Relaxed), 0);
}

#[test]
fn a_read_in_the_middle_is_never_short() {
    schedules(4000, || {
        let filesystem = filesystem();
        let inode = file(&filesystem, 0);
        let mut buffer = Vec::new();
        // The third read once more, with twice the size, and on from there: what is being made for
        // the old size begins where the new one goes on.
        for (at, pieces) in [(0, 1), (1, 1), (2, 1), (2, 2), (4, 2), (6, 2), (8, 2), (10, 1)] {
            read(&filesystem, inode, at * SIZE as u64, pieces * SIZE, &mut buffer);
        }
        assert_settled(&filesystem);
    });
}

#[test]
fn streams_come_to_the_end_of_their_files() {
    schedules(2000, || {
        let filesystem = filesystem();
        let readers = [0, 1].map(|process| {
            let filesystem = Arc::clone(&filesystem);
            let inode = file(&filesystem, process);
            thread::spawn(move || read_on(&filesystem, inode, [2 * SIZE; 12]))
        });
        for reader in readers {
            reader.join().unwrap();
        }
        assert_settled(&filesystem);
    });
}

#[test]
fn readers_of_one_file_and_its_closing_disturb_nobody() {
    schedules(4000, || {
        let filesystem = filesystem();
        let inode = file(&filesystem, 0);
        let other = {
            let filesystem = Arc::clone(&filesystem);
            thread::spawn(move || {
                read_on(&filesystem, inode, [SIZE; 6]);
                filesystem.release(inode, 0);
            })
        };
        read_on(&filesystem, inode, [SIZE; 8]);
        other.join().unwrap();
        assert_settled(&filesystem);
    });
}

/// The pool may be busy for as long as it likes, say with what somebody else gave it.
#[test]
fn nobody_waits_for_a_piece_that_has_not_been_begun() {
    schedules(1000, || {
        let filesystem = filesystem();
        let given = pool::hold(|| {
            let reader = Arc::clone(&filesystem);
            let inode = file(&filesystem, 0);
            thread::spawn(move || read_on(&reader, inode, [SIZE; 12])).join().unwrap();
        });
        assert!(!given.is_empty(), "nothing was to be made ahead");
        assert!(given.len() <= pool::threads(), "{} jobs for one stream", given.len());
        // What was given long ago finds nothing that is wanted, or makes it.
        given.into_iter().for_each(|job| job());
        read_on(&filesystem, file(&filesystem, 0), [SIZE; 6]);
        assert_settled(&filesystem);
    });
}

/// Whoever makes it has lost its core, say.
#[test]
fn nobody_waits_for_ever_for_a_piece_that_has_been_begun() {
    // One thread at a time has something to do: `schedules` would say that this tests nothing.
    let test = || {
        let filesystem = filesystem();
        let inode = file(&filesystem, 0);
        let reader = move || {
            let mut buffer = Vec::new();
            for at in 0..6 {
                read(&filesystem, inode, at * SIZE as u64, SIZE, &mut buffer);
                let mut streams = filesystem.read_ahead.0.streams.lock();
                let stream = streams.find(inode).unwrap();
                stream.maker = Maker::At(stream.next);
            }
        };
        pool::hold(|| thread::spawn(reader).join().unwrap());
    };
    shuttle::check_random(test, 1000);
}
