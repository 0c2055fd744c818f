//! The options that describe a dataset, shared by all commands that need one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::shape_args::{ShapeArguments, read_template};
use crate::dataset::{Dataset, DatasetConfig, OptionValue};

/// The dataset.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Dataset")]
pub(super) struct DatasetArguments {
    /// Read the dataset from a TOML or JSON file, like a mount's .status/config.json; options on
    /// the command line come before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The text from which all content follows [default: 0]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    seed: Option<OptionValue>,

    /// How many nodes, 1 to 65536; for write, verify and sums also auto, which asks the cluster's
    /// engine [default: 1]
    #[arg(long, visible_alias = "node-count", value_name = "N", allow_hyphen_values = true)]
    nodes: Option<OptionValue>,

    /// How many processes each node has, 1 to 65536 [default: 1]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    processes: Option<OptionValue>,

    /// How many files each process has, 1 to 2^32 [default: 1]
    #[arg(short = 'n', long, value_name = "N", allow_hyphen_values = true)]
    files: Option<OptionValue>,

    /// How many generations of everything, 1 to 65536; without it there is one, and no directory
    /// for it
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    iterations: Option<OptionValue>,

    /// Show only this generation of everything, 0 to 65535, instead of several side by side
    /// [default: 0]
    #[arg(long, value_name = "G", allow_hyphen_values = true)]
    generation: Option<OptionValue>,

    /// The size of each file, 1 byte to 4 PiB (2^52), or how sizes are distributed: 4K..1M,
    /// lognormal:median=64K,sigma=2,max=1G, pareto:min=4K,alpha=1.2,max=1G,
    /// buckets:4K=70,64K=25,10M=5 [default: 1G]
    #[arg(short, long, value_name = "SIZE", allow_hyphen_values = true)]
    size: Option<OptionValue>,

    /// How many percent of its first size each generation adds to every file: 0 to 1000, with up to
    /// two decimals [default: 0]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    grow: Option<OptionValue>,

    /// How many percent of their first number each generation adds to the files of a process: 0 to
    /// 1000, with up to two decimals [default: 0]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    new_files: Option<OptionValue>,

    /// The template of the paths: {iteration}, {node}, {process} and {file}, each at most once,
    /// padded as in {file:06} [default: node_{node}/process_{process}, with /file_{file} behind it
    /// where there are several, and iteration_{iteration}/ before it with --iterations]
    #[arg(long, value_name = "TEMPLATE", allow_hyphen_values = true)]
    layout: Option<OptionValue>,

    #[command(flatten)]
    shape: ShapeArguments,
}

impl DatasetArguments {
    /// The dataset, or everything that is wrong with it.
    pub(super) fn dataset(&self) -> Result<Dataset, Failure> {
        self.dataset_from(None, None)
    }

    /// The dataset, with what is left out taken from a file, and the number of nodes from somebody
    /// who knows better than the command line.
    pub(super) fn dataset_from(
        &self,
        base: Option<&Path>,
        nodes: Option<u32>,
    ) -> Result<Dataset, Failure> {
        let typed = DatasetConfig {
            schema: None,
            seed: self.seed.clone(),
            nodes: nodes
                .map(|nodes| OptionValue::from(u64::from(nodes)))
                .or_else(|| self.nodes.clone()),
            processes: self.processes.clone(),
            files: self.files.clone(),
            iterations: self.iterations.clone(),
            generation: self.generation.clone(),
            size: self.size.clone(),
            grow: self.grow.clone(),
            new_files: self.new_files.clone(),
            layout: self.layout.clone(),
            ..self.shape.config()
        };
        let mut merged = match self.config.as_deref().or(base) {
            None => typed,
            Some(path) => typed.merged_over(read_config(path)?),
        };
        read_template(&mut merged)?;
        merged.validate().map_err(Failure::usage)
    }

    /// Whether the number of nodes is to be asked for.
    pub(super) fn asks_for_nodes(&self) -> bool {
        self.nodes.as_ref().is_some_and(|nodes| nodes.to_string() == AUTO)
    }
}

/// The word for a number that the cluster's engine is asked for.
pub(super) const AUTO: &str = "auto";

/// The longest configuration: far more than one can say.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// A file whose name ends in `.toml` is TOML, any other is JSON.
fn read_config(path: &Path) -> Result<DatasetConfig, Failure> {
    let refuse = |reason: &str| {
        let reason = reason.trim_end();
        Failure::usage(format!("--config '{}': {reason}", path.display()))
    };
    let mut text = String::new();
    let read = File::open(path)
        .and_then(|file| file.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|error| refuse(&error.to_string()))?;
    if read as u64 > CONFIG_BYTES_MAX {
        return Err(refuse("it is longer than 1 MiB; expected a configuration"));
    }
    if path.extension().is_some_and(|extension| extension == "toml") {
        let expected = "TOML was expected, because of its name";
        toml::from_str(&text)
            .map_err(|error| refuse(&format!("{}; {expected}", error.to_string().trim_end())))
    } else {
        let expected = "JSON was expected, or TOML in a file whose name ends in .toml";
        serde_json::from_str(&text).map_err(|error| refuse(&format!("{error}; {expected}")))
    }
}
