//! The totals over all files, kept up to date by looking at what has changed.
//!
//! Whatever changes a name or content leaves a mark ([`Dirty`](crate::overlay::Dirty)); nothing is
//! judged then. The marks are taken here, in steps: each says which files of the dataset are *due*,
//! and these are found under their names, judged, and counted anew in place of what they were
//! counted as before. A thread of the mount does so while others work, so that little is due when
//! somebody asks for a document.
//!
//! A document is of one moment. Under the lock of the names it takes the last marks, copies the
//! sums, takes out of its copy what is still due, and finds what stands under those names. What it
//! found is judged afterwards, under no lock, and added to its copy: that is the document, whatever
//! others count meanwhile. A result is also kept for those who ask next, unless its file is due
//! again since; each file has the number of the step in which it became due for that.
//!
//! A file is counted by itself if it is not as the dataset has it. But no file is below a directory
//! of the dataset that is gone: such a directory counts as a whole, less the files that were made
//! again in its place.
//!
//! What takes long to judge stays due until somebody asks for it who waits.

mod due;
mod state;

use super::MountStatus;
use super::counted::{Place, PlacedFile};
use super::found::Found;
use crate::content::{StopCheck, Stopped};
use crate::dataset::Coordinates;
use crate::overlay::ChangedNames;
use crate::sync::Mutex;
use crate::verdict::{ByteTally, Verdict};

pub(super) use state::{ChangedTotals, TotalsScope};

use state::RunningState;

/// How many files are looked up in one step, while names cannot change.
const STEP_FILES: usize = 256;

/// How many steps a document makes before the last, which then takes all that is left: there may be
/// somebody who changes more than is counted meanwhile. More than all that is ever marked.
const STEPS_MAX: usize = 4 * crate::overlay::MARKS_MAX / STEP_FILES;

/// The running totals.
#[derive(Debug, Default)]
pub struct RunningTotals {
    state: Mutex<RunningState>,
}

/// A file that is due, and what stands under its name.
struct DueFile {
    file: PlacedFile,
    since: u64,
    found: Found,
}

/// A step of catching up.
enum Step {
    /// Everything has to be looked at.
    Everything,
    /// Some of what is due.
    Some(Vec<DueFile>),
    /// The rest of it.
    Last(Vec<DueFile>),
}

