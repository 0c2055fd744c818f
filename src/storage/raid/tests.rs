use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::findings::MemberRange;
use super::judge::{MemberFault, TornPage};
use super::member::{FileImage, RaidMember};
use super::*;
use crate::content::{Content, Source};
use crate::dataset::{Coordinates, Dataset, DatasetConfig};
use crate::disk::{Disk, Durability};
use crate::numa::Placement;
use crate::raid::{Geometry, RaidLevel, xor_into};
use crate::storage::image::Image;
use crate::storage::{Progress, Root, Share, StopFlag, Transfer};

use super::earlier::EarlierState;

const CHUNK: usize = 16384;
/// Four stripes of three members, and a bit of the fifth.
const SIZE: u64 = 4 * 2 * CHUNK as u64 + 5000;

struct Bench {
    _directory: TempDir,
    roots: Vec<Root>,
    dataset: Dataset,
    older: [Content; 1],
    geometry: Geometry,
}

impl Bench {
    /// Two files, written by seedfs over so many members.
    fn new(level: RaidLevel, members: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = DatasetConfig {
            files: Some("2".into()),
            size: Some(SIZE.to_string().as_str().into()),
            seed: Some("now".into()),
            ..DatasetConfig::default()
        };
        let dataset = config.validate().unwrap();
        let chunk = (level != RaidLevel::Mirrored).then_some(CHUNK as u64);
        let geometry = Geometry::new(level, chunk, members).unwrap();
        let root = |member| {
            let path = directory.path().join(format!("d{member}"));
            Root::make(Disk::real(), &path, Durability::Later).unwrap()
        };
        let roots: Vec<Root> = (0..members).map(root).collect();
        let bench = Self {
            roots,
            dataset,
            geometry,
            older: [Content::new("before")],
            _directory: directory,
        };
        let options = RaidWriteOptions {
            geometry,
            threads: 2,
            placement: Placement::Off,
            transfer: Transfer::Cached,
            present: PresentMember::Refused,
            durability: Durability::Later,
        };
        let (progress, stop) = (Progress::new(1, 1), StopFlag::default());
        let failures = raid_write(&bench.roots, bench.share(), options, &progress, &stop);
        assert_eq!(failures.total, 0, "{:?}", failures.listed);
        bench
    }

    fn share(&self) -> Share<'_> {
        Share::new(&self.dataset, None)
    }

    fn file(&self, member: usize, file: u64) -> PathBuf {
        self.roots[member].path().join(self.share().path(self.share().file(file)))
    }

    fn all(&self) -> Vec<MemberSlot<&Root>> {
        self.roots.iter().map(MemberSlot::There).collect()
    }

    fn reading(&self) -> RaidOptions<'_> {
        RaidOptions {
            geometry: self.geometry,
            threads: 2,
            placement: Placement::Off,
            transfer: Transfer::Cached,
            drop_cache: false,
            seeds: &self.older,
            purpose: RaidPurpose::Judge,
        }
    }

    fn verify(&self, slots: Vec<MemberSlot<&Root>>) -> RaidFindings {
        let options = self.reading();
        let (progress, stop) = (Progress::new(1, 1), StopFlag::default());
        raid_verify(&RaidMembers::Directories(slots), self.share(), options, &progress, &stop)
    }

    fn repair(&self) -> RaidRepair {
        let (progress, stop) = (Progress::new(1, 1), StopFlag::default());
        let options = (self.reading(), Durability::Synced);
        raid_repair(&RaidMembers::Directories(self.all()), self.share(), options, &progress, &stop)
    }

    /// What is found of a member of the first file, all members read together.
    fn faults(&self) -> Vec<(u32, u64, u64, MemberFault)> {
        let found = self.verify(self.all());
        let of = |range: &MemberRange| {
            assert_eq!(range.array, 0);
            (range.member, range.offset, range.length, range.fault.clone())
        };
        found.ranges.listed().iter().map(of).collect()
    }

    fn change(&self, member: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.file(member, 0);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }

    /// The bytes of a member of the first file, under the seed of before.
    fn before(&self, member: usize) -> Vec<u8> {
        let file = self.dataset.file_content(Coordinates::default());
        let image = FileImage::new(&self.older[0], file, self.geometry);
        let member = RaidMember::new(&image, self.geometry, member as u32);
        let mut bytes = vec![0; member.length() as usize];
        member.fill(0, &mut bytes);
        bytes
    }
}

