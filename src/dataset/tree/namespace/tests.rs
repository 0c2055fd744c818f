use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::dataset::tree::dimensions::Axis;
use crate::dataset::{Dataset, DatasetConfig, DatasetPart, OptionValue};

/// The tree, made the obvious way: every path is written out, level by level, in inode order.
///
/// It has as many files in each generation as the last one has; those that are not there take their
/// numbers with them.
struct Model {
    nodes: Vec<(Inode, String, Option<Coordinates>)>,
}

impl Model {
    fn new(template: &str, dataset: &Dataset) -> Self {
        let generations = dataset.generations();
        let first = generations.first();
        let mut order = Axis::ALL.to_vec();
        order.sort_by_key(|axis| template.find(&format!("{{{}", axis.name())));
        let mut files = all_coordinates(dataset.dimensions());
        let extensions = dataset.dimensions().extensions;
        files.sort_by_key(|file| {
            order.iter().map(|axis| axis.of(*file, extensions)).collect::<Vec<_>>()
        });
        let names = dataset.extensions();
        let paths: Vec<String> = files.iter().map(|file| spell(template, *file, names)).collect();
        for file in &mut files {
            file.generation += first;
        }
        let is_there =
            |file: &Coordinates| u64::from(file.file) < generations.files_at(file.generation);

        let depth = template.split('/').count();
        let mut nodes = vec![(String::new(), None, true)];
        for level in 1..depth {
            let directory =
                |path: &String| path.split('/').take(level).collect::<Vec<_>>().join("/");
            let mut directories: Vec<String> = paths.iter().map(directory).collect();
            directories.dedup();
            nodes.extend(directories.into_iter().map(|path| {
                let mut below =
                    paths.iter().zip(&files).filter(|(file, _)| directory(file) == path);
                let is_there = below.any(|(_, file)| is_there(file));
                (path, None, is_there)
            }));
        }
        let files = paths.into_iter().zip(files);
        nodes.extend(files.map(|(path, file)| (path, Some(file), is_there(&file))));
        let numbered = (1..).map(Inode::new).zip(nodes);
        let there = numbered.filter(|(_, (_, _, is_there))| *is_there);
        Self { nodes: there.map(|(inode, (path, file, _))| (inode, path, file)).collect() }
    }

    fn inode(&self, path: &str) -> Option<Inode> {
        self.nodes.iter().find(|(_, other, _)| other == path).map(|(inode, _, _)| *inode)
    }

