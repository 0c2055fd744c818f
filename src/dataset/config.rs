//! What was typed, before anybody asks what it means.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::shape::TemplateFile;

/// A dataset as it was asked for on the command line or in a TOML or JSON file.
///
/// Every field is optional and may hold anything: what it means, and whether it may stand, is
/// decided in one place, [`validate`](Self::validate), in words that are ours. Only a field that
/// does not exist is refused while reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// The version of this structure: 1. It is accepted so that `.status/config.json` can be fed
    /// back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<OptionValue>,
    /// The text from which all content follows; `0` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<OptionValue>,
    /// How many nodes; 1 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<OptionValue>,
    /// How many processes each node has; 1 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<OptionValue>,
    /// How many files each process has; 1 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<OptionValue>,
    /// How many generations of everything; if left out there is one, and no directory for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<OptionValue>,
    /// The one generation that is shown, instead of several; 0 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<OptionValue>,
    /// The size of each file, or how sizes are distributed;
    /// [`DEFAULT_SIZE_BYTES`](super::DEFAULT_SIZE_BYTES) if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<OptionValue>,
    /// How many percent of its first size each generation adds to a file; 0 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grow: Option<OptionValue>,
    /// How many percent of their first number each generation adds to the files of a process; 0 if
    /// left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_files: Option<OptionValue>,
    /// The template of the paths; if left out, one directory for each coordinate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<OptionValue>,
    /// What the bytes are made of: `random`, `zero`, `text` or `file:PATH`; `random` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<OptionValue>,
    /// The BLAKE3 hash of the file that `content` names, to be sure that it is the same one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<OptionValue>,
    /// The bytes of that file, which somebody who may open files has read.
    #[serde(skip)]
    pub template: Option<TemplateFile>,
    /// How many percent a compressor takes away; 0 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compress: Option<OptionValue>,
    /// How many percent of the blocks a deduplicator takes away; 0 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup: Option<OptionValue>,
    /// The size of such a block; 4096 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup_block: Option<OptionValue>,
    /// Where the same block may stand again: `dataset`, `node` or `file`; `dataset` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedup_scope: Option<OptionValue>,
    /// How many percent of the blocks differ from one generation to the next; 100 if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<OptionValue>,
    /// The size of such a block; if left out 4096, or `dedup_block` where that is larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_block: Option<OptionValue>,
}

impl DatasetConfig {
    /// This configuration, with what it leaves out taken from `lower`: the command line is merged
    /// over a file.
    #[must_use]
    pub fn merged_over(self, lower: Self) -> Self {
        Self {
            schema: self.schema.or(lower.schema),
            seed: self.seed.or(lower.seed),
            nodes: self.nodes.or(lower.nodes),
            processes: self.processes.or(lower.processes),
            files: self.files.or(lower.files),
            iterations: self.iterations.or(lower.iterations),
            generation: self.generation.or(lower.generation),
            size: self.size.or(lower.size),
            grow: self.grow.or(lower.grow),
            new_files: self.new_files.or(lower.new_files),
            layout: self.layout.or(lower.layout),
            content: self.content.or(lower.content),
            content_hash: self.content_hash.or(lower.content_hash),
            template: self.template.or(lower.template),
            compress: self.compress.or(lower.compress),
            dedup: self.dedup.or(lower.dedup),
            dedup_block: self.dedup_block.or(lower.dedup_block),
            dedup_scope: self.dedup_scope.or(lower.dedup_scope),
            change: self.change.or(lower.change),
            change_block: self.change_block.or(lower.change_block),
        }
    }
}

/// A value as it was typed.
///
/// Numbers and text mean the same: `nodes = 4` and `nodes = "4"`, and a seed of `42` is the text
/// `42`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A whole number.
    Integer(i64),
    /// Text, or a whole number too large for [`Integer`](Self::Integer) in its decimal digits.
    Text(String),
    /// A fraction or a truth value. Percentages take a fraction. Others keep it to be shown in the
    /// refusal: the digits that were typed are lost by now, so it must not become a seed.
    Unusable(String),
}

impl fmt::Display for OptionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) | Self::Unusable(text) => f.write_str(text),
        }
    }
}

impl From<String> for OptionValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for OptionValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for OptionValue {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Text(number.to_string()), Self::Integer)
    }
}

impl Serialize for OptionValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Text(text) | Self::Unusable(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for OptionValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = OptionValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a whole number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OptionValue, E> {
        Ok(OptionValue::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<OptionValue, E> {
        Ok(OptionValue::from(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OptionValue, E> {
        Ok(OptionValue::from(text))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<OptionValue, E> {
        Ok(OptionValue::Unusable(format!("{number:?}")))
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<OptionValue, E> {
        Ok(OptionValue::Unusable(truth.to_string()))
    }
}
