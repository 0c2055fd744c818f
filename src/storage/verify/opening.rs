//! Opening the files that are verified, and reading again what may pass.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;

use super::{Reading, Verifier, VerifyOptions};
use crate::dataset::Coordinates;
use crate::disk::{Faults, FileType, Links, OpenFile, Stat};
use crate::storage::block_file::{drop_cache, open_to_read};
use crate::storage::pipeline::Pipeline;
use crate::storage::{Requests, Root, Transfer};

impl<F: Faults> Verifier<'_, F> {
    /// Whether to try again, after a pause.
    fn tries_again(&self, tries: &mut u32, error: &io::Error) -> bool {
        let again = self.run.options.patience.tries_again(tries, error, self.run.stop);
        if again {
            self.part.counting.retry();
        }
        again
    }

    /// The file and its attributes; `None` where there is none.
    pub(super) fn open_patiently(&self, file: Coordinates) -> io::Result<Option<(OpenFile, Stat)>> {
        if self.part.is_nowhere {
            return Ok(None);
        }
        let mut tries = 0;
        loop {
            match self.open_file(file) {
                Err(error) if self.tries_again(&mut tries, &error) => {}
                opened => return opened,
            }
        }
    }

    /// Reads a block again after an error that may pass, one request at a time.
    pub(super) fn read_again(
        &self,
        reading: &Reading<'_>,
        range: Range<u64>,
        error: io::Error,
    ) -> io::Result<Vec<u8>> {
        let VerifyOptions { transfer, requests, .. } = self.run.options;
        let mut tries = 0;
        let mut result = Err(error);
        while let Err(error) = &result
            && self.tries_again(&mut tries, error)
        {
            let one = Requests { depth: 1, ..requests };
            let mut blocks = Pipeline::new(&self.part.root.disk, transfer, one);
            let mut take = |_, read: io::Result<&[u8]>| result = read.map(<[u8]>::to_vec);
            blocks.read(&reading.file, range.clone(), &mut take);
            blocks.finish_reads(&mut take);
        }
        result
    }

    fn open_file(&self, file: Coordinates) -> io::Result<Option<(OpenFile, Stat)>> {
        let VerifyOptions { transfer, drop_cache, .. } = self.run.options;
        open_to_judge(self.part.root, &self.part.share.path(file), (transfer, drop_cache))
    }
}

/// A file of the dataset and its attributes; `None` where there is none.
pub(in crate::storage) fn open_to_judge<F: Faults>(
    root: &Root<F>,
    path: &str,
    (transfer, drops_cache): (Transfer, bool),
) -> io::Result<Option<(OpenFile, Stat)>> {
    let (disk, path) = (&root.disk, Path::new(path));
    let open = |links| open_to_read(disk, &root.directory, path, (transfer, links));
    let opened = match open(Links::Refuse) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
            // Opening a device may do something: only links to files are followed. A dangling
            // one is a name that cannot be opened, not a file that is missing.
            check_kind(disk.stat_at(&root.directory, path, Links::Follow)?)?;
            open(Links::Follow)?
        }
        Err(error) => return Err(error),
    };
    let stat = disk.stat(&opened)?;
    check_kind(stat)?;
    if drops_cache {
        drop_cache(disk, &opened)?;
    }
    Ok(Some((opened, stat)))
}

fn check_kind(stat: Stat) -> io::Result<()> {
    match stat.kind {
        FileType::File => Ok(()),
        FileType::Directory => Err(ErrorKind::IsADirectory.into()),
        FileType::Link | FileType::Special => {
            Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"))
        }
    }
}
