//! What is not answered on the event loop, because it may take long.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::thread;

use fuser::{ReplyData, ReplyOpen, ReplyWrite, ReplyXattr, Request, WriteFlags};

use super::super::commands::Commands;
use super::super::slow::SlowRequests;
use super::Adapter;
use super::replies::{ReplyWith, XattrValue, answer, conclude, guarded};
use crate::content::StopCheck;
use crate::dataset::Inode;
use crate::fs::{
    DocumentWork, Error, Filesystem, Fill, OpenFor, QUICK_BYTES_MAX, ReadRequest, Result,
};

/// A write as the kernel asks for it, but for the bytes.
#[derive(Clone, Copy)]
pub(super) struct Write {
    pub(super) inode: Inode,
    pub(super) offset: u64,
    pub(super) flags: WriteFlags,
}

impl Write {
    pub(super) fn run(
        self,
        filesystem: &Filesystem,
        commands: &Commands,
        data: &[u8],
        stop: StopCheck<'_>,
    ) -> Result<u32> {
        let Self { inode, offset, flags } = self;
        if flags.contains(WriteFlags::FUSE_WRITE_CACHE) {
            filesystem.write_back(inode, offset, data, stop)?;
        } else {
            filesystem.write_unless(inode, offset, data, stop)?;
            let drop_set_id = flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID);
            if drop_set_id && filesystem.drop_set_id(inode) {
                commands.mode_changed(inode);
            }
        }
        // Requests are at most 16 MiB.
        Ok(u32::try_from(data.len()).unwrap_or(u32::MAX))
    }
}

/// A request that may take long.
#[derive(Clone, Copy)]
pub(super) struct SlowRequest {
    pub(super) name: &'static str,
    /// Who waits for it.
    pub(super) pid: u32,
    /// How many bytes it has judged.
    pub(super) judged: u64,
}

impl Adapter {
    /// Reads the manifest.
    pub(super) fn read_manifest(&self, pid: u32, read: ReadRequest, fill: Fill, reply: ReplyData) {
        let filesystem = Arc::clone(&self.filesystem);
        self.slow.hashes.answer(pid, move |stop| {
            guarded("read", || {
                let ReadRequest { handle, offset, size, .. } = read;
                let mut out = vec![0; size];
                let length = filesystem.read_manifest(handle, offset, &mut out, fill, stop);
                conclude("read", reply, length.map(|length| &out[..length]));
            });
        });
    }

    /// Reads bytes among which are sums over many others.
    pub(super) fn read_slowly(&self, pid: u32, read: ReadRequest, reply: ReplyData) {
        let filesystem = Arc::clone(&self.filesystem);
        self.slow.sums.answer(pid, move |stop| {
            guarded("read", || {
                let answer = |outcome: Result<&[u8]>| conclude("read", reply, outcome);
                filesystem.serve_read(read, &mut Vec::new(), StopCheck::when(stop), answer);
            });
        });
    }

    /// Writes such bytes, which are judged.
    pub(super) fn write_slowly(&self, pid: u32, write: Write, data: &[u8], reply: ReplyWrite) {
        let filesystem = Arc::clone(&self.filesystem);
        let (commands, data) = (self.commands.share(), data.to_vec());
        self.slow.sums.answer(pid, move |stop| {
            answer("write", reply, || {
                write.run(&filesystem, &commands, &data, StopCheck::when(stop))
            });
        });
    }

    /// Makes the value of an attribute.
    pub(super) fn slow_xattr(
        &self,
        pid: u32,
        (inode, name): (Inode, &OsStr),
        room: u32,
        reply: ReplyXattr,
    ) {
        let filesystem = Arc::clone(&self.filesystem);
        let name = name.as_bytes().to_vec();
        let is_hash = self.filesystem.is_hash(&name);
        let requests = if is_hash { &self.slow.hashes } else { &self.slow.verdicts };
        requests.answer(pid, move |stop| {
            answer("getxattr", reply, || {
                Ok(XattrValue(filesystem.slow_xattr(inode, &name, stop)?, room))
            });
        });
    }

    /// Makes a document.
    pub(super) fn open_document(
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
            answer("open", reply, || filesystem.open_unless(inode, wanted, StopCheck::when(stop)));
        });
    }

    /// Runs something at once where it is about few bytes, and judging them does not take long;
    /// else on another thread. What is interrupted has done nothing.
    pub(super) fn perhaps_slow<T, R: ReplyWith<T> + Send + 'static>(
        &self,
        requests: &SlowRequests,
        SlowRequest { name, pid, judged }: SlowRequest,
        reply: R,
        run: impl Fn(&Filesystem, StopCheck<'_>) -> Result<T> + Send + 'static,
    ) {
        guarded(name, || {
            if judged <= QUICK_BYTES_MAX {
                match run(&self.filesystem, StopCheck::BEFORE_LONG) {
                    Err(Error::Interrupted) => {}
                    outcome => return conclude(name, reply, outcome),
                }
            }
            let filesystem = Arc::clone(&self.filesystem);
            requests.answer(pid, move |stop| {
                answer(name, reply, || run(&filesystem, StopCheck::when(stop)));
            });
        });
    }

    /// What is to be done after a change of the content that is no write: the kernel does not say
    /// whether the set-id bits are to go. Root keeps them.
    pub(super) fn content_changed(
        &self,
        request: &Request,
    ) -> impl Fn(&Filesystem, Inode) + Send + use<> {
        let commands = self.commands.share();
        let drops = request.uid() != 0;
        move |filesystem, inode| {
            if drops && filesystem.drop_set_id(inode) {
                commands.mode_changed(inode);
            }
        }
    }

    /// Runs a command to the mount: much may have to be put back.
    pub(super) fn control(&self, command: &[u8], reply: ReplyWrite) {
        let filesystem = Arc::clone(&self.filesystem);
        let commands = self.commands.share();
        let command = command.to_vec();
        let run = move || {
            answer("control", reply, || {
                commands.tell(filesystem.control(&command)?);
                Ok(u32::try_from(command.len()).unwrap_or(u32::MAX))
            });
        };
        if let Err(error) = thread::Builder::new().name("control".to_owned()).spawn(run) {
            // The reply went with the closure, and was answered EIO.
            tracing::error!(%error, "cannot start a thread for a command");
        }
    }
}
