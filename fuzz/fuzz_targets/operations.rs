//! A stream of operations on a file system, in a dataset of any shape, against the model of the
//! property tests: after each of them all that can be known is compared.

#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/model/fs_model/model.rs"]
mod model;

use model::{Asked, Checked, Data, Operation, Part, some_files};

/// More operations only make it slower: what goes wrong goes wrong between few.
const OPERATIONS_MAX: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    // Where the bytes end, what follows is zeros.
    let _ = run(&mut Unstructured::new(bytes));
});

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let asked = Asked {
        content: if bytes.ratio(1, 8)? { bytes.arbitrary()? } else { 0 },
        format: if bytes.ratio(1, 8)? { Some(bytes.arbitrary()?) } else { None },
        compress: if bytes.ratio(1, 4)? { bytes.arbitrary()? } else { 0 },
        dedup: bytes.arbitrary()?,
        change: bytes.arbitrary()?,
        size: bytes.arbitrary()?,
        drawn: bytes.ratio(1, 4)?,
        grow: bytes.arbitrary()?,
        new_files: bytes.arbitrary()?,
        generations: bytes.arbitrary()?,
        files: bytes.arbitrary()?,
    };
    let picks: [u16; 2] = bytes.arbitrary()?;
    let dataset = asked.dataset();
    let mut checked = Checked::new(&dataset, &some_files(&dataset, &picks));
    for _ in 0..OPERATIONS_MAX {
        if bytes.is_empty() {
            break;
        }
        checked.apply(&operation(bytes)?);
        checked.check();
    }
    checked.heal();
    Ok(())
}

fn operation(bytes: &mut Unstructured<'_>) -> Result<Operation> {
    let name = usize::from(u8::arbitrary(bytes)?);
    let other = usize::from(u8::arbitrary(bytes)?);
    let length = length(bytes)?;
    Ok(match bytes.int_in_range(0..=11)? {
        0..=4 => Operation::Write {
            name,
            like: if bytes.arbitrary()? { name } else { other },
            offset: offset(bytes)?,
            length,
            parts: parts(bytes)?,
            request: if bytes.arbitrary()? { 1 << 20 } else { bytes.int_in_range(500..=9000)? },
        },
        5 => Operation::Resize { name, size: offset(bytes)? },
        6 => Operation::Read { name, offset: offset(bytes)?, length },
        7 | 8 => Operation::Rename { from: name, to: other, exchange: bytes.ratio(1, 4)? },
        9 => {
            let (from_offset, to_offset) = (offset(bytes)?, offset(bytes)?);
            let length = length as u64;
            Operation::Copy { from: name, from_offset, to: other, to_offset, length }
        }
        10 if bytes.arbitrary()? => Operation::Remove { name },
        10 => Operation::Hole { name, offset: offset(bytes)?, length: length as u64 },
        _ => Operation::Zeros { name, offset: offset(bytes)?, length: length as u64 },
    })
}

/// Boundaries of blocks, and anything else.
fn offset(bytes: &mut Unstructured<'_>) -> Result<u64> {
    let offset = u64::from(u16::arbitrary(bytes)?) % 12_000;
    Ok(match u8::arbitrary(bytes)? % 4 {
        0 => 0,
        1 => offset / 512 * 512,
        2 => offset / 4096 * 4096,
        _ => offset,
    })
}

fn length(bytes: &mut Unstructured<'_>) -> Result<usize> {
    let length = usize::from(u16::arbitrary(bytes)?) % 18_000 + 1;
    Ok(match u8::arbitrary(bytes)? % 3 {
        0 => length.next_multiple_of(512),
        1 => length,
        _ => length % 64 + 1,
    })
}

fn parts(bytes: &mut Unstructured<'_>) -> Result<Vec<Part>> {
    let count = bytes.int_in_range(1..=10)?;
    (0..count)
        .map(|_| {
            let length = length(bytes)?;
            let data = match u8::arbitrary(bytes)? % 10 {
                0..=2 => Data::Right,
                3 => Data::Content { name: bytes.int_in_range(0..=9)?, offset: offset(bytes)? },
                4 => Data::Generation(bytes.int_in_range(0..=7)?),
                5 => Data::Keystream(bytes.int_in_range(0..=7)?),
                6 => Data::Filled(*bytes.choose(b"\0U\xff")?),
                7 => Data::Random(bytes.arbitrary()?),
                8 => Data::Flipped(vec![usize::from(u16::arbitrary(bytes)?)]),
                _ => Data::Damaged(bytes.arbitrary()?),
            };
            Ok(Part { length, data })
        })
        .collect()
}
