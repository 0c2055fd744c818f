//! Real storage: the same dataset in directories of any filesystem.
//!
//! A mount shows the dataset and judges what is written to it. Here the same bytes are written to
//! storage ([`write()`]), and what storage gives back is judged by the same rules ([`verify`]). The
//! nodes of a cluster need not talk to one another: what each has to do follows from its number.
//!
//! ```text
//!               Share: file number ─→ coordinates, path
//!                 │
//!   threads ─→ crew: a file each; the last ones in parts of 16 MiB, on all threads
//!                 │
//!        write    │  generate a block ─→ write it ─→ … ─→ (fsync) ─→ rename to its name
//!        verify   │  read a block ─→ recognise ─┬─→ in order ─→ judge ─→ tally, ranges
//!                 │                             └ parts that are early wait, a bounded number
//!                 └─→ Progress: counters that a bar, lines or a node status are made from
//! ```
//!
//! A file has its name only when it is whole. Until then it has one that no other run can have, in
//! the same directory. It says whose node's it is, so that the next run of the node removes what a
//! killed one has left.
//!
//! Directories may belong to others, too. All that is done in them goes through
//! [`disk`](crate::disk), below a directory that was opened once.
//!
//! Memory does not depend on the size of the dataset or of its files, right or wrong: each thread
//! has a block, or one more than it has requests under way, and a verified file what its judge
//! remembers, plus at most two parts of 16 MiB for each thread while threads share a file whose
//! bytes are nobody's.
//!
//! This layer prints nothing and knows no FUSE. What goes wrong with one file is noted with its
//! path ([`FailureLog`]), and the others are still done.

mod block_file;
mod blocks;
mod crew;
mod device;
mod earlier_seeds;
mod file_judge;
mod image;
mod in_memory;
mod in_order;
mod journal;
mod judged_so_far;
mod machine;
mod node_status;
mod outcome;
mod output;
mod patience;
mod pipeline;
mod progress;
mod publish;
#[cfg(test)]
mod queue_tests;
mod raid;
mod rank;
mod repair;
mod reporter;
mod reports;
mod requests;
mod resume_state;
mod sample;
mod share;
mod states;
mod sums;
mod target;
mod targets;
mod template;
#[cfg(test)]
mod tests;
mod textfile;
mod verify;
mod walk;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use block_file::Transfer;
pub use device::{
    Device, DeviceAccess, DevicePass, DeviceState, DeviceUse, ImageOf, ParityRange, PassOptions,
    UsesOfDevice, has_none_of_image, pass, uses_of, write_images,
};
pub use earlier_seeds::{EARLIER_SEEDS_MAX, EarlierSeeds};
pub use image::{DeviceLayout, Image, ImageError, SLOT_ALIGNMENT, Stretch, StretchKind};
pub use in_memory::{ALONE_BYTES_MAX, StreamJudge, judge_bytes};
pub use journal::{
    ExamineOptions, Examined, Fate, FateRange, FileLedger, Header, Journal, JournalError,
    JournalOf, Ledger, NameState, PASSES_MAX, PassesError, Recording, Replayed, Rhythm, Runs,
    Standing, Survivor, examine, generations, read_journal, write_passes,
};
pub use node_status::{ClusterStatus, NodeMetadata, NodeStatus, StatusKeeper};
pub use outcome::{FILES_LISTED_MAX, FailureLog, FileFailure, Findings};
pub use output::{Growing, Output};
pub use patience::Patience;
pub use progress::{Figures, Progress, ProgressSnapshot};
pub use publish::{EarlierReport, Publisher};
pub use raid::{
    MemberSlot, PresentMember, RaidFindings, RaidMember, RaidMembers, RaidMended, RaidOptions,
    RaidPurpose, RaidRepair, RaidReport, RaidSurroundings, RaidWriteOptions, arrays_of_others,
    raid_member_bytes, raid_repair, raid_verify, raid_write,
};
pub use rank::{Rank, RankError, find_job, find_rank};
pub use repair::{RepairOptions, Repairs, ReportFileError, files_of_report, has_none_of, repair};
pub use reporter::Reporter;
pub use reports::{read_reports, read_reports_in};
pub use requests::{Requests, TooManyBuffers};
pub use resume_state::{ResumeState, ResumeStateError, Walk};
pub use sample::{Sample, SampleError};
pub use share::Share;
pub use sums::{Algorithm, SumsOptions, sums};
pub use target::Root;
pub use targets::{
    DocumentError, OpenTarget, Selection, SpaceNeeded, Spread, SpreadError, SpreadRule,
    TARGETS_MAX, TargetFiles, TargetSet, TargetStates, TargetTally, Targets, TargetsError,
    WantedRule, WantedSpread, repair_targets, space_needed, target_of_others, verify_targets,
    write_to_targets,
};
pub use template::{TemplateError, read_template};
pub use textfile::Textfile;
pub use verify::{VerifyOptions, VerifyWatch, verify};
use write::write_recorded;
pub use write::{Existing, WriteOptions, existing_bytes, free_bytes, write};

/// Asks everybody to stop: a flag that is set once.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler to set.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
