//! Random operations on the filesystem, without a mount, against a slow obvious model: a vector of
//! bytes for each file, and for each byte whether somebody wrote it. Compared after every step.

mod model;

use model::{Asked, Checked, Data, Operation, Part, some_files};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use seedfs::content::Content;
use seedfs::dataset::{Coordinates, Dataset, DatasetConfig};

const SIZE: u64 = 9000;
const PAST_END: u64 = SIZE + 3000;

fn dataset() -> Dataset {
    DatasetConfig {
        seed: Some("model".into()),
        nodes: Some("2".into()),
        processes: Some("2".into()),
        iterations: Some("2".into()),
        size: Some(SIZE.into()),
        ..DatasetConfig::default()
    }
    .validate()
    .unwrap()
}

/// The files that operations work on: few, so that they meet.
const FILES: [Coordinates; 3] = [
    Coordinates { generation: 0, node: 0, process: 0, file: 0 },
    Coordinates { generation: 0, node: 1, process: 1, file: 0 },
    Coordinates { generation: 1, node: 0, process: 0, file: 0 },
];

fn offsets(end: u64) -> impl Strategy<Value = u64> {
    // Boundaries of blocks and pages as well as anything else.
    prop_oneof![
        0..end,
        (0..end / 16).prop_map(|block| block * 16),
        (0..end / 512).prop_map(|block| block * 512),
        (0..=end / 4096).prop_map(|page| page * 4096),
        Just(SIZE - 1),
        Just(SIZE),
    ]
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![1..40_usize, 1..600_usize, 1..6000_usize, Just(4096_usize), Just(SIZE as usize)]
}

fn data(weight_of_generations: u32) -> impl Strategy<Value = Data> {
    let name = any::<usize>();
    prop_oneof![
        3 => Just(Data::Right),
        2 => (name, 0..SIZE).prop_map(|(name, offset)| Data::Content { name, offset }),
        weight_of_generations => (0..7_u16).prop_map(Data::Generation),
        weight_of_generations => (0..7_u16).prop_map(Data::Keystream),
        1 => Just(Data::Filled(0)),
        1 => Just(Data::Filled(b'U')),
        2 => any::<u64>().prop_map(Data::Random),
        2 => prop::collection::vec(any::<usize>(), 1..12).prop_map(Data::Flipped),
        1 => any::<u64>().prop_map(Data::Damaged),
    ]
}

/// One write of one kind of bytes to a file of the dataset.
fn plain_writes() -> impl Strategy<Value = Operation> {
    (any::<usize>(), offsets(PAST_END), lengths(), data(1)).prop_map(
        |(name, offset, length, data)| {
            let parts = vec![Part { length, data }];
            Operation::Write { name, like: name, offset, length, parts, request: length }
        },
    )
}

/// A file made of blocks of this and that, in one write or in many; to its own name or another.
fn mosaics() -> impl Strategy<Value = Operation> {
    let block = prop_oneof![
        6 => prop::sample::select(vec![512, 1024, 2048, 4096, 8192]), 1 => 1..5000_usize
    ];
    let part = (block, data(4)).prop_map(|(length, data)| Part { length, data });
    let parts = prop::collection::vec(part, 1..12);
    let offset = prop_oneof![3 => Just(0), 1 => offsets(SIZE)];
    let length = prop_oneof![1..SIZE as usize, Just(SIZE as usize), Just(2 * SIZE as usize)];
    let request = prop_oneof![Just(4096), Just(1 << 20), 100..9000_usize];
    (any::<[usize; 2]>(), any::<bool>(), offset, length, parts, request).prop_map(
        |([name, other], own, offset, length, parts, request)| {
            let like = if own { name } else { other };
            Operation::Write { name, like, offset, length, parts, request }
        },
    )
}

fn resizes() -> impl Strategy<Value = Operation> {
    (any::<usize>(), prop_oneof![0..PAST_END, Just(SIZE)])
        .prop_map(|(name, size)| Operation::Resize { name, size })
}

fn reads() -> impl Strategy<Value = Operation> {
    (any::<usize>(), offsets(PAST_END), lengths())
        .prop_map(|(name, offset, length)| Operation::Read { name, offset, length })
}

fn renames() -> impl Strategy<Value = Operation> {
    (any::<[usize; 2]>(), prop::bool::weighted(0.2))
        .prop_map(|([from, to], exchange)| Operation::Rename { from, to, exchange })
}

