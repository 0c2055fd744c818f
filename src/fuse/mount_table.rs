//! The kernel's table of mounts, as this process sees it.
//!
//! This is the only place that reads `/proc/self/mountinfo`. Paths are bytes there, and five of
//! them are written in octal; whoever wants a path gets it as it is.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::str;

/// The type that the table shows for a seedfs.
const SEEDFS: &str = "fuse.seedfs";

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Its number. The kernel gives that of a mount that has gone to another one.
    pub(super) id: u32,
    /// The number of the mount that it is mounted on.
    pub(super) parent: u32,
    /// Its filesystem's device number, like `0:42`.
    pub(super) device: String,
    /// Where it is mounted. It may be hidden there by a mount above it.
    pub(super) path: PathBuf,
    /// Its type, like `ext4`.
    pub(super) fs_type: String,
    /// What its filesystem says of itself, separated by commas.
    options: String,
}

impl Mount {
    pub(super) fn is_seedfs(&self) -> bool {
        self.fs_type == SEEDFS
    }

    /// The user who may use a FUSE filesystem, and unmount it.
    pub(super) fn owner(&self) -> Option<u32> {
        self.options.split(',').find_map(|option| option.strip_prefix("user_id="))?.parse().ok()
    }

    /// Whether the users of a FUSE filesystem are all there are.
    pub(super) fn allows_others(&self) -> bool {
        self.options.split(',').any(|option| option == "allow_other")
    }

    /// Reads a line. One that is not as the kernel writes it is nobody's mount.
    fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        // Any number of fields may stand before the dash.
        let dash = fields.iter().position(|field| *field == b"-")?;
        let text = |field: usize| str::from_utf8(fields.get(field)?).ok();
        Some(Self {
            id: text(0)?.parse().ok()?,
            parent: text(1)?.parse().ok()?,
            device: text(2)?.to_owned(),
            path: OsString::from_vec(decoded(fields.get(4)?)).into(),
            fs_type: text(dash + 1)?.to_owned(),
            options: String::from_utf8_lossy(fields.get(dash + 3)?).into_owned(),
        })
    }
}

/// All mounts, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub(super) struct MountTable(Vec<Mount>);

impl MountTable {
    pub(super) fn read() -> io::Result<Self> {
        fs::read("/proc/self/mountinfo").map(|table| Self::parse(&table))
    }

    fn parse(table: &[u8]) -> Self {
        Self(table.split(|byte| *byte == b'\n').filter_map(Mount::parse).collect())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Mount> {
        self.0.iter()
    }

    pub(super) fn with_id(&self, id: u32) -> Option<&Mount> {
        self.0.iter().find(|mount| mount.id == id)
    }

    /// A mount on top of this one or inside it.
    pub(super) fn mounted_on(&self, id: u32) -> Option<&Mount> {
        // A mount that is the root of everything is its own parent.
        self.0.iter().find(|mount| mount.parent == id && mount.id != id)
    }

    /// The nearest seedfs that is hidden because this is mounted on its root.
    pub(super) fn seedfs_under(&self, top: &Mount) -> Option<&Mount> {
        let mut above = top;
        // No stack is higher than the table.
        for _ in &self.0 {
            let below = self.with_id(above.parent).filter(|below| below.path == above.path)?;
            if below.is_seedfs() || below.id == above.id {
                return Some(below).filter(|below| below.is_seedfs());
            }
            above = below;
        }
        None
    }
}

/// Undoes what the kernel does to spaces, tabs, newlines, backslashes and number signs: a backslash
/// and three octal digits each.
fn decoded(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, behind)) = rest.split_first() {
        let value = (first == b'\\').then(|| octal(behind)).flatten();
        bytes.push(value.unwrap_or(first));
        rest = if value.is_some() { &behind[3..] } else { behind };
    }
    bytes
}

/// The byte that three digits stand for.
fn octal(text: &[u8]) -> Option<u8> {
    let digits = text.get(..3)?;
    let value = |digit: u8| char::from(digit).to_digit(8);
    let number = digits.iter().try_fold(0, |sum, digit| Some(sum * 8 + value(*digit)?))?;
    u8::try_from(number).ok()
}

