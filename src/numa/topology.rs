//! The NUMA nodes of a machine, from the directory in which the kernel shows them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Where the kernel shows its devices.
const DEVICES: &str = "/sys/devices/system";

/// A piece of the memory, and the processors near it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumaNode {
    /// The kernel's number. There may be gaps between those of a machine.
    pub number: u32,
    /// The processors on which we may run, at least one, in order.
    pub cpus: Vec<usize>,
    /// The size of the memory; 0 where it is not told.
    pub memory_bytes: u64,
}

/// The processors of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    nodes: Vec<NumaNode>,
    /// Where each processor has a directory.
    cpus: PathBuf,
}

impl Topology {
    /// This machine, as far as this process may use it.
    #[must_use]
    pub fn here() -> Self {
        Self::read(Path::new(DEVICES), &allowed_cpus())
    }

    /// What a directory like /sys/devices/system says of these processors.
    ///
    /// A machine that says nothing, or nothing that can be, is one NUMA node with all of them.
    #[must_use]
    pub fn read(devices: &Path, allowed: &BTreeSet<usize>) -> Self {
        let mut nodes = read_nodes(&devices.join("node"), allowed);
        let known: BTreeSet<usize> = nodes.iter().flat_map(|node| &node.cpus).copied().collect();
        let listed: usize = nodes.iter().map(|node| node.cpus.len()).sum();
        if known != *allowed || listed != known.len() {
            let memory_bytes = nodes.iter().map(|node| node.memory_bytes).sum();
            let cpus = allowed.iter().copied().collect();
            nodes = vec![NumaNode { number: 0, cpus, memory_bytes }];
        }
        Self { nodes, cpus: devices.join("cpu") }
    }

    /// The NUMA nodes that have processors for us, in the order of their numbers.
    #[must_use]
    pub fn nodes(&self) -> &[NumaNode] {
        &self.nodes
    }

    /// How many processors there are for us: threads of the hardware.
    #[must_use]
    pub fn cpu_count(&self) -> usize {
        self.nodes.iter().map(|node| node.cpus.len()).sum()
    }

    /// How many cores they belong to; as many as there are processors where that is not told.
    ///
    /// It is read when it is asked for: two files for each processor, which only a description of
    /// the machine needs.
    #[must_use]
    pub fn physical_cores(&self) -> usize {
        let allowed = self.nodes.iter().flat_map(|node| &node.cpus);
        // Processors that say they are of the same core of the same package are one.
        let cores: Option<BTreeSet<_>> = allowed.map(|cpu| core_of(&self.cpus, *cpu)).collect();
        cores.map_or(self.cpu_count(), |cores| cores.len())
    }
}

fn read_nodes(directory: &Path, allowed: &BTreeSet<usize>) -> Vec<NumaNode> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut nodes: Vec<NumaNode> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("node")?.parse().ok()?;
            let cpus = parse_list(&fs::read_to_string(entry.path().join("cpulist")).ok()?)?;
            let cpus: Vec<usize> = cpus.intersection(allowed).copied().collect();
            // Memory on a card of its own is a node without processors.
            let memory_bytes = memory_bytes(&entry.path()).unwrap_or(0);
            (!cpus.is_empty()).then_some(NumaNode { number, cpus, memory_bytes })
        })
        .collect();
    nodes.sort_by_key(|node| node.number);
    nodes
}

