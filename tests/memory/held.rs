//! What is counted is what is held: random operations, and after each batch the memory that the
//! process has is no more than half as much again as the limits count, and a constant. So a mount
//! whose limits fit the machine fits the machine, whatever its callers make.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use seedfs::dataset::Inode;
use seedfs::fs::{
    Allocate, Filesystem, InodeKind, NewEntry, Options, RenameMode, SetAttributes, SetXattr,
};
use seedfs::overlay::{BudgetLimits, Store};

use crate::common::unmounted;
use crate::{ALONE, held_bytes};

/// What one of `--extent-limit` stands for.
const UNIT_BYTES: u64 = 256;

/// Tables that are there before anything is in them.
const CONSTANT_BYTES: u64 = 64 << 10;

const NODES: u64 = 40;

struct Mounted {
    filesystem: Filesystem,
    /// What the process has without it.
    before: u64,
}

impl Mounted {
    fn new(limits: BudgetLimits, store: Option<Store>) -> Self {
        let dataset = unmounted::dataset(&format!(
            "nodes = {NODES}
processes = 25
size = '1M'"
        ));
        let before = held_bytes();
        let options = Options { limits, ..Options::default() };
        Self { filesystem: Filesystem::with_store(dataset, options, store), before }
    }

    /// What is held, and what the limits count.
    fn held(&self) -> (u64, u64) {
        let held = held_bytes();
        let counted = self.filesystem.usage();
        (held.saturating_sub(self.before), counted.kept_bytes + counted.extents * UNIT_BYTES)
    }

    fn check(&self, done: &dyn std::fmt::Debug) -> Result<(), TestCaseError> {
        let (held, counted) = self.held();
        prop_assert!(
            held <= counted + counted / 2 + CONSTANT_BYTES,
            "{held} bytes are held and {counted} counted ({:?}) after {done:?}",
            self.filesystem.usage()
        );
        Ok(())
    }

    fn make(&self, parent: Inode, name: &str, kind: InodeKind) -> Option<Inode> {
        let target = (kind == InodeKind::Symlink).then_some(name.as_bytes());
        let new = NewEntry { kind, mode: 0o644, uid: 0, gid: 0, target };
        match self.filesystem.make(parent, name.as_bytes(), &new) {
            Ok(made) => {
                self.filesystem.forget(made.inode, 1);
                Some(made.inode)
            }
            Err(_) => self.filesystem.find(parent, name.as_bytes()).ok(),
        }
    }

    fn file(&self, number: u32) -> Option<Inode> {
        self.make(Inode::ROOT, &format!("file_{number}"), InodeKind::File)
    }

    /// A directory of the dataset.
    fn node(&self, number: u32) -> Inode {
        let name = format!("node_{}", u64::from(number) % NODES);
        self.filesystem.find(Inode::ROOT, name.as_bytes()).unwrap()
    }

    fn unlink(&self, parent: Inode, name: &str) {
        let _ = self.filesystem.unlink(parent, name.as_bytes());
    }

    /// The kernel forgets it at once, as all that is made here: so it goes with its last name.
    fn link(&self, inode: Inode, name: &[u8]) -> bool {
        let linked = self.filesystem.link(inode, Inode::ROOT, name).is_ok();
        if linked {
            self.filesystem.forget(inode, 1);
        }
        linked
    }
}

