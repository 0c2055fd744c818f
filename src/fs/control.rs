//! `.status/control`: commands to the mount, one a write.

use super::{Error, Filesystem, Kind, Result};
use crate::dataset::{Inode, Node};
use crate::overlay::{Entry, Name};
use crate::status::StatusNode;

/// What a reset has changed, so that whoever remembers it can be told.
#[derive(Debug, Default)]
pub struct Reset {
    /// Names that may stand for something else now.
    pub names: Vec<(Inode, Name)>,
    /// Inodes whose attributes and content may have changed.
    pub inodes: Vec<Inode>,
}

impl Filesystem {
    /// Whether what is written to an inode are commands.
    #[must_use]
    pub fn is_control(&self, inode: Inode) -> bool {
        inode == StatusNode::Control.inode()
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
        let mut reset = Reset::default();
        self.overlay.with_names(|tree| {
            for (directory, changed) in tree.directories() {
                let names = changed.entries().map(|(name, _)| (directory, name.clone()));
                reset.names.extend(names);
            }
        });
        reset.inodes = self.overlay.records().into_iter().map(|(inode, _)| inode).collect();
        self.overlay.clear();
        reset
    }

    /// Puts one file of the dataset back, or a directory of it and all that is below.
    fn reset_path(&self, path: &str) -> Result<Reset> {
        if path.is_empty() {
            return Ok(self.reset_all());
        }
        let inode = self.dataset.namespace().resolve(path).ok_or(Error::NotFound)?;
        let mut reset = Reset::default();
        self.reset_name(inode, &mut reset)?;
        self.reset_below(inode, &mut reset)?;
        Ok(reset)
    }

    /// Puts a name of the dataset back where it is, and those of the directories that lead to it.
    fn reset_name(&self, inode: Inode, reset: &mut Reset) -> Result<()> {
        let namespace = self.dataset.namespace();
        let parent = namespace.parent(inode).unwrap_or(Inode::ROOT);
        if parent != Inode::ROOT {
            self.reset_name(parent, reset)?;
        }
        let mut name = String::new();
        namespace.name(inode, &mut name);
        let kind = match namespace.node(inode) {
            Some(Node::File(_)) => Kind::File,
            _ => Kind::Directory,
        };
        self.overlay.change_names(1, |tree| {
            let now = tree.lookup(&self.dataset, parent, name.as_bytes());
            if now == Some((inode, kind)) {
                return Ok::<_, Error>(());
            }
            tree.set(&self.dataset, parent, name.as_bytes(), Some((inode, kind)));
            reset.names.push((parent, name.as_bytes().into()));
            if let Some((replaced, _)) = now {
                if let Some(record) = self.overlay.get(replaced) {
                    record.add_link(false, super::now());
                }
                reset.inodes.push(replaced);
            }
            Ok(())
        })?;
        // A directory on the way keeps its attributes; what was asked for is as it was.
        if kind == Kind::File || self.overlay.get(inode).is_some_and(|record| record.links() == 0) {
            self.overlay.remove(inode);
            reset.inodes.push(inode);
        }
        Ok(())
    }

    /// Puts all names below a directory of the dataset back, and forgets what was written there.
    fn reset_below(&self, directory: Inode, reset: &mut Reset) -> Result<()> {
        let changed: Vec<(Inode, Name, Entry)> = self.overlay.with_names(|tree| {
            tree.directories()
                .filter(|(inode, _)| self.is_below(*inode, directory))
                .flat_map(|(inode, changed)| {
                    changed.entries().map(move |(name, entry)| (inode, name.clone(), entry))
                })
                .collect()
        });
        for (parent, name, entry) in changed {
            self.overlay.change_names(1, |tree| {
                let own = self.own(parent, &name);
                tree.set(&self.dataset, parent, &name, own);
                if let Entry::At(inode, _) = entry
                    && Some(inode) != own.map(|(own, _)| own)
                {
                    if let Some(record) = self.overlay.get(inode) {
                        record.add_link(false, super::now());
                    }
                    reset.inodes.push(inode);
                }
                Ok::<_, Error>(())
            })?;
            reset.names.push((parent, name));
        }
        for (inode, _) in self.overlay.records() {
            if self.is_below(inode, directory) {
                self.overlay.remove(inode);
                reset.inodes.push(inode);
            }
        }
        Ok(())
    }

    /// What the dataset says of a name.
    fn own(&self, parent: Inode, name: &[u8]) -> Option<(Inode, Kind)> {
        let inode = self.dataset.namespace().lookup(parent, name)?;
        Some((
            inode,
            match self.dataset.namespace().node(inode)? {
                Node::File(_) => Kind::File,
                Node::Directory => Kind::Directory,
            },
        ))
    }

    /// Whether an inode of the dataset is a directory or below it, where the dataset has it.
    fn is_below(&self, inode: Inode, directory: Inode) -> bool {
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
