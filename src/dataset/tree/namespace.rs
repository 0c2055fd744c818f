//! The tree as arithmetic: inode, path and coordinates computed from one another.

mod gaps;

use std::ops::Range;

use super::dimensions::{Axis, Dimensions};
use super::extensions::Extensions;
use super::inode::{Inode, MAX_INODES};
use super::layout::Layout;
use super::level_names::{self, LevelNames};
use crate::dataset::{Coordinates, DatasetPart, Generations};

/// The dataset's tree, of which nothing is stored but the shape.
///
/// All files are equally deep, one level for each component of the layout, and all directories of a
/// level have the same number of entries, its *fan-out*. So the tree is a mixed-radix number: level
/// by level, from the root, its entries are counted in the order of their paths, and the inode
/// number is that index behind all the levels above.
///
/// ```text
///   layout a_{node}/{file:02}, 2 nodes, 3 files
///
///   level   fan-out   inodes   index = index of the parent × fan-out + position of the name
///   0             1        1   the root
///   1             2     2..4   a_0 a_1
///   2             3    4..10   a_0/00 a_0/01 a_0/02 a_1/00 a_1/01 a_1/02
/// ```
///
/// Up the tree is a division, down a multiplication; a name's position comes from the numbers in
/// it. Every question costs at most a step for each level, whatever the number of files.
///
/// Where the generations that are shown have different numbers of files, the numbers are those of
/// the tree in which each has as many as the last one. Generations before it leave gaps: no inode
/// has those numbers, and no directory has those names.
#[derive(Clone, Debug)]
pub struct Namespace {
    layout: Layout,
    dimensions: Dimensions,
    extensions: Extensions,
    generations: Generations,
    /// The root's level first, the files' last.
    levels: Vec<TreeLevel>,
    inode_count: u64,
}

/// What stands behind an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetEntry {
    /// A directory of the layout.
    Directory,
    /// A file of the dataset.
    File(Coordinates),
}

#[derive(Clone, Debug)]
struct TreeLevel {
    names: LevelNames,
    /// The inode number of the first entry.
    first_inode: u64,
    /// How many entries, in all directories together.
    count: u64,
}

/// An entry by its level and its index there.
#[derive(Clone, Copy)]
struct TreeIndex {
    depth: usize,
    index: u64,
}

impl Namespace {
    /// The namespace of a layout that was checked against these dimensions, or the number of its
    /// inodes when they are [`MAX_INODES`] or more.
    pub(in crate::dataset) fn new(
        layout: Layout,
        dimensions: Dimensions,
        extensions: Extensions,
        generations: Generations,
    ) -> Result<Self, u128> {
        let inode_count = count_inodes(&layout, &dimensions);
        let inode_count =
            u64::try_from(inode_count).ok().filter(|n| *n < MAX_INODES).ok_or(inode_count)?;
        let mut last =
            TreeLevel { names: LevelNames::root(), first_inode: Inode::ROOT.get(), count: 1 };
        let mut levels = Vec::with_capacity(layout.components().len() + 1);
        for component in layout.components() {
            let names = LevelNames::new(component, &dimensions, &extensions, generations.first());
            let first_inode = last.first_inode + last.count;
            let count = last.count * names.fan_out();
            levels.push(std::mem::replace(&mut last, TreeLevel { names, first_inode, count }));
        }
        levels.push(last);
        Ok(Self { layout, dimensions, extensions, generations, levels, inode_count })
    }

    /// What an inode is; `None` if it is not the dataset's.
    #[must_use]
    pub fn entry(&self, inode: Inode) -> Option<DatasetEntry> {
        self.entry_of(self.index_of(inode)?)
    }

    /// The inode of a file; `None` if the dataset has no such file.
    #[must_use]
    pub fn inode(&self, file: Coordinates) -> Option<Inode> {
        if !self.contains(file) {
            return None;
        }
        let index = self
            .levels
            .iter()
            .fold(0, |index, level| index * level.names.fan_out() + level.names.position(file));
        self.levels.last().map(|level| level.inode(index))
    }

    /// The entry of a directory by its name, which must be spelt exactly as the layout spells it.
    #[must_use]
    pub fn lookup(&self, parent: Inode, name: &[u8]) -> Option<Inode> {
        let (parent, level) = self.children(parent)?;
        let position = level.names.read(name)?;
        let index = parent.index * level.names.fan_out() + position;
        self.is_there(TreeIndex { depth: parent.depth + 1, index }).then(|| level.inode(index))
    }

    /// The directory in which an inode stands; the root stands in itself.
    #[must_use]
    pub fn parent(&self, inode: Inode) -> Option<Inode> {
        let at = self.index_of(inode)?;
        let Some(depth) = at.depth.checked_sub(1) else {
            return Some(Inode::ROOT);
        };
        let fan_out = self.levels.get(at.depth)?.names.fan_out();
        self.levels.get(depth).map(|level| level.inode(at.index / fan_out))
    }

