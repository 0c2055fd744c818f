//! What a verification knows so far, and the file that it is kept in.
//!
//! A state can say `verified` of files that nobody reads again. So it says of what, and how, and is
//! believed only where all of that is still so:
//!
//! * the dataset, the node and the sample, and whether the page cache was gone round;
//! * the directory: its path without links, its device and its inode number;
//! * the files that were judged: one sum over the attributes of all of them (inode number, length,
//!   and the times at which content and attributes changed) as they were when each was opened. They
//!   are asked for again, and the sum must be the same. Files that could not be read are not among
//!   them: those are read again;
//! * its own bytes: a digest stands in the first line. It finds what was cut or edited. Somebody
//!   who can write the file can make a digest, so it must belong to this user or to root.
//!
//! What was found in the tree that is none of the dataset's is not kept: each run looks again.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::slice;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::outcome::{FileFailure, Findings};
use super::states::{surroundings_of_all, verdict_of_all};
use super::target::{Identity, is_trusted};
use super::verify::VerifyOptions;
use super::{FILES_LISTED_MAX, Output, ProgressSnapshot, Root, Sample, Share, Transfer};
use crate::dataset::DatasetConfig;
use crate::disk::{Access, Faults, FileType, Links, Stat};
use crate::report::{Surroundings, TargetIdentity, Verification};
use crate::verdict::Verdict;

/// Everything that is known so far: what a verification that takes days goes on with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResumeState {
    /// What was judged, and how: another one's state is worth nothing.
    work: WorkDone,
    /// The first file that has not been judged.
    pub next: u64,
    /// The attributes of those before it, together.
    pub(super) marks: Marks,
    /// The totals.
    pub verification: Verification,
    /// Files that are not verified.
    pub problems: Findings<Value>,
    /// Why files could not be read, by their numbers: the next run reads them again. As many as a
    /// list has.
    pub(super) failed: BTreeMap<u64, String>,
    /// How many there are.
    pub failed_total: u64,
    /// What this run has found in the tree; none where it was not walked to its end.
    #[serde(skip)]
    pub walk: Option<Walk>,
}

