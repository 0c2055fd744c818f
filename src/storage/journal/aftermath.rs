//! What became of each byte: what is known of a file, held against what stands there now.
//!
//! This is a function of the two and nothing else. Of one byte, let *w* be the generation that was
//! last written there, as far as the journal says, *s* the one that a sync has covered, and *g* the
//! newest that stands there:
//!
//! | what stands there | fate |
//! |---|---|
//! | g is at least w and s | right; what is newer than w was on its way |
//! | g is at least s, and older than w | stale |
//! | anything else, and there is an s | lost though synced |
//! | anything else, and there is a w | lost, never synced |
//! | anything else | unwritten |
//!
//! Then each write is looked at: if the newest generation that some of its bytes certainly have is
//! missing in others, the others are torn, unless they are lost though synced.

use std::ops::Range;

use super::FileLedger;
use super::ledger::NameState;
use crate::storage::crew::PART_BYTES;

/// What stands at a place of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// What these generations have there, from the first to the last of them.
    Content {
        /// The oldest.
        first: u16,
        /// The newest.
        last: u16,
    },
    /// Zeros where no generation has them.
    Zeros,
    /// Any other bytes.
    Foreign,
    /// Nothing: the file ends before, or is not there.
    Missing,
}

/// What became of bytes, or of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// What was written last is there, or something newer.
    Right,
    /// Nobody has said that it was written.
    Unwritten,
    /// An older generation is there; the newer one was never synced.
    Stale,
    /// Of one write a part is there, and this is not.
    Torn,
    /// It was written, never synced, and is gone: that is allowed.
    LostNeverSynced,
    /// A sync has covered it, and it is gone: the storage has broken its promise.
    LostThoughSynced,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Right,
        Self::Unwritten,
        Self::Stale,
        Self::Torn,
        Self::LostNeverSynced,
        Self::LostThoughSynced,
    ];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Unwritten => "unwritten",
            Self::Stale => "stale",
            Self::Torn => "torn",
            Self::LostNeverSynced => "lost_never_synced",
            Self::LostThoughSynced => "lost_though_synced",
        }
    }
}

impl Standing {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Content { .. } => "content",
            Self::Zeros => "zeroed",
            Self::Foreign => "foreign",
            Self::Missing => "missing",
        }
    }
}

/// Bytes of one fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FateRange {
    /// Where.
    pub range: Range<u64>,
    /// Which.
    pub fate: Fate,
    /// What stands there.
    pub standing: Standing,
}

/// A file after a crash.
#[derive(Clone, Copy, Debug)]
pub struct Survivor<'a> {
    /// What is known of it.
    pub known: &'a FileLedger,
    /// Whether there is a file under its name.
    pub is_there: bool,
    /// The first generation of the run.
    pub first: u16,
    /// The size of the file in each generation of the run; no later one is smaller.
    pub sizes: &'a [u64],
    /// What a write takes at most.
    pub write_bytes: u64,
}

