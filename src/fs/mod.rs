//! The filesystem's operations, on plain types: inode numbers in, attributes and bytes out.
//!
//! There is no FUSE here, no errno and no mount: everything can be called from a test. An operation
//! resolves its inode by arithmetic, asks the overlay whether anybody changed it, and makes the
//! answer. Three kinds of inodes exist, told apart by their number alone:
//!
//! * the dataset's directories and files, which may have a record in the overlay;
//! * what was made since the mount, which has one;
//! * `.status` and what is below it, made when it is opened.
//!
//! Some answers can take long: those for which whole files are hashed, a piece of
//! `.status/sums/blake3` and the attribute `user.seedfs.blake3`; and those for which files are
//! judged whose extents arithmetic alone cannot judge, a document, the attribute
//! `user.seedfs.verdict` and a long copy. The caller can ask beforehand whether an
//! answer may take long, to find a thread for it, and can stop all of them.
//!
//! All operations are methods of [`Filesystem`], each in the file of what it is about. The state
//! that they share:
//!
//! * `dataset`, `content` and `options` are what the mount shows; they never change.
//! * `overlay` is what differs from the dataset. Content changes in `io` and `ranges`, names in
//!   `name_changes` and `rename`, attributes in `attributes` and `xattr`; `control` puts back.
//! * `lookups`, what the kernel remembers: its file goes from names to inodes, and forgets.
//! * `listings`, the open directories, and `status_files`, the open documents and manifests: each
//!   has its file.
//! * `writers`, the files that are open for writing, and the resets that the kernel has not been
//!   told of: `settle`.
//! * `read_ahead`, what is made before it is asked for: its file.
//! * `sizes`, the sums of the sizes, and all that is free: `space`.
//! * `counters`, `events`, `running` and `judgements` are for the documents of [`status`]; `io`
//!   counts.
//!
//! The names below `.status` are arithmetic too: `status_tree`.
//!
//! What is asked and answered stands beside its operation, or in `asked`; the errors are in
//! `error`. What each operation does and which error it gives is written down in
//! `docs/semantics.md`.

mod asked;
mod attributes;
mod control;
mod error;
mod io;
mod listing;
mod lookups;
mod name_changes;
mod ranges;
mod read_ahead;
mod rename;
mod settle;
mod space;
mod status_files;
mod status_tree;
mod xattr;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::content::Content;
use crate::dataset::{Coordinates, Dataset, DatasetEntry, FileContent, Inode, SizeTotals};
use crate::overlay::{
    BudgetLimits, ChangedNames, JudgedBy, Overlay, Record, Store, Timestamp, Usage,
};
use crate::report::RunIdentity;
use crate::status::{self, Counters, EventLog, MountStatus};

pub use crate::manifest::Fill;
pub use crate::overlay::{GivenBack, InodeKind, Seek};
pub use asked::{Allocate, CachePolicy, OpenFor, Opened, QUICK_BYTES_MAX, ReadRequest};
pub use attributes::{AccessMask, InodeAttributes, SetAttributes, TimeChange};
pub use error::Error;
pub use listing::DirectoryEntry;
pub use name_changes::NewEntry;
pub use rename::RenameMode;
pub use settle::{Reset, Unsettled};
pub use space::FilesystemSpace;
pub use status_files::{DocumentWork, OPEN_BYTES_MAX};
pub use status_tree::{STATUS_NAME, StatusEntry};
pub use xattr::{SetXattr, XattrAnswer};

use listing::Listings;
use lookups::Lookups;
use read_ahead::ReadAhead;
use settle::Writers;
use status_files::StatusFiles;

/// The outcome of an operation.
pub type Result<T> = std::result::Result<T, Error>;

/// What a write does when something in it is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// It is recorded, and the write succeeds: the verdict tells.
    #[default]
    Record,
    /// Nothing of it is recorded, and the write fails.
    Reject,
}

/// Where reads of the dataset's files go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CacheMode {
    /// Every read reaches the filesystem.
    #[default]
    Direct,
    /// The kernel keeps what was read in its page cache.
    Page,
}

/// What a mount is asked to be, beside its dataset.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How much may be held in memory.
    pub limits: BudgetLimits,
    /// What a wrong write does.
    pub on_mismatch: OnMismatch,
    /// Where reads go.
    pub cache: CacheMode,
    /// Whether the root lists `.status`.
    pub list_status: bool,
    /// Whether everybody may read what is under `.status`; else its owner alone.
    pub share_status: bool,
    /// This node's number in a cluster, shown in the summary.
    pub node_id: Option<u32>,
    /// The owner of everything.
    pub uid: u32,
    /// The group of everything.
    pub gid: u32,
}

/// A filesystem that shows a dataset and judges what is written to it.
#[derive(Debug)]
pub struct Filesystem {
    dataset: Dataset,
    content: Content,
    overlay: Overlay,
    counters: Counters,
    events: EventLog,
    options: Options,
    status_files: StatusFiles,
    sizes: SizeTotals,
    running: status::RunningTotals,
    judgements: status::JudgementCache,
    read_ahead: ReadAhead,
    lookups: Lookups,
    listings: Listings,
    writers: Writers,
    /// Which mount it is, for its reports.
    run: RunIdentity,
    /// Where it is mounted.
    target: String,
}