    /// How many entries a directory has; `None` if it is none.
    #[must_use]
    pub fn entry_count(&self, directory: Inode) -> Option<u64> {
        self.children(directory).map(|(parent, level)| self.fan(parent, level).count())
    }

    /// The entry of a directory by its place in the order of numbers, with its name appended to
    /// `name`; `None`, and nothing appended, past the last one or when this is no directory.
    pub fn entry_at(
        &self,
        directory: Inode,
        index: u64,
        name: &mut String,
    ) -> Option<(Inode, DatasetEntry)> {
        let (parent, level) = self.children(directory)?;
        let fan = self.fan(parent, level);
        if index >= fan.count() {
            return None;
        }
        let position = fan.position(index);
        let index = parent.index * level.names.fan_out() + position;
        let child = TreeIndex { depth: parent.depth + 1, index };
        let entry = self.entry_of(child)?;
        level.names.write(position, name);
        Some((level.inode(child.index), entry))
    }

    /// Appends the name of an inode, which for the root is empty; false if it is not the dataset's.
    pub fn name(&self, inode: Inode, name: &mut String) -> bool {
        let at = self.index_of(inode);
        let level = at.and_then(|at| self.levels.get(at.depth));
        let (Some(at), Some(level)) = (at, level) else {
            return false;
        };
        level.names.write(at.index % level.names.fan_out(), name);
        true
    }

    /// The path of a file below the root; `None` if the dataset has no such file.
    #[must_use]
    pub fn path_of(&self, file: Coordinates) -> Option<String> {
        self.path(self.inode(file)?)
    }

    /// The path of an inode below the root, which for the root is empty; `None` if it is not the
    /// dataset's.
    #[must_use]
    pub fn path(&self, inode: Inode) -> Option<String> {
        let at = self.index_of(inode)?;
        let mut path = String::new();
        let mut below = self.levels.get(at.depth).map_or(1, |level| level.count);
        for (depth, level) in self.levels.iter().take(at.depth + 1).enumerate().skip(1) {
            if depth > 1 {
                path.push('/');
            }
            below /= level.names.fan_out();
            level.names.write(at.index / below % level.names.fan_out(), &mut path);
        }
        Some(path)
    }

    /// The file that a path below the root names; only the dataset's own spelling is read.
    #[must_use]
    pub fn coordinates(&self, path: &str) -> Option<Coordinates> {
        match self.entry(self.resolve(path)?)? {
            DatasetEntry::File(file) => Some(file),
            DatasetEntry::Directory => None,
        }
    }

    /// The inode that a path below the root names; the root's own path is empty.
    #[must_use]
    pub fn resolve(&self, path: &str) -> Option<Inode> {
        if path.is_empty() {
            return Some(Inode::ROOT);
        }
        path.split('/').try_fold(Inode::ROOT, |parent, name| self.lookup(parent, name.as_bytes()))
    }

    /// How many entries of a directory are directories: what its link count is made of.
    #[must_use]
    pub fn subdirectory_count(&self, directory: Inode) -> u64 {
        match self.children(directory) {
            Some((parent, level)) if parent.depth + 2 < self.levels.len() => {
                self.fan(parent, level).count()
            }
            _ => 0,
        }
    }

    /// The generation that a directory is part of; `None` above the directories of several.
    #[must_use]
    pub fn generation(&self, directory: Inode) -> Option<u16> {
        self.generation_at(self.index_of(directory)?)
    }

    /// Whether the names in a directory tell the files of a process: it gets more of them with a
    /// generation that has more.
    #[must_use]
    pub fn lists_files(&self, directory: Inode) -> bool {
        self.children(directory).is_some_and(|(_, level)| level.names.has(Axis::File))
    }

    /// How many files there are below a directory, of one node or process only where one is given.
    #[must_use]
    pub fn files_below(&self, directory: Inode, node: Option<u16>, process: Option<u16>) -> u64 {
        let Some(at) = self.index_of(directory) else { return 0 };
        let mut fixed = self.fixed(at);
        let mut files = 1;
        for level in self.levels.iter().skip(at.depth + 1) {
            files *= level.names.fan_out();
            if let Some((_, radix)) = level.names.file_digit() {
                files = files / radix * self.numbers_of(at);
            }
            if level.names.has(Axis::Generation) && self.generations.differ_in_files() {
                // Counted with their files.
                files /= u64::from(self.dimensions.generations);
            }
            if node.is_some() && level.names.has(Axis::Node) {
                files /= u64::from(self.dimensions.nodes);
                fixed.node = node.unwrap_or_default();
            }
            if process.is_some() && level.names.has(Axis::Process) {
                files /= u64::from(self.dimensions.processes);
                fixed.process = process.unwrap_or_default();
            }
        }
        let wanted = node.is_none_or(|node| node == fixed.node)
            && process.is_none_or(|process| process == fixed.process);
        if wanted { files } else { 0 }
    }

