//! The kernel's side: requests are converted, the filesystem is called, the outcome is the reply.
//!
//! This is the only place that knows fuser. It decides nothing: which errno an error becomes is one
//! table (`errno`), how long the kernel may remember an answer follows from what the filesystem
//! says of it (`adapter`), what is agreed with the kernel is in `kernel`, answers that take long
//! are made in `slow`, and everything about the mount itself is in `session`.

mod adapter;
mod errno;
mod give_back;
mod kernel;
mod mountpoint;
mod session;
mod slow;

pub use kernel::{KernelOptions, NamesWithAttributes, REMEMBERED, REQUEST_BYTES_MAX, negotiate};
pub use mountpoint::{Mountpoint, MountpointError, is_seedfs, mounts};
pub use session::{
    KernelOption, MountError, MountOptions, OptionError, serve, session_config, unmount,
};
