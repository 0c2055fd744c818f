//! Repairing a file where it stands.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::{InPlace, Mending, RepairTools, Repairer, interrupted, refused};
use crate::dataset::FileContent;
use crate::disk::{Access, Durability, Faults, FileType, Links, OpenFile, Stat};
use crate::overlay::{ExtentMap, Recogniser};
use crate::storage::block_file::drop_cache;
use crate::storage::blocks::{CACHED_BYTES, read_block};
use crate::storage::crew::PART_BYTES;
use crate::storage::file_judge::recognise_block;
use crate::storage::repair::mend::{Mended, first_wrong, wrong_ranges};
use crate::storage::repair::written_ranges::WrittenRanges;
use crate::storage::target::split;
use crate::sync::Mutex;
use crate::verdict::Verdict;

impl<F: Faults> Repairer<'_, F> {
    /// Judges a part, and writes the right bytes over the wrong ones.
    pub(super) fn mend_part(
        &self,
        mending: &Mending<'_>,
        there: &InPlace<'_>,
        part: Range<u64>,
        tools: &mut RepairTools,
    ) {
        let recogniser = Recogniser { content: self.run.content, known: self.share.dataset() };
        let (expectation, mut extents) = (mending.expectation, ExtentMap::default());
        let mut offset = part.start;
        while offset < part.end {
            if self.run.stop.is_set() {
                return;
            }
            let block = tools.block.bytes_mut();
            let wanted = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            let length = match read_block(&self.root.disk, &there.file, offset, block) {
                Ok(length) => length.min(wanted),
                Err(error) => {
                    there.unreadable.lock().get_or_insert(error);
                    return;
                }
            };
            if length == 0 {
                break;
            }
            let block = &block[..length];
            if !recognise_block(&recogniser, expectation, &mut extents, (offset, block)) {
                self.mend_block(mending, there, (offset, block), &mut tools.right);
            }
            offset += length as u64;
            self.counting.bytes(length as u64);
        }
        let number = part.start / PART_BYTES;
        there
            .judging
            .bring(number, extents, self.run.stop, |judge, _, extents| judge.add(&extents));
    }

    fn mend_block(
        &self,
        mending: &Mending<'_>,
        there: &InPlace<'_>,
        (offset, block): (u64, &[u8]),
        right: &mut Vec<u8>,
    ) {
        let FileContent { file, size_bytes } = mending.expectation;
        let inside = usize::try_from(size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let inside = &block[..inside.min(block.len())];
        for range in wrong_ranges(self.run.content, (file, offset), inside) {
            if there.mended.lock().failure.is_some() {
                return;
            }
            let at = offset + range.start as u64;
            right.resize(range.len(), 0);
            self.run.content.fill(file, at, right);
            let written = if self.run.options.is_dry {
                Ok(())
            } else {
                self.writer((&there.writer, there.stat), &mending.path)
                    .and_then(|writer| self.root.disk.write_all_at(&writer, right, at))
            };
            let mut mended = there.mended.lock();
            match written {
                Ok(()) => mended.written.add(at..at + range.len() as u64),
                Err(error) => mended.failure = Some(error),
            }
        }
    }

    /// The file, to write to: the same that is read, in a directory that nobody else has put there,
    /// and under no other name.
    fn writer(
        &self,
        (writer, read): (&Mutex<Option<Arc<OpenFile>>>, Stat),
        path: &str,
    ) -> io::Result<Arc<OpenFile>> {
        let mut writer = writer.lock();
        if let Some(writer) = &*writer {
            return Ok(Arc::clone(writer));
        }
        let (parent, name) = split(path);
        let parent = self.parents.enter(parent)?;
        let disk = &self.root.disk;
        let name = Path::new(&name);
        if disk.stat_at(&parent, name, Links::Refuse)?.kind == FileType::Link {
            return Err(refused("it is a link, through which nothing is written"));
        }
        let opened = disk.open(&parent, name, Access::ReadWrite, Links::Refuse)?;
        let stat = disk.stat(&opened)?;
        if !stat.is_same(&read) {
            return Err(refused("another file has taken its place meanwhile"));
        }
        if stat.links > 1 {
            let names = stat.links;
            return Err(refused(&format!("it has {names} names (hard links): all would change")));
        }
        let opened = Arc::new(opened);
        *writer = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// All has been read, and what is wrong inside was written.
    pub(super) fn finish(
        &self,
        number: u64,
        path: String,
        expectation: FileContent,
        there: InPlace<'_>,
    ) {
        let InPlace { file: _, stat, judging, writer, unreadable, mended } = there;
        let Mended { written, failure } = mended.into_inner();
        if let Some(error) = unreadable.into_inner() {
            return self.fail(path, &error);
        }
        if self.run.stop.is_set() {
            if written.bytes() > 0 {
                self.fail(path, &interrupted());
            }
            return;
        }
        let judged = judging.into_consumer().0.finish(expectation.file, stat.length);
        if judged.tally.verdict() == Verdict::Verified {
            self.counting.file();
            return self.run.log.right();
        }
        let rewritten_bytes = written.bytes();
        let done = match failure {
            Some(error) => Err(error),
            None if self.run.options.is_dry => Ok(()),
            None => self
                .writer((&writer, stat), &path)
                .and_then(|writer| self.finish_mending(&writer, expectation, stat, written)),
        };
        self.note(number, path, &judged, |repair| {
            repair.rewritten_bytes = rewritten_bytes;
            match done {
                Ok(()) => {
                    repair.appended_bytes = expectation.size_bytes.saturating_sub(stat.length);
                    repair.cut_bytes = stat.length.saturating_sub(expectation.size_bytes);
                }
                Err(error) => repair.error = Some(error.to_string()),
            }
        });
    }

    /// The missing tail, what is too much, and the proof.
    fn finish_mending(
        &self,
        writer: &OpenFile,
        expectation: FileContent,
        stat: Stat,
        mut written: WrittenRanges,
    ) -> io::Result<()> {
        let disk = &self.root.disk;
        if disk.stat(writer)?.length != stat.length {
            return Err(refused("its length has changed while it was read"));
        }
        let (length, size_bytes) = (stat.length, expectation.size_bytes);
        if length < size_bytes {
            self.append(writer, expectation, length)?;
            written.add(length..size_bytes);
        } else if length > size_bytes {
            disk.truncate(writer, size_bytes)?;
        }
        if self.run.options.durability == Durability::Synced {
            disk.sync(writer)?;
        }
        // Some filesystems say only then what they could not store.
        disk.flush(writer)?;
        self.prove(writer, expectation, &written.into_ranges())
    }

    /// Writes what is missing, from the end of the file on: wherever that stops, what is there is
    /// right.
    fn append(&self, writer: &OpenFile, expectation: FileContent, from: u64) -> io::Result<()> {
        let mut block = vec![0; CACHED_BYTES];
        let mut offset = from;
        while offset < expectation.size_bytes {
            if self.run.stop.is_set() {
                return Err(interrupted());
            }
            let left = expectation.size_bytes - offset;
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
            self.run.content.fill(expectation.file, offset, &mut block[..length]);
            self.root.disk.write_all_at(writer, &block[..length], offset)?;
            offset += length as u64;
        }
        Ok(())
    }

    /// Reads back what was written, from the storage where it has to be there.
    pub(super) fn prove(
        &self,
        file: &OpenFile,
        FileContent { file: coordinates, size_bytes }: FileContent,
        ranges: &[Range<u64>],
    ) -> io::Result<()> {
        let disk = &self.root.disk;
        if self.run.options.durability == Durability::Synced {
            drop_cache(disk, file)?;
        }
        let right =
            |offset, block: &[u8]| self.run.content.first_difference(coordinates, offset, block);
        if let Some(offset) = first_wrong(disk, file, ranges, right)? {
            let error = format!("what was written reads back wrong at {offset}");
            return Err(io::Error::other(error));
        }
        if disk.stat(file)?.length != size_bytes {
            return Err(io::Error::other("what was written has another length"));
        }
        Ok(())
    }
}