/// What an inode number stands for.
#[derive(Clone, Copy, Debug)]
enum Resolved {
    Directory,
    /// A file, with what it is before anybody writes to it, where the dataset says that.
    File(Option<FileContent>),
    /// A symbolic link, a pipe, a socket or a device.
    Special(InodeKind),
    Status(StatusEntry),
}

impl Filesystem {
    /// A filesystem over a dataset, with nothing written yet.
    #[must_use]
    pub fn new(dataset: Dataset, options: Options) -> Self {
        Self::with_store(dataset, options, None)
    }

    /// The same, with large pieces of kept bytes on disk.
    #[must_use]
    pub fn with_store(dataset: Dataset, options: Options, store: Option<Store>) -> Self {
        let content = Content::of(&dataset);
        let run = RunIdentity {
            node_id: options.node_id.unwrap_or_default(),
            node_count: options.node_id.map_or(1, |_| dataset.dimensions().nodes),
            ..RunIdentity::new(&dataset, None)
        };
        Self {
            run,
            target: String::new(),
            sizes: SizeTotals::new(&dataset),
            read_ahead: ReadAhead::new(content.clone()),
            content,
            dataset,
            overlay: Overlay::new(options.limits, store),
            counters: Counters::default(),
            events: EventLog::default(),
            options,
            status_files: StatusFiles::default(),
            lookups: Lookups::default(),
            listings: Listings::default(),
            writers: Writers::default(),
            running: status::RunningTotals::default(),
            judgements: status::JudgementCache::default(),
        }
    }

    /// The dataset that it shows.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// What generates its content.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Which mount it is, in its reports.
    #[must_use]
    pub fn run(&self) -> &RunIdentity {
        &self.run
    }

    /// Says which mount it is and where, as its reports are to have it.
    pub fn identify(&mut self, run: RunIdentity, target: String) {
        (self.run, self.target) = (run, target);
    }

    /// What it holds in memory at the moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.overlay.budget().usage()
    }

    fn resolve(&self, inode: Inode) -> Result<Resolved> {
        match self.dataset.namespace().entry(inode) {
            Some(DatasetEntry::Directory) => return Ok(Resolved::Directory),
            Some(DatasetEntry::File(file)) => {
                return Ok(Resolved::File(Some(self.dataset.file_content(file))));
            }
            None => {}
        }
        if let Some(entry) = StatusEntry::of(&self.dataset, inode) {
            return Ok(Resolved::Status(entry));
        }
        match self.overlay.get(inode).and_then(|record| record.created_kind()) {
            None => Err(Error::NotFound),
            Some(InodeKind::Directory) => Ok(Resolved::Directory),
            Some(InodeKind::File) => Ok(Resolved::File(None)),
            Some(kind) => Ok(Resolved::Special(kind)),
        }
    }

    /// The file of the dataset whose content belongs in an inode: that of its name.
    fn judged(
        &self,
        inode: Inode,
        base: Option<FileContent>,
        record: Option<&Arc<Record>>,
    ) -> Option<Coordinates> {
        match record.map_or(JudgedBy::Number, |record| record.judged_by()) {
            JudgedBy::Number => base.map(|base| base.file),
            JudgedBy::File(own) => self.own_file(own),
            JudgedBy::Nothing => None,
            // As the names are at one moment, what it is judged by included.
            JudgedBy::Name(..) => record
                .and_then(|record| self.overlay.with_names(|it| self.judged_in(it, inode, record))),
        }
    }

    /// The same for whoever looks at the names.
    fn judged_in(&self, tree: &ChangedNames, inode: Inode, record: &Record) -> Option<Coordinates> {
        match record.judged_by() {
            JudgedBy::Number => self.own_file(inode),
            JudgedBy::File(own) => self.own_file(own),
            JudgedBy::Name(at) => tree.file_named(&self.dataset, at.0, &at.1).map(|(_, file)| file),
            JudgedBy::Nothing => None,
        }
    }

    /// The file of the dataset that has an inode number.
    fn own_file(&self, inode: Inode) -> Option<Coordinates> {
        match self.dataset.namespace().entry(inode)? {
            DatasetEntry::File(file) => Some(file),
            DatasetEntry::Directory => None,
        }
    }

    fn status(&self) -> MountStatus<'_> {
        MountStatus {
            dataset: &self.dataset,
            content: &self.content,
            overlay: &self.overlay,
            counters: &self.counters,
            events: &self.events,
            sizes: &self.sizes,
            running: &self.running,
            judgements: &self.judgements,
            node_id: self.options.node_id,
            run: &self.run,
            target: &self.target,
        }
    }
}

/// The time of a change.
fn now() -> Timestamp {
    // A clock before 1970 is broken; its changes are dated 1970.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: since.subsec_nanos(),
    }
}
