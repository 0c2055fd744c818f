//! Whether arrays are another dataset's, before a repair writes to their members.

use super::arrays::{FoundMember, RaidMembers};
use super::member::RaidMember;
use crate::content::Content;
use crate::disk::{ALIGNMENT, Faults};
use crate::raid::Geometry;
use crate::storage::blocks::read_block;
use crate::storage::device::is_of_others;
use crate::storage::image::Image;
use crate::storage::{Share, Transfer};

/// How many arrays are looked at, far apart from one another, and how many places of each member.
const ARRAYS_MAX: u64 = 64;
const PLACES_MAX: u64 = 64;

/// Whether members have bytes that are not zeros, and none that were looked at are the dataset's:
/// then they are another one's, or the seed is another.
#[must_use]
pub fn arrays_of_others<F: Faults>(
    members: &RaidMembers<'_, F>,
    share: Share<'_>,
    geometry: Geometry,
) -> bool {
    let content = Content::of(share.dataset());
    let count = members.count(share);
    let step = count.div_ceil(ARRAYS_MAX).max(1);
    let mut has_others = false;
    for array in (0..ARRAYS_MAX).map(|at| at * step).take_while(|array| *array < count) {
        let image = members.image((share, &content), geometry, array);
        for member in 0..geometry.members() {
            let kept = RaidMember::new(&image, geometry, member);
            let at = (array, member as usize);
            let Some(root) = members.root(at.1) else { continue };
            let opened = members.open(share, at, (Transfer::Cached, false));
            let Ok(Some(FoundMember { open, .. })) = opened else { continue };
            let read = |offset: u64, page: &mut [u8]| {
                let read = read_block(&root.disk, &open.file, open.data_offset + offset, page);
                read.is_ok_and(|read| read == ALIGNMENT)
            };
            let of = (&content, share.dataset());
            match is_of_others(&read, (&kept, kept.length()), of, PLACES_MAX) {
                Some(false) => return false,
                Some(true) => has_others = true,
                None => {}
            }
        }
    }
    has_others
}
