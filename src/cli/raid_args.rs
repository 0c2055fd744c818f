//! The options that say how arrays are kept, and which of their members a command is about.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::values::{Words, number, size, word};
use crate::disk::Disk;
use crate::raid::{Geometry, GeometryError, MEMBERS_MAX, RaidLevel};
use crate::storage::{MemberSlot, Root};

const LEVELS: Words<RaidLevel> = &[
    ("0", "in chunks on one member after the other", RaidLevel::Striped),
    ("1", "all on each member", RaidLevel::Mirrored),
    ("5", "in chunks, with the parity of each stripe; left-symmetric", RaidLevel::Parity),
];

const MEMBER_COUNTS: std::ops::RangeInclusive<NonZeroU32> =
    NonZeroU32::MIN..=NonZeroU32::MIN.saturating_add(MEMBERS_MAX - 1);

/// How arrays are kept.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "RAID")]
pub(super) struct RaidArguments {
    /// Stripe each file over the directories, in the order of Linux md; the members of a file have
    /// its path in each of them
    #[arg(long, value_name = "LEVEL", value_parser = word(LEVELS))]
    raid: Option<RaidLevel>,

    /// How much of it stays on one member: a multiple of 4096, with RAID 5 a power of two [default:
    /// 512K]
    #[arg(long, value_name = "SIZE", requires = "raid")]
    chunk: Option<String>,
}

/// Which members there are, and which is judged.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "RAID")]
pub(super) struct MemberArguments {
    /// How many members the array has, where not all of them are named
    #[arg(
        long,
        value_name = "N",
        requires_all = ["member", "raid"],
        value_parser = number(MEMBER_COUNTS)
    )]
    members: Option<NonZeroU32>,

    /// Judge only this member, counted from 0: the one directory or device that is named
    #[arg(long, value_name = "K", requires = "members")]
    member: Option<u32>,

    /// Where the data of a member begin on its device, as 'mdadm --examine' says it [default: 0]
    #[arg(long, value_name = "SIZE", requires_all = ["device", "raid"])]
    data_offset: Option<String>,
}

impl RaidArguments {
    /// How an array of so many members is kept; nothing where nobody asked for one.
    pub(super) fn geometry(&self, members: u64) -> Result<Option<Geometry>, Failure> {
        let Some(level) = self.raid else { return Ok(None) };
        let expected = "a size, like 512K";
        let read = |text: &String| size("--chunk", text, &(0..=u64::MAX), expected);
        let chunk = self.chunk.as_ref().map(read).transpose()?;
        let geometry = Geometry::new(level, chunk, members).map_err(|error| match error {
            GeometryError::Members { .. } => Failure::usage(format!("--raid: {error}")),
            GeometryError::Chunk { .. } | GeometryError::NoChunks => {
                let shown = self.chunk.as_deref().unwrap_or_default();
                Failure::usage(format!("--chunk '{shown}': {error}"))
            }
        })?;
        Ok(Some(geometry))
    }
}

/// Where the members are that a command is about.
pub(super) struct NamedMembers {
    pub(super) geometry: Geometry,
    /// The paths of all members; none of those that were not asked for.
    pub(super) paths: Vec<Option<PathBuf>>,
    /// Devices, and where the data begin on them; else directories.
    pub(super) devices: Option<u64>,
}

impl MemberArguments {
    /// The members, given the directories or the devices that were named.
    pub(super) fn resolve(
        &self,
        raid: &RaidArguments,
        (directories, devices): (&[PathBuf], &[PathBuf]),
    ) -> Result<Option<NamedMembers>, Failure> {
        let (named, what) = match devices {
            [] => (directories, "directories"),
            devices => (devices, "devices"),
        };
        if !devices.is_empty() && !directories.is_empty() {
            return Err(Failure::usage(
                "--device: directories are named too; expected only one kind",
            ));
        }
        let count = self.members.map_or(named.len() as u64, |members| members.get().into());
        let Some(geometry) = raid.geometry(count)? else { return Ok(None) };
        let mut paths = vec![None; geometry.members() as usize];
        match self.member {
            None => paths.iter_mut().zip(named).for_each(|(to, path)| *to = Some(path.clone())),
            Some(member) => {
                let slot = paths.get_mut(member as usize).ok_or_else(|| {
                    Failure::usage(format!(
                        "--member '{member}': expected a whole number below {count}, which is \
                         --members"
                    ))
                })?;
                let [only] = named else {
                    let number = named.len();
                    return Err(Failure::usage(format!(
                        "--member '{member}': {number} {what} are named; expected one"
                    )));
                };
                *slot = Some(only.clone());
            }
        }
        let devices = (!devices.is_empty()).then(|| self.data_offset()).transpose()?;
        Ok(Some(NamedMembers { geometry, paths, devices }))
    }

    fn data_offset(&self) -> Result<u64, Failure> {
        let Some(text) = &self.data_offset else { return Ok(0) };
        let expected = "a multiple of 4096, like 132M";
        let offset = size("--data-offset", text, &(0..=1 << 62), expected)?;
        if offset % 4096 == 0 {
            return Ok(offset);
        }
        Err(Failure::usage(format!("--data-offset '{text}': expected {expected}")))
    }
}

/// What was opened of the members that a command is about.
pub(super) type OpenRoots = Vec<MemberSlot<(Root, PathBuf)>>;

impl NamedMembers {
    /// Opens the directories of the members, or those that the devices are in. What is not there
    /// is a member that is missing; what cannot be opened is refused.
    pub(super) fn open(&self) -> Result<OpenRoots, Failure> {
        self.paths.iter().map(|path| self.open_one(path.as_deref())).collect()
    }

    fn open_one(&self, path: Option<&Path>) -> Result<MemberSlot<(Root, PathBuf)>, Failure> {
        let Some(path) = path else { return Ok(MemberSlot::NotAsked) };
        let (directory, name) = match (self.devices, path.parent(), path.file_name()) {
            (None, ..) => (path, PathBuf::new()),
            (Some(_), Some(parent), Some(name)) => (parent, PathBuf::from(name)),
            (Some(_), ..) => {
                let shown = path.display();
                return Err(Failure::usage(format!(
                    "--device '{shown}': expected a device or a file"
                )));
            }
        };
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        match Root::open(Disk::real(), directory) {
            Ok(root) => Ok(MemberSlot::There((root, name))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(MemberSlot::Missing),
            Err(error) => {
                let shown = path.display();
                Err(Failure::usage(format!("'{shown}' cannot be opened: {error}")))
            }
        }
    }

    /// What the members are called.
    pub(super) fn names(&self) -> Vec<Option<String>> {
        let shown = |path: &PathBuf| path.to_string_lossy().into_owned();
        self.paths.iter().map(|path| path.as_ref().map(shown)).collect()
    }
}
