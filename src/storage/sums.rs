//! A manifest of the dataset, made without reading or writing any storage.

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};
use twox_hash::XxHash3_64;

use super::in_order::InOrder;
use super::{Progress, Share, StopFlag};
use crate::content::Content;
use crate::dataset::Coordinates;
use crate::manifest::{escaped_path, manifest_line};
use crate::sync::{Mutex, together};

/// A hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// BLAKE3, 256 bits: `b3sum --check`.
    #[default]
    Blake3,
    /// SHA-256: `sha256sum -c`.
    Sha256,
    /// SHA-512: `sha512sum -c`.
    Sha512,
    /// MD5: `md5sum -c`.
    Md5,
    /// XXH3 with 64 bits: `xxhsum -c`.
    Xxh3,
    /// CRC-32C, for storage that speaks it.
    Crc32c,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Blake3, Self::Sha256, Self::Sha512, Self::Md5, Self::Xxh3, Self::Crc32c];

    /// The name that users see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Md5 => "md5",
            Self::Xxh3 => "xxh3",
            Self::Crc32c => "crc32c",
        }
    }

    /// The hash of a file, in hexadecimal digits.
    #[must_use]
    pub fn sum(self, content: &Content, file: Coordinates, size_bytes: u64) -> String {
        let feed = |take: &mut dyn FnMut(&[u8])| feed(content, file, size_bytes, take);
        match self {
            Self::Blake3 => hex::encode(content.blake3(file, size_bytes)),
            Self::Sha256 => digest::<Sha256>(feed),
            Self::Sha512 => digest::<Sha512>(feed),
            Self::Md5 => digest::<Md5>(feed),
            Self::Xxh3 => {
                let mut hasher = XxHash3_64::new();
                feed(&mut |bytes| std::hash::Hasher::write(&mut hasher, bytes));
                format!("{:016x}", std::hash::Hasher::finish(&hasher))
            }
            Self::Crc32c => {
                let mut crc = Crc::new(CrcAlgorithm::Crc32Iscsi);
                feed(&mut |bytes| crc.update(bytes));
                format!("{:08x}", crc.finalize())
            }
        }
    }

    /// One line of a manifest, with its newline.
    #[must_use]
    pub fn line(self, sum: &str, path: &str) -> String {
        match self {
            // As long as an XXH64, which xxhsum would take it for without the name.
            Self::Xxh3 => {
                let (escape, path) = escaped_path(path);
                format!("{escape}XXH3 ({path}) = {sum}\n")
            }
            _ => manifest_line(sum, path),
        }
    }
}

impl FromStr for Algorithm {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or("expected blake3, sha256, sha512, md5, xxh3 or crc32c")
    }
}

/// What is generated and hashed at a time: it stays in the second-level cache.
const BLOCK_BYTES: usize = 128 << 10;
/// How many lines may be finished before an earlier one.
const AHEAD_MAX: u64 = 4096;

fn feed(content: &Content, file: Coordinates, size_bytes: u64, take: &mut dyn FnMut(&[u8])) {
    let length = usize::try_from(size_bytes).unwrap_or(usize::MAX).min(BLOCK_BYTES);
    let mut block = vec![0; length];
    let mut offset = 0;
    while offset < size_bytes {
        let left = usize::try_from(size_bytes - offset).unwrap_or(usize::MAX);
        let block = &mut block[..left.min(length)];
        content.fill(file, offset, block);
        take(block);
        offset += block.len() as u64;
    }
}

fn digest<D: Digest>(feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> String {
    let mut hasher = D::new();
    feed(&mut |bytes| hasher.update(bytes));
    hex::encode(hasher.finalize())
}

/// How to make a manifest.
#[derive(Clone, Copy, Debug)]
pub struct SumsOptions {
    /// The hash.
    pub algorithm: Algorithm,
    /// Threads.
    pub threads: usize,
}

/// Writes a line for each file of a share to `out`, in order, on some threads;
/// a large file's BLAKE3 also on those of the global rayon pool.
///
/// # Errors
///
/// The first that `out` has.
pub fn sums(
    share: Share<'_>,
    SumsOptions { algorithm, threads }: SumsOptions,
    out: &mut (dyn Write + Send),
    progress: &Progress,
    stop: &StopFlag,
) -> io::Result<()> {
    let content = Content::of(share.dataset());
    let lines = InOrder::new(0, AHEAD_MAX, out);
    let next = AtomicU64::new(0);
    let failure = Mutex::new(None);
    let work = || {
        while !stop.is_set() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= share.file_count() {
                break;
            }
            let file = share.file(index);
            let size_bytes = share.dataset().size_bytes(file);
            let sum = algorithm.sum(&content, file, size_bytes);
            progress.bytes(size_bytes);
            progress.file();
            let line = algorithm.line(&sum, &share.path(file));
            lines.bring(index, line, stop, |out, _, line| {
                if let Err(error) = out.write_all(line.as_bytes()) {
                    stop.set();
                    failure.lock().get_or_insert(error);
                }
            });
        }
    };
    // Threads of our own, not the pool's: one that waits for an earlier line must never lie on top
    // of the one that makes it, as a pool's stolen work may.
    together(threads, work);
    match failure.into_inner() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published values for the empty input, and one for a file, made by the standard tools.
    #[test]
    fn the_algorithms_are_those_of_their_names() {
        let content = Content::new("42");
        let file = Coordinates { process: 1, ..Coordinates::default() };
        for (name, empty) in [
            ("blake3", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
            ("sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
            ("xxh3", "2d06800538d394c2"),
            ("crc32c", "00000000"),
        ] {
            let algorithm: Algorithm = name.parse().unwrap();
            assert_eq!(algorithm.sum(&content, file, 0), empty, "{name}");
        }
        assert_eq!(Algorithm::Sha512.sum(&content, file, 0).len(), 128);
    }

    #[test]
    fn a_backslash_is_written_as_the_tools_read_it() {
        assert_eq!(Algorithm::Md5.line("ab", "a\\b"), "\\ab  a\\\\b\n");
        assert_eq!(Algorithm::Md5.line("ab", "a b"), "ab  a b\n");
        assert_eq!(Algorithm::Xxh3.line("ab", "a b"), "XXH3 (a b) = ab\n");
    }
}
