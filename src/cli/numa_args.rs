//! The option that keeps threads near their memory.

use clap::Args;

use super::Failure;
use crate::numa::{Placement, Topology};

/// Where threads run.
#[derive(Clone, Debug, Args)]
pub(super) struct NumaArguments {
    /// Keep each thread and its memory on one NUMA node: auto uses all nodes in turn where there
    /// are several, a number only that one, and off leaves it to the system
    #[arg(long, value_name = "WHERE", default_value = "auto", allow_hyphen_values = true)]
    numa: String,
}

impl NumaArguments {
    /// What was asked for, which this machine has.
    pub(super) fn placement(&self) -> Result<Placement, Failure> {
        let refuse = |error| Failure::usage(format!("--numa '{}': {error}", self.numa));
        let placement: Placement = self.numa.parse().map_err(refuse)?;
        placement.choose(&Topology::here()).map_err(refuse)?;
        Ok(placement)
    }
}
