use super::*;

fn parsed(text: &str, size: Option<u64>) -> Result<String, String> {
    Framing::parse(text, size).map(|framing| framing.to_string()).map_err(|error| match error {
        FramingError::Description(message) => message,
        FramingError::Size(message) => format!("--size: {message}"),
    })
}

#[test]
fn the_canonical_description_says_the_same() {
    for (text, canonical) in [
        ("npy:f4,3x5", "npy:f4,3x5"),
        ("npz:x:u1,3+y:i8,1x2", "npz:x:u1,3+y:i8,1x2"),
        ("tfrecord:100,3", "tfrecord:100,3"),
        ("tfrecord-index:100,3", "tfrecord-index:100,3"),
        ("hdf5:bool,1", "hdf5:bool,1"),
        ("arrow:a:f4,10", "arrow:a:f4,10,65536"),
        ("parquet:a:f4+b:bool,10,3", "parquet:a:f4+b:bool,10,3"),
        ("jsonl:a:int3+b:float2+c:text9+d:bit,7", "jsonl:a:int3+b:float2+c:text9+d:bit,7"),
        ("csv:a:int3,7", "csv:a:int3,7"),
        ("bmp:640x480", "bmp:640x480"),
        ("png:640x480", "png:640x480"),
    ] {
        let framing = Framing::parse(text, None).unwrap();
        assert_eq!(framing.to_string(), canonical);
        assert_eq!(Framing::parse(canonical, Some(framing.size_bytes())), Ok(framing));
    }
}

#[test]
fn a_size_chooses_the_first_dimension() {
    for open in [
        "npy:f4,Nx7",
        "npy:u1",
        "npz:x:u1,Nx3+y:i8,N+z:f4,5",
        "tfrecord:100",
        "tfrecord-index:100",
        "hdf5:i2,Nx3",
        "arrow:a:f4+b:bool,N,10000",
        "parquet:a:f4+b:bool,N,10000",
        "jsonl:a:int3",
        "csv:a:int3,N",
        "bmp:11xN",
        "png:11xN",
    ] {
        for size in [3000, 70_000, 5_000_001] {
            let Err(message) = parsed(open, Some(size)) else { continue };
            // Both sizes that it names are possible, and one is on either side.
            let sizes: Vec<u64> = message
                .split(['(', ' '])
                .filter_map(|word| word.parse().ok())
                .filter(|number| *number > 100)
                .collect();
            let [below, above] = sizes[..] else { panic!("{open}, {size}: {message}") };
            assert!(below < size && size < above, "{open}, {size}: {message}");
            for size in [below, above] {
                let framing = Framing::parse(open, Some(size)).unwrap();
                assert_eq!(framing.size_bytes(), size, "{framing}");
            }
        }
        let default = Framing::parse(open, None).unwrap().size_bytes();
        assert!((SIZE_DEFAULT - 1000..=SIZE_DEFAULT).contains(&default), "{open}: {default}");
    }
}

