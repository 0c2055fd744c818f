//! The map of a dataset: a verdict for each process of each node, run by run.

use serde::{Deserialize, Serialize};

use crate::verdict::Verdict;

/// How many runs a map has at the most.
pub const MAP_RUNS_MAX: usize = 1 << 16;
/// The most nodes that a dataset has, and the most processes of a node.
const AXIS_MAX: u64 = 1 << 16;

/// What is known of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MapCell {
    /// Nobody has looked at it yet.
    #[serde(rename = "?")]
    Unknown,
    /// Nobody has written to it.
    #[serde(rename = "u")]
    Untouched,
    /// Whole and right.
    #[serde(rename = "v")]
    Verified,
    /// Right as far as it goes.
    #[serde(rename = "i")]
    Incomplete,
    /// Something is wrong.
    #[serde(rename = "m")]
    Mismatch,
}

impl MapCell {
    /// All of them, the worst last.
    pub const ALL: [Self; 5] =
        [Self::Unknown, Self::Untouched, Self::Verified, Self::Incomplete, Self::Mismatch];

    /// The verdict; none where it is not known.
    #[must_use]
    pub fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Unknown => None,
            Self::Untouched => Some(Verdict::Untouched),
            Self::Verified => Some(Verdict::Verified),
            Self::Incomplete => Some(Verdict::Incomplete),
            Self::Mismatch => Some(Verdict::Mismatch),
        }
    }
}

impl From<Verdict> for MapCell {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Untouched => Self::Untouched,
            Verdict::Verified => Self::Verified,
            Verdict::Incomplete => Self::Incomplete,
            Verdict::Mismatch => Self::Mismatch,
        }
    }
}

/// The processes of some nodes, all of one node before those of the next, in runs of equal cells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMap {
    /// The first node.
    pub first_node: u32,
    /// How many nodes.
    pub nodes: u32,
    /// How many processes each node has.
    pub processes: u32,
    /// The runs: what each of so many processes is.
    pub cells: Vec<(MapCell, u64)>,
    /// Whether the map had more runs: those that are here are its beginning.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dropped: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(truth: &bool) -> bool {
    !truth
}

impl ProcessMap {
    /// The map of these cells, in no more than so many runs. Runs that follow one another may be
    /// alike, and empty.
    #[must_use]
    pub fn new(
        (first_node, nodes, processes): (u32, u32, u32),
        cells: impl IntoIterator<Item = (MapCell, u64)>,
        runs_max: usize,
    ) -> Self {
        let mut map = Self { first_node, nodes, processes, cells: Vec::new(), dropped: false };
        for (cell, count) in cells.into_iter().filter(|(_, count)| *count > 0) {
            let is_full = map.cells.len() >= runs_max;
            match map.cells.last_mut() {
                Some((last, before)) if *last == cell => *before += count,
                _ if is_full => {
                    map.dropped = true;
                    break;
                }
                _ => map.cells.push((cell, count)),
            }
        }
        map
    }

