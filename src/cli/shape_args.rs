//! The options that shape the data, and the local file that may be its content.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path;

use clap::Args;
use nix::fcntl::OFlag;

use super::Failure;
use crate::dataset::{DatasetConfig, OptionValue, TemplateFile};

/// The data.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Data")]
pub(super) struct ShapeArguments {
    /// What the files hold: random, zero, text, or file:PATH, the bytes of that local file, over
    /// and over [default: random]
    #[arg(long, value_name = "CONTENT", allow_hyphen_values = true)]
    content: Option<OptionValue>,

    /// How much a compressor takes away, 0 to 95 percent, in every 4 KiB [default: 0]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    compress: Option<OptionValue>,

    /// How many of the blocks a deduplicator takes away, 0 to 100 percent [default: 0]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    dedup: Option<OptionValue>,

    /// The size of such a block, a power of two from 512 to 1M [default: 4K]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    dedup_block: Option<OptionValue>,

    /// Where the same block stands again: dataset, node or file [default: dataset]
    #[arg(long, value_name = "SCOPE", allow_hyphen_values = true)]
    dedup_scope: Option<OptionValue>,

    /// How many of the blocks differ from one generation to the next, 0 to 100 percent; all others
    /// are the same [default: 100]
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    change: Option<OptionValue>,

    /// The size of such a block, a power of two from 512 to 1M [default: 4K, or the dedup block
    /// where that is larger]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    change_block: Option<OptionValue>,
}

impl ShapeArguments {
    /// What was typed.
    pub(super) fn config(&self) -> DatasetConfig {
        DatasetConfig {
            content: self.content.clone(),
            compress: self.compress.clone(),
            dedup: self.dedup.clone(),
            dedup_block: self.dedup_block.clone(),
            dedup_scope: self.dedup_scope.clone(),
            change: self.change.clone(),
            change_block: self.change_block.clone(),
            ..DatasetConfig::default()
        }
    }
}

/// The longest file that is a template: it is held in memory.
const TEMPLATE_BYTES_MAX: u64 = 1 << 30;

/// Reads the local file that a configuration names as content, where it does. Its path is made
/// absolute, so that it means the same to whoever reads the configuration later.
pub(super) fn read_template(config: &mut DatasetConfig) -> Result<(), Failure> {
    let Some(typed) = config.template_path() else { return Ok(()) };
    let refuse = |reason: &str| {
        Failure::usage(format!(
            "--content 'file:{typed}': {reason}; expected a file of 1 byte to 1 GiB"
        ))
    };
    let path = path::absolute(&typed).map_err(|error| refuse(&error.to_string()))?;
    // A pipe would wait for somebody who writes to it.
    let mut file = File::options();
    file.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = file.open(&path).map_err(|error| refuse(&error.to_string()))?;
    let metadata = file.metadata().map_err(|error| refuse(&error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(TEMPLATE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse(&error.to_string()))?;
    if bytes.len() as u64 > TEMPLATE_BYTES_MAX {
        return Err(refuse("it is longer"));
    }
    let Some(path) = path.to_str() else { return Err(refuse("its path is not UTF-8")) };
    let template = TemplateFile::new(path.to_owned(), bytes);
    config.template = Some(template.ok_or_else(|| refuse("it is empty"))?);
    config.set_template_path(path);
    Ok(())
}
