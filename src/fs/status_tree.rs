//! The names under `.status`: arithmetic over the dataset's own names.
//!
//! ```text
//!     bit 63  62                32 31            0
//!        | 1 | 0 |        0       | a fixed number |   .status, summary.json, nodes, ...
//!        | 1 | 0 |        1       | node           |   nodes/node_<node>.json
//!        | 1 | 0 |        2       | node           |   nodes/node_<node>
//!        | 1 | 0 |        3       | node | process |   nodes/node_<node>/process_<process>.json
//!        | 1 | 1 | the inode number of a dataset's  |   files/<path>, files/<path>.json
//!                  directory or file
//! ```

use std::fmt::Write as _;

use crate::dataset::{Dataset, DatasetEntry, Inode};
use crate::status::Document;

/// The name of the directory, at the root of the mount.
pub const STATUS_NAME: &str = ".status";

const STATUS: u64 = 1 << 63;
const NODE_DOCUMENTS: u64 = STATUS | 1 << 32;
const NODES: u64 = STATUS | 2 << 32;
const PROCESSES: u64 = STATUS | 3 << 32;
const MIRROR: u64 = STATUS | 1 << 62;
const SUFFIX: &str = ".json";
const NODE: &str = "node_";
const PROCESS: &str = "process_";

/// What an inode number under `.status` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusEntry {
    /// `.status` itself.
    Root,
    /// `.status/nodes`
    Nodes,
    /// `.status/nodes/node_<node>`
    Node(u16),
    /// `.status/files`, or a directory below it: that of the dataset's directory.
    Files(Inode),
    /// `.status/control`, which takes commands.
    Control,
    /// `.status/sums`
    Sums,
    /// `.status/sums/blake3`, the manifest of the dataset.
    Manifest,
    /// A file.
    Document(Document),
}

/// The files at the top, in the order in which they are listed.
const TOP: [(&str, StatusEntry); 11] = [
    ("config.json", StatusEntry::Document(Document::Config)),
    ("control", StatusEntry::Control),
    ("files", StatusEntry::Files(Inode::ROOT)),
    ("map.json", StatusEntry::Document(Document::Map)),
    ("metrics", StatusEntry::Document(Document::Metrics)),
    ("mismatches.json", StatusEntry::Document(Document::Mismatches)),
    ("nodes", StatusEntry::Nodes),
    ("others.json", StatusEntry::Document(Document::Others)),
    ("report.json", StatusEntry::Document(Document::Report)),
    ("summary.json", StatusEntry::Document(Document::Summary)),
    ("sums", StatusEntry::Sums),
];

/// The files in `sums`.
const SUMS: [(&str, StatusEntry); 1] = [("blake3", StatusEntry::Manifest)];

impl StatusEntry {
    /// What an inode number stands for; `None` where it is not one of `.status`.
    #[must_use]
    pub fn of(dataset: &Dataset, inode: Inode) -> Option<Self> {
        let number = inode.get();
        if number & STATUS == 0 {
            return None;
        }
        if number & MIRROR == MIRROR {
            let inode = Inode::new(number & !MIRROR);
            return Some(match dataset.namespace().entry(inode)? {
                DatasetEntry::Directory => Self::Files(inode),
                DatasetEntry::File(_) => Self::Document(Document::File(inode)),
            });
        }
        let low = u32::try_from(number & u64::from(u32::MAX)).ok()?;
        match number - u64::from(low) {
            STATUS => {}
            NODE_DOCUMENTS => {
                return node_of(dataset, low).map(|node| Self::Document(Document::Node(node)));
            }
            NODES => return node_of(dataset, low).map(Self::Node),
            PROCESSES => {
                let node = node_of(dataset, low >> 16)?;
                return process_of(dataset, low & 0xffff)
                    .map(|process| Self::Document(Document::Process(node, process)));
            }
            _ => return None,
        }
        match low {
            0 => Some(Self::Root),
            1 => Some(Self::Nodes),
            2 => Some(Self::Document(Document::Summary)),
            3 => Some(Self::Document(Document::Config)),
            4 => Some(Self::Document(Document::Mismatches)),
            5 => Some(Self::Document(Document::Others)),
            6 => Some(Self::Control),
            7 => Some(Self::Sums),
            8 => Some(Self::Manifest),
            9 => Some(Self::Document(Document::Map)),
            10 => Some(Self::Document(Document::Report)),
            11 => Some(Self::Document(Document::Metrics)),
            _ => None,
        }
    }

    /// The inode number.
    #[must_use]
    pub fn inode(self) -> Inode {
        Inode::new(match self {
            Self::Root => STATUS,
            Self::Nodes => STATUS | 1,
            Self::Document(Document::Summary) => STATUS | 2,
            Self::Document(Document::Config) => STATUS | 3,
            Self::Document(Document::Mismatches) => STATUS | 4,
            Self::Document(Document::Others) => STATUS | 5,
            Self::Control => STATUS | 6,
            Self::Sums => STATUS | 7,
            Self::Manifest => STATUS | 8,
            Self::Document(Document::Map) => STATUS | 9,
            Self::Document(Document::Report) => STATUS | 0xa,
            Self::Document(Document::Metrics) => STATUS | 0xb,
            Self::Document(Document::Node(node)) => NODE_DOCUMENTS | u64::from(node),
            Self::Node(node) => NODES | u64::from(node),
            Self::Document(Document::Process(node, process)) => {
                PROCESSES | u64::from(node) << 16 | u64::from(process)
            }
            Self::Files(inode) | Self::Document(Document::File(inode)) => MIRROR | inode.get(),
        })
    }

    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(self) -> bool {
        !matches!(self, Self::Document(_) | Self::Control | Self::Manifest)
    }

