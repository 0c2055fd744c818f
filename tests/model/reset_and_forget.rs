//! What the kernel remembers: forgetting, resets behind its back, and listings while names change;
//! called without a mount, from several threads where that is what it is about.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seedfs::content::StopCheck;
use seedfs::dataset::Inode;
use seedfs::fs::{Allocate, Error, Filesystem, InodeKind, OpenFor, RenameMode, SetAttributes};

use crate::common::unmounted::{self, new_entry, resolve};

const SIZE: usize = 64 << 10;
/// How long threads look for a moment at which they meet.
const RACE: Duration = Duration::from_millis(700);

fn filesystem() -> Filesystem {
    unmounted::filesystem(&format!(
        "nodes = 2
processes = 3
size = {SIZE}"
    ))
}

fn make(filesystem: &Filesystem, parent: Inode, name: &str, kind: InodeKind) -> Inode {
    filesystem.make(parent, name.as_bytes(), &new_entry(kind)).unwrap().inode
}

fn cut(size: usize) -> SetAttributes {
    SetAttributes { size_bytes: Some(size as u64), ..SetAttributes::default() }
}

fn contents(filesystem: &Filesystem, inode: Inode) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; 2 * SIZE];
    let length = filesystem.read(inode, 0, 0, &mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn verdict(filesystem: &Filesystem, inode: Inode) -> String {
    String::from_utf8(filesystem.xattr(inode, b"user.seedfs.verdict").unwrap()).unwrap()
}

fn listed(filesystem: &Filesystem, directory: Inode) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    filesystem
        .read_directory(directory, 0, &mut |entry| {
            names.push(entry.name.to_vec());
            true
        })
        .unwrap();
    names.retain(|name| !matches!(&name[..], b"." | b".."));
    names
}

/// What the kernel has dropped from its caches it may say after it has looked the file up again.
#[test]
fn an_old_forget_leaves_what_was_looked_up_since() {
    let filesystem = filesystem();
    let node = resolve(&filesystem, "node_0");
    make(&filesystem, node, "made", InodeKind::File);
    for name in [&b"made"[..], b"process_1"] {
        let first = filesystem.look_up(node, name).unwrap().inode;
        // Evicted; the kernel has not said so when it finds the file again.
        let second = filesystem.look_up(node, name).unwrap().inode;
        assert_eq!(first, second);
        filesystem.write(second, 0, b"written").unwrap();
        filesystem.unlink(node, name).unwrap();
        filesystem.forget(first, 1);
        assert_eq!(contents(&filesystem, second).unwrap()[..7], b"written"[..]);
        assert_eq!(filesystem.attributes(second).unwrap().links, 0);
    }
}

#[test]
fn the_last_forget_gives_everything_back() {
    let filesystem = filesystem();
    let node = resolve(&filesystem, "node_0");
    let before = filesystem.usage().extents;
    let made = make(&filesystem, Inode::ROOT, "made", InodeKind::File);
    filesystem.link(made, Inode::ROOT, b"other").unwrap();
    filesystem.look_up(made, b".").unwrap();
    let with_names = filesystem.usage().extents;
    filesystem.unlink(Inode::ROOT, b"made").unwrap();
    filesystem.unlink(Inode::ROOT, b"other").unwrap();
    // Made, linked, found by its handle: three. A removed one cannot be found again.
    assert_eq!(filesystem.look_up(made, b".").unwrap_err(), Error::NotFound);
    filesystem.forget(made, 2);
    assert!(contents(&filesystem, made).is_ok());
    filesystem.forget(made, 1);
    assert_eq!(contents(&filesystem, made).unwrap_err(), Error::NotFound);
    // The record of the root stays.
    assert_eq!(filesystem.usage().extents, before + 2);
    assert!(with_names > before + 2);
    // What nobody remembers goes with its name.
    filesystem.unlink(node, b"process_0").unwrap();
    let removed = filesystem.usage().extents;
    // Two records, and a directory with one name that differs.
    assert_eq!(removed, before + 2 + 2 + 3 + 1, "the root, the node, and a name that is gone");
}

