//! The dataset on a block device, or in one large file.
//!
//! What belongs on a device is an [`Image`](super::Image): the files of the dataset one after
//! another ([`DeviceLayout`](super::DeviceLayout)), or what is made of that. There are no names and
//! no metadata on it; the same options find everything again.
//!
//! ```text
//!   guard     what a device is used for: who would lose something?
//!   write     part of 16 MiB ─→ the image fills a block ─→ write it
//!   pass      part of 16 MiB ─→ read a block ─→ recognise each stretch ─→ pieces
//!               └─→ in order ─→ one judgement for each file ─→ totals, wrong ranges
//! ```
//!
//! A repair is the same pass; it writes the right bytes over the wrong ones as it finds them.

mod foreign;
mod guard;
mod open;
mod pass;
mod pieces;
mod state;
#[cfg(test)]
mod tests;
mod write;

pub use foreign::has_none_of_image;
pub(super) use foreign::is_of_others;
pub use guard::{DeviceUse, UsesOfDevice, uses_of};
pub use open::{Device, DeviceAccess};
pub use pass::pass;
pub use state::{DevicePass, DeviceState, ImageOf, ParityRange, PassOptions};
pub use write::write_images;