impl Survivor<'_> {
    /// What became of the name.
    #[must_use]
    pub fn name(&self) -> Fate {
        match (self.is_there, self.known.name) {
            (true, _) => Fate::Right,
            (false, NameState::Synced) => Fate::LostThoughSynced,
            (false, NameState::Given) => Fate::LostNeverSynced,
            (false, NameState::NotGiven) => Fate::Unwritten,
        }
    }

    /// What became of the bytes of a range, which begins where a write does and ends where one
    /// does, or where the file does. `standing` is what stands there, without gaps.
    #[must_use]
    pub fn judge(&self, standing: &[(Range<u64>, Standing)]) -> Vec<FateRange> {
        let mut judged = Vec::new();
        // Where nothing stands, nothing is torn: then how it was cut into writes does not matter.
        let has_content =
            standing.iter().any(|(_, standing)| matches!(standing, Standing::Content { .. }));
        let write_bytes = if has_content { self.write_bytes } else { u64::MAX };
        // The bytes of the write that is looked at.
        let mut write: Vec<FateRange> = Vec::new();
        for (range, standing) in standing {
            let mut at = range.start;
            while at < range.end {
                let (written, written_to) = self.known.written.stretch(at);
                let (synced, synced_to) = self.promised(at);
                let write_end = write_end(at, write_bytes);
                let grows_at = self.sizes.iter().copied().find(|size| *size > at);
                let end = [written_to, synced_to, write_end, grows_at.unwrap_or(u64::MAX)]
                    .into_iter()
                    .fold(range.end, u64::min);
                let has = |generation: &u16| at < self.size(*generation);
                let fate = fate(written.copied().filter(has), synced.filter(has), *standing);
                write.push(FateRange { range: at..end, fate, standing: *standing });
                if end == write_end {
                    self.end_write(&mut write, &mut judged);
                }
                at = end;
            }
        }
        self.end_write(&mut write, &mut judged);
        judged
    }

    /// The generation that must be at a place, if any must, and up to where that is so.
    fn promised(&self, at: u64) -> (Option<u16>, u64) {
        let is_asked = self.is_there || self.known.name == NameState::Synced;
        match self.known.promised().filter(|_| is_asked) {
            None => (None, u64::MAX),
            Some(synced) => {
                let (generation, end) = synced.stretch(at);
                (generation.copied(), end)
            }
        }
    }

    /// What became of the place past the end of the file in its last generation, where bytes are.
    #[must_use]
    pub fn extra(&self, range: Range<u64>) -> FateRange {
        let last_is_promised = range.start.checked_sub(1).is_some_and(|last| {
            self.promised(last).0.is_some_and(|generation| last < self.size(generation))
        });
        let fate = if last_is_promised { Fate::LostThoughSynced } else { Fate::Unwritten };
        FateRange { range, fate, standing: Standing::Foreign }
    }

    fn size(&self, generation: u16) -> u64 {
        let number = generation.checked_sub(self.first).map(usize::from);
        number.and_then(|number| self.sizes.get(number)).copied().unwrap_or(0)
    }

    /// Finds what of a write is not there although other parts of it are.
    fn end_write(&self, write: &mut Vec<FateRange>, judged: &mut Vec<FateRange>) {
        let newest = write.iter().filter_map(|part| match part.standing {
            Standing::Content { first, .. } => Some(first),
            _ => None,
        });
        let newest = newest.max();
        for mut part in write.drain(..) {
            let is_behind = |newest| {
                part.range.start < self.size(newest)
                    && !matches!(part.standing, Standing::Content { last, .. } if last >= newest)
            };
            if part.fate != Fate::LostThoughSynced && newest.is_some_and(is_behind) {
                part.fate = Fate::Torn;
            }
            match judged.last_mut() {
                Some(last)
                    if (last.fate, last.standing, last.range.end)
                        == (part.fate, part.standing, part.range.start) =>
                {
                    last.range.end = part.range.end;
                }
                _ => judged.push(part),
            }
        }
    }
}

/// Where the write ends that a byte belongs to: writes follow one another from the beginning of
/// each part, and a part's last one is cut at its end.
pub(super) fn write_end(at: u64, write_bytes: u64) -> u64 {
    if write_bytes > PART_BYTES {
        return u64::MAX;
    }
    let part = at - at % PART_BYTES;
    let end = part.saturating_add(((at - part) / write_bytes + 1) * write_bytes);
    end.min(part.saturating_add(PART_BYTES))
}

