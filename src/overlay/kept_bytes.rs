//! Bytes in memory that are kept as they came.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A run of bytes in memory: all of a buffer, or a part of one that others may show parts of too.
///
/// The budget counts the bytes that are shown. So that this is what is held, nothing is kept that
/// shows less than three quarters of its buffer: `let_go` copies such a part out.
/// Two parts that do not overlap can therefore never hold one buffer.
#[derive(Clone)]
pub struct KeptBytes {
    buffer: Arc<[u8]>,
    start: u32,
    length: u32,
}

impl KeptBytes {
    /// The part from `start` to `end`, in the same buffer.
    ///
    /// Must hold: `start <= end <= self.len()`.
    pub(super) fn slice(&self, start: usize, end: usize) -> Self {
        let [start, end] = [start, end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        let (start, end) = (start.min(self.length), end.min(self.length));
        Self {
            buffer: Arc::clone(&self.buffer),
            start: self.start + start,
            length: end.saturating_sub(start),
        }
    }

    /// Copies the bytes out of a buffer that is much larger.
    pub(super) fn let_go(&mut self) {
        if self.len() < self.buffer.len() / 4 * 3 {
            *self = Self::from(&self[..]);
        }
    }

    /// These bytes and those that follow, in a buffer of their own.
    pub(super) fn joined(&self, next: &Self) -> Self {
        Arc::<[u8]>::from([&self[..], &next[..]].concat()).into()
    }
}

impl From<&[u8]> for KeptBytes {
    fn from(bytes: &[u8]) -> Self {
        Arc::<[u8]>::from(bytes).into()
    }
}

impl From<Arc<[u8]>> for KeptBytes {
    /// The first 4 GiB, which is more than a write has.
    fn from(buffer: Arc<[u8]>) -> Self {
        let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        Self { buffer, start: 0, length }
    }
}

impl Deref for KeptBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let start = self.start as usize;
        &self.buffer[start..start + self.length as usize]
    }
}

impl PartialEq for KeptBytes {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for KeptBytes {}

impl fmt::Debug for KeptBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.length, self.buffer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_holds_on_to_little_more_than_it_shows() {
        let bytes: Vec<u8> = (0..=255).collect();
        let whole = KeptBytes::from(&bytes[..]);
        let mut part = whole.slice(10, 250);
        // Each cut by itself takes little, all of them nearly everything.
        while part.len() > 2 {
            part = part.slice(1, part.len() - 1);
            part.let_go();
            assert!(part.buffer.len() <= part.len() * 4 / 3 + 4, "{part:?}");
            let middle = 10 + (240 - part.len()) / 2;
            assert_eq!(part[..], bytes[middle..middle + part.len()]);
        }
        assert_eq!(part.joined(&whole.slice(0, 2))[..], [129, 130, 0, 1]);
    }
}
