//! What may have stood in a place before the dataset was written there.

use crate::content::Content;
use crate::storage::image::{Image, StretchKind};

/// An earlier state of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EarlierState {
    /// Zeros: nobody has written it.
    Zeros,
    /// Another generation of the dataset.
    Generation(u16),
    /// The dataset under another seed: the number of the seed in the list that was given.
    Seed(usize),
}

/// Makes the bytes of earlier states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Earlier<'a> {
    /// The content of the dataset.
    pub(crate) content: &'a Content,
    /// The content of the same dataset under other seeds.
    pub(crate) seeds: &'a [Content],
}

/// How many generations before its own are tried for each place.
const GENERATIONS_MAX: u16 = 8;

impl Earlier<'_> {
    /// The states that the place of a file's generation may have had before.
    pub(crate) fn states(&self, generation: u16) -> impl Iterator<Item = EarlierState> + use<> {
        let first = generation.saturating_sub(GENERATIONS_MAX);
        let generations = (first..generation).rev().map(EarlierState::Generation);
        let seeds = (0..self.seeds.len()).map(EarlierState::Seed);
        std::iter::once(EarlierState::Zeros).chain(generations).chain(seeds)
    }

    /// Fills `bytes` with what stood at an offset of the array.
    pub(crate) fn fill<I: Image + ?Sized>(
        &self,
        array: &I,
        state: EarlierState,
        offset: u64,
        bytes: &mut [u8],
    ) {
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let stretch = array.stretch(offset);
            let taken = usize::try_from(stretch.length).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(taken.max(1));
            now.fill(0);
            if let StretchKind::Content(source) = stretch.kind {
                let mut file = source.file;
                match state {
                    EarlierState::Zeros => {}
                    EarlierState::Generation(generation) => {
                        file.generation = generation;
                        self.content.fill(file, source.offset, now);
                    }
                    EarlierState::Seed(seed) => {
                        if let Some(content) = self.seeds.get(seed) {
                            content.fill(file, source.offset, now);
                        }
                    }
                }
            }
            offset += now.len() as u64;
            rest = later;
        }
    }
}
