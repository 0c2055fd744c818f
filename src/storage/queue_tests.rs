//! Many requests at a time: the same files and the same judgement as with one.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::tests::{memory, verify_options, watch, write_options};
use super::*;
use crate::content::Content;
use crate::dataset::{Dataset, DatasetConfig};
use crate::disk::{Disk, Disorder, Durability, Failing, Fault, Faults, SystemCall};

fn dataset(files: u64, size_bytes: u64) -> Dataset {
    let typed = DatasetConfig {
        files: Some(files.into()),
        size: Some(size_bytes.to_string().as_str().into()),
        layout: Some("file_{file}".into()),
        ..DatasetConfig::default()
    };
    typed.validate().unwrap()
}

fn requests(depth: u32, block_bytes: usize) -> Requests {
    Requests::new(Transfer::Cached, 4, Some(block_bytes), Some(depth)).unwrap()
}

/// Writes on a disk; what failed, and why there was no queue.
fn written_on<F: Faults>(
    disk: Disk<F>,
    directory: &Path,
    dataset: &Dataset,
    (options, stop): (WriteOptions, &StopFlag),
) -> (Findings<FileFailure>, Option<String>) {
    let root = Root::make(disk, directory, options.durability).unwrap();
    let progress = Progress::new(0, 0);
    let failures = write(&root, Share::new(dataset, None), options, &progress, stop);
    (failures, progress.queue_refusal())
}

/// Everything that a verification on a disk has found, as text.
fn judged_on<F: Faults>(
    disk: Disk<F>,
    directory: &Path,
    dataset: &Dataset,
    options: VerifyOptions,
) -> String {
    let share = Share::new(dataset, None);
    let root = Root::open(disk, directory).unwrap();
    let state = ResumeState::new(&root, share, &options).unwrap();
    let (progress, stop) = (Progress::new(0, 0), StopFlag::default());
    let state = verify(&root, share, options, state, watch(&progress, &stop)).unwrap();
    serde_json::to_string(&(&state.verification, &state.problems, state.failed_total)).unwrap()
}

/// Spoils bytes from one place to another, or cuts the file there.
fn spoil(path: &Path, (from, to): (usize, usize), cuts: bool) {
    let mut bytes = fs::read(path).unwrap();
    let (from, to) = (from.min(bytes.len()), to.min(bytes.len()));
    bytes[from.min(to)..to.max(from)].iter_mut().for_each(|byte| *byte ^= 0x5a);
    if cuts {
        bytes.truncate(from);
    }
    fs::write(path, bytes).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn in_any_order_and_with_any_short_counts_files_and_judgements_are_the_same(
        seed: u64,
        depth in 1_u32..20,
        blocks in 1_usize..5,
        size_bytes in 1_u64..200_000,
        direct: bool,
        damage in (0_usize..200_000, 0_usize..200_000),
        cuts: bool,
    ) {
        let dataset = dataset(3, size_bytes);
        let directory = memory();
        let (alone, requests) = (requests(1, blocks * 4096), requests(depth, blocks * 4096));
        let transfer = if direct { Transfer::Direct } else { Transfer::Cached };
        let options = WriteOptions {
            threads: 2,
            transfer,
            requests,
            ..write_options(Existing::Refuse, Durability::Later)
        };
        let disorder = Disorder::new(seed);
        let stop = StopFlag::default();
        let disk = Disk::new(disorder.clone());
        let (failures, _) = written_on(disk, directory.path(), &dataset, (options, &stop));
        if direct && failures.listed.iter().any(|failure| failure.error.contains("O_DIRECT")) {
            // A filesystem without direct I/O.
            return Ok(());
        }
        prop_assert_eq!(failures.total, 0, "{:?}", failures.listed);
        let mut expected = vec![0; usize::try_from(size_bytes).unwrap()];
        for index in 0..3 {
            let file = Share::new(&dataset, None).file(index);
            Content::of(&dataset).fill(file, 0, &mut expected);
            let path = directory.path().join(format!("file_{index}"));
            prop_assert!(fs::read(path).unwrap() == expected, "file {}", index);
        }
        spoil(&directory.path().join("file_1"), damage, cuts);
        let one = VerifyOptions { requests: alone, ..verify_options(false) };
        let many = VerifyOptions { requests, threads: 2, ..one };
        prop_assert_eq!(
            judged_on(Disk::new(disorder), directory.path(), &dataset, many),
            judged_on(Disk::real(), directory.path(), &dataset, one)
        );
        // What is right stays, and what is not is made again.
        let cached = WriteOptions { transfer: Transfer::Cached, ..options };
        let again = WriteOptions { existing: Existing::Resume, ..cached };
        let disk = Disk::new(Disorder::new(seed));
        let (failures, _) = written_on(disk, directory.path(), &dataset, (again, &stop));
        prop_assert_eq!(failures.total, 0);
        let file = Share::new(&dataset, None).file(1);
        Content::of(&dataset).fill(file, 0, &mut expected);
        prop_assert!(fs::read(directory.path().join("file_1")).unwrap() == expected);
    }
}

