//! The journal of a run that is going on: what is known, and the file that says it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ledger::{FileLedger, Ledger, WHOLE};
use super::lines::{FORMAT, Header, JournalError, Line, Replayed, compact, replay};
use super::runs::Runs;
use crate::dataset::DatasetConfig;
use crate::disk::{
    Access, Disk, Durability, Faults, FileType, Links, OpenDirectory, OpenFile, Sound, Taken,
    random,
};
use crate::storage::target::is_trusted;
use crate::storage::{Output, Root, Share};
use crate::sync::Mutex;

/// Far more than a run of any number of files needs, as long as most of them are alike.
const JOURNAL_BYTES_MAX: usize = 256 << 20;

/// What is known may take this much, so that a journal is never longer than what is read: it grows
/// to twice that, and by one append.
const COMPACT_BYTES_MAX: usize = JOURNAL_BYTES_MAX / 4;

/// A journal is written again when it is longer than this, and than twice what would do.
const COMPACT_BYTES_MIN: u64 = 1 << 20;

/// How long what no sync has covered may stay out of the journal.
const APPEND_EVERY: Duration = Duration::from_secs(1);

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal<F: Faults = Sound> {
    output: Output<F>,
    header: Header,
    known: Mutex<Knowledge>,
    log: Mutex<JournalFile>,
}

/// What a journal is about.
#[derive(Clone, Copy, Debug)]
pub struct JournalOf<'a> {
    /// The files, in the generation of the first pass.
    pub share: Share<'a>,
    /// How many generations are written, one over the other.
    pub passes: u16,
    /// What one write takes at most.
    pub write_bytes: u64,
}

#[derive(Debug)]
struct Knowledge {
    ledger: Ledger,
    /// Files of which the journal does not say yet what is known.
    unsaid: Runs<()>,
    /// The generation, or the end of the run, is not in the journal yet.
    run_is_unsaid: bool,
    appended: Instant,
}

/// The file. Its lock is held while it is written and synced: whoever waits for it has something to
/// append, which the one before appends with its own where it can.
#[derive(Debug)]
struct JournalFile {
    file: OpenFile,
    length: u64,
    number: u64,
    /// The length at which it is written again.
    compact_at: u64,
    /// After an append that failed nobody knows what the file says.
    is_broken: bool,
}

/// Reads a journal.
///
/// # Errors
///
/// Where it cannot be read, belongs to another user, is no journal, or is damaged.
pub fn read_journal<F: Faults>(disk: &Disk<F>, path: &Path) -> Result<Replayed, JournalError> {
    read_at(disk, &disk.open_root(Path::new("."))?, path)
}

fn read_at<F: Faults>(
    disk: &Disk<F>,
    directory: &OpenDirectory,
    path: &Path,
) -> Result<Replayed, JournalError> {
    let file = disk.open(directory, path, Access::Read, Links::Follow)?;
    let stat = disk.stat(&file)?;
    if stat.kind == FileType::File && !is_trusted(&stat) {
        let error = "it belongs to another user, who could have made it up";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, error).into());
    }
    replay(&disk.read_open(&file, JOURNAL_BYTES_MAX)?)
}

impl Replayed {
    /// Refuses a journal of something else.
    pub(super) fn check(
        &self,
        config: &DatasetConfig,
        node: Option<u16>,
    ) -> Result<(), JournalError> {
        for (same, what) in
            [(self.header.config == *config, "dataset"), (self.header.node == node, "node")]
        {
            if !same {
                return Err(JournalError::Other(what));
            }
        }
        Ok(())
    }
}

impl<F: Faults> Journal<F> {
    /// Begins a journal, or goes on with the one that is there.
    ///
    /// # Errors
    ///
    /// Where one is there and `resume` is not asked for; where it is of other files; and where it
    /// cannot be read or written.
    pub fn begin(output: Output<F>, of: JournalOf<'_>, resume: bool) -> Result<Self, JournalError> {
        let JournalOf { share, passes, write_bytes } = of;
        if !output.is_file() {
            let error = "it is a pipe, a device or a link; expected the name of a file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, error).into());
        }
        let config = share.dataset().to_config();
        let (mut ledger, mut write_bytes) = (Ledger::default(), write_bytes);
        ledger.generation = share.dataset().generations().first();
        let (disk, directory, name) = output.parts();
        let there = match read_at(disk, directory, Path::new(name)) {
            Err(JournalError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
            there => Some(there?),
        };
        if let Some(replayed) = there {
            if !resume {
                return Err(JournalError::AlreadyThere);
            }
            replayed.check(&config, share.node())?;
            if replayed.header.passes != passes {
                return Err(JournalError::Other("number of passes"));
            }
            write_bytes = write_bytes.max(replayed.header.write_bytes);
            ledger = replayed.ledger;
            ledger.resume();
        }
        let id = format!("{:016x}{:016x}", random(), random());
        let node = share.node();
        let header = Header { format: FORMAT, id, config, node, passes, write_bytes };
        let log = JournalFile::write_anew(&output, &header, &ledger)?;
        let appended = Instant::now();
        let known = Knowledge { ledger, unsaid: Runs::default(), run_is_unsaid: false, appended };
        Ok(Self { output, header, known: Mutex::new(known), log: Mutex::new(log) })
    }

    /// Whether the journal is on the file system of the files, where a crash may take it too.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn is_beside(&self, root: &Root<F>) -> io::Result<bool> {
        let (disk, directory, _) = self.output.parts();
        Ok(disk.stat(directory)?.device == root.disk.stat(&root.directory)?.device)
    }

    /// The generation that the run is at.
    #[must_use]
    pub fn generation(&self) -> u16 {
        self.known.lock().ledger.generation
    }