/// Deeper than a stack could be, and no operation cares.
#[test]
fn nesting_has_no_price() {
    const DEPTH: usize = 60_000;
    let filesystem = filesystem();
    let mut at = Inode::ROOT;
    let mut all = Vec::new();
    for _ in 0..DEPTH {
        at = make(&filesystem, at, "d", InodeKind::Directory);
        all.push(at);
    }
    let deep = make(&filesystem, at, "file", InodeKind::File);
    filesystem.write(deep, 0, b"x").unwrap();
    filesystem.rename(at, b"file", at, b"process_0", RenameMode::Replace).unwrap();
    // At the top, with all below.
    filesystem.rename(Inode::ROOT, b"d", Inode::ROOT, b"e", RenameMode::Replace).unwrap();
    let others = resolve(&filesystem, ".status/others.json");
    let handle = filesystem.open(others, OpenFor::Reading).unwrap().handle;
    filesystem.release(others, handle);
    // Moving to where the way up is long is refused, not walked.
    let top = make(&filesystem, Inode::ROOT, "top", InodeKind::Directory);
    let moved = |to: Inode| filesystem.rename(Inode::ROOT, b"top", to, b"t", RenameMode::Replace);
    assert_eq!(moved(at), Err(Error::TooDeep));
    assert_eq!(moved(all[4095]), Err(Error::TooDeep));
    moved(all[4094]).unwrap();
    let below_itself = filesystem.rename(Inode::ROOT, b"e", all[100], b"e", RenameMode::Replace);
    assert_eq!(below_itself, Err(Error::Invalid));
    assert_eq!(filesystem.attributes(top).unwrap().kind, InodeKind::Directory);
    // It stands where a node was: a reset of that takes all of it away.
    for process in 0..3 {
        let node = resolve(&filesystem, "node_1");
        filesystem.unlink(node, format!("process_{process}").as_bytes()).unwrap();
    }
    filesystem.remove_directory(Inode::ROOT, b"node_1").unwrap();
    filesystem.rename(Inode::ROOT, b"e", Inode::ROOT, b"node_1", RenameMode::Replace).unwrap();
    drop(filesystem.control(b"reset node_1").unwrap());
    assert_eq!(filesystem.attributes(deep), Err(Error::NotFound));
    assert_eq!(listed(&filesystem, Inode::ROOT), [b"node_0", b"node_1"]);
}

/// A directory that is renamed is one name that changes, whatever is in it.
#[test]
fn renaming_a_directory_does_not_cost_what_is_in_it() {
    let filesystem = filesystem();
    let time = |name: &str| {
        let start = Instant::now();
        for _ in 0..500 {
            let rename = |from: &[u8], to: &[u8]| {
                filesystem.rename(Inode::ROOT, from, Inode::ROOT, to, RenameMode::Replace).unwrap();
            };
            rename(name.as_bytes(), b"x");
            rename(b"x", name.as_bytes());
        }
        start.elapsed()
    };
    make(&filesystem, Inode::ROOT, "empty", InodeKind::Directory);
    let full = make(&filesystem, Inode::ROOT, "full", InodeKind::Directory);
    for file in 0..20_000 {
        make(&filesystem, full, &format!("f{file}"), InodeKind::File);
    }
    let (empty, full) = (time("empty"), time("full"));
    // It was some thousand times as long.
    assert!(full < 50 * empty, "{full:?} for a full one, {empty:?} for an empty one");
}

/// What a file is held against follows the directories that it is in.
#[test]
fn a_directory_that_moves_moves_what_its_files_are_held_against() {
    let filesystem = filesystem();
    let node = resolve(&filesystem, "node_0");
    let right = contents(&filesystem, resolve(&filesystem, "node_0/process_1")).unwrap();
    for name in listed(&filesystem, node) {
        filesystem.unlink(node, &name).unwrap();
    }
    filesystem.remove_directory(Inode::ROOT, b"node_0").unwrap();
    let made = make(&filesystem, Inode::ROOT, "made", InodeKind::Directory);
    let file = make(&filesystem, made, "process_1", InodeKind::File);
    filesystem.write(file, 0, &right).unwrap();
    let reserved = || filesystem.xattr(file, b"user.seedfs.verdict");
    assert_eq!(reserved(), Err(Error::NoAttribute));
    let rename = |from: &[u8], to: &[u8]| {
        filesystem.rename(Inode::ROOT, from, Inode::ROOT, to, RenameMode::Replace).unwrap();
    };
    rename(b"made", b"node_0");
    assert_eq!(verdict(&filesystem, file), "verified");
    rename(b"node_0", b"other");
    assert_eq!(reserved(), Err(Error::NoAttribute));
    // The same one level further up does not make it a dataset's name.
    let above = make(&filesystem, Inode::ROOT, "node_0", InodeKind::Directory);
    filesystem.rename(Inode::ROOT, b"other", above, b"process_1", RenameMode::Replace).unwrap();
    assert_eq!(reserved(), Err(Error::NoAttribute));
}

