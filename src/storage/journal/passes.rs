//! A run of `write`: one generation after the other, and when each is synced.

use super::overwrite::overwrite;
use super::sync_all::sync_all;
use super::{Journal, Recorder};
use crate::dataset::Dataset;
use crate::disk::{Durability, Faults, Sound};
use crate::storage::outcome::FailureLog;
use crate::storage::{
    Existing, FileFailure, Findings, Progress, Root, Share, StopFlag, WriteOptions, read_template,
    write_recorded,
};

/// When a run syncs what it writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rhythm {
    /// Not at all.
    #[default]
    Never,
    /// Each file when it is whole.
    EachFile,
    /// Each file after so many of its bytes, and when it is whole.
    Every(u64),
    /// All files when all of a generation are whole.
    AtEnd,
}

/// Who hears of what is written, and when it is synced.
#[derive(Debug)]
pub struct Recording<'a, F: Faults = Sound> {
    /// The journal, if there is one.
    pub journal: Option<&'a Journal<F>>,
    /// When.
    pub rhythm: Rhythm,
}

impl Rhythm {
    /// What a file has to be when it gets its name.
    #[must_use]
    pub fn of_each_file(self) -> Durability {
        match self {
            Self::Never | Self::AtEnd => Durability::Later,
            Self::EachFile | Self::Every(_) => Durability::Synced,
        }
    }

    /// What the directory has to be that the files are in.
    #[must_use]
    pub fn of_the_root(self) -> Durability {
        if self == Self::Never { Durability::Later } else { Durability::Synced }
    }
}

/// Why a dataset cannot be written in several generations, one over the other.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassesError {
    /// They have paths of their own.
    #[error("--passes {0}: --iterations has files of their own for each; expected one of the two")]
    SideBySide(u16),
    /// A later generation has more files.
    #[error("--passes {0}: --new-files makes the number of files differ; expected one of the two")]
    NewFiles(u16),
    /// The last generation cannot be.
    #[error("--passes {0}: {1}")]
    Last(u16, String),
}

/// The dataset in so many generations, from its own on.
///
/// # Errors
///
/// Where these do not have the same files.
pub fn generations(dataset: &Dataset, passes: u16) -> Result<Vec<Dataset>, PassesError> {
    let first = dataset.generations().first();
    let config = dataset.to_config();
    if passes > 1 && config.iterations.is_some() {
        return Err(PassesError::SideBySide(passes));
    }
    if passes > 1 && config.new_files.is_some() {
        return Err(PassesError::NewFiles(passes));
    }
    (0..passes)
        .map(|pass| {
            let mut config = config.clone();
            let generation = u64::from(first) + u64::from(pass);
            if generation > 0 {
                config.generation = Some(generation.into());
            }
            let refuse = |error: String| PassesError::Last(passes, error);
            read_template(&mut config).map_err(|error| refuse(error.to_string()))?;
            config.validate().map_err(|error| refuse(error.to_string()))
        })
        .collect()
}

/// Writes the files of a share in each of some generations: the first as [`write()`] does, the
/// others over it, in place. A run that goes on begins with the generation that it was at.
///
/// [`write()`]: crate::storage::write()
pub fn write_passes<F: Faults>(
    root: &Root<F>,
    generations: &[Share<'_>],
    options: WriteOptions,
    recording: &Recording<'_, F>,
    (progress, stop): (&Progress, &StopFlag),
) -> Findings<FileFailure> {
    let failures = FailureLog::default();
    let journal = recording.journal;
    let resumed = journal.filter(|_| options.existing == Existing::Resume).map(Journal::generation);
    let sync_every = match recording.rhythm {
        Rhythm::Every(bytes) => Some(bytes),
        _ => None,
    };
    let mut is_first = true;
    let mut end = Ok(());
    for share in generations {
        let generation = share.dataset().generations().first();
        if stop.is_set() || end.is_err() || resumed.is_some_and(|resumed| generation < resumed) {
            continue;
        }
        let recorder = Recorder { journal, sync_every, generation };
        let watch = (progress, stop, &failures);
        end = journal.map_or(Ok(()), |journal| journal.begin_pass(generation));
        if end.is_err() {
            break;
        }
        if is_first {
            write_recorded(root, *share, options, recorder, watch);
        } else {
            overwrite(root, *share, options, recorder, watch);
        }
        is_first = false;
        if recording.rhythm == Rhythm::AtEnd && !stop.is_set() {
            sync_all(root, *share, options, recorder, watch);
        }
    }
    let done = !stop.is_set() && failures.is_empty();
    end = end.and_then(|()| journal.map_or(Ok(()), |journal| journal.end(done)));
    if let Err(error) = end {
        let error = format!("the journal cannot be written: {error}");
        failures.add(FileFailure { path: ".".to_owned(), target: None, error });
    }
    failures.into_findings()
}
