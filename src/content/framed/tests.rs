#![allow(clippy::little_endian_bytes, reason = "the formats are")]
#![allow(clippy::cast_precision_loss, reason = "no more bits than there are")]

use std::collections::BTreeMap;
use std::sync::OnceLock;

use proptest::prelude::*;

use super::super::{Content, ContentForm, StopCheck, Stopped};
use super::*;
use crate::dataset::{DatasetConfig, Template};
use crate::framing::Sum;

/// Odd shapes of each format.
const SMALL: [&str; 55] = [
    "npy:u1,1",
    "npy:bool,1000",
    "npy:i1,3x5x7",
    "npy:u2,1x1",
    "npy:i2,99x3",
    "npy:f2,1001",
    "npy:f4,1",
    "npy:f4,17x31",
    "npy:u4,100x1x1x1x3",
    "npy:f8,1",
    "npy:f8,999x2",
    "npy:i8,512",
    "npy:f4,9000",
    "npz:x:u1,1",
    "npz:x:f4,17x31+y:i8,3",
    "npz:a:f2,5+b:bool,7+c:f8,1x3x5+d:u1,20000",
    "npz:x:u1,150000",
    "tfrecord:1,1",
    "tfrecord:127,20",
    "tfrecord:128,5",
    "tfrecord:5000,3",
    "tfrecord:20000,2",
    "hdf5:u1,1",
    "hdf5:bool,77",
    "hdf5:f2,3x5x7",
    "hdf5:f4,1x1x1x1x1x1x1x1",
    "hdf5:f8,333",
    "hdf5:i8,10x10",
    "arrow:a:u1,1",
    "arrow:a:f4,1000,7",
    "arrow:a:f4+b:i8+c:bool+d:f2+e:u1,100,33",
    "arrow:a:f8+b:bool,128,64",
    "parquet:a:u4,1",
    "parquet:a:f4,1000,7",
    "parquet:a:f4+b:i8+c:bool+d:f2+e:f8,100,33",
    "parquet:a:f8+b:bool,128,64",
    "jsonl:a:bit,1",
    "jsonl:id:int9+x:float6+name:text12+ok:bit,30",
    "jsonl:a:int1,100",
    "csv:a:bit,1",
    "csv:id:int9+x:float6+name:text12+ok:bit,30",
    "csv:a:text1,100",
    "tfrecord-index:3,300",
    "bmp:1x1",
    "bmp:2x7",
    "bmp:4x5",
    "bmp:101x37",
    "bmp:640x8",
    "png:1x1",
    "png:2x7",
    "png:5x40000",
    "png:101x37",
    "png:7000x7",
    "png:21844x1",
    "png:21844x2",
];

/// The same for files of about 10 GiB, where the format has such.
const LARGE: [&str; 14] = [
    "npy:f4,1000000x2684",
    "npy:f8,1342177280",
    "npy:u1,10737418240",
    "tfrecord:1000,10000000",
    "tfrecord:3,200000000",
    "hdf5:f4,100000x26844",
    "hdf5:u1,10737418240",
    "arrow:a:f4+b:f8+c:bool+d:u1,810000001,65536",
    "arrow:a:f4,2684354560,1048576",
    "parquet:a:f4+b:f8+c:bool+d:u4,700000001,65536",
    "parquet:a:f8,1342177280,1048577",
    "jsonl:id:int9+x:float6,300000000",
    "csv:id:int9+x:float6,600000000",
    "bmp:30001x47000",
];

fn content(text: &str) -> (Content, Framing, u64) {
    let config = DatasetConfig {
        seed: Some("42".into()),
        content: Some(text.into()),
        files: Some(4.into()),
        ..DatasetConfig::default()
    };
    let dataset = config.validate().unwrap();
    let Template::Framed(framing) = &dataset.shape(Coordinates::default()).template else {
        panic!("{text}")
    };
    let size = dataset.size_bytes(Coordinates::default());
    assert_eq!(framing.size_bytes(), size);
    (Content::of(&dataset), framing.clone(), size)
}