impl MountStatus<'_> {
    /// What was changed, of one moment.
    pub(super) fn changed_totals(
        &self,
        scope: TotalsScope,
        stop: StopCheck<'_>,
    ) -> Result<ChangedTotals, Stopped> {
        let (mut totals, due) = loop {
            self.catch_up(stop)?;
            if let Some(moment) = self.moment(scope) {
                break moment;
            }
        };
        for part in due.chunks(STEP_FILES) {
            let mut results = Vec::with_capacity(part.len());
            for due in part {
                let tally = self.count(due, stop);
                // What was judged so far is of use to whoever asks next.
                let Ok(tally) = tally else {
                    self.keep(results);
                    return Err(Stopped);
                };
                if let Some(tally) = &tally {
                    totals.add(&due.file, tally, scope);
                }
                results.push((due, tally));
            }
            self.keep(results);
        }
        #[cfg(debug_assertions)]
        self.check(scope);
        Ok(totals)
    }

    /// Calls `each` for every file that was counted by itself and is `wanted`. The state is not
    /// held meanwhile: what is counted while this goes on is seen, or is not.
    pub(super) fn each_counted(
        &self,
        stop: StopCheck<'_>,
        wanted: impl Fn(Coordinates) -> bool,
        mut each: impl FnMut(Coordinates, ByteTally),
    ) -> Result<(), Stopped> {
        let mut start = 0;
        loop {
            if stop.is_now() {
                return Err(Stopped);
            }
            let found: Vec<_> = {
                let state = self.running.state.lock();
                let some = state.counted.some_from(start, STEP_FILES);
                let Some(last) = some.last() else { return Ok(()) };
                start = last.get() + 1;
                let placed = some.into_iter().filter_map(|it| state.placed(self.dataset, (it, 0)));
                placed
                    .filter(|(file, _)| wanted(file.file))
                    .filter_map(|(file, _)| {
                        Some((file.file, state.counted.tally(self.dataset, &file)?))
                    })
                    .collect()
            };
            for (file, tally) in found {
                each(file, tally);
            }
        }
    }

    /// Counts what is due, except for what takes long.
    ///
    /// # Errors
    ///
    /// [`Stopped`] where `stop` says so. What was counted stays counted.
    pub fn catch_up(&self, stop: StopCheck<'_>) -> Result<(), Stopped> {
        for _ in 0..STEPS_MAX {
            let (due, is_last) = match self.step() {
                Step::Everything => {
                    self.begin_anew();
                    continue;
                }
                Step::Some(due) => (due, false),
                Step::Last(due) => (due, true),
            };
            let mut results = Vec::with_capacity(due.len());
            let mut slow = Vec::new();
            for due in &due {
                match self.count_quickly(due) {
                    Ok(tally) => results.push((due, tally)),
                    Err(Stopped) => slow.push(due),
                }
            }
            self.keep(results);
            self.put_off(&slow);
            if is_last {
                return Ok(());
            }
            if stop.is_now() {
                return Err(Stopped);
            }
        }
        Ok(())
    }

    /// Takes some marks, and finds some of the files that are due.
    fn step(&self) -> Step {
        self.overlay.with_names(|tree| {
            let (files, is_last) = {
                let state = &mut *self.running.state.lock();
                let Some((marks, is_last)) =
                    self.overlay.dirty().take(state.everything, STEP_FILES)
                else {
                    return Step::Everything;
                };
                self.note(tree, state, marks);
                let files = state.due.iter().take(STEP_FILES);
                let files: Vec<_> = files.map(|(inode, since)| (*inode, *since)).collect();
                let files = files.into_iter().filter_map(|it| state.placed(self.dataset, it));
                let files: Vec<_> = files.collect();
                (files, is_last && state.due.len() <= STEP_FILES)
            };
            let due = files.into_iter().map(|file| self.due_file(tree, file)).collect();
            if is_last { Step::Last(due) } else { Step::Some(due) }
        })
    }

    /// The totals of this moment without what is due, and that; `None` where everything has to be
    /// looked at.
    fn moment(&self, scope: TotalsScope) -> Option<(ChangedTotals, Vec<DueFile>)> {
        self.overlay.with_names(|tree| {
            let (totals, files) = {
                let state = &mut *self.running.state.lock();
                let (marks, _) = self.overlay.dirty().take(state.everything, usize::MAX)?;
                self.note(tree, state, marks);
                let mut totals = state.totals(scope);
                let mut files = Vec::new();
                for (inode, since) in state.due.iter().chain(&state.slow) {
                    let placed = state.placed(self.dataset, (*inode, *since));
                    let Some((file, since)) = placed.filter(|(file, _)| scope.has(file)) else {
                        continue;
                    };
                    if let Some(tally) = state.counted.tally(self.dataset, &file) {
                        totals.subtract(&file, &tally, scope);
                    }
                    files.push((file, since));
                }
                (totals, files)
            };
            let due = files.into_iter().map(|file| self.due_file(tree, file)).collect();
            Some((totals, due))
        })
    }

    fn due_file(&self, tree: &ChangedNames, (file, since): (PlacedFile, u64)) -> DueFile {
        let found = tree.found(self.dataset, file.inode);
        let found = found.map_or(Found::Missing, |(inode, kind)| self.found_at(inode, kind));
        DueFile { file, since, found }
    }

    /// What a file counts as; `None` where it counts as nothing by itself.
    fn count(&self, due: &DueFile, stop: StopCheck<'_>) -> Result<Option<ByteTally>, Stopped> {
        match (&due.found, due.file.place) {
            (Found::As(inode), _) if *inode == due.file.inode => return Ok(None),
            (Found::Missing, Place::Removed) => return Ok(None),
            _ => {}
        }
        let tally = self.tally(due.file.file, &due.found, stop)?;
        Ok(Some(tally).filter(|tally| tally.verdict() != Verdict::Untouched))
    }

    /// The same where it takes less than anybody notices.
    fn count_quickly(&self, due: &DueFile) -> Result<Option<ByteTally>, Stopped> {
        if due.found.is_long() {
            return Err(Stopped);
        }
        // It is asked for the first time when it takes longer.
        self.count(due, StopCheck::when(&|| true))
    }

    /// Keeps results, as far as they are not out of date.
    fn keep(&self, results: Vec<(&DueFile, Option<ByteTally>)>) {
        let state = &mut *self.running.state.lock();
        for (DueFile { file, since, .. }, tally) in results {
            if state.is_due_since(file.inode, *since) {
                state.due.remove(&file.inode);
                state.slow.remove(&file.inode);
                state.counted.set(self.dataset, file, tally);
            }
        }
    }

    /// Leaves what takes long to those who wait for it.
    fn put_off(&self, files: &[&DueFile]) {
        let state = &mut *self.running.state.lock();
        for DueFile { file, since, .. } in files {
            if state.due.get(&file.inode) == Some(since) {
                state.due.remove(&file.inode);
                state.slow.insert(file.inode, *since);
            }
        }
    }

    /// Holds the running totals against a recount, where nothing is due and nothing changes
    /// meanwhile.
    #[cfg(debug_assertions)]
    fn check(&self, scope: TotalsScope) {
        let now = || {
            let state = self.running.state.lock();
            let is_clean = self.overlay.dirty().is_clean(state.everything)
                && state.due.is_empty()
                && state.slow.is_empty();
            is_clean.then(|| (state.step, state.totals(scope)))
        };
        let Some((step, changed)) = now() else { return };
        let Ok(recounted) = self.recount(scope) else { return };
        // Whoever is changing names notes it before others can.
        let later = self.overlay.with_names(|_| now());
        if later.is_none_or(|(later, _)| later != step) {
            return;
        }
        let totals = self.totals(scope, &changed);
        assert_eq!(totals.shown(), recounted.totals.shown(), "{scope:?}: {changed:?}");
        if let TotalsScope::Node(node) = scope {
            let processes = self.process_totals(node, &changed).into_iter().map(|it| it.shown());
            let recounted = recounted.processes.into_iter().map(|it| it.shown());
            assert!(processes.eq(recounted), "{scope:?}: {changed:?}");
        }
    }
}