fn copies() -> impl Strategy<Value = Operation> {
    let length = lengths().prop_map(|length| length as u64);
    (any::<[usize; 2]>(), offsets(SIZE), offsets(SIZE), any::<bool>(), length).prop_map(
        |([from, to], from_offset, other, same, length)| {
            let to_offset = if same { from_offset } else { other };
            Operation::Copy { from, from_offset, to, to_offset, length }
        },
    )
}

fn allocations() -> impl Strategy<Value = Operation> {
    (any::<usize>(), offsets(SIZE), lengths(), any::<bool>()).prop_map(
        |(name, offset, length, hole)| {
            let length = length as u64;
            if hole {
                Operation::Hole { name, offset, length }
            } else {
                Operation::Zeros { name, offset, length }
            }
        },
    )
}

fn plain_operations() -> impl Strategy<Value = Operation> {
    prop_oneof![6 => plain_writes(), 2 => resizes(), 1 => reads()]
}

fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => mosaics(),
        3 => plain_writes(),
        4 => renames(),
        2 => copies(),
        2 => allocations(),
        1 => resizes(),
        1 => reads(),
        1 => any::<usize>().prop_map(|name| Operation::Remove { name }),
    ]
}

prop_compose! {
    fn asked()(
        content in prop_oneof![8 => Just(0), 1 => 1..4_u8],
        compress in prop_oneof![2 => Just(0), 1 => 0..96_u8],
        dedup in (prop_oneof![Just(0), Just(50), 0..=100_u8], 0..4_u8, 0..3_u8),
        change in (prop_oneof![Just(100), Just(30), 0..=100_u8], 0..3_u8),
        size in any::<u16>(),
        drawn in prop::bool::weighted(0.3),
        grow in 0..41_u8, new_files in 0..101_u8,
        generations in (0..6_u8, 0..5_u8), files in 0..3_u8,
        format in prop::option::weighted(0.4, any::<u8>()),
    ) -> Asked {
        Asked {
            content, compress, dedup, change, size, drawn, grow, new_files, generations, files,
            format,
        }
    }
}

/// What a property has once found.
#[test]
fn a_right_byte_behind_zeros_is_no_range() {
    let mut checked = Checked::new(&dataset(), &FILES);
    for (offset, length, data) in [(4096, 690, Data::Filled(0)), (4112, 1, Data::Right)] {
        let parts = vec![Part { length, data }];
        let write = Operation::Write { name: 2, like: 2, offset, length, parts, request: length };
        checked.apply(&write);
        checked.check();
    }
}

/// Nobody wrote it, so it is not verified, though it is right where it is now.
#[test]
fn an_untouched_file_under_a_name_with_the_same_bytes_is_untouched() {
    let config: DatasetConfig = toml::from_str("seed = 'model'\nfiles = 100\nsize = 1").unwrap();
    let dataset = config.validate().unwrap();
    let content = Content::of(&dataset);
    let byte = |file| {
        let mut byte = [0];
        content.fill(Coordinates { file, ..Coordinates::default() }, 0, &mut byte);
        byte
    };
    let pairs = (0..100).flat_map(|to| (0..to).map(move |from| (from, to)));
    let (from, to) = pairs.into_iter().find(|(from, to)| byte(*from) == byte(*to)).unwrap();
    let files = [from, to].map(|file| Coordinates { file, ..Coordinates::default() });
    let mut checked = Checked::new(&dataset, &files);
    checked.apply(&Operation::Rename { from: 0, to: 1, exchange: true });
    checked.check();
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Beside this file: commit what it writes there, and the failure stays found.
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_filesystem_is_the_model(operations in prop::collection::vec(plain_operations(), 1..25)) {
        let mut checked = Checked::new(&dataset(), &FILES);
        for operation in &operations {
            checked.apply(operation);
            checked.check();
        }
        checked.heal();
    }

    /// In every shape: what was written reads back, whatever it was taken for, and a file is
    /// verified only where its bytes were written and are the right ones.
    #[test]
    fn in_every_shape_it_is_the_model(
        asked in asked(), picks in prop::collection::vec(any::<u16>(), 1..4),
        operations in prop::collection::vec(operations(), 1..10),
    ) {
        let dataset = asked.dataset();
        let mut checked = Checked::new(&dataset, &some_files(&dataset, &picks));
        for operation in &operations {
            checked.apply(operation);
            checked.check();
        }
    }
}