fn framed_of(content: &Content) -> &Framed {
    let ContentForm::Framed(framed) = content.form(Coordinates::default()) else {
        panic!("no format")
    };
    framed
}

fn file() -> Coordinates {
    Coordinates { file: 3, ..Coordinates::default() }
}

static PLAIN: OnceLock<Content> = OnceLock::new();

/// The whole file, or a part of it, byte by byte.
fn bytes(framing: &Framing, range: Range<u64>) -> Vec<u8> {
    let mut sums = BTreeMap::new();
    range.map(|at| byte(framing, at, &mut sums)).collect()
}

/// One byte, made by itself: its element from plain content, its sum bit by bit from the bytes that
/// it covers. Sums that were made are kept, by where they begin.
fn byte(framing: &Framing, at: u64, sums: &mut BTreeMap<u64, [u8; 4]>) -> u8 {
    let span = framing.plan().spans(at..at + 1).next().unwrap();
    let within = usize::try_from(at - span.part).unwrap();
    let plain = |at: u64| {
        let mut byte = [0];
        PLAIN.get_or_init(|| Content::new("42")).fill(file(), at, &mut byte);
        byte[0]
    };
    match span.kind {
        PartKind::Framing(bytes) => bytes[within],
        PartKind::Payload(element) => {
            let width = element.width();
            let first = at - (within % width) as u64;
            let bytes: Vec<u8> = (0..width as u64).map(|index| plain(first + index)).collect();
            element_of(*element, &bytes)[within % width]
        }
        PartKind::Count(count) => {
            let mut digit = [0];
            count.write(&span, &mut digit);
            digit[0]
        }
        PartKind::Checksum(checksum) => {
            if !sums.contains_key(&span.part) {
                let covered = checksum.covers(&span).flatten();
                let covered: Vec<u8> = covered.map(|at| byte(framing, at, sums)).collect();
                sums.insert(span.part, slow_sum(checksum.sum, covered.into_iter()));
            }
            sums[&span.part][within]
        }
    }
}

fn element_of(element: Element, bytes: &[u8]) -> Vec<u8> {
    let number = bytes.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let low = |number: u64| vec![u8::try_from(number).unwrap()];
    match element {
        Element::Plain => bytes.to_vec(),
        Element::Bool => low(number % 2),
        Element::Small => low(number % 128),
        Element::Digit => low(48 + number % 10),
        Element::FirstDigit => low(49 + number % 9),
        Element::Bit => low(48 + number % 2),
        Element::Letter => low(97 + number % 26),
        Element::Half => half_of(number >> 6).to_le_bytes().to_vec(),
        Element::Single => ((number >> 9) as f32 / 8_388_608.0).to_le_bytes().to_vec(),
        Element::Double => ((number >> 12) as f64 / 4_503_599_627_370_496.0).to_le_bytes().to_vec(),
    }
}

/// So many 1024ths in half precision, by trying all of them.
fn half_of(parts: u64) -> u16 {
    let value = |bits: u16| {
        let (exponent, fraction) = (i32::from(bits >> 10), f64::from(bits & 1023));
        if exponent == 0 {
            fraction * 2_f64.powi(-24)
        } else {
            (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15)
        }
    };
    let wanted = parts as f64 / 1024.0;
    (0..0x3c00).find(|bits| value(*bits).to_bits() == wanted.to_bits()).unwrap()
}

fn slow_sum(sum: Sum, bytes: impl Iterator<Item = u8>) -> [u8; 4] {
    let crc = |polynomial: u32, bytes: &mut dyn Iterator<Item = u8>| {
        !bytes.fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 }
            })
        })
    };
    let bytes = &mut { bytes };
    match sum {
        Sum::MaskedCrc32c => {
            let crc = crc(0x82f6_3b78, bytes);
            crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
        }
        Sum::ZipCrc32 => crc(0xedb8_8320, bytes).to_le_bytes(),
        Sum::PngCrc32 => crc(0xedb8_8320, bytes).to_be_bytes(),
        Sum::Adler32 => {
            let (a, b) = bytes.fold((1, 0), |(a, b), byte| {
                let a = (a + u32::from(byte)) % 65521;
                (a, (b + a) % 65521)
            });
            (b << 16 | a).to_be_bytes()
        }
    }
}

