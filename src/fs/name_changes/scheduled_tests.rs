//! Forgetting and looking up, and resets with all else, under thousands of schedules.

use std::sync::Arc;

use super::super::{Allocate, OpenFor, Options, RenameMode, SetAttributes};
use super::*;
use crate::content::StopCheck;
use crate::dataset::DatasetConfig;
use crate::sync::{schedules, thread};

fn filesystem() -> Arc<Filesystem> {
    let config = DatasetConfig {
        processes: Some(2.into()),
        size: Some(64.into()),
        ..DatasetConfig::default()
    };
    Arc::new(Filesystem::new(config.validate().unwrap(), Options::default()))
}

fn new(kind: InodeKind) -> NewEntry<'static> {
    NewEntry { kind, mode: 0o755, uid: 0, gid: 0, target: None }
}

fn resolve(filesystem: &Filesystem, path: &str) -> Inode {
    filesystem.dataset().namespace().resolve(path).unwrap()
}

fn read(filesystem: &Filesystem, inode: Inode) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    filesystem.read(inode, 0, 0, &mut bytes).unwrap();
    bytes
}

/// Runs all of these at the same time.
fn together(work: Vec<Box<dyn FnOnce() + Send>>) {
    let threads: Vec<_> = work.into_iter().map(thread::spawn).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn what_was_looked_up_stays_whenever_older_look_ups_are_forgotten() {
    schedules(4000, || {
        let filesystem = filesystem();
        let node = resolve(&filesystem, "node_0");
        let made = filesystem.make(node, b"made", &new(InodeKind::File)).unwrap().inode;
        let own = filesystem.look_up(node, b"process_0").unwrap().inode;
        let forgetting = Arc::clone(&filesystem);
        let using = Arc::clone(&filesystem);
        together(vec![
            Box::new(move || {
                forgetting.forget(made, 1);
                forgetting.forget(own, 1);
            }),
            Box::new(move || {
                for name in [&b"made"[..], b"process_0"] {
                    let inode = using.look_up(node, name).unwrap().inode;
                    using.write(inode, 0, b"mine").unwrap();
                    using.unlink(node, name).unwrap();
                    assert_eq!(read(&using, inode), b"mine");
                    assert_eq!(using.attributes(inode).unwrap().links, 0);
                }
            }),
        ]);
        for inode in [made, own] {
            assert_eq!(read(&filesystem, inode), b"mine");
            filesystem.forget(inode, 1);
            assert!(filesystem.overlay.get(inode).is_none(), "nobody can come back to it");
        }
    });
}

#[test]
fn a_reset_leaves_no_name_without_an_inode() {
    schedules(3000, || {
        let filesystem = filesystem();
        let node = resolve(&filesystem, "node_0");
        let [making, moving, resetting] = [(); 3].map(|()| Arc::clone(&filesystem));
        together(vec![
            Box::new(move || {
                let inside = making.make(node, b"d", &new(InodeKind::Directory)).unwrap().inode;
                let _ = making.make(inside, b"x", &new(InodeKind::File));
                let _ = making.create(node, b"made", &new(InodeKind::File));
            }),
            Box::new(move || {
                let own = moving.look_up(node, b"process_0").unwrap().inode;
                let _ = moving.link(own, node, b"linked");
                let _ = moving.rename(node, b"process_0", node, b"made", RenameMode::Replace);
                // Under another name, or back: it is somewhere.
                assert!(moving.attributes(own).is_ok());
            }),
            Box::new(move || {
                drop(resetting.control(b"reset").unwrap());
                drop(resetting.control(b"reset node_0").unwrap());
            }),
        ]);
        let mut names = Vec::new();
        filesystem
            .read_directory(node, 0, &mut |entry| {
                names.push((entry.inode, entry.name.to_vec()));
                true
            })
            .unwrap();
        for (inode, name) in names {
            assert!(filesystem.attributes(inode).is_ok(), "{:?}", String::from_utf8_lossy(&name));
        }
        drop(filesystem.control(b"reset").unwrap());
        assert_eq!(filesystem.usage().extents, 0, "nothing is left behind");
    });
}

#[test]
fn what_is_written_after_a_reset_stays_whenever_what_was_before_is_forgotten() {
    schedules(4000, || {
        let filesystem = filesystem();
        let node = resolve(&filesystem, "node_0");
        let own = filesystem.look_up(node, b"process_0").unwrap().inode;
        filesystem.unlink(node, b"process_0").unwrap();
        let [forgetting, using] = [(); 2].map(|()| Arc::clone(&filesystem));
        together(vec![
            Box::new(move || forgetting.forget(own, 1)),
            Box::new(move || {
                drop(using.control(b"reset").unwrap());
                assert_eq!(using.look_up(node, b"process_0").unwrap().inode, own);
                using.write(own, 0, b"mine").unwrap();
                using.forget(own, 1);
            }),
        ]);
        assert_eq!(read(&filesystem, own), b"mine");
    });
}

#[test]
fn a_change_of_a_file_is_before_a_reset_or_after_it() {
    schedules(3000, || {
        let filesystem = filesystem();
        let file = resolve(&filesystem, "node_0/process_0");
        let cut = SetAttributes { size_bytes: Some(0), ..SetAttributes::default() };
        filesystem.open(file, OpenFor::Writing).unwrap();
        filesystem.set_attributes(file, &cut).unwrap();
        let [growing, writing, resetting] = [(); 3].map(|()| Arc::clone(&filesystem));
        together(vec![
            Box::new(move || {
                growing.allocate(file, 0..16, Allocate::Space { keep_size: false }).unwrap();
            }),
            Box::new(move || writing.write_back(file, 4, b"late", StopCheck::NEVER).unwrap()),
            Box::new(move || {
                let reset = resetting.control(b"reset").unwrap();
                let size = resetting.attributes(file).unwrap().size.size_bytes;
                assert_eq!(size, 64, "it is whole from the moment of the reset on");
                assert_eq!(reset.open(), [file]);
                thread::yield_now();
                assert_eq!(resetting.xattr(file, b"user.seedfs.verdict").unwrap(), b"untouched");
                // Only now may pages be written back again.
                drop(reset);
            }),
        ]);
        let size = filesystem.attributes(file).unwrap().size.size_bytes;
        assert_eq!(size, 64);
    });
}

#[test]
fn what_was_found_is_there_or_its_name_is_gone() {
    for is_first_change in [true, false] {
        schedules(1000, move || {
            let filesystem = filesystem();
            let node = resolve(&filesystem, "node_0");
            let own = resolve(&filesystem, "node_0/process_0");
            filesystem.write(own, 0, b"mine").unwrap();
            if !is_first_change {
                filesystem.make(node, b"made", &new(InodeKind::File)).unwrap();
            }
            let [finding, removing] = [(); 2].map(|()| Arc::clone(&filesystem));
            together(vec![
                Box::new(move || {
                    if finding.look_up(node, b"process_0").is_ok() {
                        assert_eq!(read(&finding, own), b"mine");
                    }
                }),
                Box::new(move || removing.unlink(node, b"process_0").unwrap()),
            ]);
            filesystem.forget(own, 1);
            assert!(filesystem.overlay.get(own).is_none(), "nobody can come back to it");
        });
    }
}

#[test]
fn a_name_of_the_dataset_is_found_before_a_reset_and_after_it() {
    schedules(1000, || {
        let filesystem = filesystem();
        let node = resolve(&filesystem, "node_0");
        filesystem.make(node, b"made", &new(InodeKind::File)).unwrap();
        filesystem.rename(node, b"made", node, b"process_0", RenameMode::Replace).unwrap();
        let [finding, resetting] = [(); 2].map(|()| Arc::clone(&filesystem));
        together(vec![
            Box::new(move || {
                finding.look_up(node, b"process_0").unwrap();
            }),
            Box::new(move || drop(resetting.control(b"reset").unwrap())),
        ]);
    });
}
