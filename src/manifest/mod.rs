//! The manifest of a dataset: the BLAKE3 hash and the path of each file, made as it is read.
//!
//! Nothing of it is stored. A line's length is that of its path and a constant, so where a line
//! begins is arithmetic, and the line at an offset is found by a binary search over the files: 61
//! steps for the largest dataset. What costs is the hash of the file in the line, so the line made
//! last is remembered for the next piece, which mostly begins in it.

use crate::content::{Content, Stopped};
use crate::dataset::{Dataset, DatasetPart};

/// A line as `b3sum` and the tools of coreutils read it, with its newline.
#[must_use]
pub fn manifest_line(sum: &str, path: &str) -> String {
    let (escape, path) = escaped_path(path);
    format!("{escape}{sum}  {path}\n")
}

/// What stands in front of a line and in the place of the path: the tools' way of writing names
/// that would spoil a line. Other characters than the backslash that would, no layout accepts.
#[must_use]
pub fn escaped_path(path: &str) -> (&'static str, String) {
    (if path.contains('\\') { "\\" } else { "" }, path.replace('\\', "\\\\"))
}

/// What a line has beside its path: 64 digits, two spaces and the newline.
const AROUND_PATH_BYTES: u128 = 64 + 2 + 1;

/// How many bytes of files one reading hashes before it returns what it has, at the end of a line:
/// whoever reads large files' lines sees them come, and can be ended between them.
pub const HASHED_BYTES_MAX: u64 = 1 << 28;

/// A file's hash, which a reader remembers: its number among the files, and the hash.
pub type KnownSum = (u64, [u8; 32]);

/// How much of a piece of the manifest is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// All that was asked for: fewer bytes mean the end of the file.
    Whole,
    /// As many lines as do not keep the reader waiting.
    ToLineEnd,
}

/// The manifest.
#[derive(Clone, Copy, Debug)]
pub struct Manifest<'a> {
    dataset: &'a Dataset,
    content: &'a Content,
    /// What a line has beside the bytes of its path.
    around_bytes: u128,
}

impl<'a> Manifest<'a> {
    /// That of a dataset.
    #[must_use]
    pub fn new(dataset: &'a Dataset, content: &'a Content) -> Self {
        // They are in the literal text, so all paths have the same. Each is written twice, and one
        // in front of the line says so.
        let backslashes = dataset.layout().to_string().matches('\\').count() as u128;
        let escapes = if backslashes == 0 { 0 } else { backslashes + 1 };
        Self { dataset, content, around_bytes: AROUND_PATH_BYTES + escapes }
    }

    /// Its length; that of more files than anybody can read is more than 64 bits can say.
    #[must_use]
    pub fn size_bytes(&self) -> u128 {
        self.start(self.dataset.file_count())
    }

    /// Where a line begins.
    fn start(&self, line: u64) -> u128 {
        self.around_bytes * u128::from(line) + self.dataset.namespace().path_bytes(line)
    }