/// The number of the mount that an open file is on. The mount itself is not asked, so it may be
/// dead.
pub(super) fn mount_id(file: impl AsFd) -> io::Result<u32> {
    let said = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_fd().as_raw_fd()))?;
    said.lines()
        .find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
        .ok_or_else(|| io::Error::other("/proc does not say what it is mounted on"))
}

/// The path of an open file, as the table would have it.
pub(super) fn path_of(file: impl AsFd) -> io::Result<PathBuf> {
    fs::read_link(descriptor_path(&file))
}

/// A path that leads to an open file, whatever its name stands for by now.
pub(super) fn descriptor_path(file: impl AsFd) -> PathBuf {
    Path::new("/proc/self/fd").join(file.as_fd().as_raw_fd().to_string())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    const TABLE: &[u8] = b"\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:41 / /tmp/a\\040b\\011\\012\\134\\043 rw shared:7 - fuse.seedfs s user_id=1000,allow_other
31 30 0:42 / /tmp/a\\040b\\011\\012\\134\\043 rw - tmpfs tmpfs rw
32 31 0:43 / /tmp/a\\040b\\011\\012\\134\\043 rw - tmpfs tmpfs rw
33 30 0:44 /part /tmp/\xff rw - fuse.seedfs some\\040name rw,user_id=x
no line at all
34 22 0:45 / /tmp/short rw
";

    #[test]
    fn the_table_is_read_as_the_kernel_writes_it() {
        let table = MountTable::parse(TABLE);
        let ids: Vec<u32> = table.all().map(|mount| mount.id).collect();
        assert_eq!(ids, [22, 30, 31, 32, 33]);
        let mount = table.with_id(30).unwrap();
        assert_eq!(mount.path, Path::new("/tmp/a b\t\n\\#"));
        assert_eq!((mount.parent, mount.device.as_str()), (22, "0:41"));
        assert!(mount.is_seedfs() && mount.allows_others());
        assert_eq!(mount.owner(), Some(1000));
        let other = table.with_id(33).unwrap();
        assert_eq!(other.path.as_os_str().as_bytes(), b"/tmp/\xff");
        assert_eq!((other.owner(), other.allows_others()), (None, false));
        assert!(!table.with_id(22).unwrap().is_seedfs());
    }

    #[test]
    fn stacks_are_seen() {
        let table = MountTable::parse(TABLE);
        let under = |id| table.seedfs_under(table.with_id(id).unwrap()).map(|mount| mount.id);
        assert_eq!(under(32), Some(30));
        assert_eq!(under(31), Some(30));
        assert_eq!(under(30), None, "what is under it is elsewhere");
        assert_eq!(under(22), None);
        assert_eq!(table.mounted_on(30).map(|mount| mount.id), Some(31));
        assert_eq!(table.mounted_on(32), None);
        let root = MountTable::parse(b"1 1 0:1 / / rw - rootfs rootfs rw");
        assert_eq!(root.mounted_on(1), None);
        assert_eq!(root.seedfs_under(root.with_id(1).unwrap()), None);
    }

    #[test]
    fn only_three_octal_digits_are_a_byte() {
        for (written, meant) in [
            (&b"a\\040b"[..], &b"a b"[..]),
            (b"\\134040", b"\\040"),
            (b"\\", b"\\"),
            (b"\\04", b"\\04"),
            (b"\\09x", b"\\09x"),
            (b"\\777", b"\\777"),
            (b"\\+12", b"\\+12"),
            (b"", b""),
        ] {
            assert_eq!(decoded(written), meant, "{written:?}");
        }
    }

    #[test]
    fn an_open_file_knows_its_mount() {
        let table = MountTable::read().unwrap();
        let file = fs::File::open("/proc").unwrap();
        let mount = table.with_id(mount_id(&file).unwrap()).unwrap();
        assert_eq!((mount.path.as_path(), mount.fs_type.as_str()), (Path::new("/proc"), "proc"));
        assert_eq!(path_of(&file).unwrap(), Path::new("/proc"));
    }
}
