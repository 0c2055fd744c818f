//! What the storage has acknowledged, so that after a crash it can be asked what became of it.
//!
//! ```text
//!   write ─→ Recorder ─→ Journal: Ledger ─→ one line for each sync ─→ FILE, on another disk
//!                                                                       │
//!                       (power cut, panic, SIGKILL)                     │
//!                                                                       ▼
//!   verify --after-crash: what stands in each file (examine) × Ledger (replayed) ─→ verdicts
//! ```
//!
//! *A promise* is made when a sync returns. It covers the bytes whose writes had returned when it
//! began. A file that gets its name by a rename has two of them: one on its content, and one on its
//! name, which the sync of its directory gives. While the name is not synced, a crash may take the
//! file away, or bring back the one that it replaced; so nothing is asked of its bytes then, unless
//! the file is there and no other can be.
//!
//! *The order is what makes a journal true.* A promise is in the journal only after the sync has
//! returned, and whatever takes promises back (a file that is made again) is in it before that is
//! done. So a journal that is cut anywhere promises no more than the storage has acknowledged. The
//! run goes on when the line is itself synced, so it promises no less either, but for what the cut
//! came in between.
//!
//! *Sizes are bounded.* What is known is kept in runs of equal neighbours ([`Runs`]): files that
//! are whole take one entry together, whatever their number. When the file has grown to twice what
//! would do, it is written again, in one step.

mod aftermath;
mod examine;
mod fates;
mod ledger;
mod lines;
mod log;
mod overwrite;
mod passes;
mod recorder;
mod runs;
mod sync_all;
#[cfg(test)]
mod tests;

pub use aftermath::{Fate, FateRange, Standing, Survivor};
pub use examine::{ExamineOptions, Examined, examine};
pub use ledger::{FileLedger, Ledger, NameState};
pub use lines::{Header, JournalError, PASSES_MAX, Replayed};
pub use log::{Journal, JournalOf, read_journal};
pub use passes::{PassesError, Recording, Rhythm, generations, write_passes};
pub(super) use recorder::Recorder;
pub use runs::Runs;
