//! Random changes of a few records that share a small budget, which must at every moment say
//! exactly what they hold.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::budget::{Budget, BudgetLimits};
use super::super::dirty::Dirty;
use super::*;
use crate::dataset::{Coordinates, Inode};
use crate::overlay::ExtentData;
use crate::overlay::extent::to_index;

const FILES: usize = 3;
const LIMITS: BudgetLimits = BudgetLimits { kept_bytes: 600, extents: 14 };
const NOW: Timestamp = Timestamp { seconds: 1, nanoseconds: 0 };
const NAMES: [&[u8]; 3] = [b"user.a", b"user.b", b"trusted.long"];

#[derive(Clone, Debug)]
enum Change {
    Write(u64, Vec<(u64, u8)>),
    Punch(u64, u64),
    Resize(u64),
    SetXattr(usize, Option<usize>),
    Drop,
}

fn changes() -> impl Strategy<Value = (usize, Change)> {
    let offset = || 0..400_u64;
    let pieces = prop::collection::vec((1..90_u64, 0..3_u8), 1..4);
    let change = prop_oneof![
        6 => (offset(), pieces).prop_map(|(offset, pieces)| Change::Write(offset, pieces)),
        3 => (offset(), 1..150_u64).prop_map(|(start, length)| Change::Punch(start, length)),
        2 => offset().prop_map(Change::Resize),
        2 => (0..NAMES.len(), prop::option::of(0..200_usize))
            .prop_map(|(name, length)| Change::SetXattr(name, length)),
        1 => Just(Change::Drop),
    ];
    (0..FILES, change)
}

fn books(limits: BudgetLimits) -> Arc<Books> {
    let budget = Budget::new(limits, Arc::default());
    Arc::new(Books { budget, dirty: Dirty::default() })
}

/// The first is one of the dataset's, the others were made.
fn record(books: &Arc<Books>, file: usize) -> Result<(Record, Option<FileContent>), BudgetFull> {
    let owner = RecordOwner { inode: Inode::ROOT, books: Arc::clone(books) };
    if file == 0 {
        let base = FileContent { file: Coordinates::default(), size_bytes: 300 };
        return Ok((Record::new(owner, 0)?, Some(base)));
    }
    let kind = if file == 1 { InodeKind::File } else { InodeKind::Symlink };
    let target = (kind == InodeKind::Symlink).then(|| b"somewhere".as_slice().into());
    let created = Created { kind, mode: 0o644, uid: 0, gid: 0, time: NOW, target };
    Ok((Record::create(owner, 0, created)?, None))
}

fn pieces(mut offset: u64, lengths: &[(u64, u8)]) -> Vec<(u64, Extent)> {
    let mut pieces = Vec::new();
    for (length, kind) in lengths {
        let data = match kind {
            0 => ExtentData::Zeros,
            1 => {
                ExtentData::written(Source { file: Coordinates::default(), offset: 7000 - offset })
            }
            _ => ExtentData::Bytes(vec![9; to_index(*length)][..].into()),
        };
        pieces.push((offset, Extent { length: *length, data }));
        offset += length;
    }
    pieces
}

/// Counts what a record holds, one by one.
fn held(record: &Record) -> Usage {
    let state = record.state.lock();
    let extents = state.written.as_ref().map_or(0, |it| it.extents.iter().count() as u64);
    let written = state.written.iter().flat_map(|written| written.extents.iter());
    let mut kept_bytes: u64 = written.map(|(_, extent)| extent.kept_bytes()).sum();
    let mut xattrs = 0;
    if let Some(rare) = &state.rare {
        xattrs = rare.xattrs.len() as u64;
        kept_bytes +=
            rare.xattrs.iter().map(|(name, it)| (name.len() + it.len()) as u64).sum::<u64>();
        let target = rare.target.as_ref();
        kept_bytes += target.map_or(0, |target| target.len() as u64);
    }
    Usage { kept_bytes, extents: 1 + extents.max(1) + xattrs }
}

fn apply(record: &Record, base: Option<FileContent>, change: &Change) -> Result<(), BudgetFull> {
    match change {
        Change::Write(offset, lengths) => record.write(base, &pieces(*offset, lengths), NOW),
        Change::Punch(start, length) => {
            let size_bytes = record.stat().size.map_or(300, |size| size.size_bytes);
            record.punch(base, *start..start + length, size_bytes, NOW)
        }
        Change::Resize(size_bytes) => {
            record.resize(base, *size_bytes, NOW);
            Ok(())
        }
        Change::SetXattr(name, length) => {
            let value = length.map(|length| vec![1; length]);
            record.set_xattr(NAMES[*name], value.as_deref(), NOW, |_| Ok(()))
        }
        Change::Drop => Ok(()),
    }
}

proptest! {
    #[test]
    fn the_budget_is_what_the_records_hold(changes in prop::collection::vec(changes(), 1..60)) {
        let books = books(LIMITS);
        let mut records: [Option<(Record, Option<FileContent>)>; FILES] = Default::default();
        for (file, change) in &changes {
            if matches!(change, Change::Drop) {
                records[*file] = None;
            } else if records[*file].is_none() {
                records[*file] = record(&books, *file).ok();
            }
            if let Some((record, base)) = &records[*file] {
                let before = (record.written(), record.stat(), held(record));
                if apply(record, *base, change).is_err() {
                    let after = (record.written(), record.stat(), held(record));
                    prop_assert_eq!(after, before, "refused, and half done: {:?}", change);
                }
            }
            let mut sum = Usage::default();
            for (record, _) in records.iter().flatten() {
                let Usage { kept_bytes, extents } = held(record);
                sum.kept_bytes += kept_bytes;
                sum.extents += extents;
            }
            prop_assert_eq!(books.budget.usage(), sum, "after {:?}", change);
            prop_assert!(sum.kept_bytes <= LIMITS.kept_bytes && sum.extents <= LIMITS.extents);
        }
        drop(records);
        prop_assert_eq!(books.budget.usage(), Usage::default());
    }
}

#[test]
fn a_link_with_no_room_for_its_target_takes_nothing() {
    let books = books(BudgetLimits { kept_bytes: 8, extents: 10 });
    assert_eq!(record(&books, 2).unwrap_err(), BudgetFull::KeptBytes);
    assert_eq!(books.budget.usage(), Usage::default());
}
