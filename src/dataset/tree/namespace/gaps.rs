//! Generations with fewer files than the last one: gaps among the positions of names.

use super::{Namespace, TreeIndex, TreeLevel};
use crate::dataset::Coordinates;
use crate::dataset::tree::dimensions::Axis;

impl Namespace {
    /// Whether the file that an entry tells is one of its generation.
    pub(super) fn is_there(&self, at: TreeIndex) -> bool {
        if !self.generations.differ_in_files() {
            return true;
        }
        let levels = self.levels.iter().enumerate().take(at.depth + 1);
        let mut digit =
            levels.filter_map(|(depth, level)| Some((depth, level.names.file_digit()?)));
        let (Some((depth, (stride, radix))), Some(generation)) =
            (digit.next(), self.generation_at(at))
        else {
            return true;
        };
        let file = self.position_at(at, depth) / stride % radix;
        file < self.generations.numbers_at(generation)
    }

    /// The position of the name that an entry, or the directory above it, has at a depth.
    fn position_at(&self, at: TreeIndex, depth: usize) -> u64 {
        let (Some(here), Some(above)) = (self.levels.get(at.depth), self.levels.get(depth)) else {
            return 0;
        };
        at.index / (here.count / above.count) % above.names.fan_out()
    }

    pub(super) fn generation_at(&self, at: TreeIndex) -> Option<u16> {
        if self.dimensions.generations == 1 {
            return Some(self.generations.first());
        }
        let levels = &self.levels[..=at.depth.min(self.levels.len() - 1)];
        let depth = levels.iter().position(|level| level.names.has(Axis::Generation))?;
        let mut file = Coordinates::default();
        let position = self.position_at(at, depth);
        self.levels.get(depth)?.names.set_coordinates(position, &mut file)?;
        Some(file.generation)
    }

    /// How many numbers of files a process has in the generation of an entry, or in all of them
    /// where it is above.
    pub(super) fn numbers_of(&self, at: TreeIndex) -> u64 {
        if !self.generations.differ_in_files() {
            return self.dimensions.files;
        }
        match self.generation_at(at) {
            Some(generation) => self.generations.numbers_at(generation),
            None => self.generations.numbers_in_all(),
        }
    }

    /// The entries of a directory, which stand on this level.
    pub(super) fn fan(&self, parent: TreeIndex, level: &TreeLevel) -> Fan {
        let width = level.names.fan_out();
        match level.names.file_digit() {
            Some((stride, radix)) if self.generations.differ_in_files() => {
                // The layout tells the generation further up: validation has seen to that.
                let generation = self.generation_at(parent).unwrap_or(self.generations.last());
                let numbers = self.generations.numbers_at(generation);
                Fan {
                    groups: width / (stride * radix),
                    used: numbers * stride,
                    each: radix * stride,
                }
            }
            _ => Fan { groups: 1, used: width, each: width },
        }
    }
}

/// The positions that the names in a directory have: in each of some groups, the first ones.
pub(super) struct Fan {
    groups: u64,
    used: u64,
    each: u64,
}

impl Fan {
    pub(super) fn count(&self) -> u64 {
        self.groups * self.used
    }

    /// The position of the name with this number among those that are there.
    pub(super) fn position(&self, number: u64) -> u64 {
        number / self.used * self.each + number % self.used
    }
}
