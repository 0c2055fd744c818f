//! Having all files on the storage, and then their names.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Recorder;
use crate::disk::{Access, Durability, Faults, Links, OpenFile};
use crate::storage::crew::{TargetQueue, Work, work_through};
use crate::storage::outcome::FailureLog;
use crate::storage::target::{Parents, split};
use crate::storage::{FileFailure, Progress, Root, Share, StopFlag, WriteOptions};

struct Syncer<'a, F: Faults> {
    root: &'a Root<F>,
    share: Share<'a>,
    recorder: Recorder<'a, F>,
    progress: &'a Progress,
    failures: &'a FailureLog,
}

/// Syncs the files of a share, each by itself, and then the directories that they are in.
pub(super) fn sync_all<F: Faults>(
    root: &Root<F>,
    share: Share<'_>,
    options: WriteOptions,
    recorder: Recorder<'_, F>,
    (progress, stop, failures): (&Progress, &StopFlag, &FailureLog),
) {
    let syncer = Syncer { root, share, recorder, progress, failures };
    let by = (options.threads, options.placement);
    let files = 0..share.file_count();
    work_through(&[TargetQueue { work: &syncer, target: 0, files }], by, stop);
    syncer.sync_names(stop);
}

impl<F: Faults> Work for Syncer<'_, F> {
    type OpenFile = OpenFile;
    type Tools = ();

    fn tools(&self) {}

    fn open(&self, index: u64, (): &mut ()) -> Option<(OpenFile, u64)> {
        if let Err(error) = self.sync(index) {
            self.fail(index, &error);
        }
        None
    }

    fn part(&self, _: &OpenFile, _: Range<u64>, (): &mut ()) {}

    fn close(&self, _: OpenFile) -> Option<(OpenFile, u64)> {
        None
    }
}

impl<F: Faults> Syncer<'_, F> {
    fn path(&self, index: u64) -> String {
        self.share.path(self.share.file(index))
    }

    fn sync(&self, index: u64) -> io::Result<()> {
        let disk = &self.root.disk;
        let path = self.path(index);
        let path = Path::new(&path);
        let file = disk.open(&self.root.directory, path, Access::Read, Links::Refuse)?;
        self.recorder.sync(index, || disk.sync(&file))
    }

    /// The files of a directory follow one another: it is synced once for all of them, where the
    /// layout has them so.
    fn sync_names(&self, stop: &StopFlag) {
        let parents = Parents::new(self.root, Durability::Synced, self.share.node());
        let mut first = 0;
        let mut of: Option<PathBuf> = None;
        let count = self.share.file_count();
        for index in 0..=count {
            if stop.is_set() {
                return;
            }
            let parent = (index < count).then(|| split(&self.path(index)).0.to_owned());
            if parent == of {
                continue;
            }
            if let Some(parent) = of
                && let Err(error) = self.sync_directory(&parents, &parent, first..index)
            {
                self.fail(first, &error);
            }
            (first, of) = (index, parent);
        }
    }

    fn sync_directory(
        &self,
        parents: &Parents<'_, F>,
        path: &Path,
        files: Range<u64>,
    ) -> io::Result<()> {
        // On the way every directory's name is synced.
        let directory = parents.enter(path)?;
        self.root.disk.sync_directory(&directory)?;
        self.recorder.names_synced(files)
    }

    fn fail(&self, index: u64, error: &io::Error) {
        let path = self.path(index);
        self.progress.failure(&path, error);
        let error = error.to_string();
        self.failures.add(FileFailure { path, target: None, error });
    }
}
