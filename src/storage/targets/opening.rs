//! The directories that were named, each at the place that it has in the spread.

use std::sync::Arc;

use super::document::{DocumentError, SpreadDocument, recorded};
use super::numbers::{Selection, places_of};
use super::spread::{Spread, SpreadError, SpreadRule, TARGETS_MAX, TargetSet};
use super::tally::TargetTally;
use crate::dataset::{Coordinates, Dataset, Inode};
use crate::disk::{Durability, Faults, Sound};
use crate::report::dataset_digest;
use crate::storage::{Root, reports};

/// The targets of a spread.
#[derive(Debug)]
pub struct Targets<F = Sound> {
    dataset: String,
    spread: Spread,
    failed: TargetSet,
    all: Vec<OpenTarget<F>>,
}

/// One of them.
#[derive(Debug)]
pub struct OpenTarget<F = Sound> {
    pub(in crate::storage) root: Option<Root<F>>,
    pub(in crate::storage) tally: Arc<TargetTally>,
    directory: String,
}

/// How files are to be spread, as far as somebody has said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedSpread {
    /// By what.
    pub rule: WantedRule,
    /// How many copies of each file.
    pub copies: Option<usize>,
}

/// By what files are to be spread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WantedRule {
    /// As it is recorded, or else evenly.
    #[default]
    AsItIs,
    /// As many on each target.
    Even,
    /// By the free bytes of each directory.
    Free(Vec<u64>),
}

/// Why directories are not the targets of one spread.
#[derive(Debug, thiserror::Error)]
pub enum TargetsError {
    /// A spread that cannot be.
    #[error(transparent)]
    Spread(#[from] SpreadError),
    /// What stands in a target is not believed.
    #[error("'{directory}': .seedfs/spread.json: {error}")]
    Document {
        /// Where.
        directory: String,
        /// Why not.
        error: DocumentError,
    },
    /// It is believed, and is of something else.
    #[error("'{directory}': .seedfs/spread.json is {what}")]
    Other {
        /// Where.
        directory: String,
        /// Of what.
        what: String,
    },
    /// There is no spread in any of them.
    #[error(
        "none of the directories has a .seedfs/spread.json; expected directories that \
         'seedfs write DIR1 DIR2 ...' has filled"
    )]
    None,
    /// More directories than targets.
    #[error(
        "'{0}' has no .seedfs/spread.json, and all targets of the spread are among the other \
         directories"
    )]
    NoPlace(String),
    /// Fewer directories than targets.
    #[error("target {number}, which was '{directory}', is not among the directories; {expected}")]
    Missing {
        /// Which.
        number: usize,
        /// Where it was.
        directory: String,
        /// What to do about it.
        expected: &'static str,
    },
    /// A name that the dataset has.
    #[error("the dataset has a file or a directory called .seedfs, where the spread is recorded")]
    Taken,
}

impl<F: Faults> Targets<F> {
    /// Whether a directory says that it is a target, rightly or not.
    #[must_use]
    pub fn is_one(root: &Root<F>) -> bool {
        !matches!(SpreadDocument::read(root), Ok(None))
    }

    /// The targets to write to: those of the spread that is recorded, or of a new one, which is
    /// to be [recorded](Self::record) before anything is written.
    ///
    /// # Errors
    ///
    /// Where the directories are not the targets of one spread of the dataset, or not all of them.
    pub fn begin(
        roots: Vec<Root<F>>,
        dataset: &Dataset,
        wanted: &WantedSpread,
    ) -> Result<Self, TargetsError> {
        if dataset.namespace().lookup(Inode::ROOT, reports::DIRECTORY.as_bytes()).is_some() {
            return Err(TargetsError::Taken);
        }
        let documents = read_all(&roots)?;
        let targets = if documents.iter().all(Option::is_none) {
            Self::new(roots, dataset, wanted)?
        } else {
            let targets = Self::agreed(roots, documents, dataset)?;
            targets.check_wanted(wanted)?;
            targets
        };
        targets.check_all_named()?;
        Ok(targets)
    }

    /// Refuses where a target is not among the directories.
    ///
    /// # Errors
    ///
    /// That, with the first of them.
    pub fn check_all_named(&self) -> Result<(), TargetsError> {
        let is_missing = |(_, target): &(usize, &OpenTarget<F>)| target.root.is_none();
        let Some((number, target)) = self.all.iter().enumerate().find(is_missing) else {
            return Ok(());
        };
        let expected = "expected all, or an empty directory in its place";
        let directory = target.directory.clone();
        Err(TargetsError::Missing { number, directory, expected })
    }