    /// How many cells there are, those that were dropped included.
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::from(self.nodes) * u64::from(self.processes)
    }

    /// Whether there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a map that somebody else has written could be one.
    pub(super) fn is_possible(&self) -> bool {
        let axes = u64::from(self.first_node) + u64::from(self.nodes) <= AXIS_MAX
            && u64::from(self.processes) <= AXIS_MAX;
        let cells = self.cells.iter().try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count));
        axes && self.cells.len() <= MAP_RUNS_MAX
            && cells.is_some_and(|cells| {
                if self.dropped { cells <= self.len() } else { cells == self.len() }
            })
    }

    /// Many maps of parts of one dataset as one, over so many nodes or more. Where several speak of
    /// a cell, the worst of them counts; where none does, it is unknown. None where there is no
    /// map, or where they are not of one dataset.
    #[must_use]
    pub fn merge<'a>(maps: impl IntoIterator<Item = &'a Self>, nodes: u32) -> Option<Self> {
        // Where runs begin and end: the cell, what it is, and how many more say so from there on.
        let mut borders: Vec<(u64, MapCell, i8)> = Vec::new();
        let mut processes = None;
        let mut end_node = nodes;
        let mut dropped = false;
        for map in maps {
            if *processes.get_or_insert(map.processes) != map.processes {
                return None;
            }
            end_node = end_node.max(map.first_node.saturating_add(map.nodes));
            dropped |= map.dropped;
            let mut at = u64::from(map.first_node) * u64::from(map.processes);
            for (cell, count) in &map.cells {
                borders.push((at, *cell, 1));
                at = at.saturating_add(*count);
                borders.push((at, *cell, -1));
            }
        }
        let processes = processes?;
        borders.sort_unstable_by_key(|(at, ..)| *at);
        let mut merged = Vec::with_capacity(borders.len() + 1);
        let (mut at, mut open) = (0, [0_i64; MapCell::ALL.len()]);
        for (border, cell, change) in borders {
            if border > at {
                merged.push((worst(open), border - at));
                at = border;
            }
            open[cell as usize] += i64::from(change);
        }
        let cells = u64::from(end_node) * u64::from(processes);
        merged.push((MapCell::Unknown, cells.saturating_sub(at)));
        let mut map = Self::new((0, end_node, processes), merged, MAP_RUNS_MAX);
        map.dropped |= dropped;
        Some(map)
    }

    /// Whether there are cells, and all are known and are this one.
    pub(super) fn is_all(&self, cell: MapCell) -> bool {
        !self.is_empty() && !self.dropped && self.cells.iter().all(|(of, _)| *of == cell)
    }
}

/// The worst cell of which there is one.
fn worst(open: [i64; MapCell::ALL.len()]) -> MapCell {
    let found = MapCell::ALL.into_iter().rev().find(|cell| open[*cell as usize] > 0);
    found.unwrap_or(MapCell::Unknown)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// Each cell for itself, as far as the map says.
    fn cells(map: &ProcessMap) -> Vec<MapCell> {
        let of_run = |(cell, count): &(MapCell, u64)| vec![*cell; usize::try_from(*count).unwrap()];
        map.cells.iter().flat_map(of_run).collect()
    }

    /// A map of some nodes, of which some say no more than their first runs.
    fn map(processes: u32) -> impl Strategy<Value = ProcessMap> {
        let runs_max = prop_oneof![3 => Just(1000_usize), 1 => 0_usize..5];
        (0_u32..5, 0_u32..4, runs_max).prop_flat_map(move |(first, nodes, runs_max)| {
            vec(select(&MapCell::ALL[..]), (nodes * processes) as usize).prop_map(move |cells| {
                let cells = cells.into_iter().map(|cell| (cell, 1));
                ProcessMap::new((first, nodes, processes), cells, runs_max)
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn overlapping_maps_are_one_with_the_worst_of_each_cell(
            (processes, maps) in (1_u32..4).prop_flat_map(|it| (Just(it), vec(map(it), 1..6))),
            nodes in 0_u32..10,
        ) {
            let end = maps.iter().map(|map| map.first_node + map.nodes).fold(nodes, u32::max);
            let mut expected = vec![MapCell::Unknown; (end * processes) as usize];
            for map in &maps {
                let first = (map.first_node * processes) as usize;
                for (said, cell) in expected[first..].iter_mut().zip(cells(map)) {
                    *said = cell.max(*said);
                }
            }
            let merged = ProcessMap::merge(&maps, nodes).unwrap();
            prop_assert!(merged.is_possible());
            prop_assert_eq!((merged.first_node, merged.nodes), (0, end));
            prop_assert_eq!(cells(&merged), &expected[..]);
            prop_assert!(merged.cells.windows(2).all(|pair| pair[0].0 != pair[1].0));
            prop_assert_eq!(merged.dropped, maps.iter().any(|map| map.dropped));
            let is_verified = !expected.is_empty()
                && expected.iter().all(|cell| *cell == MapCell::Verified);
            prop_assert_eq!(merged.is_all(MapCell::Verified), is_verified && !merged.dropped);
        }
    }

    #[test]
    fn maps_of_different_datasets_are_none() {
        let of = |processes| ProcessMap::new((0, 1, processes), [(MapCell::Verified, 2)], 10);
        assert_eq!(ProcessMap::merge(&[of(2), of(3)], 1), None);
        assert_eq!(ProcessMap::merge(&[], 1), None);
    }
}
