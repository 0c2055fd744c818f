//! Options of `mount` for what is agreed with the kernel.

use std::time::Duration;

use clap::Args;

use super::values::{Words, number, size, word};
use super::{Failure, both};
use crate::fs::CacheMode;
use crate::fuse::{ConnectionOptions, NamesWithAttributes, REMEMBERED, REQUEST_BYTES_MAX};

/// What is agreed with the kernel.
#[derive(Debug, Args)]
#[command(next_help_heading = "Kernel")]
pub(super) struct KernelArguments {
    /// The largest read or write that the kernel may send in one piece, 4K to 16M; it takes no more
    /// than /proc/sys/fs/fuse/max_pages_limit pages
    #[arg(long, value_name = "SIZE", default_value = "16M", allow_hyphen_values = true)]
    max_request: String,

    /// Reads ahead and asynchronous requests that the kernel may have under way, 1 to 65535
    #[arg(
        long,
        value_name = "N",
        default_value_t = ConnectionOptions::default().background,
        value_parser = number(1..=u16::MAX),
        allow_hyphen_values = true
    )]
    max_background: u16,

    /// How far the kernel reads ahead of a sequential reader with --cache page, 0 to 1G; more than
    /// the kernel's own needs root [default with --cache page as root: 1M; else the kernel's own]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    read_ahead: Option<String>,

    /// Whether directories are read with their files' attributes
    #[arg(long, value_name = "WHEN", default_value = "auto", value_parser = word(READDIRPLUS))]
    readdirplus: NamesWithAttributes,

    /// Mount without extended attributes: the kernel then asks for none, and ls -l, which asks for
    /// those of each file, is about ten times as fast
    #[arg(long)]
    no_xattr: bool,

    /// Seconds for which the kernel may remember names, 0 to 4294967295; 0 asks each time
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = seconds(REMEMBERED),
        value_parser = number(0..=u32::MAX),
        allow_hyphen_values = true
    )]
    entry_timeout: u32,

    /// Seconds for which the kernel may remember attributes, 0 to 4294967295; those of .status are
    /// never remembered
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = seconds(REMEMBERED),
        value_parser = number(0..=u32::MAX),
        allow_hyphen_values = true
    )]
    attr_timeout: u32,
}

const READDIRPLUS: Words<NamesWithAttributes> = &[
    ("auto", "where the kernel expects them to be wanted", NamesWithAttributes::Auto),
    ("always", "each time", NamesWithAttributes::Always),
    ("never", "ls without -l is faster, all else slower", NamesWithAttributes::Never),
];

const REQUEST_BYTES_MIN: u32 = 4096;
const READ_AHEAD_BYTES_MAX: u32 = 1 << 30;
/// As much as the kernel asks for at once: what is read ahead then arrives in whole requests.
const READ_AHEAD_BYTES: u32 = 1 << 20;

impl KernelArguments {
    /// What is asked of the kernel, or everything that is wrong with it.
    pub(super) fn options(
        &self,
        cache: CacheMode,
        is_root: bool,
    ) -> Result<ConnectionOptions, Failure> {
        let request_bytes = size(
            "--max-request",
            &self.max_request,
            &(REQUEST_BYTES_MIN..=REQUEST_BYTES_MAX),
            "4K to 16M",
        );
        let read_ahead_bytes = match &self.read_ahead {
            Some(text) => {
                size("--read-ahead", text, &(0..=READ_AHEAD_BYTES_MAX), "0 to 1G").map(Some)
            }
            None => Ok((cache == CacheMode::Page && is_root).then_some(READ_AHEAD_BYTES)),
        };
        let (request_bytes, read_ahead_bytes) = both(request_bytes, read_ahead_bytes)?;
        Ok(ConnectionOptions {
            request_bytes,
            background: self.max_background,
            read_ahead_bytes,
            names_with_attributes: self.readdirplus,
            xattrs: !self.no_xattr,
            names_remembered: Duration::from_secs(self.entry_timeout.into()),
            attributes_remembered: Duration::from_secs(self.attr_timeout.into()),
        })
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
