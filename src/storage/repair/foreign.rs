//! Whether a directory is another dataset's, before anything is written to it.

use std::path::Path;

use crate::content::Content;
use crate::disk::{Faults, Links};
use crate::storage::block_file::open_to_read;
use crate::storage::blocks::read_block;
use crate::storage::{Root, Share, Transfer};

/// How many files are looked at, far apart from one another.
const FILES_MAX: u64 = 256;
/// How much of each place.
const PLACE_BYTES: usize = 4096;

/// Whether a directory has files of the share's names, and nothing that was read of some of them is
/// content of the dataset: then it is another one's, or the seed is another.
///
/// Empty files and zeros say nothing, so a disk that is new or was wiped is nobody's.
#[must_use]
pub fn has_none_of<F: Faults>(root: &Root<F>, share: Share<'_>) -> bool {
    let content = Content::of(share.dataset());
    let count = share.file_count();
    let step = count.div_ceil(FILES_MAX).max(1);
    let mut has_others = false;
    for index in (0..FILES_MAX).map(|at| at * step).take_while(|index| *index < count) {
        let file = share.file(index);
        let path = share.path(file);
        let how = (Transfer::Cached, Links::Refuse);
        let Ok(opened) = open_to_read(&root.disk, &root.directory, Path::new(&path), how) else {
            continue;
        };
        let size_bytes = share.dataset().size_bytes(file);
        let last = size_bytes.saturating_sub(PLACE_BYTES as u64);
        for offset in [0, size_bytes / 2, last] {
            let mut place = [0; PLACE_BYTES];
            let Ok(read) = read_block(&root.disk, &opened, offset, &mut place) else { continue };
            let wanted = usize::try_from(size_bytes - offset).unwrap_or(usize::MAX);
            match speaks_for(&content, share, (index, offset), &place[..read.min(wanted)]) {
                Some(true) => return false,
                Some(false) => has_others = true,
                None => {}
            }
        }
    }
    has_others
}

/// Whether some bytes of a file are the dataset's; `None` where they say nothing.
fn speaks_for(
    content: &Content,
    share: Share<'_>,
    (index, offset): (u64, u64),
    place: &[u8],
) -> Option<bool> {
    if place.iter().all(|byte| *byte == 0) && !content.is_zeros() {
        return None;
    }
    // The first bytes may agree by chance, or are the framing of a format, as any seed has it.
    let mut differing = 0;
    let file = share.file(index);
    content.differing_runs(file, offset, place, &mut |run| differing += run.len());
    if differing * 2 < place.len() {
        return Some(true);
    }
    let mut located = false;
    content.locate(place, share.dataset(), &mut |_| located = true);
    Some(located)
}
