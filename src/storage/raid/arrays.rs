//! Which arrays there are, and where their members are.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::member::FileImage;
use super::window::OpenMember;
use crate::content::{Content, Source};
use crate::disk::{Access, Faults, FileType, Links, Sound};
use crate::raid::Geometry;
use crate::storage::block_file::open_to_read;
use crate::storage::image::{DeviceLayout, Image, Stretch};
use crate::storage::{Root, Share, Transfer};

/// What is known of where a member is.
#[derive(Debug)]
pub enum MemberSlot<T> {
    /// Nobody has asked for it.
    NotAsked,
    /// Its directory or device is not there.
    Missing,
    /// It is there.
    There(T),
}

impl<T> MemberSlot<T> {
    /// The same slot, with a reference to what is there.
    #[must_use]
    pub fn as_ref(&self) -> MemberSlot<&T> {
        match self {
            Self::NotAsked => MemberSlot::NotAsked,
            Self::Missing => MemberSlot::Missing,
            Self::There(there) => MemberSlot::There(there),
        }
    }

    /// The same slot, with something else that is there.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> MemberSlot<U> {
        match self {
            Self::NotAsked => MemberSlot::NotAsked,
            Self::Missing => MemberSlot::Missing,
            Self::There(there) => MemberSlot::There(change(there)),
        }
    }
}

/// Where the members are, one slot for each.
#[derive(Debug)]
pub enum RaidMembers<'a, F = Sound> {
    /// In directories: every file of the dataset is an array, and each directory has its members
    /// under the file's path.
    Directories(Vec<MemberSlot<&'a Root<F>>>),
    /// On devices: all files of the dataset together are one array.
    Devices {
        /// The array.
        layout: &'a DeviceLayout<'a>,
        /// The devices: each by the directory that it is in, and its name there.
        devices: Vec<MemberSlot<(&'a Root<F>, PathBuf)>>,
        /// Where the data of a member begin on its device.
        data_offset: u64,
    },
}

/// The bytes of one array.
#[derive(Debug)]
pub(super) enum ArrayImage<'a> {
    File(FileImage<'a>),
    Device(&'a DeviceLayout<'a>),
}

impl Image for ArrayImage<'_> {
    fn length(&self) -> u64 {
        match self {
            Self::File(image) => image.length(),
            Self::Device(image) => image.length(),
        }
    }

    fn fill(&self, offset: u64, bytes: &mut [u8]) {
        match self {
            Self::File(image) => image.fill(offset, bytes),
            Self::Device(image) => image.fill(offset, bytes),
        }
    }

    fn stretch(&self, offset: u64) -> Stretch {
        match self {
            Self::File(image) => image.stretch(offset),
            Self::Device(image) => image.stretch(offset),
        }
    }

    fn offset_of(&self, source: Source) -> Option<u64> {
        match self {
            Self::File(image) => image.offset_of(source),
            Self::Device(image) => image.offset_of(source),
        }
    }
}

/// A member that was asked for.
pub(super) struct FoundMember {
    pub(super) open: OpenMember,
    /// How long it is, where files have a length.
    pub(super) length: Option<u64>,
}

impl<'a, F: Faults> RaidMembers<'a, F> {
    /// How many arrays there are.
    pub(super) fn count(&self, share: Share<'_>) -> u64 {
        match self {
            Self::Directories(_) => share.file_count(),
            Self::Devices { .. } => 1,
        }
    }

    pub(super) fn image(
        &self,
        (share, content): (Share<'_>, &'a Content),
        geometry: Geometry,
        array: u64,
    ) -> ArrayImage<'a> {
        match self {
            Self::Directories(_) => {
                let file = share.dataset().file_content(share.file(array));
                ArrayImage::File(FileImage::new(content, file, geometry))
            }
            Self::Devices { layout, .. } => ArrayImage::Device(layout),
        }
    }

    /// The directories, where the members are in some and all of them are there.
    pub(super) fn all_directories(&self) -> Option<Vec<&'a Root<F>>> {
        let Self::Directories(slots) = self else { return None };
        let there = |slot: &MemberSlot<&'a Root<F>>| match slot {
            MemberSlot::There(root) => Some(*root),
            MemberSlot::NotAsked | MemberSlot::Missing => None,
        };
        slots.iter().map(there).collect()
    }

    /// Whether a member is to be judged.
    pub(super) fn is_asked(&self, member: usize) -> bool {
        match self {
            Self::Directories(slots) => !matches!(slots[member], MemberSlot::NotAsked),
            Self::Devices { devices, .. } => !matches!(devices[member], MemberSlot::NotAsked),
        }
    }

    /// The directory of a member, if it is there.
    pub(super) fn root(&self, member: usize) -> Option<&'a Root<F>> {
        let root = match self {
            Self::Directories(slots) => match &slots[member] {
                MemberSlot::There(root) => root,
                _ => return None,
            },
            Self::Devices { devices, .. } => match &devices[member] {
                MemberSlot::There((root, _)) => root,
                _ => return None,
            },
        };
        Some(root)
    }

    /// The path of a member below its directory.
    pub(super) fn path(&self, share: Share<'_>, (array, member): (u64, usize)) -> PathBuf {
        match self {
            Self::Directories(_) => share.path(share.file(array)).into(),
            Self::Devices { devices, .. } => match &devices[member] {
                MemberSlot::There((_, name)) => name.clone(),
                _ => PathBuf::new(),
            },
        }
    }

    /// Where the data of members begin.
    pub(super) fn data_offset(&self) -> u64 {
        match self {
            Self::Directories(_) => 0,
            Self::Devices { data_offset, .. } => *data_offset,
        }
    }

    /// Opens a member, to read it or to mend it; `None` where there is none.
    pub(super) fn open(
        &self,
        share: Share<'_>,
        (array, member): (u64, usize),
        (transfer, to_mend): (Transfer, bool),
    ) -> io::Result<Option<FoundMember>> {
        let Some(root) = self.root(member) else { return Ok(None) };
        let path = self.path(share, (array, member));
        let is_device = matches!(self, Self::Devices { .. });
        // A device is named by its user, who may name it by a link.
        let links = if is_device { Links::Follow } else { Links::Refuse };
        let opened = if to_mend {
            // What is read back is what the page cache has: so both go through it. Nobody else has
            // a device that is written to.
            let access = if is_device { Access::ReadWriteAlone } else { Access::ReadWrite };
            root.disk.open(&root.directory, &path, access, links)
        } else {
            open_to_read(&root.disk, &root.directory, &path, (transfer, links))
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let stat = root.disk.stat(&file)?;
        let length = match stat.kind {
            FileType::File if !is_device => Some(stat.length),
            FileType::File => None,
            FileType::Special if is_device => None,
            FileType::Directory => return Err(ErrorKind::IsADirectory.into()),
            FileType::Special | FileType::Link => {
                let error = "it is not a regular file";
                return Err(io::Error::new(ErrorKind::InvalidInput, error));
            }
        };
        if to_mend && !is_device && stat.links > 1 {
            let names = stat.links;
            let error = format!(
                "it has {names} names (hard links), and all would change; it was not touched"
            );
            return Err(io::Error::new(ErrorKind::PermissionDenied, error));
        }
        let open = OpenMember { file, data_offset: self.data_offset() };
        Ok(Some(FoundMember { open, length }))
    }
}

/// A path for people.
pub(super) fn shown<F: Faults>(root: &Root<F>, path: &Path) -> String {
    root.path().join(path).to_string_lossy().into_owned()
}
