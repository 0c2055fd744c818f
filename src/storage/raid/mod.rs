//! Arrays whose every byte is known from the seed: written, judged and made whole from below.
//!
//! Each file of the dataset is an array of its own, with a directory for each member, or all of
//! them together are one, laid out on devices ([`DeviceLayout`](super::DeviceLayout)), which is
//! also what a real md array holds. What a member should hold is an image, made from the array's
//! ([`member`]). Verifying reads the same window of all members that were named ([`window`]), and
//! where it is not as it should be, goes through its pages ([`judge`]).
//!
//! All that is written is made from the seed, never from other members: so any number of members
//! can be lost, and one that is wrong does no harm to the others.

mod arrays;
mod earlier;
mod findings;
mod foreign;
mod judge;
mod member;
mod mend;
mod report;
mod solve;
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "what is tested is small")]
mod tests;
mod verify;
mod window;
mod write;

pub use arrays::{MemberSlot, RaidMembers};
pub use findings::RaidFindings;
pub use foreign::arrays_of_others;
pub use member::RaidMember;
pub use mend::{RaidRepair, raid_repair};
pub use report::{RaidMended, RaidReport, RaidSurroundings};
pub use verify::{RaidOptions, RaidPurpose, raid_verify};
pub use write::{PresentMember, RaidWriteOptions, raid_member_bytes, raid_write};
