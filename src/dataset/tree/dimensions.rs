//! How many generations, nodes, processes and files there are.

use crate::dataset::Coordinates;

/// The most nodes, processes of a node, and generations: what 16 bits of the address can count.
pub(in crate::dataset) const MAX_U16_DIMENSION: u64 = 1 << 16;
/// The most files of a process: what 32 bits of the address can count.
pub(in crate::dataset) const MAX_FILES: u64 = 1 << 32;

/// The dataset's extent along each axis; every number is at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dimensions {
    /// Generations of the content, each a whole tree of its own.
    pub generations: u32,
    /// Nodes of each generation.
    pub nodes: u32,
    /// Processes of each node.
    pub processes: u32,
    /// Files of each process, in the generation that has the most.
    pub files: u64,
}

impl Dimensions {
    pub(super) fn along(&self, axis: Axis) -> u64 {
        match axis {
            Axis::Generation => self.generations.into(),
            Axis::Node => self.nodes.into(),
            Axis::Process => self.processes.into(),
            Axis::File => self.files,
        }
    }
}

/// One of the four coordinates, as a layout names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Generation,
    Node,
    Process,
    File,
}

impl Axis {
    pub(super) const ALL: [Self; 4] = [Self::Generation, Self::Node, Self::Process, Self::File];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Generation => "iteration",
            Self::Node => "node",
            Self::Process => "process",
            Self::File => "file",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|axis| axis.name() == name)
    }

    pub(super) fn of(self, file: Coordinates) -> u64 {
        match self {
            Self::Generation => file.generation.into(),
            Self::Node => file.node.into(),
            Self::Process => file.process.into(),
            Self::File => file.file.into(),
        }
    }

    /// Sets this coordinate of `file`; `None` when the field cannot hold the value.
    pub(super) fn set(self, file: &mut Coordinates, value: u64) -> Option<()> {
        match self {
            Self::Generation => file.generation = value.try_into().ok()?,
            Self::Node => file.node = value.try_into().ok()?,
            Self::Process => file.process = value.try_into().ok()?,
            Self::File => file.file = value.try_into().ok()?,
        }
        Some(())
    }
}