/// What became of a byte, looked at alone.
fn fate(written: Option<u16>, synced: Option<u16>, standing: Standing) -> Fate {
    let newest = match standing {
        Standing::Content { last, .. } => Some(last),
        _ => None,
    };
    match (newest, synced, written) {
        // `None` is older than any generation.
        (Some(_), ..) if newest >= synced && newest >= written => Fate::Right,
        (Some(_), ..) if newest >= synced => Fate::Stale,
        (_, Some(_), _) => Fate::LostThoughSynced,
        (_, None, Some(_)) => Fate::LostNeverSynced,
        (_, None, None) => Fate::Unwritten,
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::storage::journal::Runs;
    use crate::storage::journal::ledger::WHOLE;

    const WRITE: u64 = 4;
    const LENGTH: u64 = 14;

    #[derive(Clone, Debug)]
    struct Case {
        known: FileLedger,
        is_there: bool,
        sizes: Vec<u64>,
        standing: Vec<Standing>,
    }

    fn standings() -> impl Strategy<Value = Standing> {
        prop_oneof![
            (5..8_u16, 0..3_u16)
                .prop_map(|(first, more)| Standing::Content { first, last: (first + more).min(7) }),
            Just(Standing::Zeros),
            Just(Standing::Foreign),
            Just(Standing::Missing),
        ]
    }

    fn runs() -> impl Strategy<Value = Runs<u16>> {
        vec((0..LENGTH, 0..LENGTH, 5..8_u16), 0..5).prop_flat_map(|changes| {
            let mut runs = Runs::default();
            for (one, other, generation) in changes {
                runs.set(one.min(other)..one.max(other), generation);
            }
            prop_oneof![3 => Just(runs), 1 => Just(Runs::of(WHOLE, 6))]
        })
    }

    prop_compose! {
        fn cases()(
            (written, synced) in (runs(), runs()),
            name in prop_oneof![
                Just(NameState::NotGiven), Just(NameState::Given), Just(NameState::Synced)
            ],
            (over, is_there) in any::<(bool, bool)>(),
            mut sizes in vec(1..=LENGTH, 3),
            standing in vec(standings(), LENGTH as usize),
        ) -> Case {
            sizes.sort_unstable();
            let known = FileLedger { written, synced, name, over };
            let standing = standing[..sizes[2] as usize].to_vec();
            let missing = vec![Standing::Missing; standing.len()];
            let standing = if is_there { standing } else { missing };
            Case { known, is_there, sizes, standing }
        }
    }

    /// Byte by byte, in the words of the table.
    fn model(case: &Case) -> Vec<Fate> {
        let Case { known, is_there, sizes, standing } = case;
        let size = |generation: u16| sizes[usize::from(generation - 5)];
        let at = |runs: &Runs<u16>, byte: u64| {
            runs.iter()
                .find(|(range, _)| range.contains(&byte))
                .map(|(_, value)| *value)
                .filter(|generation| byte < size(*generation))
        };
        let fates: Vec<Fate> = (0_u64..)
            .zip(standing)
            .map(|(byte, standing)| {
                let written = at(&known.written, byte).map_or(-1, i32::from);
                let is_asked = !known.over && (*is_there || known.name == NameState::Synced);
                let synced =
                    if is_asked { at(&known.synced, byte).map_or(-1, i32::from) } else { -1 };
                let there = if let Standing::Content { last, .. } = standing {
                    i32::from(*last)
                } else {
                    -1
                };
                if there >= 0 && there >= synced {
                    if there >= written { Fate::Right } else { Fate::Stale }
                } else if synced >= 0 {
                    Fate::LostThoughSynced
                } else if written >= 0 {
                    Fate::LostNeverSynced
                } else {
                    Fate::Unwritten
                }
            })
            .collect();
        (0..standing.len())
            .map(|byte| {
                let write = byte / WRITE as usize * WRITE as usize;
                let write = write..standing.len().min(write + WRITE as usize);
                let mut newest = None;
                for other in &standing[write] {
                    if let Standing::Content { first, .. } = other {
                        newest = newest.max(Some(*first));
                    }
                }
                let behind = newest.is_some_and(|newest| {
                    (byte as u64) < size(newest)
                        && match standing[byte] {
                            Standing::Content { last, .. } => last < newest,
                            _ => true,
                        }
                });
                if behind && fates[byte] != Fate::LostThoughSynced {
                    Fate::Torn
                } else {
                    fates[byte]
                }
            })
            .collect()
    }

    proptest! {
        #[test]
        fn every_byte_has_the_fate_that_the_table_says(case in cases()) {
            let survivor = Survivor {
                known: &case.known,
                is_there: case.is_there,
                first: 5,
                sizes: &case.sizes,
                write_bytes: WRITE,
            };
            let cells = (0_u64..).zip(&case.standing);
            let standing: Vec<_> = cells.map(|(byte, stands)| (byte..byte + 1, *stands)).collect();
            let judged = survivor.judge(&standing);
            let mut fates = Vec::new();
            for part in &judged {
                prop_assert_eq!(part.range.start, fates.len() as u64, "no gap");
                for byte in part.range.clone() {
                    prop_assert_eq!(part.standing, case.standing[byte as usize]);
                    fates.push(part.fate);
                }
            }
            prop_assert_eq!(fates, model(&case));
        }
    }

    #[test]
    fn a_name_that_was_synced_must_be_there() {
        for (name, gone) in [
            (NameState::NotGiven, Fate::Unwritten),
            (NameState::Given, Fate::LostNeverSynced),
            (NameState::Synced, Fate::LostThoughSynced),
        ] {
            let known = FileLedger { name, ..FileLedger::default() };
            let survivor = |is_there| {
                Survivor { known: &known, is_there, first: 0, sizes: &[1], write_bytes: 1 }.name()
            };
            assert_eq!(survivor(false), gone);
            assert_eq!(survivor(true), Fate::Right);
        }
    }
}
