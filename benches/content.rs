//! How fast content is generated, compared and located, in bytes per second.
//!
//! `raw_aes` is the yardstick: the cipher alone, over the same bytes, with no counters to write.
//! `cargo bench --bench content -- fill` runs what has "fill" in its name.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::time::Duration;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use seedfs::content::{Address, Content};
use seedfs::dataset::{Coordinates, DatasetConfig};

const KIB: usize = 1024;
const SIZES: [usize; 4] = [4 * KIB, 128 * KIB, 1024 * KIB, 16 * 1024 * KIB];
const FILE: Coordinates = Coordinates { generation: 0, node: 3, process: 5, file: 7 };
const OFFSET: u64 = 1 << 32;

fn size_name(bytes: usize) -> String {
    if bytes < 1024 * KIB {
        format!("{}KiB", bytes / KIB)
    } else {
        format!("{}MiB", bytes / (1024 * KIB))
    }
}

/// Runs `work` on a buffer of right content of each size.
fn each_size(c: &mut Criterion, group: &str, mut work: impl FnMut(&Content, &mut [u8])) {
    let content = Content::new("42");
    let mut group = c.benchmark_group(group);
    for bytes in SIZES {
        let mut buffer = vec![0; bytes];
        content.fill(FILE, OFFSET, &mut buffer);
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(size_name(bytes)), |b| {
            b.iter(|| work(&content, black_box(&mut buffer)));
        });
    }
    group.finish();
}

fn raw_aes(c: &mut Criterion) {
    let cipher = Aes128::new(&Block::default());
    each_size(c, "raw_aes", |_, buffer| {
        for piece in Block::slice_as_chunks_mut(buffer).0.chunks_mut(256) {
            cipher.encrypt_blocks(piece);
        }
    });
}

fn fill(c: &mut Criterion) {
    each_size(c, "fill", |content, buffer| content.fill(FILE, OFFSET, buffer));
    each_size(c, "fill_unaligned", |content, buffer| content.fill(FILE, OFFSET + 5, buffer));
}

fn compare(c: &mut Criterion) {
    each_size(c, "first_difference", |content, buffer| {
        assert_eq!(content.first_difference(FILE, OFFSET, buffer), None);
    });
    each_size(c, "differing_runs_none", |content, buffer| {
        content.differing_runs(FILE, OFFSET, buffer, &mut |_| unreachable!());
    });
    each_size(c, "differing_runs_foreign", |content, buffer| {
        let mut runs = 0;
        content.differing_runs(FILE, OFFSET + 16, buffer, &mut |_| runs += 1);
        black_box(runs);
    });
}

fn locate(c: &mut Criterion) {
    let foreign = Content::new("another seed");
    let is_known = |address: &Address| address.file.node < 4;
    each_size(c, "locate_own", |content, buffer| {
        content.locate(buffer, &is_known, &mut |run| {
            black_box(run);
        });
    });
    each_size(c, "locate_foreign", |_, buffer| {
        foreign.locate(buffer, &|_: &Address| false, &mut |_| unreachable!());
    });
    each_size(c, "locate_foreign_known", |_, buffer| {
        let dataset = |a: &Address| {
            a.file.node < 4
                && a.file.process < 8
                && a.file.file == 0
                && a.file.generation == 0
                && a.block < 1 << 40
        };
        foreign.locate(buffer, &dataset, &mut |_| unreachable!());
    });
}

/// Settings of the shape; the first is what all others are measured against. Each must reach 0.7 of
/// it.
const SHAPES: [(&str, &str); 17] = [
    ("plain", ""),
    ("compress_5", "compress = 5"),
    ("compress_25", "compress = 25"),
    ("compress_50", "compress = 50"),
    ("compress_75", "compress = 75"),
    ("compress_95", "compress = 95"),
    ("dedup_50_4K", "dedup = 50"),
    ("dedup_95_4K", "dedup = 95"),
    ("dedup_50_512", "dedup = 50\ndedup_block = 512"),
    ("dedup_95_512", "dedup = 95\ndedup_block = 512"),
    ("change_5_4K", "change = 5"),
    ("change_5_512", "change = 5\nchange_block = 512"),
    ("compress_50_dedup_50_4K", "compress = 50\ndedup = 50"),
    ("compress_50_dedup_50_512", "compress = 50\ndedup = 50\ndedup_block = 512"),
    ("all_512", "compress = 50\ndedup = 50\ndedup_block = 512\nchange = 5\nchange_block = 512"),
    ("text", "content = 'text'"),
    ("zero", "content = 'zero'"),
];

