//! From what was asked for to a dataset, and back.
//!
//! What was typed becomes a dataset in one step and in one place:
//!
//! ```text
//!   command line ──┐
//!                  ├─ merged_over ─→ DatasetConfig ── validate ─→ Dataset ── to_config ─┐
//!   TOML or JSON ──┘    anything may stand in it        cannot be invalid               │
//!         ↑                                                                             │
//!         └─────────────────────────── .status/config.json ←────────────────────────────┘
//! ```
//!
//! The options are one table, [`OPTIONS`]. Validation objects to everything at once, in words that
//! name the option, the value and what was expected.

mod option_value;
mod options;
mod validate;

pub use option_value::OptionValue;
pub use options::{DatasetConfig, DatasetOption, OPTIONS, OptionGroup};
pub use validate::{ConfigError, ConfigErrors, DEFAULT_SEED, DEFAULT_SIZE_BYTES};
