//! What happens at the limits: ENOSPC, with nothing half done, and nothing lost of what was there.

use seedfs::dataset::{Coordinates, Inode};
use seedfs::fs::{
    Allocate, Error, Filesystem, InodeAttributes, InodeKind, NewEntry, RenameMode, SetAttributes,
    SetXattr,
};
use seedfs::overlay::{BudgetLimits, Store};

use crate::common::foreign;
use crate::common::unmounted::{limited, new_entry, resolve};

fn filesystem(kept_bytes: u64, extents: u64) -> Filesystem {
    let limits = BudgetLimits { kept_bytes, extents };
    limited(
        "nodes = 2
processes = 2
size = 100",
        limits,
        None,
    )
}

fn make(filesystem: &Filesystem, name: &[u8], kind: InodeKind) -> Result<InodeAttributes, Error> {
    filesystem.make(Inode::ROOT, name, &new_entry(kind))
}

/// Everything below a directory: paths, attributes and bytes.
fn contents(
    filesystem: &Filesystem,
    directory: Inode,
    path: &str,
) -> Vec<(String, InodeAttributes)> {
    let mut entries = Vec::new();
    filesystem
        .read_directory(directory, 0, &mut |entry| {
            entries.push((entry.inode, String::from_utf8(entry.name.to_vec()).unwrap()));
            true
        })
        .unwrap();
    let mut found = vec![(path.to_owned(), filesystem.attributes(directory).unwrap())];
    for (inode, name) in entries.into_iter().filter(|(_, name)| name != "." && name != "..") {
        let path = format!("{path}/{name}");
        match filesystem.attributes(inode).unwrap() {
            it if it.kind == InodeKind::Directory => {
                found.extend(contents(filesystem, inode, &path));
            }
            it => found.push((path, it)),
        }
    }
    found
}

/// Each of these may need room.
type Step = fn(&Filesystem) -> Result<(), Error>;

const STEPS: [(&str, Step); 10] = [
    ("create", |it| make(it, b"new", InodeKind::File).map(drop)),
    ("mkdir", |it| make(it, b"new", InodeKind::Directory).map(drop)),
    ("symlink", |it| make(it, b"new", InodeKind::Symlink).map(drop)),
    ("link", |it| it.link(resolve(it, "node_0/process_0"), Inode::ROOT, b"new").map(drop)),
    ("unlink", |it| it.unlink(resolve(it, "node_0"), b"process_0")),
    ("rename", |it| {
        let node = resolve(it, "node_0");
        it.rename(node, b"process_0", Inode::ROOT, b"new", RenameMode::Replace)
    }),
    ("exchange", |it| {
        let (one, two) = (resolve(it, "node_0"), resolve(it, "node_1"));
        it.rename(one, b"process_0", two, b"process_1", RenameMode::Exchange)
    }),
    ("xattr", |it| {
        let inode = resolve(it, "node_0/process_0");
        it.set_xattr(inode, b"user.x", Some(b"value"), SetXattr::Any)
    }),
    ("write", |it| it.write(resolve(it, "node_0/process_0"), 30, b"foreign bytes")),
    ("punch", |it| it.allocate(resolve(it, "node_0/process_0"), 30..40, Allocate::Hole)),
];

#[test]
fn with_too_few_extents_it_is_all_or_nothing() {
    for (name, step) in STEPS {
        let mut refused = 0;
        // With one more each time, until there is enough.
        for extents in 0.. {
            let filesystem = filesystem(1 << 20, extents);
            let before = contents(&filesystem, Inode::ROOT, "");
            match step(&filesystem) {
                Ok(()) => break,
                Err(error) => assert_eq!(error, Error::NoSpace, "{name}"),
            }
            refused += 1;
            assert!(refused < 20, "{name} is never done");
            assert_eq!(contents(&filesystem, Inode::ROOT, ""), before, "{name} at {extents}");
            filesystem.control(b"reset").unwrap();
            let usage = filesystem.usage();
            assert_eq!(usage.extents, 0, "{name} at {extents} has taken something");
        }
        assert!(refused > 0, "{name} needs no room");
    }
}

#[test]
fn with_too_few_bytes_it_is_all_or_nothing() {
    let filesystem = filesystem(20, 100);
    let file = make(&filesystem, b"new", InodeKind::File).unwrap().inode;
    filesystem.write(file, 0, b"thirteen byte").unwrap();
    let before = contents(&filesystem, Inode::ROOT, "");
    assert_eq!(filesystem.write(file, 5, b"too many, even over some"), Err(Error::NoSpace));
    let set = filesystem.set_xattr(file, b"user.x", Some(b"value"), SetXattr::Any);
    assert_eq!(set, Err(Error::NoSpace));
    assert_eq!(filesystem.xattr_names(file).unwrap().len(), 0);
    let target = [b'x'; 8];
    let new =
        NewEntry { kind: InodeKind::Symlink, mode: 0o777, uid: 0, gid: 0, target: Some(&target) };
    assert_eq!(filesystem.make(Inode::ROOT, b"link", &new), Err(Error::NoSpace));
    assert_eq!(contents(&filesystem, Inode::ROOT, ""), before);
    let mut bytes = [0; 20];
    assert_eq!(filesystem.read(file, 0, 0, &mut bytes), Ok(13));
    assert_eq!(&bytes[..13], b"thirteen byte");
}

