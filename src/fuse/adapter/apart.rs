//! What is not answered on the event loop, because it may take long.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::thread;

use fuser::{ReplyData, ReplyOpen, ReplyWrite, ReplyXattr, Request, WriteFlags};

use super::super::commands::Commands;
use super::super::slow::SlowRequests;
use super::Adapter;
use super::replies::{XattrValue, answer, conclude, guarded};
use crate::content::StopCheck;
use crate::dataset::Inode;
use crate::fs::{DocumentWork, Filesystem, Fill, OpenFor, QUICK_BYTES_MAX, ReadRequest, Result};

/// Writes as the kernel asks for it.
pub(super) fn write(
    filesystem: &Filesystem,
    commands: &Commands,
    inode: Inode,
    (offset, data): (u64, &[u8]),
    write_flags: WriteFlags,
) -> Result<u32> {
    if write_flags.contains(WriteFlags::FUSE_WRITE_CACHE) {
        filesystem.write_back(inode, offset, data)?;
    } else {
        filesystem.write(inode, offset, data)?;
        let drop_set_id = write_flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID);
        if drop_set_id && filesystem.drop_set_id(inode) {
            commands.mode_changed(inode);
        }
    }
    // Requests are at most 16 MiB.
    Ok(u32::try_from(data.len()).unwrap_or(u32::MAX))
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
    pub(super) fn read_sums(&self, pid: u32, read: ReadRequest, reply: ReplyData) {
        let filesystem = Arc::clone(&self.filesystem);
        self.slow.sums.answer(pid, move |_| {
            guarded("read", || {
                let answer = |outcome: Result<&[u8]>| conclude("read", reply, outcome);
                filesystem.serve_read(read, &mut Vec::new(), answer);
            });
        });
    }

    /// Writes such bytes, which are judged.
    pub(super) fn write_sums(
        &self,
        pid: u32,
        inode: Inode,
        (offset, data): (u64, &[u8]),
        write_flags: WriteFlags,
        reply: ReplyWrite,
    ) {
        let filesystem = Arc::clone(&self.filesystem);
        let (commands, data) = (self.commands.share(), data.to_vec());
        self.slow.sums.answer(pid, move |_| {
            answer("write", reply, || {
                write(&filesystem, &commands, inode, (offset, &data), write_flags)
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

    /// Runs something at once where it is about few bytes, else on another thread.
    pub(super) fn perhaps_slow(
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
    pub(super) fn content_changed(
        &self,
        request: &Request,
    ) -> impl FnOnce(&Filesystem, Inode) + Send + use<> {
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
