//! What is done to both worlds, and what a world must be able to do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::common::foreign;

/// An errno.
pub(crate) type Errno = i32;

/// What an operation gives back: bytes, for most of them none.
pub(crate) type Outcome = Result<Vec<u8>, Errno>;

/// Open files that operations name: few.
pub(crate) const SLOTS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Device,
}

/// What `stat` says, where two filesystems must agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) links: u64,
    /// Not of directories.
    pub(crate) size: u64,
    pub(crate) device: u64,
    /// Access and modification, where somebody set them; `None` is "about now".
    pub(crate) times: [Option<(i64, i64)>; 2],
}

/// All that can be known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) stat: Stat,
    pub(crate) xattrs: BTreeMap<String, Vec<u8>>,
    /// A file's bytes, where a link points, a directory's names.
    pub(crate) content: Vec<u8>,
}

/// Times that tests set are before this; the clock is behind it.
pub(crate) const SET_BEFORE: i64 = 1_500_000_000;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    Allocate,
    KeepSize,
    Punch,
    Zero,
    ZeroKeepSize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Rename {
    Replace,
    NoReplace,
    Exchange,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum SetXattr {
    Any,
    Create,
    Replace,
}

/// What to open for an operation on bytes: a name, or what a slot has open.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Path(&'static str),
    Slot(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Make(&'static str, Kind, u32),
    RemoveDirectory(&'static str),
    Unlink(&'static str),
    Rename(&'static str, &'static str, Rename),
    Link(&'static str, &'static str),
    Chmod(&'static str, u32),
    Chown(&'static str, Option<u32>, Option<u32>),
    SetTimes(&'static str, [(i64, i64); 2]),
    SetXattr(&'static str, &'static str, Vec<u8>, SetXattr),
    RemoveXattr(&'static str, &'static str),
    /// The kernel drops the inode from its caches, and says so later. Nobody notices.
    Evict(&'static str),
    /// The kernel says what it has dropped.
    Deliver,
    Open(usize, &'static str),
    Close(usize),
    Truncate(Target, u64),
    Write(Target, u64, Vec<u8>),
    Read(Target, u64, usize),
    Range(Target, Range, u64, u64),
    Copy {
        from: Target,
        from_offset: u64,
        to: Target,
        to_offset: u64,
        length: u64,
    },
}

/// A filesystem to compare.
pub(crate) trait World {
    fn run(&mut self, operation: &Operation) -> Outcome;
    fn stat(&self, path: &str) -> Result<Stat, Errno>;
    fn stat_open(&self, slot: usize) -> Option<Result<Stat, Errno>>;
    fn names(&self, path: &str) -> Result<BTreeSet<String>, Errno>;
    fn link_target(&self, path: &str) -> Outcome;
    fn read_all(&self, path: &str) -> Outcome;
    fn xattrs(&self, path: &str) -> Result<BTreeMap<String, Vec<u8>>, Errno>;
    /// The holes of a file.
    fn holes(&self, path: &str) -> Result<Vec<std::ops::Range<u64>>, Errno>;

    /// All that can be known of a name; the bytes in its holes are checked on the way.
    fn facts(&self, path: &str) -> Result<Facts, Errno> {
        let stat = self.stat(path)?;
        let content = match stat.kind {
            Kind::Directory => {
                self.names(path)?.into_iter().collect::<Vec<_>>().join("/").into_bytes()
            }
            Kind::Symlink => self.link_target(path)?,
            Kind::File => self.read_all(path)?,
            _ => Vec::new(),
        };
        if stat.kind == Kind::File {
            assert_eq!(content.len() as u64, stat.size, "{path}");
            for hole in self.holes(path)? {
                let bytes = &content[hole.start as usize..hole.end as usize];
                assert!(bytes.iter().all(|byte| *byte == 0), "data in the hole {hole:?} of {path}");
            }
        }
        Ok(Facts { xattrs: self.xattrs(path)?, stat, content })
    }
}

/// Names that meet: directories and files under the same ones.
pub(crate) const PATHS: [&str; 12] =
    ["a", "b", "x", "y", "a/x", "a/y", "a/b", "a/b/x", "a/b/c", "b/x", "b/a", "b/a/y"];

/// Where a symbolic link points: nowhere, so that no operation goes on elsewhere.
pub(crate) const LINK_TARGET: &str = "nowhere/at/all";

fn mode() -> impl Strategy<Value = u32> {
    prop_oneof![2 => 0..=0o777_u32, 1 => 0..=0o7777_u32]
}

fn time() -> impl Strategy<Value = (i64, i64)> {
    let seconds = prop_oneof![-3_000_000_000_i64..SET_BEFORE, -2..2_i64];
    let nanoseconds = prop_oneof![Just(0), Just(1), Just(999_999_999), 0..1_000_000_000_i64];
    (seconds, nanoseconds)
}

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, 0..10_000_u64, (0..4_u64).prop_map(|page| page * 4096)]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![1..40_usize, 1..6000_usize, Just(4096)];
    // Zeros are bytes like any others.
    (length, 0..8_u8).prop_map(
        |(length, seed)| {
            if seed > 0 { foreign(seed, length) } else { vec![0; length] }
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        5 => Just(Kind::File),
        4 => Just(Kind::Directory),
        1 => Just(Kind::Symlink),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
        1 => Just(Kind::Device),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        3 => path().prop_map(Target::Path),
        1 => (0..SLOTS).prop_map(Target::Slot),
    ]
}

fn path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&PATHS[..])
}

fn names() -> impl Strategy<Value = Operation> {
    let rename = prop_oneof![
        3 => Just(Rename::Replace),
        1 => Just(Rename::NoReplace),
        2 => Just(Rename::Exchange),
    ];
    prop_oneof![
        8 => (path(), kind(), mode()).prop_map(|(path, kind, mode)| {
            Operation::Make(path, kind, mode)
        }),
        2 => path().prop_map(Operation::RemoveDirectory),
        3 => path().prop_map(Operation::Unlink),
        6 => (path(), path(), rename).prop_map(|(from, to, how)| Operation::Rename(from, to, how)),
        3 => (path(), path()).prop_map(|(from, to)| Operation::Link(from, to)),
    ]
}

fn attributes() -> impl Strategy<Value = Operation> {
    let id = || prop::option::of(prop_oneof![Just(0), Just(1000), Just(4_000_000_000_u32)]);
    let name = || prop::sample::select(&["user.one", "trusted.two", "user.three"][..]);
    let how = prop_oneof![
        2 => Just(SetXattr::Any),
        1 => Just(SetXattr::Create),
        1 => Just(SetXattr::Replace),
    ];
    let value = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        1 => (path(), mode()).prop_map(|(path, mode)| Operation::Chmod(path, mode)),
        // With neither, the kernel asks a FUSE server for nothing, and set-id bits stay.
        1 => (path(), id(), id())
            .prop_filter("changes something", |(_, uid, gid)| uid.is_some() || gid.is_some())
            .prop_map(|(path, uid, gid)| Operation::Chown(path, uid, gid)),
        1 => (path(), time(), time())
            .prop_map(|(path, one, two)| Operation::SetTimes(path, [one, two])),
        2 => (path(), name(), value, how).prop_map(|(path, name, value, how)| {
            Operation::SetXattr(path, name, value, how)
        }),
        1 => (path(), name()).prop_map(|(path, name)| Operation::RemoveXattr(path, name)),
    ]
}

fn contents() -> impl Strategy<Value = Operation> {
    let range = prop_oneof![
        Just(Range::Allocate),
        Just(Range::KeepSize),
        Just(Range::Punch),
        Just(Range::Zero),
        Just(Range::ZeroKeepSize),
    ];
    prop_oneof![
        2 => (0..SLOTS, path()).prop_map(|(slot, path)| Operation::Open(slot, path)),
        2 => path().prop_map(Operation::Evict),
        1 => Just(Operation::Deliver),
        1 => (0..SLOTS).prop_map(Operation::Close),
        1 => (target(), offset()).prop_map(|(target, size)| Operation::Truncate(target, size)),
        4 => (target(), offset(), bytes()).prop_map(|(target, offset, bytes)| {
            Operation::Write(target, offset, bytes)
        }),
        1 => (target(), offset(), 1..6000_usize).prop_map(|(target, offset, length)| {
            Operation::Read(target, offset, length)
        }),
        2 => (target(), range, offset(), 0..6000_u64).prop_map(|(target, how, offset, length)| {
            Operation::Range(target, how, offset, length)
        }),
        2 => (target(), offset(), target(), offset(), 0..6000_u64).prop_map(
            |(from, from_offset, to, to_offset, length)| {
                Operation::Copy { from, from_offset, to, to_offset, length }
            }
        ),
    ]
}

/// Any of them.
pub(crate) fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![4 => names(), 2 => attributes(), 3 => contents()]
}
