//! The file that a dataset is made of, with `content = "file:PATH"`.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path;

use crate::dataset::{DatasetConfig, TemplateFile};

/// The longest file that is a template: it is held in memory.
const TEMPLATE_BYTES_MAX: u64 = 1 << 30;

/// Why a file cannot be a template.
#[derive(Debug, thiserror::Error)]
#[error("--content 'file:{path}': {reason}; expected a file of 1 byte to 1 GiB")]
pub struct TemplateError {
    path: String,
    reason: String,
}

/// Reads the local file that a configuration names as content, where it does. Its path is made
/// absolute, so that it means the same to whoever reads the configuration later.
///
/// # Errors
///
/// Where it is not a file, cannot be read, is empty or too long.
pub fn read_template(config: &mut DatasetConfig) -> Result<(), TemplateError> {
    let Some(typed) = config.template_path() else { return Ok(()) };
    read(&typed, config).map_err(|error| TemplateError { path: typed, reason: error.to_string() })
}

fn read(typed: &str, config: &mut DatasetConfig) -> io::Result<()> {
    let path = path::absolute(typed)?;
    // A pipe would wait for somebody who writes to it.
    let mut options = File::options();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = options.open(&path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(TEMPLATE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TEMPLATE_BYTES_MAX {
        return Err(io::Error::other("it is longer"));
    }
    let path = path.to_str().ok_or_else(|| io::Error::other("its path is not UTF-8"))?;
    let template = TemplateFile::new(path.to_owned(), bytes);
    config.template = Some(template.ok_or_else(|| io::Error::other("it is empty"))?);
    config.set_template_path(path);
    Ok(())
}
