//! Which byte of an array is which byte of which member.

use std::fmt;

use thiserror::Error;

/// What chunks are multiples of: md's smallest, a page.
pub const CHUNK_UNIT_BYTES: u64 = 4096;
/// The largest chunk that is taken.
pub const CHUNK_BYTES_MAX: u64 = 1 << 30;
/// What mdadm takes where nothing else is asked for.
pub const CHUNK_BYTES_DEFAULT: u64 = 512 << 10;
/// The most members that are taken.
pub const MEMBERS_MAX: u32 = 256;

/// How the bytes of an array are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaidLevel {
    /// 0: in chunks on one member after the other.
    Striped,
    /// 1: all on each member.
    Mirrored,
    /// 5: as with 0, and each stripe has its parity on one of the members, left-symmetric.
    Parity,
}

impl RaidLevel {
    /// Fewer members make no such array.
    #[must_use]
    pub fn members_min(self) -> u32 {
        match self {
            Self::Striped | Self::Mirrored => 2,
            Self::Parity => 3,
        }
    }
}

impl fmt::Display for RaidLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::Striped => 0,
            Self::Mirrored => 1,
            Self::Parity => 5,
        };
        write!(f, "RAID {number}")
    }
}

/// Why there is no such array.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GeometryError {
    /// Too few members, or too many.
    #[error("{level} with {members} members: expected {} to {MEMBERS_MAX}", level.members_min())]
    Members {
        /// Of which level.
        level: RaidLevel,
        /// How many were asked for.
        members: u64,
    },
    /// A chunk that is none.
    #[error(
        "a chunk of {chunk_bytes} bytes: expected {}, from {CHUNK_UNIT_BYTES} bytes to 1 GiB",
        match level {
            RaidLevel::Parity => "a power of two, which md wants for RAID 5",
            _ => "a multiple of 4096 bytes",
        }
    )]
    Chunk {
        /// Of which level.
        level: RaidLevel,
        /// What was asked for.
        chunk_bytes: u64,
    },
    /// A chunk where there are none.
    #[error("RAID 1 has no chunks: expected no chunk size")]
    NoChunks,
}

/// A byte of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberPlace {
    /// The number of the member, from 0.
    pub member: u32,
    /// From the beginning of the member's data.
    pub offset: u64,
}

/// What a byte of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// The byte at this offset in the array.
    Data(u64),
    /// Parity.
    Parity {
        /// The number of the stripe, from 0.
        stripe: u64,
        /// At which of each chunk's bytes.
        within: u64,
    },
}

/// How an array is kept on its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    level: RaidLevel,
    chunk_bytes: u64,
    members: u32,
}

impl Geometry {
    /// An array; without a chunk size, md's own is taken.
    ///
    /// # Errors
    ///
    /// Where md would not make such an array.
    pub fn new(
        level: RaidLevel,
        chunk_bytes: Option<u64>,
        members: u64,
    ) -> Result<Self, GeometryError> {
        let accepted = level.members_min()..=MEMBERS_MAX;
        let members = u32::try_from(members)
            .ok()
            .filter(|members| accepted.contains(members))
            .ok_or(GeometryError::Members { level, members })?;
        if level == RaidLevel::Mirrored && chunk_bytes.is_some() {
            return Err(GeometryError::NoChunks);
        }
        let chunk_bytes = chunk_bytes.unwrap_or(CHUNK_BYTES_DEFAULT);
        let is_right = (CHUNK_UNIT_BYTES..=CHUNK_BYTES_MAX).contains(&chunk_bytes)
            && chunk_bytes.is_multiple_of(CHUNK_UNIT_BYTES)
            && (level != RaidLevel::Parity || chunk_bytes.is_power_of_two());
        if !is_right {
            return Err(GeometryError::Chunk { level, chunk_bytes });
        }
        Ok(Self { level, chunk_bytes, members })
    }

    /// How the bytes are kept.
    #[must_use]
    pub fn level(self) -> RaidLevel {
        self.level
    }

    /// How many members there are.
    #[must_use]
    pub fn members(self) -> u32 {
        self.members
    }

