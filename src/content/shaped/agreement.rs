//! Where two places hold the same bytes.
//!
//! What arithmetic says of any length at once costs one step. What it does not is asked block by
//! block, or in templates byte by byte, and whoever asks can stop that.

use std::ops::Range;

use crate::content::StopCheck;
use crate::dataset::FileOrigins;

/// So many steps are made between two questions whether to stop: 100 µs at the most.
const STEPS: u32 = 512;

/// Joins runs of the same kind.
pub(super) struct AgreementRuns<'a> {
    start: u64,
    end: u64,
    agrees: bool,
    run: &'a mut dyn FnMut(Range<u64>, bool),
    stop: StopCheck<'a>,
    steps: u32,
    stopped: bool,
}

impl<'a> AgreementRuns<'a> {
    pub(super) fn new(stop: StopCheck<'a>, run: &'a mut dyn FnMut(Range<u64>, bool)) -> Self {
        Self { start: 0, end: 0, agrees: true, run, stop, steps: 0, stopped: false }
    }

    #[inline]
    pub(super) fn add(&mut self, length: u64, agrees: bool) {
        if agrees != self.agrees {
            self.hand_on();
            (self.start, self.agrees) = (self.end, agrees);
        }
        self.end += length;
    }

    fn hand_on(&mut self) {
        if self.start < self.end {
            (self.run)(self.start..self.end, self.agrees);
        }
    }

    /// The end; false where it was stopped before.
    pub(super) fn close(mut self) -> bool {
        self.hand_on();
        !self.stopped
    }

    /// Counts a step, and says whether to stop.
    #[inline]
    fn is_over(&mut self) -> bool {
        self.steps += 1;
        if self.steps == STEPS {
            self.steps = 0;
            self.stopped |= self.stop.is_now();
        }
        self.stopped
    }

    /// Two places whose bytes were made somewhere.
    pub(super) fn of_origins(&mut self, places: &[(FileOrigins, u64); 2], length: u64) {
        let [(one, one_offset), (other, other_offset)] = places;
        let mut done = 0;
        while done < length && !self.is_over() {
            let at = one_offset.wrapping_add(done);
            let (run, agrees) = one.together(at, other, other_offset.wrapping_add(done));
            let run = run.min(length - done);
            self.add(run, agrees);
            done += run;
        }
    }

    /// Two offsets into a template, which all files share: its bytes are compared.
    pub(super) fn of_bytes(&mut self, template: &[u8], offsets: [u64; 2], length: u64) {
        let period = template.len() as u64;
        let places = Places { template, at: offsets.map(|offset| to_index(offset % period)) };
        if places.at[0] == places.at[1] {
            return self.add(length, true);
        }
        if length > 2 * period {
            let mut forwards = places.clone();
            let Some(first) = (0..period).find(|_| !self.is_over() && !forwards.next_agrees())
            else {
                // The template repeats itself.
                return self.add(length, true);
            };
            let mut run = 0;
            let mut most = 0;
            for _ in 0..period {
                run = if forwards.next_agrees() { run + 1 } else { 0 };
                most = run.max(most);
                if most > CHANCE_BYTES_MAX || self.is_over() {
                    break;
                }
            }
            if most <= CHANCE_BYTES_MAX {
                debug_assert!(first <= CHANCE_BYTES_MAX || self.stopped);
                // What agrees at the end counts, however little it is.
                let end = (0..length).rev().find(|at| !places.agree_at(*at)).map_or(0, |at| at + 1);
                self.add(end, false);
                return self.add(length - end, true);
            }
        }
        self.byte_by_byte(length, places);
    }

    fn byte_by_byte(&mut self, length: u64, mut places: Places<'_>) {
        // Bytes that agree between two that do not, which may be by chance.
        let mut gap = 0;
        for _ in 0..length {
            if places.next_agrees() {
                gap += 1;
            } else {
                self.add(gap, gap > CHANCE_BYTES_MAX);
                self.add(1, false);
                gap = 0;
            }
            if self.is_over() {
                break;
            }
        }
        self.add(gap, true);
    }
}

/// Two places in a template that is repeated.
#[derive(Clone)]
struct Places<'a> {
    template: &'a [u8],
    at: [usize; 2],
}

impl Places<'_> {
    /// Whether the next two bytes are the same.
    #[inline]
    fn next_agrees(&mut self) -> bool {
        let [one, other] = self.at.map(|at| self.template.get(at));
        for at in &mut self.at {
            *at = if *at + 1 == self.template.len() { 0 } else { *at + 1 };
        }
        one == other
    }

    /// Whether two bytes further on are the same.
    fn agree_at(&self, further: u64) -> bool {
        let further = to_index(further % self.template.len() as u64);
        let [one, other] =
            self.at.map(|at| self.template.get((at + further) % self.template.len()));
        one == other
    }
}

/// So many bytes that agree between others that do not count with those.
const CHANCE_BYTES_MAX: u64 = 15;

/// Whether a template, when it is repeated, has more zeros in a row than may agree by chance.
pub(super) fn has_zeros(template: &[u8]) -> bool {
    let wanted = to_index(CHANCE_BYTES_MAX) + 1;
    let is_zero = |at: usize| template.get(at % template.len()) == Some(&0);
    let mut start = 0;
    while start < template.len() {
        // The last of so many that is none: no row of zeros reaches over it.
        match (start..start + wanted).rev().find(|at| !is_zero(*at)) {
            Some(last) => start = last + 1,
            None => return true,
        }
    }
    false
}

/// Lengths of what lies in memory.
fn to_index(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
