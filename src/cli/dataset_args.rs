//! The options that describe a dataset, shared by all commands that need one.
//!
//! Which they are, and what they are called, stands in one table: [`OPTIONS`].

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use super::Failure;
use super::values::Suggested;
use crate::dataset::{Dataset, DatasetConfig, DatasetOption, OPTIONS, OptionGroup, OptionValue};
use crate::storage::read_template;

/// The dataset, as it was typed.
#[derive(Clone, Debug)]
pub(super) struct DatasetArguments {
    /// A file that says what is left out on the command line.
    config: Option<PathBuf>,
    typed: DatasetConfig,
}

const CONFIG: &str = "config";

impl Args for DatasetArguments {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help_heading(heading(OptionGroup::Dataset))
            .help(
                "Read the dataset from a TOML or JSON file, like a mount's .status/config.json; \
                 options on the command line come before it",
            );
        let options = OPTIONS.iter().filter(|option| option.is_on_command_line());
        command.arg(config).args(options.map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for DatasetArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut typed = DatasetConfig::default();
        for option in OPTIONS.iter().filter(|option| option.is_on_command_line()) {
            let texts = matches.get_many::<String>(option.name).into_iter().flatten().cloned();
            *(option.get_mut)(&mut typed) = OptionValue::of_arguments(texts);
        }
        Ok(Self { config: matches.get_one(CONFIG).cloned(), typed })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A row of the table as clap has it.
fn argument(option: &DatasetOption) -> Arg {
    let help = match option.default {
        "" => option.help.to_owned(),
        default => format!("{} [default: {default}]", option.help),
    };
    let argument = Arg::new(option.name)
        .long(option.name.replace('_', "-"))
        .value_name(option.value_name)
        .value_parser(Suggested(option.words))
        .allow_hyphen_values(true)
        .help_heading(heading(option.group))
        .help(help);
    let argument = if option.is_repeatable { argument.action(ArgAction::Append) } else { argument };
    let argument = match option.short {
        Some(letter) => argument.short(letter),
        None => argument,
    };
    match option.alias {
        Some(alias) => argument.visible_alias(alias),
        None => argument,
    }
}

fn heading(group: OptionGroup) -> &'static str {
    match group {
        OptionGroup::Dataset => "Dataset",
        OptionGroup::Data => "Data",
    }
}

impl DatasetArguments {
    /// The dataset, or everything that is wrong with it.
    pub(super) fn dataset(&self) -> Result<Dataset, Failure> {
        self.dataset_from(None, None)
    }

    /// The same dataset under another seed.
    pub(super) fn under_seed(&self, seed: &str) -> Self {
        let mut other = self.clone();
        other.typed.seed = Some(seed.into());
        other
    }

    /// The dataset, with what is left out taken from a file, and the number of nodes from somebody
    /// who knows better than the command line.
    pub(super) fn dataset_from(
        &self,
        base: Option<&Path>,
        nodes: Option<u32>,
    ) -> Result<Dataset, Failure> {
        let mut config = self.typed.clone();
        if let Some(nodes) = nodes {
            config.nodes = Some(u64::from(nodes).into());
        }
        if let Some(path) = self.config.as_deref().or(base) {
            config = config.merged_over(read_config(path)?);
        }
        read_template(&mut config).map_err(Failure::usage)?;
        config.validate().map_err(Failure::usage)
    }

    /// The dataset, with what is left out taken from a configuration.
    pub(super) fn dataset_over(&self, base: DatasetConfig) -> Result<Dataset, Failure> {
        let mut config = self.typed.clone();
        if let Some(path) = &self.config {
            config = config.merged_over(read_config(path)?);
        }
        config = config.merged_over(base);
        read_template(&mut config).map_err(Failure::usage)?;
        config.validate().map_err(Failure::usage)
    }

    /// Whether the number of nodes is to be asked for.
    pub(super) fn asks_for_nodes(&self) -> bool {
        self.typed.nodes.as_ref().is_some_and(|nodes| nodes.to_string() == AUTO)
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
        let expected = "read as TOML, because of its name";
        toml::from_str(&text)
            .map_err(|error| refuse(&format!("{}; {expected}", error.to_string().trim_end())))
    } else {
        let expected = "expected JSON, or TOML in a file whose name ends in .toml";
        serde_json::from_str(&text).map_err(|error| refuse(&format!("{error}; {expected}")))
    }
}