#[test]
fn what_cannot_be_is_told_with_the_nearest_that_can() {
    for (text, size, expected) in [
        ("npy:f4,0x3", None, "dimension 1 of 0x3 is 0; expected 1 or more"),
        ("npy:f4,3x0", None, "dimension 2 of 3x0 is 0; expected 1 or more"),
        ("npy:f4,3y", None, "dimension 1 of 3y is '3y'; expected a whole number"),
        ("npy:float32,3", None, "expected f4, or another of bool u1"),
        ("npy:int64,3", None, "expected i8, or another"),
        ("npy:int8,3", None, "expected i1, or another"),
        ("npy:uint8,3", None, "expected u1, or another"),
        ("npy:f16,3", None, "expected f2, or another"),
        ("npy:f2.5,3", None, "or another"),
        ("parquet:a:u1,3", None, "there is no type 'u1' here; expected u4, or another"),
        ("npy:f4,10000000000x30000000", None, "as of npy:f4,37529996x30000000"),
        ("npy:f4,3x9999999999999999", None, "expected at most 2^52"),
        ("npy:f4,3x999999999x999999999", None, "has more than 2^52 elements"),
        ("npy:f8,1x4000000000000000", None, "not even one of its rows fits"),
        ("npy:f4,Nx30", Some(1000), "expected 968 (npy:f4,7x30) or 1088 (npy:f4,8x30)"),
        ("npy:f4,N", Some(5), "--size: expected 132 (npy:f4,1) or more"),
        ("npy:f4,3", Some(5), "has 140 bytes; expected that, or none, or npy:f4,N"),
        ("npz:x:u1,3", Some(5), "bytes; expected that, or none"),
        ("npz:x:u1,20000000000", None, "expected at most 16 GiB, as with x:u1,17179868160"),
        ("npz:x:u1,9000000000+y:u1,9000000000", None, "16 GiB, as with y:u1,8179867136"),
        ("npz:x:u1,1x20000000000", None, "16 GiB, so fewer arrays, or shorter rows"),
        ("npz:x:f4,Nx5+y:u1,9000000000", Some(1 << 40), "--size: expected 1717986"),
        ("npz:x:u1,1+x:u1,2", None, "'x' stands there twice; expected each name once"),
        ("npz:a b:u1", None, "'a b' is no name; expected 1 to 64 letters, digits and _"),
        ("npz:x", None, "'x' has no type; expected x:u1, for example"),
        ("tfrecord:0,3", None, "the number of bytes of a record is 0; expected 1 or more"),
        ("tfrecord-index", None, "there are no TFRecord files beside it; expected --content EXT="),
        ("tfrecord:3000000000,3", None, "expected at most 2147482624"),
        ("parquet:a:f4,100000,3", None, "expected at most parquet:a:f4,98301,3"),
        ("arrow:a:f4,9,999999999", None, "a group has 999999999 rows; expected at most 134217728"),
        ("jsonl:a:int19,3", None, "'int19' is wider than can be; expected int18"),
        ("jsonl:a:date,3", None, "there is no kind 'date'; expected int9, float6, text12 or bit"),
        ("bmp:100000x100000", None, "expected at most bmp:100000x14316"),
        ("png:30000x10", None, "is not 30000 wide; expected 21844"),
        ("png:640", Some(3), "--size: expected"),
        ("png:640x480x3", None, "'640x480x3' is no size; expected WIDTHxHEIGHT, like 640x480"),
        ("flac:3", None, "there is no such format; expected npy, npz, tfrecord"),
    ] {
        let message = parsed(text, size).expect_err(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn the_parts_of_a_range_are_those_that_it_touches() {
    let framing = Framing::parse("tfrecord:100,1000", None).unwrap();
    let (plan, record) = (framing.plan(), framing.size_bytes() / 1000);
    let names = |start, end| plan.parts(start..end).names().collect::<Vec<_>>();
    assert_eq!(names(0, 12), ["framing"]);
    assert_eq!(names(record - 4, record), ["checksum"]);
    assert_eq!(names(record - 5, record), ["payload", "checksum"]);
    assert_eq!(names(record - 1, record + 1), ["framing", "checksum"]);
    assert_eq!(names(60, 70), ["payload"]);
    assert_eq!(names(60, 900 * record), ["framing", "payload", "checksum"]);
    assert_eq!(names(framing.size_bytes(), u64::MAX), [""; 0]);
}

#[test]
fn spans_have_no_gaps() {
    for text in ["npz:x:u1,70+y:f4,3", "tfrecord:3,9", "png:3x9", "arrow:a:f4+b:bool,30,7"] {
        let framing = Framing::parse(text, None).unwrap();
        for start in 0..=framing.size_bytes() {
            let mut end = start;
            for span in framing.plan().spans(start..framing.size_bytes() + 9) {
                assert_eq!(span.range.start, end, "{text} from {start}");
                assert!(span.length() > 0 && span.part <= span.range.start);
                end = span.range.end;
            }
            assert_eq!(end, framing.size_bytes() + 9, "{text} from {start}");
        }
    }
}

#[test]
fn what_sums_cover_is_counted_as_it_stands_there() {
    for text in ["npz:x:u1,70+y:f4,3", "tfrecord:3,9", "png:3x9", "png:3x7000", "bmp:3x9"] {
        let framing = Framing::parse(text, None).unwrap();
        let (plan, size) = (framing.plan(), framing.size_bytes());
        let near = |at: u64| at.min(200)..=(at + 200).min(size + 9);
        let starts = near(0).chain(near(size.saturating_sub(191))).step_by(7);
        for (start, length) in starts.flat_map(|at| [0, 1, 3, 30, 150, size].map(|it| (at, it))) {
            let range = start..start + length;
            let sums = plan.spans(range.clone()).filter_map(|span| match span.kind {
                PartKind::Checksum(sum) => {
                    Some(sum.covers(&span).map(|it| it.end - it.start).sum::<u64>())
                }
                _ => None,
            });
            assert_eq!(plan.summed_bytes(range.clone()), sums.sum::<u64>(), "{text}, {range:?}");
        }
        // Also of all offsets, at once.
        assert_eq!(plan.summed_bytes(0..u64::MAX), plan.summed_bytes(0..size), "{text}");
    }
}

#[test]
fn the_sums_of_a_directory_count_together() {
    let framing = Framing::parse("npz:a:u1,1000+b:u1,2000+c:u1,3000", None).unwrap();
    let plan = framing.plan();
    assert_eq!(plan.summed_bytes_max(), 3 * 128 + 6000);
    assert_eq!(plan.summed_bytes(0..128), 128 + 1000);
    let records = Framing::parse("tfrecord:1000,1000000", None).unwrap();
    assert!((1000..1100).contains(&records.plan().summed_bytes_max()), "records by themselves");
}

/// The bytes of a range of an index, which has no payload.
fn index_bytes(framing: &Framing, range: std::ops::Range<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for span in framing.plan().spans(range) {
        let mut out = vec![0; usize::try_from(span.length()).unwrap()];
        match span.kind {
            PartKind::Framing(framing) => {
                let start = usize::try_from(span.range.start - span.part).unwrap();
                let end = start + out.len();
                out.copy_from_slice(&framing[start..end]);
            }
            PartKind::Count(count) => count.write(&span, &mut out),
            _ => panic!("{span:?}"),
        }
        bytes.extend(out);
    }
    bytes
}

#[test]
fn an_index_has_a_line_for_each_record() {
    for (bytes, records) in [(1, 1), (1, 30), (3, 3000), (9000, 2), (150_528, 1200)] {
        let data = Framing::parse(&format!("tfrecord:{bytes},{records}"), None).unwrap();
        let index = data.index().unwrap();
        assert_eq!(index.to_string(), format!("tfrecord-index:{bytes},{records}"));
        let length = data.size_bytes() / records;
        let lines = (0..records).map(|record| format!("{} {length}\n", record * length));
        let expected = lines.collect::<String>().into_bytes();
        let size = index.size_bytes();
        assert_eq!(index_bytes(&index, 0..size), expected, "{index}");
        for start in (0..size.min(2000)).step_by(7) {
            let end = (start + 23).min(size);
            let right = &expected[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            assert_eq!(index_bytes(&index, start..end), right, "{index} from {start}");
        }
        assert!(index.index().is_none() && !index.plan().has_payload());
    }
    // A line is found by a division however many there are: the last of 75 TB of records.
    let data = Framing::parse("tfrecord:1000,70000000000", None).unwrap();
    let (index, length) = (data.index().unwrap(), data.size_bytes() / 70_000_000_000);
    let last = format!("\n{} {length}\n", data.size_bytes() - length).into_bytes();
    let size = index.size_bytes();
    assert_eq!(index_bytes(&index, size - last.len() as u64..size), last);
    // 2^52 bytes of records are the most.
    let error = parsed("tfrecord-index:1000,7000000000000", None).unwrap_err();
    assert!(error.contains("expected at most tfrecord-index:1000,"), "{error}");
}
