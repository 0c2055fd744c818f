//! A layout: what is accepted prints as itself, and every path that it makes leads back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seedfs::dataset::{DatasetConfig, DatasetEntry, Inode, OptionValue};

fuzz_target!(|input: (u8, &str)| {
    let (numbers, layout) = input;
    let number = |shift: u8| Some(u64::from(numbers >> shift & 3).max(1).into());
    // One is the beginning of another, and one begins with a digit.
    let contents = ["a", "a.b", "7z"].map(|name| (name.to_owned(), "random".to_owned()));
    let config = DatasetConfig {
        layout: Some(layout.into()),
        content: layout.contains("{ext}").then(|| OptionValue::Table(contents.into())),
        nodes: number(0),
        processes: number(2),
        files: number(4),
        iterations: number(6),
        ..DatasetConfig::default()
    };
    let Ok(dataset) = config.validate() else { return };
    let printed = dataset.layout().to_string();
    let again = DatasetConfig { layout: Some(printed.as_str().into()), ..config }.validate();
    assert_eq!(again.unwrap().layout().to_string(), printed);

    let namespace = dataset.namespace();
    let mut seen = 0;
    let mut left = vec![(Inode::ROOT, String::new())];
    while let Some((directory, path)) = left.pop() {
        for index in 0..namespace.entry_count(directory).unwrap() {
            let mut name = String::new();
            let (child, node) = namespace.entry_at(directory, index, &mut name).unwrap();
            assert_eq!(namespace.entry(child), Some(node));
            assert_eq!(namespace.parent(child), Some(directory));
            assert_eq!(namespace.lookup(directory, name.as_bytes()), Some(child), "{name:?}");
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            match node {
                DatasetEntry::Directory => left.push((child, path)),
                DatasetEntry::File(file) => {
                    seen += 1;
                    assert_eq!(namespace.inode(file), Some(child));
                    assert_eq!(namespace.coordinates(&path), Some(file), "{path:?}");
                    assert!(dataset.contains(file));
                }
            }
        }
    }
    assert_eq!(seen, dataset.file_count());
});
