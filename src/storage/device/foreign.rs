//! Whether a device is another dataset's, before a repair writes to it.

use super::Device;
use super::state::ImageOf;
use crate::content::Content;
use crate::dataset::Dataset;
use crate::disk::{ALIGNMENT, Faults};
use crate::storage::image::Image;

/// How many places of a device are looked at, far apart from one another.
const PLACES_MAX: u64 = 1024;

/// Whether a device has bytes that are not zeros, and none that were looked at are content of the
/// dataset: then it is another one's, or the seed is another.
pub fn has_none_of_image<F: Faults>(device: &Device<F>, image: ImageOf<'_>) -> bool {
    let (content, dataset) = (image.layout.content(), image.layout.share().dataset());
    let read = |offset, page: &mut [u8]| device.read_exact(offset, page).is_ok();
    let length = image.image.length().min(device.length());
    is_of_others(&read, (image.image, length), (content, dataset), PLACES_MAX) == Some(true)
}

/// Whether so many pages, far apart from one another, have bytes that are not zeros and none that
/// are content of the dataset; `None` where none of them says anything.
pub(in crate::storage) fn is_of_others(
    read: &dyn Fn(u64, &mut [u8]) -> bool,
    (image, length): (&dyn Image, u64),
    (content, dataset): (&Content, &Dataset),
    places: u64,
) -> Option<bool> {
    let pages = length / ALIGNMENT as u64;
    let step = pages.div_ceil(places).max(1);
    let (mut actual, mut right) = (vec![0; ALIGNMENT], vec![0; ALIGNMENT]);
    let mut has_others = None;
    for page in (0..places).map(|at| at * step).take_while(|page| *page < pages) {
        let offset = page * ALIGNMENT as u64;
        if !read(offset, &mut actual) || actual.iter().all(|byte| *byte == 0) {
            continue;
        }
        image.fill(offset, &mut right);
        let agreeing = right.iter().zip(&actual).filter(|(right, actual)| right == actual).count();
        let mut located = agreeing * 2 > ALIGNMENT;
        content.locate(&actual, dataset, &mut |_| located = true);
        if located {
            return Some(false);
        }
        has_others = Some(true);
    }
    has_others
}