/// A listing whose every name comes in again behind it.
#[test]
fn a_listing_ends_while_names_are_renamed() {
    let filesystem = filesystem();
    let made = make(&filesystem, Inode::ROOT, "made", InodeKind::Directory);
    for file in 0..5 {
        make(&filesystem, made, &format!("f{file}"), InodeKind::File);
    }
    let handle = filesystem.open_directory(made).unwrap();
    let list = |from: u64, rename: bool| {
        let mut cursor = from;
        let mut names = Vec::new();
        loop {
            let mut found = None;
            filesystem
                .read_open_directory(made, handle, cursor, &mut |entry| {
                    let first = found.is_none();
                    if first {
                        found = Some((entry.name.to_vec(), entry.next_cursor));
                    }
                    first
                })
                .unwrap();
            let Some((name, next)) = found else { return (names, cursor) };
            cursor = next;
            if !matches!(&name[..], b"." | b"..") {
                assert!(names.len() < 100, "it goes on for ever");
                if rename {
                    let to = [&name[..], b"'"].concat();
                    filesystem.rename(made, &name, made, &to, RenameMode::Replace).unwrap();
                }
                names.push(name);
            }
        }
    };
    let (names, end) = list(0, true);
    assert_eq!(names, [b"f0", b"f1", b"f2", b"f3", b"f4"]);
    // Going on where it ended, there is nothing: not even what was made since.
    make(&filesystem, made, "late", InodeKind::File);
    assert_eq!(list(end, false).0, Vec::<Vec<u8>>::new());
    // From the beginning again, all of it.
    assert_eq!(list(0, false).0.len(), 6);
    filesystem.release_directory(handle);
    let closed = filesystem.read_open_directory(made, handle, 0, &mut |_| true);
    assert_eq!(closed, Err(Error::BadHandle));
}

/// Runs both until the time is over; `first` says when it has failed.
fn race(first: impl Fn(u64) + Sync, second: impl Fn() + Sync) {
    let over = AtomicBool::new(false);
    let rounds = AtomicU64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                second();
            }
        });
        // Also where it fails, so that the other thread ends.
        let outcome = scope.spawn(|| {
            let start = Instant::now();
            while start.elapsed() < RACE {
                first(rounds.fetch_add(1, Ordering::Relaxed));
            }
        });
        let outcome = outcome.join();
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Whatever is listed is there, and a name that cannot be made is taken by something.
fn consistent(filesystem: &Filesystem, directory: Inode) {
    for name in listed(filesystem, directory) {
        assert!(filesystem.look_up(directory, &name).is_ok(), "{name:?} is listed");
    }
}

#[test]
fn a_reset_takes_names_and_what_they_stand_for_at_once() {
    let filesystem = filesystem();
    let node = resolve(&filesystem, "node_0");
    let create = |round: u64| {
        let name = format!("n{}", round % 7);
        // Whatever there was: it is made, or it is there already.
        match filesystem.create(node, name.as_bytes(), &new_entry(InodeKind::File)) {
            Ok(_) => {
                let _ = filesystem.link(resolve(&filesystem, "node_1/process_0"), node, b"l");
                let to = format!("m{}", round % 3);
                let to = to.as_bytes();
                let _ = filesystem.rename(node, name.as_bytes(), node, to, RenameMode::Replace);
            }
            Err(error) => assert_eq!(error, Error::Exists, "{name}"),
        }
        let inside = make_directory(&filesystem, node);
        if let Some(inside) = inside {
            let _ = filesystem.create(inside, b"x", &new_entry(InodeKind::File));
        }
        // The dataset's names are always there.
        assert!(filesystem.look_up(node, b"process_2").is_ok());
    };
    race(create, || drop(filesystem.control(b"reset").unwrap()));
    consistent(&filesystem, node);
    for name in listed(&filesystem, node) {
        let gone = filesystem.unlink(node, &name);
        assert!(gone == Ok(()) || gone == Err(Error::IsDirectory), "{name:?}: {gone:?}");
    }
    drop(filesystem.control(b"reset").unwrap());
    assert_eq!(filesystem.usage().extents, 0, "nothing is left behind");
}