/// What a walk through the tree has found.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// Files that are none of the dataset's.
    pub unexpected: Findings<String>,
    /// What could not be looked at.
    pub failures: Findings<FileFailure>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WorkDone {
    directory: Identity,
    config: DatasetConfig,
    node: Option<u16>,
    sample: Sample,
    direct_io: bool,
    drop_cache: bool,
    /// Which target of which spread, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

/// A sum over files that does not depend on their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks(u128);

impl Marks {
    /// The mark of one file, of which the system has said this.
    pub(super) fn of(index: u64, stat: &io::Result<Stat>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("seedfs v1 mark of a file");
        hasher.update(&index.to_be_bytes());
        match stat {
            Ok(stat) => {
                let Stat { device, inode, length, modified_ns, changed_ns, .. } = *stat;
                for number in [device, inode, length] {
                    hasher.update(&number.to_be_bytes());
                }
                hasher.update(&modified_ns.to_be_bytes()).update(&changed_ns.to_be_bytes());
            }
            Err(error) => {
                hasher.update(&error.raw_os_error().unwrap_or_default().to_be_bytes());
            }
        }
        let mut mark = [0; 16];
        hasher.finalize_xof().fill(&mut mark);
        Self(u128::from_be_bytes(mark))
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

/// Why a state is not gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ResumeStateError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is something else, or damaged.
    #[error("not a whole state of this version of seedfs verify: {0}")]
    NotWhole(String),
    /// It says nothing of what is asked.
    #[error("the state of another {0}; remove it to begin anew, or name another one")]
    Other(&'static str),
    /// The next run reads again what could not be read, and not all of it is known.
    #[error("{0} files could not be read, too many to read them alone; remove it to begin anew")]
    TooManyFailed(u64),
    /// What it says was so, and may be no more.
    #[error(
        "files below the directory have changed since they were judged; remove it to begin anew"
    )]
    Changed,
}

/// The first line, before the digest.
const HEAD: &str = "seedfs verify state 2 ";
/// Lists and ranges are bounded; a state with all that they can hold is well below.
const STATE_BYTES_MAX: usize = 256 << 20;

impl ResumeState {
    /// Nothing judged yet of a share below `root`.
    ///
    /// # Errors
    ///
    /// Where the system does not say which directory that is.
    pub fn new<F: Faults>(
        root: &Root<F>,
        share: Share<'_>,
        options: &VerifyOptions,
    ) -> io::Result<Self> {
        Ok(Self::begin(root.identity()?, share, options, None))
    }

    /// Nothing judged yet of a target that is named so; its files may be nowhere.
    pub(super) fn of_target<F: Faults>(
        root: Option<&Root<F>>,
        share: Share<'_>,
        options: &VerifyOptions,
        target: String,
    ) -> io::Result<Self> {
        let directory = root.map_or_else(|| Ok(Identity::default()), Root::identity)?;
        Ok(Self::begin(directory, share, options, Some(target)))
    }

    fn begin(
        directory: Identity,
        share: Share<'_>,
        options: &VerifyOptions,
        target: Option<String>,
    ) -> Self {
        Self {
            work: WorkDone {
                directory,
                config: share.dataset().to_config(),
                node: share.node(),
                sample: options.sample,
                direct_io: options.transfer == Transfer::Direct,
                drop_cache: options.drop_cache,
                target,
            },
            next: 0,
            marks: Marks::default(),
            verification: Verification::default(),
            problems: Findings::default(),
            failed: BTreeMap::new(),
            failed_total: 0,
            walk: None,
        }
    }

    /// The state in a file, where there is one that belongs to the same work as `new`; else that.
    ///
    /// # Errors
    ///
    /// Where there is one that does not, or that cannot be believed.
    pub fn load<F: Faults>(
        from: &Output<F>,
        new: Self,
        share: Share<'_>,
    ) -> Result<Self, ResumeStateError> {
        match read(from)? {
            None => Ok(new),
            Some(bytes) => parse::<Self>(&bytes)?.believed(&new, share),
        }
    }

    /// This state, where it is one of the same work as `new`.
    pub(super) fn believed(self, new: &Self, share: Share<'_>) -> Result<Self, ResumeStateError> {
        let state = self;
        let (then, now) = (&state.work, &new.work);
        for (same, what) in [
            (then.config == now.config, "dataset"),
            (then.node == now.node, "node"),
            (then.sample == now.sample, "sample"),
            (then.target == now.target, "spread, or other directories of it"),
            (then.directory == now.directory, "directory"),
            (
                (then.direct_io, then.drop_cache) == (now.direct_io, now.drop_cache),
                "way to read (--direct-io, --drop-cache)",
            ),
        ] {
            if !same {
                return Err(ResumeStateError::Other(what));
            }
        }
        if !state.is_possible(share) {
            return Err(ResumeStateError::NotWhole(
                "its numbers contradict one another".to_owned(),
            ));
        }
        if state.failed_total > state.failed.len() as u64 {
            return Err(ResumeStateError::TooManyFailed(state.failed_total));
        }
        Ok(state)
    }

    /// Keeps it in a file.
    ///
    /// # Errors
    ///
    /// Those of the system. The file is then the one before, or this one, whole.
    pub fn save<F: Faults>(&self, to: &Output<F>) -> io::Result<()> {
        to.replace(&sealed(self)?, 0o600)
    }

    /// Whether the numbers could be those of a run. Whoever has made them up gets no verdict from
    /// them, and no panic.
    fn is_possible(&self, share: Share<'_>) -> bool {
        let Some(judged) = self.verification.files().total() else { return false };
        let Some(done) = judged.checked_add(self.failed_total) else { return false };
        let fits =
            if self.work.sample == Sample::ALL { done == self.next } else { done <= self.next };
        fits && self.next <= share.file_count()
            && self.verification.is_possible()
            && self.problems.total == judged - self.verification.files().verified
            && self.problems.is_possible()
            && self.failed.len() as u64 == self.failed_total.min(FILES_LISTED_MAX as u64)
            && self.failed.keys().all(|index| *index < self.next)
    }

    /// Whether every file that was to be judged was, and the tree was looked through.
    #[must_use]
    pub fn is_complete(&self, share: Share<'_>) -> bool {
        self.next == share.file_count() && self.walk.is_some()
    }

    /// What is none of the dataset's.
    #[must_use]
    pub fn unexpected(&self) -> Findings<String> {
        self.walk.as_ref().map(|walk| walk.unexpected.clone()).unwrap_or_default()
    }

    /// What could not be read or looked at.
    #[must_use]
    pub fn failures(&self, share: Share<'_>) -> Findings<FileFailure> {
        let failure = |(index, error): (&u64, &String)| FileFailure {
            path: share.path(share.file(*index)),
            target: None,
            error: error.clone(),
        };
        let listed = self.failed.iter().map(failure).collect();
        let mut all = Findings { listed, total: self.failed_total };
        if let Some(walk) = &self.walk {
            all.append(&walk.failures);
        }
        all
    }

    /// Notes that a file could not be read.
    pub(super) fn fail(&mut self, index: u64, error: String) {
        self.failed_total += 1;
        if self.failed.len() < FILES_LISTED_MAX {
            self.failed.insert(index, error);
        }
    }

    /// Forgets that a file could not be read: it is read again.
    pub(super) fn retry(&mut self, index: u64) {
        self.failed_total -= u64::from(self.failed.remove(&index).is_some());
    }

    /// The verdict: `verified` only where everything was reached, and could be read.
    #[must_use]
    pub fn verdict(&self, share: Share<'_>) -> Verdict {
        verdict_of_all(&[share], slice::from_ref(self))
    }

    /// Whether nothing is left that could make the verdict another one.
    pub(super) fn is_whole(&self, share: Share<'_>) -> bool {
        self.is_complete(share)
            && self.failed_total == 0
            && self.walk.as_ref().is_some_and(|walk| walk.failures.total == 0)
    }

    /// What a report says beside the totals: of a run below `directory` that has come so far.
    #[must_use]
    pub fn surroundings(
        &self,
        share: Share<'_>,
        directory: &Path,
        progress: ProgressSnapshot,
    ) -> Surroundings<'_> {
        let of = (directory.display().to_string(), self.work.sample);
        surroundings_of_all(&[share], slice::from_ref(self), of, progress)
    }

    /// Which directory it is of.
    pub(super) fn identity(&self) -> TargetIdentity {
        self.work.directory.view()
    }

    /// Files that are not as they should be.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.problems.total + self.failed_total
    }
}

