//! Mounting, in such a way that what was mounted is known by its number.
//!
//! The session gets a descriptor of `/dev/fuse` and knows no mount: so it unmounts none when it
//! ends. Where the kernel has the calls for it, the mount is made out of sight and moved to its
//! place once it answers. Older kernels have mount(2), and users have fusermount3; with those, what
//! was mounted is what stands in the table afterwards and did not before.

use std::ffi::CString;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, mount, move_mount,
};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
    recvmsg, socketpair,
};
use rustix::process::{getgid, getuid};

use super::mount_options::MountWords;
use super::mounted::{InUse, Mounted, Obstacle};
use super::mountpoint::Mountpoint;

const DEVICE: &str = "/dev/fuse";

/// Opens the kernel's FUSE device.
pub(super) fn open_device() -> io::Result<OwnedFd> {
    Ok(open(DEVICE, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// The mount of this daemon.
#[derive(Debug)]
pub(super) struct OwnMount {
    /// Nothing where somebody else mounted something in the same moment, so that it is not known
    /// which of them is ours. Then nothing is unmounted.
    mounted: Option<Mounted>,
    /// The connection. As long as it lives, the mount's numbers are nobody else's.
    device: OwnedFd,
}

impl OwnMount {
    /// What was mounted.
    pub(super) fn mounted(&self) -> Option<&Mounted> {
        self.mounted.as_ref()
    }

    /// The descriptor for the session.
    pub(super) fn device(&self) -> io::Result<OwnedFd> {
        self.device.try_clone()
    }

    /// Unmounts it.
    pub(super) fn unmount(&self, in_use: InUse) -> Result<(), Obstacle> {
        match &self.mounted {
            Some(mounted) => {
                mounted.unmount_if(in_use, || mounted.is_unique() || self.is_connected())
            }
            None => Err(Obstacle::System("it is not known which mount is its own".to_owned())),
        }
    }

    fn is_connected(&self) -> bool {
        let mut device = [PollFd::new(&self.device, PollFlags::empty())];
        let polled = poll(&mut device, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        polled.is_ok() && !device[0].revents().contains(PollFlags::ERR)
    }
}

/// A mount that is nowhere yet. It goes when this is dropped.
pub(super) struct Detached {
    device: OwnedFd,
    mount: OwnedFd,
}

impl Detached {
    /// Makes one. Kernels before 5.2 cannot, nor can users, nor may some containers.
    pub(super) fn new(words: &MountWords) -> io::Result<Self> {
        let device = open_device()?;
        let context = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", &words.source)?;
        for (key, value) in connection_settings(&device) {
            fsconfig_set_string(&context, key, value)?;
        }
        for (key, value) in &words.settings {
            match value {
                Some(value) => fsconfig_set_string(&context, *key, value)?,
                None => fsconfig_set_flag(&context, *key)?,
            }
        }
        for flag in &words.filesystem_flags {
            fsconfig_set_flag(&context, *flag)?;
        }
        fsconfig_create(&context)?;
        let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, words.attributes)?;
        Ok(Self { device, mount })
    }

    /// The descriptor for the session.
    pub(super) fn device(&self) -> io::Result<OwnedFd> {
        self.device.try_clone()
    }

    /// Moves it to its place.
    pub(super) fn attach(self, mountpoint: &Mountpoint) -> io::Result<OwnMount> {
        let both =
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        let place = mountpoint.hold()?;
        move_mount(&self.mount, "", &place, "", both)?;
        let mounted = Mounted::on(&self.mount)?;
        Ok(OwnMount { mounted, device: self.device })
    }
}

/// What tells the kernel whose connection it is. The root's type is all that counts of its mode.
fn connection_settings(device: &OwnedFd) -> [(&'static str, String); 4] {
    [
        ("fd", device.as_raw_fd().to_string()),
        ("rootmode", "40000".to_owned()),
        ("user_id", getuid().as_raw().to_string()),
        ("group_id", getgid().as_raw().to_string()),
    ]
}

/// Mounts by mount(2), or where only root may, by fusermount3.
pub(super) fn attach(words: &MountWords, mountpoint: &Mountpoint) -> io::Result<OwnMount> {
    let before = mountpoint.seedfs_on_it()?;
    let device = match mount_directly(words, mountpoint) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            mount_as_user(words, mountpoint)?
        }
        outcome => outcome?,
    };
    let mut new = mountpoint.seedfs_on_it()?;
    new.retain(|mounted| !before.iter().any(|old| old.is_same(mounted)));
    let mounted = if new.len() == 1 { new.pop() } else { None };
    Ok(OwnMount { mounted, device })
}

fn mount_directly(words: &MountWords, mountpoint: &Mountpoint) -> io::Result<OwnedFd> {
    let device = open_device()?;
    let connection = connection_settings(&device).map(|(key, value)| format!("{key}={value}"));
    let data = CString::new(format!("{},{}", connection.join(","), words.data()))?;
    mount(words.source.as_str(), mountpoint.path(), "fuse", words.flags, data.as_c_str())?;
    Ok(device)
}

/// fusermount3 opens the device, mounts, and sends the descriptor through a socket.
fn mount_as_user(words: &MountWords, mountpoint: &Mountpoint) -> io::Result<OwnedFd> {
    // The program finds its end of the socket by this variable; ours is not for it.
    const SOCKET: &str = "_FUSE_COMMFD";
    let (theirs, ours) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
    fcntl_setfd(&ours, FdFlags::CLOEXEC)?;
    let child = Command::new("fusermount3")
        .args(["-o", &words.line(), "--"])
        .arg(mountpoint.path())
        .env(SOCKET, theirs.as_raw_fd().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            let why = "only root can mount without it, and it is in package fuse3";
            io::Error::new(error.kind(), format!("fusermount3 cannot be run ({error}): {why}"))
        })?;
    drop(theirs);
    let received = receive_descriptor(&ours);
    drop(ours);
    let output = child.wait_with_output()?;
    received.map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if said.is_empty() { error } else { io::Error::other(said) }
    })
}

fn receive_descriptor(socket: impl AsFd) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    loop {
        match recvmsg(&socket, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    control
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        })
        .ok_or_else(|| io::Error::other("fusermount3 sent no descriptor"))
}
