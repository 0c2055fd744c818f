//! The extensions of a dataset whose files are of several kinds.

use std::sync::Arc;

/// The most extensions: a name is compared with each of them.
pub(in crate::dataset) const EXTENSIONS_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 32;

/// What the names of the files end with where each number has several files, `{ext}` in a layout;
/// none where each has one.
///
/// They are sorted, so that it does not matter in which order they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(Arc<[String]>);

impl Extensions {
    /// Those with these names, each of which [is one](Self::check_name), and which all differ.
    pub(in crate::dataset) fn new(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        Self(names.into())
    }

    /// Whether a text can be an extension; the error says what can.
    pub(in crate::dataset) fn check_name(text: &str) -> Result<(), &'static str> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = (1..=NAME_BYTES_MAX).contains(&text.len())
            && text.bytes().all(is_plain)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if is_name {
            return Ok(());
        }
        Err("expected an extension of 1 to 32 letters, digits, ., _ and -, that begins with a \
             letter or a digit, like npz")
    }

    /// Each of them, in their order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// How many files each number has.
    #[must_use]
    pub fn files_of_number(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX).max(1)
    }

    /// The length of the longest.
    pub(super) fn bytes_max(&self) -> usize {
        self.0.iter().map(String::len).max().unwrap_or(0)
    }

    /// How long the first ones are together.
    pub(super) fn bytes_of_first(&self, count: u64) -> u64 {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.0.iter().take(count).map(|name| name.len() as u64).sum()
    }

    /// The number of the one with which a text begins, and what follows it. Where one is the
    /// beginning of another it is the longer one: what may follow an extension is in none.
    pub(super) fn read<'a>(&self, text: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let found = (0..).zip(self.0.iter()).filter_map(|(number, name)| {
            Some((number, name.len(), text.strip_prefix(name.as_bytes())?))
        });
        let longest = found.max_by_key(|(_, length, _)| *length);
        longest.map(|(number, _, rest)| (number, rest))
    }
}
