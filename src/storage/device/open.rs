//! An open device.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::disk::{
    ALIGNMENT, Access, Disk, Faults, FileType, Links, OpenDirectory, OpenFile, Sound, Stat,
};
use crate::report::TargetIdentity;
use crate::storage::Transfer;
use crate::storage::blocks::{block_buffer, read_block};

/// A block device, or a regular file in the place of one.
#[derive(Debug)]
pub struct Device<F = Sound> {
    pub(super) disk: Disk<F>,
    pub(super) file: OpenFile,
    pub(super) transfer: Transfer,
    path: PathBuf,
    stat: Stat,
    length: u64,
}

/// What a device is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAccess {
    /// To read.
    Read,
    /// To write, and nobody else may: the kernel refuses devices that are mounted, or part of
    /// others.
    Write,
    /// The same; a file that is not there is made.
    Make,
}

impl<F: Faults> Device<F> {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Those of the system; and where it is neither a block device nor a regular file.
    pub fn open(
        disk: Disk<F>,
        path: &Path,
        access: DeviceAccess,
        transfer: Transfer,
    ) -> io::Result<Self> {
        let name = path.file_name().ok_or(ErrorKind::IsADirectory)?;
        let above = match path.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        let at = disk.open_root(above)?;
        let name_path = Path::new(name);
        // Opening some devices does something, so they are looked at first.
        match disk.stat_at(&at, name_path, Links::Follow) {
            Ok(stat) => check_kind(&stat)?,
            Err(error) if error.kind() == ErrorKind::NotFound && access == DeviceAccess::Make => {
                make(&disk, &at, name)?;
            }
            Err(error) => return Err(error),
        }
        let how = match (access, transfer) {
            (DeviceAccess::Read, Transfer::Cached) => Access::Read,
            (DeviceAccess::Read, Transfer::Direct) => Access::ReadDirect,
            (_, Transfer::Cached) => Access::ReadWriteAlone,
            (_, Transfer::Direct) => Access::ReadWriteAloneDirect,
        };
        let file = disk.open(&at, name_path, how, Links::Follow).map_err(say)?;
        let stat = disk.stat(&file)?;
        check_kind(&stat)?;
        let length = disk.length(&file)?;
        Ok(Self { disk, file, transfer, path: path.to_owned(), stat, length })
    }

    /// The path that the user has typed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its number, where it is a block device.
    #[must_use]
    pub fn block_number(&self) -> Option<u64> {
        self.stat.block_device
    }

    /// Which device it is, as reports name it.
    ///
    /// # Errors
    ///
    /// Where its path cannot be followed any more.
    pub fn target_view(&self) -> io::Result<TargetIdentity> {
        let path = self.path.canonicalize()?.to_string_lossy().into_owned();
        let (device, inode) = match self.stat.block_device {
            Some(number) => (number, 0),
            None => (self.stat.device, self.stat.inode),
        };
        Ok(TargetIdentity { path, device, inode })
    }

    /// Reads bytes whatever the alignment.
    pub(super) fn read_exact(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        if self.transfer == Transfer::Cached {
            return self.disk.read_exact_at(&self.file, bytes, offset);
        }
        let mut buffer = block_buffer(Transfer::Direct);
        let start = offset - offset % ALIGNMENT as u64;
        let before = usize::try_from(offset - start).unwrap_or_default();
        let wanted = (before + bytes.len()).next_multiple_of(ALIGNMENT);
        let block = &mut buffer.bytes_mut()[..wanted];
        let read = read_block(&self.disk, &self.file, start, block)?;
        if read < before + bytes.len() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        bytes.copy_from_slice(&block[before..before + bytes.len()]);
        Ok(())
    }
}

/// Makes an empty file. One that somebody has made meanwhile, or this call before a signal has
/// interrupted it, is as good: what it holds is looked at after it was opened.
fn make<F: Faults>(disk: &Disk<F>, at: &OpenDirectory, name: &OsStr) -> io::Result<()> {
    loop {
        match disk.create(at, name, 0o666) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => return Ok(()),
        }
    }
}

fn check_kind(stat: &Stat) -> io::Result<()> {
    if stat.kind == FileType::File || stat.block_device.is_some() {
        return Ok(());
    }
    let error = "expected a block device or a regular file";
    Err(io::Error::new(ErrorKind::InvalidInput, error))
}

/// What `EBUSY` means here.
fn say(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(libc::EBUSY) => {
            let reason = "the kernel says that it is in use: mounted, or part of another device";
            io::Error::new(ErrorKind::ResourceBusy, reason)
        }
        Some(libc::EINVAL) => {
            let reason =
                "this filesystem does not take direct I/O (O_DIRECT): leave out --direct-io";
            io::Error::new(ErrorKind::Unsupported, reason)
        }
        _ => error,
    }
}