/// Each is done many times, so that what one of it costs shows.
#[derive(Clone, Debug)]
enum Operation {
    /// Foreign bytes: `count` writes of `length` bytes, each `step` behind the one before it.
    Write {
        file: u32,
        offset: u32,
        length: u32,
        step: u32,
        count: u32,
    },
    /// Foreign bytes, then cut again and again to a part of them.
    Nibble {
        file: u32,
        permille: u32,
        from_front: bool,
    },
    Copy {
        from: u32,
        to: u32,
        offset: u32,
        length: u32,
        count: u32,
    },
    Truncate {
        file: u32,
        size: u32,
    },
    Punch {
        file: u32,
        offset: u32,
        length: u32,
        step: u32,
        count: u32,
    },
    Touch {
        first: u32,
        count: u32,
    },
    Xattrs {
        file: u32,
        name: u32,
        value: u32,
        count: u32,
    },
    XattrEach {
        first: u32,
        value: u32,
        count: u32,
    },
    RemoveXattrs {
        file: u32,
        name: u32,
    },
    Make {
        kind: u8,
        name: u32,
        count: u32,
    },
    MakeEach {
        name: u32,
        count: u32,
    },
    Links {
        file: u32,
        name: u32,
        count: u32,
    },
    Rename {
        name: u32,
        count: u32,
    },
    RemoveOwn {
        count: u32,
    },
    Remove {
        keep: u32,
    },
    Chain {
        depth: u32,
        name: u32,
    },
    Reset,
}

const KINDS: [InodeKind; 4] =
    [InodeKind::File, InodeKind::Directory, InodeKind::Symlink, InodeKind::Fifo];

fn name(length: u32, number: u32) -> String {
    format!("{number:0>width$}", width = (length as usize).clamp(7, 255))
}

fn foreign(length: u32, seed: u32) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

impl Operation {
    fn run(&self, mounted: &Mounted) {
        let it = &mounted.filesystem;
        match *self {
            Self::Write { file, offset, length, step, count } => {
                let Some(inode) = mounted.file(file) else { return };
                let bytes = foreign(length, file + offset);
                for number in 0..count {
                    let offset = u64::from(offset) + u64::from(number) * u64::from(step);
                    let _ = it.write(inode, offset, &bytes);
                }
            }
            Self::Nibble { file, permille, from_front } => {
                nibble(mounted, file, permille, from_front);
            }
            Self::Copy { from, to, offset, length, count } => {
                let Some(from) = mounted.file(from) else { return };
                for number in 0..count {
                    let Some(to) = mounted.file(to + number) else { return };
                    let offset = u64::from(offset);
                    let _ = it.copy_range((from, offset), (to, offset / 3), length.into());
                }
            }
            Self::Truncate { file, size } => {
                let Some(inode) = mounted.file(file) else { return };
                let size =
                    SetAttributes { size_bytes: Some(size.into()), ..SetAttributes::default() };
                let _ = it.set_attributes(inode, &size);
            }
            Self::Punch { file, offset, length, step, count } => {
                let Some(inode) = mounted.file(file) else { return };
                for number in 0..count {
                    let start = u64::from(offset) + u64::from(number) * u64::from(step);
                    let _ = it.allocate(inode, start..start + u64::from(length), Allocate::Hole);
                }
            }
            Self::Touch { first, count } => {
                let set = SetAttributes { mode: Some(0o600), ..SetAttributes::default() };
                for number in first..first + count {
                    let own = format!("process_{}", number % 25);
                    let inode = it.find(mounted.node(number / 25), own.as_bytes());
                    let _ = inode.map(|inode| it.set_attributes(inode, &set));
                }
            }
            _ => self.change_names(mounted),
        }
    }

