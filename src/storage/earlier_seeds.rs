//! Content of earlier runs, which had other seeds.

use std::ops::Range;
use std::sync::Arc;

use crate::content::{Content, Source};
use crate::dataset::{ConfigErrors, Dataset, FileContent};
use crate::overlay::{ExtentData, ExtentMap};
use crate::verdict::{EarlierContent, HEAD_BYTES, Head};

/// The same dataset under other seeds: what may be left of runs before this one.
#[derive(Clone, Debug, Default)]
pub struct EarlierSeeds(Vec<EarlierSeed>);

#[derive(Clone, Debug)]
struct EarlierSeed {
    seed: Arc<str>,
    dataset: Dataset,
    content: Content,
}

/// How many other seeds there may be: foreign bytes are decrypted once for each.
pub const EARLIER_SEEDS_MAX: usize = 8;

impl EarlierSeeds {
    /// No other seeds.
    pub const NONE: Self = Self(Vec::new());

    /// The dataset under these seeds.
    ///
    /// # Errors
    ///
    /// Where a seed cannot be one.
    pub fn new(dataset: &Dataset, seeds: &[String]) -> Result<Self, ConfigErrors> {
        let of_seed = |seed: &String| {
            let mut config = dataset.to_config();
            config.seed = Some(seed.as_str().into());
            let dataset = config.validate()?;
            let content = Content::of(&dataset);
            Ok(EarlierSeed { seed: seed.as_str().into(), dataset, content })
        };
        seeds.iter().map(of_seed).collect::<Result<_, _>>().map(Self)
    }

    /// Takes what is content under one of the seeds out of the extents of a block that was just
    /// recognised, and adds it to what was `found` before.
    pub(super) fn take_out(
        &self,
        expectation: FileContent,
        (offset, block): (u64, &[u8]),
        extents: &mut ExtentMap,
        found: &mut Vec<EarlierContent>,
    ) {
        for EarlierSeed { seed, dataset, content } in &self.0 {
            for unknown in unknown_ranges(extents, offset..offset + block.len() as u64) {
                let at = |offset_in_file: u64| {
                    usize::try_from(offset_in_file - offset).unwrap_or(usize::MAX)
                };
                let bytes = &block[at(unknown.start)..at(unknown.end)];
                let here = expectation.source(unknown.start);
                let mut take = |start: usize, length: usize, source: Source| {
                    let first = unknown.start + start as u64;
                    let head = &bytes[start..start + length.min(HEAD_BYTES)];
                    let (length, seed) = (length as u64, Arc::clone(seed));
                    extents.remove(first..first + length);
                    let head = Head::from_slice(head);
                    add(found, EarlierContent { offset: first, length, source, seed, head });
                };
                if content.first_difference(here.file, here.offset, bytes).is_none() {
                    take(0, bytes.len(), here);
                } else {
                    content.locate(bytes, dataset, &mut |run| take(run.at, run.len, run.source));
                }
            }
        }
        found.sort_by_key(|run| run.offset);
    }
}

/// Adds a run, to the last one where it goes on.
pub(super) fn add(found: &mut Vec<EarlierContent>, run: EarlierContent) {
    match found.last_mut() {
        Some(last) if goes_on(last, &run) => last.length += run.length,
        _ => found.push(run),
    }
}

/// Whether a run goes on where another one ends.
pub(super) fn goes_on(last: &EarlierContent, run: &EarlierContent) -> bool {
    last.seed == run.seed
        && last.offset + last.length == run.offset
        && last.source.advance(last.length) == run.source
}

/// The runs of bytes in a range that are nobody's under the dataset's own seed.
fn unknown_ranges(extents: &ExtentMap, range: Range<u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (offset, extent) in extents.range(range) {
        if !matches!(extent.data, ExtentData::Bytes(_)) {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if last.end == offset => last.end += extent.length,
            _ => ranges.push(offset..offset + extent.length),
        }
    }
    ranges
}