const PAGE: usize = 4096;

#[test]
fn what_was_written_is_verified_and_all_members_are_as_long() {
    for (level, members, length) in [
        (RaidLevel::Striped, 2, 5 * CHUNK),
        (RaidLevel::Mirrored, 2, SIZE as usize),
        (RaidLevel::Parity, 3, 5 * CHUNK),
        (RaidLevel::Parity, 4, 3 * CHUNK),
    ] {
        let bench = Bench::new(level, members);
        let found = bench.verify(bench.all());
        assert!(found.is_verified(), "{level}: {:?}", found.ranges.listed());
        for member in 0..members as usize {
            assert_eq!(fs::read(bench.file(member, 1)).unwrap().len(), length, "{level}");
            assert_eq!(found.members[member].expected, 2 * length as u64);
        }
    }
}

#[test]
fn plain_damage_is_named_to_the_byte_in_member_and_file() {
    let bench = Bench::new(RaidLevel::Parity, 3);
    bench.change(0, |bytes| bytes[10] ^= 4);
    bench.change(1, |bytes| bytes[PAGE + 7..PAGE + 307].fill(0));
    bench.change(2, |bytes| bytes[2 * CHUNK..2 * CHUNK + 64].copy_from_slice(&[9; 64]));
    let expected = [
        (0, 10, 1, MemberFault::Flipped),
        (1, PAGE as u64 + 7, 300, MemberFault::Zeroed),
        (2, 2 * CHUNK as u64, 64, MemberFault::Foreign),
    ];
    let found = bench.faults();
    // A byte at an edge may agree by chance: none of these does.
    assert_eq!(found, expected);
    let names: Vec<_> = (0..3).map(|member| Some(format!("d{member}"))).collect();
    let surroundings = RaidSurroundings {
        share: bench.share(),
        geometry: bench.geometry,
        names: &names,
        seeds: &[],
        seconds: 1.0,
        bytes_read: 1,
    };
    let members = RaidMembers::Directories(bench.all());
    let report = RaidReport::new(&bench.verify(bench.all()), &members, surroundings);
    let json: serde_json::Value = serde_json::from_slice(&report.json()).unwrap();
    // Stripe 2 is (parity, 4, 5): its third member holds chunk 5.
    assert_eq!(json["ranges"][2]["array_offset"], 5 * CHUNK as u64);
    assert_eq!(json["ranges"][2]["file_offset"], 5 * CHUNK as u64);
    assert_eq!(json["ranges"][2]["path"], bench.share().path(Coordinates::default()));
    assert_eq!(json["verdict"], "mismatch");
    assert!(report.to_string().contains("member 1 at 4103, 300 bytes: zeroed"), "{report}");
}

