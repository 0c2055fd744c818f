//! Every call fails once, each way; and what others have planted stays as it is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

fn names(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

/// Runs something on disks that fail at each of their calls, with every fault.
fn with_every_fault(mut run: impl FnMut(Disk<Failing>, Fault) -> io::Result<()>) {
    for fault in Fault::EACH {
        let (mut runs, mut failed) = (0, 0);
        for failing in Failing::at_each_call(fault).take(1000) {
            let result = run(Disk::new(failing.clone()), fault);
            let passes = fault.is_harmless() || !failing.has_failed();
            assert!(!passes || result.is_ok(), "call {failing:?}: {result:?}");
            failed += u32::from(result.is_err());
            runs += 1;
        }
        assert!(runs < 1000, "it does not end");
        assert!(failed > 0 || fault != Fault::Before(libc::EIO), "{fault:?}");
    }
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all_whichever_call_fails() {
    for durability in [Durability::Later, Durability::Synced] {
        with_every_fault(|disk, fault| {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("name"), "before").unwrap();
            let replaced = disk.open_root(directory.path()).and_then(|at| {
                disk.replace(&at, OsStr::new("name"), &[b'x'; 5000], (0o600, durability))
            });
            let now = fs::read(directory.path().join("name")).unwrap();
            assert!(now == b"before" || now == [b'x'; 5000], "{} bytes, {fault:?}", now.len());
            assert!(replaced.is_err() || now == [b'x'; 5000], "{fault:?}");
            assert_eq!(names(directory.path()), ["name"], "{fault:?}");
            replaced
        });
    }
}

#[test]
fn a_name_that_is_taken_stays_whichever_call_fails() {
    with_every_fault(|disk, fault| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("theirs");
        fs::write(&path, "theirs").unwrap();
        let at = Disk::real().open_root(directory.path()).unwrap();
        let (file, temporary) = disk.create_temporary(&at, (".tmp-", ""), 0o600)?;
        let how = (Taken::Refuse, Durability::Later);
        let publish = |name: &str| disk.publish(&file, &at, (&temporary, OsStr::new(name)), how);
        let refused = publish("theirs").unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"theirs", "{fault:?}");
        if refused.kind() != ErrorKind::AlreadyExists {
            return Err(refused);
        }
        publish("ours")?;
        assert_eq!(names(directory.path()), ["ours", "theirs"], "{fault:?}");
        Ok(())
    });
}

#[test]
fn planted_links_are_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let victim = directory.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, directory.path().join("link")).unwrap();
    fs::create_dir(directory.path().join("elsewhere")).unwrap();
    symlink("elsewhere", directory.path().join("away")).unwrap();
    let disk = Disk::real();
    let at = disk.open_root(directory.path()).unwrap();
    let link = OsStr::new("link");
    assert_eq!(disk.create(&at, link, 0o600).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let opened = disk.open(&at, Path::new("link"), Access::Read, Links::Refuse);
    assert_eq!(opened.unwrap_err().raw_os_error(), Some(libc::ELOOP));
    let opened = disk.open_directory(&at, Path::new("away"), Links::Refuse);
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::NotADirectory);
    disk.replace(&at, link, b"ours", (0o600, Durability::Later)).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(fs::read(directory.path().join("link")).unwrap(), b"ours");
    assert_eq!(disk.stat_at(&at, Path::new("link"), Links::Refuse).unwrap().kind, FileType::File);
}

#[test]
fn only_a_regular_file_of_a_bounded_length_is_read_whole() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::real();
    let at = disk.open_root(directory.path()).unwrap();
    let read = |name: &str| disk.read_whole(&at, Path::new(name), Links::Follow, 10);
    fs::write(directory.path().join("ten"), "0123456789").unwrap();
    assert_eq!(read("ten").unwrap(), b"0123456789");
    fs::write(directory.path().join("more"), "0123456789a").unwrap();
    assert_eq!(read("more").unwrap_err().kind(), ErrorKind::FileTooLarge);
    let fifo = directory.path().join("pipe");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(read("pipe").unwrap_err().kind(), ErrorKind::InvalidInput);
    symlink("/dev/zero", directory.path().join("endless")).unwrap();
    assert_eq!(read("endless").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn bytes_are_whole_whichever_call_is_short() {
    let bytes: Vec<u8> = (0..10_000_u32).map(|index| (index % 251) as u8).collect();
    with_every_fault(|disk, fault| {
        let directory = tempfile::tempdir().unwrap();
        let at = disk.open_root(directory.path())?;
        let file = disk.create_unnamed(&at)?;
        assert_eq!(names(directory.path()), [""; 0], "it has no name");
        disk.write_all_at(&file, &bytes, 3)?;
        let mut back = vec![0; 10_000];
        disk.read_exact_at(&file, &mut back, 3)?;
        assert!(back == bytes, "{fault:?}");
        disk.punch(&file, 0, 4096)?;
        assert_eq!(disk.stat(&file)?.length, 10_003);
        disk.read_exact_at(&file, &mut back[..10], 100)?;
        assert_eq!(back[..10], [0; 10]);
        disk.sync(&file)?;
        disk.flush(&file)
    });
}

#[test]
fn a_listing_names_everything_or_says_that_it_does_not() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    fs::create_dir(directory.path().join("d")).unwrap();
    with_every_fault(|disk, _| {
        let at = disk.open_root(directory.path())?;
        let mut entries = disk.list(&at)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let found: Vec<_> =
            entries.iter().map(|entry| (entry.name.to_str().unwrap(), entry.kind)).collect();
        let file = Some(FileType::File);
        let expected = [("a", file), ("b", file), ("c", file), ("d", Some(FileType::Directory))];
        assert_eq!(found, expected);
        Ok(())
    });
}

/// Whoever plants files or links under names that he has seen meets none of ours.
#[test]
fn temporary_files_are_new_and_their_names_are_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::real();
    let at = disk.open_root(directory.path()).unwrap();
    let mut drawn = std::collections::BTreeSet::new();
    for _ in 0..100 {
        let (_, name) = disk.create_temporary(&at, ("a-", ".tmp"), 0o600).unwrap();
        disk.unlink(&at, &name).unwrap();
        assert!(drawn.insert(name), "the same again");
    }
    let target = directory.path().join("target");
    fs::write(&target, "whole").unwrap();
    symlink(&target, directory.path().join("link")).unwrap();
    symlink("nowhere", directory.path().join("dangling")).unwrap();
    for name in ["target", "link", "dangling"] {
        let error = disk.create(&at, OsStr::new(name), 0o600).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{name}");
    }
    assert_eq!(fs::read(&target).unwrap(), b"whole");
    assert_eq!(names(directory.path()), ["dangling", "link", "target"]);
}