    /// The names in a directory, in inode order.
    fn names(&self, directory: &str) -> Vec<&str> {
        let children = self.nodes.iter().skip(1).map(|(_, path, _)| split(path));
        children.filter(|(parent, _)| *parent == directory).map(|(_, name)| name).collect()
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn all_coordinates(dimensions: Dimensions) -> Vec<Coordinates> {
    let last = last_file(dimensions);
    let mut all = Vec::new();
    for generation in 0..=last.generation {
        for node in 0..=last.node {
            for process in 0..=last.process {
                for file in 0..=last.file {
                    all.push(Coordinates { generation, node, process, file });
                }
            }
        }
    }
    all
}

fn last_file(dimensions: Dimensions) -> Coordinates {
    let mut file = Coordinates::default();
    for axis in Axis::ALL {
        let last = dimensions.along(axis) - 1;
        axis.set(&mut file, last, dimensions.extensions).expect("the dimension is in its field");
    }
    file
}

fn spell(template: &str, file: Coordinates, extensions: &Extensions) -> String {
    let mut path = template.to_owned();
    for axis in Axis::ALL {
        let (name, value) = (axis.name(), axis.of(file, extensions.files_of_number()));
        if let (Axis::Extension, Some(text)) =
            (axis, extensions.names().get(usize::try_from(value).unwrap()))
        {
            path = path.replace("{ext}", text);
        }
        path = path.replace(&format!("{{{name}}}"), &value.to_string());
        for width in 1..=20 {
            path = path.replace(&format!("{{{name}:0{width}}}"), &format!("{value:0width$}"));
        }
    }
    path.replace("{{", "{").replace("}}", "}")
}

fn dataset(layout: Option<&str>, dimensions: Dimensions) -> Option<Dataset> {
    let typed = DatasetConfig {
        nodes: Some(u64::from(dimensions.nodes).into()),
        processes: Some(u64::from(dimensions.processes).into()),
        files: Some(dimensions.files.into()),
        iterations: (dimensions.generations > 1).then(|| u64::from(dimensions.generations).into()),
        layout: layout.map(Into::into),
        content: layout.and_then(|layout| contents(layout, dimensions)),
        ..DatasetConfig::default()
    };
    typed.validate().ok()
}

/// Contents with as many extensions as there are, where a layout has a place for them. One is the
/// beginning of another, and one begins with a digit.
fn contents(layout: &str, dimensions: Dimensions) -> Option<OptionValue> {
    if !layout.contains("{ext}") {
        return None;
    }
    let names = ["a", "a.b", "7z"].into_iter().take(dimensions.extensions as usize);
    Some(OptionValue::Table(names.map(|name| (name.to_owned(), "random".to_owned())).collect()))
}

fn assert_is_model(template: &str, dataset: &Dataset) {
    let namespace = dataset.namespace();
    let model = Model::new(template, dataset);
    let files = model.nodes.iter().filter_map(|(_, _, file)| *file);
    assert_eq!(files.count() as u64, dataset.file_count());
    let there: BTreeSet<Inode> = model.nodes.iter().map(|(inode, _, _)| *inode).collect();
    if !dataset.generations().differ_in_files() {
        assert_eq!(there.len() as u64, namespace.inode_count());
    }
    for number in 1..=namespace.inode_count() {
        if !there.contains(&Inode::new(number)) {
            assert_is_stranger(namespace, Inode::new(number));
        }
    }
    for (inode, path, file) in &model.nodes {
        let inode = *inode;
        let (parent, name) = split(path);
        assert_eq!(namespace.path(inode).as_ref(), Some(path), "{template}");
        assert_eq!(namespace.resolve(path), Some(inode), "{path}");
        assert_eq!(namespace.coordinates(path), *file, "{path}");
        assert_eq!(
            namespace.entry(inode),
            Some(file.map_or(DatasetEntry::Directory, DatasetEntry::File))
        );
        assert_eq!(namespace.parent(inode), model.inode(parent), "{path}");
        let mut written = "before ".to_owned();
        assert!(namespace.name(inode, &mut written));
        assert_eq!(written, format!("before {name}"));
        if let Some(file) = file {
            assert_eq!(namespace.inode(*file), Some(inode));
            assert!(dataset.contains(*file));
            assert_eq!(namespace.entry_count(inode), None);
            assert_eq!(namespace.lookup(inode, b"x"), None);
            assert_eq!(namespace.entry_at(inode, 0, &mut written), None);
            assert_eq!(namespace.subdirectory_count(inode), 0);
        } else {
            assert_is_directory(namespace, &model, path, inode);
            assert_counts_files(namespace, &model, path, inode);
        }
    }
    for stranger in [0, namespace.inode_count() + 1, MAX_INODES, u64::MAX] {
        assert_is_stranger(namespace, Inode::new(stranger));
    }
}

fn assert_is_directory(namespace: &Namespace, model: &Model, path: &str, inode: Inode) {
    let names = model.names(path);
    let count = names.len() as u64;
    assert_eq!(namespace.entry_count(inode), Some(count), "{path}");
    let mut subdirectories = 0;
    for (position, name) in names.into_iter().enumerate() {
        let mut written = "before ".to_owned();
        let (child, node) =
            namespace.entry_at(inode, position as u64, &mut written).expect("it is in range");
        assert_eq!(written, format!("before {name}"));
        assert_eq!(namespace.lookup(inode, name.as_bytes()), Some(child));
        assert_eq!(namespace.parent(child), Some(inode));
        assert_eq!(namespace.entry(child), Some(node));
        subdirectories += u64::from(node == DatasetEntry::Directory);
    }
    assert_eq!(namespace.subdirectory_count(inode), subdirectories);
    let mut untouched = String::new();
    assert_eq!(namespace.entry_at(inode, count, &mut untouched), None);
    assert_eq!(namespace.entry_at(inode, u64::MAX, &mut untouched), None);
    assert_eq!(untouched, "");
}

fn assert_counts_files(namespace: &Namespace, model: &Model, path: &str, inode: Inode) {
    let below = |file: &str| path.is_empty() || file.starts_with(&format!("{path}/"));
    let files: Vec<Coordinates> =
        model.nodes.iter().filter(|(_, file, _)| below(file)).filter_map(|node| node.2).collect();
    for node in [None, Some(0), Some(1)] {
        for process in [None, Some(0), Some(2)] {
            let is_of = |file: &&Coordinates| {
                node.is_none_or(|node| node == file.node)
                    && process.is_none_or(|process| process == file.process)
            };
            // Asked only about nodes and processes that there are.
            let exists = node.is_none_or(|node| u32::from(node) < namespace.dimensions().nodes)
                && process.is_none_or(|of| u32::from(of) < namespace.dimensions().processes);
            if exists {
                let count = files.iter().filter(is_of).count() as u64;
                assert_eq!(namespace.files_below(inode, node, process), count, "{path}");
            }
        }
    }
    let mut generations: Vec<u16> = files.iter().map(|file| file.generation).collect();
    generations.dedup();
    if let Some(generation) = namespace.generation(inode) {
        assert_eq!(generations, [generation], "{path}");
    } else {
        assert!(generations.len() > 1, "{path}");
    }
}

fn assert_is_stranger(namespace: &Namespace, inode: Inode) {
    let mut text = String::new();
    assert_eq!(namespace.entry(inode), None);
    assert_eq!(namespace.parent(inode), None);
    assert_eq!(namespace.lookup(inode, b"node_0"), None);
    assert_eq!(namespace.entry_count(inode), None);
    assert_eq!(namespace.entry_at(inode, 0, &mut text), None);
    assert_eq!(namespace.subdirectory_count(inode), 0);
    assert!(!namespace.name(inode, &mut text));
    assert_eq!(namespace.path(inode), None);
    assert_eq!(text, "");
}

#[test]
fn chosen_layouts_are_what_writing_them_out_gives() {
    let dimensions =
        Dimensions { generations: 2, nodes: 3, processes: 2, files: 11, extensions: 3 };
    for template in [
        "iteration_{iteration}/node_{node}/process_{process}/file_{file}",
        "{file:02}{process:01}{node:01}{iteration}",
        "{file}/{process}/{node}/{iteration}",
        "a/b{node}-{file:03}x/c/{iteration}{{{process}}}/d",
        "0{node}/1{file:01}.{iteration:020}.{process}",
        "{iteration}/{node}-{process}/{file:02}.{ext}",
        "{iteration}/{ext}/{node}-{process}/{file}",
        "{node}/{ext}+{file:02}/{iteration}-{process}",
    ] {
        let dataset = dataset(Some(template), dimensions).expect(template);
        assert_is_model(template, &dataset);
    }
}

#[test]
fn generations_with_different_numbers_of_files_need_a_directory_each() {
    let dataset = |template: &str| {
        let typed = DatasetConfig {
            iterations: Some(3.into()),
            processes: Some(2.into()),
            files: Some(4.into()),
            new_files: Some(50.into()),
            layout: Some(template.into()),
            ..DatasetConfig::default()
        };
        typed.validate()
    };
    for template in [
        "{iteration}/{process}/{file}",
        "{process}/{iteration}/{file}",
        "{iteration}/{file}-{process}",
        "{iteration}/{process}-{file}",
        "{iteration}-{process}/{file}/x",
        "{iteration}/{file}/{process}",
    ] {
        let dataset = dataset(template).expect(template);
        assert_eq!(dataset.file_count(), 2 * (4 + 6 + 8));
        assert_is_model(template, &dataset);
    }
    for template in ["{file}/{iteration}/{process}", "{iteration}-{file}/{process}"] {
        let error = dataset(template).expect_err(template).to_string();
        assert!(error.contains("--layout"), "{error}");
        assert!(error.contains("before that of {file}"), "{error}");
    }
}

#[test]
fn default_layouts_are_as_designed() {
    let one = Dimensions { generations: 1, nodes: 2, processes: 2, files: 1, extensions: 1 };
    for (dimensions, template) in [
        (one, "node_{node}/process_{process}"),
        (Dimensions { files: 3, ..one }, "node_{node}/process_{process}/file_{file}"),
        (
            Dimensions { generations: 2, ..one },
            "iteration_{iteration}/node_{node}/process_{process}",
        ),
    ] {
        let dataset = dataset(None, dimensions).expect(template);
        assert_eq!(dataset.layout().to_string(), template);
        assert_is_model(template, &dataset);
    }
}

#[test]
fn inode_numbers_of_the_drawing() {
    let dimensions = Dimensions { generations: 1, nodes: 2, processes: 1, files: 3, extensions: 1 };
    let dataset = dataset(Some("a_{node}/{file:02}"), dimensions).expect("it is valid");
    for (path, inode) in [
        ("", 1),
        ("a_0", 2),
        ("a_1", 3),
        ("a_0/00", 4),
        ("a_0/02", 6),
        ("a_1/00", 7),
        ("a_1/02", 9),
    ] {
        assert_eq!(dataset.namespace().resolve(path), Some(Inode::new(inode)), "{path}");
    }
    assert_eq!(dataset.namespace().inode_count(), 9);
}

#[test]
fn only_the_canonical_spelling_is_a_name() {
    let dimensions =
        Dimensions { generations: 1, nodes: 12, processes: 1, files: 1200, extensions: 1 };
    let dataset =
        dataset(Some("node_{node}/{file:03}.dat"), dimensions).expect("the layout is valid");
    let namespace = dataset.namespace();
    for path in ["node_0/000.dat", "node_11/999.dat", "node_7/1000.dat", "node_7/1199.dat"] {
        assert!(namespace.coordinates(path).is_some(), "{path}");
    }
    for path in [
        "node_00",
        "node_01",
        "node_+1",
        "node_-1",
        "node_12",
        "node_",
        "node_1 ",
        " node_1",
        "Node_1",
        "node_1/",
        "/node_1",
        "node_1//000.dat",
        "node_1/0.dat",
        "node_1/0000.dat",
        "node_1/0999.dat",
        "node_1/1200.dat",
        "node_1/000.da",
        "node_1/000.dat.",
        "./node_1",
        "node_1/..",
        "node_1/000.dat/x",
        "node_٣",
        "node_99999999999999999999999999",
        "/",
        "node_1\0",
    ] {
        assert_eq!(namespace.resolve(path), None, "{path}");
    }
    assert_eq!(namespace.coordinates("node_1"), None, "a directory has no coordinates");
}

/// Asks about the first and last file and their surroundings; loops over nothing.
fn assert_spans(dataset: &Dataset, last_path: &str) {
    let namespace = dataset.namespace();
    let last = last_file(dataset.dimensions());
    let last_inode = Inode::new(namespace.inode_count());
    assert_eq!(namespace.inode(last), Some(last_inode));
    assert_eq!(namespace.entry(last_inode), Some(DatasetEntry::File(last)));
    assert_eq!(namespace.path(last_inode).as_deref(), Some(last_path));
    assert_eq!(namespace.coordinates(last_path), Some(last));
    let directory = namespace.parent(last_inode).expect("it has one");
    let count = namespace.entry_count(directory).expect("it is a directory");
    let mut name = String::new();
    let entry = namespace.entry_at(directory, count - 1, &mut name);
    assert_eq!(entry, Some((last_inode, DatasetEntry::File(last))));
    assert_eq!(split(last_path).1, name);
    assert_is_stranger(namespace, Inode::new(last_inode.get() + 1));

    let first = Inode::new(namespace.inode_count() - dataset.file_count() + 1);
    assert_eq!(namespace.entry(first), Some(DatasetEntry::File(Coordinates::default())));
    assert_eq!(namespace.inode(Coordinates::default()), Some(first));
    assert_eq!(namespace.entry(Inode::new(first.get() - 1)), Some(DatasetEntry::Directory));
}

#[test]
fn a_trillion_files() {
    let dimensions = Dimensions {
        generations: 1,
        nodes: 1000,
        processes: 1000,
        files: 1_000_000,
        extensions: 1,
    };
    let dataset = dataset(None, dimensions).expect("it is valid");
    assert_eq!(dataset.file_count(), 1_000_000_000_000);
    assert_eq!(dataset.namespace().inode_count(), 1 + 1000 + 1_000_000 + 1_000_000_000_000);
    assert_eq!(dataset.total_bytes(DatasetPart::ALL).bytes, 1_000_000_000_000 << 30);
    assert_spans(&dataset, "node_999/process_999/file_999999");
}

#[test]
fn each_dimension_at_its_largest() {
    let one = Dimensions { generations: 1, nodes: 1, processes: 1, files: 1, extensions: 1 };
    for (dimensions, last_path) in [
        (Dimensions { generations: 65536, ..one }, "iteration_65535/node_0/process_0"),
        (Dimensions { nodes: 65536, ..one }, "node_65535/process_0"),
        (Dimensions { processes: 65536, ..one }, "node_0/process_65535"),
        (Dimensions { files: 1 << 32, ..one }, "node_0/process_0/file_4294967295"),
        (
            Dimensions { nodes: 65536, processes: 65536, files: 1 << 28, ..one },
            "node_65535/process_65535/file_268435455",
        ),
    ] {
        assert_spans(&dataset(None, dimensions).expect(last_path), last_path);
    }
}

#[test]
fn beside_the_box_there_is_no_file() {
    let dimensions = Dimensions { generations: 2, nodes: 3, processes: 4, files: 5, extensions: 1 };
    let dataset = dataset(None, dimensions).expect("it is valid");
    let last = Coordinates { generation: 1, node: 2, process: 3, file: 4 };
    assert!(dataset.contains(last));
    for beside in [
        Coordinates { generation: 2, ..last },
        Coordinates { node: 3, ..last },
        Coordinates { process: 4, ..last },
        Coordinates { file: 5, ..last },
        Coordinates { generation: u16::MAX, node: u16::MAX, process: u16::MAX, file: u32::MAX },
    ] {
        assert!(!dataset.contains(beside));
        assert_eq!(dataset.namespace().inode(beside), None, "{beside:?}");
    }
}

fn any_dimensions() -> impl Strategy<Value = Dimensions> {
    (1..=2_u32, 1..=11_u32, 1..=3_u32, 1..=11_u64, 1..=2_u32).prop_map(
        |(generations, nodes, processes, files, extensions)| Dimensions {
            generations,
            nodes,
            processes,
            files,
            extensions,
        },
    )
}

/// The placeholders in any order, padded or not, with text or slashes between them or nothing.
fn any_template() -> impl Strategy<Value = String> {
    let text = prop::sample::select(vec!["", "a", "-", "/", "/x/", "é", "0", "/7", "{{", "y}}"]);
    let order = Just(Axis::ALL.to_vec()).prop_shuffle();
    let pieces = prop::collection::vec((text.clone(), 0..=3_usize, prop::bool::weighted(0.9)), 5);
    (order, pieces, text).prop_map(|(order, pieces, end)| {
        let mut template = String::new();
        for (axis, (before, width, is_named)) in order.into_iter().zip(pieces) {
            template.push_str(before);
            let placeholder = match (is_named, width) {
                (false, _) => String::new(),
                (true, _) if axis == Axis::Extension => "{ext}".to_owned(),
                (true, 0) => format!("{{{}}}", axis.name()),
                (true, _) => format!("{{{}:0{width}}}", axis.name()),
            };
            template.push_str(&placeholder);
        }
        (template + end).trim_matches('/').replace("//", "/")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Whatever layout is accepted names each file apart and is read backwards; which layouts are
    /// refused, the layout's own tests say.
    #[test]
    fn accepted_layouts_are_what_writing_them_out_gives(
        dimensions in any_dimensions(),
        template in any_template(),
    ) {
        let dataset = dataset(Some(&template), dimensions);
        prop_assume!(dataset.is_some());
        if let Some(dataset) = dataset {
            assert_is_model(&template, &dataset);
        }
    }

    /// The same where each generation has more files than the one before, or only a later one is
    /// shown.
    #[test]
    fn generations_of_different_numbers_of_files_are_what_writing_them_out_gives(
        dimensions in any_dimensions(),
        template in any_template(),
        new_files in prop::sample::select(vec!["10", "33.33", "50", "100", "250"]),
        generation in prop::option::of(0..=4_u16),
    ) {
        let typed = DatasetConfig {
            iterations: generation.is_none().then(|| u64::from(dimensions.generations).into()),
            generation: generation.map(|generation| u64::from(generation).into()),
            nodes: Some(u64::from(dimensions.nodes).into()),
            processes: Some(u64::from(dimensions.processes).into()),
            files: Some(dimensions.files.into()),
            new_files: Some(new_files.into()),
            layout: Some(template.as_str().into()),
            content: contents(&template, dimensions),
            ..DatasetConfig::default()
        };
        let dataset = typed.validate();
        prop_assume!(dataset.is_ok());
        if let Ok(dataset) = dataset {
            assert_is_model(&template, &dataset);
        }
    }

    #[test]
    fn names_that_are_read_are_spelt_the_same(
        template in any_template(),
        name in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[a{}é0-9-]{0,6}".prop_map(String::into_bytes),
        ],
        inode in prop_oneof![0..40_u64, any::<u64>()],
        index in any::<u64>(),
    ) {
        let files = 1 << 30;
        let dimensions =
            Dimensions { generations: 2, nodes: 65536, processes: 11, files, extensions: 3 };
        if let Some(dataset) = dataset(Some(&template), dimensions) {
            let namespace = dataset.namespace();
            let inode = Inode::new(inode);
            let mut text = String::new();
            if let Some(found) = namespace.lookup(inode, &name) {
                prop_assert!(namespace.name(found, &mut text));
                prop_assert_eq!(text.as_bytes(), &name[..]);
                prop_assert_eq!(namespace.parent(found), Some(inode));
            }
            text.clear();
            if let Some((found, node)) = namespace.entry_at(inode, index, &mut text) {
                prop_assert_eq!(namespace.lookup(inode, text.as_bytes()), Some(found));
                prop_assert_eq!(namespace.entry(found), Some(node));
            }
            if let Some(path) = namespace.path(inode) {
                prop_assert_eq!(namespace.resolve(&path), Some(inode));
            }
        }
    }

    #[test]
    fn a_name_with_one_byte_more_or_less_is_another_name_or_none(
        template in any_template(),
        index in 0..200_u64,
        at in any::<prop::sample::Index>(),
        added in prop::sample::select(b"001+ a/".to_vec()),
    ) {
        let dimensions =
            Dimensions { generations: 2, nodes: 11, processes: 11, files: 1 << 30, extensions: 3 };
        if let Some(dataset) = dataset(Some(&template), dimensions) {
            let namespace = dataset.namespace();
            let mut name = String::new();
            if namespace.entry_at(Inode::ROOT, index, &mut name).is_some() {
                let mut longer = name.clone().into_bytes();
                longer.insert(at.index(longer.len() + 1), added);
                let mut shorter = name.into_bytes();
                shorter.remove(at.index(shorter.len()));
                for edited in [longer, shorter] {
                    let mut spelt = String::new();
                    if let Some(found) = namespace.lookup(Inode::ROOT, &edited) {
                        prop_assert!(namespace.name(found, &mut spelt));
                        prop_assert_eq!(spelt.as_bytes(), &edited[..]);
                    }
                }
            }
        }
    }
}