fn make_directory(filesystem: &Filesystem, parent: Inode) -> Option<Inode> {
    let _ = filesystem.remove_directory(parent, b"d");
    filesystem.make(parent, b"d", &new_entry(InodeKind::Directory)).ok().map(|made| made.inode)
}

/// A file that was cut is grown, copied to, punched, while it is reset: each of that happens before
/// the reset or after it.
#[test]
fn a_reset_is_before_or_after_a_change_of_a_file() {
    let filesystem = filesystem();
    let [file, other] = ["node_0/process_0", "node_1/process_1"].map(|it| resolve(&filesystem, it));
    let right = contents(&filesystem, file).unwrap();
    let reset = || drop(filesystem.control(b"reset").unwrap());
    let grow = |_| {
        filesystem.set_attributes(file, &cut(0)).unwrap();
        let space = Allocate::Space { keep_size: false };
        filesystem.allocate(file, 0..4096, space).unwrap();
        filesystem.allocate(file, 0..8192, Allocate::Hole).unwrap();
        let bytes = contents(&filesystem, file).unwrap();
        let cut_and_grown = bytes.len() == 4096 && bytes.iter().all(|byte| *byte == 0);
        let hole = bytes.len() == SIZE && bytes[8192..] == right[8192..];
        assert!(cut_and_grown || hole, "{} bytes", bytes.len());
        let _ = filesystem.copy_range((other, 0), (file, 0), SIZE as u64).unwrap();
    };
    race(grow, reset);
    // One change after the other, seen from one thread: the second is not undone without the first.
    let in_order = |round: u64| {
        let mark = |inode: Inode| {
            filesystem.write(inode, 0, &round.to_be_bytes()).unwrap();
        };
        let is_marked =
            |inode: Inode| contents(&filesystem, inode).unwrap()[..8] == round.to_be_bytes();
        mark(file);
        mark(other);
        if !is_marked(other) {
            assert!(!is_marked(file), "the later one was reset and the earlier one not");
        }
    };
    race(in_order, reset);
}

/// Pages that a program changed in a mapping before a reset are not written to what it has put
/// back, however late they come.
#[test]
fn what_is_written_back_late_is_from_before_the_reset() {
    let filesystem = filesystem();
    let file = resolve(&filesystem, "node_0/process_0");
    let other = resolve(&filesystem, "node_1/process_0");
    for command in [&b"reset"[..], b"reset node_0"] {
        filesystem.open(file, OpenFor::Writing).unwrap();
        filesystem.write_back(file, 0, b"changed in memory", StopCheck::NEVER).unwrap();
        assert_eq!(verdict(&filesystem, file), "mismatch");
        let mut reset = filesystem.control(command).unwrap();
        assert!(reset.open().contains(&file), "the kernel may have pages of it");
        filesystem.write_back(file, 0, b"from before", StopCheck::NEVER).unwrap();
        assert_eq!(verdict(&filesystem, file), "untouched");
        // What a program writes itself is new, and so is what was not reset.
        if command != b"reset" {
            filesystem.write_back(other, 0, b"elsewhere", StopCheck::NEVER).unwrap();
            assert_eq!(verdict(&filesystem, other), "mismatch");
        }
        filesystem.write(file, 0, b"by itself").unwrap();
        assert_eq!(verdict(&filesystem, file), "mismatch");
        reset.settle();
        filesystem.write_back(file, 0, b"now it counts", StopCheck::NEVER).unwrap();
        assert_eq!(contents(&filesystem, file).unwrap()[..13], b"now it counts"[..]);
    }
}

/// Size and content are those of one moment.
#[test]
fn a_copy_has_no_zeros_of_a_cut() {
    let filesystem = filesystem();
    let [from, to] = ["node_0/process_0", "node_0/process_1"].map(|it| resolve(&filesystem, it));
    let right = contents(&filesystem, from).unwrap();
    let copy = |_| {
        let length = filesystem.copy_range((from, 0), (to, 0), SIZE as u64).unwrap();
        let copied = &contents(&filesystem, to).unwrap()[..usize::try_from(length).unwrap()];
        assert!(copied == &right[..copied.len()], "zeros of {length} bytes");
    };
    let cut_and_fill = || {
        filesystem.set_attributes(from, &cut(0)).unwrap();
        filesystem.write(from, 0, &right).unwrap();
    };
    race(copy, cut_and_fill);
}