/// Chunks of one stripe on each other's disk, of three members and of four.
#[test]
fn a_chunk_on_the_wrong_disk_is_named_and_whose_it_is() {
    for members in [3, 4] {
        let bench = Bench::new(RaidLevel::Parity, members);
        let last = fs::read(bench.file(2, 0)).unwrap();
        let range = CHUNK..2 * CHUNK;
        let mut first = Vec::new();
        bench.change(0, |bytes| {
            first = bytes[range.clone()].to_vec();
            bytes[range.clone()].copy_from_slice(&last[range.clone()]);
        });
        bench.change(2, |bytes| bytes[range.clone()].copy_from_slice(&first));
        let (at, length) = (CHUNK as u64, CHUNK as u64);
        let expected = [
            (0, at, length, MemberFault::OtherMember(2)),
            (2, at, length, MemberFault::OtherMember(0)),
        ];
        assert_eq!(bench.faults(), expected, "{members} members");
        // Exchanged, but complete: the parity cannot tell.
        let found = bench.verify(bench.all());
        assert!(found.ranges.listed().iter().all(|range| range.consistent));
        // From below, with one member alone.
        let alone = (0..members as usize).map(|member| match member {
            2 => MemberSlot::There(&bench.roots[2]),
            _ => MemberSlot::NotAsked,
        });
        let found = bench.verify(alone.collect());
        assert_eq!(found.ranges.listed().len(), 1);
        assert_eq!(found.ranges.listed()[0].fault, MemberFault::OtherMember(0));
        assert_eq!(found.members[0].expected, 0);
    }
}

#[test]
fn content_of_another_stripe_is_misplaced_and_named() {
    let bench = Bench::new(RaidLevel::Striped, 2);
    bench.change(1, |bytes| bytes.copy_within(3 * CHUNK..3 * CHUNK + 2 * PAGE, CHUNK));
    let source = Source { file: Coordinates::default(), offset: 7 * CHUNK as u64 };
    let expected = (1, CHUNK as u64, 2 * PAGE as u64, MemberFault::Misplaced(source));
    assert_eq!(bench.faults(), [expected]);
}

#[test]
fn directories_that_were_exchanged_are_named() {
    let bench = Bench::new(RaidLevel::Parity, 3);
    let exchanged = [1, 0, 2].map(|member: usize| MemberSlot::There(&bench.roots[member]));
    let found = bench.verify(exchanged.into());
    let really: Vec<_> = found.members.iter().map(findings::MemberTally::is_really).collect();
    assert_eq!(really, [Some(1), Some(0), None]);
}

/// The parity of stripe 0 is on member 2.
#[test]
fn stale_parity_names_the_members_whose_data_came_later() {
    let bench = Bench::new(RaidLevel::Parity, 3);
    let (old, new) = (bench.before(1), fs::read(bench.file(1, 0)).unwrap());
    bench.change(2, |bytes| {
        xor_into(&mut bytes[..PAGE], &old[..PAGE]);
        xor_into(&mut bytes[..PAGE], &new[..PAGE]);
        // Never written: of two chunks of zeros.
        bytes[2 * PAGE..3 * PAGE].fill(0);
    });
    let stale =
        |state, members: &[u32]| MemberFault::StaleParity { state, members: members.to_vec() };
    let page = PAGE as u64;
    let expected = [
        (2, 0, page, stale(EarlierState::Seed(0), &[1])),
        (2, 2 * page, page, stale(EarlierState::Zeros, &[0, 1])),
    ];
    assert_eq!(bench.faults(), expected);
    let found = bench.verify(bench.all());
    assert!(found.torn.listed().is_empty(), "all data are of now");
}

#[test]
fn parity_of_all_the_data_of_before_is_stale() {
    let bench = Bench::new(RaidLevel::Parity, 4);
    // Stripe 1: 4 5 (P) 3.
    let old = bench.before(2);
    let range = CHUNK..2 * CHUNK;
    bench.change(2, |bytes| bytes[range.clone()].copy_from_slice(&old[range.clone()]));
    let fault = MemberFault::StaleParity { state: EarlierState::Seed(0), members: vec![0, 1, 3] };
    assert_eq!(bench.faults(), [(2, CHUNK as u64, CHUNK as u64, fault)]);
}

