use proptest::prelude::*;

use super::*;

const P: Option<u64> = None;

fn geometry(level: RaidLevel, chunk_bytes: u64, members: u32) -> Geometry {
    let chunk_bytes = (level != RaidLevel::Mirrored).then_some(chunk_bytes);
    Geometry::new(level, chunk_bytes, members.into()).unwrap()
}

/// The chunk of the array that each member has in a stripe.
fn row(geometry: Geometry, stripe: u64) -> Vec<Option<u64>> {
    let chunk = geometry.chunk_bytes();
    (0..geometry.members())
        .map(|member| match geometry.holding(MemberPlace { member, offset: stripe * chunk }) {
            Holding::Data(offset) => {
                assert_eq!(offset % chunk, 0);
                Some(offset / chunk)
            }
            Holding::Parity { stripe: of, within } => {
                assert_eq!((of, within), (stripe, 0));
                P
            }
        })
        .collect()
}

/// Written down by hand from the tables that describe md's left-symmetric layout: mdadm's manual
/// calls it the default, and `raid5_compute_sector` in the kernel's `drivers/md/raid5.c` makes it.
#[test]
fn four_members_of_raid_5_are_as_in_the_table() {
    let four = geometry(RaidLevel::Parity, 65536, 4);
    let table = [
        [Some(0), Some(1), Some(2), P],
        [Some(4), Some(5), P, Some(3)],
        [Some(8), P, Some(6), Some(7)],
        [P, Some(9), Some(10), Some(11)],
        [Some(12), Some(13), Some(14), P],
        [Some(16), Some(17), P, Some(15)],
    ];
    for (stripe, expected) in (0..).zip(table) {
        assert_eq!(row(four, stripe), expected, "stripe {stripe}");
    }
}

#[test]
fn three_members_of_raid_5_and_of_raid_0_and_1_are_as_in_the_tables() {
    let three = geometry(RaidLevel::Parity, 4096, 3);
    let table = [
        [Some(0), Some(1), P],
        [Some(3), P, Some(2)],
        [P, Some(4), Some(5)],
        [Some(6), Some(7), P],
    ];
    for (stripe, expected) in (0..).zip(table) {
        assert_eq!(row(three, stripe), expected, "stripe {stripe}");
    }
    let striped = geometry(RaidLevel::Striped, 12288, 3);
    assert_eq!(row(striped, 0), [Some(0), Some(1), Some(2)]);
    assert_eq!(row(striped, 5), [Some(15), Some(16), Some(17)]);
    let mirrored = geometry(RaidLevel::Mirrored, 0, 3);
    assert_eq!(row(mirrored, 7), [Some(7), Some(7), Some(7)]);
}

/// An array as it is laid out step by step: disks as lists of chunks, and a parity that moves.
fn model(level: RaidLevel, members: usize, stripes: u64) -> Vec<Vec<Option<u64>>> {
    let mut disks = vec![Vec::new(); members];
    let mut next = 0;
    let mut take = || {
        next += 1;
        Some(next - 1)
    };
    let mut parity = members - 1;
    for _ in 0..stripes {
        match level {
            RaidLevel::Striped => {
                for disk in &mut disks {
                    disk.push(take());
                }
            }
            RaidLevel::Mirrored => {
                let chunk = take();
                for disk in &mut disks {
                    disk.push(chunk);
                }
            }
            RaidLevel::Parity => {
                disks[parity].push(P);
                let mut disk = parity;
                for _ in 1..members {
                    disk = if disk == members - 1 { 0 } else { disk + 1 };
                    disks[disk].push(take());
                }
                parity = if parity == 0 { members - 1 } else { parity - 1 };
            }
        }
    }
    disks
}

fn levels() -> impl Strategy<Value = RaidLevel> {
    prop_oneof![Just(RaidLevel::Striped), Just(RaidLevel::Mirrored), Just(RaidLevel::Parity)]
}