    /// The line that a byte is in.
    fn line_at(&self, offset: u128) -> u64 {
        let (mut low, mut high) = (0, self.dataset.file_count());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.start(middle + 1) <= offset { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Reads from an offset on and says how many bytes there were: none only at the end, and fewer
    /// than `out` holds there, or with [`Fill::ToLineEnd`] at the end of a line where the files
    /// have been [many bytes](HASHED_BYTES_MAX).
    ///
    /// # Errors
    ///
    /// [`Stopped`] where `stop` says so before there is a byte.
    pub fn read(
        &self,
        offset: u64,
        out: &mut [u8],
        wanted: Fill,
        known: &mut Option<KnownSum>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<usize, Stopped> {
        let mut line = self.line_at(offset.into());
        let skipped = u128::from(offset).saturating_sub(self.start(line));
        let mut skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let mut done = 0;
        let mut hashed_bytes = 0_u64;
        while done < out.len() && line < self.dataset.file_count() {
            let file = self.dataset.file(DatasetPart::ALL, line);
            let sum = match known {
                Some((number, sum)) if *number == line => *sum,
                _ => {
                    let size_bytes = self.dataset.size_bytes(file);
                    hashed_bytes = size_bytes.saturating_add(hashed_bytes);
                    match self.content.blake3_unless(file, size_bytes, stop) {
                        Some(sum) => sum,
                        None if done > 0 && wanted == Fill::ToLineEnd => break,
                        None => return Err(Stopped),
                    }
                }
            };
            *known = Some((line, sum));
            let text = manifest_line(
                &hex::encode(sum),
                &self.dataset.namespace().path_of(file).unwrap_or_default(),
            );
            let rest = text.as_bytes().get(skipped..).unwrap_or_default();
            let length = rest.len().min(out.len() - done);
            out[done..done + length].copy_from_slice(&rest[..length]);
            done += length;
            skipped = 0;
            line += 1;
            if hashed_bytes >= HASHED_BYTES_MAX && wanted == Fill::ToLineEnd {
                break;
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::DatasetConfig;

    fn dataset(files: u64, size: &str, layout: &str) -> Dataset {
        let typed = DatasetConfig {
            nodes: Some(3.into()),
            files: Some(files.into()),
            size: Some(size.into()),
            layout: Some(layout.into()),
            ..DatasetConfig::default()
        };
        typed.validate().unwrap()
    }

    /// Slow and obvious: every line, one after the other.
    fn model(dataset: &Dataset, content: &Content) -> Vec<u8> {
        let mut text = String::new();
        for index in 0..dataset.file_count() {
            let file = dataset.file(DatasetPart::ALL, index);
            let mut bytes = vec![0; usize::try_from(dataset.size_bytes(file)).unwrap()];
            content.fill(file, 0, &mut bytes);
            let path = dataset.namespace().path_of(file).unwrap();
            text += &manifest_line(blake3::hash(&bytes).to_hex().as_str(), &path);
        }
        text.into_bytes()
    }

    fn fills() -> impl Strategy<Value = Fill> {
        prop_oneof![Just(Fill::Whole), Just(Fill::ToLineEnd)]
    }

    const LAYOUTS: [&str; 3] =
        ["node_{node}/file_{file}", "{file:03}-{node}.dat", "a\\b/{node}\\{file}"];

    proptest! {
        #[test]
        fn any_pieces_are_the_whole(
            layout in 0..LAYOUTS.len(),
            files in 1_u64..130,
            reads in prop::collection::vec((0_u64..40_000, 0_usize..500, fills()), 1..40),
        ) {
            let content = Content::new("42");
            let dataset = dataset(files, "100", LAYOUTS[layout]);
            let expected = model(&dataset, &content);
            let manifest = Manifest::new(&dataset, &content);
            prop_assert_eq!(manifest.size_bytes(), expected.len() as u128);
            let mut known = None;
            for (offset, length, fill) in reads {
                let mut out = vec![0; length];
                let count = manifest.read(offset, &mut out, fill, &mut known, &|| false).unwrap();
                let start = expected.len().min(usize::try_from(offset).unwrap());
                let end = expected.len().min(start + length);
                prop_assert_eq!(&out[..count], &expected[start..end]);
            }
        }
    }

    #[test]
    fn lines_of_large_files_come_one_by_one() {
        let content = Content::new("42");
        let dataset = dataset(4, "300M", LAYOUTS[0]);
        let manifest = Manifest::new(&dataset, &content);
        let mut known = None;
        let mut out = [0; 1000];
        let count = manifest.read(0, &mut out, Fill::ToLineEnd, &mut known, &|| false).unwrap();
        assert_eq!(out[..count].split(|byte| *byte == b'\n').count(), 2);
        assert_eq!(out[count - 1], b'\n');
        // What is known is not hashed again.
        let again = manifest.read(0, &mut out, Fill::ToLineEnd, &mut known.clone(), &|| true);
        assert_eq!(again, Ok(count));
        // What is mapped into memory must be whole: where it stops, there is nothing.
        assert_eq!(manifest.read(0, &mut out, Fill::Whole, &mut known, &|| true), Err(Stopped));
        assert_eq!(
            manifest.read(count as u64, &mut out, Fill::ToLineEnd, &mut known, &|| true),
            Err(Stopped)
        );
    }

    #[test]
    fn the_largest_dataset_has_a_size_and_every_offset_a_line() {
        let typed = DatasetConfig {
            iterations: Some("32".into()),
            nodes: Some("65536".into()),
            processes: Some("65536".into()),
            files: Some("16000000".into()),
            ..DatasetConfig::default()
        };
        let (dataset, content) = (typed.validate().unwrap(), Content::new("42"));
        let manifest = Manifest::new(&dataset, &content);
        let size_bytes = manifest.size_bytes();
        assert!(size_bytes > u128::from(u64::MAX));
        for offset in [0, 1, 120, 1 << 40, 1 << 63, size_bytes - 1] {
            let line = manifest.line_at(offset);
            assert!(manifest.start(line) <= offset && offset < manifest.start(line + 1));
        }
        assert_eq!(manifest.line_at(size_bytes), dataset.file_count());
    }
}
