//! Writing an image to a device.

use std::io::{self, ErrorKind};
use std::ops::Range;

use super::Device;
use super::state::{ImageOf, PassOptions, path_at};
use crate::disk::{AlignedBuffer, Faults};
use crate::report::Phase;
use crate::storage::blocks::block_buffer;
use crate::storage::crew::{TargetQueue, Work, work_through};
use crate::storage::outcome::FailureLog;
use crate::storage::{FileFailure, Findings, Progress, StopFlag};

/// Writes an image to each device, from its first byte on, and has all of it on the storage. All
/// are written at the same time.
pub fn write_images<F: Faults>(
    devices: &[(&Device<F>, ImageOf<'_>)],
    options: PassOptions,
    (progress, stop): (&Progress, &StopFlag),
) -> Findings<FileFailure> {
    progress.set_phase(Phase::Writing);
    let failures = FailureLog::default();
    let writer = |(device, image): &(_, _)| ImageWriter {
        device: *device,
        image: *image,
        progress,
        stop,
        failures: &failures,
    };
    let writers: Vec<ImageWriter<'_, F>> = devices.iter().map(writer).collect();
    let queue = |(target, work)| TargetQueue { work, target, files: 0..1 };
    let queues: Vec<_> = writers.iter().enumerate().map(queue).collect();
    work_through(&queues, (options.threads, options.placement), stop);
    for (device, _) in devices {
        // A device says only now what it could not store.
        if let Err(error) = device.disk.sync(&device.file) {
            let path = device.path().display().to_string();
            progress.failure(&path, &error);
            failures.add(FileFailure { path, target: None, error: error.to_string() });
        }
    }
    failures.into_findings()
}

struct ImageWriter<'a, F> {
    device: &'a Device<F>,
    image: ImageOf<'a>,
    progress: &'a Progress,
    stop: &'a StopFlag,
    failures: &'a FailureLog,
}

impl<F: Faults> Work for ImageWriter<'_, F> {
    type OpenFile = ();
    type Tools = AlignedBuffer;

    fn tools(&self) -> AlignedBuffer {
        block_buffer(self.device.transfer)
    }

    fn open(&self, _: u64, _: &mut AlignedBuffer) -> Option<((), u64)> {
        Some(((), self.image.image.length()))
    }

    fn part(&self, (): &(), part: Range<u64>, buffer: &mut AlignedBuffer) {
        let mut offset = part.start;
        while offset < part.end && !self.stop.is_set() {
            let block = buffer.bytes_mut();
            let length = usize::try_from(part.end - offset).unwrap_or(usize::MAX).min(block.len());
            let block = &mut block[..length];
            self.image.image.fill(offset, block);
            match self.write(block, offset) {
                Ok(()) => self.progress.bytes(length as u64),
                // The others are still written.
                Err((at, error)) => {
                    let path = path_at(self.image, at);
                    let error =
                        io::Error::new(error.kind(), format!("at device offset {at}: {error}"));
                    self.progress.failure(&path, &error);
                    self.failures.add(FileFailure { path, target: None, error: error.to_string() });
                }
            }
            offset += length as u64;
        }
    }

    fn close(&self, (): ()) -> Option<((), u64)> {
        None
    }
}

impl<F: Faults> ImageWriter<'_, F> {
    /// Writes a block whole, or says where it could not go on.
    fn write(&self, block: &[u8], offset: u64) -> Result<(), (u64, io::Error)> {
        let mut done = 0;
        while done < block.len() {
            let at = offset + done as u64;
            match self.device.disk.write_at(&self.device.file, &block[done..], at) {
                Ok(0) => return Err((at, ErrorKind::WriteZero.into())),
                Ok(count) => done += count,
                Err(error) => return Err((at, error)),
            }
        }
        Ok(())
    }
}
