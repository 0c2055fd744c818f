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
    /// Numbers of the files of each process, in the generation that has the most.
    pub files: u64,
    /// Files of each number: one for each extension.
    pub extensions: u32,
}

impl Dimensions {
    pub(super) fn along(&self, axis: Axis) -> u64 {
        match axis {
            Axis::Generation => self.generations.into(),
            Axis::Node => self.nodes.into(),
            Axis::Process => self.processes.into(),
            Axis::File => self.files,
            Axis::Extension => self.extensions.into(),
        }
    }

    /// How many files a process has, in the generation that has the most.
    pub(super) fn files_of_process(&self) -> u64 {
        self.files * u64::from(self.extensions)
    }
}

/// One of the four coordinates, as a layout names it. The number of a file is two of them where
/// files have extensions:
///
/// ```text
/// file of the coordinates = {file} × number of extensions + place of {ext} among them
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Generation,
    Node,
    Process,
    File,
    Extension,
}

impl Axis {
    pub(super) const ALL: [Self; 5] =
        [Self::Generation, Self::Node, Self::Process, Self::File, Self::Extension];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Generation => "iteration",
            Self::Node => "node",
            Self::Process => "process",
            Self::File => "file",
            Self::Extension => "ext",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|axis| axis.name() == name)
    }

    /// Its value for a file, where there are so many extensions.
    pub(super) fn of(self, file: Coordinates, extensions: u32) -> u64 {
        match self {
            Self::Generation => file.generation.into(),
            Self::Node => file.node.into(),
            Self::Process => file.process.into(),
            Self::File => u64::from(file.file / extensions),
            Self::Extension => u64::from(file.file % extensions),
        }
    }

    /// Sets this coordinate of `file`, where there are so many extensions; `None` when the field
    /// cannot hold the value.
    pub(super) fn set(self, file: &mut Coordinates, value: u64, extensions: u32) -> Option<()> {
        let (number, extension) = (file.file / extensions, file.file % extensions);
        let file_of = |number: u64, extension: u64| {
            let before = number.checked_mul(extensions.into())?;
            u32::try_from(before.checked_add(extension)?).ok()
        };
        match self {
            Self::Generation => file.generation = value.try_into().ok()?,
            Self::Node => file.node = value.try_into().ok()?,
            Self::Process => file.process = value.try_into().ok()?,
            Self::File => file.file = file_of(value, extension.into())?,
            Self::Extension => file.file = file_of(number.into(), value)?,
        }
        Some(())
    }
}
