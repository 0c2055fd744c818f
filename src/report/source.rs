//! Where bytes come from that were found in the place of others.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::content::Source;
use crate::dataset::{Coordinates, Dataset};

/// A source as it is shown: as JSON, or in words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SourceView {
    pub(crate) path: Option<String>,
    #[serde(flatten)]
    coordinates: CoordinatesView,
    offset: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shared_block: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_generation: Option<u16>,
}

/// Coordinates, as in a file's address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CoordinatesView {
    generation: u16,
    node: u16,
    process: u16,
    file: u32,
}

impl From<Coordinates> for CoordinatesView {
    fn from(file: Coordinates) -> Self {
        let Coordinates { generation, node, process, file } = file;
        Self { generation, node, process, file }
    }
}

impl SourceView {
    /// A source, as one finds it in a dataset.
    #[must_use]
    pub fn new(dataset: &Dataset, source: Source) -> Self {
        let shared_block = dataset.origins(source.file).shared_block(source.offset);
        // No file has a shared block to itself, not even the one in whose content it stands.
        let path = dataset.namespace().path_of(source.file).filter(|_| shared_block.is_none());
        Self {
            path,
            coordinates: source.file.into(),
            offset: source.offset,
            seed: None,
            device_offset: None,
            shared_block,
            last_generation: None,
        }
    }
}

impl fmt::Display for SourceView {
    /// The words for people, like `node_2/process_1 at 8192`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CoordinatesView { generation, node, process, file } = &self.coordinates;
        let offset = self.offset;
        match (&self.path, self.shared_block) {
            (_, Some(number)) => write!(f, "shared block {number} of generation {generation}")?,
            (Some(path), None) => write!(f, "{path} at {offset}")?,
            (None, None) => write!(
                f,
                "generation {generation} node {node} process {process} file {file} at {offset} \
                 (not in this dataset)"
            )?,
        }
        if let Some(seed) = &self.seed {
            write!(f, ", of the seed {seed:?}")?;
        }
        if let Some(at) = self.device_offset {
            write!(f, ", which belongs at device offset {at}")?;
        }
        match self.last_generation {
            Some(last) => write!(f, ", the same up to generation {last}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_source_has_its_words() {
        for (rest, words) in [
            (r#""path": "a/b""#, "a/b at 5"),
            (r#""path": null"#, "generation 3 node 2 process 1 file 0 at 5 (not in this dataset)"),
            (r#""path": null, "shared_block": 7"#, "shared block 7 of generation 3"),
            (r#""path": "a/b", "last_generation": 4"#, "a/b at 5, the same up to generation 4"),
        ] {
            let json = format!(
                r#"{{"generation": 3, "node": 2, "process": 1, "file": 0, "offset": 5, {rest}}}"#
            );
            let source: SourceView = serde_json::from_str(&json).unwrap();
            assert_eq!(source.to_string(), words);
        }
    }
}