/// What is kept in a file: a digest, and the JSON that it is of.
pub(super) fn sealed(states: &impl Serialize) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(states)?;
    let mut bytes = format!("{HEAD}{}\n", blake3::hash(&json).to_hex()).into_bytes();
    bytes.extend_from_slice(&json);
    Ok(bytes)
}

/// What was kept, where all of it is there.
pub(super) fn parse<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, ResumeStateError> {
    let refuse = |reason: &str| ResumeStateError::NotWhole(reason.to_owned());
    let rest =
        bytes.strip_prefix(HEAD.as_bytes()).ok_or_else(|| refuse("its first line is another"))?;
    let (digest, rest) = rest.split_at_checked(64).ok_or_else(|| refuse("it is cut short"))?;
    let json = rest.strip_prefix(b"\n").ok_or_else(|| refuse("its first line is another"))?;
    if blake3::hash(json).to_hex().as_bytes() != digest {
        return Err(refuse("its digest does not fit, as where it was cut short or edited"));
    }
    serde_json::from_slice(json).map_err(|error| refuse(&error.to_string()))
}

/// The bytes of a state; `None` where there is none.
pub(super) fn read<F: Faults>(from: &Output<F>) -> Result<Option<Vec<u8>>, ResumeStateError> {
    let (disk, directory, name) = from.parts();
    let file = match disk.open(directory, Path::new(name), Access::Read, Links::Follow) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let stat = disk.stat(&file)?;
    if stat.kind == FileType::File && !is_trusted(&stat) {
        let error = "it belongs to another user, who could have made it up";
        return Err(io::Error::new(ErrorKind::PermissionDenied, error).into());
    }
    Ok(Some(disk.read_open(&file, STATE_BYTES_MAX)?))
}