    /// The inode numbers of all that is below a directory, level by level from its entries down to
    /// the files. Not all of them need be in use.
    pub fn inodes_below(&self, directory: Inode) -> impl Iterator<Item = Range<u64>> + use<'_> {
        let at = self.index_of(directory);
        let mut below = at.map_or(0..0, |at| at.index..at.index + 1);
        let above = at.map_or(self.levels.len(), |at| at.depth + 1);
        self.levels.iter().skip(above).map(move |level| {
            let fan_out = level.names.fan_out();
            below = below.start * fan_out..below.end * fan_out;
            level.first_inode + below.start..level.first_inode + below.end
        })
    }

    /// The node and the process whose files all those below a directory are, or those of a file;
    /// where one of them is `None`, each node or each process has as many there.
    #[must_use]
    pub fn part_below(&self, inode: Inode) -> DatasetPart {
        let Some(at) = self.index_of(inode) else { return DatasetPart::ALL };
        let Coordinates { node, process, .. } = self.fixed(at);
        let is_fixed =
            |axis| !self.levels.iter().skip(at.depth + 1).any(|level| level.names.has(axis));
        DatasetPart {
            node: is_fixed(Axis::Node).then_some(node),
            process: is_fixed(Axis::Process).then_some(process),
        }
    }

    /// The coordinates that a path down to here gives; the others are 0.
    fn fixed(&self, at: TreeIndex) -> Coordinates {
        let mut fixed = Coordinates::default();
        let mut below = self.levels.get(at.depth).map_or(1, |level| level.count);
        for level in self.levels.iter().take(at.depth + 1).skip(1) {
            let fan_out = level.names.fan_out();
            below /= fan_out;
            // A position of the level's own: its coordinates are within the dimensions.
            let _ = level.names.set_coordinates(at.index / below % fan_out, &mut fixed);
        }
        fixed
    }

    /// The last inode number. All from 1 on are in use, unless the generations that are shown have
    /// different numbers of files.
    #[must_use]
    pub fn inode_count(&self) -> u64 {
        self.inode_count
    }

    pub(in crate::dataset) fn file_count(&self) -> u64 {
        self.process_count() * self.generations.files_in_all()
    }

    /// The processes of all nodes.
    pub(super) fn process_count(&self) -> u64 {
        u64::from(self.dimensions.nodes) * u64::from(self.dimensions.processes)
    }

    pub(in crate::dataset) fn contains(&self, file: Coordinates) -> bool {
        let Dimensions { nodes, processes, .. } = self.dimensions;
        (self.generations.first()..=self.generations.last()).contains(&file.generation)
            && u32::from(file.node) < nodes
            && u32::from(file.process) < processes
            && u64::from(file.file) < self.generations.files_at(file.generation)
    }

    pub(in crate::dataset) fn generations(&self) -> &Generations {
        &self.generations
    }

    pub(in crate::dataset) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(in crate::dataset) fn dimensions(&self) -> Dimensions {
        self.dimensions
    }

    /// What the names of the files end with, where they have extensions.
    pub(in crate::dataset) fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    fn index_of(&self, inode: Inode) -> Option<TreeIndex> {
        if inode.get() > self.inode_count {
            return None;
        }
        let depth = self.levels.partition_point(|level| level.first_inode <= inode.get());
        let depth = depth.checked_sub(1)?;
        let index = inode.get() - self.levels.get(depth)?.first_inode;
        let at = TreeIndex { depth, index };
        self.is_there(at).then_some(at)
    }

    /// A directory's index, and the level on which its entries stand.
    fn children(&self, directory: Inode) -> Option<(TreeIndex, &TreeLevel)> {
        let at = self.index_of(directory)?;
        Some((at, self.levels.get(at.depth + 1)?))
    }

    fn entry_of(&self, at: TreeIndex) -> Option<DatasetEntry> {
        if at.depth + 1 < self.levels.len() {
            return Some(DatasetEntry::Directory);
        }
        let generation = self.generations.first();
        let mut file = Coordinates { generation, ..Coordinates::default() };
        let mut index = at.index;
        for level in self.levels.iter().rev() {
            let fan_out = level.names.fan_out();
            level.names.set_coordinates(index % fan_out, &mut file)?;
            index /= fan_out;
        }
        Some(DatasetEntry::File(file))
    }
}

impl TreeLevel {
    fn inode(&self, index: u64) -> Inode {
        Inode::new(self.first_inode + index)
    }
}

/// No sum here reaches 2^128: a level has at most 2^80 entries, and a path at most 2048 components.
fn count_inodes(layout: &Layout, dimensions: &Dimensions) -> u128 {
    let mut level_count = 1;
    let mut total = 1;
    for component in layout.components() {
        level_count *= level_names::fan_out(component, dimensions);
        total += level_count;
    }
    total
}

#[cfg(test)]
mod tests;