    /// What is known now.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.known.lock().ledger.clone()
    }

    /// A pass begins, which writes this generation.
    pub(super) fn begin_pass(&self, generation: u16) -> io::Result<()> {
        {
            let mut known = self.known.lock();
            known.run_is_unsaid |= known.ledger.generation != generation;
            known.ledger.generation = generation;
        }
        self.append()
    }

    /// The run has come to its end, or to where it stops.
    pub(super) fn end(&self, done: bool) -> io::Result<()> {
        {
            let mut known = self.known.lock();
            known.run_is_unsaid |= known.ledger.done != done;
            known.ledger.done = done;
        }
        self.append()
    }

    /// A file is about to be made, in place of another one or not. When this returns, nothing is
    /// promised of it any more.
    pub(super) fn making(&self, index: u64, over: bool) -> io::Result<()> {
        let promised = {
            let mut known = self.known.lock();
            let promised = known.ledger.has_promises(index);
            known.change(index..index + 1, |file| file.make(over));
            promised
        };
        if promised || over { self.append() } else { Ok(()) }
    }

    /// A write has returned.
    pub(super) fn wrote(&self, index: u64, range: Range<u64>, generation: u16) -> io::Result<()> {
        let is_due = {
            let mut known = self.known.lock();
            known.change(index..index + 1, |file| file.write(range.clone(), generation));
            known.appended.elapsed() >= APPEND_EVERY
        };
        if is_due { self.append() } else { Ok(()) }
    }

    /// What a sync of a file covers that begins now.
    pub(super) fn covered(&self, index: u64) -> Runs<u16> {
        self.known.lock().ledger.file(index).written
    }

    /// A sync has returned, which covers that.
    pub(super) fn synced(&self, index: u64, covered: &Runs<u16>) -> io::Result<()> {
        self.known.lock().change(index..index + 1, |file| file.sync(covered));
        self.append()
    }

    /// A file is whole and has its name.
    pub(super) fn completed(
        &self,
        index: u64,
        generation: u16,
        durability: Durability,
    ) -> io::Result<()> {
        let is_due = {
            let mut known = self.known.lock();
            known.change(index..index + 1, |file| {
                file.complete(generation);
                if durability == Durability::Synced {
                    file.sync(&Runs::of(WHOLE, generation));
                    file.sync_name();
                }
            });
            durability == Durability::Synced || known.appended.elapsed() >= APPEND_EVERY
        };
        if is_due { self.append() } else { Ok(()) }
    }

    /// The names of files were synced, and those above them.
    pub(super) fn names_synced(&self, files: Range<u64>) -> io::Result<()> {
        self.known.lock().change(files, |file| {
            if file.name == super::NameState::Given {
                file.sync_name();
            }
        });
        self.append()
    }

    /// Appends what the journal does not say yet, and has it on the storage.
    fn append(&self) -> io::Result<()> {
        let mut log = self.log.lock();
        if log.is_broken {
            return Err(io::Error::other("an earlier append to the journal has failed"));
        }
        let (lines, ledger) = {
            let mut known = self.known.lock();
            let lines = known.take_unsaid();
            known.appended = Instant::now();
            let ledger = (log.length >= log.compact_at).then(|| known.ledger.clone());
            (lines, ledger)
        };
        let appended = match ledger {
            Some(ledger) => {
                JournalFile::write_anew(&self.output, &self.header, &ledger).map(|anew| *log = anew)
            }
            // Somebody has appended it with theirs.
            None if lines.is_empty() => return Ok(()),
            None => log.append(&self.output, &self.header, &lines),
        };
        log.is_broken = appended.is_err();
        appended
    }
}

impl Knowledge {
    fn change(&mut self, files: Range<u64>, change: impl Fn(&mut FileLedger)) {
        self.ledger.change(files.clone(), change);
        self.unsaid.set(files, ());
    }

    fn take_unsaid(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if std::mem::take(&mut self.run_is_unsaid) {
            let Ledger { generation, done, .. } = self.ledger;
            lines.push(Line::Run { generation, done });
        }
        for (files, ()) in std::mem::take(&mut self.unsaid).iter() {
            lines.extend(self.ledger.files_in(files).map(|(files, known)| Line::Files {
                first: files.start,
                last: files.end - 1,
                known,
            }));
        }
        lines
    }
}

impl JournalFile {
    /// Writes the shortest journal that says this, in place of the one that is there.
    fn write_anew<F: Faults>(
        output: &Output<F>,
        header: &Header,
        ledger: &Ledger,
    ) -> io::Result<Self> {
        let (disk, directory, name) = output.parts();
        let (text, number) = compact(header, ledger);
        if text.len() > COMPACT_BYTES_MAX {
            return Err(io::Error::other(JournalError::TooLarge(COMPACT_BYTES_MAX)));
        }
        let (file, temporary) =
            disk.create_temporary(directory, (".seedfs-new-", ".tmp"), 0o666)?;
        disk.write_all_at(&file, text.as_bytes(), 0)
            .and_then(|()| {
                let how = (Taken::Replace, Durability::Synced);
                disk.publish(&file, directory, (&temporary, name), how)
            })
            .inspect_err(|_| {
                let _ = disk.unlink(directory, &temporary);
            })?;
        let length = text.len() as u64;
        let compact_at = COMPACT_BYTES_MIN.max(2 * length);
        Ok(Self { file, length, number, compact_at, is_broken: false })
    }

    fn append<F: Faults>(
        &mut self,
        output: &Output<F>,
        header: &Header,
        lines: &[Line],
    ) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            text.push_str(&line.encode(&header.id, self.number));
            self.number += 1;
        }
        let (disk, ..) = output.parts();
        disk.write_all_at(&self.file, text.as_bytes(), self.length)?;
        self.length += text.len() as u64;
        disk.sync(&self.file)
    }
}
