//! Which files belong on which targets: arithmetic on a file's number.
//!
//! The numbers go round in *slots*, and each slot has an order of all targets. The first of them
//! hold the file, as many as it takes until there is a copy on enough that have not failed. So a
//! file's places only ever get more, whichever targets fail and in whichever order.
//!
//! *Even*: one slot for each target. The copies of file `n` are on targets `n`, `n + 1` and so on.
//!
//! *Free*: 4096 slots, of which each target has a share. The shares are laid end to end on a line
//! of `copies × 4096` points, and slot `s` takes the targets that the points `s`, `s + 4096` and so
//! on fall on. No share is longer than 4096, so these are different targets, and each target has
//! exactly its share of the slots. Files take the slots in steps that spread them over the line.

use std::cmp::Reverse;

/// The most targets of a spread.
pub const TARGETS_MAX: usize = 64;

/// How finely free space is told apart.
const FREE_SLOTS: u32 = 4096;
/// What takes one number to a slot far from that of the number before: odd, so that all slots come
/// once, and near the golden section of all, so that few numbers in a row are spread evenly, too.
const STEP: u64 = 2531;

/// By what the files are spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpreadRule {
    /// As many on each target.
    Even,
    /// By free space: how many slots each target has.
    Free(Vec<u32>),
}

/// How files are spread over targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    rule: SpreadRule,
    targets: usize,
    copies: usize,
}

/// Some of the targets of a spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetSet(u64);

/// Why files cannot be spread like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpreadError {
    /// None, or too many.
    #[error("{0} targets; expected 1 to {TARGETS_MAX}")]
    Targets(usize),
    /// None, or more than there are targets.
    #[error("{copies} copies on {targets} targets; expected 1 to {targets}")]
    Copies {
        /// How many were asked for.
        copies: usize,
        /// How many targets there are.
        targets: usize,
    },
    /// Too few targets with any space.
    #[error("only {0} of the targets have free space, which is fewer than the copies of each file")]
    NoSpace(usize),
    /// Shares that do not add up.
    #[error("its shares of the slots cannot be")]
    Shares,
}

impl TargetSet {
    /// These targets.
    #[must_use]
    pub fn of(targets: impl IntoIterator<Item = usize>) -> Self {
        let mut set = Self::default();
        for target in targets {
            set.insert(target);
        }
        set
    }

    /// Adds a target.
    pub fn insert(&mut self, target: usize) {
        self.0 |= 1 << (target % TARGETS_MAX);
    }

    /// Whether a target is one of them.
    #[must_use]
    pub fn has(self, target: usize) -> bool {
        target < TARGETS_MAX && self.0 >> target & 1 == 1
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in another set.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..TARGETS_MAX).filter(move |target| self.has(*target))
    }
}

impl Spread {
    /// As many files on each of so many targets.
    ///
    /// # Errors
    ///
    /// Where there are not as many targets as copies, none, or too many.
    pub fn even(targets: usize, copies: usize) -> Result<Self, SpreadError> {
        Self { rule: SpreadRule::Even, targets, copies }.checked()
    }

    /// Files in proportion to the free bytes of each target, as far as copies of one file have to
    /// be on different ones.
    ///
    /// # Errors
    ///
    /// As for [`Spread::even`]; and where fewer targets than copies have free space.
    pub fn by_free_space(free_bytes: &[u64], copies: usize) -> Result<Self, SpreadError> {
        let targets = free_bytes.len();
        Self::even(targets, copies)?;
        let with_space = free_bytes.iter().filter(|bytes| **bytes > 0).count();
        if with_space < copies {
            return Err(SpreadError::NoSpace(with_space));
        }
        Self::with_shares(shares(free_bytes, copies), copies)
    }

    /// Files by the slots of each target, as they were recorded.
    ///
    /// # Errors
    ///
    /// Where they cannot be.
    pub fn with_shares(shares: Vec<u32>, copies: usize) -> Result<Self, SpreadError> {
        let targets = shares.len();
        Self { rule: SpreadRule::Free(shares), targets, copies }.checked()
    }

    fn checked(self) -> Result<Self, SpreadError> {
        let (targets, copies) = (self.targets, self.copies);
        if !(1..=TARGETS_MAX).contains(&targets) {
            return Err(SpreadError::Targets(targets));
        }
        if !(1..=targets).contains(&copies) {
            return Err(SpreadError::Copies { copies, targets });
        }
        if let SpreadRule::Free(shares) = &self.rule {
            let sum: u64 = shares.iter().map(|share| u64::from(*share)).sum();
            let fits = shares.iter().all(|share| *share <= FREE_SLOTS);
            if !fits || sum != u64::from(FREE_SLOTS) * copies as u64 {
                return Err(SpreadError::Shares);
            }
        }
        Ok(self)
    }