proptest! {
    #[test]
    fn both_directions_are_those_of_the_model(
        level in levels(),
        members in 3_u32..9,
        chunk_pages in 0_u32..6,
        stripes in 1_u64..40,
        within in 0_u64..4096,
    ) {
        let geometry = geometry(level, 4096 << chunk_pages, members);
        let chunk = geometry.chunk_bytes();
        let within = within % chunk;
        for (member, disk) in (0..).zip(model(level, members as usize, stripes)) {
            for (stripe, held) in (0..).zip(disk) {
                let place = MemberPlace { member, offset: stripe * chunk + within };
                if let Some(number) = held {
                    let offset = number * chunk + within;
                    prop_assert_eq!(geometry.holding(place), Holding::Data(offset));
                    let back = geometry.place(offset);
                    let first = if level == RaidLevel::Mirrored { 0 } else { member };
                    prop_assert_eq!(back, MemberPlace { member: first, ..place });
                } else {
                    let parity = Holding::Parity { stripe, within };
                    prop_assert_eq!(geometry.holding(place), parity);
                    prop_assert_eq!(geometry.parity_member(stripe), Some(member));
                }
            }
        }
    }

    /// A member's byte is said by the first bytes of an array if it is one of them, or parity of
    /// nothing but them.
    #[test]
    fn what_the_array_says_of_a_member_is_its_beginning(
        level in levels(),
        members in 3_u32..7,
        array_bytes in 0_u64..200_000,
    ) {
        let geometry = geometry(level, 8192, members);
        let chunk = geometry.chunk_bytes();
        let data = geometry.data_members();
        for member in 0..members {
            let within = geometry.member_bytes_within(member, array_bytes);
            prop_assert!(within <= geometry.member_bytes(array_bytes));
            let is_said = |offset: u64| match geometry.holding(MemberPlace { member, offset }) {
                Holding::Data(at) => at < array_bytes,
                Holding::Parity { stripe, within } => (0..data).all(|index| {
                    let number = stripe * u64::from(data) + u64::from(index);
                    number * chunk + within < array_bytes
                }),
            };
            let around = [0, within / 2, within.saturating_sub(1), within, within + 1];
            for offset in around.into_iter().chain((0..40).map(|n| n * 4096 + 17)) {
                prop_assert_eq!(is_said(offset), offset < within, "{} of {}", offset, within);
            }
        }
        let whole = geometry.member_bytes(array_bytes) / chunk * geometry.stripe_bytes();
        if level != RaidLevel::Mirrored {
            prop_assert!(whole >= array_bytes && whole < array_bytes + geometry.stripe_bytes());
        }
    }
}

#[test]
fn what_md_would_not_make_is_refused() {
    use RaidLevel::{Mirrored, Parity, Striped};

    let message = |level, chunk, members| {
        Geometry::new(level, chunk, members).map_err(|error| error.to_string())
    };
    let refused = [
        (Parity, Some(65536), 2, "RAID 5 with 2 members: expected 3 to 256"),
        (Striped, Some(65536), 1, "RAID 0 with 1 members: expected 2 to 256"),
        (Mirrored, None, 257, "RAID 1 with 257 members: expected 2 to 256"),
        (
            Parity,
            Some(12288),
            3,
            "a chunk of 12288 bytes: expected a power of two, which md wants for RAID 5, from 4096 \
             bytes to 1 GiB",
        ),
        (
            Striped,
            Some(6000),
            3,
            "a chunk of 6000 bytes: expected a multiple of 4096 bytes, from 4096 bytes to 1 GiB",
        ),
        (
            Striped,
            Some(0),
            3,
            "a chunk of 0 bytes: expected a multiple of 4096 bytes, from 4096 bytes to 1 GiB",
        ),
        (Mirrored, Some(65536), 3, "RAID 1 has no chunks: expected no chunk size"),
    ];
    for (level, chunk, members, expected) in refused {
        assert_eq!(message(level, chunk, members), Err(expected.to_owned()));
    }
    assert!(message(Striped, Some(12288), 2).is_ok());
    assert_eq!(Geometry::new(Parity, None, 3).unwrap().chunk_bytes(), 512 << 10);
}
