//! A queue does what the same calls do one after the other, whatever the kernel makes of it.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::super::{Access, Disorder, Failing, Links, Sound};
use super::*;

const BLOCK: usize = 5000;

fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// Writes a file in blocks through a queue, and goes on where counts are short.
fn write_all<F: Faults>(
    queue: &mut RequestQueue<F, ()>,
    file: &Arc<OpenFile>,
    bytes: &[u8],
) -> io::Result<()> {
    let count = queue.depth() + 1;
    let mut idle = queue.buffers(count, BLOCK);
    let mut left = bytes.chunks(BLOCK).enumerate();
    let mut result = Ok(());
    loop {
        if result.is_ok()
            && !idle.is_empty()
            && queue.under_way() < queue.depth()
            && let Some((index, chunk)) = left.next()
        {
            let mut buffer = idle.pop().unwrap();
            buffer.bytes_mut()[..chunk.len()].copy_from_slice(chunk);
            let (file, range) = (Arc::clone(file), 0..chunk.len());
            let offset = (index * BLOCK) as u64;
            let operation = Operation::Write;
            queue.submit(DiskRequest { operation, file, offset, buffer, range, ticket: () });
            continue;
        }
        let Some(DiskAnswer { mut request, result: answer }) = queue.answer() else {
            return result;
        };
        match answer {
            Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                request.offset += count as u64;
                request.range.start += count;
                if !request.range.is_empty() {
                    queue.submit(request);
                    continue;
                }
            }
            Err(error) => result = Err(error),
        }
        idle.push(request.buffer);
    }
}

/// Reads so many bytes through a queue of requests for one block each; the rest stays zero.
fn read_all<F: Faults>(
    queue: &mut RequestQueue<F, ()>,
    file: &Arc<OpenFile>,
    length: usize,
) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut result = Ok(());
    let buffers = queue.buffers(length.div_ceil(BLOCK), BLOCK);
    for (index, buffer) in buffers.into_iter().enumerate() {
        let offset = index * BLOCK;
        let range = 0..BLOCK.min(length - offset);
        let (file, offset) = (Arc::clone(file), offset as u64);
        let operation = Operation::Read;
        queue.submit(DiskRequest { operation, file, offset, buffer, range, ticket: () });
    }
    while let Some(DiskAnswer { mut request, result: answer }) = queue.answer() {
        match answer {
            Ok(0) => {}
            Ok(count) => {
                let at = usize::try_from(request.offset).unwrap();
                let from = request.range.start;
                bytes[at..at + count].copy_from_slice(&request.buffer.bytes()[from..from + count]);
                request.offset += count as u64;
                request.range.start += count;
                if !request.range.is_empty() {
                    queue.submit(request);
                }
            }
            Err(error) => result = Err(error),
        }
    }
    result.map(|()| bytes)
}

/// Where tests run, the kernel may refuse rings to everybody.
fn may_have_ring() -> bool {
    RequestQueue::<_, ()>::new(Disk::real(), 4).refusal().is_none()
}

fn new_file(directory: &Path) -> Arc<OpenFile> {
    let disk = Disk::real();
    let at = disk.open_root(directory).unwrap();
    Arc::new(disk.create_temporary(&at, ("queue-", ""), 0o600).unwrap().0)
}

fn content(directory: &Path) -> Vec<u8> {
    let entry = fs::read_dir(directory).unwrap().next().unwrap().unwrap();
    fs::read(entry.path()).unwrap()
}

#[test]
fn bytes_are_whole_or_it_fails_whichever_call_fails() {
    let bytes = pattern(7 * BLOCK + 123);
    for depth in [1, 2, 4, 32] {
        for fault in Fault::EACH {
            let mut failed = 0;
            for failing in Failing::at_each_call(fault).take(500) {
                let directory = tempfile::tempdir().unwrap();
                let file = new_file(directory.path());
                let mut queue = RequestQueue::new(Disk::new(failing.clone()), depth);
                let written = write_all(&mut queue, &file, &bytes);
                let read = read_all(&mut queue, &file, bytes.len());
                let case = format!("depth {depth}, {failing:?}: {written:?}");
                assert!(written.is_err() || content(directory.path()) == bytes, "{case}");
                let is_read = read.as_ref().is_ok_and(|read| *read == bytes);
                assert!(is_read || read.is_err() || written.is_err(), "{case}");
                let passes = fault.is_harmless() || !failing.has_failed();
                assert!(!passes || written.is_ok() && is_read, "{case}");
                failed += u32::from(written.is_err() || read.is_err());
            }
            assert!(failed > 0 || fault != Fault::Before(libc::EIO), "{fault:?}");
        }
    }
}

