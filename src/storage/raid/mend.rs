//! Making members whole: what is missing is made, and what is wrong is written anew in place.
//!
//! Every byte is made from the seed, so no other member is needed, and any number may be lost.

use std::io;
use std::ops::Range;

use super::arrays::RaidMembers;
use super::findings::RaidFindings;
use super::verify::{RaidOptions, RaidPurpose, raid_verify};
use super::window::{Kept, OpenMember, Windows};
use super::write::{PresentMember, RaidWriteOptions, raid_write_members};
use crate::disk::{Disk, Durability, Faults};
use crate::storage::image::Image;
use crate::storage::{FileFailure, Findings, Progress, Share, StopFlag};

/// What a repair has done.
#[derive(Debug)]
pub struct RaidRepair {
    /// What was wrong with the members that were there.
    pub found: RaidFindings,
    /// How many members of files were made that were not there.
    pub made: u64,
    /// What is not right now, and why.
    pub failures: Findings<FileFailure>,
}

impl RaidRepair {
    /// Whether all is right now.
    #[must_use]
    pub fn is_all_right(&self) -> bool {
        self.found.complete && self.failures.total == 0
    }
}

/// Makes the members of arrays whole, until all are done or a stop: first those of files that are
/// not there, then what is wrong with the others. Everything that is written is read back.
///
/// Of a directory that is not there nothing is made.
pub fn raid_repair<F: Faults>(
    members: &RaidMembers<'_, F>,
    share: Share<'_>,
    (options, durability): (RaidOptions<'_>, Durability),
    progress: &Progress,
    stop: &StopFlag,
) -> RaidRepair {
    let writing = RaidWriteOptions {
        geometry: options.geometry,
        threads: options.threads,
        placement: options.placement,
        transfer: options.transfer,
        present: PresentMember::Kept,
        durability,
    };
    let (made, mut failures) = match members.all_directories() {
        Some(roots) => raid_write_members(&roots, share, writing, progress, stop),
        None => (0, Findings::default()),
    };
    let options = RaidOptions { purpose: RaidPurpose::Mend(durability), ..options };
    let found = raid_verify(members, share, options, progress, stop);
    failures.append(&found.failures);
    RaidRepair { found, made, failures }
}

/// Writes what is wrong in a window, and reads it back. Hands on what could not be written, with
/// the number of the member.
pub(super) fn mend<F: Faults, I: Image + ?Sized>(
    disk: &Disk<F>,
    kept: Kept<'_, I>,
    files: &[Option<OpenMember>],
    (windows, range): (&mut Windows, Range<u64>),
    failed: &mut dyn FnMut(usize, &io::Error),
) {
    let mut is_written = true;
    windows.each_wrong_run(|member, offset, bytes| {
        let Some(OpenMember { file, data_offset }) = &files[member] else { return };
        if let Err(error) = disk.write_all_at(file, bytes, data_offset + offset) {
            failed(member, &error);
            is_written = false;
        }
    });
    windows.read(disk, kept, files, (range, &mut *failed));
    if !windows.is_right(kept) && is_written {
        let mut wrong = Vec::new();
        windows.each_wrong_run(|member, _, _| wrong.push(member));
        wrong.dedup();
        for member in wrong {
            failed(member, &io::Error::other("it is still wrong after it was written"));
        }
    }
}