    /// The targets to read, as many of them as were named.
    ///
    /// # Errors
    ///
    /// Where the directories are not targets of one spread of the dataset.
    pub fn open(roots: Vec<Root<F>>, dataset: &Dataset) -> Result<Self, TargetsError> {
        let documents = read_all(&roots)?;
        if documents.iter().all(Option::is_none) {
            return Err(TargetsError::None);
        }
        Self::agreed(roots, documents, dataset)
    }

    fn new(
        roots: Vec<Root<F>>,
        dataset: &Dataset,
        wanted: &WantedSpread,
    ) -> Result<Self, TargetsError> {
        let copies = wanted.copies.unwrap_or(1);
        let spread = match &wanted.rule {
            WantedRule::Free(free) => Spread::by_free_space(free, copies)?,
            WantedRule::AsItIs | WantedRule::Even => Spread::even(roots.len(), copies)?,
        };
        let open = |(number, root): (usize, Root<F>)| {
            let directory = recorded(root.path());
            let name = root.path().display().to_string();
            let tally = Arc::new(TargetTally::new(number, name));
            OpenTarget { root: Some(root), tally, directory }
        };
        let all = roots.into_iter().enumerate().map(open).collect();
        let dataset = dataset_digest(dataset);
        Ok(Self { dataset, spread, failed: TargetSet::default(), all })
    }

    /// The targets at their places. A directory that says nothing takes that of one which is not
    /// among the others.
    fn agreed(
        roots: Vec<Root<F>>,
        documents: Vec<Option<SpreadDocument>>,
        dataset: &Dataset,
    ) -> Result<Self, TargetsError> {
        let digest = dataset_digest(dataset);
        let mut first: Option<(SpreadDocument, String)> = None;
        let mut places: Vec<Option<Root<F>>> = Vec::new();
        let mut vacant = Vec::new();
        let mut failed = TargetSet::default();
        for (root, document) in roots.into_iter().zip(documents) {
            let directory = root.path().display().to_string();
            let Some(document) = document else {
                vacant.push(root);
                continue;
            };
            let refuse =
                |what: String| Err(TargetsError::Other { directory: directory.clone(), what });
            if document.dataset != digest {
                return refuse("that of another dataset than these options make".to_owned());
            }
            let (agreed, of) = first.get_or_insert_with(|| (document.clone(), directory.clone()));
            if document.id() != agreed.id() {
                return refuse(format!("that of another spread than the one in '{of}'"));
            }
            places.resize_with(document.spread.targets(), || None);
            failed = failed.or(document.failed);
            let place = &mut places[document.target];
            if let Some(other) = place {
                let other = other.path().display();
                return refuse(format!("that of target {}, as is '{other}'", document.target));
            }
            *place = Some(root);
        }
        let Some((SpreadDocument { spread, directories, .. }, _)) = first else {
            return Err(TargetsError::None);
        };
        let mut vacant = vacant.into_iter();
        let mut all = Vec::new();
        for (number, (place, directory)) in places.into_iter().zip(directories).enumerate() {
            let root = place.or_else(|| vacant.next());
            let named = root.as_ref().map(|root| root.path().display().to_string());
            let name = named.unwrap_or_else(|| directory.clone());
            let tally = Arc::new(TargetTally::new(number, name));
            let directory = root.as_ref().map_or(directory, |root| recorded(root.path()));
            all.push(OpenTarget { root, tally, directory });
        }
        if let Some(root) = vacant.next() {
            return Err(TargetsError::NoPlace(root.path().display().to_string()));
        }
        Ok(Self { dataset: digest, spread, failed, all })
    }

    fn check_wanted(&self, wanted: &WantedSpread) -> Result<(), TargetsError> {
        let then = match self.spread.rule() {
            SpreadRule::Even => "even",
            SpreadRule::Free(_) => "free",
        };
        let now = match wanted.rule {
            WantedRule::AsItIs => then,
            WantedRule::Even => "even",
            WantedRule::Free(_) => "free",
        };
        let copies = self.spread.copies();
        let what = match wanted.copies {
            Some(wanted) if wanted != copies => {
                format!("that of --copies {copies}, and --copies {wanted} is asked for")
            }
            _ if now != then => {
                format!("that of --spread {then}, and --spread {now} is asked for")
            }
            _ => return Ok(()),
        };
        let directory = self.all.first().map(|target| target.tally.name().to_owned());
        Err(TargetsError::Other { directory: directory.unwrap_or_default(), what })
    }

