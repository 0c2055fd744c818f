//! fuser's trait, answered by the filesystem's operations.
//!
//! Each operation converts what it is asked (`conversions`), calls the filesystem and replies
//! (`replies`); what may take long, it hands to a thread of its own (`apart`).

mod apart;
mod conversions;
mod replies;

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, INodeNo, KernelConfig,
    LockOwner, Notifier, OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek, ReplyOpen, ReplyStatfs,
    ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::commands::Commands;
use super::connection::{ConnectionOptions, negotiate};
use super::slow::Slow;
use crate::content::StopCheck;
use crate::fs::{
    AccessMask, Allocate, DirectoryEntry, Error, Filesystem, Fill, InodeAttributes, InodeKind,
    OpenFor, ReadRequest, RenameMode, Result, Seek, SetAttributes, SetXattr, XattrAnswer,
};

use apart::{SlowRequest, Write};
use conversions::{file_attr, file_type, inode, new_entry, permissions, time_change};
use replies::{
    GENERATION, ReplyWith, Told, XattrValue, answer, answer_by_number, conclude, guarded,
};

/// Answers the kernel's requests.
pub(super) struct Adapter {
    filesystem: Arc<Filesystem>,
    connection: ConnectionOptions,
    slow: Slow,
    commands: Commands,
}

thread_local! {
    /// What is read goes through here: one buffer a thread, as large as its largest request.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Adapter {
    pub(super) fn new(
        filesystem: Arc<Filesystem>,
        connection: ConnectionOptions,
        slow: Slow,
        notifier: Arc<OnceLock<Notifier>>,
    ) -> Self {
        let commands = Commands::new(Arc::clone(&filesystem), notifier);
        Self { filesystem, connection, slow, commands }
    }

    fn told(&self, attributes: &InodeAttributes) -> Told {
        let ConnectionOptions { attributes_remembered, names_remembered, .. } = self.connection;
        Told {
            attr: file_attr(attributes),
            attr_remembered: if attributes.cacheable {
                attributes_remembered
            } else {
                Duration::ZERO
            },
            name_remembered: names_remembered,
        }
    }

    /// The reply, where there are extended attributes. Where there are none, the kernel is told
    /// never to ask again, and says EOPNOTSUPP by itself.
    fn for_xattrs<T, R: ReplyWith<T>>(&self, reply: R) -> Option<R> {
        if self.connection.xattrs {
            return Some(reply);
        }
        reply.refuse(Errno::ENOSYS);
        None
    }
}