/// Where nothing more fits, what is there can be renamed, replaced and removed.
#[test]
fn a_full_mount_can_be_emptied() {
    let filesystem = filesystem(1 << 20, 30);
    let mut names = Vec::new();
    loop {
        let name = format!("file_{}", names.len());
        match make(&filesystem, name.as_bytes(), InodeKind::File) {
            Ok(made) => names.push((name, made.inode)),
            Err(error) => break assert_eq!(error, Error::NoSpace),
        }
    }
    assert!(names.len() > 3);
    // Use up what is smaller than a file needs.
    while filesystem.space().files_free > 0 {
        let name = format!("link_{}", filesystem.space().files_free);
        filesystem.link(names[0].1, Inode::ROOT, name.as_bytes()).unwrap();
    }
    let (first, second) = (names[0].0.as_bytes(), names[1].0.as_bytes());
    let root = Inode::ROOT;
    filesystem.rename(root, first, root, b"renamed", RenameMode::NoReplace).unwrap();
    filesystem.rename(root, b"renamed", root, second, RenameMode::Exchange).unwrap();
    filesystem.rename(root, second, root, b"renamed", RenameMode::Replace).unwrap();
    for (name, _) in &names[2..] {
        let inode = resolve(&filesystem, name);
        filesystem.unlink(root, name.as_bytes()).unwrap();
        // Whoever made it remembers it once.
        filesystem.forget(inode, 1);
    }
    assert!(filesystem.space().files_free > 0);
}

#[test]
fn the_sizes_of_an_attribute_are_those_of_linux() {
    let filesystem = filesystem(1 << 20, 100);
    let file = resolve(&filesystem, "node_0/process_0");
    let set = |name: &[u8], length| {
        filesystem.set_xattr(file, name, Some(&vec![7; length]), SetXattr::Any)
    };
    let longest = [b"user.".to_vec(), vec![b'n'; 250]].concat();
    set(&longest, 64 << 10).unwrap();
    assert_eq!(filesystem.xattr(file, &longest).unwrap().len(), 64 << 10);
    assert_eq!(set(&longest, (64 << 10) + 1), Err(Error::ValueTooLong));
    assert_eq!(set(&[longest.clone(), b"n".to_vec()].concat(), 1), Err(Error::ValueTooLong));
    assert_eq!(filesystem.xattr(file, &longest).unwrap().len(), 64 << 10);
    filesystem.set_xattr(file, &longest, None, SetXattr::Any).unwrap();
    assert_eq!(filesystem.xattr(file, &longest), Err(Error::NoAttribute));
    assert_eq!(filesystem.usage().kept_bytes, 0);
}

/// The kernel sees to that on a mount, others need not.
#[test]
fn a_new_owner_or_content_takes_the_capabilities() {
    const CAPABILITY: &[u8] = b"security.capability";
    let filesystem = filesystem(1 << 20, 100);
    let file = resolve(&filesystem, "node_0/process_0");
    let set = |set| {
        filesystem.set_attributes(file, &set).unwrap();
    };
    let write = || {
        filesystem.write(file, 0, b"x").unwrap();
    };
    let owner = SetAttributes { uid: Some(7), ..SetAttributes::default() };
    let group = SetAttributes { gid: Some(7), ..SetAttributes::default() };
    let mode = SetAttributes { mode: Some(0o755), ..SetAttributes::default() };
    let changes: [(bool, &dyn Fn()); 4] =
        [(true, &|| set(owner)), (true, &|| set(group)), (true, &write), (false, &|| set(mode))];
    for (takes, change) in changes {
        filesystem.set_xattr(file, CAPABILITY, Some(b"all of them"), SetXattr::Any).unwrap();
        change();
        let left = filesystem.xattr(file, CAPABILITY);
        assert_eq!(left.is_err(), takes, "{left:?}");
    }
}

#[test]
fn what_is_not_a_command_changes_nothing() {
    let filesystem = filesystem(1 << 20, 100);
    filesystem.unlink(resolve(&filesystem, "node_0"), b"process_0").unwrap();
    for wrong in ["", "rest", "reset-all", "resetnode_0", "status node_0"] {
        assert_eq!(filesystem.control(wrong.as_bytes()).unwrap_err(), Error::Invalid, "{wrong:?}");
    }
    assert_eq!(filesystem.control(b"\xff\xfe").unwrap_err(), Error::Invalid);
    for unknown in ["node_7", "node_0/process_00", "node_0/process_0/x", ".status"] {
        let command = format!("reset {unknown}");
        assert_eq!(filesystem.control(command.as_bytes()).unwrap_err(), Error::NotFound);
    }
    assert_eq!(filesystem.find(resolve(&filesystem, "node_0"), b"process_0"), Err(Error::NotFound));
    let reset = filesystem.control(b" reset  /node_0/process_0/ \n").unwrap();
    assert_eq!(reset.names(filesystem.dataset()).count(), 1);
    resolve(&filesystem, "node_0/process_0");
}

