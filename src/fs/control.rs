//! `.status/control`: commands to the mount, one a write.

use super::{Error, Filesystem, InodeKind, Reset, Result, StatusEntry};
use crate::dataset::Inode;
use crate::overlay::{ChangedEntry, ChangedNames, JudgedBy, Name, own_name};

/// A name in a directory, and what it is to stand for again.
type NameReset = (Inode, Name, Option<(Inode, InodeKind)>);

impl Filesystem {
    /// Whether what is written to an inode are commands.
    #[must_use]
    pub fn is_control(&self, inode: Inode) -> bool {
        inode == StatusEntry::Control.inode()
    }

    /// Runs a command: `reset`, or `reset PATH`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for any other word, [`Error::NotFound`] for a path that is not one of the
    /// dataset's, [`Error::NoSpace`].
    pub fn control(&self, command: &[u8]) -> Result<Reset> {
        let command = std::str::from_utf8(command).map_err(|_| Error::Invalid)?.trim();
        match command.split_once(char::is_whitespace) {
            None if command == "reset" => Ok(self.reset_all()),
            Some(("reset", path)) => self.reset_path(path.trim().trim_matches('/')),
            _ => Err(Error::Invalid),
        }
    }

    fn reset_all(&self) -> Reset {
        let cleared = self.overlay.clear();
        let mut reset = Reset::new(self.writers.unsettled(cleared.number()));
        reset.cleared = Some(cleared);
        // Whatever is opened from now on is as it was reset.
        reset.open = self.writers.inodes();
        self.events.forget(|_| true);
        reset
    }

    /// Puts one file of the dataset back, or a directory of it and all that is below. Where a
    /// directory on the way is gone or is another one, it is that one which is put back: there is
    /// nothing else that the name could be in.
    ///
    /// What was moved away comes back, so it loses the names that it was given elsewhere; what
    /// stood in its place loses that name, and is gone where it has no other.
    fn reset_path(&self, path: &str) -> Result<Reset> {
        if path.is_empty() {
            return Ok(self.reset_all());
        }
        let inode = self.dataset.namespace().resolve(path).ok_or(Error::NotFound)?;
        // Names are only taken back: that needs no room.
        self.overlay.change_names(
            |_| 0,
            |tree| {
                let top = self.displaced(tree, inode);
                let mut reset = Reset::new(self.writers.unsettled_below(top));
                self.events.forget(|file| {
                    let own = self.dataset.namespace().inode(file);
                    own.is_some_and(|own| self.is_below(own, top))
                });
                for (parent, name, to) in self.names_to_reset(tree, top) {
                    self.reset_name(tree, (parent, &name), to, top, &mut reset);
                    reset.names.push((parent, name));
                }
                for (inode, _) in self.overlay.records() {
                    if self.is_below(inode, top) {
                        reset.gone.extend(self.overlay.remove(inode));
                        reset.inodes.push(inode);
                    }
                }
                let open = self.writers.inodes().into_iter();
                reset.open = open.filter(|inode| self.is_below(*inode, top)).collect();
                Ok(reset)
            },
        )
    }

    /// The first on the way to an inode that is not where the dataset has it, or the inode.
    fn displaced(&self, tree: &ChangedNames, inode: Inode) -> Inode {
        let mut top = inode;
        let mut at = inode;
        while let Some(parent) = self.dataset.namespace().parent(at).filter(|it| *it != at) {
            if !tree.is_in_place(&self.dataset, parent) {
                top = parent;
            }
            at = parent;
        }
        top
    }

    /// The names to change so that all at and below `top` is where the dataset has it and nothing
    /// else is there, with what they stand for then.
    fn names_to_reset(&self, tree: &ChangedNames, top: Inode) -> Vec<NameReset> {
        let mut names = Vec::new();
        let moved_away = |inode| self.is_below(inode, top).then_some(None);
        for (directory, changed) in tree.directories() {
            let is_below = self.is_below(directory, top);
            for (own, entry) in changed.own_entries() {
                let back = if is_below || self.is_below(own, top) {
                    Some(self.dataset.namespace().entry(own).map(|it| (own, it.into())))
                } else if let ChangedEntry::At(inode, _) = entry {
                    moved_away(inode)
                } else {
                    None
                };
                names.extend(back.map(|to| (directory, own_name(&self.dataset, own), to)));
            }
            for (name, inode, _) in changed.added_entries() {
                let back = if is_below { Some(None) } else { moved_away(inode) };
                names.extend(back.map(|to| (directory, Name::clone(name), to)));
            }
        }
        names
    }

    /// Lets a name stand for something else, and takes it off what it stood for.
    fn reset_name(
        &self,
        tree: &mut ChangedNames,
        (parent, name): (Inode, &[u8]),
        to: Option<(Inode, InodeKind)>,
        top: Inode,
        reset: &mut Reset,
    ) {
        let before = tree.lookup(&self.dataset, parent, name);
        // A directory that was made, and went with the one that it was in.
        if before.is_none() && self.dataset.namespace().entry(parent).is_none() {
            return;
        }
        tree.set(&self.dataset, parent, name, to);
        // All below `top` is reset afterwards.
        if let Some((inode, kind)) = before.filter(|(inode, _)| !self.is_below(*inode, top)) {
            self.drop_all(tree, (parent, name.into()), (inode, kind), reset);
        }
    }

    /// Takes a name off an inode, which does not stand there any more, and all names off all that
    /// is below it.
    fn drop_all(
        &self,
        tree: &mut ChangedNames,
        at: (Inode, Name),
        (inode, kind): (Inode, InodeKind),
        reset: &mut Reset,
    ) {
        let mut left = vec![(at, inode, kind)];
        while let Some((at, inode, kind)) = left.pop() {
            reset.inodes.push(inode);
            if kind == InodeKind::Directory {
                // It was made: none of its names is the dataset's.
                let names: Vec<_> = tree.directory(inode).map_or_else(Vec::new, |it| {
                    let entries = it.added_entries();
                    entries.map(|(name, below, kind)| (Name::clone(name), below, kind)).collect()
                });
                for (name, below, kind) in names {
                    tree.set(&self.dataset, inode, &name, None);
                    left.push(((inode, name), below, kind));
                }
                tree.forget_directory(inode);
            }
            let Some(record) = self.overlay.get(inode) else { continue };
            record.remove_link(super::now());
            let is_judged_here = match record.judged_by() {
                JudgedBy::Number | JudgedBy::Nothing => false,
                JudgedBy::File(own) => self.dataset.namespace().lookup(at.0, &at.1) == Some(own),
                JudgedBy::Name(by) => *by == at,
            };
            if is_judged_here {
                record.set_judged_by(JudgedBy::Nothing);
            }
            if record.links() == 0 {
                reset.gone.extend(self.overlay.remove(inode));
            }
        }
    }

    /// Whether an inode of the dataset is a directory or below it, where the dataset has it.
    pub(super) fn is_below(&self, inode: Inode, directory: Inode) -> bool {
        let mut at = inode;
        loop {
            if at == directory {
                return true;
            }
            match self.dataset.namespace().parent(at) {
                Some(parent) if parent != at => at = parent,
                _ => return false,
            }
        }
    }
}