impl fuser::Filesystem for Adapter {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        negotiate(config, &self.connection);
        Ok(())
    }

    fn destroy(&mut self) {
        self.commands.end();
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        answer("lookup", reply, || {
            Ok(self.told(&self.filesystem.look_up(inode(parent), name.as_bytes())?))
        });
    }

    fn forget(&self, _: &Request, ino: INodeNo, lookups: u64) {
        guarded("forget", || self.filesystem.forget(inode(ino), lookups));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        answer_by_number("getattr", reply, || {
            Ok(self.told(&self.filesystem.attributes(inode(ino))?))
        });
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let set = SetAttributes {
            mode: mode.map(permissions),
            uid,
            gid,
            size_bytes: size,
            accessed: atime.map(time_change),
            modified: mtime.map(time_change),
            // fuser does not pass on the kernel's flag for this. Root keeps the bits, as POSIX lets
            // it.
            drop_set_id: size.is_some() && request.uid() != 0,
        };
        answer("setattr", reply, || {
            Ok(self.told(&self.filesystem.set_attributes(inode(ino), &set)?))
        });
    }

    fn access(&self, request: &Request, ino: INodeNo, mask: AccessFlags, reply: ReplyEmpty) {
        let mask = AccessMask {
            read: mask.contains(AccessFlags::R_OK),
            write: mask.contains(AccessFlags::W_OK),
            execute: mask.contains(AccessFlags::X_OK),
        };
        answer("access", reply, || {
            self.filesystem.access(inode(ino), mask, request.uid(), request.gid())
        });
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        answer("readlink", reply, || self.filesystem.read_link(inode(ino)));
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        answer("statfs", reply, || Ok(self.filesystem.space()));
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let wanted = match flags.acc_mode() {
            OpenAccMode::O_RDONLY => OpenFor::Reading,
            OpenAccMode::O_WRONLY | OpenAccMode::O_RDWR => OpenFor::Writing,
        };
        match self.filesystem.document_work(inode(ino)) {
            Some(work) => self.open_document(work, request.pid(), (inode(ino), wanted), reply),
            None => answer_by_number("open", reply, || self.filesystem.open(inode(ino), wanted)),
        }
    }

    fn release(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        answer("release", reply, || {
            self.filesystem.release(inode(ino), handle.0);
            Ok(())
        });
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = ReadRequest { inode: inode(ino), handle: handle.0, offset, size: size as usize };
        if self.filesystem.is_manifest(read.inode) {
            // What is mapped into memory must be whole: there the kernel takes what is missing from
            // a page for the end of the file. Such a request has no owner of locks.
            let fill = if lock_owner.is_none() { Fill::Whole } else { Fill::ToLineEnd };
            self.read_manifest(request.pid(), read, fill, reply);
            return;
        }
        guarded("read", || {
            BUFFER.with_borrow_mut(|buffer| {
                let answer = |outcome: Result<&[u8]>| match outcome {
                    Err(Error::Interrupted) => self.read_slowly(request.pid(), read, reply),
                    outcome => conclude("read", reply, outcome),
                };
                self.filesystem.serve_read(read, buffer, StopCheck::BEFORE_LONG, answer);
            });
        });
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let inode = inode(ino);
        if self.filesystem.is_control(inode) {
            self.control(data, reply);
            return;
        }
        guarded("write", || {
            let write = Write { inode, offset, flags: write_flags };
            match write.run(&self.filesystem, &self.commands, data, StopCheck::BEFORE_LONG) {
                Err(Error::Interrupted) => self.write_slowly(request.pid(), write, data, reply),
                outcome => conclude("write", reply, outcome),
            }
        });
    }

    fn flush(&self, _: &Request, ino: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        if self.filesystem.is_control(inode(ino)) {
            self.commands.answer(reply);
        } else {
            reply.ok();
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _data_only: bool, reply: ReplyEmpty) {
        // What a write has answered is in its extents already.
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _data: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn lseek(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        answer("lseek", reply, || {
            let seek = match whence {
                libc::SEEK_DATA => Seek::Data,
                libc::SEEK_HOLE => Seek::Hole,
                // The kernel answers the others itself.
                _ => return Err(Error::Invalid),
            };
            let offset = u64::try_from(offset).map_err(|_| Error::PastEnd)?;
            let found = self.filesystem.seek(inode(ino), offset, seek)?;
            i64::try_from(found).map_err(|_| Error::PastEnd)
        });
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        let changed = self.content_changed(request);
        let allocate = move |filesystem: &Filesystem, stop: StopCheck<'_>| {
            let keep_size = mode & libc::FALLOC_FL_KEEP_SIZE != 0;
            let how = match mode & !libc::FALLOC_FL_KEEP_SIZE {
                0 => Allocate::Space { keep_size },
                libc::FALLOC_FL_PUNCH_HOLE if keep_size => Allocate::Hole,
                libc::FALLOC_FL_ZERO_RANGE => Allocate::Zeros { keep_size },
                // Collapsing and inserting would move content to other offsets.
                _ => return Err(Error::NotSupported),
            };
            let end = offset.checked_add(length).ok_or(Error::TooLarge)?;
            filesystem.allocate_unless(inode(ino), offset..end, how, stop)?;
            changed(filesystem, inode(ino));
            Ok(())
        };
        // Only zeros are written, and so judged.
        let judged = if mode & libc::FALLOC_FL_ZERO_RANGE == 0 { 0 } else { length };
        let request = SlowRequest { name: "fallocate", pid: request.pid(), judged };
        self.perhaps_slow(&self.slow.zeros, request, reply, allocate);
    }

    fn copy_file_range(
        &self,
        request: &Request,
        ino_in: INodeNo,
        _handle_in: FileHandle,
        offset_in: u64,
        ino_out: INodeNo,
        _handle_out: FileHandle,
        offset_out: u64,
        length: u64,
        _: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let (from, to) = ((inode(ino_in), offset_in), (inode(ino_out), offset_out));
        let changed = self.content_changed(request);
        let copy = move |filesystem: &Filesystem, stop: StopCheck<'_>| {
            let copied = filesystem.copy_range_unless(from, to, length, stop)?;
            changed(filesystem, to.0);
            u32::try_from(copied).map_err(|_| Error::TooLarge)
        };
        let request = SlowRequest { name: "copy_file_range", pid: request.pid(), judged: length };
        self.perhaps_slow(&self.slow.copies, request, reply, copy);
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        answer_by_number("opendir", reply, || {
            Ok(FileHandle(self.filesystem.open_directory(inode(ino))?))
        });
    }

    fn releasedir(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        reply: ReplyEmpty,
    ) {
        answer("releasedir", reply, || {
            self.filesystem.release_directory(handle.0);
            Ok(())
        });
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        guarded("readdir", || {
            let mut add = |entry: DirectoryEntry<'_>| {
                let number = INodeNo(entry.inode.get());
                let name = OsStr::from_bytes(entry.name);
                !reply.add(number, entry.next_cursor, file_type(entry.kind), name)
            };
            let listed =
                self.filesystem.read_open_directory(inode(ino), handle.0, offset, &mut add);
            conclude("readdir", reply, listed);
        });
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        guarded("readdirplus", || {
            let directory = inode(ino);
            let mut add = |entry: DirectoryEntry<'_>| {
                // These two the kernel does not remember.
                let is_dot = matches!(entry.name, b"." | b"..");
                let attributes = if is_dot {
                    self.filesystem.attributes(entry.inode)
                } else {
                    self.filesystem.look_up(directory, entry.name)
                };
                // One that was listed a moment ago may be gone.
                let Ok(attributes) = attributes else { return true };
                let Told { attr, attr_remembered, .. } = self.told(&attributes);
                let (name, next) = (OsStr::from_bytes(entry.name), entry.next_cursor);
                let full = reply.add(attr.ino, next, name, &attr_remembered, &attr, GENERATION);
                if full && !is_dot {
                    self.filesystem.forget(attributes.inode, 1);
                }
                !full
            };
            let listed = self.filesystem.read_open_directory(directory, handle.0, offset, &mut add);
            conclude("readdirplus", reply, listed);
        });
    }

    fn getxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        room: u32,
        reply: ReplyXattr,
    ) {
        let Some(reply) = self.for_xattrs(reply) else { return };
        guarded("getxattr", || {
            let value = match self.filesystem.xattr_now(inode(ino), name.as_bytes()) {
                // Who asks for the size, or has too little room, need not wait for the value.
                Ok(XattrAnswer::Slow(bytes)) if (room as usize) < *bytes.start() => {
                    Ok(vec![0; *bytes.end()])
                }
                Ok(XattrAnswer::Slow(_)) => {
                    self.slow_xattr(request.pid(), (inode(ino), name), room, reply);
                    return;
                }
                Ok(XattrAnswer::Now(value)) => Ok(value),
                Err(error) => Err(error),
            };
            conclude("getxattr", reply, value.map(|value| XattrValue(value, room)));
        });
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, room: u32, reply: ReplyXattr) {
        let Some(reply) = self.for_xattrs(reply) else { return };
        answer("listxattr", reply, || {
            let names = self.filesystem.xattr_names(inode(ino))?.into_iter();
            Ok(XattrValue(names.flat_map(|name| name.into_iter().chain([0])).collect(), room))
        });
    }

    fn setxattr(
        &self,
        _: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        let Some(reply) = self.for_xattrs(reply) else { return };
        let how = match flags {
            libc::XATTR_CREATE => SetXattr::Create,
            libc::XATTR_REPLACE => SetXattr::Replace,
            _ => SetXattr::Any,
        };
        answer("setxattr", reply, || {
            self.filesystem.set_xattr(inode(ino), name.as_bytes(), Some(value), how)
        });
    }

    fn removexattr(&self, _: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let Some(reply) = self.for_xattrs(reply) else { return };
        answer("removexattr", reply, || {
            self.filesystem.set_xattr(inode(ino), name.as_bytes(), None, SetXattr::Any)
        });
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        answer("create", reply, || {
            let new = new_entry(request, InodeKind::File, mode, None);
            let (attributes, opened) =
                self.filesystem.create(inode(parent), name.as_bytes(), &new)?;
            Ok((self.told(&attributes), opened))
        });
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        rdev: u32,
        reply: ReplyEntry,
    ) {
        answer("mknod", reply, || {
            let kind = match mode & libc::S_IFMT {
                libc::S_IFREG | 0 => InodeKind::File,
                libc::S_IFIFO => InodeKind::Fifo,
                libc::S_IFSOCK => InodeKind::Socket,
                libc::S_IFCHR => InodeKind::CharacterDevice(rdev),
                libc::S_IFBLK => InodeKind::BlockDevice(rdev),
                _ => return Err(Error::Invalid),
            };
            let new = new_entry(request, kind, mode, None);
            Ok(self.told(&self.filesystem.make(inode(parent), name.as_bytes(), &new)?))
        });
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        answer("mkdir", reply, || {
            let new = new_entry(request, InodeKind::Directory, mode, None);
            Ok(self.told(&self.filesystem.make(inode(parent), name.as_bytes(), &new)?))
        });
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        answer("symlink", reply, || {
            let target = target.as_os_str().as_bytes();
            let new = new_entry(request, InodeKind::Symlink, 0o777, Some(target));
            Ok(self.told(&self.filesystem.make(inode(parent), name.as_bytes(), &new)?))
        });
    }

    fn link(&self, _: &Request, ino: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        answer("link", reply, || {
            Ok(self.told(&self.filesystem.link(inode(ino), inode(parent), name.as_bytes())?))
        });
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer("unlink", reply, || self.filesystem.unlink(inode(parent), name.as_bytes()));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer("rmdir", reply, || self.filesystem.remove_directory(inode(parent), name.as_bytes()));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        answer("rename", reply, || {
            let mode = match flags {
                RenameFlags::RENAME_NOREPLACE => RenameMode::NoReplace,
                RenameFlags::RENAME_EXCHANGE => RenameMode::Exchange,
                flags if flags.is_empty() => RenameMode::Replace,
                _ => return Err(Error::Invalid),
            };
            let (name, new_name) = (name.as_bytes(), new_name.as_bytes());
            self.filesystem.rename(inode(parent), name, inode(new_parent), new_name, mode)
        });
    }
}