    /// The size of a chunk. RAID 1 has none; there this is how much is looked at together.
    #[must_use]
    pub fn chunk_bytes(self) -> u64 {
        self.chunk_bytes
    }

    /// How many members' bytes of a stripe are not said by the others.
    #[must_use]
    pub fn data_members(self) -> u32 {
        match self.level {
            RaidLevel::Striped => self.members,
            RaidLevel::Mirrored => 1,
            RaidLevel::Parity => self.members - 1,
        }
    }

    /// How many bytes of the array are in a stripe.
    #[must_use]
    pub fn stripe_bytes(self) -> u64 {
        self.chunk_bytes * u64::from(self.data_members())
    }

    /// Where a byte of the array is. In RAID 1 each member has it at that offset; this names the
    /// first.
    #[must_use]
    pub fn place(self, array_offset: u64) -> MemberPlace {
        let stripe = array_offset / self.stripe_bytes();
        let in_stripe = array_offset % self.stripe_bytes();
        let index = in_stripe / self.chunk_bytes;
        // Below the number of members.
        let member = self.data_member(stripe, u32::try_from(index).unwrap_or_default());
        MemberPlace { member, offset: stripe * self.chunk_bytes + in_stripe % self.chunk_bytes }
    }

    /// What a byte of a member is.
    #[must_use]
    pub fn holding(self, MemberPlace { member, offset }: MemberPlace) -> Holding {
        let (stripe, within) = (offset / self.chunk_bytes, offset % self.chunk_bytes);
        let index = match (self.level, self.parity_member(stripe)) {
            (_, Some(parity)) if parity == member => return Holding::Parity { stripe, within },
            // Behind the parity, and from the last member on to the first.
            (_, Some(parity)) => (member + self.members - parity - 1) % self.members,
            (RaidLevel::Mirrored, None) => 0,
            (_, None) => member,
        };
        let chunk = stripe * u64::from(self.data_members()) + u64::from(index);
        Holding::Data(chunk * self.chunk_bytes + within)
    }

    /// The member that has the parity of a stripe; `None` where there is no parity.
    #[must_use]
    pub fn parity_member(self, stripe: u64) -> Option<u32> {
        let from_the_right = u32::try_from(stripe % u64::from(self.members)).ok()?;
        (self.level == RaidLevel::Parity).then(|| self.members - 1 - from_the_right)
    }

    /// The member that has a chunk of a stripe's data, counted from 0.
    #[must_use]
    pub fn data_member(self, stripe: u64, index: u32) -> u32 {
        match self.parity_member(stripe) {
            Some(parity) => (parity + 1 + index) % self.members,
            None => index,
        }
    }

    /// How long each member is when an array of so many bytes is kept whole: with RAID 0 and 5 as
    /// many chunks as the array has stripes, the last of which it need not fill.
    #[must_use]
    pub fn member_bytes(self, array_bytes: u64) -> u64 {
        match self.level {
            RaidLevel::Mirrored => array_bytes,
            _ => array_bytes.div_ceil(self.stripe_bytes()) * self.chunk_bytes,
        }
    }

    /// How many bytes at the beginning of a member are said by the first bytes of the array, so
    /// many. Behind them is what follows in the array, and parity of which that is a part.
    #[must_use]
    pub fn member_bytes_within(self, member: u32, array_bytes: u64) -> u64 {
        if self.level == RaidLevel::Mirrored {
            return array_bytes;
        }
        let stripe = array_bytes / self.stripe_bytes();
        let (whole, rest) = (stripe * self.chunk_bytes, array_bytes % self.stripe_bytes());
        let index = match self.holding(MemberPlace { member, offset: whole }) {
            Holding::Data(offset) => (offset % self.stripe_bytes()) / self.chunk_bytes,
            // It is said where the last of the stripe's data is.
            Holding::Parity { .. } => u64::from(self.data_members()) - 1,
        };
        whole + rest.saturating_sub(index * self.chunk_bytes).min(self.chunk_bytes)
    }
}

#[cfg(test)]
mod tests;
