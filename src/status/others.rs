//! `others.json`: what has a name that the dataset does not have.

use super::views::{ExtentView, OtherView, OthersView};
use super::{MountStatus, kept_bytes};
use crate::content::{StopCheck, Stopped};
use crate::dataset::Inode;
use crate::overlay::InodeKind;
use crate::report::SCHEMA;

/// How many names `others.json` lists.
const OTHERS_MAX: usize = 1000;

/// How many bytes their paths, and those of the files whose content they hold, have together.
const OTHERS_BYTES_MAX: usize = 1 << 20;

/// A path that is longer is not listed: no program can open it (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4095;

/// How many paths are put together while names cannot change; those that are too long list nothing.
const TRIES_MAX: usize = 4 * OTHERS_MAX;

/// How many extents of each it lists.
const OTHER_EXTENTS_MAX: usize = 16;

/// What others there are, as far as the names say that.
struct Others {
    listed: Vec<(Vec<u8>, Inode, InodeKind)>,
    total: u64,
}

impl MountStatus<'_> {
    /// What has a name that the dataset does not have.
    pub(super) fn others(&self, stop: StopCheck<'_>) -> Result<OthersView, Stopped> {
        let Others { mut listed, total } = self.other_names();
        listed.sort();
        let mut room = OTHERS_BYTES_MAX;
        let mut files = Vec::new();
        for (path, inode, kind) in listed {
            if stop.is_now() {
                return Err(Stopped);
            }
            let other = self.other(&path, inode, kind);
            // One that does not fit may leave room for those that do.
            if let Some(left) = room.checked_sub(other.path_bytes()) {
                room = left;
                files.push(other);
            }
        }
        Ok(OthersView { schema: SCHEMA, total, dropped: total - files.len() as u64, files })
    }

    /// The names, of one moment, and the paths of some of them.
    fn other_names(&self) -> Others {
        let mut others = Others { listed: Vec::new(), total: 0 };
        let (mut room, mut tries) = (OTHERS_BYTES_MAX, 0);
        self.overlay.with_names(|tree| {
            for (directory, names) in tree.directories() {
                let stands_for = tree.stands_for(self.dataset, directory);
                let is_full = |others: &Others, tries| {
                    others.listed.len() == OTHERS_MAX || tries == TRIES_MAX
                };
                if is_full(&others, tries) && stands_for.is_none() {
                    // It was made, so what it has are others, all of them.
                    others.total += names.entry_count();
                    continue;
                }
                for (name, inode, kind) in names.added_entries() {
                    let own = stands_for
                        .and_then(|directory| self.dataset.namespace().lookup(directory, name));
                    if own.is_some() {
                        continue;
                    }
                    others.total += 1;
                    if is_full(&others, tries) {
                        continue;
                    }
                    tries += 1;
                    let most = room.min(PATH_BYTES_MAX);
                    let place = (directory, name);
                    if let Some(path) = tree.path_up_to(self.dataset, place, most) {
                        room -= path.len();
                        others.listed.push((path, inode, kind));
                    }
                }
            }
        });
        others
    }

    fn other(&self, path: &[u8], inode: Inode, kind: InodeKind) -> OtherView {
        let written = self.written(&self.found_at(inode, kind)).unwrap_or_default();
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