    fn change_names(&self, mounted: &Mounted) {
        let it = &mounted.filesystem;
        match *self {
            Self::Xattrs { file, name: length, value, count } => {
                let Some(inode) = mounted.file(file) else { return };
                for number in 0..count {
                    let name = format!("user.{}", name(length.min(250), number));
                    let value = vec![7; value as usize];
                    let _ = it.set_xattr(inode, name.as_bytes(), Some(&value), SetXattr::Any);
                }
            }
            Self::XattrEach { first, value, count } => {
                for number in first..first + count {
                    let Some(inode) = mounted.file(number) else { return };
                    let value = vec![7; value as usize];
                    let _ = it.set_xattr(inode, b"user.x", Some(&value), SetXattr::Any);
                }
            }
            Self::RemoveXattrs { file, name: length } => {
                let Some(inode) = mounted.file(file) else { return };
                for number in 0..500 {
                    let name = format!("user.{}", name(length.min(250), number));
                    let _ = it.set_xattr(inode, name.as_bytes(), None, SetXattr::Any);
                }
            }
            Self::Make { kind, name: length, count } => {
                for number in 0..count {
                    let kind = KINDS[usize::from(kind) % KINDS.len()];
                    mounted.make(Inode::ROOT, &name(length, number), kind);
                }
            }
            Self::MakeEach { name: length, count } => {
                for number in 0..count {
                    mounted.make(mounted.node(number), &name(length, number), InodeKind::File);
                }
            }
            Self::Links { file, name: length, count } => {
                let Some(inode) = mounted.file(file) else { return };
                for number in 0..count {
                    let name = format!("l{}", name(length.min(254), number));
                    mounted.link(inode, name.as_bytes());
                }
            }
            Self::Rename { name: length, count } => {
                for number in 0..count {
                    let (old, new) = (name(length, number), name(length, number + 1_000_000));
                    let to = mounted.node(number);
                    let (old, new) = (old.as_bytes(), new.as_bytes());
                    let _ = it.rename(Inode::ROOT, old, to, new, RenameMode::Replace);
                }
            }
            Self::RemoveOwn { count } => {
                for number in 0..count {
                    mounted.unlink(mounted.node(number / 25), &format!("process_{}", number % 25));
                }
            }
            Self::Remove { keep } => remove(mounted, keep),
            Self::Chain { depth, name: length } => {
                let mut at = Inode::ROOT;
                for _ in 0..depth {
                    let Some(next) = mounted.make(at, &name(length, 7), InodeKind::Directory)
                    else {
                        return;
                    };
                    at = next;
                }
            }
            Self::Reset => drop(it.control(b"reset")),
            _ => {}
        }
    }
}

/// A megabyte in pieces of 64 KiB, each cut to a part of what is left of it until little is.
fn nibble(mounted: &Mounted, file: u32, permille: u32, from_front: bool) {
    const PIECE: u64 = 64 << 10;
    let Some(inode) = mounted.file(file) else { return };
    for number in 0..16 {
        let start = number * PIECE;
        let _ = mounted.filesystem.write(inode, start, &foreign(64 << 10, file));
        let mut left = start..start + PIECE;
        while left.end - left.start > 64 {
            let cut = (left.end - left.start) * u64::from(permille) / 1000;
            let hole = if from_front {
                left.start..left.start + cut.max(1)
            } else {
                left.end - cut.max(1)..left.end
            };
            left = if from_front { hole.end..left.end } else { left.start..hole.start };
            let _ = mounted.filesystem.allocate(inode, hole, Allocate::Hole);
        }
    }
}

/// All but every `keep`th name of the root that was made.
fn remove(mounted: &Mounted, keep: u32) {
    let mut names = Vec::new();
    let it = &mounted.filesystem;
    it.read_directory(Inode::ROOT, 0, &mut |entry| {
        names.push((entry.kind, entry.name.to_vec()));
        true
    })
    .unwrap();
    let mut number = 0;
    for (kind, name) in names {
        number += 1;
        if name.starts_with(b".") || name.starts_with(b"node_") || number % keep == 0 {
            continue;
        }
        // A directory that is not empty stays.
        let _ = match kind {
            InodeKind::Directory => it.remove_directory(Inode::ROOT, &name),
            _ => it.unlink(Inode::ROOT, &name),
        };
    }
}

fn lengths() -> impl Strategy<Value = u32> {
    prop_oneof![Just(1_u32), 2..40_u32, 1000..9000_u32, 60_000..70_000_u32, Just(300_000_u32)]
}