    /// Puts the spread into each target that has not failed and says something else. Where it
    /// cannot be put, the target has failed.
    pub fn record(&self, durability: Durability) {
        for (number, target) in self.all.iter().enumerate() {
            let Some(root) = target.root.as_ref().filter(|_| !target.tally.has_failed()) else {
                continue;
            };
            let known = SpreadDocument::read(root);
            let mut failed = self.failed;
            if let Ok(Some(known)) = &known {
                // Another node may have seen more of them fail.
                failed = failed.or(known.failed);
            }
            let directories = self.all.iter().map(|target| target.directory.clone()).collect();
            let document = SpreadDocument {
                dataset: self.dataset.clone(),
                spread: self.spread.clone(),
                target: number,
                failed,
                directories,
            };
            if known.is_ok_and(|known| known.as_ref() == Some(&document)) {
                continue;
            }
            if let Err(error) = document.put(root, durability) {
                target.tally.fail(&format_args!("its .seedfs/spread.json: {error}"));
            }
        }
    }

    /// Notes that more targets have failed, here and in those that have not.
    pub(in crate::storage) fn fail(&mut self, failed: TargetSet, durability: Durability) {
        self.failed = self.failed.or(failed);
        self.record(durability);
    }

    /// How the files are spread.
    #[must_use]
    pub fn spread(&self) -> &Spread {
        &self.spread
    }

    /// What names the spread.
    #[must_use]
    pub fn id(&self) -> String {
        SpreadDocument {
            dataset: self.dataset.clone(),
            spread: self.spread.clone(),
            target: 0,
            failed: TargetSet::default(),
            directories: Vec::new(),
        }
        .id()
    }

    /// The targets that have failed in some run: their files are on others, too.
    #[must_use]
    pub fn failed(&self) -> TargetSet {
        self.failed
    }

    /// The targets that were named.
    #[must_use]
    pub fn named(&self) -> TargetSet {
        let named =
            |(number, target): (usize, &OpenTarget<F>)| target.root.is_some().then_some(number);
        TargetSet::of(self.all.iter().enumerate().filter_map(named))
    }

    /// The targets in the order of their numbers.
    #[must_use]
    pub fn all(&self) -> &[OpenTarget<F>] {
        &self.all
    }

    /// The files of a node, or of all, that belong on a target.
    #[must_use]
    pub fn files_of(&self, dataset: &Dataset, node: Option<u16>, target: usize) -> Selection {
        Selection::new((dataset, node), &self.spread, self.failed, |_, on| on.has(target))
    }

    /// The files that belong on a target first, and on none that was named.
    #[must_use]
    pub fn files_nowhere(&self, dataset: &Dataset, node: Option<u16>, target: usize) -> Selection {
        let named = self.named();
        Selection::new((dataset, node), &self.spread, self.failed, |slot, on| {
            on.and(named).count() == 0 && self.spread.first_place(slot) == target
        })
    }

    /// Whether a file belongs on a target.
    #[must_use]
    pub fn belongs(&self, dataset: &Dataset, file: Coordinates, target: usize) -> bool {
        places_of(dataset, file, (&self.spread, self.failed)).has(target)
    }
}

impl<F: Faults> OpenTarget<F> {
    /// Its directory; none where it was not named.
    #[must_use]
    pub fn root(&self) -> Option<&Root<F>> {
        self.root.as_ref()
    }

    /// What became of it in this run.
    #[must_use]
    pub fn tally(&self) -> &TargetTally {
        &self.tally
    }

    /// The same, for whoever looks while the targets change.
    #[must_use]
    pub fn shared_tally(&self) -> Arc<TargetTally> {
        Arc::clone(&self.tally)
    }
}

fn read_all<F: Faults>(roots: &[Root<F>]) -> Result<Vec<Option<SpreadDocument>>, TargetsError> {
    if !(1..=TARGETS_MAX).contains(&roots.len()) {
        return Err(SpreadError::Targets(roots.len()).into());
    }
    let read = |root: &Root<F>| {
        let directory = || root.path().display().to_string();
        SpreadDocument::read(root)
            .map_err(|error| TargetsError::Document { directory: directory(), error })
    };
    roots.iter().map(read).collect()
}