    /// The directory that it is in; `None` for `.status` itself, which is in the root.
    #[must_use]
    pub fn parent(self, dataset: &Dataset) -> Option<Self> {
        match self {
            Self::Root => None,
            Self::Document(Document::Node(_)) | Self::Node(_) => Some(Self::Nodes),
            Self::Document(Document::Process(node, _)) => Some(Self::Node(node)),
            Self::Manifest => Some(Self::Sums),
            Self::Files(inode) | Self::Document(Document::File(inode)) if inode != Inode::ROOT => {
                dataset.namespace().parent(inode).map(Self::Files)
            }
            _ => Some(Self::Root),
        }
    }

    /// The entry of a name in this directory.
    #[must_use]
    pub fn lookup(self, dataset: &Dataset, name: &[u8]) -> Option<Self> {
        match self {
            Self::Root => named(&TOP, name),
            Self::Sums => named(&SUMS, name),
            Self::Nodes => match name.strip_suffix(SUFFIX.as_bytes()) {
                Some(name) => node_of(dataset, number_in(name, NODE)?)
                    .map(|node| Self::Document(Document::Node(node))),
                None => node_of(dataset, number_in(name, NODE)?).map(Self::Node),
            },
            Self::Node(node) => {
                let process = number_in(name.strip_suffix(SUFFIX.as_bytes())?, PROCESS)?;
                process_of(dataset, process)
                    .map(|process| Self::Document(Document::Process(node, process)))
            }
            Self::Files(directory) => {
                let namespace = dataset.namespace();
                let of = |name: &[u8]| {
                    let inode = namespace.lookup(directory, name)?;
                    Some((inode, namespace.entry(inode)?))
                };
                if let Some((inode, DatasetEntry::Directory)) = of(name) {
                    return Some(Self::Files(inode));
                }
                match of(name.strip_suffix(SUFFIX.as_bytes())?)? {
                    (inode, DatasetEntry::File(_)) => Some(Self::Document(Document::File(inode))),
                    (_, DatasetEntry::Directory) => None,
                }
            }
            Self::Document(_) | Self::Control | Self::Manifest => None,
        }
    }

    /// The entry at a position in this directory; its name is appended to `name`.
    #[must_use]
    pub fn entry(self, dataset: &Dataset, index: u64, name: &mut String) -> Option<Self> {
        match self {
            Self::Root => numbered(&TOP, index, name),
            Self::Sums => numbered(&SUMS, index, name),
            Self::Nodes => {
                let node = node_of(dataset, u32::try_from(index / 2).ok()?)?;
                // Writing to a string does not fail.
                let _ = write!(name, "{NODE}{node}");
                if index.is_multiple_of(2) {
                    return Some(Self::Node(node));
                }
                name.push_str(SUFFIX);
                Some(Self::Document(Document::Node(node)))
            }
            Self::Node(node) => {
                let process = process_of(dataset, u32::try_from(index).ok()?)?;
                let _ = write!(name, "{PROCESS}{process}{SUFFIX}");
                Some(Self::Document(Document::Process(node, process)))
            }
            Self::Files(directory) => {
                let (inode, kind) = dataset.namespace().entry_at(directory, index, name)?;
                Some(match kind {
                    DatasetEntry::Directory => Self::Files(inode),
                    DatasetEntry::File(_) => {
                        name.push_str(SUFFIX);
                        Self::Document(Document::File(inode))
                    }
                })
            }
            Self::Document(_) | Self::Control | Self::Manifest => None,
        }
    }
}

/// A node that the dataset has.
fn node_of(dataset: &Dataset, number: u32) -> Option<u16> {
    u16::try_from(number).ok().filter(|_| number < dataset.dimensions().nodes)
}

/// A process that its nodes have.
fn process_of(dataset: &Dataset, number: u32) -> Option<u16> {
    u16::try_from(number).ok().filter(|_| number < dataset.dimensions().processes)
}

/// The number behind a prefix, in its one spelling.
fn number_in(name: &[u8], prefix: &str) -> Option<u32> {
    let digits = std::str::from_utf8(name.strip_prefix(prefix.as_bytes())?).ok()?;
    let number: u32 = digits.parse().ok()?;
    (digits == number.to_string()).then_some(number)
}

fn named(list: &[(&str, StatusEntry)], name: &[u8]) -> Option<StatusEntry> {
    list.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, entry)| *entry)
}

fn numbered(list: &[(&str, StatusEntry)], index: u64, name: &mut String) -> Option<StatusEntry> {
    let (known, entry) = list.get(usize::try_from(index).ok()?)?;
    name.push_str(known);
    Some(*entry)
}
