//! What files of each extension have their own of.

use super::Coordinates;

/// Something of which the files of each extension have their own, in the order of the extensions;
/// and all files the same where they have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByExtension<T> {
    first: T,
    others: Box<[T]>,
}

impl<T> ByExtension<T> {
    /// One for each extension; `None` where there is none at all.
    pub fn new(all: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut all = all.into_iter();
        Some(Self { first: all.next()?, others: all.collect() })
    }

    /// That of a file.
    #[inline]
    pub fn of(&self, file: Coordinates) -> &T {
        if self.others.is_empty() {
            return &self.first;
        }
        let index = file.file as usize % (self.others.len() + 1);
        let other = index.checked_sub(1).and_then(|index| self.others.get(index));
        other.unwrap_or(&self.first)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// What a function makes of each.
    #[must_use]
    pub fn map<U>(&self, mut make: impl FnMut(&T) -> U) -> ByExtension<U> {
        ByExtension { first: make(&self.first), others: self.others.iter().map(make).collect() }
    }
}

impl<T> From<T> for ByExtension<T> {
    /// The same of all files.
    fn from(first: T) -> Self {
        Self { first, others: Box::default() }
    }
}
