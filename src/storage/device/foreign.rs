//! Whether a device is another dataset's, before a repair writes to it.

use super::Device;
use super::state::ImageOf;
use crate::disk::{ALIGNMENT, Faults};

/// How many places of a device are looked at, far apart from one another.
const PLACES_MAX: u64 = 1024;

/// Whether a device has bytes that are not zeros, and none that were looked at are content of the
/// dataset: then it is another one's, or the seed is another.
pub fn has_none_of_image<F: Faults>(device: &Device<F>, image: ImageOf<'_>) -> bool {
    let dataset = image.layout.share().dataset();
    let pages = image.image.length().min(device.length()) / ALIGNMENT as u64;
    let step = pages.div_ceil(PLACES_MAX).max(1);
    let mut has_others = false;
    for page in (0..PLACES_MAX).map(|at| at * step).take_while(|page| *page < pages) {
        let offset = page * ALIGNMENT as u64;
        let (mut actual, mut right) = (vec![0; ALIGNMENT], vec![0; ALIGNMENT]);
        if device.read_exact(offset, &mut actual).is_err() || actual.iter().all(|byte| *byte == 0) {
            continue;
        }
        image.image.fill(offset, &mut right);
        let agreeing = right.iter().zip(&actual).filter(|(right, actual)| right == actual).count();
        let mut located = agreeing * 2 > ALIGNMENT;
        image.layout.content().locate(&actual, dataset, &mut |_| located = true);
        if located {
            return false;
        }
        has_others = true;
    }
    has_others
}