fn operations() -> impl Strategy<Value = Operation> {
    let file = 0..4_u32;
    let offsets = 0..500_000_u32;
    let names = || prop_oneof![Just(7_u32), 7..256_u32, Just(255_u32)];
    let counts = || prop_oneof![Just(1_u32), 2..60_u32, 400..800_u32];
    let steps = prop_oneof![Just(2_u32), Just(1000_u32), Just(70_000_u32)];
    prop_oneof![
        3 => (file.clone(), offsets.clone(), lengths(), steps.clone(), 1..60_u32).prop_map(
            |(file, offset, length, step, count)| {
                Operation::Write { file, offset, length, step, count }
            }
        ),
        1 => (file.clone(), offsets.clone(), 1..4_u32, 2..9_u32, 500..3000_u32).prop_map(
            |(file, offset, length, step, count)| {
                Operation::Write { file, offset, length, step: step + length, count }
            }
        ),
        2 => (file.clone(), 1..990_u32, any::<bool>()).prop_map(|(file, permille, from_front)| {
            Operation::Nibble { file, permille, from_front }
        }),
        2 => (file.clone(), 0..2000_u32, offsets.clone(), lengths(), counts()).prop_map(
            |(from, to, offset, length, count)| Operation::Copy { from, to, offset, length, count }
        ),
        1 => (file.clone(), offsets.clone())
            .prop_map(|(file, size)| Operation::Truncate { file, size }),
        2 => (file.clone(), offsets, lengths(), steps, counts()).prop_map(
            |(file, offset, length, step, count)| {
                Operation::Punch { file, offset, length, step, count }
            }
        ),
        1 => (0..900_u32, counts()).prop_map(|(first, count)| Operation::Touch { first, count }),
        1 => (file.clone(), names(), lengths(), 1..30_u32).prop_map(
            |(file, name, value, count)| {
                Operation::Xattrs { file, name, value: value.min(65_536), count }
            }
        ),
        1 => (file.clone(), names(), 0..9_u32, counts()).prop_map(
            |(file, name, value, count)| Operation::Xattrs { file, name, value, count }
        ),
        1 => (0..2000_u32, 0..99_u32, counts()).prop_map(
            |(first, value, count)| Operation::XattrEach { first, value, count }
        ),
        1 => (file.clone(), names())
            .prop_map(|(file, name)| Operation::RemoveXattrs { file, name }),
        2 => (any::<u8>(), names(), counts())
            .prop_map(|(kind, name, count)| Operation::Make { kind, name, count }),
        1 => (names(), counts()).prop_map(|(name, count)| Operation::MakeEach { name, count }),
        1 => (file, names(), counts())
            .prop_map(|(file, name, count)| Operation::Links { file, name, count }),
        1 => (names(), counts()).prop_map(|(name, count)| Operation::Rename { name, count }),
        1 => counts().prop_map(|count| Operation::RemoveOwn { count }),
        1 => (2..900_u32).prop_map(|keep| Operation::Remove { keep }),
        1 => (1..400_u32, names()).prop_map(|(depth, name)| Operation::Chain { depth, name }),
        1 => Just(Operation::Reset),
    ]
}

