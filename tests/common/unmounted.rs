//! The filesystem without a mount, as the tests of it make and ask it.

use seedfs::dataset::{Dataset, DatasetConfig, Inode};
use seedfs::fs::{Filesystem, InodeKind, NewEntry, OpenFor, Options};
use seedfs::overlay::{BudgetLimits, Store};
use serde_json::Value;

/// A dataset, from its options as `--config` reads them.
pub(crate) fn dataset(toml: &str) -> Dataset {
    toml::from_str::<DatasetConfig>(toml).unwrap().validate().unwrap()
}

pub(crate) fn filesystem(toml: &str) -> Filesystem {
    Filesystem::new(dataset(toml), Options::default())
}

pub(crate) fn limited(toml: &str, limits: BudgetLimits, store: Option<Store>) -> Filesystem {
    Filesystem::with_store(dataset(toml), Options { limits, ..Options::default() }, store)
}

/// What is at a path, which must be there.
pub(crate) fn resolve(filesystem: &Filesystem, path: &str) -> Inode {
    path.split('/')
        .fold(Inode::ROOT, |parent, name| filesystem.find(parent, name.as_bytes()).unwrap())
}

/// Something to be made; a symbolic link has some target.
pub(crate) fn new_entry(kind: InodeKind) -> NewEntry<'static> {
    let target = (kind == InodeKind::Symlink).then_some(&b"target"[..]);
    NewEntry { kind, mode: 0o755, uid: 0, gid: 0, target }
}

/// What a document below `.status` says.
pub(crate) fn document(filesystem: &Filesystem, path: &str) -> Value {
    let inode = resolve(filesystem, &format!(".status/{path}"));
    let opened = filesystem.open(inode, OpenFor::Reading).unwrap();
    let mut json = vec![0; usize::try_from(filesystem.open_document_bytes()).unwrap()];
    let read = filesystem.read(inode, opened.handle, 0, &mut json).unwrap();
    filesystem.release(inode, opened.handle);
    serde_json::from_slice(&json[..read]).unwrap()
}
