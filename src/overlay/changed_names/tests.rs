use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::budget::BudgetLimits;
use super::*;
use crate::dataset::DatasetConfig;
use crate::overlay::budget::{Budget, BudgetFull, Usage};
use crate::overlay::dirty::Dirty;

fn dataset() -> Dataset {
    let config = DatasetConfig {
        nodes: Some(2.into()),
        processes: Some(3.into()),
        size: Some(1.into()),
        ..DatasetConfig::default()
    };
    config.validate().unwrap()
}

const NAMES: [&[u8]; 5] = [b"process_0", b"process_1", b"process_2", b"x", &[b'y'; 200]];

fn node(dataset: &Dataset) -> Inode {
    dataset.namespace().resolve("node_1").unwrap()
}

/// All names of a directory, by the ways in which a listing finds them.
fn listed(dataset: &Dataset, tree: &ChangedNames, directory: Inode) -> Vec<Name> {
    let mut names: Vec<Name> = NAMES
        .into_iter()
        .filter(|name| dataset_lookup(dataset, directory, name).is_some())
        .filter(|name| tree.lookup(dataset, directory, name).is_some())
        .map(Into::into)
        .collect();
    let mut position = 0;
    let changed = tree.directory(directory);
    while let Some((next, name, ..)) = changed.and_then(|it| it.next_added(position)) {
        names.push(Name::clone(name));
        position = next;
    }
    names
}

proptest! {
    /// A list of what each name stands for is the model.
    #[test]
    fn the_tree_is_the_list(
        changes in prop::collection::vec((0..NAMES.len(), prop::option::of(0..4_u64)), 1..40)
    ) {
        let dataset = dataset();
        let directory = node(&dataset);
        let mut tree = ChangedNames::default();
        let own = NAMES.map(|name| dataset_lookup(&dataset, directory, name));
        let mut model = own;
        for (at, to) in changes {
            let to = match to {
                None => None,
                // Back to what it was.
                Some(0) => own[at],
                Some(number) => {
                    let kind = if number == 1 { InodeKind::Directory } else { InodeKind::File };
                    Some((Inode::new((1 << 61) + number), kind))
                }
            };
            let growth = tree.growth(&dataset, &[(directory, NAMES[at], to)]);
            let before = tree.extents;
            tree.set(&dataset, directory, NAMES[at], to);
            model[at] = to;
            // A directory that is made gets a place of its own as well.
            let is_made = matches!(to, Some((_, InodeKind::Directory)));
            let place = if is_made { DIRECTORY_EXTENTS } else { 0 };
            let grown = tree.extents.saturating_sub(before);
            prop_assert!((grown..=grown + place).contains(&growth), "{grown} and not {growth}");
            let differ = NAMES.iter().zip(model.iter().zip(&own));
            let differ = differ.filter(|(_, (now, own))| now != own);
            let names = differ.map(|(name, (_, own))| name_extents(name, own.is_some()));
            let names: u64 = names.sum();
            let changed = if names == 0 { 0 } else { DIRECTORY_EXTENTS };
            prop_assert_eq!(tree.extents, names + changed);
            prop_assert_eq!(tree.directory(directory).is_some(), names > 0);
            for (name, expected) in NAMES.iter().zip(&model) {
                prop_assert_eq!(tree.lookup(&dataset, directory, name), *expected);
            }
            let names = listed(&dataset, &tree, directory);
            let distinct: BTreeSet<_> = names.iter().collect();
            prop_assert_eq!(distinct.len(), names.len(), "listed twice");
            prop_assert_eq!(names.len(), model.iter().flatten().count());
            prop_assert_eq!(tree.is_empty_directory(&dataset, directory), names.is_empty());
            let count = |files: bool| {
                let entries = model.iter().flatten();
                let counted = entries.filter(|it| (it.1 != InodeKind::Directory) == files).count();
                i64::try_from(counted).unwrap()
            };
            let files = count(true);
            prop_assert_eq!(tree.files_more(), files - 3);
            let directories = count(false);
            let extra = tree.directory(directory).map_or(0, ChangedDirectory::extra_subdirectories);
            prop_assert_eq!(extra, directories);
        }
    }
}

#[test]
fn positions_stay_good_while_names_come_and_go() {
    let dataset = dataset();
    let mut tree = ChangedNames::default();
    let directory = node(&dataset);
    let file = |number: u64| Some((Inode::new((1 << 61) + number), InodeKind::File));
    tree.set(&dataset, directory, b"x", file(1));
    tree.set(&dataset, directory, b"y", file(2));
    let first = tree.directory(directory).unwrap().next_added(0).unwrap().0;
    // Listed up to x; now x goes and another one comes.
    tree.set(&dataset, directory, b"x", None);
    tree.set(&dataset, directory, b"z", file(3));
    let changed = tree.directory(directory).unwrap();
    let (second, name, ..) = changed.next_added(first).unwrap();
    assert_eq!(name[..], b"y"[..]);
    assert_eq!(changed.next_added(second).unwrap().1[..], b"z"[..]);
}

#[test]
fn a_made_directory_stands_for_the_one_whose_name_it_has() {
    let dataset = dataset();
    let mut tree = ChangedNames::default();
    let made = Inode::new(1 << 61);
    let to = Some((made, InodeKind::Directory));
    tree.set(&dataset, Inode::ROOT, b"other", to);
    tree.set_place(&dataset, made, Inode::ROOT, b"other");
    assert_eq!(tree.stands_for(&dataset, made), None);
    assert_eq!(tree.file_named(&dataset, made, b"process_0"), None);
    tree.set(&dataset, Inode::ROOT, b"other", None);
    tree.set(&dataset, Inode::ROOT, b"node_1", to);
    tree.set_place(&dataset, made, Inode::ROOT, b"node_1");
    assert_eq!(tree.stands_for(&dataset, made), Some(node(&dataset)));
    let (inode, file) = tree.file_named(&dataset, made, b"process_2").unwrap();
    assert_eq!((file.node, file.process), (1, 2));
    // The old directory is gone, and with it the place of what was in it.
    assert!(!tree.is_in_place(&dataset, inode));
    let path = tree.path_up_to(&dataset, (made, &b"x"[..].into()), 8).unwrap();
    assert_eq!(path, b"node_1/x");
}

#[test]
fn at_the_limit_names_can_still_go() {
    let dataset = dataset();
    let limits = BudgetLimits { kept_bytes: 0, extents: 1 + DIRECTORY_EXTENTS };
    let budget = Budget::new(limits, Arc::default());
    let names = LockedNames::default();
    let made = Some((Inode::new(1 << 61), InodeKind::File));
    let set = |name: &[u8], to| {
        let change = [(Inode::ROOT, name, to)];
        names.change::<_, BudgetFull>(
            (&budget, &Dirty::default()),
            |tree| tree.growth(&dataset, &change),
            |tree| {
                tree.set(&dataset, Inode::ROOT, name, to);
                Ok(())
            },
        )
    };
    set(b"x", made).unwrap();
    assert_eq!(set(b"y", made), Err(BudgetFull::Extents));
    assert_eq!(names.read().lookup(&dataset, Inode::ROOT, b"y"), None);
    // To note that one of the dataset's is gone takes room.
    assert_eq!(set(b"node_0", None), Err(BudgetFull::Extents));
    set(b"x", None).unwrap();
    assert_eq!(budget.usage(), Usage::default());
}
