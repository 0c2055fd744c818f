//! Memory that requests read into and write from.

/// What direct requests must be aligned to: the largest sector or page that storage asks for.
pub const ALIGNMENT: usize = 4096;

/// Bytes at an address that is aligned for direct requests.
#[derive(Debug)]
pub struct AlignedBuffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
    /// Its number among those that the kernel has registered for a queue.
    pub(super) registered: Option<u16>,
}

impl AlignedBuffer {
    /// So many zeros.
    #[must_use]
    pub fn new(length: usize) -> Self {
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        Self { bytes, start, length, registered: None }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.length]
    }

    /// The bytes, to change.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.length]
    }
}
