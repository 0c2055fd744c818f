//! Content of an earlier run, which had another seed.

use std::sync::Arc;

use super::Judgement;
use crate::content::Source;
use crate::verdict::{Class, Head, WrongRange};

/// Bytes that are content under another seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierContent {
    /// The offset of the first of them in the file.
    pub offset: u64,
    /// How many they are.
    pub length: u64,
    /// Whose content the first of them is.
    pub source: Source,
    /// Under which seed.
    pub seed: Arc<str>,
    /// The first of them.
    pub head: Head,
}

impl Judgement<'_> {
    /// Judges bytes that are content under another seed. They begin behind the last extent, and are
    /// wrong whatever belongs there.
    pub fn earlier_content(&mut self, what: &EarlierContent, found: &mut dyn FnMut(WrongRange)) {
        let EarlierContent { offset, length, source, ref seed, ref head } = *what;
        self.hole(self.done..offset);
        self.close_group();
        self.close_extra();
        self.drain().for_each(&mut *found);
        let end = offset + length;
        self.done = end;
        let inside = offset..end.min(self.judge.expectation.size_bytes).max(offset);
        let outside = inside.end..end;
        if self.ends_have_sums(self.judge.expectation.source(offset), inside.end - offset) {
            self.wrong(inside, Class::Stale, head.clone(), Some(source));
        }
        let source = source.advance(outside.start - offset);
        self.extra(outside, Class::Stale, head.clone(), Some(source));
        self.close_extra();
        self.drain().for_each(|range| found(WrongRange { seed: Some(Arc::clone(seed)), ..range }));
    }
}
