//! The kinds of wrong.

use crate::content::{Content, Source, StopCheck};
use crate::dataset::{Coordinates, FileContent};

/// What kind of wrong a run of bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Content of another file, or of this file at another offset.
    Misplaced,
    /// The right place, an older or newer generation.
    Stale,
    /// Zeros.
    Zeroed,
    /// The right bytes but for a few bits, at most eight in the run.
    Flipped,
    /// Anything else.
    Foreign,
}

impl Class {
    /// All classes, in the order in which they are listed.
    pub const ALL: [Self; 5] =
        [Self::Misplaced, Self::Stale, Self::Zeroed, Self::Flipped, Self::Foreign];

    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Misplaced => "misplaced",
            Self::Stale => "stale",
            Self::Zeroed => "zeroed",
            Self::Flipped => "flipped",
            Self::Foreign => "foreign",
        }
    }

    /// The class of content that came from `source` and stands where `offset` of the expected file
    /// is.
    pub(super) fn of_content(
        content: &Content,
        expectation: FileContent,
        offset: u64,
        source: Source,
    ) -> Self {
        let generation = source.file.generation;
        let file = Coordinates { generation, ..expectation.file };
        let mut same_place = false;
        let shown = Source { file, offset };
        let mut note = |_, agrees| same_place = agrees;
        content.agreement([shown, source], 1, StopCheck::NEVER, &mut note);
        if generation != expectation.file.generation && same_place {
            Self::Stale
        } else {
            Self::Misplaced
        }
    }

    /// The class of bytes past the expected end that are nobody's content.
    pub(super) fn of_extra(actual: &[u8]) -> Self {
        if actual.iter().all(|byte| *byte == 0) { Self::Zeroed } else { Self::Foreign }
    }
}
