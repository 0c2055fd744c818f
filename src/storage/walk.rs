//! Files in a tree that are none of the dataset's.

use std::fs::{self, ReadDir};
use std::io;
use std::path::Path;

use super::Stop;
use super::node_status::is_status_name;
use super::outcome::{FileFailure, Findings};
use crate::dataset::{Dataset, Inode, Node};

/// Looks through a tree for what the dataset has not: any file, link or other thing whose path the
/// layout does not give, and directories that are in no path of it. What is in such a directory is
/// not looked at. A thing of the wrong kind under a right name is found by those who open it.
///
/// One open directory for each level of the tree is held, and no list of files.
pub(super) fn find_unexpected(
    root: &Path,
    dataset: &Dataset,
    stop: &Stop,
    unexpected: &mut Findings<String>,
    failures: &mut Findings<FileFailure>,
) {
    let mut levels: Vec<(String, Inode, ReadDir)> = Vec::new();
    let mut fail = |path: String, error: &io::Error| {
        failures.add(FileFailure { path, error: error.to_string() });
    };
    match fs::read_dir(root) {
        Ok(entries) => levels.push((String::new(), Inode::ROOT, entries)),
        Err(error) => fail(".".to_owned(), &error),
    }
    while let Some((path, directory, entries)) = levels.last_mut() {
        if stop.is_set() {
            return;
        }
        let entry = match entries.next() {
            None => {
                levels.pop();
                continue;
            }
            Some(Ok(entry)) => entry,
            Some(Err(error)) => {
                fail(path.clone(), &error);
                levels.pop();
                continue;
            }
        };
        let name = entry.file_name();
        if *directory == Inode::ROOT && name.to_str().is_some_and(is_status_name) {
            continue;
        }
        let separator = if path.is_empty() { "" } else { "/" };
        let child = format!("{path}{separator}{}", name.to_string_lossy());
        let inode = dataset.namespace().lookup(*directory, name.as_encoded_bytes());
        match inode.and_then(|inode| Some((inode, dataset.namespace().node(inode)?))) {
            None => unexpected.add(child),
            Some((_, Node::File(_))) => {}
            Some((inode, Node::Directory)) => match fs::read_dir(entry.path()) {
                Ok(entries) => levels.push((child, inode, entries)),
                // A file where a directory should be was found when its files were opened.
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                Err(error) => fail(child, &error),
            },
        }
    }
}
