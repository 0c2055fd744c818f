//! The options that say how `write` and `verify` make their requests.

use std::io::{self, Write};

use clap::Args;

use super::Failure;
use super::values::{number, size};
use crate::storage::{Progress, Requests, Transfer};

/// How large requests are, and how many are under way.
#[derive(Clone, Debug, Args)]
pub(super) struct QueueArguments {
    /// Requests that each thread has under way, 1 to 1024, through io_uring where the kernel allows
    /// it [default: 1, or 16 with --direct-io]
    #[arg(long, value_name = "N", value_parser = number(Requests::DEPTH))]
    queue_depth: Option<u32>,

    /// What is read or written in one request, 4K to 16M, a multiple of 4K [default: 256K, or 1M
    /// with --direct-io]
    #[arg(long, value_name = "SIZE")]
    block_size: Option<String>,
}

impl QueueArguments {
    pub(super) fn requests(&self, transfer: Transfer, threads: usize) -> Result<Requests, Failure> {
        let block_bytes = self.block_size.as_deref().map(block_bytes).transpose()?;
        Requests::new(transfer, threads, block_bytes, self.queue_depth).map_err(|error| {
            let depth = self.queue_depth.map(|depth| format!("--queue-depth '{depth}'"));
            let block = self.block_size.as_deref().map(|size| format!("--block-size '{size}'"));
            let typed: Vec<_> = [depth, block].into_iter().flatten().collect();
            let options = if typed.is_empty() { "--threads".to_owned() } else { typed.join(", ") };
            Failure::usage(format!("{options}: {error}"))
        })
    }

    /// Refuses what was asked for where requests are made one at a time.
    pub(super) fn refuse_with(&self, other: &str) -> Result<(), Failure> {
        let option = match (&self.queue_depth, &self.block_size) {
            (Some(_), _) => "--queue-depth",
            (_, Some(_)) => "--block-size",
            _ => return Ok(()),
        };
        Err(Failure::usage(format!("{option} with {other}: expected only one of them")))
    }

    /// Says why there was no queue, where one was asked for.
    pub(super) fn explain(&self, progress: &Progress, quiet: bool) {
        if let Some(refusal) = progress.queue_refusal()
            && self.queue_depth.is_some()
            && !quiet
        {
            let _ = writeln!(
                io::stderr(),
                "seedfs: the kernel refuses io_uring ({refusal}): each thread made its requests \
                 one at a time",
            );
        }
    }
}

fn block_bytes(text: &str) -> Result<usize, Failure> {
    let expected = "a multiple of 4K from 4K to 16M";
    let bytes = size("--block-size", text, &Requests::BLOCK_BYTES, expected)?;
    let bytes = usize::try_from(bytes).ok().filter(|bytes| Requests::is_block(*bytes));
    bytes.ok_or_else(|| Failure::usage(format!("--block-size '{text}': expected {expected}")))
}
