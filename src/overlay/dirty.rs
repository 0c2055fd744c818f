//! What has changed since somebody looked at it last.
//!
//! Totals over files are kept by whoever wants them, elsewhere. So that they need not look at
//! everything, whatever changes a name or the content of a file leaves a mark here: an inode whose
//! content changed, or a file of the dataset under whose name something else may stand. A mark is
//! made after the change and before its caller is answered.
//!
//! An inode is marked once until the mark is taken: its record has a flag for that, so a file that
//! is written in a thousand pieces costs one entry. There are at most [`MARKS_MAX`] marks. Past
//! them all are dropped, and everything is to be looked at.

use std::sync::Arc;

use super::returns::Returns;
use crate::dataset::Inode;
use crate::sync::Mutex;

/// How many marks are held, 8 to 24 bytes each.
pub const MARKS_MAX: usize = 1 << 20;

/// After how many marks it is worth taking them.
const MARKS_WORTH: usize = 4096;

/// A directory that was made, under another name than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedDirectory {
    /// The directory.
    pub directory: Inode,
    /// The directory of the dataset whose name it had; `None` where that is none.
    pub stood_for: Option<Inode>,
}

/// Names that have changed.
#[derive(Debug, Default)]
pub(super) struct DirtyNames {
    /// Files of the dataset: what stands under their names may be another.
    pub(super) files: Vec<Inode>,
    /// Directories of the dataset that are gone. They were empty.
    pub(super) removed: Vec<Inode>,
    /// Directories that were moved with all that is in them.
    pub(super) moved: Vec<MovedDirectory>,
    /// Anything may stand anywhere.
    pub(super) everything: bool,
}

impl DirtyNames {
    fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.removed.is_empty()
            && self.moved.is_empty()
            && !self.everything
    }
}

/// Marks that were taken.
#[derive(Debug, Default)]
pub struct TakenMarks {
    /// Inodes whose content has changed. Their flags are still set.
    pub inodes: Vec<Inode>,
    /// Files of the dataset under whose names something else may stand.
    pub files: Vec<Inode>,
    /// Directories of the dataset that are gone, in order. They were empty.
    pub removed: Vec<Inode>,
    /// Directories that were moved, in order.
    pub moved: Vec<MovedDirectory>,
}

/// The marks.
#[derive(Debug, Default)]
pub struct Dirty {
    marks: Mutex<HeldMarks>,
    returns: Arc<Returns>,
}

#[derive(Debug, Default)]
struct HeldMarks {
    taken: TakenMarks,
    /// How often everything had to be looked at.
    everything: u64,
}

impl HeldMarks {
    fn len(&self) -> usize {
        let TakenMarks { inodes, files, removed, moved } = &self.taken;
        inodes.len() + files.len() + removed.len() + moved.len()
    }

    fn everything(&mut self) {
        self.taken = TakenMarks::default();
        self.everything += 1;
    }
}

impl Dirty {
    pub(super) fn new(returns: Arc<Returns>) -> Self {
        Self { marks: Mutex::default(), returns }
    }

    /// The content of an inode has changed.
    pub(super) fn note_inode(&self, inode: Inode) {
        self.note(|marks| marks.taken.inodes.push(inode));
    }

    /// Names have changed.
    pub(super) fn note_names(&self, names: &mut DirtyNames) {
        if names.is_empty() {
            return;
        }
        let DirtyNames { mut files, mut removed, mut moved, everything } = std::mem::take(names);
        self.note(|marks| {
            marks.taken.files.append(&mut files);
            marks.taken.removed.append(&mut removed);
            marks.taken.moved.append(&mut moved);
            if everything {
                marks.everything();
            }
        });
    }

    /// Anything may have changed.
    pub(super) fn note_everything(&self) {
        self.note(HeldMarks::everything);
    }

    fn note(&self, note: impl FnOnce(&mut HeldMarks)) {
        let is_due = {
            let marks = &mut *self.marks.lock();
            let (before, everything) = (marks.len(), marks.everything);
            note(marks);
            if marks.len() > MARKS_MAX {
                marks.everything();
            }
            let crosses = before < MARKS_WORTH && marks.len() >= MARKS_WORTH;
            crosses || marks.everything != everything
        };
        if is_due {
            self.returns.note();
        }
    }

    /// How often all marks were dropped: whoever has looked at everything since the last time needs
    /// only the marks that were made since.
    #[must_use]
    pub fn everything(&self) -> u64 {
        self.marks.lock().everything
    }

    /// Whether there is no mark, and everything was looked at.
    #[must_use]
    pub fn is_clean(&self, everything: u64) -> bool {
        let marks = self.marks.lock();
        marks.everything == everything && marks.len() == 0
    }

    /// Takes marks: those of names, which must be taken together, with so many files and inodes at
    /// the most. The last to be taken is `true` where none is left.
    ///
    /// `None` where everything has to be looked at again.
    pub fn take(&self, everything: u64, most: usize) -> Option<(TakenMarks, bool)> {
        let marks = &mut *self.marks.lock();
        if marks.everything != everything {
            return None;
        }
        let TakenMarks { inodes, files, removed, moved } = &mut marks.taken;
        let taken = TakenMarks {
            inodes: take_some(inodes, most),
            files: take_some(files, most),
            removed: std::mem::take(removed),
            moved: std::mem::take(moved),
        };
        Some((taken, marks.len() == 0))
    }
}

/// Takes so many from the end; all of them without a copy.
fn take_some<T>(from: &mut Vec<T>, most: usize) -> Vec<T> {
    if from.len() <= most { std::mem::take(from) } else { from.split_off(from.len() - most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inode(number: usize) -> Inode {
        Inode::new(number as u64)
    }

    #[test]
    fn marks_are_taken_once() {
        let dirty = Dirty::default();
        for number in 0..10 {
            dirty.note_inode(inode(number));
        }
        let mut names = DirtyNames { files: vec![inode(3)], ..DirtyNames::default() };
        dirty.note_names(&mut names);
        assert!(names.is_empty());
        let (first, is_last) = dirty.take(0, 7).unwrap();
        assert_eq!((first.inodes.len(), first.files.len(), is_last), (7, 1, false));
        assert!(!dirty.is_clean(0));
        let (rest, is_last) = dirty.take(0, 7).unwrap();
        assert_eq!((rest.inodes.len(), rest.files.len(), is_last), (3, 0, true));
        assert!(dirty.is_clean(0));
    }

    #[test]
    fn too_many_marks_are_everything() {
        let dirty = Dirty::default();
        for number in 0..=MARKS_MAX {
            dirty.note_inode(inode(number));
        }
        assert_eq!(dirty.everything(), 1);
        assert!(!dirty.is_clean(0) && dirty.is_clean(1));
        dirty.note_inode(inode(7));
        assert!(dirty.take(0, 10).is_none());
        let (taken, is_last) = dirty.take(1, 10).unwrap();
        assert_eq!((taken.inodes, is_last), (vec![inode(7)], true));
    }
}
