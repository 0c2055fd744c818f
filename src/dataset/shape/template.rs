//! What the bytes of a dataset are made of.

use std::fmt;
use std::sync::Arc;

use crate::framing::Framing;

/// What the bytes of a dataset are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// The keystream: each block says where it was made.
    #[default]
    Random,
    /// Zeros.
    Zero,
    /// Lines of words, chosen by the keystream.
    Text,
    /// A local file, over and over.
    File(TemplateFile),
    /// The keystream in the framing of a file format.
    Framed(Framing),
}

impl Template {
    /// The format, where it is one.
    #[must_use]
    pub fn framing(&self) -> Option<&Framing> {
        match self {
            Self::Framed(framing) => Some(framing),
            _ => None,
        }
    }

    /// Whether a byte may have been made at another place than where it stands: in an earlier
    /// generation, or in a block that others share.
    #[must_use]
    pub fn has_origins(&self) -> bool {
        matches!(self, Self::Random | Self::Text)
    }
}

/// A local file whose bytes a dataset repeats; never empty.
#[derive(Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// Its path, as the configuration has it.
    path: String,
    bytes: Arc<Vec<u8>>,
    hash: blake3::Hash,
}

impl TemplateFile {
    /// A file with these bytes; `None` if there are none.
    #[must_use]
    pub fn new(path: String, bytes: Vec<u8>) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        let hash = blake3::hash(&bytes);
        Some(Self { path, bytes: Arc::new(bytes), hash })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its bytes, at least one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The BLAKE3 hash of its bytes, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        self.hash.to_hex().to_string()
    }
}

impl fmt::Debug for TemplateFile {
    /// Without the bytes, which may be many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateFile")
            .field("path", &self.path)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}
