//! fuser's trait, answered by the filesystem's operations.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    AccessFlags, BsdFileFlags, Errno, FileAttr, FileHandle, FileType, FopenFlags, Generation,
    INodeNo, KernelConfig, LockOwner, Notifier, OpenAccMode, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyLseek,
    ReplyOpen, ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::commands::Commands;
use super::connection::{ConnectionOptions, negotiate};
use super::errno::{errno, errno_by_number};
use super::slow::{Slow, SlowRequests};
use crate::content::StopCheck;
use crate::dataset::Inode;
use crate::fs::{
    AccessMask, Allocate, CachePolicy, DirectoryEntry, DocumentWork, Error, Filesystem, Fill,
    InodeAttributes, InodeKind, NewNode, OpenFor, Opened, QUICK_BYTES_MAX, ReadRequest, RenameMode,
    Result, Seek, SetAttributes, SetXattr, TimeChange, XattrAnswer,
};
use crate::overlay::Timestamp;
use crate::sync::background;

/// Inode numbers are never used twice.
const GENERATION: Generation = Generation(0);

/// Answers the kernel's requests.
pub(super) struct Adapter {
    filesystem: Arc<Filesystem>,
    connection: ConnectionOptions,
    slow: Slow,
    commands: Commands,
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
}

/// To the kernel this means: never ask again. It then says EOPNOTSUPP by itself.
const NO_XATTRS: Errno = Errno::ENOSYS;

