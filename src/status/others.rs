//! `others.json`: what has a name that the dataset does not have.

use super::recount::Found;
use super::views::{ExtentView, OtherView, OthersView, SCHEMA};
use super::{Snapshot, kept_bytes};
use crate::dataset::{Inode, Node};
use crate::overlay::{Base, Entry, Kind, Written};

/// How many names `others.json` lists.
const OTHERS_MAX: usize = 1000;

/// How many extents of each it lists.
const OTHER_EXTENTS_MAX: usize = 16;

impl Snapshot<'_> {
    /// What has a name that the dataset does not have.
    pub(super) fn others(&self) -> OthersView {
        let mut others = Vec::new();
        let mut total = 0;
        self.overlay.with_names(|tree| {
            for (directory, names) in tree.directories() {
                let stands_for = tree.stands_for(self.dataset, directory);
                for (name, entry) in names.entries() {
                    let Entry::At(inode, kind) = entry else { continue };
                    let own = stands_for
                        .and_then(|directory| self.dataset.namespace().lookup(directory, name));
                    if own.is_some() {
                        continue;
                    }
                    total += 1;
                    if others.len() < OTHERS_MAX
                        && let Some(mut path) = tree.path(self.dataset, directory)
                    {
                        if !path.is_empty() {
                            path.push(b'/');
                        }
                        path.extend_from_slice(name);
                        others.push((path, inode, kind));
                    }
                }
            }
        });
        others.sort();
        let files: Vec<_> =
            others.into_iter().map(|(path, inode, kind)| self.other(&path, inode, kind)).collect();
        OthersView { schema: SCHEMA, total, dropped: total - files.len() as u64, files }
    }

    pub(super) fn other(&self, path: &[u8], inode: Inode, kind: Kind) -> OtherView {
        let written = match (kind, self.found_at(inode, kind)) {
            (_, Found::Written(written)) => written,
            (_, Found::As(inode)) => match self.dataset.namespace().node(inode) {
                Some(Node::File(file)) => {
                    let size_bytes = self.dataset.size_bytes(file);
                    Written::of(Some(Base { file, size_bytes }))
                }
                _ => Written::default(),
            },
            _ => Written::default(),
        };
        OtherView {
            path: String::from_utf8_lossy(path).into_owned(),
            kind: kind.name(),
            size_bytes: written.size_bytes,
            kept_bytes: kept_bytes(&written),
            extents: written
                .extents
                .iter()
                .take(OTHER_EXTENTS_MAX)
                .map(|(offset, extent)| ExtentView::new(self.dataset, offset, extent))
                .collect(),
            extents_total: written.extents.len() as u64,
        }
    }
}
