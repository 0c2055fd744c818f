//! The options of a dataset: one table, from which everything else about them follows.
//!
//! A row is a field of [`DatasetConfig`], an option of the command line, a name in a TOML or JSON
//! file, and what a dataset says of itself in `.status/config.json`. Its comment is the help. What
//! it means, and which values may stand, is decided in [`validate`](DatasetConfig::validate).

use serde::{Deserialize, Serialize};

use super::OptionValue;
use super::validate::SCHEMA;
use crate::dataset::{Dataset, Origins, Percent, Template, TemplateFile};

/// One option of a dataset.
#[derive(Clone, Copy, Debug)]
pub struct DatasetOption {
    /// Its name in a configuration, like `new_files`.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub help: &'static str,
    /// What stands for the value in the help, like `SIZE`; empty for what only a file can hold.
    pub value_name: &'static str,
    /// What holds if it is left out, in words; empty if the help says so.
    pub default: &'static str,
    /// The options that it is listed with.
    pub group: OptionGroup,
    /// Its letter on the command line.
    pub short: Option<char>,
    /// Its other name on the command line.
    pub alias: Option<&'static str>,
    /// Whether it may be given several times, with a name for each value.
    pub is_repeatable: bool,
    /// The words that it takes, each with its meaning; none where it takes anything else.
    pub words: &'static [(&'static str, &'static str)],
    /// Its value in a configuration.
    pub get: fn(&DatasetConfig) -> Option<&OptionValue>,
    /// The same, to be changed.
    pub get_mut: fn(&mut DatasetConfig) -> &mut Option<OptionValue>,
    /// Its value in canonical spelling; none where leaving it out means the same for ever.
    pub canonical: fn(&Dataset) -> Option<OptionValue>,
}

/// Options that are listed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionGroup {
    /// Which files there are.
    Dataset,
    /// What they hold.
    Data,
}

impl DatasetOption {
    /// Whether it is an option of the command line.
    #[must_use]
    pub fn is_on_command_line(&self) -> bool {
        !self.value_name.is_empty()
    }
}

