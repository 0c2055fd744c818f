//! Errors that may pass, and how often something is tried again because of one.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::StopFlag;

/// How often each file is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// So many times at the most.
    pub retries: u32,
}

/// The pause before the second try; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often a thread that pauses looks for a stop.
const LOOK: Duration = Duration::from_millis(20);

impl Patience {
    /// Whether to try again after an error: pauses before it says so. `tries` counts.
    pub(super) fn tries_again(self, tries: &mut u32, error: &io::Error, stop: &StopFlag) -> bool {
        if *tries >= self.retries || !may_pass(error) || stop.is_set() {
            return false;
        }
        let until = Instant::now() + pause(*tries);
        *tries += 1;
        while !stop.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(LOOK));
        }
        false
    }
}

fn pause(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1_u32.checked_shl(tries).unwrap_or(u32::MAX)).min(LONGEST_PAUSE)
}

/// Whether an error may be another one, or none, a moment later. A full or a read-only disk stays
/// as it is until somebody does something about it.
pub(super) fn may_pass(error: &io::Error) -> bool {
    let errno = error.raw_os_error();
    errno.is_some_and(|errno| {
        [libc::EIO, libc::EAGAIN, libc::ETIMEDOUT, libc::ESTALE].contains(&errno)
    })
}

/// Whether an error is the disk's, and the next file there would have it, too.
pub(super) fn is_of_disk(error: &io::Error) -> bool {
    const OF_DISK: [i32; 11] = [
        libc::EIO,
        libc::ENOSPC,
        libc::EDQUOT,
        libc::EROFS,
        libc::ENODEV,
        libc::ENXIO,
        libc::ESTALE,
        libc::ETIMEDOUT,
        libc::ENOTCONN,
        libc::ESHUTDOWN,
        libc::EREMOTEIO,
    ];
    error.raw_os_error().is_some_and(|errno| OF_DISK.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound() {
        assert_eq!(pause(0), FIRST_PAUSE);
        assert_eq!(pause(3), FIRST_PAUSE * 8);
        for tries in [7, 31, 32, u32::MAX] {
            assert_eq!(pause(tries), LONGEST_PAUSE, "{tries}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_only_so_often() {
        let (stop, patience) = (StopFlag::default(), Patience { retries: 2 });
        let error = io::Error::from_raw_os_error;
        let mut tries = 0;
        assert!(!patience.tries_again(&mut tries, &error(libc::ENOSPC), &stop));
        assert!(!patience.tries_again(&mut tries, &io::Error::other("no errno"), &stop));
        assert!(patience.tries_again(&mut tries, &error(libc::EIO), &stop));
        assert!(patience.tries_again(&mut tries, &error(libc::EAGAIN), &stop));
        assert!(!patience.tries_again(&mut tries, &error(libc::EIO), &stop));
        assert_eq!(tries, 2);
    }

    #[test]
    fn a_stop_ends_a_pause() {
        let (stop, patience) = (StopFlag::default(), Patience { retries: 100 });
        let mut tries = 30;
        let began = Instant::now();
        let setter = stop.clone();
        let paused = thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(50));
                setter.set();
            });
            patience.tries_again(&mut tries, &io::Error::from_raw_os_error(libc::EIO), &stop)
        });
        assert!(!paused && began.elapsed() < LONGEST_PAUSE / 2);
    }
}