    /// By what they are spread.
    #[must_use]
    pub fn rule(&self) -> &SpreadRule {
        &self.rule
    }

    /// How many targets there are.
    #[must_use]
    pub fn targets(&self) -> usize {
        self.targets
    }

    /// How many copies of each file there are.
    #[must_use]
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// After how many numbers the places come again.
    #[must_use]
    pub fn slots(&self) -> u32 {
        match self.rule {
            // At most 64.
            SpreadRule::Even => u32::try_from(self.targets).unwrap_or(1),
            SpreadRule::Free(_) => FREE_SLOTS,
        }
    }

    /// The targets in the order of a number: those that hold the file first.
    fn order(&self, number: u64) -> impl Iterator<Item = usize> {
        let targets = self.targets;
        let row: Vec<usize> = match &self.rule {
            SpreadRule::Even => {
                let first = usize::try_from(number % targets as u64).unwrap_or(0);
                (0..self.copies).map(|copy| (first + copy) % targets).collect()
            }
            SpreadRule::Free(shares) => {
                let slot = number % u64::from(FREE_SLOTS) * STEP % u64::from(FREE_SLOTS);
                let points = (0..self.copies as u64).map(|copy| slot + copy * 4096);
                points.map(|point| target_at(shares, point)).collect()
            }
        };
        let last = row.last().copied().unwrap_or(0);
        let in_row = TargetSet::of(row.iter().copied());
        let others = (1..=targets).map(move |step| (last + step) % targets);
        row.into_iter().chain(others.filter(move |target| !in_row.has(*target)))
    }

    /// The target that a file's first copy is on.
    #[must_use]
    pub fn first_place(&self, number: u64) -> usize {
        self.order(number).next().unwrap_or(0)
    }

    /// Where the file of a number belongs: on the first targets of its order, as many as it takes
    /// until there is a copy on enough that have not failed.
    #[must_use]
    pub fn places(&self, number: u64, failed: TargetSet) -> TargetSet {
        if self.copies == 1 {
            // There is nothing that could be taken as the place of a copy.
            return TargetSet::of(self.order(number).take(1));
        }
        let mut sound = 0;
        TargetSet::of(self.order(number).take_while(|target| {
            let is_place = sound < self.copies;
            sound += usize::from(!failed.has(*target));
            is_place
        }))
    }
}

/// The target whose share a point of the line falls on.
fn target_at(shares: &[u32], point: u64) -> usize {
    let mut end = 0;
    let found = shares.iter().position(|share| {
        end += u64::from(*share);
        point < end
    });
    found.unwrap_or(0)
}

/// The slots of each target: in proportion to the bytes, none more than all slots, together as many
/// as there are copies in all slots.
fn shares(bytes: &[u64], copies: usize) -> Vec<u32> {
    let mut shares = vec![0; bytes.len()];
    let mut open: Vec<usize> = (0..bytes.len()).filter(|target| bytes[*target] > 0).collect();
    let mut left = FREE_SLOTS * u32::try_from(copies).unwrap_or(1);
    loop {
        let all: u128 = open.iter().map(|target| u128::from(bytes[*target])).sum();
        let exact = |target: usize| u128::from(left) * u128::from(bytes[target]) / all.max(1);
        // Whoever would get more than one copy of a file gets one of each.
        let full = |target: &usize| exact(*target) >= u128::from(FREE_SLOTS);
        let (filled, rest): (Vec<usize>, Vec<usize>) = open.iter().partition(|target| full(target));
        if filled.is_empty() {
            break;
        }
        for target in filled {
            shares[target] = FREE_SLOTS;
            left -= FREE_SLOTS.min(left);
        }
        open = rest;
    }
    let all: u128 = open.iter().map(|target| u128::from(bytes[*target])).sum();
    let total = left;
    for target in &open {
        let share = u128::from(total) * u128::from(bytes[*target]) / all.max(1);
        shares[*target] = u32::try_from(share).unwrap_or(FREE_SLOTS).min(left);
        left -= shares[*target];
    }
    // What rounding has left goes to those with most space.
    open.sort_by_key(|target| Reverse(bytes[*target]));
    for target in open.iter().cycle().take(FREE_SLOTS as usize * TARGETS_MAX) {
        if left == 0 {
            break;
        }
        if shares[*target] < FREE_SLOTS {
            shares[*target] += 1;
            left -= 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests;