/// The twenty-first generation of a file of the dataset.
const SHAPED_FILE: Coordinates = Coordinates { generation: 20, node: 3, process: 5, file: 7 };

fn shapes(c: &mut Criterion) {
    const BYTES: usize = 128 * KIB;
    let dimensions =
        "seed = 42\nsize = '1T'\nnodes = 4\nprocesses = 8\nfiles = 8\niterations = 21\n";
    for comparing in [false, true] {
        let mut group =
            c.benchmark_group(if comparing { "shape_first_difference" } else { "shape_fill" });
        group.throughput(Throughput::Bytes(BYTES as u64));
        for (name, options) in SHAPES {
            let config: Result<DatasetConfig, _> =
                toml::from_str(&(dimensions.to_owned() + options));
            let dataset = config.ok().and_then(|config| config.validate().ok());
            let Some(dataset) = dataset else { unreachable!("{name} is a dataset") };
            let content = Content::of(&dataset);
            let mut buffer = vec![0; BYTES];
            content.fill(SHAPED_FILE, OFFSET, &mut buffer);
            group.bench_function(name, |b| {
                b.iter(|| {
                    let buffer = black_box(&mut buffer);
                    if comparing {
                        assert_eq!(content.first_difference(SHAPED_FILE, OFFSET, buffer), None);
                    } else {
                        content.fill(SHAPED_FILE, OFFSET, buffer);
                    }
                });
            });
        }
        group.finish();
    }
}

/// Files of about 64 MiB of each format; the first is what all others are measured against. npy,
/// arrow, hdf5 and bmp must reach 0.95 of it, the others that have no lines of text 0.5.
const FORMATS: [(&str, &str); 16] = [
    ("plain", "content = 'random'\nsize = '64M'"),
    ("npy_u1", "content = 'npy:u1'\nsize = '64M'"),
    ("npy_f4", "content = 'npy:f4'\nsize = '64M'"),
    ("npy_f8", "content = 'npy:f8'\nsize = '64M'"),
    ("npy_f2", "content = 'npy:f2'\nsize = '64M'"),
    ("npz_150K", "content = 'npz:x:u1,224x224x3+y:i8,1'"),
    ("npz", "content = 'npz:x:u1,67000000'"),
    ("tfrecord_150K", "content = 'tfrecord:150528,440'"),
    ("tfrecord_1K", "content = 'tfrecord:1024,64000'"),
    ("hdf5_f4", "content = 'hdf5:f4,16000000'"),
    ("arrow_f4", "content = 'arrow:x:f4,16000000'"),
    ("parquet_f4", "content = 'parquet:x:f4,16000000'"),
    ("jsonl", "content = 'jsonl:id:int9+x:float6+name:text12,1000000'"),
    ("csv", "content = 'csv:id:int9+x:float6+name:text12,2000000'"),
    ("bmp", "content = 'bmp:4000x5000'"),
    ("png", "content = 'png:4000x5000'"),
];

/// A file from its first byte to its last, in requests of 1 MiB. Sums that were made once are
/// remembered, so the file is another one each time.
fn formats(c: &mut Criterion) {
    let mut group = c.benchmark_group("format_fill");
    for (name, options) in FORMATS {
        let text = format!("seed = 42\nfiles = '100M'\n{options}");
        let config: Result<DatasetConfig, _> = toml::from_str(&text);
        let dataset = config.ok().and_then(|config| config.validate().ok());
        let Some(dataset) = dataset else { unreachable!("{name} is a dataset") };
        let content = Content::of(&dataset);
        let mut file = Coordinates::default();
        let size = dataset.size_bytes(file);
        let mut buffer = vec![0; 1024 * KIB];
        group.throughput(Throughput::Bytes(size));
        group.bench_function(name, |b| {
            b.iter(|| {
                file.file += 1;
                for start in (0..size).step_by(buffer.len()) {
                    let length = usize::try_from(size - start)
                        .map_or(buffer.len(), |left| left.min(buffer.len()));
                    content.fill(file, start, black_box(&mut buffer[..length]));
                }
            });
        });
    }
    group.finish();
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
}

criterion_group! {
name = content; config = quick(); targets = raw_aes, fill, compare, locate, shapes, formats }
criterion_main!(content);
