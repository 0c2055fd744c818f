use super::*;
use crate::content::{Address, Content};
use crate::dataset::{Coordinates, FileContent};
use crate::storage::raid::member::{FileImage, RaidMember};

const CHUNK: u64 = 8192;

fn members(seed: &str, geometry: Geometry) -> Vec<Vec<u8>> {
    let content = Content::new(seed);
    let file = FileContent { file: Coordinates::default(), size_bytes: 1 << 20 };
    let image = FileImage::new(&content, file, geometry);
    let page = |member| {
        let mut page = vec![0; PAGE_BYTES];
        RaidMember::new(&image, geometry, member).fill(0, &mut page);
        page
    };
    (0..geometry.members()).map(page).collect()
}

/// Every set of members that a crash can leave unwritten in a stripe is found, and no other.
#[test]
fn every_way_of_tearing_a_stripe_is_told() {
    let geometry = Geometry::new(RaidLevel::Parity, Some(CHUNK), 5).unwrap();
    let (now, before) = (members("now", geometry), members("before", geometry));
    let (content, seeds) = (Content::new("now"), [Content::new("before")]);
    let file = FileContent { file: Coordinates::default(), size_bytes: 1 << 20 };
    let array = FileImage::new(&content, file, geometry);
    let earlier = Earlier { content: &content, seeds: &seeds };
    let judge = RowJudge { array: &array, geometry, earlier, known: &|_: &Address| true };
    let expected: Vec<&[u8]> = now.iter().map(Vec::as_slice).collect();
    // The parity of the first stripe is on the last member.
    for not_written in 0_u32..32 {
        let is_old = |member: usize| not_written >> member & 1 == 1;
        let pages =
            (0..5).map(|member| if is_old(member) { &before } else { &now }[member].as_slice());
        let actual: Vec<Option<&[u8]>> = pages.map(Some).collect();
        let judged = judge.judge(PageRow { offset: 0, expected: &expected, actual: &actual });
        let wrong: Vec<u32> = judged.faults.iter().map(|fault| fault.member).collect();
        let old: Vec<u32> = (0..5).filter(|member| is_old(*member as usize)).collect();
        assert_eq!(wrong, old);
        let is_whole = not_written == 0 || not_written == 31;
        let only_parity = not_written == 16;
        assert_eq!(judged.consistent, not_written == 31, "{old:?}");
        match judged.torn {
            Some(torn) => assert_eq!((torn.not_written, is_whole || only_parity), (old, false)),
            None => assert!(is_whole || only_parity, "{old:?}"),
        }
    }
}
