//! Which processors stand near which memory, and threads that stay there.
//!
//! A machine with several sockets has its memory in several pieces, and each processor reaches one
//! of them faster than the others. The kernel calls such a piece with its processors a NUMA node;
//! it has nothing to do with the nodes of a dataset. Whoever fills memory should run beside it:
//!
//! ```text
//!   /sys ──→ Topology ──→ Pools: a pool for each NUMA node, its threads pinned to its processors
//!                           │
//!              Pools::fill  │  where do the pages of this buffer lie?
//!                           └→ each pool fills those of its node; pages that are nowhere yet come
//!                              to be where they are touched first, so each gets an equal share
//! ```
//!
//! With one NUMA node, as on most machines, that is one pool, and nobody asks about pages.
//!
//! The topology is read from a directory, so that tests make up machines that we do not have. This
//! layer knows neither files nor datasets, and does not judge whether sharing work is worth it.

mod pages;
mod pools;
mod topology;

use std::fmt;
use std::str::FromStr;

use nix::sched::CpuSet;

pub use pools::{NoThreads, Pools, Workers};
pub use topology::{NumaNode, Topology};

/// Which NUMA nodes threads stay on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On all of them where there are several, each thread on one; otherwise as the system likes.
    #[default]
    Auto,
    /// Each thread on one, also where there is only one.
    Force,
    /// As the system likes.
    Off,
    /// All on this one.
    Node(u32),
}

/// A text that names no placement, or a NUMA node that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// It names none.
    #[error("expected auto, off, or the number of a NUMA node")]
    Unknown,
    /// This machine, or what it lets us have of it, does not have this one.
    #[error("there is no such NUMA node here; expected one of {0}")]
    NotThere(String),
}

impl FromStr for Placement {
    type Err = PlacementError;

    fn from_str(text: &str) -> Result<Self, PlacementError> {
        match text {
            "auto" => Ok(Self::Auto),
            "off" => Ok(Self::Off),
            number => number.parse().map(Self::Node).map_err(|_| PlacementError::Unknown),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Force => f.write_str("force"),
            Self::Off => f.write_str("off"),
            Self::Node(number) => number.fmt(f),
        }
    }
}

impl Placement {
    /// The NUMA nodes on which threads are to stay, of those of a machine; none where they are not
    /// to be held.
    ///
    /// # Errors
    ///
    /// For a NUMA node that the machine does not have.
    pub fn choose(self, topology: &Topology) -> Result<&[NumaNode], PlacementError> {
        let nodes = topology.nodes();
        match self {
            Self::Off => Ok(&[]),
            Self::Auto if nodes.len() < 2 => Ok(&[]),
            Self::Auto | Self::Force => Ok(nodes),
            Self::Node(number) => {
                let found = nodes.iter().position(|node| node.number == number);
                found.map(|at| &nodes[at..=at]).ok_or_else(|| {
                    let there: Vec<_> = nodes.iter().map(|node| node.number.to_string()).collect();
                    PlacementError::NotThere(there.join(", "))
                })
            }
        }
    }

    /// Lets the thread that asks, the one of this number, stay on its NUMA node until the answer is
    /// dropped. Where the system refuses, it stays where it is: slower, and right.
    #[must_use]
    pub fn settle(nodes: &[NumaNode], thread: usize) -> Settled {
        let node = nodes.get(thread % nodes.len().max(1));
        Settled(node.and_then(|node| {
            let before = topology::affinity()?;
            topology::pin(&node.cpus);
            Some(before)
        }))
    }
}

/// A thread that stays on its NUMA node. It may belong to somebody who has other work for it, and
/// whose next threads are to run anywhere: so it is let go.
#[derive(Debug)]
pub struct Settled(Option<CpuSet>);

impl Drop for Settled {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            topology::set_affinity(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_are_read_and_shown() {
        for text in ["auto", "off", "0", "17"] {
            assert_eq!(text.parse::<Placement>().unwrap().to_string(), text);
        }
        for text in ["", "on", "-1", "1.5", "force "] {
            assert_eq!(text.parse::<Placement>(), Err(PlacementError::Unknown), "{text}");
        }
    }
}
