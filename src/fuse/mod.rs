//! The kernel's side: requests are converted, the filesystem is called, the outcome is the reply.
//!
//! This is the only place that knows fuser. It decides nothing: which errno an error becomes is one
//! table (`errno`), how long the kernel may remember an answer follows from what the filesystem
//! says of it (`adapter`), what is agreed with the kernel is in `connection`, answers that take
//! long are made in `slow`. A mount is made in `attach`, found and unmounted in `mounted`, by what
//! the kernel's table says (`mount_table`), and served in `session`.

mod adapter;
mod attach;
mod commands;
mod connection;
mod descriptors;
mod errno;
mod give_back;
mod mount_options;
mod mount_table;
mod mounted;
mod mountpoint;
mod session;
mod slow;

pub use connection::{
    ConnectionOptions, NamesWithAttributes, REMEMBERED, REQUEST_BYTES_MAX, negotiate,
};
pub use descriptors::keep_descriptors_from_children;
pub use mount_options::{OptionError, OptionWord};
pub use mounted::{InUse, MountPlace, Mounted, Obstacle, mount_place, mounts};
pub use mountpoint::{Mountpoint, MountpointError};
pub use session::{MountError, MountOptions, serve, session_config};