fn cases(cases: u32, store: &dyn Fn() -> Option<Store>) {
    let _alone = ALONE.lock();
    let config =
        Config { cases, max_shrink_iters: 400, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    // Once before it counts: what is made at the first use stays.
    let _ = Mounted::new(BudgetLimits::default(), store()).file(0);
    runner
        .run(&prop::collection::vec(operations(), 1..12), |operations| {
            let mounted =
                Mounted::new(BudgetLimits { kept_bytes: 64 << 20, extents: 1 << 20 }, store());
            for operation in &operations {
                operation.run(&mounted);
                mounted.check(operation)?;
            }
            drop(mounted.filesystem.control(b"reset"));
            mounted.check(&"reset")?;
            prop_assert_eq!(mounted.filesystem.usage().extents, 0);
            prop_assert_eq!(mounted.filesystem.usage().kept_bytes, 0);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_is_counted_is_what_is_held() {
    cases(40, &|| None);
}

#[test]
fn what_is_counted_is_what_is_held_beside_a_store() {
    let directory = tempfile::tempdir().unwrap();
    cases(12, &|| Some(Store::create(directory.path(), 1 << 30).unwrap()));
}

/// What a caller makes many of, and how.
type Make = fn(&Mounted, u32);

const THINGS: [(&str, Make); 14] = [
    ("changed file of the dataset", |it, number| {
        Operation::Touch { first: number, count: 1 }.run(it);
    }),
    ("file that was made", |it, number| {
        it.file(number);
    }),
    ("name of 255 bytes", |it, number| {
        it.make(Inode::ROOT, &name(255, number), InodeKind::Fifo);
    }),
    ("directory in another", |it, _| Operation::Chain { depth: 1, name: 7 }.run_below(it)),
    ("directory of 255 bytes in another", |it, _| {
        Operation::Chain { depth: 1, name: 255 }.run_below(it);
    }),
    ("empty directory", |it, number| {
        it.make(Inode::ROOT, &name(7, number), InodeKind::Directory);
    }),
    ("link to a file", |it, number| {
        let inode = it.file(0).unwrap();
        assert!(it.link(inode, name(9, number).as_bytes()));
    }),
    ("symbolic link", |it, number| {
        it.make(Inode::ROOT, &name(9, number), InodeKind::Symlink);
    }),
    ("empty attribute", |it, number| {
        let name = format!("user.{number}");
        let inode = it.file(0).unwrap();
        it.filesystem.set_xattr(inode, name.as_bytes(), Some(b""), SetXattr::Any).unwrap();
    }),
    ("file with an attribute", |it, number| {
        Operation::XattrEach { first: number, value: 1, count: 1 }.run(it);
    }),
    ("byte by itself", |it, number| {
        Operation::Write { file: 0, offset: number * 9, length: 1, step: 1, count: 1 }.run(it);
    }),
    ("file with two bytes by themselves", |it, number| {
        Operation::Write { file: number, offset: 0, length: 1, step: 9, count: 2 }.run(it);
    }),
    ("rest of a piece of 64 KiB", |it, number| {
        if number < 600 {
            Operation::Write { file: number, offset: 0, length: 65_536, step: 1, count: 1 }.run(it);
            Operation::Punch { file: number, offset: 1, length: 40_000, step: 1, count: 1 }.run(it);
            Operation::Punch { file: number, offset: 40_100, length: 40_000, step: 1, count: 1 }
                .run(it);
        }
    }),
    ("byte of another's piece of 64 KiB", |it, number| {
        if number < 600 {
            Operation::Write { file: 1, offset: 0, length: 65_536, step: 1, count: 1 }.run(it);
            Operation::Copy { from: 1, to: 10 + number, offset: 7, length: 1, count: 1 }.run(it);
            Operation::Truncate { file: 1, size: 0 }.run(it);
        }
    }),
];

/// The deepest directory that was made, for a chain of any depth.
static DEEPEST: AtomicUsize = AtomicUsize::new(0);

impl Operation {
    fn run_below(&self, mounted: &Mounted) {
        let Self::Chain { name: length, .. } = self else { return };
        let at = Inode::new(DEEPEST.load(Ordering::Relaxed) as u64);
        let at = if mounted.filesystem.attributes(at).is_ok() { at } else { Inode::ROOT };
        let made = mounted.make(at, &name(*length, 7), InodeKind::Directory).unwrap();
        DEEPEST.store(usize::try_from(made.get()).unwrap(), Ordering::Relaxed);
    }
}

#[test]
fn each_thing_is_counted_as_what_it_takes() {
    let _alone = ALONE.lock();
    for (thing, make) in THINGS {
        DEEPEST.store(0, Ordering::Relaxed);
        let mounted = Mounted::new(BudgetLimits::default(), None);
        // A table is nearly full at some of these, and has just grown at others.
        let mut worst = 0.0_f64;
        let mut number = 0;
        for count in [900, 1000, 1500, 1800, 1900, 3500, 3700] {
            while number < count {
                make(&mounted, number);
                number += 1;
            }
            mounted.check(&thing).unwrap();
            let (held, counted) = mounted.held();
            #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
            let ratio = held as f64 / counted as f64;
            worst = worst.max(ratio);
        }
        let (held, counted) = mounted.held();
        let each = counted / u64::from(number);
        println!("{thing}: {} of {each} bytes each, at worst {worst:.2}", held / u64::from(number));
    }
}
