//! RAID as arithmetic: which byte of an array is which byte of which member, as Linux md has it.
//!
//! An array is a line of bytes that is kept on several members. A *chunk* is a run of it that stays
//! on one member, and a *stripe* is what stands at the same chunk of all members. [`Geometry`]
//! computes both ways: from an offset in the array to a member and the offset there, and from a
//! member's byte to what it holds, a byte of the array or the parity of a stripe.
//!
//! ```text
//! RAID 0, 3 members       RAID 1, 3 members      RAID 5, 4 members, left-symmetric
//!
//!    0  1  2                 0  0  0                 0   1   2  (P)
//!    3  4  5                 1  1  1                 4   5  (P)  3
//!    6  7  8                 2  2  2                 8  (P)  6   7
//!                                                  (P)   9  10  11
//!                                                   12  13  14  (P)
//! ```
//!
//! A row is a stripe, a column is a member, and the numbers are those of the array's chunks. In
//! RAID 5 the parity stands on the last member first and goes one to the left with each stripe. The
//! data of a stripe begin on the member behind its parity and go on from the last member to the
//! first, so that as many chunks in a row as there are members are on different members.
//!
//! This is the order of the kernel's `raid5_compute_sector` for `ALGORITHM_LEFT_SYMMETRIC`, which
//! mdadm takes where nothing else is asked for, and that of `raid0` with members of one size.
//!
//! This layer knows neither a dataset nor a file: it is arithmetic, and [`xor_into`].

mod geometry;
mod parity;

pub use geometry::{
    CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, CHUNK_UNIT_BYTES, Geometry, GeometryError, Holding,
    MEMBERS_MAX, MemberPlace, RaidLevel,
};
pub use parity::xor_into;
