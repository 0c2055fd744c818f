//! The real disk: every system call on real files, in one place.
//!
//! The store of kept bytes and the commands on real directories reach files only through [`Disk`].
//! That gives three things at once.
//!
//! *Hostile directories.* A directory that we write to may be written to by others, who plant links
//! and names where ours are expected. So a path is walked once, to an [`OpenDirectory`]; everything
//! after that happens below its descriptor. A new file is made with a random name that must be free
//! ([`Disk::create_temporary`]), and never through a link. It gets its own name in one step
//! ([`Disk::publish`]), which replaces what is there or refuses to. So nothing that somebody else
//! has made is cut, and nothing is seen half written. The crate `tempfile` does as much by path: it
//! knows no directory's descriptor, does not ask what closing says, and cannot be made to fail.
//!
//! *Errors that come late.* A file server may say only when a file is closed that it could not
//! store it. [`Disk::publish`] asks that question ([`Disk::flush`]) before the file gets its name,
//! while there is still something to be done about it.
//!
//! *Failures on purpose.* Every call asks [`Faults`] first. [`Sound`] never has one, and the
//! compiler removes the question. [`Failing`] counts the calls and lets the n-th fail, so a test
//! can go through all of them.
//!
//! *Many at a time.* A [`RequestQueue`] has several reads and writes under way at once, through
//! `io_uring` where the kernel allows it, with the same faults.
//!
//! A call that a signal has interrupted is made again, here; callers never see `EINTR`. What a call
//! has begun before it was interrupted is taken into account: a rename that is made again finds
//! that it was done.
//!
//! This layer imports nothing of the crate and knows no dataset.

mod calls;
#[cfg(test)]
mod disorder;
mod failing;
mod faults;
mod handles;
mod listing;
mod queue;
mod shared;
#[cfg(test)]
mod tests;
mod whole;

pub use calls::Disk;
#[cfg(test)]
pub(crate) use disorder::Disorder;
pub use failing::Failing;
pub use faults::{Fault, Faults, Sound, SystemCall};
pub use handles::{
    Access, Durability, FileType, Links, ListingEntry, OpenDirectory, OpenFile, Stat, Taken,
};
pub use listing::Listing;
pub use queue::{ALIGNMENT, AlignedBuffer, DiskAnswer, DiskRequest, Operation, RequestQueue};
pub(crate) use whole::random;
