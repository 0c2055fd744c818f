//! Files in a tree that are none of the dataset's.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::node_status::is_node_status_name;
use super::outcome::FileFailure;
use super::resume_state::Walk;
use super::{Root, StopFlag, reports};
use crate::dataset::{Coordinates, Dataset, DatasetEntry, Inode};
use crate::disk::{Faults, FileType, Links, Listing, ListingEntry, OpenDirectory};

/// A directory that is being looked through: its path, what it is in the dataset, what is left.
struct OpenLevel<F> {
    path: String,
    inode: Inode,
    directory: OpenDirectory,
    entries: Listing<F>,
}

/// Looks through a tree for what the dataset has not: any file, link or other thing whose path the
/// layout does not give, and directories that are in no path of it. What is in such a directory is
/// not looked at. A thing of the wrong kind under a right name is found by those who open it; where
/// not all files are opened, here. A file that belongs somewhere else is unexpected, too.
///
/// One open directory for each level of the tree is held, and no list of files.
pub(super) fn find_unexpected<F: Faults>(
    root: &Root<F>,
    (dataset, belongs): (&Dataset, &(dyn Fn(Coordinates) -> bool + Sync)),
    all_are_opened: bool,
    stop: &StopFlag,
    walk: &mut Walk,
) {
    let mut levels: Vec<OpenLevel<F>> = Vec::new();
    match root.disk.open_directory(&root.directory, Path::new("."), Links::Refuse) {
        Ok(top) => descend(root, walk, &mut levels, (String::new(), Inode::ROOT, top)),
        Err(error) => fail(walk, "", &error),
    }
    while let Some(level) = levels.last_mut() {
        if stop.is_set() {
            return;
        }
        let ListingEntry { name, kind } = match level.entries.next() {
            None => {
                levels.pop();
                continue;
            }
            Some(Ok(entry)) => entry,
            Some(Err(error)) => {
                fail(walk, &level.path, &error);
                levels.pop();
                continue;
            }
        };
        if level.inode == Inode::ROOT && is_of_a_run(&name, kind) {
            continue;
        }
        let separator = if level.path.is_empty() { "" } else { "/" };
        let child = format!("{}{separator}{}", level.path, name.to_string_lossy());
        let inode = dataset.namespace().lookup(level.inode, name.as_encoded_bytes());
        match inode.and_then(|inode| Some((inode, dataset.namespace().entry(inode)?))) {
            None => walk.unexpected.add(child),
            Some((_, DatasetEntry::File(file))) if !belongs(file) => walk.unexpected.add(child),
            Some((_, DatasetEntry::File(_))) => {
                if !all_are_opened && matches!(kind, Some(FileType::Directory | FileType::Special))
                {
                    walk.unexpected.add(child);
                }
            }
            Some((inode, DatasetEntry::Directory)) => {
                let path = Path::new(&name);
                match root.disk.open_directory(&level.directory, path, Links::Follow) {
                    Ok(below) => descend(root, walk, &mut levels, (child, inode, below)),
                    // A file where a directory should be was found when its files were opened.
                    Err(error) if all_are_opened && error.kind() == ErrorKind::NotADirectory => {}
                    Err(error) => fail(walk, &child, &error),
                }
            }
        }
    }
}

/// Whether a name in the top directory is that of something with which runs say how far they are.
fn is_of_a_run(name: &OsStr, kind: Option<FileType>) -> bool {
    match kind {
        Some(FileType::Directory) => name == reports::DIRECTORY,
        Some(FileType::Link) => false,
        // Where the filesystem does not tell, either.
        None if name == reports::DIRECTORY => true,
        _ => name.to_str().is_some_and(is_node_status_name),
    }
}

fn descend<F: Faults>(
    root: &Root<F>,
    walk: &mut Walk,
    levels: &mut Vec<OpenLevel<F>>,
    (path, inode, directory): (String, Inode, OpenDirectory),
) {
    match root.disk.list(&directory) {
        Ok(entries) => levels.push(OpenLevel { path, inode, directory, entries }),
        Err(error) => fail(walk, &path, &error),
    }
}

fn fail(walk: &mut Walk, path: &str, error: &io::Error) {
    let path = if path.is_empty() { "." } else { path }.to_owned();
    walk.failures.add(FileFailure { path, target: None, error: error.to_string() });
}
