//! The manifest and the hashes of a filesystem without a mount.

use seedfs::content::Content;
use seedfs::dataset::{Dataset, Inode};
use seedfs::fs::{Error, Filesystem, Fill, InodeKind, OpenFor, Options, XattrAnswer};
use seedfs::storage::{Algorithm, Progress, Share, StopFlag, SumsOptions, sums};

use crate::common::unmounted;

const BLAKE3: &[u8] = b"user.seedfs.blake3";

fn dataset() -> Dataset {
    unmounted::dataset(
        "nodes = 2
processes = 2
files = 11
size = 5001",
    )
}

fn manifest(filesystem: &Filesystem) -> Inode {
    unmounted::resolve(filesystem, ".status/sums/blake3")
}

#[test]
fn it_is_what_sums_writes_in_pieces_of_any_size() {
    let filesystem = Filesystem::new(dataset(), Options::default());
    let mut expected = Vec::new();
    let dataset = dataset();
    let progress = Progress::new(0, 0);
    let share = Share::new(&dataset, None);
    sums(
        share,
        SumsOptions { algorithm: Algorithm::Blake3, threads: 2 },
        &mut expected,
        &progress,
        &StopFlag::default(),
    )
    .unwrap();

    let inode = manifest(&filesystem);
    let size_bytes = filesystem.attributes(inode).unwrap().size.size_bytes;
    assert_eq!(size_bytes, expected.len() as u64);
    assert!(filesystem.is_manifest(inode));
    assert_eq!(filesystem.open(inode, OpenFor::Writing), Err(Error::ReadOnly));
    for piece in [1, 13, 89, 90, 1000, 100_000] {
        let handle = filesystem.open(inode, OpenFor::Reading).unwrap().handle;
        let mut read = Vec::new();
        loop {
            let mut out = vec![0; piece];
            let count = filesystem.read(inode, handle, read.len() as u64, &mut out).unwrap();
            if count == 0 {
                break;
            }
            read.extend_from_slice(&out[..count]);
        }
        assert!(read == expected, "in pieces of {piece}");
        filesystem.release(inode, handle);
    }
}

#[test]
fn a_reader_can_be_stopped_and_closed() {
    let filesystem = Filesystem::new(dataset(), Options::default());
    let inode = manifest(&filesystem);
    let handle = filesystem.open(inode, OpenFor::Reading).unwrap().handle;
    let mut out = [0; 100];
    let stopped = filesystem.read_manifest(handle, 0, &mut out, Fill::ToLineEnd, &|| true);
    assert_eq!(stopped, Err(Error::Interrupted));
    assert_eq!(filesystem.read_manifest(handle, 0, &mut out, Fill::ToLineEnd, &|| false), Ok(100));
    filesystem.release(inode, handle);
    assert_eq!(filesystem.read(inode, handle, 0, &mut out), Err(Error::BadHandle));
}

#[test]
fn the_attribute_is_the_hash_of_what_belongs_there() {
    let filesystem = Filesystem::new(dataset(), Options::default());
    let inode = filesystem.dataset().namespace().resolve("node_1/process_1/file_10").unwrap();
    let file = filesystem.dataset().namespace().coordinates("node_1/process_1/file_10").unwrap();
    let expected = blake3_hex(&Content::new(filesystem.dataset().seed()), file);
    assert_eq!(filesystem.xattr_now(inode, BLAKE3), Ok(XattrAnswer::Slow(64..=64)));
    assert_eq!(filesystem.xattr(inode, BLAKE3).unwrap(), expected);
    filesystem.write(inode, 0, b"wrong").unwrap();
    assert_eq!(filesystem.slow_xattr(inode, BLAKE3, &|| false).unwrap(), expected);
    assert_eq!(filesystem.slow_xattr(inode, BLAKE3, &|| true), Err(Error::Interrupted));
    assert!(filesystem.xattr_names(inode).unwrap().iter().all(|name| **name != *BLAKE3));
    let mismatch = XattrAnswer::Now(b"mismatch".to_vec());
    assert_eq!(filesystem.xattr_now(inode, b"user.seedfs.verdict"), Ok(mismatch));

    let new = unmounted::new_entry(InodeKind::File);
    let other = filesystem.make(Inode::ROOT, b"other", &new).unwrap().inode;
    for none in [other, Inode::ROOT, manifest(&filesystem)] {
        assert_eq!(filesystem.xattr(none, BLAKE3), Err(Error::NoAttribute));
        assert_eq!(filesystem.xattr_now(none, BLAKE3), Err(Error::NoAttribute));
    }
}

fn blake3_hex(content: &Content, file: seedfs::dataset::Coordinates) -> Vec<u8> {
    let mut bytes = vec![0; 5001];
    content.fill(file, 0, &mut bytes);
    blake3::hash(&bytes).to_hex().as_bytes().to_vec()
}