thread_local! {
    /// What is read goes through here: one buffer a thread, as large as its largest request.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs one operation. Should it ever panic, the reply is dropped, which answers EIO, and the event
/// loop goes on: one system call must not end the mount.
fn guarded(operation: &'static str, run: impl FnOnce()) {
    background::note_request();
    if catch_unwind(AssertUnwindSafe(run)).is_err() {
        tracing::error!(operation, "a bug in seedfs: the operation panicked and was answered EIO");
    }
}

/// A scope for `?`.
fn attempt<T>(operation: impl FnOnce() -> Result<T>) -> Result<T> {
    operation()
}

/// Sends the outcome by one of the reply's two doors.
macro_rules! answer {
    ($operation:literal, $reply:ident, $outcome:expr, $send:expr) => {
        guarded($operation, move || {
            let outcome = attempt(|| $outcome);
            match outcome {
                Ok(value) => $send($reply, value),
                Err(error) => {
                    log_failure($operation, error);
                    $reply.error(errno(error));
                }
            }
        })
    };
}

/// Loud where somebody will want to know why a tool failed, quiet where failing is ordinary.
fn log_failure(operation: &'static str, error: Error) {
    match error {
        // A store that fails is logged by the thread that gives back, once.
        Error::Mismatch | Error::NoSpace => tracing::warn!(operation, %error),
        _ => tracing::trace!(operation, %error),
    }
}

impl Adapter {
    fn send_entry(&self, reply: ReplyEntry, attributes: &InodeAttributes) {
        let names_remembered = self.connection.names_remembered;
        let attr = file_attr(attributes);
        reply.entry_with_ttls(&self.remembered(attributes), &names_remembered, &attr, GENERATION);
    }

    fn send_attributes(&self, reply: ReplyAttr, attributes: &InodeAttributes) {
        reply.attr(&self.remembered(attributes), &file_attr(attributes));
    }

    fn remembered(&self, attributes: &InodeAttributes) -> Duration {
        if attributes.cacheable { self.connection.attributes_remembered } else { Duration::ZERO }
    }

    /// Reads the manifest, on another thread. What is mapped into memory must be whole: there the
    /// kernel takes what is missing from a page for the end of the file. Such a request has no
    /// owner of locks.
    fn read_manifest(&self, pid: u32, read: ReadRequest, fill: Fill, reply: ReplyData) {
        let filesystem = Arc::clone(&self.filesystem);
        self.slow.hashes.answer(pid, move |stop| {
            guarded("read", move || {
                let ReadRequest { handle, offset, size, .. } = read;
                let mut out = vec![0; size];
                match filesystem.read_manifest(handle, offset, &mut out, fill, stop) {
                    Ok(length) => reply.data(&out[..length]),
                    Err(error) => reply.error(errno(error)),
                }
            });
        });
    }

    /// Makes the value of an attribute, on another thread.
    fn slow_xattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
        reply: ReplyXattr,
    ) {
        let filesystem = Arc::clone(&self.filesystem);
        let name = name.as_bytes().to_vec();
        let is_hash = self.filesystem.is_hash(&name);
        let requests = if is_hash { &self.slow.hashes } else { &self.slow.verdicts };
        requests.answer(request.pid(), move |stop| {
            answer!(
                "getxattr",
                reply,
                filesystem.slow_xattr(inode(ino), &name, stop),
                |reply: ReplyXattr, value: Vec<u8>| send_xattr(reply, size, &value)
            );
        });
    }

    /// Makes a document, on another thread.
    fn open_document(
        &self,
        work: DocumentWork,
        pid: u32,
        (inode, wanted): (Inode, OpenFor),
        reply: ReplyOpen,
    ) {
        let filesystem = Arc::clone(&self.filesystem);
        let requests = match work {
            DocumentWork::Totals => &self.slow.totals,
            DocumentWork::File => &self.slow.files,
            DocumentWork::List => &self.slow.lists,
        };
        requests.answer(pid, move |stop| {
            answer!(
                "open",
                reply,
                filesystem.open_unless(inode, wanted, StopCheck::when(stop)),
                send_opened
            );
        });
    }

    /// Runs something at once where it is about few bytes, else on another thread.
    fn perhaps_slow(
        &self,
        requests: &SlowRequests,
        (pid, length): (u32, u64),
        run: impl FnOnce(&Filesystem, StopCheck<'_>) + Send + 'static,
    ) {
        if length <= QUICK_BYTES_MAX {
            run(&self.filesystem, StopCheck::NEVER);
            return;
        }
        let filesystem = Arc::clone(&self.filesystem);
        requests.answer(pid, move |stop| run(&filesystem, StopCheck::when(stop)));
    }

    /// What is to be done after a change of the content that is no write: the kernel does not say
    /// whether the set-id bits are to go. Root keeps them.
    fn content_changed(&self, request: &Request) -> impl FnOnce(&Filesystem, Inode) + Send + use<> {
        let commands = self.commands.share();
        let drops = request.uid() != 0;
        move |filesystem, inode| {
            if drops && filesystem.drop_set_id(inode) {
                commands.mode_changed(inode);
            }
        }
    }

    /// Runs a command to the mount. Not on this thread: much may have to be put back.
    fn control(&self, command: &[u8], reply: ReplyWrite) {
        let filesystem = Arc::clone(&self.filesystem);
        let commands = self.commands.share();
        let command = command.to_vec();
        let run = move || {
            let length = u32::try_from(command.len()).unwrap_or(u32::MAX);
            answer!(
                "control",
                reply,
                {
                    commands.tell(filesystem.control(&command)?);
                    Ok(length)
                },
                ReplyWrite::written
            );
        };
        if let Err(error) = std::thread::Builder::new().name("control".to_owned()).spawn(run) {
            // The reply went with the closure, and was answered EIO.
            tracing::error!(%error, "cannot start a thread for a command");
        }
    }
}

impl fuser::Filesystem for Adapter {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        negotiate(config, &self.connection);
        Ok(())
    }

    fn destroy(&mut self) {
        self.commands.end();
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        answer!(
            "lookup",
            reply,
            self.filesystem.look_up(inode(parent), name.as_bytes()),
            |reply, attributes| self.send_entry(reply, &attributes)
        );
    }

    fn getattr(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        guarded("getattr", move || match self.filesystem.attributes(inode(ino)) {
            Ok(attributes) => self.send_attributes(reply, &attributes),
            Err(error) => reply.error(errno_by_number(error)),
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
        answer!(
            "setattr",
            reply,
            self.filesystem.set_attributes(inode(ino), &set),
            |reply, attributes| self.send_attributes(reply, &attributes)
        );
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let wanted = match flags.acc_mode() {
            OpenAccMode::O_RDONLY => OpenFor::Reading,
            OpenAccMode::O_WRONLY | OpenAccMode::O_RDWR => OpenFor::Writing,
        };
        if let Some(work) = self.filesystem.document_work(inode(ino)) {
            self.open_document(work, request.pid(), (inode(ino), wanted), reply);
            return;
        }
        guarded("open", move || match self.filesystem.open(inode(ino), wanted) {
            Ok(opened) => send_opened(reply, opened),
            Err(error) => reply.error(errno_by_number(error)),
        });
    }

    fn read(
        &self,
        request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = ReadRequest { inode: inode(ino), handle: handle.0, offset, size: size as usize };
        if self.filesystem.is_manifest(read.inode) {
            let fill = if lock_owner.is_none() { Fill::Whole } else { Fill::ToLineEnd };
            self.read_manifest(request.pid(), read, fill, reply);
            return;
        }
        guarded("read", move || {
            BUFFER.with_borrow_mut(|buffer| {
                let answer = |outcome: Result<&[u8]>| match outcome {
                    Ok(bytes) => reply.data(bytes),
                    Err(error) => reply.error(errno(error)),
                };
                self.filesystem.serve_read(read, buffer, answer);
            });
        });
    }

    fn write(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        if self.filesystem.is_control(inode(ino)) {
            self.control(data, reply);
            return;
        }
        let drop_set_id = write_flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID);
        // Requests are at most 16 MiB.
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        answer!(
            "write",
            reply,
            {
                let inode = inode(ino);
                if write_flags.contains(WriteFlags::FUSE_WRITE_CACHE) {
                    self.filesystem.write_back(inode, offset, data)?;
                } else {
                    self.filesystem.write(inode, offset, data)?;
                    if drop_set_id && self.filesystem.drop_set_id(inode) {
                        self.commands.mode_changed(inode);
                    }
                }
                Ok(length)
            },
            ReplyWrite::written
        );
    }

    fn flush(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        if self.filesystem.is_control(inode(ino)) {
            self.commands.answer(reply);
        } else {
            reply.ok();
        }
    }

    fn fsync(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        // What a write has answered is in its extents already.
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn release(
        &self,
        _request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        guarded("release", move || {
            self.filesystem.release(inode(ino), handle.0);
            reply.ok();
        });
    }

    fn lseek(
        &self,
        _request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        answer!(
            "lseek",
            reply,
            {
                let seek = match whence {
                    libc::SEEK_DATA => Seek::Data,
                    libc::SEEK_HOLE => Seek::Hole,
                    // The kernel answers the others itself.
                    _ => return Err(Error::Invalid),
                };
                let offset = u64::try_from(offset).map_err(|_| Error::PastEnd)?;
                let found = self.filesystem.seek(inode(ino), offset, seek)?;
                i64::try_from(found).map_err(|_| Error::PastEnd)
            },
            ReplyLseek::offset
        );
    }

    fn opendir(&self, _request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        guarded("opendir", move || match self.filesystem.open_directory(inode(ino)) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(errno_by_number(error)),
        });
    }

    fn releasedir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        guarded("releasedir", move || {
            self.filesystem.release_directory(handle.0);
            reply.ok();
        });
    }

    fn readdir(
        &self,
        _request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        guarded("readdir", move || {
            let mut add = |entry: DirectoryEntry<'_>| {
                let number = INodeNo(entry.inode.get());
                let name = OsStr::from_bytes(entry.name);
                !reply.add(number, entry.next_cursor, file_type(entry.kind), name)
            };
            let directory = inode(ino);
            match self.filesystem.read_open_directory(directory, handle.0, offset, &mut add) {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn readdirplus(
        &self,
        _request: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        guarded("readdirplus", move || {
            let directory = inode(ino);
            let mut add = |entry: DirectoryEntry<'_>| {
                let attributes = if is_dot(entry.name) {
                    // These two the kernel does not remember.
                    self.filesystem.attributes(entry.inode)
                } else {
                    self.filesystem.look_up(directory, entry.name)
                };
                // One that was listed a moment ago may be gone.
                let Ok(attributes) = attributes else { return true };
                let number = INodeNo(attributes.inode.get());
                let remembered = self.remembered(&attributes);
                let attr = file_attr(&attributes);
                let name = OsStr::from_bytes(entry.name);
                let full =
                    reply.add(number, entry.next_cursor, name, &remembered, &attr, GENERATION);
                if full && !is_dot(entry.name) {
                    self.filesystem.forget(attributes.inode, 1);
                }
                !full
            };
            match self.filesystem.read_open_directory(directory, handle.0, offset, &mut add) {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn statfs(&self, _request: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        guarded("statfs", move || {
            let space = self.filesystem.space();
            reply.statfs(
                space.blocks,
                space.blocks_free,
                space.blocks_free,
                space.files,
                space.files_free,
                space.block_bytes,
                space.name_bytes_max,
                space.block_bytes,
            );
        });
    }

    fn access(&self, request: &Request, ino: INodeNo, mask: AccessFlags, reply: ReplyEmpty) {
        let mask = AccessMask {
            read: mask.contains(AccessFlags::R_OK),
            write: mask.contains(AccessFlags::W_OK),
            execute: mask.contains(AccessFlags::X_OK),
        };
        answer!(
            "access",
            reply,
            self.filesystem.access(inode(ino), mask, request.uid(), request.gid()),
            send_done
        );
    }

    fn getxattr(
        &self,
        request: &Request,
        ino: INodeNo,
        name: &OsStr,
        size: u32,
        reply: ReplyXattr,
    ) {
        if !self.connection.xattrs {
            reply.error(NO_XATTRS);
            return;
        }
        guarded("getxattr", move || {
            match self.filesystem.xattr_now(inode(ino), name.as_bytes()) {
                // Who asks for the size, or has too little room, need not wait for the value.
                Ok(XattrAnswer::Slow(bytes)) if (size as usize) < *bytes.start() => {
                    send_xattr(reply, size, &vec![0; *bytes.end()]);
                }
                Ok(XattrAnswer::Slow(_)) => self.slow_xattr(request, ino, name, size, reply),
                Ok(XattrAnswer::Now(value)) => send_xattr(reply, size, &value),
                Err(error) => reply.error(errno(error)),
            }
        });
    }

    fn listxattr(&self, _request: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        if !self.connection.xattrs {
            reply.error(NO_XATTRS);
            return;
        }
        answer!(
            "listxattr",
            reply,
            self.filesystem.xattr_names(inode(ino)),
            |reply: ReplyXattr, names: Vec<Box<[u8]>>| {
                let list: Vec<u8> =
                    names.into_iter().flat_map(|name| name.into_iter().chain([0])).collect();
                send_xattr(reply, size, &list);
            }
        );
    }

    fn setxattr(
        &self,
        _request: &Request,
        ino: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        if !self.connection.xattrs {
            reply.error(NO_XATTRS);
            return;
        }
        let how = match flags {
            libc::XATTR_CREATE => SetXattr::Create,
            libc::XATTR_REPLACE => SetXattr::Replace,
            _ => SetXattr::Any,
        };
        answer!(
            "setxattr",
            reply,
            self.filesystem.set_xattr(inode(ino), name.as_bytes(), Some(value), how),
            send_done
        );
    }

    fn removexattr(&self, _request: &Request, ino: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        if !self.connection.xattrs {
            reply.error(NO_XATTRS);
            return;
        }
        answer!(
            "removexattr",
            reply,
            self.filesystem.set_xattr(inode(ino), name.as_bytes(), None, SetXattr::Any),
            send_done
        );
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
        answer!(
            "create",
            reply,
            {
                let new = new_node(request, InodeKind::File, mode, None);
                self.filesystem.create(inode(parent), name.as_bytes(), &new)
            },
            |reply: ReplyCreate, (attributes, opened): (InodeAttributes, Opened)| {
                let attr = file_attr(&attributes);
                let handle = FileHandle(opened.handle);
                // One time for both: the shorter.
                let remembered = self.connection.names_remembered.min(self.remembered(&attributes));
                reply.created(&remembered, &attr, GENERATION, handle, open_flags(opened.cache));
            }
        );
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
        answer!(
            "mknod",
            reply,
            {
                let kind = match mode & libc::S_IFMT {
                    libc::S_IFREG | 0 => InodeKind::File,
                    libc::S_IFIFO => InodeKind::Fifo,
                    libc::S_IFSOCK => InodeKind::Socket,
                    libc::S_IFCHR => InodeKind::CharacterDevice(rdev),
                    libc::S_IFBLK => InodeKind::BlockDevice(rdev),
                    _ => return Err(Error::Invalid),
                };
                let new = new_node(request, kind, mode, None);
                self.filesystem.make(inode(parent), name.as_bytes(), &new)
            },
            |reply, attributes| self.send_entry(reply, &attributes)
        );
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
        let new = new_node(request, InodeKind::Directory, mode, None);
        answer!(
            "mkdir",
            reply,
            self.filesystem.make(inode(parent), name.as_bytes(), &new),
            |reply, attributes| self.send_entry(reply, &attributes)
        );
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        let target = target.as_os_str().as_bytes();
        let new = new_node(request, InodeKind::Symlink, 0o777, Some(target));
        answer!(
            "symlink",
            reply,
            self.filesystem.make(inode(parent), name.as_bytes(), &new),
            |reply, attributes| self.send_entry(reply, &attributes)
        );
    }

    fn link(
        &self,
        _request: &Request,
        ino: INodeNo,
        parent: INodeNo,
        name: &OsStr,
        reply: ReplyEntry,
    ) {
        answer!(
            "link",
            reply,
            self.filesystem.link(inode(ino), inode(parent), name.as_bytes()),
            |reply, attributes| self.send_entry(reply, &attributes)
        );
    }

    fn unlink(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer!("unlink", reply, self.filesystem.unlink(inode(parent), name.as_bytes()), send_done);
    }

    fn rmdir(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer!(
            "rmdir",
            reply,
            self.filesystem.remove_directory(inode(parent), name.as_bytes()),
            send_done
        );
    }

    fn rename(
        &self,
        _request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        answer!(
            "rename",
            reply,
            {
                let mode = match flags {
                    RenameFlags::RENAME_NOREPLACE => RenameMode::NoReplace,
                    RenameFlags::RENAME_EXCHANGE => RenameMode::Exchange,
                    flags if flags.is_empty() => RenameMode::Replace,
                    _ => return Err(Error::Invalid),
                };
                let (name, new_name) = (name.as_bytes(), new_name.as_bytes());
                self.filesystem.rename(inode(parent), name, inode(new_parent), new_name, mode)
            },
            send_done
        );
    }

    fn forget(&self, _request: &Request, ino: INodeNo, lookups: u64) {
        guarded("forget", || self.filesystem.forget(inode(ino), lookups));
    }

    fn readlink(&self, _request: &Request, ino: INodeNo, reply: ReplyData) {
        answer!(
            "readlink",
            reply,
            self.filesystem.read_link(inode(ino)),
            |reply: ReplyData, target: Box<[u8]>| reply.data(&target)
        );
    }

    fn fallocate(
        &self,
        request: &Request,
        ino: INodeNo,
        _handle: FileHandle,
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
        let judged = (request.pid(), judged);
        self.perhaps_slow(&self.slow.zeros, judged, move |filesystem, stop| {
            answer!("fallocate", reply, allocate(filesystem, stop), send_done);
        });
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
        _flags: fuser::CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let (from, to) = ((inode(ino_in), offset_in), (inode(ino_out), offset_out));
        let changed = self.content_changed(request);
        let judged = (request.pid(), length);
        self.perhaps_slow(&self.slow.copies, judged, move |filesystem, stop| {
            answer!(
                "copy_file_range",
                reply,
                {
                    let copied = filesystem.copy_range_unless(from, to, length, stop)?;
                    changed(filesystem, inode(ino_out));
                    u32::try_from(copied).map_err(|_| Error::TooLarge)
                },
                ReplyWrite::written
            );
        });
    }
}

fn new_node<'a>(
    request: &Request,
    kind: InodeKind,
    mode: u32,
    target: Option<&'a [u8]>,
) -> NewNode<'a> {
    NewNode { kind, mode: permissions(mode), uid: request.uid(), gid: request.gid(), target }
}

fn send_opened(reply: ReplyOpen, opened: Opened) {
    reply.opened(FileHandle(opened.handle), open_flags(opened.cache));
}

fn send_done(reply: ReplyEmpty, (): ()) {
    reply.ok();
}

/// A caller that offers no room asks for the size.
fn send_xattr(reply: ReplyXattr, room: u32, value: &[u8]) {
    match u32::try_from(value.len()) {
        Ok(length) if room == 0 => reply.size(length),
        Ok(length) if length <= room => reply.data(value),
        _ => reply.error(Errno::ERANGE),
    }
}

fn is_dot(name: &[u8]) -> bool {
    matches!(name, b"." | b"..")
}

fn inode(number: INodeNo) -> Inode {
    Inode::new(number.0)
}

fn open_flags(cache: CachePolicy) -> FopenFlags {
    match cache {
        CachePolicy::Direct => {
            FopenFlags::FOPEN_DIRECT_IO
                | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES
                | FopenFlags::FOPEN_NOFLUSH
        }
        CachePolicy::Page => FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH,
        CachePolicy::Frozen => FopenFlags::FOPEN_DIRECT_IO | FopenFlags::FOPEN_NOFLUSH,
        CachePolicy::Commands => FopenFlags::FOPEN_DIRECT_IO,
    }
}

fn file_type(kind: InodeKind) -> FileType {
    match kind {
        InodeKind::Directory => FileType::Directory,
        InodeKind::File => FileType::RegularFile,
        InodeKind::Symlink => FileType::Symlink,
        InodeKind::Fifo => FileType::NamedPipe,
        InodeKind::Socket => FileType::Socket,
        InodeKind::CharacterDevice(_) => FileType::CharDevice,
        InodeKind::BlockDevice(_) => FileType::BlockDevice,
    }
}

/// The bits of a mode that are permissions.
fn permissions(mode: u32) -> u16 {
    // The mask leaves twelve bits.
    u16::try_from(mode & 0o7777).unwrap_or_default()
}

fn file_attr(attributes: &InodeAttributes) -> FileAttr {
    FileAttr {
        ino: INodeNo(attributes.inode.get()),
        size: attributes.size.size_bytes,
        blocks: attributes.size.allocated_bytes.div_ceil(512),
        atime: system_time(attributes.accessed),
        mtime: system_time(attributes.modified),
        ctime: system_time(attributes.changed),
        crtime: UNIX_EPOCH,
        kind: file_type(attributes.kind),
        perm: attributes.mode,
        nlink: attributes.links,
        uid: attributes.uid,
        gid: attributes.gid,
        rdev: match attributes.kind {
            InodeKind::CharacterDevice(number) | InodeKind::BlockDevice(number) => number,
            _ => 0,
        },
        blksize: IO_BYTES,
        flags: 0,
    }
}

/// What `stat` recommends for reads and writes: one request of the usual largest size.
const IO_BYTES: u32 = 1 << 20;

fn system_time(time: Timestamp) -> SystemTime {
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let second = if time.seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    second
        .and_then(|second| second.checked_add(Duration::from_nanos(time.nanoseconds.into())))
        .unwrap_or(UNIX_EPOCH)
}

fn time_change(time: TimeOrNow) -> TimeChange {
    match time {
        TimeOrNow::Now => TimeChange::Now,
        TimeOrNow::SpecificTime(time) => TimeChange::To(timestamp(time)),
    }
}

/// A time that fuser read from a request.
///
/// Before 1970 it subtracts the nanoseconds where they are to be added, so they are found mirrored
/// here (fuser 0.18, `system_time_from_time`): 1.25 s before the epoch means -1 s and 0.25 s.
fn timestamp(time: SystemTime) -> Timestamp {
    let signed = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => {
            Timestamp { seconds: signed(after.as_secs()), nanoseconds: after.subsec_nanos() }
        }
        Err(before) => {
            let before = before.duration();
            Timestamp { seconds: -signed(before.as_secs()), nanoseconds: before.subsec_nanos() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_survive_the_library() {
        // What fuser makes of -2 s and 0.75 s after.
        let read = UNIX_EPOCH - Duration::new(2, 750_000_000);
        let time = timestamp(read);
        assert_eq!(time, Timestamp { seconds: -2, nanoseconds: 750_000_000 });
        assert_eq!(system_time(time), UNIX_EPOCH - Duration::new(1, 250_000_000));
    }

    #[test]
    fn every_request_is_said_to_have_come() {
        let _alone = background::REQUESTS.lock();
        background::give_way();
        assert!(!background::give_way(), "nobody has asked since");
        guarded("read", || {});
        assert!(background::give_way());
    }

    #[test]
    fn no_time_panics() {
        for seconds in [i64::MIN, -1, 0, 1, i64::MAX] {
            for nanoseconds in [0, 1, 999_999_999] {
                let _ = system_time(Timestamp { seconds, nanoseconds });
            }
        }
    }
}