fn filled(content: &Content, range: Range<u64>) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
    content.fill(file(), range.start, &mut bytes);
    bytes
}

/// All that content is asked, of a range whose right bytes are `right`; `damaged` is a byte of it.
fn check(content: &Content, start: u64, right: &[u8], damaged: usize) {
    assert_eq!(filled(content, start..start + right.len() as u64), right, "at {start}");
    assert_eq!(content.first_difference(file(), start, right), None, "at {start}");
    assert_eq!(content.matching_suffix(file(), start, right), right.len(), "at {start}");
    if right.is_empty() {
        return;
    }
    let damaged = damaged % right.len();
    let mut wrong = right.to_vec();
    wrong[damaged] ^= 0x40;
    assert_eq!(content.first_difference(file(), start, &wrong), Some(damaged), "at {start}");
    let suffix = right.len() - damaged - 1;
    assert_eq!(content.matching_suffix(file(), start, &wrong), suffix, "at {start}");
    let mut runs = Vec::new();
    content.differing_runs(file(), start, &wrong, &mut |run| runs.push(run));
    let only = damaged..damaged + 1;
    assert_eq!(runs, std::slice::from_ref(&only), "at {start}");
}

#[test]
fn any_range_is_of_the_whole_file() {
    for text in SMALL {
        let (content, framing, size) = content(text);
        let whole = bytes(&framing, 0..size);
        check(&content, 0, &whole, 5);
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
        let range = (0..=whole.len(), 0..=whole.len(), any::<usize>());
        runner
            .run(&range, |(one, other, damaged)| {
                let (start, end) = (one.min(other), one.max(other));
                check(&content, start as u64, &whole[start..end], damaged);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn ranges_of_files_of_10_gib_are_those_of_the_slow_model() {
    for text in LARGE {
        let (content, framing, size) = content(text);
        assert!(size > 4_000_000_000, "{text} has {size} bytes");
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
        let near = prop_oneof![0..400_u64, size - 400..size, 0..size];
        runner
            .run(&(near, 0..3000_u64, any::<usize>()), |(start, length, damaged)| {
                let end = (start + length).min(size);
                let right = bytes(&framing, start..end);
                check(&content, start, &right, damaged);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn content_goes_on_past_the_end_of_the_file() {
    let (content, _, size) = content("npy:f4,17x31");
    let all = filled(&content, size - 9..size + 4000);
    let mut plain = vec![0; 4000];
    Content::new("42").fill(file(), size, &mut plain);
    assert_eq!(all[9..], plain);
    assert_eq!(content.first_difference(file(), size - 9, &all), None);
    let mut wrong = all;
    wrong[20] ^= 1;
    assert_eq!(content.first_difference(file(), size - 9, &wrong), Some(20));
    let far = u64::MAX - 7;
    assert_eq!(content.first_difference(file(), far, &filled_at(&content, far)), None);
}

/// Bytes at the end of all offsets, where no range can end.
fn filled_at(content: &Content, start: u64) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    content.fill(file(), start, &mut bytes);
    bytes
}

/// Where sums over all of it stand, at its ends, the slow model would take hours.
#[test]
fn the_middle_of_files_of_10_gib_with_long_sums_is_that_of_the_slow_model() {
    for text in ["npz:x:f4,1000x2684000+y:i8,3", "png:21000x170000", "npz:x:u1,3+y:u1,10737418240"]
    {
        let (content, framing, size) = content(text);
        assert!(size > 10_000_000_000, "{text} has {size} bytes");
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(8));
        let place = prop_oneof![1000..4000_u64, size - 9000..size - 5000, 1000..size - 5000];
        runner
            .run(&(place, 0..3000_u64, any::<usize>()), |(start, length, damaged)| {
                let right = bytes(&framing, start..start + length);
                check(&content, start, &right, damaged);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

/// Whether something of a range takes long, and is not known yet.
fn takes_long(content: &Content, range: Range<u64>) -> bool {
    content.make_sums(file(), range, StopCheck::BEFORE_LONG) == Err(Stopped)
}

#[test]
fn ranges_with_sums_over_much_are_told() {
    let (content, _, size) = content("npz:x:f4,1000x2684000+y:i8,3");
    assert!(takes_long(&content, 0..4096), "the head has the sum of x");
    assert!(takes_long(&content, size - 400..size), "so has the directory");
    assert!(!takes_long(&content, 4096..10_000_000_000));
    assert!(!takes_long(&content, size - 1..size), "nothing is summed there");
    // No array of these is long, but the directory has the sums of all.
    let arrays: Vec<_> = (0..1000).map(|number| format!("a{number}:u1,15000000")).collect();
    let (many, _, size) = self::content(&format!("npz:{}", arrays.join("+")));
    assert!(takes_long(&many, size - 100_000..size));
    assert!(!takes_long(&many, 0..1 << 20));
    let (small, _, size) = self::content("npz:x:f4,224x224x3");
    assert!(!takes_long(&small, 0..size), "sums over few bytes are made at once");
}

#[test]
fn whoever_waits_for_a_long_sum_can_stop() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let (content, _, size) = content("npz:x:u1,16000000000");
    for range in [0..4096, size - 400..size] {
        let asked = AtomicU64::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 20;
        let made = content.make_sums(file(), range.clone(), StopCheck::when(&stop));
        assert_eq!(made, Err(Stopped));
        // Each thread asks before it goes on: 16 GB would be 1908 steps.
        let asked = asked.into_inner();
        assert!(asked < 200, "asked {asked} times");
        assert!(takes_long(&content, range), "what was stopped is not known");
    }
}

#[test]
fn what_was_made_first_is_what_is_read() {
    let (content, _, size) = content("npz:x:u1,20000000+y:f4,3+z:u2,9000000");
    let directory = size - 400..size;
    assert_eq!(content.make_sums(file(), directory.clone(), StopCheck::NEVER), Ok(()));
    assert!(!takes_long(&content, directory.clone()), "all are known now");
    assert!(!takes_long(&content, 0..4096), "where they stand once more, too");
    // Another memory makes them by one thread, and from what is at hand.
    let (other, ..) = self::content("npz:x:u1,20000000+y:f4,3+z:u2,9000000");
    let whole = filled(&other, 0..size);
    assert_eq!(filled(&content, directory.clone())[..], whole[to_index(directory.start)..]);
    assert_eq!(filled(&content, 0..4096)[..], whole[..4096]);
    framed_of(&content).known.replace_all([1, 2, 3, 4]);
    assert_ne!(filled(&content, 0..4096)[..], whole[..4096], "they were not made once more");
}

#[test]
fn a_long_sum_is_made_by_the_threads_of_the_pool() {
    let (content, _, size) = content("png:5000x3000");
    assert!(size > 2 * LONG_SUM_BYTES, "several threads have something to do");
    let here = filled(&content, size - 40..size);
    let (content, ..) = self::content("png:5000x3000");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| filled(&content, size - 40..size)), here);
}

#[test]
fn content_of_another_place_is_located_up_to_a_sum_that_is_dear() {
    // The sum over 20 MB stands in a header that 4 KiB hold.
    let (content, ..) = content("npz:x:u1,100000+y:u1,20000000+z:u1,100000");
    let framed = framed_of(&content);
    let start = framed.plan().sums(90_000..200_000).next().unwrap().0.range.start;
    let (from, until) = (start - 3000, start + 3000);
    let data = filled(&content, from..until);
    framed.known.replace_all([0; 4]);
    let mut found = Vec::new();
    content.locate(&data, &|_: &super::super::Address| false, &mut |run| {
        found.push((run.at, run.len));
    });
    assert_eq!(found, [(0, 3000), (3004, 2996)]);
    // With as many bytes as pay for it, also the sum.
    let (content, ..) = self::content("npz:x:u1,100000+y:u1,20000000+z:u1,100000");
    let data = filled(&content, 0..2_000_000);
    let mut found = Vec::new();
    content.locate(&data, &|_: &super::super::Address| false, &mut |run| {
        found.push((run.at, run.len));
    });
    assert_eq!(found, [(0, 2_000_000)]);
}

#[test]
fn a_sum_behind_all_that_it_covers_is_made_on_the_way() {
    let (content, _, size) = content("png:700x900");
    let end = size - 60..size;
    let right = filled(&content, end.clone());
    for pieces in [vec![0, size / 2], vec![size / 3, 0], vec![size / 2 + 5, 100]] {
        let (content, ..) = self::content("png:700x900");
        for start in &pieces {
            let _ = filled(&content, *start..(start + size / 2 + 1).min(size - 100));
        }
        // Written and compared, it is the same.
        let (written, ..) = self::content("png:700x900");
        for start in &pieces {
            let data = filled(&content, *start..(start + size / 2 + 1).min(size - 100));
            assert_eq!(written.first_difference(file(), *start, &data), None);
        }
        for content in [content, written] {
            let framed = framed_of(&content);
            let (_, checksum) = framed.late().unwrap();
            let parts = framed.late.parts(file());
            let known: u64 = parts.iter().map(|(_, sum)| sum.length()).sum();
            let whole = known == 0;
            assert!(whole || known * 3 > checksum.covered_bytes(), "{known} of {pieces:?}");
            assert_eq!(filled(&content, end.clone()), right, "{pieces:?}");
        }
    }
    // What was read there and here decides what is read.
    let (other, ..) = self::content("png:700x900");
    let at = framed_of(&other).late_at.unwrap();
    let _ = filled(&other, 0..at - 13);
    framed_of(&other).known.replace_all([1, 2, 3, 4]);
    assert_ne!(filled(&other, end.clone()), right, "it was known before anybody asked");
}

#[test]
fn no_sum_is_late_that_was_told_before() {
    for text in ["npz:x:u1,3000000", "npz:x:u1,3000000+y:u1,3", "tfrecord:100,20000", "npy:u1,9"] {
        assert_eq!(framed_of(&content(text).0).late_at, None, "{text}");
    }
}

#[test]
fn a_sum_is_remembered() {
    let (content, _, size) = content("npz:x:u1,3000000");
    let first = filled(&content, 14..18);
    // What is remembered is what is read, also where the same sum stands once more.
    framed_of(&content).known.replace_all([1, 2, 3, 4]);
    assert_eq!(filled(&content, 15..18), [2, 3, 4]);
    let directory = filled(&content, size - 200..size);
    assert!(directory.windows(4).any(|window| window == [1, 2, 3, 4]), "{directory:?}");
    // A request that holds all that the sum covers needs no memory.
    assert_eq!(filled(&content, 0..3_000_200)[14..18], first);
}

#[test]
fn the_sums_of_a_directory_of_1024_arrays_are_all_remembered() {
    let arrays: Vec<_> = (0..1024).map(|number| format!("a{number}:u1,40000")).collect();
    let (content, _, size) = content(&format!("npz:{}", arrays.join("+")));
    let directory = size - 70_000..size;
    let first = filled(&content, directory.clone());
    framed_of(&content).known.replace_all([9; 4]);
    let second = filled(&content, directory);
    let differ = first.iter().zip(&second).filter(|(one, other)| one != other).count();
    assert!(differ > 4000, "{differ} bytes are those that were remembered");
}