/// Makes [`DatasetConfig`] and [`OPTIONS`] of the rows.
macro_rules! options {
    ($($(#[doc = $help:literal])+ $field:ident { $($key:ident: $value:expr),+ $(,)? })+) => {
        /// A dataset as it was asked for on the command line or in a TOML or JSON file.
        ///
        /// Every field is optional and may hold anything: what it means, and whether it may stand,
        /// is decided in one place, [`validate`](Self::validate), in words that are ours. Only a
        /// field that does not exist is refused while reading.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(clippy::doc_markdown, reason = "the comments are help, read in a terminal")]
        pub struct DatasetConfig {
            $(
                $(#[doc = $help])+
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<OptionValue>,
            )+
            /// The bytes of the file that `content` names, which somebody who may open files has
            /// read.
            #[serde(skip)]
            pub template: Option<TemplateFile>,
        }

        /// All options, in the order in which they are listed and written.
        pub const OPTIONS: &[DatasetOption] = &[$(
            DatasetOption {
                $($key: $value,)+
                ..DatasetOption {
                    name: stringify!($field),
                    help: concat!($($help),+).trim_ascii(),
                    value_name: "",
                    default: "",
                    group: OptionGroup::Dataset,
                    short: None,
                    alias: None,
                    is_repeatable: false,
                    words: &[],
                    get: |config| config.$field.as_ref(),
                    get_mut: |config| &mut config.$field,
                    canonical: |_| None,
                }
            }
        ),+];
    };
}

options! {
    /// The version of this structure: 1. It is accepted so that `.status/config.json` can be fed
    /// back
    schema {
        canonical: |_| Some(SCHEMA.into()),
    }

    /// The text from which all content follows
    seed {
        value_name: "TEXT",
        default: "0",
        canonical: |dataset| Some(dataset.seed().into()),
    }

    /// How many nodes, 1 to 65536; for write, verify and sums also auto, which asks the cluster's
    /// engine
    nodes {
        value_name: "N",
        default: "1",
        alias: Some("node-count"),
        canonical: |dataset| Some(u64::from(dataset.dimensions().nodes).into()),
    }

    /// How many processes each node has, 1 to 65536
    processes {
        value_name: "N",
        default: "1",
        canonical: |dataset| Some(u64::from(dataset.dimensions().processes).into()),
    }

    /// How many files each process has, 1 to 2^32; 1M is 10^6. With extensions: of each extension
    files {
        value_name: "N",
        default: "1",
        short: Some('n'),
        canonical: |dataset| Some(dataset.generations().numbers.into()),
    }

    /// How many generations of everything, 1 to 65536; without it there is one, and no directory
    /// for it
    iterations {
        value_name: "N",
        canonical: |dataset| {
            dataset.has_iterations.then(|| u64::from(dataset.generations().count).into())
        },
    }

    /// Show only this generation of everything, 0 to 65535, instead of several side by side
    generation {
        value_name: "G",
        default: "0",
        canonical: |dataset| {
            let first = dataset.generations().first();
            (first > 0).then(|| u64::from(first).into())
        },
    }

    /// The size of each file, 1 byte to 4 PiB (2^52), or how sizes are distributed: 4K..1M,
    /// lognormal:median=64K,sigma=2,max=1G, pareto:min=4K,alpha=1.2,max=1G,
    /// buckets:4K=70,64K=25,10M=5
    size {
        value_name: "SIZE",
        default: "1G",
        short: Some('s'),
        // Sizes that follow from several formats are said by these.
        canonical: |dataset| match dataset.sizes().equal() {
            Some(_) if !dataset.extensions().names().is_empty() && dataset.all_are_framed() => None,
            Some(size_bytes) => Some(size_bytes.into()),
            None => Some(dataset.sizes().to_string().into()),
        },
    }

    /// How many percent of its first size each generation adds to every file: 0 to 1000, with up to
    /// two decimals
    grow {
        value_name: "PERCENT",
        default: "0",
        canonical: |dataset| unless_zero(dataset.shaped_origins().sizes().grow()),
    }

    /// How many percent of their first number each generation adds to the files of a process: 0 to
    /// 1000, with up to two decimals
    new_files {
        value_name: "PERCENT",
        default: "0",
        canonical: |dataset| unless_zero(dataset.generations().new_files),
    }

    /// The template of the paths: {iteration}, {node}, {process} and {file}, each at most once,
    /// padded as in {file:06}; and {ext}, where --content names extensions
    layout {
        value_name: "TEMPLATE",
        default: "node_{node}/process_{process}, with /file_{file} behind it where there are \
                  several, .{ext} where there are extensions, and iteration_{iteration}/ \
                  before it with --iterations",
        canonical: |dataset| Some(dataset.layout().to_string().into()),
    }

    /// What the files hold; EXT=CONTENT for each of several extensions, which the layout has as
    /// {ext}
    content {
        value_name: "CONTENT",
        is_repeatable: true,
        default: "random",
        group: OptionGroup::Data,
        words: &[
            ("random", "random bytes, each block of which says where it was made"),
            ("zero", "zeros"),
            ("text", "lines of words"),
            ("file:PATH", "the bytes of that local file, over and over"),
            ("npy:DTYPE,SHAPE", "a NumPy array: npy:f4,1000x1000"),
            ("npz:NAME:DTYPE,SHAPE+..", "named arrays: npz:x:u1,224x224x3+y:i8,1"),
            ("tfrecord:BYTES,RECORDS", "tf.train.Example records: tfrecord:150528,1000"),
            ("tfrecord-index:BYTES,RECORDS", "where they begin: tfrecord-index:150528,1000"),
            ("hdf5:DTYPE,SHAPE", "one contiguous dataset: hdf5:f8,1000x1000"),
            ("arrow:NAME:DTYPE+..,ROWS,GROUP", "record batches: arrow:x:f4+y:i8,100000,65536"),
            ("parquet:NAME:DTYPE+..,ROWS,GROUP", "row groups: parquet:x:f4+y:i8,100000,65536"),
            ("jsonl:NAME:KIND+..,ROWS", "lines of JSON: jsonl:id:int9+x:float6,1000"),
            ("csv:NAME:KIND+..,ROWS", "lines of text: csv:id:int9+name:text12+ok:bit,1000"),
            ("bmp:WIDTHxHEIGHT", "a bitmap: bmp:640x480"),
            ("png:WIDTHxHEIGHT", "an image, not compressed: png:224x224"),
        ],
        canonical: canonical_content,
    }

    /// The BLAKE3 hash of the file that `content` names, to be sure that it is the same one
    content_hash {
        canonical: |dataset| match &dataset.shaped_origins().shape().template {
            Template::File(file) => Some(file.hash().into()),
            _ => None,
        },
    }

    /// How much a compressor takes away, 0 to 95 percent, in every 4 KiB
    compress {
        value_name: "PERCENT",
        default: "0",
        group: OptionGroup::Data,
        canonical: |dataset| unless_zero(dataset.shaped_origins().shape().compress),
    }

    /// How many of the blocks a deduplicator takes away, 0 to 100 percent
    dedup {
        value_name: "PERCENT",
        default: "0",
        group: OptionGroup::Data,
        canonical: |dataset| Some(dataset.shaped_origins().shape().dedup?.share.into()),
    }

    /// The size of such a block, a power of two from 512 to 1M
    dedup_block {
        value_name: "SIZE",
        default: "4K",
        group: OptionGroup::Data,
        canonical: |dataset| Some(dataset.shaped_origins().shape().dedup?.block_bytes.into()),
    }

    /// Where the same block stands again
    dedup_scope {
        value_name: "SCOPE",
        default: "dataset",
        group: OptionGroup::Data,
        words: &[
            ("dataset", "in all files of a generation"),
            ("node", "in the files of one node"),
            ("file", "in one file"),
        ],
        canonical: |dataset| Some(dataset.shaped_origins().shape().dedup?.scope.name().into()),
    }

    /// How many of the blocks differ from one generation to the next, 0 to 100 percent; all others
    /// are the same
    change {
        value_name: "PERCENT",
        default: "100",
        group: OptionGroup::Data,
        canonical: |dataset| Some(dataset.shaped_origins().shape().change?.share.into()),
    }

    /// The size of such a block, a power of two from 512 to 1M
    change_block {
        value_name: "SIZE",
        default: "4K, or the dedup block where that is larger",
        group: OptionGroup::Data,
        canonical: |dataset| Some(dataset.shaped_origins().shape().change?.block_bytes.into()),
    }
}

/// In a table where there are extensions, and left out where all is random.
fn canonical_content(dataset: &Dataset) -> Option<OptionValue> {
    let of_template = |origins: &Origins| match &origins.shape().template {
        Template::Random => "random".to_owned(),
        Template::Zero => "zero".to_owned(),
        Template::Text => "text".to_owned(),
        Template::Framed(framing) => framing.to_string(),
        Template::File(file) => template_value(file.path()),
    };
    let contents = dataset.all_origins().iter().map(of_template);
    let names = dataset.extensions().names();
    if !names.is_empty() {
        return Some(OptionValue::Table(names.iter().cloned().zip(contents).collect()));
    }
    let template = &dataset.shaped_origins().shape().template;
    contents.last().filter(|_| *template != Template::Random).map(OptionValue::from)
}

fn unless_zero(percent: Percent) -> Option<OptionValue> {
    (percent > Percent::ZERO).then(|| percent.into())
}

/// What a content begins with that is a local file.
pub(super) const FILE_PREFIX: &str = "file:";

fn template_value(path: &str) -> String {
    format!("{FILE_PREFIX}{path}")
}

impl DatasetConfig {
    /// This configuration, with what it leaves out taken from `lower`: the command line is merged
    /// over a file.
    #[must_use]
    pub fn merged_over(mut self, lower: Self) -> Self {
        for option in OPTIONS {
            let value = (option.get_mut)(&mut self);
            if value.is_none() {
                *value = (option.get)(&lower).cloned();
            }
        }
        self.template = self.template.or(lower.template);
        self
    }

    /// The path of the local file whose bytes are needed, where the content is one.
    #[must_use]
    pub fn template_path(&self) -> Option<String> {
        match self.content.as_ref()? {
            OptionValue::Text(text) => text.strip_prefix(FILE_PREFIX).map(str::to_owned),
            _ => None,
        }
    }

    /// Says that the content is this local file.
    pub fn set_template_path(&mut self, path: &str) {
        self.content = Some(template_value(path).into());
    }
}

impl Dataset {
    /// The whole of it in its canonical spelling, from which validation makes an equal dataset.
    ///
    /// Nothing is left to defaults but the absence of iterations and of a shape, so it means the
    /// same to later versions. The bytes of a template are not in it, only their hash.
    #[must_use]
    pub fn to_config(&self) -> DatasetConfig {
        let mut config = DatasetConfig::default();
        for option in OPTIONS {
            *(option.get_mut)(&mut config) = (option.canonical)(self);
        }
        config
    }
}