/// A ring that cannot be had, or breaks, is no failure: the calls are made one at a time.
#[test]
fn without_a_ring_everything_is_done_by_calls() {
    let bytes = pattern(9 * BLOCK + 1);
    for call in [SystemCall::SetUpQueue, SystemCall::RegisterBuffers, SystemCall::EnterQueue] {
        for errno in [libc::ENOSYS, libc::EPERM, libc::ENOMEM, libc::EAGAIN, libc::EBUSY] {
            for number in 0..6 {
                let directory = tempfile::tempdir().unwrap();
                let file = new_file(directory.path());
                let failing = Failing::from(number, Fault::Before(errno)).only(call);
                let mut queue = RequestQueue::new(Disk::new(failing.clone()), 4);
                write_all(&mut queue, &file, &bytes).unwrap();
                assert!(content(directory.path()) == bytes, "{failing:?}");
                assert!(read_all(&mut queue, &file, bytes.len()).unwrap() == bytes);
                let has_ring = queue.refusal().is_none();
                assert_eq!(queue.depth(), if has_ring { 4 } else { 1 });
                match call {
                    SystemCall::SetUpQueue => assert!(!has_ring || !failing.has_failed()),
                    // It breaks when somebody needs it, and never again has anything to say.
                    SystemCall::EnterQueue => assert!(!has_ring || number > 0),
                    _ => assert_eq!(has_ring, may_have_ring()),
                }
            }
        }
    }
}

/// What is dropped with requests under way waits for them: their buffers are freed with it.
#[test]
fn a_queue_is_dropped_when_nothing_is_under_way() {
    let directory = tempfile::tempdir().unwrap();
    let file = new_file(directory.path());
    let written = pattern(40 * BLOCK);
    for begun in 0..40 {
        let mut queue = RequestQueue::new(Disk::real(), 64);
        let buffers = queue.buffers(begun, BLOCK);
        for (index, mut buffer) in buffers.into_iter().enumerate() {
            buffer.bytes_mut().copy_from_slice(&written[index * BLOCK..][..BLOCK]);
            let (file, offset) = (Arc::clone(&file), (index * BLOCK) as u64);
            let (operation, range) = (Operation::Write, 0..BLOCK);
            queue.submit(DiskRequest { operation, file, offset, buffer, range, ticket: () });
        }
        drop(queue);
        assert_eq!(Arc::strong_count(&file), 1, "the file is let go of");
    }
    // Whatever was written then is what belongs there.
    let there = content(directory.path());
    assert!(there.iter().zip(&written).all(|(there, written)| there == written || *there == 0));
}

/// What the kernel does not do at once because a file was opened not to wait is done all the same.
#[test]
fn files_that_do_not_wait_are_read_whole() {
    let bytes = pattern(5 * BLOCK);
    for directory in [tempfile::tempdir(), tempfile::tempdir_in("/dev/shm")] {
        // A filesystem in memory does not read without waiting, others do.
        let Ok(directory) = directory else { continue };
        let path = directory.path().join("file");
        fs::write(path, &bytes).unwrap();
        let disk = Disk::real();
        let at = disk.open_root(directory.path()).unwrap();
        for waits in [false, true] {
            let file = disk.open(&at, Path::new("file"), Access::Read, Links::Refuse).unwrap();
            if waits {
                disk.let_wait(&file).unwrap();
            }
            let mut queue = RequestQueue::new(Disk::<Sound>::real(), 4);
            assert!(read_all(&mut queue, &Arc::new(file), bytes.len()).unwrap() == bytes);
        }
    }
}

/// What a ring cannot do without waiting is done by a call.
#[test]
fn what_a_ring_does_not_do_at_once_a_call_does() {
    let bytes = pattern(9 * BLOCK);
    for number in 0..if may_have_ring() { 18 } else { 0 } {
        let directory = tempfile::tempdir().unwrap();
        let file = new_file(directory.path());
        let failing = Failing::at(number % 9, Fault::Before(libc::EAGAIN));
        let call = if number < 9 { SystemCall::Write } else { SystemCall::Read };
        let mut queue = RequestQueue::new(Disk::new(failing.only(call)), 4);
        write_all(&mut queue, &file, &bytes).unwrap();
        assert!(read_all(&mut queue, &file, bytes.len()).unwrap() == bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_order_and_any_short_counts_give_the_same_file(
        seed: u64,
        depth in 1_u32..40,
        length in 1_usize..20 * BLOCK,
    ) {
        let bytes = pattern(length);
        let directory = tempfile::tempdir().unwrap();
        let file = new_file(directory.path());
        let disk = Disk::new(Disorder::new(seed));
        let mut queue = RequestQueue::new(disk, depth);
        write_all(&mut queue, &file, &bytes).unwrap();
        prop_assert!(content(directory.path()) == bytes);
        prop_assert!(read_all(&mut queue, &file, length).unwrap() == bytes);
    }
}
