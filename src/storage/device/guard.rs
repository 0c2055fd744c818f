//! What a device is used for: whoever writes to it destroys that.

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::Device;
use crate::disk::Faults;

/// A reason not to write to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceUse {
    /// Somebody uses it now: it is never written to.
    Now(String),
    /// It has partitions: it is never written to.
    Partitioned(String),
    /// It holds something that only `--yes-destroy` gives up.
    Holds(String),
}

impl fmt::Display for DeviceUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now(what) | Self::Partitioned(what) | Self::Holds(what) => f.write_str(what),
        }
    }
}

/// All that a device is used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsesOfDevice(Vec<DeviceUse>);

impl UsesOfDevice {
    /// Why it is not written to, whatever is allowed.
    #[must_use]
    pub fn forbids(&self) -> Option<&DeviceUse> {
        self.0.iter().find(|of| !matches!(of, DeviceUse::Holds(_)))
    }

    /// What is destroyed by writing.
    pub fn holds(&self) -> impl Iterator<Item = &DeviceUse> {
        self.0.iter().filter(|of| matches!(of, DeviceUse::Holds(_)))
    }
}

/// Looks what a device, or a file in its place, is used for.
///
/// # Errors
///
/// Where that cannot be told.
pub fn uses_of<F: Faults>(device: &Device<F>) -> io::Result<UsesOfDevice> {
    let mut uses = Vec::new();
    if let Some(number) = device.block_number() {
        uses.extend(of_block_device(number)?);
    } else if let Some(by) = backed_loop_device(device)? {
        uses.push(DeviceUse::Now(format!("it is what {by} stands on")));
    }
    if let Some(name) = partition_table(device)? {
        uses.push(DeviceUse::Partitioned(format!("it has a partition table ({name})")));
    }
    for Signature { name, .. } in signatures(device)? {
        uses.push(DeviceUse::Holds(name.to_owned()));
    }
    if uses.is_empty() && device.block_number().is_none() && device.length() > 0 {
        uses.push(DeviceUse::Holds(format!("a file of {} bytes", device.length())));
    }
    Ok(UsesOfDevice(uses))
}

/// Major and minor number, as `/sys` and `/proc` write them.
fn shown(number: u64) -> String {
    format!("{}:{}", nix::sys::stat::major(number), nix::sys::stat::minor(number))
}

fn of_block_device(number: u64) -> io::Result<Vec<DeviceUse>> {
    let mut uses = Vec::new();
    let sys = fs::canonicalize(format!("/sys/dev/block/{}", shown(number)))?;
    let mut numbers = vec![number];
    let mut partitions = Vec::new();
    let mut places = vec![sys.clone()];
    for entry in fs::read_dir(&sys)?.filter_map(Result::ok) {
        let path = entry.path();
        if path.join("partition").exists() {
            partitions.push(entry.file_name().to_string_lossy().into_owned());
            numbers.extend(number_in(&path.join("dev")));
            places.push(path);
        }
    }
    for place in places {
        let Ok(holders) = fs::read_dir(place.join("holders")) else { continue };
        for holder in holders.filter_map(Result::ok) {
            let name = holder.file_name();
            uses.push(DeviceUse::Now(format!("it is part of {}", name.display())));
        }
    }
    uses.extend(mounts(&numbers)?.into_iter().map(DeviceUse::Now));
    uses.extend(swaps(&numbers).into_iter().map(DeviceUse::Now));
    if let [first, ..] = &partitions[..] {
        let count = partitions.len();
        let what = format!("it has partitions: {first}, {count} in all");
        uses.push(DeviceUse::Partitioned(what));
    }
    Ok(uses)
}

/// The number in a file like `8:1`.
fn number_in(path: &Path) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let (major, minor) = text.trim().split_once(':')?;
    Some(nix::sys::stat::makedev(major.parse().ok()?, minor.parse().ok()?))
}

/// The number of the block device that a path names.
fn block_number(path: &str) -> Option<u64> {
    let stat = fs::metadata(path).ok()?;
    stat.file_type().is_block_device().then(|| stat.rdev())
}

/// Where any of these devices is mounted, by its number or by its name: some filesystems have
/// numbers of their own.
fn mounts(numbers: &[u64]) -> io::Result<Vec<String>> {
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let mut found = Vec::new();
    for line in table.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (Some(number), Some(place)) = (words.get(2), words.get(4)) else { continue };
        let source = words.iter().position(|word| *word == "-").and_then(|at| words.get(at + 2));
        let source = source.and_then(|source| block_number(&unescaped(source)));
        let is_it = numbers.iter().any(|of| shown(*of) == *number)
            || source.is_some_and(|source| numbers.contains(&source));
        if is_it {
            found.push(format!("it is mounted at {}", unescaped(place)));
        }
    }
    Ok(found)
}

