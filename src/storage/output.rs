//! Files that a command writes beside the dataset: reports, states, manifests.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::target::is_trusted;
use crate::disk::{
    Disk, Durability, Faults, FileType, Links, OpenDirectory, OpenFile, Sound, Taken,
};

/// Where a file is to be, in a directory that stays open. A file is replaced in one step: it is
/// whole, or the one before. What is no file, as a pipe or the link `/dev/stdout`, is written to.
#[derive(Debug)]
pub struct Output<F = Sound> {
    disk: Disk<F>,
    directory: OpenDirectory,
    name: OsString,
    /// Written to as it is: it is no file that could be replaced.
    stream: Option<PathBuf>,
}

/// How the name begins of a file on its way.
const TEMPORARY: &str = ".seedfs-new-";

impl<F: Faults> Output<F> {
    /// Opens the directory, and looks whether a file can be made there, before hours of work.
    ///
    /// # Errors
    ///
    /// Those of the system; and where the path names a directory, or another user's link.
    pub fn new(disk: Disk<F>, path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(ErrorKind::IsADirectory)?.to_owned();
        let above = match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        let directory = disk.open_root(above)?;
        let is_stream = match disk.stat_at(&directory, Path::new(&name), Links::Refuse) {
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error),
            Ok(stat) if stat.kind == FileType::File => false,
            Ok(stat) if stat.kind == FileType::Link && !is_trusted(&stat) => {
                let error = "it is another user's link, which is not followed";
                return Err(io::Error::new(ErrorKind::PermissionDenied, error));
            }
            Ok(_) => match disk.stat_at(&directory, Path::new(&name), Links::Follow)?.kind {
                FileType::Directory => return Err(ErrorKind::IsADirectory.into()),
                _ => true,
            },
        };
        if !is_stream {
            // Closed at once, and gone.
            disk.create_unnamed(&directory)?;
        }
        Ok(Self { disk, directory, name, stream: is_stream.then(|| path.to_owned()) })
    }

    /// Writes the file whole, and has it on the storage.
    ///
    /// # Errors
    ///
    /// Those of the system. The file is the one before then, or this one.
    pub fn replace(&self, bytes: &[u8], mode: u32) -> io::Result<()> {
        match &self.stream {
            Some(path) => std::fs::write(path, bytes),
            None => {
                self.disk.replace(&self.directory, &self.name, bytes, (mode, Durability::Synced))
            }
        }
    }

    /// Begins a file that is written from front to back.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn begin(&self) -> io::Result<Growing<'_, F>> {
        let to = if let Some(path) = &self.stream {
            To::Stream(std::fs::OpenOptions::new().write(true).open(path)?)
        } else {
            let names = (TEMPORARY, ".tmp");
            let (file, temporary) = self.disk.create_temporary(&self.directory, names, 0o666)?;
            To::File(file, temporary)
        };
        Ok(Growing { output: self, to, length: 0 })
    }

    /// Whether it is a file, or can become one.
    pub(super) fn is_file(&self) -> bool {
        self.stream.is_none()
    }

    pub(super) fn parts(&self) -> (&Disk<F>, &OpenDirectory, &OsStr) {
        (&self.disk, &self.directory, &self.name)
    }
}

/// A file on its way. Unless it is [finished](Growing::finish), it goes without a trace.
#[derive(Debug)]
pub struct Growing<'a, F: Faults = Sound> {
    output: &'a Output<F>,
    to: To,
    length: u64,
}

#[derive(Debug)]
enum To {
    Stream(std::fs::File),
    File(OpenFile, OsString),
    Done,
}

impl<F: Faults> Growing<'_, F> {
    /// Gives the file its name.
    ///
    /// # Errors
    ///
    /// Those of the system, also what it says only at the end.
    pub fn finish(mut self) -> io::Result<()> {
        let Output { disk, directory, name, .. } = self.output;
        if let To::File(file, temporary) = &self.to {
            let how = (Taken::Replace, Durability::Synced);
            disk.publish(file, directory, (temporary, name), how)?;
        }
        self.to = To::Done;
        Ok(())
    }
}

impl<F: Faults> Write for Growing<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match &mut self.to {
            To::Stream(stream) => stream.write(bytes)?,
            To::File(file, _) => self.output.disk.write_at(file, bytes, self.length)?,
            To::Done => 0,
        };
        self.length += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: Faults> Drop for Growing<'_, F> {
    fn drop(&mut self) {
        if let To::File(_, temporary) = &self.to {
            // What cannot be removed is named for what it is.
            let _ = self.output.disk.unlink(&self.output.directory, temporary);
        }
    }
}