/// `Node 0 MemTotal:       24736928 kB`
fn memory_bytes(node: &Path) -> Option<u64> {
    let text = fs::read_to_string(node.join("meminfo")).ok()?;
    let line = text.lines().find(|line| line.contains(" MemTotal:"))?;
    line.split_whitespace().nth_back(1)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The package of a processor, and the core in it.
fn core_of(cpus: &Path, cpu: usize) -> Option<(i64, i64)> {
    let number = |what: &str| {
        let path = cpus.join(format!("cpu{cpu}/topology/{what}"));
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some((number("physical_package_id")?, number("core_id")?))
}

/// More processors than any kernel is built for; a list that says more is damaged.
const CPUS_MAX: usize = 1 << 16;

/// Numbers as the kernel lists them: `0-3,8,10-11`. `None` where that is not what it is.
fn parse_list(text: &str) -> Option<BTreeSet<usize>> {
    let mut numbers = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        if first > last || last >= CPUS_MAX {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// The processors on which this thread may run; one where the system does not say.
fn allowed_cpus() -> BTreeSet<usize> {
    let Some(set) = affinity() else {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        return (0..cpus).collect();
    };
    (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect()
}

/// Where this thread may run.
pub(super) fn affinity() -> Option<CpuSet> {
    sched_getaffinity(Pid::from_raw(0)).ok()
}

/// Lets this thread run there, as far as the system lets us.
pub(super) fn set_affinity(set: &CpuSet) {
    let _ = sched_setaffinity(Pid::from_raw(0), set);
}

/// Keeps this thread on these processors, as far as the system lets us.
pub(super) fn pin(cpus: &[usize]) {
    let mut set = CpuSet::new();
    for cpu in cpus {
        if set.set(*cpu).is_err() {
            return;
        }
    }
    set_affinity(&set);
}

#[cfg(test)]
mod tests {
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::numa::{Placement, PlacementError};

    /// A machine that somebody made up: for each NUMA node its number, processors and memory.
    fn machine(nodes: &[(u32, &str, u64)], allowed: impl IntoIterator<Item = usize>) -> Topology {
        Topology::read(devices(nodes).path(), &allowed.into_iter().collect())
    }

    /// The directory in which it is shown.
    fn devices(nodes: &[(u32, &str, u64)]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (number, cpus, kib) in nodes {
            let node = directory.path().join(format!("node/node{number}"));
            fs::create_dir_all(&node).unwrap();
            fs::write(node.join("cpulist"), format!("{cpus}\n")).unwrap();
            let memory = format!("Node {number} MemFree: 1 kB\nNode {number} MemTotal: {kib} kB\n");
            fs::write(node.join("meminfo"), memory).unwrap();
        }
        // What stands beside the nodes.
        fs::create_dir_all(directory.path().join("node/power")).unwrap();
        for cpu in 0..16 {
            let of_cpu = directory.path().join(format!("cpu/cpu{cpu}/topology"));
            fs::create_dir_all(&of_cpu).unwrap();
            // Two threads to a core, numbered as Linux does: all first threads come first.
            fs::write(of_cpu.join("core_id"), format!("{}\n", cpu % 4)).unwrap();
            fs::write(of_cpu.join("physical_package_id"), format!("{}\n", cpu / 4 % 2)).unwrap();
        }
        directory
    }

    fn cpus(topology: &Topology) -> Vec<(u32, &[usize])> {
        topology.nodes().iter().map(|node| (node.number, &node.cpus[..])).collect()
    }

    const TWO_SOCKETS: [(u32, &str, u64); 2] = [(0, "0-3,8-11", 1024), (1, "4-7,12-15", 2048)];

    #[test]
    fn a_machine_with_two_sockets() {
        let devices = devices(&TWO_SOCKETS);
        let topology = Topology::read(devices.path(), &(0..16).collect());
        let expected: [(u32, &[usize]); 2] =
            [(0, &[0, 1, 2, 3, 8, 9, 10, 11]), (1, &[4, 5, 6, 7, 12, 13, 14, 15])];
        assert_eq!(cpus(&topology), expected);
        assert_eq!(topology.nodes()[1].memory_bytes, 2 << 20);
        assert_eq!((topology.cpu_count(), topology.physical_cores()), (16, 8));
    }

    #[test]
    fn only_what_we_may_use_counts() {
        // A container with three processors of one socket and one of the other, then of one alone.
        assert_eq!(
            cpus(&machine(&TWO_SOCKETS, [1, 2, 9, 4])),
            [(0, &[1, 2, 9][..]), (1, &[4][..])]
        );
        let devices = devices(&TWO_SOCKETS);
        let alone = Topology::read(devices.path(), &BTreeSet::from([4, 12]));
        assert_eq!(cpus(&alone), [(1, &[4, 12][..])]);
        assert_eq!(alone.physical_cores(), 1);
    }

    #[test]
    fn numbers_have_gaps_and_memory_may_have_no_processors() {
        let topology = machine(&[(0, "0-1", 1), (2, "", 1 << 30), (8, "2-3", 1)], 0..4);
        assert_eq!(cpus(&topology), [(0, &[0, 1][..]), (8, &[2, 3][..])]);
    }

    #[test]
    fn what_cannot_be_is_one_node() {
        let all: Vec<usize> = (0..4).collect();
        for nodes in [
            &[][..],
            // A processor that no node has, one that two have, and lists that are none.
            &[(0, "0-2", 1)],
            &[(0, "0-3", 1), (1, "3", 1)],
            &[(0, "3-0", 1)],
            &[(0, "0-9999999999", 1)],
            &[(0, "0-3;", 1)],
        ] {
            assert_eq!(cpus(&machine(nodes, 0..4)), [(0, &all[..])], "{nodes:?}");
        }
        let nowhere = Topology::read(Path::new("/nonexistent"), &(0..4).collect());
        assert_eq!((cpus(&nowhere), nowhere.physical_cores()), (vec![(0, &all[..])], 4));
    }

    #[test]
    fn placements_choose_from_what_is_there() {
        let two = machine(&TWO_SOCKETS, 0..16);
        let one = machine(&[(3, "0-3", 1)], 0..4);
        let numbers = |placement: Placement, topology| {
            let nodes = placement.choose(topology)?;
            Ok::<_, PlacementError>(nodes.iter().map(|node| node.number).collect::<Vec<_>>())
        };
        assert_eq!(numbers(Placement::Auto, &two), Ok(vec![0, 1]));
        assert_eq!(numbers(Placement::Auto, &one), Ok(vec![]));
        assert_eq!(numbers(Placement::Force, &one), Ok(vec![3]));
        assert_eq!(numbers(Placement::Off, &two), Ok(vec![]));
        assert_eq!(numbers(Placement::Node(1), &two), Ok(vec![1]));
        let refused = Err(PlacementError::NotThere("0, 1".to_owned()));
        assert_eq!(numbers(Placement::Node(2), &two), refused);
    }

    #[test]
    fn this_machine_has_the_processors_that_it_lets_us_use() {
        let here = Topology::here();
        assert_eq!(here.nodes().iter().flat_map(|node| &node.cpus).count(), allowed_cpus().len());
        assert!(here.physical_cores() >= 1 && here.physical_cores() <= here.cpu_count());
    }

    #[test]
    fn threads_take_turns_on_the_nodes_and_stay_there_until_they_are_let_go() {
        let everywhere = allowed_cpus();
        let nodes: Vec<NumaNode> = everywhere
            .clone()
            .into_iter()
            .zip(0..)
            .map(|(cpu, number)| NumaNode { number, cpus: vec![cpu], memory_bytes: 0 })
            .collect();
        for thread in 0..2 * nodes.len() {
            let node = &nodes[thread % nodes.len()];
            let settled = Placement::settle(&nodes, thread);
            assert_eq!(allowed_cpus(), BTreeSet::from([node.cpus[0]]));
            // What it starts now stays there too.
            let started = thread::scope(|scope| scope.spawn(allowed_cpus).join().unwrap());
            assert_eq!(started, BTreeSet::from([node.cpus[0]]));
            drop(settled);
            assert_eq!(allowed_cpus(), everywhere);
        }
        let settled = Placement::settle(&[], 3);
        assert_eq!(allowed_cpus(), everywhere);
        drop(settled);
    }
}
