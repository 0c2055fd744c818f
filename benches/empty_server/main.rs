//! The least a FUSE server can do: the yardstick of `dev/bench`.
//!
//! It has the same session and asks the same of the kernel as seedfs, and knows nothing: every read
//! is answered from one static buffer, every write with "done", and names are arithmetic over two
//! fixed spellings. What it costs is what FUSE costs.
//!
//! ```text
//! empty_server MOUNTPOINT [--page] [--processes P] [--files F] [--size BYTES]
//!
//! /node_0/process_0/file_0 ... /node_0/process_{P-1}/file_{F-1}
//! ```
//!
//! It runs in the foreground until it is unmounted. `cargo bench` calls it without a mount point; it
//! then does nothing.
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::print_stderr, clippy::expect_used, reason = "a yardstick, not a product")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, FileType, FopenFlags, Generation, INodeNo,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use seedfs::fuse::{ConnectionOptions, MountOptions, REMEMBERED, negotiate, session_config};

/// As long as the largest request.
static BYTES: [u8; 16 << 20] = [0x5a; 16 << 20];

const ROOT: u64 = 1;
const NODE: u64 = 2;
const FIRST_PROCESS: u64 = 3;
/// Files that are made have numbers from here on, and are forgotten at once.
const MADE: u64 = 1 << 62;

struct Empty {
    uses_page_cache: bool,
    processes: u64,
    files: u64,
    size_bytes: u64,
    /// The spelling of every number, so that listing costs a copy.
    file_names: Vec<String>,
    made: AtomicU64,
}

impl Empty {
    fn first_file(&self) -> u64 {
        FIRST_PROCESS + self.processes
    }

    fn attr(&self, ino: u64) -> FileAttr {
        let is_file = ino >= self.first_file();
        let size = if is_file { self.size_bytes } else { 0 };
        FileAttr {
            ino: INodeNo(ino),
            size,
            blocks: size.div_ceil(512),
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_file { FileType::RegularFile } else { FileType::Directory },
            perm: if is_file { 0o644 } else { 0o755 },
            nlink: if is_file { 1 } else { 2 },
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 1 << 20,
            flags: 0,
        }
    }

    fn find(&self, parent: u64, name: &[u8]) -> Option<u64> {
        let number = |prefix: &[u8]| -> Option<u64> {
            str::from_utf8(name.strip_prefix(prefix)?).ok()?.parse().ok()
        };
        match parent {
            ROOT => (name == b"node_0").then_some(NODE),
            NODE => number(b"process_").filter(|n| *n < self.processes).map(|n| FIRST_PROCESS + n),
            _ if parent < self.first_file() => number(b"file_")
                .filter(|n| *n < self.files)
                .map(|n| self.first_file() + (parent - FIRST_PROCESS) * self.files + n),
            _ => None,
        }
    }

    /// Calls `add` with the entries from an offset on, until it is full.
    fn list(&self, ino: u64, offset: u64, mut add: impl FnMut(u64, u64, FileType, &str) -> bool) {
        let (count, first, kind) = match ino {
            ROOT => (1, NODE, FileType::Directory),
            NODE => (self.processes, FIRST_PROCESS, FileType::Directory),
            _ => {
                let first = self.first_file() + (ino - FIRST_PROCESS) * self.files;
                (self.files, first, FileType::RegularFile)
            }
        };
        for index in offset..count {
            let full = match ino {
                ROOT => add(first, index + 1, kind, "node_0"),
                NODE => add(first + index, index + 1, kind, &format!("process_{index}")),
                _ => {
                    let at = usize::try_from(index).expect("it was made in memory");
                    add(first + index, index + 1, kind, &self.file_names[at])
                }
            };
            if full {
                return;
            }
        }
    }

    fn open_flags(&self) -> FopenFlags {
        if self.uses_page_cache {
            FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH
        } else {
            FopenFlags::FOPEN_DIRECT_IO
                | FopenFlags::FOPEN_PARALLEL_DIRECT_WRITES
                | FopenFlags::FOPEN_NOFLUSH
        }
    }
}

impl fuser::Filesystem for Empty {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        negotiate(config, &ConnectionOptions::default());
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(parent.0, name.as_bytes()) {
            Some(ino) => reply.entry(&REMEMBERED, &self.attr(ino), Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&REMEMBERED, &self.attr(ino.0));
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        _: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        reply.attr(&REMEMBERED, &self.attr(ino.0));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), self.open_flags());
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let left = usize::try_from(self.size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        reply.data(&BYTES[..left.min(size as usize)]);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX));
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn create(
        &self,
        _: &Request,
        _: INodeNo,
        _: &OsStr,
        _: u32,
        _: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let made = MADE + self.made.fetch_add(1, Ordering::Relaxed);
        let attr = FileAttr { size: 0, blocks: 0, ..self.attr(made) };
        reply.created(&REMEMBERED, &attr, Generation(0), FileHandle(0), self.open_flags());
    }

    fn unlink(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.ok();
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        self.list(ino.0, offset, |ino, next, kind, name| reply.add(INodeNo(ino), next, kind, name));
        reply.ok();
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        self.list(ino.0, offset, |ino, next, _, name| {
            reply.add(INodeNo(ino), next, name, &REMEMBERED, &self.attr(ino), Generation(0))
        });
        reply.ok();
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(mountpoint) = arguments.next() else {
        eprintln!("empty_server: a yardstick for dev/bench; without a mount point it does nothing");
        return;
    };
    let (mut processes, mut files, mut size_bytes, mut uses_page_cache) = (1, 1, 1 << 40, false);
    while let Some(option) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|text| text.parse().ok()).expect("a number follows");
        match option.as_str() {
            "--page" => uses_page_cache = true,
            "--processes" => processes = number(),
            "--files" => files = number(),
            "--size" => size_bytes = number(),
            other => {
                eprintln!(
                    "empty_server: {other}: accepted are --page, --processes, --files, --size"
                );
                std::process::exit(2);
            }
        }
    }
    let file_names = (0..files).map(|file| format!("file_{file}")).collect();
    let server = Empty {
        uses_page_cache,
        processes,
        files,
        size_bytes,
        file_names,
        made: AtomicU64::new(0),
    };
    let config = session_config(&MountOptions::default());
    fuser::Session::new(server, mountpoint, &config)
        .and_then(fuser::Session::run)
        .expect("it mounts, and serves until it is unmounted");
}