/// What a reset reports is what a kernel would still remember wrongly.
#[test]
fn a_reset_names_what_it_has_changed() {
    let filesystem = filesystem(1 << 20, 100);
    let (node, file) = (resolve(&filesystem, "node_0"), resolve(&filesystem, "node_0/process_0"));
    filesystem.rename(node, b"process_0", Inode::ROOT, b"away", RenameMode::Replace).unwrap();
    let other = resolve(&filesystem, "node_1/process_1");
    let set = SetAttributes { mode: Some(0), ..SetAttributes::default() };
    filesystem.set_attributes(other, &set).unwrap();
    let reset = filesystem.control(b"reset node_0/process_0").unwrap();
    let mut names: Vec<_> = reset.names(filesystem.dataset()).collect();
    names.sort();
    assert_eq!(names, [(Inode::ROOT, b"away"[..].into()), (node, b"process_0"[..].into())]);
    assert_eq!(reset.inodes().collect::<Vec<_>>(), [file]);
    assert_eq!(filesystem.attributes(other).unwrap().mode, 0, "not what was asked for");
}

/// More than one call copies.
const EXTENTS: u64 = 40_000;

/// What one call holds meanwhile has a bound: callers ask for the rest.
#[test]
fn a_copy_of_very_many_extents_is_made_in_parts() {
    let filesystem = filesystem(1 << 20, 200_000);
    let [from, to] =
        [b"from", b"copy"].map(|it| make(&filesystem, it, InodeKind::File).unwrap().inode);
    for number in 0..EXTENTS {
        filesystem.write(from, number * 3, &[7]).unwrap();
    }
    let length = (EXTENTS - 1) * 3 + 1;
    let mut done = 0;
    let mut calls = 0;
    while done < length {
        done += filesystem.copy_range((from, done), (to, done), length - done).unwrap();
        calls += 1;
        assert!(done == length || calls == 1, "{done} of {length} after {calls} calls");
    }
    assert_eq!(calls, 2);
    let mut bytes = [vec![1; 120_000], vec![2; 120_000]];
    for (inode, bytes) in [from, to].into_iter().zip(&mut bytes) {
        assert_eq!(filesystem.read(inode, 0, 0, bytes).unwrap() as u64, length);
        bytes.truncate(usize::try_from(length).unwrap());
    }
    assert!(bytes[0] == bytes[1]);
}

/// Programs look at what is free before they write: so much of any bytes can be written.
#[test]
fn what_is_free_is_what_can_be_written() {
    let block = 4096;
    let keep = 8_u64 << 20;
    for (size, dataset_blocks) in [("100", 1), ("10G", (10 << 30) / block)] {
        let limits = BudgetLimits { kept_bytes: keep, extents: 1000 };
        let it = limited(&format!("size = '{size}'"), limits, None);
        let free = keep / block;
        assert_eq!((it.space().blocks, it.space().blocks_free), (dataset_blocks + free, free));
        let file = make(&it, b"foreign", InodeKind::File).unwrap().inode;
        let bytes = foreign(0, 1 << 20);
        for part in 0..8_u64 {
            assert_eq!(it.space().blocks_free, free - part * 256);
            it.write(file, part << 20, &bytes).unwrap();
        }
        assert_eq!((it.space().blocks, it.space().blocks_free), (dataset_blocks + free, 0));
        assert_eq!(it.write(file, 8 << 20, b"one more"), Err(Error::NoSpace));
        // The dataset's content still goes in: it takes none.
        let own = it.dataset().namespace().inode(Coordinates::default()).unwrap();
        let mut right = vec![0; 100];
        it.read(own, 0, 0, &mut right).unwrap();
        it.write(own, 0, &right).unwrap();
    }
}

#[test]
fn with_a_store_its_room_is_free_too() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path(), 8 << 20).unwrap();
    let limits = BudgetLimits { kept_bytes: 1 << 20, extents: 1000 };
    let it = limited("size = 100", limits, Some(store));
    assert_eq!(it.space().blocks_free, 9 * 256);
    let file = make(&it, b"foreign", InodeKind::File).unwrap().inode;
    let bytes = foreign(0, 1 << 20);
    it.write(file, 0, &bytes).unwrap();
    // One block is the dataset's.
    assert_eq!((it.space().blocks, it.space().blocks_free), (9 * 256 + 1, 8 * 256));
}
