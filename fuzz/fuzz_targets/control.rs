//! Commands to the mount, between changes of names and content: a path that was reset is as the
//! dataset has it, and after a last `reset` everything is and nothing is held.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use seedfs::dataset::{Dataset, DatasetConfig, DatasetEntry, Inode};
use seedfs::fs::{
    DirectoryEntry, Filesystem, InodeKind, NewEntry, Options, RenameMode, SetAttributes, SetXattr,
};
use seedfs::overlay::Usage;

/// Directories and files of the dataset, and names that it does not have.
const PATHS: [&str; 10] = [
    "iteration_0",
    "iteration_1/node_0",
    "iteration_1/node_1",
    "iteration_0/node_0/process_0",
    "iteration_0/node_0/process_1",
    "iteration_1/node_0/process_0",
    "iteration_1/node_1/process_1",
    "new",
    "iteration_0/new",
    "new/process_0",
];

#[derive(Arbitrary, Debug)]
enum Action<'a> {
    Command(&'a [u8]),
    Reset(u8),
    Write(u8, u16, &'a [u8]),
    Cut(u8, u16),
    Remove(u8),
    MakeDirectory(u8),
    Rename(u8, u8, bool),
    Link(u8, u8),
    SetXattr(u8, &'a [u8]),
}

fuzz_target!(|actions: Vec<Action<'_>>| {
    let filesystem = Filesystem::new(dataset(), Options::default());
    for action in &actions {
        // What cannot be done is refused: that is all that is asked for here.
        let _ = act(&filesystem, action);
    }
    filesystem.control(b" reset\n").unwrap();
    assert_eq!(filesystem.usage(), Usage::default());
    let mut count = 0;
    check(&filesystem, Inode::ROOT, &mut count);
    assert_eq!(count, filesystem.dataset().file_count());
});

fn dataset() -> Dataset {
    let toml = "nodes = 2\nprocesses = 2\niterations = 2\nsize = 9000\nchange = 30\ndedup = 40";
    let config: DatasetConfig = toml::from_str(toml).unwrap();
    config.validate().unwrap()
}

fn path(number: u8) -> (&'static str, &'static str) {
    let path = PATHS[usize::from(number) % PATHS.len()];
    path.rsplit_once('/').unwrap_or(("", path))
}

fn walk(filesystem: &Filesystem, path: &str) -> Option<Inode> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    names.try_fold(Inode::ROOT, |parent, name| filesystem.find(parent, name.as_bytes()).ok())
}

/// The directory that a path is in, and its name there.
fn place(filesystem: &Filesystem, number: u8) -> Option<(Inode, &'static [u8])> {
    let (directory, name) = path(number);
    Some((walk(filesystem, directory)?, name.as_bytes()))
}

fn act(filesystem: &Filesystem, action: &Action<'_>) -> Option<()> {
    let find = |number: u8| {
        let (directory, name) = place(filesystem, number)?;
        filesystem.find(directory, name).ok()
    };
    let make = |number: u8, kind| {
        let (directory, name) = place(filesystem, number)?;
        let new = NewEntry { kind, mode: 0o755, uid: 0, gid: 0, target: None };
        Some(filesystem.make(directory, name, &new).ok()?.inode)
    };
    match *action {
        Action::Command(command) => {
            filesystem.control(command).ok()?;
        }
        Action::Reset(number) => {
            let (directory, name) = path(number);
            filesystem.control(format!("reset {directory}/{name}").as_bytes()).ok()?;
            let inode = find(number).expect("what was reset is there");
            check(filesystem, inode, &mut 0);
        }
        Action::Write(number, offset, data) => {
            let inode = find(number).or_else(|| make(number, InodeKind::File))?;
            filesystem.write(inode, offset.into(), data).ok()?;
        }
        Action::Cut(number, size) => {
            let set = SetAttributes { size_bytes: Some(size.into()), ..SetAttributes::default() };
            filesystem.set_attributes(find(number)?, &set).ok()?;
        }
        Action::Remove(number) => {
            let (directory, name) = place(filesystem, number)?;
            let removed = filesystem.unlink(directory, name);
            removed.or_else(|_| filesystem.remove_directory(directory, name)).ok()?;
        }
        Action::MakeDirectory(number) => {
            make(number, InodeKind::Directory)?;
        }
        Action::Rename(from, to, exchange) => {
            let (old, old_name) = place(filesystem, from)?;
            let (new, new_name) = place(filesystem, to)?;
            let mode = if exchange { RenameMode::Exchange } else { RenameMode::Replace };
            filesystem.rename(old, old_name, new, new_name, mode).ok()?;
        }
        Action::Link(from, to) => {
            let inode = find(from)?;
            let (directory, name) = place(filesystem, to)?;
            filesystem.link(inode, directory, name).ok()?;
        }
        Action::SetXattr(number, value) => {
            let inode = find(number)?;
            filesystem.set_xattr(inode, b"user.x", Some(value), SetXattr::Any).ok()?;
        }
    }
    Some(())
}

/// Compares an inode, and all below it, with what the dataset has there, and counts files.
fn check(filesystem: &Filesystem, inode: Inode, count: &mut u64) {
    let namespace = filesystem.dataset().namespace();
    let Some(DatasetEntry::File(file)) = namespace.entry(inode) else {
        let mut listed = Vec::new();
        let mut list = |entry: DirectoryEntry<'_>| {
            if entry.name != b"." && entry.name != b".." {
                listed.push((entry.inode, entry.name.to_vec()));
            }
            true
        };
        filesystem.read_directory(inode, 0, &mut list).unwrap();
        assert_eq!(Some(listed.len() as u64), namespace.entry_count(inode));
        for (child, name) in listed {
            assert_eq!(namespace.lookup(inode, &name), Some(child));
            check(filesystem, child, count);
        }
        return;
    };
    *count += 1;
    let mut expected = vec![0; 9000];
    filesystem.content().fill(file, 0, &mut expected);
    let mut bytes = vec![0; 9001];
    assert_eq!(filesystem.read(inode, 0, 0, &mut bytes), Ok(9000));
    assert!(bytes[..9000] == expected);
}