/// A path in the tables below `/proc`: blanks and backslashes are octal numbers there.
fn unescaped(text: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn swaps(numbers: &[u64]) -> Vec<String> {
    // A kernel without swap has no such file.
    let table = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let paths = table.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    let is_it =
        |path: &&str| block_number(&unescaped(path)).is_some_and(|of| numbers.contains(&of));
    paths.filter(is_it).map(|path| format!("it is used for swap ({path})")).collect()
}

/// The loop device that a file is behind.
fn backed_loop_device<F: Faults>(device: &Device<F>) -> io::Result<Option<String>> {
    let own = fs::metadata(device.path())?;
    let Ok(all) = fs::read_dir("/sys/block") else { return Ok(None) };
    for entry in all.filter_map(Result::ok) {
        let Ok(path) = fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        let Ok(behind) = fs::metadata(PathBuf::from(path.trim_end_matches('\n'))) else { continue };
        if (own.dev(), own.ino()) == (behind.dev(), behind.ino()) {
            return Ok(Some(format!("/dev/{}", entry.file_name().display())));
        }
    }
    Ok(None)
}

/// What says at its place what a device holds.
struct Signature {
    name: &'static str,
    at: u64,
    bytes: &'static [u8],
}

const fn signature(name: &'static str, at: u64, bytes: &'static [u8]) -> Signature {
    Signature { name, at, bytes }
}

/// What tools look for that recognise devices, of what is common on Linux.
const SIGNATURES: [Signature; 24] = [
    signature("an ext2, ext3 or ext4 filesystem", 0x438, &[0x53, 0xef]),
    signature("an XFS filesystem", 0, b"XFSB"),
    signature("a btrfs filesystem", 0x10040, b"_BHRfS_M"),
    signature("an F2FS filesystem", 0x400, &[0x10, 0x20, 0xf5, 0xf2]),
    signature("a FAT filesystem", 54, b"FAT1"),
    signature("a FAT filesystem", 82, b"FAT32"),
    signature("an exFAT filesystem", 3, b"EXFAT   "),
    signature("an NTFS filesystem", 3, b"NTFS    "),
    signature("an ISO 9660 filesystem", 0x8001, b"CD001"),
    signature("a squashfs filesystem", 0, b"hsqs"),
    signature("a ReiserFS filesystem", 0x10034, b"ReIsEr"),
    signature("a JFS filesystem", 0x8000, b"JFS1"),
    signature("a Ceph BlueStore", 0, b"bluestore block device"),
    signature("a LUKS container", 0, b"LUKS\xba\xbe"),
    signature("a member of an md array", 0, MD_MAGIC),
    signature("a member of an md array", 4096, MD_MAGIC),
    signature("an LVM volume", 0, b"LABELONE"),
    signature("an LVM volume", 512, b"LABELONE"),
    signature("an LVM volume", 1024, b"LABELONE"),
    signature("an LVM volume", 1536, b"LABELONE"),
    signature("swap space", 4086, b"SWAPSPACE2"),
    signature("swap space", 4086, b"SWAP-SPACE"),
    signature("swap space", 65526, b"SWAPSPACE2"),
    signature("a ZFS pool", 0x20000, &[0x0c, 0xb1, 0xba, 0x00]),
];

const MD_MAGIC: &[u8] = &[0xfc, 0x4e, 0x2b, 0xa9];

fn signatures<F: Faults>(device: &Device<F>) -> io::Result<Vec<Signature>> {
    let length = device.length();
    // Arrays of the versions 0.90 and 1.0 have theirs near the end.
    let md =
        |at: Option<u64>| signature("a member of an md array", at.unwrap_or(u64::MAX), MD_MAGIC);
    let ends = [
        md((length & !0xffff).checked_sub(0x10000)),
        md((length / 512).checked_sub(16).map(|sectors| (sectors & !7) * 512)),
    ];
    let mut found: Vec<Signature> = Vec::new();
    for one in SIGNATURES.into_iter().chain(ends) {
        let mut bytes = [0; 32];
        let bytes = &mut bytes[..one.bytes.len()];
        let is_inside = one.at.checked_add(bytes.len() as u64).is_some_and(|end| end <= length);
        let is_new = found.iter().all(|other| other.name != one.name);
        if is_inside && is_new {
            device.read_exact(one.at, bytes)?;
            if bytes == one.bytes {
                found.push(one);
            }
        }
    }
    Ok(found)
}

/// The kind of partition table that a device begins with.
fn partition_table<F: Faults>(device: &Device<F>) -> io::Result<Option<&'static str>> {
    for at in [512, 4096] {
        let mut head = [0; 8];
        if at + 8 <= device.length() {
            device.read_exact(at, &mut head)?;
            if &head == b"EFI PART" {
                return Ok(Some("GPT"));
            }
        }
    }
    let mut sector = [0; 512];
    if device.length() < 512 {
        return Ok(None);
    }
    device.read_exact(0, &mut sector)?;
    // A FAT filesystem begins with a sector that ends alike.
    let is_fat = sector[54..58] == *b"FAT1" || sector[82..87] == *b"FAT32";
    let entries = || sector[446..510].chunks_exact(16);
    let is_table = sector[510..] == [0x55, 0xaa]
        && entries().all(|entry| matches!(entry[0], 0 | 0x80))
        && entries().any(|entry| entry[4] != 0 && entry[12..16] != [0; 4]);
    Ok((is_table && !is_fat).then_some("DOS"))
}