#[test]
fn a_torn_stripe_is_told_from_stale_data_and_from_damage() {
    let bench = Bench::new(RaidLevel::Parity, 3);
    // Stripe 0: the data of member 0 were written, those of member 1 and the parity were not.
    let (old_data, old_parity) = (bench.before(1), bench.before(2));
    let range = PAGE..3 * PAGE;
    bench.change(1, |bytes| bytes[range.clone()].copy_from_slice(&old_data[range.clone()]));
    bench.change(2, |bytes| bytes[range.clone()].copy_from_slice(&old_parity[range.clone()]));
    let found = bench.verify(bench.all());
    let torn = found.torn.listed();
    assert_eq!(torn.len(), 1);
    assert_eq!((torn[0].stripe, torn[0].offset, torn[0].length), (0, 4096, 8192));
    assert_eq!(torn[0].page, TornPage { written: vec![0], not_written: vec![1, 2] });
    // With the data of member 0 of before too, the stripe is as it was: stale, and whole.
    let old = bench.before(0);
    bench.change(0, |bytes| bytes[range.clone()].copy_from_slice(&old[range.clone()]));
    let found = bench.verify(bench.all());
    assert!(found.torn.listed().is_empty());
    assert!(found.ranges.listed().iter().all(|range| range.consistent));
    assert_eq!(found.ranges.listed()[0].fault, MemberFault::Stale(EarlierState::Seed(0)));
}

#[test]
fn what_is_missing_too_short_or_too_long_is_named() {
    let bench = Bench::new(RaidLevel::Parity, 3);
    fs::remove_file(bench.file(0, 0)).unwrap();
    bench.change(1, |bytes| bytes.truncate(CHUNK + 100));
    bench.change(2, |bytes| bytes.extend([0; 77]));
    let (chunk, length) = (CHUNK as u64, 5 * CHUNK as u64);
    let expected = [
        (0, 0, length, MemberFault::Missing),
        (1, chunk + 100, length - chunk - 100, MemberFault::Missing),
        (2, length, 77, MemberFault::Extra),
    ];
    assert_eq!(bench.faults(), expected);
    // A directory that is not there is a member that is.
    let mut slots = bench.all();
    slots[1] = MemberSlot::Missing;
    let found = bench.verify(slots);
    assert_eq!(found.members[1].missing, 2 * length);
    assert!(!found.is_verified());
}

#[test]
fn mirrors_are_judged_one_by_one() {
    let bench = Bench::new(RaidLevel::Mirrored, 3);
    bench.change(0, |bytes| bytes[5000..5100].fill(0));
    bench.change(2, |bytes| bytes[5000..5100].fill(0));
    let expected = [(0, 5000, 100, MemberFault::Zeroed), (2, 5000, 100, MemberFault::Zeroed)];
    assert_eq!(bench.faults(), expected);
}

/// One member lost, one damaged in every way, with three members and with four; and all lost.
#[test]
fn members_are_made_whole_whatever_is_lost() {
    for (level, members) in
        [(RaidLevel::Parity, 3), (RaidLevel::Parity, 4), (RaidLevel::Striped, 3)]
    {
        let mut bench = Bench::new(level, members);
        let read = |file| {
            let of = |member| fs::read(bench.file(member, file)).unwrap();
            (0..members as usize).map(of).collect::<Vec<_>>()
        };
        let right = [read(0), read(1)];
        fs::remove_dir_all(bench.roots[0].path()).unwrap();
        fs::create_dir(bench.roots[0].path()).unwrap();
        bench.roots[0] = Root::open(Disk::real(), bench.roots[0].path()).unwrap();
        bench.change(1, |bytes| {
            bytes[100..200].fill(7);
            bytes.copy_within(CHUNK..2 * CHUNK, 2 * CHUNK);
            bytes.truncate(3 * CHUNK - 5);
        });
        bench.change(2, |bytes| bytes.extend([1; 9]));
        let done = bench.repair();
        assert!(done.is_all_right(), "{:?}", done.failures.listed);
        assert_eq!(done.made, 2);
        assert!(!done.found.ranges.listed().is_empty());
        for (file, expected) in (0..).zip(&right) {
            for (member, expected) in expected.iter().enumerate() {
                assert!(fs::read(bench.file(member, file)).unwrap() == *expected, "{level}");
            }
        }
        assert!(bench.verify(bench.all()).is_verified());
    }
}
