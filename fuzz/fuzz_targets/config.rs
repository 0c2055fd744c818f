//! A configuration, in TOML and in JSON: what is accepted is a dataset whose own configuration makes
//! the same one, and whose files have paths that lead back to them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use seedfs::content::Content;
use seedfs::dataset::{Coordinates, Dataset, DatasetConfig, Inode, TemplateFile};

fuzz_target!(|text: &str| {
    for config in [toml::from_str(text).ok(), serde_json::from_str(text).ok()] {
        let Some(config): Option<DatasetConfig> = config else { continue };
        if let Ok(dataset) = with_template(config).validate() {
            check(&dataset);
        }
    }
});

fn with_template(config: DatasetConfig) -> DatasetConfig {
    DatasetConfig { template: TemplateFile::new("t".to_owned(), vec![1, 2, 3]), ..config }
}

fn check(dataset: &Dataset) {
    let config = with_template(dataset.to_config());
    let json = serde_json::to_string(&config).unwrap();
    let again: DatasetConfig = serde_json::from_str(&json).unwrap();
    let again = with_template(again).validate().expect(&json);
    assert_eq!(with_template(again.to_config()), config);
    assert_eq!(again.file_count(), dataset.file_count());

    let generations = dataset.generations();
    let dimensions = dataset.dimensions();
    let last = Coordinates {
        generation: generations.last(),
        node: u16::try_from(dimensions.nodes - 1).unwrap(),
        process: u16::try_from(dimensions.processes - 1).unwrap(),
        file: u32::try_from(generations.files_at(generations.last()) - 1).unwrap(),
    };
    let first = Coordinates { generation: generations.first(), ..Coordinates::default() };
    for file in [first, last] {
        let inode = dataset.namespace().inode(file).unwrap();
        let path = dataset.namespace().path_of(file).unwrap();
        let names = path.split('/');
        let found = names.fold(Some(Inode::ROOT), |parent, name| {
            dataset.namespace().lookup(parent?, name.as_bytes())
        });
        assert_eq!(found, Some(inode), "{path}");
        assert_eq!(dataset.namespace().coordinates(&path), Some(file), "{path}");
        check_content(dataset, file);
        check_content(&again, file);
    }
}

/// The last bytes of a file are those that comparing takes for right.
fn check_content(dataset: &Dataset, file: Coordinates) {
    let content = Content::of(dataset);
    let size = dataset.size_bytes(file);
    let offset = size.saturating_sub(1000);
    let mut bytes = vec![0; usize::try_from(size - offset).unwrap()];
    content.fill(file, offset, &mut bytes);
    assert_eq!(content.first_difference(file, offset, &bytes), None);
}