#[test]
fn where_the_kernel_refuses_a_queue_all_is_done_and_it_is_said() {
    let dataset = dataset(2, 100_000);
    let options = WriteOptions {
        requests: requests(8, 4096),
        ..write_options(Existing::Overwrite, Durability::Later)
    };
    let stop = StopFlag::default();
    let directory = memory();
    for errno in [libc::ENOSYS, libc::EPERM, libc::ENOMEM] {
        let failing = Failing::from(0, Fault::Before(errno)).only(SystemCall::SetUpQueue);
        let disk = Disk::new(failing);
        let (failures, refusal) = written_on(disk, directory.path(), &dataset, (options, &stop));
        assert_eq!(failures.total, 0);
        assert_eq!(refusal, Some(std::io::Error::from_raw_os_error(errno).to_string()));
    }
    let one = WriteOptions { requests: requests(1, 4096), ..options };
    let never = Failing::from(0, Fault::Before(libc::EPERM)).only(SystemCall::SetUpQueue);
    let (_, refusal) = written_on(Disk::new(never), directory.path(), &dataset, (one, &stop));
    assert_eq!(refusal, None, "nobody has asked for a queue");
}

/// Asks for a stop at one of the writes.
#[derive(Clone, Debug)]
struct StopsAtWrite(Arc<std::sync::atomic::AtomicU64>, StopFlag);

impl Faults for StopsAtWrite {
    fn fault(&self, call: SystemCall) -> Option<Fault> {
        use std::sync::atomic::Ordering::Relaxed;

        if call == SystemCall::Write && self.0.fetch_sub(1, Relaxed) == 0 {
            self.1.set();
        }
        None
    }
}

#[test]
fn a_stop_with_requests_under_way_leaves_whole_files_only() {
    const SIZE_BYTES: u64 = 100_000;

    let dataset = dataset(4, SIZE_BYTES);
    for depth in [1, 8] {
        let mut whole = Vec::new();
        for at in [0, 1, 5, 13, 30, 60] {
            let directory = memory();
            let options = WriteOptions {
                requests: requests(depth, 4096),
                ..write_options(Existing::Refuse, Durability::Later)
            };
            let stop = StopFlag::default();
            let disk = Disk::new(StopsAtWrite(Arc::new(at.into()), stop.clone()));
            let (failures, _) = written_on(disk, directory.path(), &dataset, (options, &stop));
            assert_eq!(failures.total, 0, "what was stopped has not failed");
            let files: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
            for file in &files {
                let file = file.as_ref().unwrap();
                assert!(!file.file_name().to_string_lossy().starts_with('.'), "{file:?}");
                assert_eq!(file.metadata().unwrap().len(), SIZE_BYTES);
            }
            whole.push(files.len());
        }
        assert_eq!(whole[0], 0, "{whole:?}");
        assert!(whole.is_sorted() && whole[5] > 0, "{whole:?}");
    }
}

/// A part that cannot be read has a turn all the same, for which others wait.
#[test]
fn threads_that_share_a_file_end_where_a_part_of_it_cannot_be_read() {
    const SIZE_BYTES: u64 = 100 << 20;

    let dataset = dataset(1, SIZE_BYTES);
    let directory = memory();
    let path = directory.path().join("file_0");
    fs::File::create(path).unwrap().set_len(SIZE_BYTES).unwrap();
    for requests in [requests(1, 1 << 20), requests(4, 1 << 20)] {
        for number in [0, 17, 99] {
            let failing = Failing::at(number, Fault::Before(libc::EIO)).only(SystemCall::Read);
            let root = Root::open(Disk::new(failing), directory.path()).unwrap();
            let share = Share::new(&dataset, None);
            let options = VerifyOptions { threads: 2, requests, ..verify_options(false) };
            let state = ResumeState::new(&root, share, &options).unwrap();
            let (progress, stop) = (Progress::new(1, 0), StopFlag::default());
            let late = stop.clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(60));
                late.set();
            });
            let state = verify(&root, share, options, state, watch(&progress, &stop)).unwrap();
            assert!(!stop.is_set(), "it did not end by itself");
            assert_eq!(state.failures(share).total, 1, "read {number}");
        }
    }
}

#[test]
fn buffers_that_take_too_much_are_refused() {
    let new = |threads, depth, block_bytes| {
        Requests::new(Transfer::Direct, threads, Some(block_bytes), Some(depth))
    };
    assert!(new(4, 1023, 1 << 20).is_ok());
    let refused = new(5, 1023, 1 << 20).unwrap_err().to_string();
    assert!(refused.contains("5 threads with 1024 buffers of 1048576 bytes"), "{refused}");
    assert!(new(1024, 1024, 16 << 20).is_err());
    for threads in [1, 16, 128, 1024] {
        for transfer in [Transfer::Cached, Transfer::Direct] {
            assert!(Requests::new(transfer, threads, None, None).is_ok(), "{threads} threads");
        }
    }
    assert!([4096, 8192, 16 << 20].into_iter().all(Requests::is_block));
    assert!(![0, 512, 4097, 6000, 32 << 20].into_iter().any(Requests::is_block));
}
